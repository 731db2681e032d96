"""Results on disk: recalled only if the question, the source and the bytes are the same."""

import errno
import os
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from experiments import sources
from experiments import store as stores
from experiments.errors import InputError
from experiments.store import Store, sha256

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
