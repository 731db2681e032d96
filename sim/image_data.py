"""Images as they are stored, bytes of 0 to 255, and how they are standardised.

Bytes are a quarter of float32, so a data set stays bytes until its part is chosen: Fashion-MNIST
with its test set (Xiao, Rasul & Vollgraf 2017), and a part of Tiny-ImageNet (all 200 classes, 150
training and 25 validation images of each), of which only what is asked for is decoded.
"""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

# `_idx` is shared with the reader of the training set: its file is part of what measurements on
# that set depend on, so that a new name there would make all of them anew.
from sim.data import FASHION_MNIST, DataError, Images, _idx, checked, folder_of, subset

FASHION_MNIST_TEST = {
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
}
TINY_IMAGENET = {
    "train.npz": "64fb3b42eb3f2a6179ace524aebdcda8db1858626820f83a1ced3449837b6024",
    "val.npz": "c47c04a5ef36363e414004ea99fafd64d92067b09f76f696d59388a02bfec654",
}
SIDE = 64  # pixels of a Tiny-ImageNet picture, each way
CHUNK = 1000  # images


class Pixels(NamedTuple):
    """Labelled images: `images` uint8 (n, height, width, channels); `labels` int32 (n,)."""

    images: np.ndarray
    labels: np.ndarray


class Scale(NamedTuple):
    """`mean` and `deviation` of a training set's pixels, float64 (channels,), in units of bytes."""

    mean: np.ndarray
    deviation: np.ndarray


# Of the whole training set of 100,000, as published; ours is a part of it.
TINY_IMAGENET_SCALE = Scale(
    255 * np.array([0.4802, 0.4481, 0.3975]), 255 * np.array([0.2764, 0.2689, 0.2816])
)


def fashion_mnist(data_dir: Path | None) -> tuple[Pixels, Pixels]:
    """60,000 training and 10,000 test images, 28 × 28 grey levels, 10 classes; DataError if a file
    is missing or altered."""
    folder = folder_of("fashion_mnist", data_dir)
    train, test = (
        [_idx(folder / name, checked(folder / name, digest)) for name, digest in files.items()]
        for files in (FASHION_MNIST, FASHION_MNIST_TEST)
    )
    return _labelled(*train), _labelled(*test)


def _labelled(images: np.ndarray, labels: np.ndarray) -> Pixels:
    return Pixels(images[..., None], labels.astype(np.int32))


def tiny_imagenet(
    data_dir: Path | None, *, split: str = "train", size: int | None = None, seed: int = 0
) -> Pixels:
    """`size` of the 30,000 images of `split` "train", or 5,000 of "val", drawn as by `subset`; all
    by default. 64 × 64 × 3, 200 classes numbered as in wnids.txt; a grey picture has three equal
    channels.

    Errors: ValueError for another split or a size below 1; DataError if the file is missing or
    altered.
    """
    if f"{split}.npz" not in TINY_IMAGENET:
        raise ValueError(f"the splits are train and val, not {split!r}")
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    path = folder_of("tiny_imagenet_200", data_dir) / f"{split}.npz"
    content = checked(path, TINY_IMAGENET[path.name])
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            jpeg, offsets, labels = stored["jpeg"], stored["offsets"], stored["labels"]
        everything = Images(np.arange(len(labels)), labels.astype(np.int32))
        chosen = everything if size is None else subset(everything, size, seed)
        images = np.empty((len(chosen.labels), SIDE, SIDE, 3), np.uint8)
        for place, i in enumerate(chosen.inputs):
            images[place] = _decoded(jpeg[offsets[i] : offsets[i + 1]])
    except (OSError, EOFError, KeyError, ValueError, IndexError, zipfile.BadZipFile):
        raise DataError(f"{path} does not hold JPEG pictures of {SIDE} × {SIDE}") from None
    return Pixels(images, chosen.labels)


def _decoded(jpeg: np.ndarray) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg.tobytes()), formats=["JPEG"]) as picture:
        if picture.size != (SIDE, SIDE):
            raise ValueError(f"a picture of {picture.size}")
        return np.asarray(picture.convert("RGB"))


def scale_of(pixels: Pixels) -> Scale:
    """Mean and deviation of each channel over all images and places, summed exactly."""
    sums = np.zeros((2, pixels.images.shape[-1]), np.int64)
    for start in range(0, len(pixels.images), CHUNK):
        part = pixels.images[start : start + CHUNK].astype(np.int64)
        sums += np.stack([part.sum((0, 1, 2)), (part**2).sum((0, 1, 2))])
    mean, square = sums / (pixels.images.size // pixels.images.shape[-1])
    return Scale(mean, np.sqrt(square - mean**2))


def standardised(pixels: Pixels, scale: Scale) -> Images:
    """(byte − mean) / deviation per channel, float32; the labels as they are."""
    table = ((np.arange(256)[:, None] - scale.mean) / scale.deviation).astype(np.float32)
    channels = np.arange(table.shape[1])
    inputs = np.empty(pixels.images.shape, np.float32)
    for start in range(0, len(inputs), CHUNK):
        inputs[start : start + CHUNK] = table[pixels.images[start : start + CHUNK], channels]
    return Images(inputs, pixels.labels)
