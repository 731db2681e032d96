"""Results on disk: cells of a running sweep, and finished datasets.

A *cell* is the measurement of 1–30 s of work: a netCDF file `<name>-<key>-<sha256>.nc`.  The key
hashes everything the measurement depends on (its parameters, the source of the code it uses,
the libraries' versions, the platform and number of devices), so a changed question never finds an
old answer; the sha256 is that of the file's bytes, so an altered file is noticed, removed and
measured again.  Files appear by `os.replace`, whole or not at all.  A cell of laws hashes the
source of `theory` as well, so that a wrong formula cannot hide behind an earlier right one.

A finished dataset carries units, configuration, versions, device and commit in its attributes and
its own sha256 in its name as well.
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


def _intact(folder: Path, stem: str) -> xr.Dataset | None:
    """The dataset stored as `<stem>-<sha256>.nc`, if its bytes still have that hash; a file that
    is not intact is removed."""
    for path in sorted(folder.glob(f"{stem}-*.nc")):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if path.stem.removeprefix(f"{stem}-") == sha256(content):
            with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError):
                return from_bytes(content)
        path.unlink(missing_ok=True)
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
            return found, True
        content = to_bytes(measure())
        write_atomic(folder / f"{stem}-{sha256(content)}.nc", content)
        return from_bytes(content), False

    def save(self, name: str, dataset: xr.Dataset) -> None:
        """Keep the finished dataset of an experiment, in place of an earlier one."""
        content = to_bytes(dataset.assign_attrs(provenance()))
        folder, digest = self.folder / "data", sha256(content)
        write_atomic(folder / f"{name}-{digest}.nc", content)
        for path in folder.glob(f"{name}-*.nc"):
            if path.stem != f"{name}-{digest}":
                path.unlink(missing_ok=True)

    def load(self, name: str) -> xr.Dataset | None:
        """The finished dataset of an experiment, or None if there is no intact one."""
        return _intact(self.folder / "data", name)
