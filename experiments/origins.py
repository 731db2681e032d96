"""Where data sets come from: files whose published bytes are the ones that are checked.

Each is named at a commit, so that it cannot change.  What is no straight copy of a published file
cannot be fetched; a line says how to get it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sim.data import FASHION_MNIST
from sim.image_data import FASHION_MNIST_TEST, TINY_IMAGENET
from sim.text_data import ELI5_CATEGORY, TINY_SHAKESPEARE, WIKITEXT2


class Remote(NamedTuple):
    """A file `name` in a data set's folder; `url` its origin, `sha256` of its bytes."""

    name: str
    url: str
    sha256: str


class DataSet(NamedTuple):
    """What of a data set can be fetched, and the names of what cannot, with a line on how to get
    them."""

    remote: tuple[Remote, ...]
    other: tuple[str, ...] = ()
    how: str = ""


STEPLAW = {
    "dense_lr_bs_loss.csv": "9e46181076c04d450294d75dfe6f72adc416e231e154a07b337e378f9410002c",
    "moe_lr_bs_loss.csv": "653d585244a7b227423007e8b796bc16d76f6d24eb87b1919b8f048a91897b92",
    "1004_fitted_lr_bs_scaling_model_parameters.csv":
        "2252afbba5530e6ba6167e8101bd2b9082a018a58cb5922cc8672891a7f4336c",
}  # fmt: skip


def _github(place: str, digests: Mapping[str, str], *names: str) -> tuple[Remote, ...]:
    """Files at `place`, an owner/repository/commit/folder; `names` are theirs there, if others."""
    return tuple(
        Remote(name, f"https://raw.githubusercontent.com/{place}/{there}", digest)
        for (name, digest), there in zip(digests.items(), names or digests, strict=True)
    )


DATA_SETS: Mapping[str, DataSet] = {  # by folder
    "steplaw": DataSet(
        _github("step-law/steplaw/32a8f4cc50247695fb56cc6c9117abdf67c97763/data", STEPLAW),
        (
            "losscast_ncpl_steplaw_runs.csv",
            "losscast_ncpl_steplaw_curves.csv.gz",
            "site_heatmap_N1073741824_D100000000000.csv",
            "digitised_fig7_cells.csv",
        ),
        "converted from github.com/dangxingyu/losscast-bench at 7ab8291c, or transcribed from "
        "step-law.github.io at c9a778ce",
    ),
    "fashion_mnist": DataSet(
        _github(
            "zalandoresearch/fashion-mnist/b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion",
            {**FASHION_MNIST, **FASHION_MNIST_TEST},
        )
    ),
    "tiny_imagenet_200": DataSet(
        (),
        tuple(TINY_IMAGENET),
        "packed from the JPEG files of Stanford CS231n's tiny-imagenet-200.zip, the first 150 "
        "training and 25 validation pictures of each class",
    ),
    "wikitext2": DataSet(
        _github(
            "pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/"
            "wikitext-2",
            WIKITEXT2, "train.txt", "valid.txt", "test.txt",
        )
    ),
    "tinyshakespeare": DataSet(
        _github(
            "karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare",
            TINY_SHAKESPEARE,
        )
    ),
    "eli5_category": DataSet(
        _github(
            "rexarski/ANLY580-final-project/093eeaab7ab9fb382ad695335243e6ded893fb27/"
            "data_creation/dataset",
            ELI5_CATEGORY,
        )
    ),
}  # fmt: skip
