"""What an experiment is, and the table of all of them.

An experiment is a frozen dataclass of settings, grouped *scientific* (what the question is about),
*nuisance* (seeds, sample sizes) and *fixed*, with presets, a time budget and two functions; it
lives in a module of its own, imported only when needed.
"""

import importlib
import itertools
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from experiments.errors import InputError
from experiments.store import Store


@dataclass(frozen=True)
class Experiment:
    """`run(spec, store, data_dir)` measures by cells, lays the laws beside, and gives the finished
    dataset; `validate(spec)` raises InputError; `core`: part of `reproduce`."""

    name: str
    title: str
    core: bool
    budget_seconds: int
    presets: Mapping[str, Any]
    validate: Callable[[Any], None]
    run: Callable[[Any, Store, Path | None], xr.Dataset]


NAMES = (
    "onestep_quadratic",
    "onestep_rules",
    "onestep_rules_wide",
    "correlated_peak",
    "law_errors",
    "onestep_network",
    "onestep_nongaussian",
    "rivals",
    "steplaw",
    "whole_runs",
    "closure",
    "se_line",
    "momentum_runs",
    "cnn_fashion",
)


def experiment(name: str) -> Experiment:
    """The experiment called `name`; InputError if there is none."""
    if name not in NAMES:
        raise InputError(f"unknown experiment {name!r}; known: {', '.join(NAMES)}")
    return importlib.import_module(f"experiments.{name}").EXPERIMENT


def preset(of: Experiment, name: str) -> Any:
    """Settings of a preset; InputError if there is none of that name."""
    if name not in of.presets:
        raise InputError(f"{of.name} has no preset {name!r}; known: {', '.join(of.presets)}")
    return of.presets[name]


LARGEST = 2**31 - 1  # batch size, and seed
FINEST_RESOLUTION = 1e-9


def check_batches(batches: tuple[int, ...]) -> None:
    """Batch sizes must be at least 1, at most `LARGEST` and strictly increasing."""
    if not batches:
        raise InputError("the batch grid is empty")
    if any(not math.isfinite(b) or b < 1 for b in batches):
        raise InputError(f"batch sizes must be finite and at least 1: {list(batches)}")
    if any(b >= c for b, c in itertools.pairwise(batches)):
        raise InputError(f"batch sizes must increase: {list(batches)}")
    if batches[-1] > LARGEST:
        raise InputError(f"batch sizes must be at most {LARGEST}: {list(batches)}")


def check_positive(**values: float) -> None:
    """Each value must be finite and above zero."""
    for name, value in values.items():
        if not math.isfinite(value) or value <= 0:
            raise InputError(f"{name.replace('_', '-')} must be finite and above 0, not {value}")


def check_resolution(resolution: float) -> None:
    """A relative standard error to aim at: finite, and not below what float64 can tell."""
    check_positive(resolution=resolution)
    if resolution < FINEST_RESOLUTION:
        raise InputError(f"resolution must be at least {FINEST_RESOLUTION:g}, not {resolution:g}")


def check_names(kind: str, chosen: Collection[str], known: Collection[str]) -> None:
    """Each name of a `kind` must be known and chosen once, and at least one must be."""
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"name each {kind} once, and at least one")
    for name in chosen:
        if name not in known:
            raise InputError(f"unknown {kind} {name!r}; known: {', '.join(known)}")


def check_groups(seeds: int, groups: int) -> None:
    """Seeds must fall into so many groups of one size, for a jackknife over groups."""
    if seeds < groups or seeds % groups:
        raise InputError(f"seeds must be a multiple of {groups}, not {seeds}")


def check_seed(seed: int) -> None:
    """Seeds are counted from 0."""
    if not 0 <= seed <= LARGEST:
        raise InputError(f"seed must be from 0 to {LARGEST}, not {seed}")
