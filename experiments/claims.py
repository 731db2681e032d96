"""Every falsifiable statement, one row each, with its verdict expected before the first run.

They are assembled from the laws themselves (`claims_theory`), from what the quadratics must show of
two rules (`claims_quadratic`) and of all (`claims_rules`, `claims_rules_wide`), from where
correlated noise moves the peak (`claims_correlated_peak`), from how far approximate laws are off
(`claims_law_errors`), from what real networks do (`claims_network`), from small batches of samples
that are not Gaussian (`claims_nongaussian`), from how rival laws fit (`claims_rivals`) and from
what Step Law says of published language-model runs (`claims_steplaw`) and what these say of the
learning rate at a given batch size (`claims_steplaw_batch`,
`claims_steplaw_curve`), and from what whole runs do
(`claims_whole_runs`) and how well they are predicted (`claims_closure`), from the seed paper's CNN
(`claims_cnn`), and of how good the advice is (`claims_advice`).
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from experiments.claim import Absent, Claim
from experiments.claims_advice import ADVICE_CLAIMS
from experiments.claims_closure import CLOSURE_CLAIMS
from experiments.claims_cnn import CNN_CLAIMS
from experiments.claims_correlated_peak import CORRELATED_PEAK_CLAIMS
from experiments.claims_law_errors import LAW_ERROR_CLAIMS
from experiments.claims_momentum_runs import MOMENTUM_RUNS_CLAIMS
from experiments.claims_network import NETWORK_CLAIMS
from experiments.claims_nongaussian import NONGAUSSIAN_CLAIMS
from experiments.claims_quadratic import QUADRATIC_CLAIMS
from experiments.claims_rivals import RIVAL_CLAIMS
from experiments.claims_rules import RULES_CLAIMS
from experiments.claims_rules_wide import RULES_WIDE_CLAIMS
from experiments.claims_se_line import SE_LINE_CLAIMS
from experiments.claims_steplaw import STEPLAW_CLAIMS
from experiments.claims_steplaw_batch import STEPLAW_BATCH_CLAIMS
from experiments.claims_steplaw_curve import STEPLAW_CURVE_CLAIMS
from experiments.claims_theory import theory_claims
from experiments.claims_whole_runs import WHOLE_RUNS_CLAIMS
from experiments.judge import INCONCLUSIVE, NOT_RUN, Outcome

ABSENT = Outcome(NOT_RUN, 0.0, 0.0, 0.0, 0, {})


def all_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the table."""
    return (
        *theory_claims(),
        *QUADRATIC_CLAIMS,
        *RULES_CLAIMS,
        *RULES_WIDE_CLAIMS,
        *CORRELATED_PEAK_CLAIMS,
        *LAW_ERROR_CLAIMS,
        *NETWORK_CLAIMS,
        *NONGAUSSIAN_CLAIMS,
        *RIVAL_CLAIMS,
        *STEPLAW_CLAIMS,
        *WHOLE_RUNS_CLAIMS,
        *CLOSURE_CLAIMS,
        *SE_LINE_CLAIMS,
        *MOMENTUM_RUNS_CLAIMS,
        *CNN_CLAIMS,
        *STEPLAW_BATCH_CLAIMS,
        *STEPLAW_CURVE_CLAIMS,
        *ADVICE_CLAIMS,
    )


def judged(claim: Claim, dataset: xr.Dataset | None, seconds: float) -> dict[str, Any]:
    """The row of `claims.json`: the claim with its outcome on a dataset (None: not run)."""
    start = time.perf_counter()
    try:
        outcome = ABSENT if dataset is None else claim.judge(dataset)
    except Absent:
        outcome = ABSENT
    numbers = (outcome.statistic, outcome.threshold, outcome.resolution)
    if not all(map(math.isfinite, numbers)):
        outcome = ABSENT._replace(verdict=INCONCLUSIVE, controls=outcome.controls)
    return {
        "id": claim.id,
        "statement": claim.statement,
        "law": claim.law,
        "source": claim.source,
        "experiment": claim.experiment,
        "kind": claim.kind,
        "verdict": outcome.verdict,
        "expected": claim.expected,
        "statistic": float(outcome.statistic),
        "threshold": float(outcome.threshold),
        "resolution": float(outcome.resolution),
        "n": int(outcome.n),
        "unit": claim.unit,
        "controls": [{"name": k, "rejected": bool(v)} for k, v in outcome.controls.items()],
        "seconds": round(seconds + time.perf_counter() - start, 3),
    }


def unexpected(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of claims that ran and went against their expectation."""
    return [row for row in rows if row["verdict"] not in (NOT_RUN, row["expected"])]


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
