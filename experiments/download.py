"""Data sets fetched on demand: only where origin and sha256 are known, over https, checked first.

Nothing is fetched unless `--download` is given.  A file that is there is left alone; one whose
bytes have another sha256 than ours is not kept.
"""

import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.errors import InputError
from experiments.progress import notice
from experiments.store import sha256, write_atomic

LARGEST = 20_000_000  # bytes
PATIENCE = 60  # seconds without an answer
Opener = Callable[..., Any]


class Remote(NamedTuple):
    """A file `name` in a data set's folder; `url` its origin, `sha256` of its bytes."""

    folder: str
    name: str
    url: str
    sha256: str


class DataSet(NamedTuple):
    """What can be fetched, and the names of what cannot, being no straight copies, with a line on
    how to get them."""

    remote: tuple[Remote, ...]
    other: tuple[str, ...]
    how: str


STEPLAW_DATA = (
    "https://raw.githubusercontent.com/step-law/steplaw/"
    "32a8f4cc50247695fb56cc6c9117abdf67c97763/data"
)
STEPLAW_SHA256 = {
    "dense_lr_bs_loss.csv": "9e46181076c04d450294d75dfe6f72adc416e231e154a07b337e378f9410002c",
    "moe_lr_bs_loss.csv": "653d585244a7b227423007e8b796bc16d76f6d24eb87b1919b8f048a91897b92",
    "1004_fitted_lr_bs_scaling_model_parameters.csv":
        "2252afbba5530e6ba6167e8101bd2b9082a018a58cb5922cc8672891a7f4336c",
}  # fmt: skip
DATA_SETS: Mapping[str, DataSet] = {
    "steplaw": DataSet(
        tuple(
            Remote("steplaw", name, f"{STEPLAW_DATA}/{name}", digest)
            for name, digest in STEPLAW_SHA256.items()
        ),
        (
            "losscast_ncpl_steplaw_runs.csv",
            "losscast_ncpl_steplaw_curves.csv.gz",
            "site_heatmap_N1073741824_D100000000000.csv",
            "digitised_fig7_cells.csv",
        ),
        "converted from github.com/dangxingyu/losscast-bench at 7ab8291c, or transcribed from "
        "step-law.github.io at c9a778ce",
    )
}


def download(experiment: str, data_dir: Path, opener: Opener = urllib.request.urlopen) -> None:
    """Fetch what the data set of an experiment lacks.

    Errors: InputError if nothing of it can be fetched, if the origin does not answer or answers
    with other bytes, and, after all has been fetched, if files are lacking that have no origin.
    """
    if experiment not in DATA_SETS:
        raise InputError(f"no data of {experiment} can be downloaded")
    known = DATA_SETS[experiment]
    for remote in known.remote:
        path = data_dir / remote.folder / remote.name
        if not path.exists():
            write_atomic(path, fetched(remote, opener))
            notice(f"downloaded {path}")
    folder = data_dir / known.remote[0].folder
    lacking = _lacking(folder, known.other)
    if lacking:
        raise InputError(
            f"cannot download {', '.join(lacking)}: {known.how}; put them into {folder}"
        )


def fetched(remote: Remote, opener: Opener) -> bytes:
    """The file's bytes, known to be the right ones."""
    if not remote.url.startswith("https://"):
        raise InputError(f"{remote.url} is not https")
    try:
        with opener(remote.url, timeout=PATIENCE) as answer:
            if not str(answer.geturl()).startswith("https://"):
                raise InputError(f"{remote.url} leads away from https")
            content = answer.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot download {remote.url}: {error}") from None
    if sha256(content) != remote.sha256:
        raise InputError(f"{remote.url} is not the file that is known: another sha256")
    return content


def _lacking(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if not (folder / name).exists()]
