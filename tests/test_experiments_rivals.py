"""Claims on the rivals: each can hold, fail and stay open, by the curve that is put in."""

import numpy as np
import pytest
import xarray as xr

from experiments.claims import judged
from experiments.claims_rivals import DESCRIBING, RIVAL_CLAIMS
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from theory.rivals import RIVALS

CLAIMS = {claim.id: claim for claim in RIVAL_CLAIMS}
BATCH = 2.0 ** np.arange(17)
KAPPA2, COHERENCE = 100.0, 10.0


def measured(name: str, *form: float, relative: float = 1e-3) -> xr.Dataset:
    """A dataset in which every curve is the rival called `name`."""
    scale = np.pi * KAPPA2 / 2
    rate = np.asarray(RIVALS[name].law.jax(BATCH, 0.3, scale, *form))
    dims = ("problem", "rule", "batch")
    problems, rules = ["diagonal", "rank_one"], ["sign", "sgd"]
    columns = {
        "lr_star_mean": (dims, np.broadcast_to(rate, (2, 2, 17))),
        "lr_star_sem": (dims, np.broadcast_to(relative * rate, (2, 2, 17))),
        "draws": (dims, np.full((2, 2, 17), 100)),
        "ratio_max": ("problem", [0.1, 0.1]),
        "Q": ("problem", [COHERENCE] * 2),
        "trace": ("problem", [1.0] * 2),
    }
    return xr.Dataset(columns, {"problem": problems, "rule": rules, "batch": BATCH.astype(int)})


def verdict(id: str, data: xr.Dataset) -> str:
    row = judged(CLAIMS[f"onestep_quadratic/rival/{id}"], data, 0.0)
    assert row["verdict"] != HOLDS or all(control["rejected"] for control in row["controls"])
    return row["verdict"]


def test_every_rival_is_judged_on_every_problem():
    for rule, problem in DESCRIBING:
        for name in RIVALS:
            assert f"onestep_quadratic/rival/{rule}/{problem}/{name}" in CLAIMS


@pytest.mark.parametrize(
    ("name", "form"), [("half", ()), ("alpha", (0.7,)), ("coherent", (COHERENCE,)), ("linear", ())]
)
def test_a_rival_describes_its_own_curve(name, form):
    assert verdict(f"sign/rank_one/{name}", measured(name, *form)) == HOLDS


@pytest.mark.parametrize("name", ["linear", "root", "power", "saturating", "alpha", "knee"])
def test_what_cannot_fall_does_not_describe_a_surge(name):
    assert verdict(f"sign/rank_one/{name}", measured("coherent", COHERENCE)) == FAILS


def test_coarse_measurements_decide_nothing():
    assert verdict("sign/rank_one/half", measured("half", relative=0.02)) == INCONCLUSIVE


def test_a_missing_curve_or_too_few_points_are_not_judged():
    data = measured("half")
    assert verdict("sign/power_law/half", data) == NOT_RUN
    assert verdict("sign/rank_one/half", data.isel(batch=[0, 4, 8, 16])) == NOT_RUN
    assert verdict("parameters", data.isel(batch=[0, 4, 8, 16])) == NOT_RUN


def test_the_parameters_found_are_those_of_the_problem_or_the_claim_fails():
    data = measured("coherent", COHERENCE, relative=2e-4)
    row = judged(CLAIMS["onestep_quadratic/rival/parameters"], data, 0.0)
    assert row["verdict"] == HOLDS
    assert row["controls"] == [{"name": "mean field", "rejected": True}]
    assert verdict("parameters", data.assign(Q=1.05 * data.Q)) == FAILS


def test_a_network_is_judged_at_the_checkpoint_of_its_target():
    rate = np.asarray(RIVALS["alpha"].law.jax(4.0 ** np.arange(7), 0.01, 90.0, 0.6))
    dims = ("network", "checkpoint", "batch")
    data = xr.Dataset(
        {
            "lr_star_mean": (dims, rate[None, None]),
            "lr_star_sem": (dims, 0.02 * rate[None, None]),
            "denominator_draws": (dims, np.full((1, 1, 7), 9)),
            "target": ("checkpoint", [0.3]),
        },
        {"network": ["digits_mlp"], "checkpoint": [0], "batch": 4 ** np.arange(7)},
    )
    prefix = "onestep_network/rival/digits_mlp"
    assert judged(CLAIMS[f"{prefix}/0.3/alpha"], data, 0.0)["verdict"] == HOLDS
    assert judged(CLAIMS[f"{prefix}/0.3/linear"], data, 0.0)["verdict"] == FAILS
    assert judged(CLAIMS[f"{prefix}/1/alpha"], data, 0.0)["verdict"] == NOT_RUN
