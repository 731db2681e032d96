"""Images: bytes until chosen, standardised by the training set, or refused with one line."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim import data, image_data
from sim.data import DataError
from sim.image_data import (
    FASHION_MNIST_TEST,
    TINY_IMAGENET_SCALE,
    Pixels,
    fashion_mnist,
    scale_of,
    standardised,
    tiny_imagenet,
)

NUMBERS = np.random.default_rng(0)
COUNT = 30  # pictures in the made-up archive


def put(folder: Path, contents, monkeypatch, module, table) -> None:
    """Files in `folder` whose digests count as the published ones."""
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(module, table, digests)


def real(name: str) -> Path:
    root = os.environ.get("SURGE_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"SURGE_DATA holds no {name}")
    return Path(root)


def jpeg(picture: np.ndarray) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "JPEG", quality=95)
    return packed.getvalue()


def archive(files: list[bytes], labels) -> bytes:
    packed = io.BytesIO()
    np.savez(
        packed,
        jpeg=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.cumsum([0, *map(len, files)], dtype=np.int64),
        labels=np.asarray(labels, np.int16),
    )
    return packed.getvalue()


def plain(i: int) -> bytes:
    """A picture of one color that tells its number; every third is grey."""
    color = (8 * i,) * 3 if i % 3 else (8 * i, 255 - 8 * i, 100)
    picture = np.full((64, 64, 3), color, np.uint8)
    return jpeg(picture if i % 3 == 0 else picture[..., 0])


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """A data folder with thirty pictures, label = number // 3."""
    content = archive([plain(i) for i in range(COUNT)], np.arange(COUNT) // 3)
    files = {"train.npz": content, "val.npz": content}
    put(tmp_path / "tiny_imagenet_200", files, monkeypatch, image_data, "TINY_IMAGENET")
    return tmp_path


def publish(tiny: Path, content: bytes, monkeypatch) -> None:
    files = {"train.npz": content}
    put(tiny / "tiny_imagenet_200", files, monkeypatch, image_data, "TINY_IMAGENET")


# Tiny-ImageNet


def test_each_picture_is_decoded_to_its_colors_and_keeps_its_label(tiny):
    pixels = tiny_imagenet(tiny)
    assert pixels.images.shape == (COUNT, 64, 64, 3)
    assert (pixels.images.dtype, pixels.labels.dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(pixels.labels, np.arange(COUNT) // 3)
    np.testing.assert_allclose(pixels.images[:, 5, 7, 0], 8 * np.arange(COUNT), atol=2)
    np.testing.assert_allclose(pixels.images[::3, 5, 7, 1], 255 - 8 * np.arange(COUNT)[::3], atol=2)


def test_a_grey_picture_has_three_equal_channels(tiny):
    grey = tiny_imagenet(tiny).images[1::3]
    assert (grey == grey[..., :1]).all()


def test_a_part_is_the_pictures_that_subset_draws_and_nothing_else_is_decoded(tiny, monkeypatch):
    whole, decoded = tiny_imagenet(tiny), []
    decode = image_data._decoded
    monkeypatch.setattr(image_data, "_decoded", lambda j: decoded.append(j) or decode(j))
    part = tiny_imagenet(tiny, size=7, seed=3)
    drawn = data.subset(data.Images(whole.images, whole.labels), 7, seed=3)
    assert len(decoded) == 7
    np.testing.assert_array_equal(part.images, drawn.inputs)
    np.testing.assert_array_equal(part.labels, drawn.labels)


def test_more_than_there_are_is_all(tiny):
    assert len(tiny_imagenet(tiny, split="val", size=10 * COUNT).images) == COUNT


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "test"}, "the splits are train and val, not 'test'"),
        ({"size": 0}, "size must be at least 1, not 0"),
    ],
)
def test_another_split_or_no_size_is_refused(tiny, options, words):
    with pytest.raises(ValueError, match=words):
        tiny_imagenet(tiny, **options)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text",
        archive([plain(0), plain(1)[:-300]], [0, 1]),
        archive([plain(0), b"no picture"], [0, 1]),
        archive([jpeg(np.zeros((32, 64, 3), np.uint8))], [0]),
        archive([plain(0)], [0, 1]),
        archive([plain(0)], [0]).replace(b"jpeg.npy", b"jpec.npy"),
    ],
    ids=["empty", "text", "cut", "no picture", "another size", "a picture short", "no pictures"],
)
def test_an_archive_of_something_else_is_refused(tiny, monkeypatch, content):
    publish(tiny, content, monkeypatch)
    path = tiny / "tiny_imagenet_200" / "train.npz"
    with pytest.raises(DataError) as error:
        tiny_imagenet(tiny)
    assert str(error.value) == f"{path} does not hold JPEG pictures of 64 × 64"


def test_an_altered_archive_is_noticed_before_it_is_opened(tiny):
    path = tiny / "tiny_imagenet_200" / "val.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="truncated or altered"):
        tiny_imagenet(tiny, split="val")


def test_tiny_imagenet_is_the_known_part_of_the_published_one():
    folder = real("tiny_imagenet_200")
    pixels = tiny_imagenet(folder, split="val")
    np.testing.assert_array_equal(np.bincount(pixels.labels), np.full(200, 25))
    found, published = scale_of(pixels), TINY_IMAGENET_SCALE
    np.testing.assert_allclose(found.mean, published.mean, rtol=0.02)  # of another 5,000
    np.testing.assert_allclose(found.deviation, published.deviation, rtol=0.02)
    train = tiny_imagenet(folder, size=300)
    assert len(set(train.labels.tolist())) > 100


# Fashion-MNIST


def test_the_test_set_comes_with_the_training_set():
    folder = real("fashion_mnist")
    train, test = fashion_mnist(folder)
    assert (train.images.shape, test.images.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    np.testing.assert_array_equal(np.bincount(test.labels), np.full(10, 1000))
    scale = scale_of(train)
    assert scale.mean == pytest.approx(72.9404, abs=1e-4)  # the published means
    assert scale_of(test).mean == pytest.approx(73.1466, abs=1e-4)
    part = Pixels(train.images[:2000], train.labels[:2000])
    earlier = data.fashion_mnist(folder)
    np.testing.assert_allclose(standardised(part, scale).inputs, earlier.inputs[:2000], atol=1e-6)
    np.testing.assert_array_equal(train.labels, earlier.labels)


@pytest.mark.parametrize("name", FASHION_MNIST_TEST)
def test_a_missing_file_of_the_test_set_is_named(tmp_path, monkeypatch, name):
    folder = tmp_path / "fashion_mnist"
    put(folder, {}, monkeypatch, image_data, "FASHION_MNIST")
    monkeypatch.setattr(image_data, "FASHION_MNIST_TEST", {name: ""})
    with pytest.raises(DataError) as error:
        fashion_mnist(tmp_path)
    assert str(error.value) == f"cannot read {folder / name}: No such file or directory"


# Standardising

PIXELS = Pixels(
    NUMBERS.integers(0, 256, (2500, 3, 2, 3), np.uint8), np.arange(2500, dtype=np.int32)
)


def test_the_scale_is_the_mean_and_deviation_of_every_channel():
    scale = scale_of(PIXELS)
    images = PIXELS.images.astype(np.float64)
    np.testing.assert_allclose(scale.mean, images.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(scale.deviation, images.std((0, 1, 2)), rtol=1e-12)


def test_a_training_set_standardised_by_itself_has_mean_0_and_deviation_1_in_every_channel():
    inputs = standardised(PIXELS, scale_of(PIXELS)).inputs
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs.mean((0, 1, 2), np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std((0, 1, 2), np.float64), 1, atol=1e-6)


def test_other_images_are_standardised_by_the_training_set():
    scale = scale_of(PIXELS)
    other = Pixels(PIXELS.images[:40] // 2, PIXELS.labels[:40])
    found = standardised(other, scale)
    expected = (other.images - scale.mean) / scale.deviation
    np.testing.assert_allclose(found.inputs, expected, atol=1e-6)
    np.testing.assert_array_equal(found.labels, other.labels)
