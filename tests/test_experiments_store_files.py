"""Files and folders of results: whole or not at all, and nothing of others is touched."""

import errno
import os
import subprocess
import sys

import jax
import pytest
import xarray as xr
from test_experiments_store import RESULT, flipped

from experiments import store as stores
from experiments.errors import InputError
from experiments.store import PART, Store, to_bytes, write_atomic


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
