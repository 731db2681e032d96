"""Step Law and its rivals on published language-model runs.

Parts are independent of each other: each takes all runs and gives variables of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from experiments.errors import InputError
from experiments.progress import progress
from experiments.spec import Experiment, check_seed
from experiments.steplaw.data import load_runs
from experiments.store import Store


@dataclass(frozen=True)
class Spec:
    """Settings. `steps`: fewest steps of the runs that are looked at, one verdict each;
    `resamples`: of every bootstrap; `seed`: of resampling."""

    steps: tuple[int, ...] = (0, 4000, 8000, 16000)  # scientific
    resamples: int = 1000  # nuisance
    seed: int = 0  # nuisance


PRESETS = {"smoke": Spec(steps=(0, 4000), resamples=100), "default": Spec()}
PARTS: Mapping[str, Callable[[xr.Dataset, Spec], xr.Dataset]] = {}


def validate(spec: Spec) -> None:
    check_seed(spec.seed)
    if spec.resamples < 2:
        raise InputError(f"resamples must be at least 2, not {spec.resamples}")
    if not spec.steps or min(spec.steps) < 0 or sorted(set(spec.steps)) != list(spec.steps):
        raise InputError(f"steps must increase from 0 or more, not {list(spec.steps)}")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:
    """Every part, one after the other, each a cell."""
    runs, found = load_runs(data_dir), []
    with progress("steplaw", len(PARTS)) as report:
        for name, measure in PARTS.items():
            part: Any = measure(runs, spec)
            found.append(part)
            report(name, recalled=False)
    return xr.merge([runs, *found], join="exact", compat="no_conflicts")


EXPERIMENT = Experiment(
    name="steplaw",
    title="Step Law and its rivals on published language-model runs",
    core=False,
    budget_seconds=60,
    presets=PRESETS,
    validate=validate,
    run=run,
)
