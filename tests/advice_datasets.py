"""The part `advice`, measured on made-up runs whose best learning rate follows a known law."""

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
import steplaw_datasets
import xarray as xr

from experiments.steplaw import advice

LAW, SHAPE = "saturating", 1.0
RESAMPLES = 40


@functools.cache
def _part() -> xr.Dataset:
    spec: Any = SimpleNamespace(resamples=RESAMPLES, seed=0, steps=(0,))
    return advice.measure(steplaw_datasets.runs(LAW), spec)


def part() -> xr.Dataset:
    """Fresh for every caller."""
    return _part().copy(deep=True)


def truth(params, tokens, batch) -> np.ndarray:
    """The learning rate that the made-up runs have their lowest loss at."""
    return np.exp(steplaw_datasets.log_optimum(LAW, params, tokens, batch, SHAPE))
