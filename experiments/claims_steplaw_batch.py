"""Claims on the best learning rate at a given batch size, of published language-model runs.

Expectations and bands were written after the laws had been tried out on these very runs, and say
what came out; they are no predictions. Every verdict on a law is asked of runs of at least 0,
4,000, 8,000 and 16,000 steps, and holds only if it holds of all; regrets, which say what a rule
costs, only from 4,000 steps on, since below the run is mostly warm-up.
"""

from collections.abc import Iterator
from functools import partial
from statistics import NormalDist

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from experiments.steplaw.decline import LEVEL
from theory.rivals import RIVALS

NAME, SOURCE = "steplaw", "derived here from the runs of Li et al. 2025 (2503.04715)"
NO_SUPPORT = 10.0  # of AICc above the best law's: Burnham and Anderson's "essentially none"
SEEN = 2.0  # what one parameter more costs in AICc
LOOKS = 4  # at runs of how many steps
SETTLED = 4000  # steps: shorter runs are mostly warm-up
CHEAP = 0.003  # % of the loss, a tenth of what the best law loses
BEST = ("knee", "coherent")
# In the mean over the slices of a cell not seen these cannot be told from the best: their paired
# loss is within its error at one threshold at least
AS_GOOD = ("saturating", "alpha", "mean_field", *BEST)
RAW = {"coherent": HOLDS, "knee": FAILS}  # the raw losses prefer the smooth bend, but at 16k steps


def claim(tail: str, statement: str, kind: str, unit: str, expected: str, judged, **more) -> Claim:
    about = {"law": "knee_lr", "source": SOURCE} | more
    return Claim(f"{NAME}/{tail}", statement, about["law"], about["source"], NAME, kind, unit,
                 expected, judged)  # fmt: skip


def _supported(value: np.ndarray, wrong: np.ndarray, n: int) -> Outcome:
    """AICc above the best's at every number of steps: none beyond NO_SUPPORT?"""
    verdict = HOLDS if (value <= NO_SUPPORT).all() else FAILS
    controls = {"constant": bool((wrong > NO_SUPPORT).all())}
    if not all(controls.values()):
        verdict = INCONCLUSIVE
    return Outcome(verdict, float(value.max()), NO_SUPPORT, SEEN, n, controls)


def _optima(law: str, data: xr.Dataset) -> Outcome:
    above = data["batch_aicc"] - data["batch_aicc"].min("batch_law")
    value, wrong = (above.sel(batch_law=name).values for name in (law, "constant"))
    return _supported(value, wrong, int(data["batch_optima"].max()))


def _raw(law: str, data: xr.Dataset) -> Outcome:
    """The deviance in units of the best law's per degree of freedom, and twice the parameters."""
    chi2, count = data["batch_raw_chi2"], data["batch_parameters"]
    free = data["batch_raw_points"] - data["batch_slices"]
    best = chi2.min("batch_law")
    score = chi2 / (best / free) + 2 * count
    above = score - score.min("batch_law")
    value, wrong = (above.sel(batch_law=name).values for name in (law, "constant"))
    return _supported(value, wrong, int(data["batch_raw_points"].max()))


def _loses(rule: str, data: xr.Dataset) -> Outcome:
    part = data.isel(least_steps=np.flatnonzero(data["least_steps"].values >= SETTLED))
    if not part.sizes["least_steps"]:
        raise Absent("no run is long enough")
    part = part.sel(batch_rule=rule)
    z = -NormalDist().inv_cdf(LEVEL / (2 * len(RIVALS) * part.sizes["least_steps"]))
    gap, sem = part["batch_regret_gap"].values, part["batch_regret_gap_sem"].values
    controls = {"the best law": (0 * gap, sem)}
    return judge.exceeds(gap, sem, controls, n=int(part["batch_slices"].max()), z=z)


def _choosing(data: xr.Dataset) -> Outcome:
    """What the law chosen without the judging cell loses more than the best, % of the loss."""
    part = data.isel(least_steps=np.flatnonzero(data["least_steps"].values >= SETTLED))
    if not part.sizes["least_steps"]:
        raise Absent("no run is long enough")
    gap, sem = part["batch_regret_gap"], part["batch_regret_gap_sem"]
    half = -NormalDist().inv_cdf(LEVEL / (2 * LOOKS)) * sem
    controls = {"square root": gap.sel(batch_rule="root").values}
    value, half = gap.sel(batch_rule="nested").values, half.sel(batch_rule="nested").values
    n = int(part["batch_slices"].max())
    return judge.within(value, half, (-CHEAP, CHEAP), controls, n=n)


def _laws() -> Iterator[Claim]:
    for name, rival in RIVALS.items():
        more = {"law": rival.law.name, "source": rival.law.source}
        yield claim(
            f"batch_law/{name}", f"{rival.words}: η*(B) of the slices leaves it open beside the "
            "best law, all cells fitted jointly", "approximation", "ΔAICc",
            HOLDS if name in BEST else FAILS, partial(_optima, name), **more,
        )  # fmt: skip
        if name == "lower_bound":
            continue  # not positive at small batches
        yield claim(
            f"batch_raw/{name}", f"{rival.words}: the raw losses leave it open beside the best",
            "approximation", "ΔAIC", RAW.get(name, FAILS), partial(_raw, name), **more,
        )  # fmt: skip
        if name in BEST:
            continue  # the yardstick
        yield claim(
            f"batch_regret/{name}", f"{rival.words}: loses more than the best in cells not seen",
            "optimality", "standard errors", INCONCLUSIVE if name in AS_GOOD else HOLDS,
            partial(_loses, name), **more,
        )  # fmt: skip
    words = {"step_law": "as it stands", "step_law_root": "times √(B/B*)",
             "step_law_linear": "times B/B*"}  # fmt: skip
    for name, how in words.items():
        yield claim(
            f"batch_regret/{name}", f"Step Law's learning rate {how} loses more than the best law "
            "in cells not seen", "optimality", "standard errors", HOLDS, partial(_loses, name),
            law="step_lr",
        )  # fmt: skip
    yield claim(
        "batch_nested/cost", f"a law chosen among {len(RIVALS)} without the cell that judges it "
        "loses no more than the best law", "approximation", "% of the loss", HOLDS, _choosing,
    )  # fmt: skip


STEPLAW_BATCH_CLAIMS = tuple(_laws())
