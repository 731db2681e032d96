"""Texts: every token has its id and its place; windows foretell every token once."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from sim import text_data
from sim.data import DataError
from sim.text_data import Text, eli5_category, tiny_shakespeare, wikitext2, windows

WIKI = {
    "wiki.train.tokens": " \n = A title = \n the cat saw the <unk> \n",
    "wiki.valid.tokens": " the title \n",
    "wiki.test.tokens": " a dog \n \n",
}
QUESTIONS = [
    {"q_id": str(i), "title": "why?", "answers": {"text": [f"é{i}", f"b{i}"], "score": [1, 2]}}
    for i in range(23)
]
PLACES = {
    wikitext2: ("wikitext2", "WIKITEXT2"),
    tiny_shakespeare: ("tinyshakespeare", "TINY_SHAKESPEARE"),
    eli5_category: ("eli5_category", "ELI5_CATEGORY"),
}
CONTENTS = {
    wikitext2: {name: text.encode() for name, text in WIKI.items()},
    tiny_shakespeare: {"input.txt": b"Be, or not to be: that.\n" * 10},
    eli5_category: {
        "one.json.gz": gzip.compress(json.dumps(QUESTIONS).encode()),
        "two.json.gz": gzip.compress(json.dumps(QUESTIONS[:5]).encode()),
    },
}


def published(root: Path, load, monkeypatch, contents=None) -> Path:
    """A data folder with made-up files, whose digests count as the published ones."""
    name, table = PLACES[load]
    contents = CONTENTS[load] if contents is None else contents
    (root / name).mkdir()
    for file, content in contents.items():
        (root / name / file).write_bytes(content)
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    monkeypatch.setattr(text_data, table, digests)
    return root


def real(load) -> Text:
    root, name = os.environ.get("SURGE_DATA"), PLACES[load][0]
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"SURGE_DATA holds no {name}")
    return load(Path(root))


def words(text: Text, split: str) -> list[str]:
    return [text.vocabulary[i] for i in text.splits[split]]


def sizes(text: Text) -> dict[str, int]:
    return {name: len(ids) for name, ids in text.splits.items()}


# WikiText-2


def test_every_word_and_every_end_of_line_is_a_token(tmp_path, monkeypatch):
    text = wikitext2(published(tmp_path, wikitext2, monkeypatch))
    assert words(text, "train") == [
        "<eos>", "=", "A", "title", "=", "<eos>", "the", "cat", "saw", "the", "<unk>", "<eos>"
    ]  # fmt: skip
    assert words(text, "valid") == ["the", "title", "<eos>"]
    assert words(text, "test") == ["a", "dog", "<eos>", "<eos>"]
    assert text.splits["train"].dtype == np.int32


def test_words_are_numbered_as_they_first_appear_the_same_in_every_split(tmp_path, monkeypatch):
    text = wikitext2(published(tmp_path, wikitext2, monkeypatch))
    assert text.vocabulary == (
        "<eos>", "=", "A", "title", "the", "cat", "saw", "<unk>", "a", "dog"
    )  # fmt: skip
    assert text.splits["valid"].tolist() == [4, 3, 0]


def test_wikitext2_is_the_published_one():
    text = real(wikitext2)
    assert sizes(text) == {"train": 2_088_628, "valid": 217_646, "test": 245_569}
    assert len(text.vocabulary) == len(set(text.vocabulary)) == 33_278
    assert text.splits["train"].max() == 33_277  # no word of the others is new
    assert words(text, "train")[:7] == ["<eos>", "=", "Valkyria", "Chronicles", "III", "=", "<eos>"]


# Tiny Shakespeare


def test_characters_come_back_and_nine_tenths_of_them_train(tmp_path, monkeypatch):
    text = tiny_shakespeare(published(tmp_path, tiny_shakespeare, monkeypatch))
    assert sizes(text) == {"train": 216, "valid": 24}
    whole = "".join(words(text, "train") + words(text, "valid"))
    assert whole.encode() == CONTENTS[tiny_shakespeare]["input.txt"]
    assert text.vocabulary == tuple("\n ,.:Babehnort")
    assert text.splits["valid"].dtype == np.int32


def test_tiny_shakespeare_is_the_published_one():
    text = real(tiny_shakespeare)
    assert sizes(text) == {"train": 1_003_854, "valid": 111_540}
    assert len(text.vocabulary) == 65
    assert "".join(words(text, "train")[:14]) == "First Citizen:"


# ELI5-Category


def answers(text: Text, split: str) -> list[str]:
    whole = "".join(words(text, split)).encode("latin-1").decode()
    assert whole.endswith("\0")
    return whole.split("\0")[:-1]


def test_answers_are_bytes_that_give_the_text_back(tmp_path, monkeypatch):
    text = eli5_category(published(tmp_path, eli5_category, monkeypatch))
    assert answers(text, "valid") == ["é9", "b9", "é19", "b19"]
    assert answers(text, "train")[:2] == ["é0", "b0"]
    assert text.splits["train"].dtype == np.int32
    assert len(text.vocabulary) == 256


def test_a_question_is_in_one_split_with_all_of_its_answers(tmp_path, monkeypatch):
    text = eli5_category(published(tmp_path, eli5_category, monkeypatch))
    train, valid = (answers(text, split) for split in ("train", "valid"))
    assert not set(train) & set(valid)
    assert len(train) + len(valid) == 2 * (23 + 5)


def test_eli5_category_is_the_known_part_of_the_published_one():
    text = real(eli5_category)
    counts = {split: len(answers(text, split)) for split in text.splits}
    assert (
        sum(sizes(text).values()) - sum(counts.values()) > 8_456_235 + 4_010_685
    )  # bytes of UTF-8
    characters = sum(len(a) for split in text.splits for a in answers(text, split))
    assert characters == 8_456_235 + 4_010_685
    assert counts["valid"] / (counts["train"] + counts["valid"]) == pytest.approx(0.1, abs=0.01)


# What is not there


@pytest.mark.parametrize("load", PLACES)
def test_without_its_folder_the_message_says_where_to_put_it(tmp_path, load):
    name = PLACES[load][0]
    with pytest.raises(DataError) as error:
        load(tmp_path)
    assert str(error.value) == f"no {name} in {tmp_path}: put its files into {tmp_path / name}"
    with pytest.raises(DataError, match="needs a data folder: give --data-dir or set SURGE_DATA"):
        load(None)


@pytest.mark.parametrize("load", PLACES)
def test_an_altered_file_is_noticed_before_it_is_used(tmp_path, monkeypatch, load):
    published(tmp_path, load, monkeypatch)
    path = tmp_path / PLACES[load][0] / list(CONTENTS[load])[-1]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DataError) as error:
        load(tmp_path)
    assert str(error.value) == (
        f"{path} is truncated or altered: its sha256 is not the published one"
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"[")[:-3], gzip.compress(b"{}x"), gzip.compress(b'[{"q": 1}]'),
     gzip.compress(b"[1]")],
    ids=["empty", "text", "cut", "no json", "no answers", "no questions"],
)  # fmt: skip
def test_a_file_without_answers_is_refused(tmp_path, monkeypatch, content):
    published(tmp_path, eli5_category, monkeypatch, {"one.json.gz": content})
    with pytest.raises(DataError, match=r"one\.json\.gz does not hold questions with their ans"):
        eli5_category(tmp_path)


# Windows


@pytest.mark.parametrize(("count", "length"), [(13, 4), (12, 4), (14, 1), (5, 4), (100, 9)])
def test_every_token_but_the_first_is_foretold_once(count, length):
    ids = np.arange(count, dtype=np.int32)
    found = windows(ids, length)
    whole = (count - 1) // length
    assert found.shape == (whole, length + 1)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found[:, 1:].ravel(), ids[1 : 1 + whole * length])
    np.testing.assert_array_equal(found[:, 1:], found[:, :-1] + 1)


def test_windows_take_no_memory_of_their_own():
    ids = np.arange(1000, dtype=np.int32)
    assert np.shares_memory(windows(ids, 10), ids)


@pytest.mark.parametrize("length", [-1, 0, 10, 11])
def test_a_window_longer_than_the_text_or_empty_is_refused(length):
    with pytest.raises(ValueError, match=f"length must be from 1 to 9, not {length}"):
        windows(np.arange(10, dtype=np.int32), length)
