"""Data sets fetched on demand: only where origin and sha256 are known, over https, checked first.

Nothing is fetched unless `--download` is given.  A file that is there is left alone; one whose
bytes have another sha256 than ours is not kept.  Of a data set all that is lacking is fetched
before any of it is written: a download that is interrupted leaves nothing.
"""

import threading
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from queue import Empty, Queue

from experiments.errors import InputError
from experiments.origins import DATA_SETS, Remote
from experiments.progress import notice
from experiments.store import sha256, write_atomic

READS: Mapping[str, tuple[str, ...]] = {  # the data sets of an experiment
    "steplaw": ("steplaw",),
    "onestep_network": ("fashion_mnist",),
    "cnn_fashion": ("fashion_mnist",),
}
LARGEST = 30_000_000  # bytes of a file
PATIENCE = 60  # seconds without any answer
LONGEST = 900  # seconds for a file: 33 kB/s for the largest


def download(experiment: str, data_dir: Path) -> None:
    """Fetch what the data sets of an experiment lack.

    Errors: InputError if the experiment reads none, if an origin does not answer in time or answers
    with other bytes, if the folder cannot be written to, and, after all of a data set has been
    fetched, if files are lacking that have no origin.
    """
    if experiment not in READS:
        raise InputError(f"no data of {experiment} can be downloaded")
    for name in READS[experiment]:
        fetch(name, data_dir / name)


def fetch(name: str, folder: Path) -> None:
    """Fetch what a data set lacks in its folder; errors as of `download`."""
    known = DATA_SETS[name]
    lacking = {r: folder / r.name for r in known.remote if not (folder / r.name).exists()}
    contents = {path: fetched(remote) for remote, path in lacking.items()}
    for path, content in contents.items():
        write_atomic(path, content)
        notice(f"downloaded {path}")
    by_hand = [other for other in known.other if not (folder / other).exists()]
    if by_hand:
        raise InputError(
            f"cannot download {', '.join(by_hand)}: {known.how}; put them into {folder}"
        )


def fetched(remote: Remote) -> bytes:
    """The file's bytes, known to be the right ones.

    They are asked for in a thread that is given up after `LONGEST`: a server that sends a byte now
    and then never tries the patience of a socket.
    """
    if not remote.url.startswith("https://"):
        raise InputError(f"{remote.url} is not https")
    notice(f"downloading {remote.url}")
    answers: Queue[bytes | Exception] = Queue()
    threading.Thread(target=_ask, args=(remote.url, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=LONGEST)
    except Empty:
        answer = TimeoutError(f"not finished after {LONGEST} s")
    if isinstance(answer, OSError | HTTPException):
        raise InputError(f"cannot download {remote.url}: {answer}")
    if isinstance(answer, Exception):
        raise answer
    if sha256(answer) != remote.sha256:
        raise InputError(
            f"{remote.url} is not the file that is known: {len(answer)} bytes with another sha256"
        )
    return answer


def _ask(url: str, answers: Queue) -> None:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            if not str(answer.geturl()).startswith("https://"):
                raise OSError("it leads away from https")
            answers.put(answer.read(LARGEST + 1))
    except Exception as error:
        answers.put(error)
