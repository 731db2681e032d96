"""Step Law and its rivals on published language-model runs.

Parts are independent of each other: each takes all runs and gives variables of its own.  Their
modules are imported when they are run: advice, which reads what they found, has to be quick.
"""

import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import xarray as xr

from experiments.errors import InputError
from experiments.progress import progress
from experiments.spec import Experiment, check_seed
from experiments.store import Store


@dataclass(frozen=True)
class Spec:
    """Settings. `steps`: fewest steps of the runs that are looked at, one verdict each;
    `resamples`: of every bootstrap; `seed`: of resampling."""

    steps: tuple[int, ...] = (0, 4000, 8000, 16000)  # scientific
    resamples: int = 1000  # nuisance
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(steps=(0, 4000), resamples=100),
    "default": Spec(),
    "paper": Spec(resamples=10_000),
}
PARTS: Mapping[str, str] = {  # name → module of this package with `measure(runs, spec)`
    "published": "published",
    "slices": "batch",
    "advice": "advice",
}


def validate(spec: Spec) -> None:
    check_seed(spec.seed)
    if spec.resamples < 2:
        raise InputError(f"resamples must be at least 2, not {spec.resamples}")
    if not spec.steps or min(spec.steps) < 0 or sorted(set(spec.steps)) != list(spec.steps):
        raise InputError(f"steps must increase from 0 or more, not {list(spec.steps)}")


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:
    """Every part, each a cell; of the runs themselves nothing is kept, they are not ours."""
    import theory
    from experiments import advise, advise_rivals, fit, least_squares
    from experiments.steplaw import curves, references
    from experiments.steplaw.data import load_runs

    modules = (sys.modules[__name__], theory, fit, least_squares, advise, advise_rivals)
    runs, logs = load_runs(data_dir), curves.load_curves(data_dir)
    theirs = references.load_references(data_dir)
    found: list[xr.Dataset] = []
    parts: dict[str, Callable[[], xr.Dataset]] = {
        **{name: partial(_part(module), runs, spec) for name, module in PARTS.items()},
        "curves": partial(curves.measure, logs),
        "references": partial(references.measure, runs, theirs),
    }
    question = asdict(spec) | {"data": [digest(data) for data in (runs, logs, theirs)]}
    with progress("steplaw", len(parts)) as report:
        for name, measure in parts.items():
            part, recalled = store.cell(f"steplaw-{name}", question, modules, measure)
            found.append(part)
            report(name, recalled=recalled)
    return xr.merge(found, join="exact", compat="no_conflicts")


def _part(module: str) -> Callable[[xr.Dataset, Spec], xr.Dataset]:
    return importlib.import_module(f"{__name__}.{module}").measure


def digest(runs: xr.Dataset) -> str:
    """sha256 of a table of runs: names, types and values of its columns."""
    found = hashlib.sha256()
    for name in sorted(map(str, runs.data_vars)):
        values = runs[name].values
        content = str(values.tolist()).encode() if values.dtype == object else values.tobytes()
        found.update(f"{name} {values.dtype} ".encode() + content)
    return found.hexdigest()


EXPERIMENT = Experiment(
    name="steplaw",
    title="Step Law and its rivals on published language-model runs",
    core=False,
    budget_seconds=60,
    presets=PRESETS,
    validate=validate,
    run=run,
)
