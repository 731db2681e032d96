"""Predictions of ε* with momentum: exact cases, and the claims' verdicts on made-up data."""

import jax.numpy as jnp
import numpy as np
import pytest
import run_datasets

import theory
from experiments.claim import Absent
from experiments.claims_momentum_runs import MOMENTUM_RUNS_CLAIMS
from experiments.errors import InputError
from experiments.judge import FAILS, HOLDS
from experiments.momentum_predictions import KINDS, predicted
from experiments.momentum_runs import PRESETS, validate
from sim import Quadratic

PROBLEM = Quadratic(jnp.array([1.0, 0.5]), jnp.array([1.0, 1.0]), jnp.array([2.0, 2.0]))
PLAIN_BATCH = 2.0 ** np.arange(0, 16)
BATCH = np.array([4.0, 64.0])


def curve(power):
    return np.stack([PLAIN_BATCH**power, 2 * PLAIN_BATCH**power], -1)


@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_a_linear_rule_moves_along_its_own_curve(beta):
    # ε* ∝ B: one step gains 1/c, K steps 1/c_K, a long run nothing; replicates stay apart
    found = predicted("momentum", beta, BATCH, [10.0, 10.0], PLAIN_BATCH, curve(1.0), PROBLEM)
    factors = [(1 - beta) / (1 + beta), float(theory.LAWS["run_factor"].jax(beta, 10)), 1.0]
    for k, factor in enumerate(factors):
        np.testing.assert_allclose(found[k, :, 0], BATCH / factor, rtol=1e-6)
        np.testing.assert_allclose(found[k, :, 1], 2 * found[k, :, 0])


def test_signum_keeps_noise_and_drift():
    # ε* ∝ √B: one step gains 1/√c; in the long run √(1/(cF))/√F, which is a loss
    found = predicted("signum", 0.9, BATCH, [1.0, 1.0], PLAIN_BATCH, curve(0.5), PROBLEM)
    np.testing.assert_allclose(found[0, :, 0], np.sqrt(19 * BATCH), rtol=1e-6)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2, :, 0], np.sqrt(19 * BATCH) / 13.2789, rtol=1e-4)


def test_one_step_of_adam_is_that_of_the_mean_field():
    beta, c = 0.8, 0.2 / 1.8
    found = predicted("adam", beta, BATCH, [5.0, 5.0], BATCH, np.ones((2, 1)), PROBLEM)
    mu, hessian = np.array([1.0, 0.5]), np.array([1.0, 0.5])
    phi = mu / np.sqrt(mu**2 + 4 / BATCH[:, None])
    even = (hessian * phi**2).sum(1), (hessian * (1 - phi**2)).sum(1)
    np.testing.assert_allclose(found[0, :, 0], (even[0] + even[1]) / (even[0] + c * even[1]))
    np.testing.assert_allclose(found[2, :, 0], 1, rtol=1e-9)


def test_beyond_the_measured_curve_nothing_is_predicted():
    found = predicted("momentum", 0.9, [2.0**14], [5.0], PLAIN_BATCH, curve(1.0), PROBLEM)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[KINDS.index("long_run")]).all()
    gaps = np.full((16, 1), np.nan)
    assert np.isnan(predicted("signum", 0.9, BATCH, [5, 5], PLAIN_BATCH, gaps, PROBLEM)).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"betas": (1.0,)}, "betas must"),
        ({"betas": ()}, "betas must"),
        ({"horizons": (3, 3)}, "horizons must"),
        ({"targets": (0.0,)}, "targets must"),
        ({"problems": ("no",)}, "unknown problem"),
        ({"problems": ()}, "name each problem once"),
        ({"seeds": 9}, "multiple of"),
        ({"longest": 0}, "at least one step"),
    ],
)
def test_what_is_malformed_is_one_clear_line(wrong, words):
    with pytest.raises(InputError, match=words):
        validate(type(PRESETS["smoke"])(**wrong))


def test_on_made_up_data_each_factor_holds_where_it_was_made_to():
    data, found = run_datasets.momentum_runs(), {}
    for claim in MOMENTUM_RUNS_CLAIMS:
        try:
            found[claim.id.removeprefix("momentum_runs/")] = claim.judge(data)
        except Absent:
            continue
    for name, verdict in {
        "one_step/signum/coherent": HOLDS, "one_step_runs/signum/coherent": FAILS,
        "between/adam/power_law": FAILS, "long_run/momentum/coherent": HOLDS,
        "long_run_noisy/signum/power_law": HOLDS, "target/adam/coherent": HOLDS,
        "beta2/coherent": HOLDS, "growth/coherent": FAILS,
    }.items():  # fmt: skip
        assert found[name].verdict == verdict, (name, found[name])
    assert all(found["one_step/signum/coherent"].controls.values())
