"""Claims on approximate laws: how far each is from the exact law, and where.

The bands were declared after a prototype on a third of the grid and before the full map.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr

import theory
from experiments import judge
from experiments.approximations import APPROXIMATIONS, point
from experiments.claim import Absent, Claim, select
from experiments.judge import FAILS, HOLDS, Outcome

SMALL = 0.15  # "small batch": B max r² at most this
Where = Callable[[xr.Dataset], xr.DataArray]


class Bound(NamedTuple):
    """`approximation` stays in `band` of the exact ε* for all points `where` it is said to; as a
    negative control `rival` (another approximation, or the same elsewhere) must not."""

    approximation: str
    words: str
    band: tuple[float, float]
    where: Where
    rival: tuple[str, Where] | None
    expected: str = HOLDS


def _all(d: xr.Dataset) -> xr.DataArray:
    return xr.ones_like(d.ratio, bool)


def _spread(low: float, high: float) -> Where:
    return lambda d: _all(d) & (d.spread >= low) & (d.spread <= high)


def _correlation(low: float, high: float) -> Where:
    return lambda d: _all(d) & (d.correlation >= low) & (d.correlation <= high)


def _strength(d: xr.Dataset) -> xr.DataArray:
    """B max r², by spread and batch size."""
    largest = [float((point(s, None, (1,)).mu ** 2).max()) for s in d.spread.values]
    return xr.DataArray(largest, coords={"spread": d.spread}) * d.batch


def _small(d: xr.Dataset) -> xr.DataArray:
    return _all(d) & (_strength(d) <= SMALL)


def _weakly(d: xr.Dataset) -> xr.DataArray:
    return _all(d) & (10 * _strength(d) <= 1 - d.correlation)


def _not_small(d: xr.Dataset) -> xr.DataArray:
    return _all(d) & (_strength(d) > 10)


BOUNDS = {
    "sigmoid": Bound(
        "sigmoid", "12 % everywhere", (0.88, 1.12), _all, ("mean_field", _spread(1, 2))
    ),
    "mean_field": Bound(
        "mean_field", "1 % where all ratios are equal", (0.99, 1.01), _spread(0, 0),
        ("mean_field", _spread(0.5, 2)),
    ),
    "mean_field_spread": Bound(
        "mean_field", "30 % for every spread up to 2", (0.7, 1.3), _spread(0, 2), None, FAILS
    ),
    "sign_mean_field": Bound(
        "sign_mean_field", "30 % where all ratios are equal", (0.7, 1.3), _spread(0, 0),
        ("sign_mean_field", _spread(1, 2)),
    ),
    "small_batch": Bound(
        "small_batch", "4 % where B max r² ≤ 0.15", (0.96, 1.04), _small,
        ("small_batch", _not_small),
    ),
    "adam_limit": Bound(
        "adam_limit", "2.5 % at (0.9, 0.95)", (0.975, 1.025), _all, ("mean_field", _spread(1, 2))
    ),
    "adam_first": Bound(
        "adam_first", "0.5 % at (0.9, 0.95)", (0.995, 1.005), _all, ("adam_limit", _all)
    ),
    "independent": Bound(
        "independent", "10 % for every correlation", (0.9, 1.1), _all, None, FAILS
    ),
    "correlated_small_batch": Bound(
        "correlated_small_batch", "15 % where 10 B max r² ≤ 1 − ρ", (0.85, 1.15), _weakly,
        ("small_batch", _not_small),
    ),
    "mehler_1": Bound(
        "mehler_1", "1 % for ρ ≤ 0.2", (0.99, 1.01), _correlation(0, 0.2),
        ("independent", _correlation(0.1, 0.2)),
    ),
    "mehler_3": Bound(
        "mehler_3", "1 % for ρ ≤ 0.45", (0.99, 1.01), _correlation(0, 0.45),
        ("mehler_1", _correlation(0, 0.45)),
    ),
    "normalised": Bound(
        "normalised", "5 % for independent noise", (0.95, 1.05), _correlation(0, 0),
        ("normalised", _correlation(0.3, 0.9)),
    ),
}  # fmt: skip


def _values(data: xr.Dataset, approximation: str, where: Where) -> np.ndarray:
    d = select(data, approximation=approximation)
    ratio = d.ratio.values[where(d).transpose(*d.ratio.dims).values & np.isfinite(d.ratio.values)]
    if not ratio.size:
        raise Absent(f"{approximation} was not evaluated there")
    return ratio


def _bounded(bound: Bound, data: xr.Dataset) -> Outcome:
    ratio = _values(data, bound.approximation, bound.where)
    controls = {}
    if bound.rival is not None:
        title = APPROXIMATIONS[bound.rival[0]].title
        elsewhere = bound.rival[0] == bound.approximation
        controls[f"{title}{' elsewhere' if elsewhere else ''}"] = _values(data, *bound.rival)
    return judge.within(ratio, 0.0, bound.band, controls, n=ratio.size)


def _claim(name: str, bound: Bound) -> Claim:
    approximation = APPROXIMATIONS[bound.approximation]
    law = theory.LAWS[approximation.law]
    return Claim(
        id=f"law_errors/{name}",
        statement=f"{approximation.title}: ε* within {bound.words}",
        law=law.name,
        source=law.source,
        experiment="law_errors",
        kind="approximation",
        unit="approximate / exact",
        expected=bound.expected,
        judge=partial(_bounded, bound),
    )


LAW_ERROR_CLAIMS = tuple(_claim(name, bound) for name, bound in BOUNDS.items())
