"""Results on disk: cells of a running sweep, and finished datasets.

A *cell* is the measurement of 1–30 s of work: a netCDF file `<name>-<key>-<sha256>.nc`.  The key
hashes everything the measurement depends on (its parameters, the source of the code it uses,
the libraries' versions, the platform and number of devices), so a changed question never finds an
old answer; the sha256 is that of the file's bytes, so an altered file is noticed, removed and
measured again.  Files appear by `os.replace`, whole or not at all.  A cell of laws hashes the
source of `theory` as well, so that a wrong formula cannot hide behind an earlier right one.

A finished dataset carries units, configuration, versions, device and commit in its attributes and
its own sha256 in its name as well.  Those of longer runs come with the code, in `results/`: they
stand in where the output folder has none of its own, and are never removed.
"""

import contextlib
import hashlib
import io
import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import xarray as xr

from experiments.errors import InputError
from experiments.sources import source_hash

KEY_LENGTH = 16
PART = ".part-"  # then the process and the name of a file being written
RESULTS = Path(__file__).parent / "results"  # finished datasets of longer runs, kept by git
LARGEST_RESULT = 10**6  # bytes


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def layout() -> str:
    """Platform and number of devices: bytes are promised per layout."""
    devices = jax.devices()
    return f"{devices[0].platform}:{devices[0].device_kind}x{len(devices)}/{platform.machine()}"


def versions() -> str:
    """Versions of the libraries that the numbers depend on."""
    names = ("jax", "jaxlib", "numpy", "optax", "flax", "scikit-learn", "sympy")
    return ", ".join(f"{name} {version(name)}" for name in names)


def provenance() -> dict[str, str]:
    """Versions, device and commit, for a dataset's attributes."""
    commit = ""
    with contextlib.suppress(OSError):  # there may be no git
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
        ).stdout.strip()  # fmt: skip
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "device": layout(),
        "commit": commit or "unknown",
    }


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; InputError if the folder does not take it."""
    part = path.with_name(f"{PART}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Delete what killed runs left half-written; a running one's files stay."""
    for part in folder.glob(f"{PART}*"):
        process = part.name.removeprefix(PART).partition("-")[0]
        if process.isdecimal() and part.is_file() and not _alive(int(process)):
            part.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # another user's
        return True
    except (OSError, OverflowError):
        return False
    return True


def to_bytes(dataset: xr.Dataset) -> bytes:
    return bytes(dataset.to_netcdf(engine="h5netcdf"))  # type: ignore[arg-type]


def from_bytes(content: bytes) -> xr.Dataset:
    with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as dataset:
        return dataset.load()


def _read(path: Path, stem: str) -> tuple[bytes, xr.Dataset] | None:
    """Content of `<stem>-<sha256>.nc` and the dataset in it, if its bytes still have that hash."""
    content = path.read_bytes()
    if path.stem.removeprefix(f"{stem}-") == sha256(content):
        with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError):
            return content, from_bytes(content)
    return None


def _intact(folder: Path, stem: str) -> tuple[bytes, xr.Dataset] | None:
    """What is stored as `<stem>-<sha256>.nc`; a file that is not intact is removed."""
    for path in sorted(folder.glob(f"{stem}-*.nc")):
        try:
            found = _read(path, stem)
        except OSError:
            continue
        if found is not None:
            return found
        path.unlink(missing_ok=True)
    return None


def _replace(folder: Path, name: str, content: bytes) -> Path:
    """Write `<name>-<sha256>.nc` in place of an earlier one; where it is."""
    path = folder / f"{name}-{sha256(content)}.nc"
    write_atomic(path, content)
    for other in folder.glob(f"{name}-*.nc"):
        if other != path:
            other.unlink(missing_ok=True)
    return path


def recorded(name: str) -> xr.Dataset | None:
    """The finished dataset that came with the code, None if there is none; InputError if it is
    damaged: it is left as it is, for git has it whole."""
    for path in sorted(RESULTS.glob(f"{name}-*.nc")):
        found = _read(path, name)
        if found is None:
            raise InputError(f"{path} is damaged; get it back with: git checkout -- {path}")
        return found[1]
    return None


class Store:
    """The output folder: `cells/`, `data/`, and whatever else a run writes there."""

    def __init__(self, folder: Path):
        self.folder = folder
        there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise InputError(f"cannot write {folder}: {there} is no folder that may be written to")
        for part in (folder, folder / "cells", folder / "data"):
            remove_parts(part)

    def cell(
        self,
        name: str,
        question: Mapping[str, Any],
        modules: Sequence[ModuleType],
        measure: Callable[[], xr.Dataset],
    ) -> tuple[xr.Dataset, bool]:
        """The measurement that answers `question`, and whether it was recalled from disk."""
        full = {
            "question": question,
            "source": source_hash(modules),
            "versions": versions(),
            "layout": layout(),
        }
        key = sha256(json.dumps(full, sort_keys=True, allow_nan=False).encode())[:KEY_LENGTH]
        folder, stem = self.folder / "cells", f"{name}-{key}"
        found = _intact(folder, stem)
        if found is not None:
            return found[1], True
        content = to_bytes(measure())
        write_atomic(folder / f"{stem}-{sha256(content)}.nc", content)
        return from_bytes(content), False

    def save(self, name: str, dataset: xr.Dataset) -> None:
        """Keep the finished dataset of an experiment, in place of an earlier one."""
        _replace(self.folder / "data", name, to_bytes(dataset.assign_attrs(provenance())))

    def load(self, name: str) -> xr.Dataset | None:
        """The finished dataset of an experiment: the one of this folder, else the recorded one,
        else None; InputError if the recorded one is damaged."""
        found = _intact(self.folder / "data", name)
        return recorded(name) if found is None else found[1]

    def record(self, name: str) -> Path:
        """Copy the finished dataset of an experiment to `RESULTS`, in place of an earlier one;
        InputError if there is no intact one in this folder, or if it is too large."""
        found = _intact(self.folder / "data", name)
        if found is None:
            raise InputError(f"{self.folder} has no finished {name}; run it first")
        if len(found[0]) > LARGEST_RESULT:
            raise InputError(f"{name} has {len(found[0])} bytes, the most is {LARGEST_RESULT}")
        return _replace(RESULTS, name, found[0])
