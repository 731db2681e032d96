"""What a claim is."""

from collections.abc import Callable
from dataclasses import dataclass

import xarray as xr

from experiments.judge import Outcome

KINDS = ("identity", "recursion", "mean", "optimality", "exponent", "approximation")


class Absent(Exception):
    """The dataset does not hold what a claim is about (a smaller preset, no data folder)."""


@dataclass(frozen=True)
class Claim:
    """A falsifiable statement: about which `law` of `theory.LAWS`, from which `source`, judged on
    the dataset of which `experiment`; `unit` is the statistic's."""

    id: str
    statement: str
    law: str
    source: str
    experiment: str
    kind: str
    unit: str
    expected: str
    judge: Callable[[xr.Dataset], Outcome]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.id}: unknown kind {self.kind!r}")


def select(dataset: xr.Dataset, **labels) -> xr.Dataset:
    """`dataset.sel`, raising Absent for a label that is not there."""
    for dim, label in labels.items():
        if label not in dataset[dim].values.tolist():
            raise Absent(f"no {dim} {label!r}")
    return dataset.sel(labels)
