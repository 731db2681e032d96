"""Results on disk: recalled only if the question, the source and the bytes are the same."""

import errno
import os
import subprocess
import sys
from types import ModuleType

import jax
import numpy as np
import pytest
import xarray as xr

from experiments import sources
from experiments import store as stores
from experiments.errors import InputError
from experiments.store import PART, Store, sha256, to_bytes, write_atomic

QUESTION = {"problem": "diagonal", "batches": (1, 2)}
RESULT = xr.Dataset({"mean": ("batch", np.array([1.5, 2.5]))}, coords={"batch": [1, 2]})


def forget_sources():
    """What a new process does not know."""
    READ.cache_clear()
    sources._imported.cache_clear()


READ = sources.source


class Bench:
    """A store with one module of source, counting how often something is measured."""

    def __init__(self, folder):
        self.store, self.measured = Store(folder / "out"), 0
        self.module = ModuleType("module")
        self.module.__file__ = str(folder / "module.py")
        self.write("x = 1")

    def write(self, source: str) -> None:
        """Edit the module's file; `forget_sources()` is then a new process."""
        with open(str(self.module.__file__), "w") as file:
            file.write(source)

    def measure(self) -> xr.Dataset:
        self.measured += 1
        return RESULT

    def ask(self, **changes) -> bool:
        """Whether the answer was recalled; it is checked in any case."""
        answer, recalled = self.store.cell("one", QUESTION | changes, [self.module], self.measure)
        xr.testing.assert_identical(answer, RESULT)
        return recalled

    @property
    def cells(self):
        return sorted((self.store.folder / "cells").iterdir())


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_cell_is_measured_once_and_then_recalled(bench):
    assert not bench.ask()
    assert bench.ask()
    assert bench.measured == 1
    assert len(bench.cells) == 1


def test_the_name_of_a_cell_ends_with_the_sha256_of_its_bytes(bench):
    bench.ask()
    (path,) = bench.cells
    assert path.stem.rpartition("-")[2] == sha256(path.read_bytes())


@pytest.mark.parametrize("change", [{"problem": "other"}, {"batches": (1, 3)}, {"new": 0}])
def test_another_question_is_measured(bench, change):
    bench.ask()
    assert not bench.ask(**change)
    assert bench.ask()
    assert bench.ask(**change)
    assert bench.measured == 2


def test_a_changed_source_is_measured_again(bench):
    bench.ask()
    bench.write("x = 2")
    forget_sources()
    assert not bench.ask()
    bench.write("x = 1")
    forget_sources()
    assert bench.ask()


def test_editing_the_source_does_not_mislabel_what_a_running_process_measures(bench):
    bench.ask()
    bench.write("x = 2")
    assert bench.ask()
    assert not bench.ask(new=0)
    forget_sources()
    assert not bench.ask(new=0)


def test_a_package_stands_for_all_of_its_files(tmp_path):
    package = ModuleType("package")
    (tmp_path / "inner").mkdir()
    for name in ("__init__.py", "inner/deep.py"):
        (tmp_path / name).write_text("x = 1")
    package.__file__ = str(tmp_path / "__init__.py")
    before = sources.source_hash([package])
    (tmp_path / "inner/deep.py").write_text("x = 2")
    forget_sources()
    assert sources.source_hash([package]) != before


@pytest.mark.parametrize(
    ("text", "reached", "apart"),
    [
        ("from sim import onestep", "quadratic.py", "network.py"),
        ("from sim.network import Point", "measure.py", "onestep.py"),
        ("def late():\n    from sim import Quadratic", "quadratic.py", "rules.py"),
        ("import sim", "__init__.py", "nothing.py"),
        ("import numpy", "", "quadratic.py"),
    ],
    ids=["module", "name", "own", "room", "none"],
)
def test_the_code_of_sim_that_a_module_reaches_counts(tmp_path, monkeypatch, text, reached, apart):
    path = tmp_path / "module.py"
    path.write_text(text)
    module = ModuleType("module")
    module.__file__ = str(path)
    read = []
    monkeypatch.setattr(sources, "source", lambda file: read.append(file.name) or file.read_bytes())
    forget_sources()
    sources.source_hash([module])
    sources._imported.cache_clear()
    assert not reached or reached in read
    assert apart not in read


def test_another_jax_version_is_measured_again(bench, monkeypatch):
    bench.ask()
    monkeypatch.setattr(stores, "version", lambda _: "0.0.1")
    assert not bench.ask()


def test_another_layout_is_measured_again(bench, monkeypatch):
    bench.ask()
    monkeypatch.setattr(stores, "layout", lambda: "cpu:cpux8/x86_64")
    assert not bench.ask()


def test_a_question_that_is_not_a_number_is_refused(bench):
    with pytest.raises(ValueError, match="JSON"):
        bench.ask(resolution=float("nan"))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda c: c[:-100], lambda _: b"", lambda c: c + b"\0", lambda _: b"garbage"],
)
def test_an_altered_cell_is_removed_and_measured_again(bench, damage):
    bench.ask()
    (path,) = bench.cells
    intact = path.read_bytes()
    path.write_bytes(damage(intact))
    assert not bench.ask()
    assert bench.measured == 2
    assert [p.read_bytes() for p in bench.cells] == [intact]
    assert bench.ask()


def test_a_damaged_copy_beside_the_intact_cell_is_passed_over_and_removed(bench):
    bench.ask()
    (path,) = bench.cells
    stem = path.stem.rpartition("-")[0]
    path.with_name(f"{stem}-{'0' * 64}.nc").write_bytes(b"garbage")
    assert bench.ask()
    assert bench.cells == [path]


def test_garbage_under_its_own_right_name_is_removed_and_measured_again(bench):
    bench.ask()
    (path,) = bench.cells
    path.unlink()
    stem = path.stem.rpartition("-")[0]
    path.with_name(f"{stem}-{sha256(b'garbage')}.nc").write_bytes(b"garbage")
    assert not bench.ask()
    assert bench.cells == [path]


def test_a_cell_that_cannot_be_read_is_measured_again(bench, monkeypatch):
    bench.ask()
    (path,) = bench.cells
    read = type(path).read_bytes

    def refused(self):
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(self)

    monkeypatch.setattr(type(path), "read_bytes", refused)
    assert not bench.ask()


def test_a_failed_measurement_leaves_nothing(bench):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.store.cell("one", QUESTION, [bench.module], fail)
    assert not bench.store.folder.exists()


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_is_one_line_and_leaves_nothing(bench, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(InputError, match="cannot write .*: No space left on device"):
        bench.ask()
    assert bench.cells == []


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "claims.json"
    write_atomic(path, b"before")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="Input/output error"):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "cell.nc", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_folder_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match="cannot write"):
            Store(folder)
        with pytest.raises(InputError, match="cannot write"):
            write_atomic(folder / "claims.json", b"[]")
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_folder_that_may_not_be_written_to_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot write"):
        Store(tmp_path / "out")


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_parts_of_dead_processes_are_removed_and_of_living_ones_kept(tmp_path):
    left = [tmp_path / "cells", tmp_path / "data", tmp_path]
    for folder in left:
        folder.mkdir(exist_ok=True)
        for process in (dead_process(), os.getpid(), 10**30):
            (folder / f"{PART}{process}-one.nc").write_bytes(b"half")
    Store(tmp_path)
    for folder in left:
        parts = [path.name for path in folder.iterdir() if path.is_file()]
        assert parts == [f"{PART}{os.getpid()}-one.nc"]


def test_a_process_of_another_user_is_alive(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "kill", forbidden)
    (tmp_path / f"{PART}7-one.nc").write_bytes(b"half")
    Store(tmp_path)
    assert (tmp_path / f"{PART}7-one.nc").exists()


@pytest.mark.parametrize("name", [f"{PART}x-one.nc", PART, f"{PART}-5-one.nc"])
def test_files_of_others_that_look_like_parts_are_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    Store(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_opening_a_store_creates_nothing(tmp_path):
    Store(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_dataset_is_loaded_with_its_provenance(tmp_path):
    store = Store(tmp_path)
    store.save("one", RESULT.assign_attrs(spec="Spec()"))
    loaded = store.load("one")
    assert loaded is not None
    xr.testing.assert_equal(loaded, RESULT)
    assert loaded.attrs["spec"] == "Spec()"
    assert f"jax {jax.__version__}" in loaded.attrs["versions"]
    for key in ("python", "device", "commit"):
        assert loaded.attrs[key]


def test_without_git_the_commit_is_unknown(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert stores.provenance()["commit"] == "unknown"


def test_saving_replaces_the_earlier_dataset_and_no_other(tmp_path):
    store = Store(tmp_path)
    store.save("other", RESULT)
    store.save("one", RESULT)
    store.save("one", RESULT * 2)
    assert len(list((tmp_path / "data").glob("one-*.nc"))) == 1
    xr.testing.assert_equal(store.load("one"), RESULT * 2)
    xr.testing.assert_equal(store.load("other"), RESULT)


def test_an_altered_or_absent_dataset_is_not_loaded(tmp_path):
    store = Store(tmp_path)
    assert store.load("one") is None
    store.save("one", RESULT)
    (path,) = (tmp_path / "data").iterdir()
    path.write_bytes(flipped(path.read_bytes()))
    assert store.load("one") is None
    assert not path.exists()


def test_bytes_do_not_depend_on_when_they_are_written():
    assert to_bytes(RESULT) == to_bytes(RESULT.copy(deep=True))
