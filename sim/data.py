"""Real data sets, read from a folder and checked against their sha256 before use.

Only the digits that scikit-learn ships need no folder.
"""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class DataError(Exception):
    """A data set is missing, truncated or altered; the message says which file and what to do."""


class Images(NamedTuple):
    """Labelled images: `inputs` float32 (n, height, width, channels), standardised by the training
    set's mean and deviation; `labels` int32 (n,)."""

    inputs: np.ndarray
    labels: np.ndarray


FASHION_MNIST = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
}


def digits(data_dir: Path | None = None) -> Images:  # noqa: ARG001
    """1,797 handwritten digits, 8 × 8 grey levels, 10 classes (scikit-learn's copy of UCI's)."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    return Images(_standardised(bunch.images[..., None]), bunch.target.astype(np.int32))


def fashion_mnist(data_dir: Path | None) -> Images:
    """60,000 training images, 28 × 28 grey levels, 10 classes (Xiao, Rasul & Vollgraf 2017)."""
    folder = folder_of("fashion_mnist", data_dir)
    images, labels = (
        _idx(folder / name, checked(folder / name, digest))
        for name, digest in FASHION_MNIST.items()
    )
    return Images(_standardised(images[..., None]), labels.astype(np.int32))


DATASETS: Mapping[str, Callable[[Path | None], Images]] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
}


def available(name: str, data_dir: Path | None) -> bool:
    """Whether a data set is there; DataError if its folder is, but a file is not intact."""
    if name == "digits":
        return True
    if data_dir is None or not (data_dir / name).is_dir():
        return False
    for file, digest in FASHION_MNIST.items():
        checked(data_dir / name / file, digest)
    return True


def folder_of(name: str, data_dir: Path | None) -> Path:
    """The folder of a data set; DataError says how to give one."""
    if data_dir is None:
        raise DataError(f"{name} needs a data folder: give --data-dir or set SURGE_DATA")
    folder = data_dir / name
    if not folder.is_dir():
        raise DataError(f"no {name} in {data_dir}: put its files into {folder}")
    return folder


def checked(path: Path, digest: str) -> bytes:
    """The bytes of a file whose sha256 is `digest`; DataError if it is absent or differs."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{path} is truncated or altered: its sha256 is not the published one")
    return content


def _idx(path: Path, content: bytes) -> np.ndarray:
    """An array from gzip-compressed IDX: big-endian 0, 0, dtype code, rank, sizes, then bytes."""
    try:
        raw = gzip.decompress(content)
        _, _, rank = struct.unpack_from(">HBB", raw)
        shape = struct.unpack_from(f">{rank}I", raw, 4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError):
        raise DataError(f"{path} is not an IDX file") from None


def _standardised(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images, np.float32)
    return (images - images.mean()) / images.std()


def subset(images: Images, size: int, seed: int) -> Images:
    """`size` images drawn without replacement with a seeded generator; all of them if fewer."""
    count = len(images.labels)
    if size >= count:
        return images
    chosen = np.sort(np.random.default_rng(seed).choice(count, size, replace=False))
    return Images(images.inputs[chosen], images.labels[chosen])
