"""Downloads: asked for, over https, checked before use; nothing of this touches the network."""

import ast
import inspect
import io
import urllib.request
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import download as module
from experiments.download import DATA_SETS, READS, download, fetch
from experiments.errors import InputError
from experiments.origins import DataSet, Remote
from experiments.spec import NAMES, experiment
from experiments.steplaw import curves, data, references
from experiments.store import sha256
from sim import image_data, text_data
from sim.data import DATASETS, FASHION_MNIST

CONTENT = b"a,b\n1,2\n"
URL = "https://example.org/file.csv"


class Answer(io.BytesIO):
    def __init__(self, url: str, content: bytes):
        super().__init__(content)
        self.url = url

    def geturl(self) -> str:
        return self.url


class Web:
    """Answers from memory in the place of the network, and remembers what it was asked."""

    def __init__(self, content: bytes = CONTENT, leads_to: str | None = None):
        self.asked: list[str] = []
        self.content, self.leads_to = content, leads_to

    def __call__(self, url: str, timeout: float) -> Answer:
        assert timeout > 0
        self.asked.append(url)
        return Answer(self.leads_to or url, self.content)


@pytest.fixture
def answers(monkeypatch):
    """Puts something in the place of the network."""

    def put(web):
        monkeypatch.setattr(urllib.request, "urlopen", web)
        return web

    return put


@pytest.fixture(autouse=True)
def known(monkeypatch) -> None:
    """An experiment "one" that reads a data set of a file with an origin and one without."""
    one = DataSet((Remote("file.csv", URL, sha256(CONTENT)),), ("by_hand.csv",), "by hand")
    monkeypatch.setattr(module, "DATA_SETS", {"set": one, **DATA_SETS})
    monkeypatch.setattr(module, "READS", {"one": ("set",), **READS})


def by_hand(folder: Path) -> Path:
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "by_hand.csv").write_text("there")
    return folder


# One file


def test_a_file_that_is_known_is_fetched_once(answers, tmp_path):
    web = answers(Web())
    by_hand(tmp_path)
    download("one", tmp_path)
    download("one", tmp_path)
    assert web.asked == [URL]
    assert (tmp_path / "set" / "file.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("web", "words"),
    [
        (Web(CONTENT + b"3,4\n"), "12 bytes with another sha256"),
        (Web(b""), "0 bytes with another sha256"),
        (Web(leads_to="http://example.org/file.csv"), "leads away from https"),
    ],
)
def test_other_bytes_are_not_kept(answers, tmp_path, web, words):
    answers(web)
    with pytest.raises(InputError, match=words):
        download("one", by_hand(tmp_path))
    assert not (tmp_path / "set" / "file.csv").exists()


def test_no_more_is_read_than_the_largest_file_has(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", len(CONTENT))
    answers(Web(CONTENT * 10))
    with pytest.raises(InputError, match=f"{len(CONTENT) + 1} bytes with another sha256"):
        download("one", tmp_path)


def test_no_answer_is_one_line(answers, tmp_path):
    def silent(url: str, timeout: float):
        raise OSError(f"{url} does not answer within {timeout}")

    answers(silent)
    with pytest.raises(InputError, match="cannot download https"):
        download("one", tmp_path)


def test_a_mistake_of_ours_is_not_called_one_of_the_network(answers, tmp_path):
    def mistaken(url: str, timeout: float):
        raise AssertionError(url, timeout)

    answers(mistaken)
    with pytest.raises(AssertionError):
        download("one", tmp_path)


def test_only_https(answers, monkeypatch, tmp_path):
    plain = Remote("file.csv", "http://example.org/file.csv", sha256(CONTENT))
    monkeypatch.setattr(module, "DATA_SETS", {"set": DataSet((plain,))})
    web = answers(Web())
    with pytest.raises(InputError, match="not https"):
        download("one", tmp_path)
    assert web.asked == []


def test_what_has_no_origin_is_named_with_how_to_get_it(answers, tmp_path):
    answers(Web())
    with pytest.raises(InputError, match=r"cannot download by_hand.csv: by hand; put them into"):
        download("one", tmp_path)
    assert (tmp_path / "set" / "file.csv").exists()


# What is known of each data set


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("steplaw", {*data.COLUMNS, *references.COLUMNS, curves.CURVES}),
        ("fashion_mnist", {*FASHION_MNIST, *image_data.FASHION_MNIST_TEST}),
        ("tiny_imagenet_200", set(image_data.TINY_IMAGENET)),
        ("wikitext2", set(text_data.WIKITEXT2)),
        ("tinyshakespeare", set(text_data.TINY_SHAKESPEARE)),
        ("eli5_category", set(text_data.ELI5_CATEGORY)),
    ],
)
def test_every_file_that_is_read_is_either_fetched_or_named(name, files):
    known = DATA_SETS[name]
    assert {remote.name for remote in known.remote} | set(known.other) == files
    assert bool(known.other) == bool(known.how)


def test_every_origin_is_at_a_commit_over_https():
    for known in DATA_SETS.values():
        for remote in known.remote:
            host, owner, repository, commit, *_ = remote.url.removeprefix("https://").split("/")
            assert (host, len(commit)) == ("raw.githubusercontent.com", 40)
            assert int(commit, 16)
            assert owner
            assert repository
            assert len(remote.sha256) == 64


def test_the_files_of_a_text_keep_their_order():
    assert [(r.name, r.url.rpartition("/")[2]) for r in DATA_SETS["wikitext2"].remote] == [
        ("wiki.train.tokens", "train.txt"),
        ("wiki.valid.tokens", "valid.txt"),
        ("wiki.test.tokens", "test.txt"),
    ]


def test_what_was_packed_anew_is_not_fetched_and_one_line_says_how_to_get_it(answers, tmp_path):
    web = answers(Web())
    with pytest.raises(InputError) as error:
        fetch("tiny_imagenet_200", tmp_path)
    assert web.asked == []
    assert str(error.value).startswith("cannot download train.npz, val.npz: packed from the JPEG")
    assert "tiny-imagenet-200.zip" in str(error.value)


def test_what_every_experiment_reads_is_known():
    def asks_for_a_folder(name: str) -> bool:
        tree = ast.parse(inspect.getsource(experiment(name).run))
        return any(isinstance(n, ast.Name) and n.id == "data_dir" for n in ast.walk(tree))

    assert set(READS) == {name for name in NAMES if asks_for_a_folder(name)}
    assert {name for names in READS.values() for name in names} <= set(DATA_SETS)
    assert set(DATASETS) - {"digits"} <= set(DATA_SETS)


# The command


def test_without_being_asked_for_nothing_is_fetched(answers, tmp_path, capsys):
    web = answers(Web())
    (tmp_path / "data").mkdir()
    options = ["--out", str(tmp_path / "out"), "--data-dir", str(tmp_path / "data")]
    assert command.main(["run", "steplaw", *options]) == 2
    assert "is missing" in capsys.readouterr().err
    assert web.asked == []
    assert command.main(["run", "steplaw", *options, "--download"]) == 2
    assert web.asked == [DATA_SETS["steplaw"].remote[0].url]


def test_wrong_settings_are_refused_before_anything_is_fetched(answers, tmp_path, capsys):
    web = answers(Web())
    options = ["--data-dir", str(tmp_path), "--out", str(tmp_path / "out"), "--download"]
    assert command.main(["run", "onestep_network", "--seed", "-1", *options]) == 2
    assert "seed" in capsys.readouterr().err
    assert web.asked == []


def test_asked_for_it_is_tried_and_refusal_is_exit_code_2(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr(module, "download", lambda name, folder: asked.append((name, folder)))
    (tmp_path / "data").mkdir()
    options = ["--out", str(tmp_path / "out"), "--data-dir", str(tmp_path / "data"), "--download"]
    assert command.main(["run", "steplaw", *options]) == 2
    assert asked == [("steplaw", tmp_path / "data")]
    assert "is missing" in capsys.readouterr().err
    monkeypatch.undo()
    assert command.main(["run", "law_errors", *options]) == 2
    assert "no data of law_errors can be downloaded" in capsys.readouterr().err
