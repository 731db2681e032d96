"""Texts as token ids for language models.

- WikiText-2 (Merity et al. 2016, 1609.07843): words, with the authors' splits and `<unk>`.
- Tiny Shakespeare: characters; it has no split of its own, so that the first 90 % train.
- ELI5-Category: the answers of the two official splits that are small enough to be had.  Tokens are
  the bytes of UTF-8: they need no vocabulary, which would have to be cut somewhere and would belong
  to this part of the data only, know no unknown word, and give the text back.  The split is ours.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sim.data import DataError, checked, folder_of

WIKITEXT2 = {
    "wiki.train.tokens": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
    "wiki.valid.tokens": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
    "wiki.test.tokens": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
}
TINY_SHAKESPEARE = {
    "input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
}
ELI5_CATEGORY = {
    "eli5-category-test.json.gz": (
        "a2f30aa666e1570adc34315de286a67a20eaede4ba82a040521a8571c05d4d7b"
    ),
    "eli5-category-validation-2.json.gz": (
        "309b7d49de11494c7c7179980f710cbcb5c9a6ebed6f0a30fe2e02dca4f10009"
    ),
}
END_OF_LINE = "<eos>"
END_OF_ANSWER = "\0"  # in no answer
HELD_OUT = 10  # one of so many questions, or parts of a text, is kept for validation


class Text(NamedTuple):
    """`splits`: by name, int32 token ids (n,) in the order of the text; `vocabulary`: what the ids
    0, 1, … stand for."""

    splits: Mapping[str, np.ndarray]
    vocabulary: tuple[str, ...]


def wikitext2(data_dir: Path | None) -> Text:
    """2,088,628 / 217,646 / 245,569 words of "train", "valid" and "test", every line ended by
    `<eos>`; 33,278 kinds, numbered as they first appear. DataError if a file is missing or altered.
    """
    known: dict[str, int] = {}
    splits = {
        name.split(".")[1]: _numbered(_words(content), known)
        for name, content in _contents("wikitext2", data_dir, WIKITEXT2).items()
    }
    return Text(splits, tuple(known))


def tiny_shakespeare(data_dir: Path | None) -> Text:
    """1,115,394 characters, the first 90 % of them "train", the rest "valid"; 65 kinds, sorted.
    DataError if the file is missing or altered."""
    (content,) = _contents("tinyshakespeare", data_dir, TINY_SHAKESPEARE).values()
    kinds, ids = np.unique(np.frombuffer(content, np.uint8), return_inverse=True)
    train, valid = np.split(ids.astype(np.int32), [len(ids) * (HELD_OUT - 1) // HELD_OUT])
    return Text({"train": train, "valid": valid}, tuple(map(chr, kinds)))


def eli5_category(data_dir: Path | None) -> Text:
    """All answers to 7,786 questions as bytes of UTF-8, each answer ended by a byte 0; 256 kinds,
    byte b written as the character b of Latin-1. Every tenth question of each file, with all of its
    answers, is "valid", the others are "train": our split. DataError if a file is missing or
    altered.

    The official splits differ in subject: "test" holds questions on engineering only, "validation"
    such as were asked before; "train" is not here.
    """
    parts: dict[str, bytearray] = {"train": bytearray(), "valid": bytearray()}
    for name, content in _contents("eli5_category", data_dir, ELI5_CATEGORY).items():
        for i, answers in enumerate(_answers(name, content)):
            to = parts["valid" if i % HELD_OUT == HELD_OUT - 1 else "train"]
            to.extend("".join(answer + END_OF_ANSWER for answer in answers).encode())
    splits = {name: np.frombuffer(part, np.uint8).astype(np.int32) for name, part in parts.items()}
    return Text(splits, tuple(map(chr, range(256))))


def windows(ids: np.ndarray, length: int) -> np.ndarray:
    """Samples for a language model, (n, length + 1): of row w, w[:-1] is read and w[1:] foretold.

    Row i begins at i·length, so that every token but the first is foretold once; fewer than
    `length` tokens at the end are left out. A view of `ids`, not to be written to.

    Errors: ValueError if length < 1, or if the text is shorter than one window.
    """
    if not 1 <= length < len(ids):
        raise ValueError(f"length must be from 1 to {len(ids) - 1}, not {length}")
    return np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::length]


def _contents(name: str, data_dir: Path | None, files: Mapping[str, str]) -> dict[str, bytes]:
    folder = folder_of(name, data_dir)
    return {file: checked(folder / file, digest) for file, digest in files.items()}


def _words(content: bytes) -> Iterable[str]:
    for line in content.decode().splitlines():
        yield from line.split()
        yield END_OF_LINE


def _numbered(words: Iterable[str], known: dict[str, int]) -> np.ndarray:
    """Ids of words; new ones are added to `known`."""
    return np.fromiter((known.setdefault(word, len(known)) for word in words), np.int32)


def _answers(name: str, content: bytes) -> Iterable[list[str]]:
    try:
        for question in json.loads(gzip.decompress(content)):
            yield question["answers"]["text"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        raise DataError(f"{name} does not hold questions with their answers") from None
