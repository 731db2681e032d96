"""Every costly update rule against its law where `onestep_rules` leaves it out, d = 2 … 1024.

`onestep_rules` tries rules that run in chains or take singular values on four of the pairs, at 16
to 256 coordinates; this is the same comparison on the others, and at other sizes.  It takes a
quarter of an hour: what it found is recorded in `results/`.
"""

from functools import partial
from pathlib import Path

import xarray as xr

from experiments import wide_cases
from experiments.onestep_rules import Spec, compared, validate
from experiments.spec import Experiment
from experiments.store import Store
from experiments.wide_cases import SIZES

NAME = "onestep_rules_wide"
CASES = wide_cases.cases()
BATCHES = (1, 3, 10, 30, 100, 10**4)
DEFAULT = Spec(cases=tuple(CASES), problems=tuple(SIZES), batches=BATCHES)
PRESETS = {
    "smoke": Spec(
        cases=tuple(name for name in ("momentum", "signum(0.9)") if name in CASES),
        problems=("diagonal_shaped", "dense_low_rank"),
        batches=(1, 100, 10**4),
    ),
    "default": DEFAULT,
    "paper": Spec(
        cases=DEFAULT.cases, problems=DEFAULT.problems, batches=BATCHES,
        resolution=0.0005, limit=2**26,
    ),
}  # fmt: skip


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """The costly rules, on all problems."""
    return compared(NAME, CASES, spec, store)


EXPERIMENT = Experiment(
    name=NAME,
    title="One step of rules with memory and of matrices, on all nine kinds of problem",
    core=False,
    budget_seconds=1200,
    presets=PRESETS,
    validate=partial(validate, cases=CASES),
    run=run,
)
