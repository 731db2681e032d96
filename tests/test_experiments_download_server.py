"""Downloads from a server on this machine: one that is well, and what can go wrong with one.

Whatever goes wrong, the command ends with one line and an exit code, and leaves nothing: not a part
of a file, and not one file of two.
"""

import http.server
import resource
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import __main__ as command
from experiments import download as module
from experiments import reproduce
from experiments.origins import DataSet, Remote
from experiments.store import sha256

CONTENT = bytes(range(256)) * 100
HALF = len(CONTENT) // 2
ORIGIN = "https://example.org"
EXPERIMENT = "law_errors"  # stands for any: its run is replaced
MAIN = threading.main_thread()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path says."""

    released = threading.Event()  # ends what would wait for ever

    def do_GET(self):
        if self.path == "/absent":
            self.send_error(404)
        elif self.path == "/drips_headers":
            self.drip(b"HTTP/1.0 200 OK\r\nA: " + CONTENT)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            getattr(self, self.path.removeprefix("/"))()

    def good(self):
        self.wfile.write(CONTENT)

    def truncated(self):
        self.wfile.write(CONTENT[:HALF])

    def altered(self):
        self.wfile.write(CONTENT[:HALF] + b"\xff" + CONTENT[HALF + 1 :])

    def stalls(self):
        self.wfile.write(CONTENT[:HALF])
        self.released.wait(30)

    def drips(self):
        self.drip(CONTENT)

    def interrupted(self):
        self.wfile.write(CONTENT[:HALF])
        assert MAIN.ident is not None
        signal.pthread_kill(MAIN.ident, signal.SIGINT)
        self.released.wait(30)

    def drip(self, content: bytes):
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.released.wait(0.05):
                return

    def handle(self):
        try:
            super().handle()
        except ConnectionError:  # the other side has given up
            self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Where the server is."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        Handler.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def web(server, monkeypatch) -> None:
    """The server is what https leads to."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def urlopen(url: str, timeout: float):
        answer = direct.open(url.replace(ORIGIN, server), timeout=timeout)
        answer.url = url
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(module, "PATIENCE", 20.0)
    monkeypatch.setattr(module, "LONGEST", 20.0)
    monkeypatch.setattr(reproduce, "run_one", lambda *_: 0)


def asked(data: Path, behavior: str, monkeypatch) -> int:
    """The exit code of a run with `--download` of a data set of two files: the server sends the
    first as it should, and the second as it does."""
    remote = tuple(
        Remote(f"{name}.bin", f"{ORIGIN}/{path}", sha256(CONTENT))
        for name, path in (("first", "good"), ("second", behavior))
    )
    monkeypatch.setattr(module, "DATA_SETS", {"set": DataSet(remote)})
    monkeypatch.setattr(module, "READS", {EXPERIMENT: ("set",)})
    data.mkdir(exist_ok=True)
    return command.main(["run", EXPERIMENT, "--data-dir", str(data), "--download"])


def left(data: Path) -> set[str]:
    return {path.name for path in data.rglob("*") if path.is_file()}


def errors(capsys) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if not line.startswith("downloading https://")]


def test_from_a_good_server_both_files_come_whole(tmp_path, monkeypatch, capsys):
    assert asked(tmp_path, "good", monkeypatch) == 0
    assert left(tmp_path) == {"first.bin", "second.bin"}
    assert (tmp_path / "set" / "second.bin").read_bytes() == CONTENT
    assert [line.split()[0] for line in errors(capsys)] == ["downloaded", "downloaded"]


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        ("truncated", f"is not the file that is known: {HALF} bytes with another sha256"),
        ("altered", f"is not the file that is known: {len(CONTENT)} bytes with another sha256"),
        ("absent", "HTTP Error 404: Not Found"),
    ],
)
def test_what_goes_wrong_is_one_line_and_nothing_is_left(
    tmp_path, monkeypatch, capsys, behavior, words
):
    assert asked(tmp_path, behavior, monkeypatch) == 2
    (line,) = errors(capsys)
    assert line.startswith("error: ")
    assert f"{ORIGIN}/{behavior}" in line
    assert line.endswith(words)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    ("behavior", "limit", "words"),
    [
        ("stalls", "PATIENCE", "timed out"),
        ("drips", "LONGEST", "not finished after 1.0 s"),
        ("drips_headers", "LONGEST", "not finished after 1.0 s"),
    ],
)
def test_a_slow_server_is_given_up_in_time(tmp_path, monkeypatch, capsys, behavior, limit, words):
    monkeypatch.setattr(module, limit, 1.0)
    start = time.monotonic()
    assert asked(tmp_path, behavior, monkeypatch) == 2
    assert time.monotonic() - start < 10
    (line,) = errors(capsys)
    assert line == f"error: cannot download {ORIGIN}/{behavior}: {words}"
    assert left(tmp_path) == set()


def test_a_server_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(urllib.request, "urlopen", urllib.request.build_opener(
        urllib.request.ProxyHandler({})).open)  # fmt: skip
    monkeypatch.setattr(f"{__name__}.ORIGIN", "https://127.0.0.1:1")
    assert asked(tmp_path, "good", monkeypatch) == 2
    (line,) = errors(capsys)
    assert line.startswith("error: cannot download https://127.0.0.1:1/good: ")
    assert "refused" in line
    assert left(tmp_path) == set()


def test_an_interrupted_download_leaves_nothing_and_can_be_done_again(
    tmp_path, monkeypatch, capsys
):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert asked(tmp_path, "interrupted", monkeypatch) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert [line.split(":")[0] for line in errors(capsys)] == ["interrupted"]
    assert left(tmp_path) == set()
    assert asked(tmp_path, "good", monkeypatch) == 0
    assert left(tmp_path) == {"first.bin", "second.bin"}


def test_a_full_disk_is_one_line_and_no_part_of_a_file_is_left(tmp_path, monkeypatch, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))  # no file may be longer than half
    try:
        assert asked(tmp_path, "good", monkeypatch) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (line,) = errors(capsys)
    assert line.startswith(f"error: cannot write {tmp_path / 'set' / 'first.bin'}: File too large")
    assert left(tmp_path) == set()


def test_a_folder_that_may_not_be_written_to_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "set").write_text("no folder")
    assert asked(tmp_path, "good", monkeypatch) == 2
    (line,) = errors(capsys)
    assert line.startswith(f"error: cannot write {tmp_path / 'set' / 'first.bin'}: ")
    assert left(tmp_path) == {"set"}
