"""Downloads: asked for, over https, checked before use; nothing of this touches the network."""

import io
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import download as module
from experiments.download import DATA_SETS, DataSet, Remote, download
from experiments.errors import InputError
from experiments.steplaw import curves, data, references
from experiments.store import sha256

CONTENT = b"a,b\n1,2\n"


class Answer(io.BytesIO):
    def __init__(self, url: str, content: bytes):
        super().__init__(content)
        self.url = url

    def geturl(self) -> str:
        return self.url


class Web:
    """An opener that answers from memory and remembers what it was asked."""

    def __init__(self, content: bytes = CONTENT, leads_to: str | None = None):
        self.asked: list[str] = []
        self.content, self.leads_to = content, leads_to

    def __call__(self, url: str, timeout: float) -> Answer:
        assert timeout > 0
        self.asked.append(url)
        return Answer(self.leads_to or url, self.content)


@pytest.fixture
def known(monkeypatch) -> Remote:
    remote = Remote("set", "file.csv", "https://example.org/file.csv", sha256(CONTENT))
    monkeypatch.setattr(
        module, "DATA_SETS", {"one": DataSet((remote,), ("by_hand.csv",), "by hand")}
    )
    return remote


def by_hand(folder: Path) -> Path:
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "by_hand.csv").write_text("there")
    return folder


def test_a_file_that_is_known_is_fetched_once(known, tmp_path):
    web = Web()
    by_hand(tmp_path)
    download("one", tmp_path, web)
    download("one", tmp_path, web)
    assert web.asked == [known.url]
    assert (tmp_path / "set" / "file.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("web", "words"),
    [
        (Web(CONTENT + b"3,4\n"), "another sha256"),
        (Web(b""), "another sha256"),
        (Web(leads_to="http://example.org/file.csv"), "leads away from https"),
    ],
)
def test_other_bytes_are_not_kept(known, tmp_path, web, words):  # noqa: ARG001
    with pytest.raises(InputError, match=words):
        download("one", by_hand(tmp_path), web)
    assert not (tmp_path / "set" / "file.csv").exists()


def test_no_answer_is_one_line(known, tmp_path):  # noqa: ARG001
    def silent(url: str, timeout: float):
        raise OSError(f"{url} does not answer within {timeout}")

    with pytest.raises(InputError, match="cannot download https"):
        download("one", tmp_path, silent)


def test_only_https(monkeypatch, tmp_path):
    remote = Remote("set", "file.csv", "http://example.org/file.csv", sha256(CONTENT))
    monkeypatch.setattr(module, "DATA_SETS", {"one": DataSet((remote,), (), "")})
    web = Web()
    with pytest.raises(InputError, match="not https"):
        download("one", tmp_path, web)
    assert web.asked == []


def test_what_has_no_origin_is_named_with_how_to_get_it(known, tmp_path):  # noqa: ARG001
    with pytest.raises(InputError, match=r"cannot download by_hand.csv: by hand; put them into"):
        download("one", tmp_path, Web())
    assert (tmp_path / "set" / "file.csv").exists()


def test_every_file_that_is_read_is_either_fetched_or_named():
    steplaw = DATA_SETS["steplaw"]
    names = {remote.name for remote in steplaw.remote} | set(steplaw.other)
    assert names == {*data.COLUMNS, *references.COLUMNS, curves.CURVES}
    assert all(remote.url.startswith("https://") for remote in steplaw.remote)
    assert all("32a8f4cc" in remote.url for remote in steplaw.remote)


def test_without_being_asked_for_nothing_is_fetched(monkeypatch, tmp_path, capsys):
    web = Web()
    monkeypatch.setattr(module.urllib.request, "urlopen", web)
    (tmp_path / "data").mkdir()
    options = [
        "run",
        "steplaw",
        "--out",
        str(tmp_path / "out"),
        "--data-dir",
        str(tmp_path / "data"),
    ]
    assert command.main(options) == 2
    assert "is missing" in capsys.readouterr().err
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
