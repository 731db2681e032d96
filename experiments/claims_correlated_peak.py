"""Claims on the place of sign descent's peak under correlated noise; bands declared beforehand."""

from functools import partial

import numpy as np
import xarray as xr

import theory
from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.claims_quadratic import Z
from experiments.correlated_peak import KINDS
from experiments.judge import HOLDS, Outcome

PLACE = (0.85, 1.15)  # of the exact peak
FINEST = 0.05


def _place(problem: str, data: xr.Dataset) -> Outcome:
    """B_noise = D0/D1 is within 15 % of the exact peak; the paper's B_noise is not."""
    d = select(data, problem=problem)
    exact, law = float(d.peak), float(d.correlated_noise_scale)
    if not bool(d.in_regime) or not np.isfinite(exact):
        raise Absent("outside its regime, or no peak inside this grid")
    paper = {"B_noise of Theorem 3": np.array([float(d.paper_noise_scale) / exact])}
    return judge.within(np.array([law / exact]), 0.0, PLACE, paper, n=1)


def _curve(problem: str, data: xr.Dataset) -> Outcome:
    """Measured ε* is the exact law's; that of independent noise is rejected."""
    d = select(data, problem=problem)
    return judge.agreement(
        d.lr_star_mean.values, d.lr_star_sem.values, d.lr_star_law.values,
        {"independence": d.lr_star_independent.values},
        n=int(d.draws.sum()), z=Z, finest=FINEST,
    )  # fmt: skip


def _claims():
    place, curve = (theory.LAWS[name] for name in ("correlated_noise_scale", "sign_lr"))
    for name in KINDS:
        yield Claim(
            id=f"correlated_peak/place/{name}",
            statement=f"{name}: the peak of ε* is at D0/D1 within 15 %",
            law=place.name, source=place.source, experiment="correlated_peak",
            kind="approximation", unit="law / exact", expected=HOLDS,
            judge=partial(_place, name),
        )  # fmt: skip
        yield Claim(
            id=f"correlated_peak/curve/{name}",
            statement=f"{name}: ε* agrees with the law of correlated noise at every B",
            law=curve.name, source=curve.source, experiment="correlated_peak",
            kind="mean", unit="standard errors", expected=HOLDS,
            judge=partial(_curve, name),
        )  # fmt: skip


CORRELATED_PEAK_CLAIMS = tuple(_claims())
