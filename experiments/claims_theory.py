"""Claims on the laws themselves: every derivation that establishes a law verifies, step by step."""

from functools import partial

import numpy as np
import xarray as xr

import theory
from experiments.claim import Claim
from experiments.judge import FAILS, HOLDS, Outcome
from theory.hypotheses import EMPIRICAL


def verification() -> xr.Dataset:
    """`theory.verify()` as a dataset: one entry per checked step, ending and counterexample."""
    verdicts = theory.verify()
    columns = {
        "derivation": [v.derivation for v in verdicts],
        "step": [v.step for v in verdicts],
        "ok": np.array([v.ok for v in verdicts]),
        "how": [v.how for v in verdicts],
    }
    return xr.Dataset({name: ("check", values) for name, values in columns.items()})


def establishing(law: str) -> list[str]:
    """Names of the derivations that establish a law, at their end or on the way."""
    return [
        d.name
        for d in theory.derivations()
        if d.law.name == law or any(law == other.name for s in d.steps for other in s.laws)
    ]


def theory_claims() -> tuple[Claim, ...]:
    """One identity per law of `theory.LAWS` that can be derived."""
    return tuple(
        Claim(
            id=f"theory/{name}",
            statement=f"{law.title}: derived, every step checked",
            law=name,
            source=law.source,
            experiment="theory",
            kind="identity",
            unit="failed checks",
            expected=HOLDS,
            judge=partial(_verified, name),
        )
        for name, law in theory.LAWS.items()
        if EMPIRICAL not in law.holds
    )


def _verified(law: str, checks: xr.Dataset) -> Outcome:
    mine = np.isin(checks.derivation.values, establishing(law))
    steps, ok = checks.step.values[mine], checks.ok.values[mine].astype(bool)
    controls = {
        str(step): bool(good)
        for step, good in zip(steps, ok, strict=True)
        if str(step).startswith("without ")
    }
    failed = int((~ok).sum())
    verdict = HOLDS if failed == 0 and mine.any() else FAILS
    return Outcome(verdict, float(failed), 0.0, 0.0, int(mine.sum()), controls)
