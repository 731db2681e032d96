"""Data sets: whole and standardised, or refused with one line that says what to do."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from sim import data
from sim.data import DATASETS, FASHION_MNIST, DataError, Images, available, subset

IMAGES, LABELS = FASHION_MNIST
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
CLASSES = np.arange(20, dtype=np.uint8) % 10


def idx(array) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def publish(monkeypatch, contents):
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(data, "FASHION_MNIST", digests)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A data folder with twenty images, whose digests count as the published ones."""
    contents = {IMAGES: idx(PIXELS), LABELS: idx(CLASSES)}
    publish(monkeypatch, contents)
    (tmp_path / "fashion_mnist").mkdir()
    for name, content in contents.items():
        (tmp_path / "fashion_mnist" / name).write_bytes(content)
    return tmp_path


def refusal(folder) -> str:
    with pytest.raises(DataError) as error:
        DATASETS["fashion_mnist"](folder)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert "\n" not in str(error.value)
    return str(error.value)


# What is there


def test_digits_are_1797_standardised_images_of_ten_classes():
    images = DATASETS["digits"](None)
    assert images.inputs.shape == (1797, 8, 8, 1)
    assert (images.inputs.dtype, images.labels.dtype) == (np.float32, np.int32)
    assert images.inputs.mean() == pytest.approx(0, abs=1e-5)
    assert images.inputs.std() == pytest.approx(1, abs=1e-5)
    assert sorted(set(images.labels.tolist())) == list(range(10))


def test_an_image_keeps_its_label(folder):
    images = DATASETS["fashion_mnist"](folder)
    assert images.inputs.shape == (20, 28, 28, 1)
    assert (images.inputs.dtype, images.labels.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(images.labels, CLASSES)
    expected = (PIXELS[..., None] - PIXELS.mean()) / PIXELS.std()
    np.testing.assert_allclose(images.inputs, expected, atol=1e-5)


def test_fashion_mnist_is_the_published_one():
    root = os.environ.get("SURGE_DATA")
    if not root or not (Path(root) / "fashion_mnist").is_dir():
        pytest.skip("SURGE_DATA holds no fashion_mnist")
    images = DATASETS["fashion_mnist"](Path(root))
    assert images.inputs.shape == (60_000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(images.labels), np.full(10, 6000))


# What is not


def test_without_a_data_folder_the_message_says_how_to_give_one():
    assert refusal(None) == "fashion_mnist needs a data folder: give --data-dir or set SURGE_DATA"


def test_a_missing_folder_is_named_and_where_to_put_it(tmp_path):
    assert refusal(tmp_path) == (
        f"no fashion_mnist in {tmp_path}: put its files into {tmp_path / 'fashion_mnist'}"
    )


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_missing_file_is_named(folder, name):
    path = folder / "fashion_mnist" / name
    path.unlink()
    assert refusal(folder) == f"cannot read {path}: No such file or directory"


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-1], lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:], lambda b: b + b"\0",
     lambda _: b""],
    ids=["truncated", "altered", "longer", "empty"],
)  # fmt: skip
def test_a_damaged_file_is_noticed_before_it_is_used(folder, name, damage):
    path = folder / "fashion_mnist" / name
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder) == (
        f"{path} is truncated or altered: its sha256 is not the published one"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text",
        gzip.compress(b""),
        gzip.compress(b"some text that is not an array at all"),
        idx(PIXELS)[:-20],
        gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 20, 28, 28) + PIXELS.tobytes()[:-1]),
        gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 20, 28, 28)[:-2]),
    ],
    ids=["empty", "text", "no bytes", "packed text", "cut", "a pixel short", "half a header"],
)
def test_a_file_that_is_no_idx_is_refused(folder, monkeypatch, content):
    path = folder / "fashion_mnist" / IMAGES
    path.write_bytes(content)
    publish(monkeypatch, {IMAGES: content, LABELS: idx(CLASSES)})
    assert refusal(folder) == f"{path} is not an IDX file"


# Whether it is there


def test_digits_are_always_available():
    assert available("digits", None)


def test_a_data_set_is_available_if_its_folder_is_intact(folder):
    assert available("fashion_mnist", folder)
    assert not available("fashion_mnist", None)
    assert not available("fashion_mnist", folder / "elsewhere")


def test_a_damaged_data_set_is_an_error_and_not_an_absent_one(folder):
    (folder / "fashion_mnist" / LABELS).write_bytes(b"altered")
    with pytest.raises(DataError, match="truncated or altered"):
        available("fashion_mnist", folder)


# A part of it

NUMBERED = Images(np.arange(100.0, dtype=np.float32)[:, None], np.arange(100, dtype=np.int32))


def test_a_subset_is_drawn_without_replacement_and_keeps_the_labels():
    chosen = subset(NUMBERED, 30, seed=0)
    assert len(set(chosen.labels.tolist())) == 30
    np.testing.assert_array_equal(chosen.inputs[:, 0], chosen.labels)


def test_the_same_seed_gives_the_same_subset_and_another_seed_another():
    first, again, other = (subset(NUMBERED, 30, seed=seed).labels for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_sample_is_as_likely_to_be_chosen():
    times = sum(np.isin(np.arange(100), subset(NUMBERED, 30, seed).labels) for seed in range(500))
    assert (np.abs(np.asarray(times) - 150) < 5 * np.sqrt(500 * 0.3 * 0.7)).all()


@pytest.mark.parametrize("size", [100, 101])
def test_a_subset_of_all_is_all(size):
    assert subset(NUMBERED, size, seed=0) is NUMBERED
