"""Momentum, Signum and Lion: one step at a frozen gradient, against averages drawn out."""

from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from theory import LAWS, RULES, one_step, optimal_lr
from theory.mehler import samples_of_factor

MU, SIGMA = np.array([0.3, -0.2, 0.05]), np.array([1.0, 2.0, 0.5])
ROOT = np.array([[1.0, 0.4, 0.2], [0.4, 1.3, -0.3], [0.2, -0.3, 0.9]])
HESSIAN = ROOT @ ROOT.T
CORRELATION = np.array([[1.0, 0.7, -0.3], [0.7, 1.0, 0.1], [-0.3, 0.1, 1.0]])
GIVEN: dict[str, Any] = {"mu": MU, "sigma": SIGMA, "hessian": HESSIAN, "batch": [1.0, 40.0]}
CASES = [
    ("momentum", "sgd", {"beta1": 0.8}, 0.2 / 1.8),
    ("signum", "sign", {"beta1": 0.8}, 0.2 / 1.8),
    ("lion", "sign", {"beta1": 0.9, "beta2": 0.99}, 0.1**2 + 0.9**2 * 0.01 / 1.99),
    ("lion", "sign", {"beta1": 0.5, "beta2": 0.5}, 1 / 3),
]


def averages(weights, draws, batch, seed):
    """Σ_k w_k ĝ_k of independent correlated Gaussian batches, (draws, 3)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(draws, len(weights), 3)) @ np.linalg.cholesky(CORRELATION).T
    return MU * sum(weights) + SIGMA / np.sqrt(batch) * np.einsum("k,mkj->mj", weights, noise)


@pytest.mark.parametrize(("name", "plain", "decays", "factor"), CASES)
@pytest.mark.parametrize("noise", [{}, {"correlation": CORRELATION}])
def test_it_is_the_plain_rule_with_less_noise(name, plain, decays, factor, noise):
    found = one_step(name, **GIVEN, **noise, **decays)
    expected = one_step(plain, **{**GIVEN, "sigma": SIGMA * np.sqrt(factor)}, **noise)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


@pytest.mark.parametrize(("name", "direction"), [("momentum", np.asarray), ("signum", np.sign)])
def test_drawn_averages_have_the_laws_sums(name, direction):
    beta = 0.8
    weights = (1 - beta) * beta ** np.arange(60)
    updates = direction(averages(weights, 60_000, 4.0, seed=3))
    law = one_step(name, **{**GIVEN, "batch": 4.0}, correlation=CORRELATION, beta1=beta)
    curvature = np.einsum("mi,ij,mj->m", updates, HESSIAN, updates)
    error = curvature.std() / np.sqrt(len(curvature))
    assert abs(curvature.mean() - law.denominator) < 5 * error
    without = one_step(name, **{**GIVEN, "batch": 4.0}, correlation=CORRELATION, beta1=0.0)
    assert abs(curvature.mean() - without.denominator) > 20 * error


def test_drawn_lion_averages_leave_the_last_batch_out_of_m():
    beta1, beta2 = 0.5, 0.8
    weights = np.concatenate([[1 - beta1], beta1 * (1 - beta2) * beta2 ** np.arange(60)])
    updates = np.sign(averages(weights, 60_000, 4.0, seed=4))
    law = one_step(
        "lion", **{**GIVEN, "batch": 4.0}, correlation=CORRELATION, beta1=beta1, beta2=beta2
    )
    slope = updates @ MU
    assert abs(slope.mean() - law.numerator) < 5 * slope.std() / np.sqrt(len(slope))
    curvature = np.einsum("mi,ij,mj->m", updates, HESSIAN, updates)
    assert abs(curvature.mean() - law.denominator) < 5 * curvature.std() / np.sqrt(len(curvature))


def test_samples_give_what_their_correlation_gives():
    factor = SIGMA[:, None] * np.linalg.cholesky(CORRELATION)
    samples = samples_of_factor(factor)
    given: dict[str, Any] = {
        "mu": MU,
        "hessian": HESSIAN,
        "batch": [1.0, 40.0],
        "noise_samples": samples,
    }
    linear = one_step("momentum", **given, beta1=0.9)
    dense = one_step("momentum", **GIVEN, correlation=CORRELATION, beta1=0.9)
    np.testing.assert_allclose(linear.denominator, dense.denominator, rtol=1e-12)
    small: dict[str, Any] = {"batch": [1.0, 3.0]}
    drawn = one_step("lion", **(given | small), draws=4000)
    dense = one_step("lion", **(GIVEN | small), correlation=CORRELATION)
    assert np.all(abs(drawn.denominator - dense.denominator) < 5 * drawn.denominator_sem)


def test_without_averaging_nothing_changes():
    for name, plain in (("momentum", "sgd"), ("signum", "sign"), ("lion", "sign")):
        np.testing.assert_allclose(
            optimal_lr(name, **GIVEN, beta1=0.0), optimal_lr(plain, **GIVEN), rtol=1e-14
        )


def test_the_laws_of_the_mean_are_those_of_the_rules():
    factor = float(LAWS["lion_factor"].jax(0.9, 0.99))
    h = np.sqrt(40 / factor) * MU / SIGMA
    expected = erf(h / np.sqrt(2)) @ MU
    assert one_step("lion", **GIVEN).numerator[1] == pytest.approx(expected, rel=1e-12)
    assert float(LAWS["lion_mean"].jax(0.3, 1.0, 40.0, 0.9, 0.99)) == pytest.approx(
        erf(h[0] / np.sqrt(2))
    )


@pytest.mark.parametrize("name", ["sgd", "sign", "momentum", "signum", "lion"])
def test_a_card_says_what_the_rule_does_at_one_ratio(name):
    card, rule = RULES[name].card, RULES[name]
    assert card is not None
    signs, kappa, mean = np.array([1, -1, 1, 1.0]), 20.0, 0.05
    hessian = 0.3 * np.eye(4) + np.outer(signs, signs)
    decays = {k: v for k, v in rule.parameters.items() if k.startswith("beta")}
    given: dict[str, Any] = {
        "mu": mean * signs,
        "sigma": np.full(4, kappa * mean),
        "hessian": hessian,
        **decays,
    }
    numbers = {"G_1": 4 * mean, "T": 5.2, "Q": 17.2, "kappa": kappa, "mu_abs": mean}
    numbers |= {k.replace("beta", "beta_"): v for k, v in decays.items()}

    def value(law, batch=1.0):
        return float(law.jax(*({**numbers, "B": batch}[arg.name] for arg in law.args)))

    for batch in (1.0, 300.0, 1e5):
        step = one_step(name, **given, batch=batch)
        assert value(card.lr, batch) == pytest.approx(float(step.lr_star), rel=1e-9)
        assert value(card.decrease, batch) == pytest.approx(float(step.decrease), rel=1e-9)
    assert value(card.small, 1e-4) == pytest.approx(value(card.lr, 1e-4), rel=1e-3)
    assert value(card.large) == pytest.approx(value(card.lr, 1e9), rel=1e-5)
    assert value(card.decrease, value(card.half)) == pytest.approx(
        value(card.decrease, 1e12) / 2, rel=1e-9
    )
    if card.peak is not None:
        peak = value(card.peak)
        assert value(card.peak_lr) == pytest.approx(value(card.lr, peak), rel=1e-9)
        assert value(card.lr, peak) > max(value(card.lr, peak * f) for f in (0.9, 1.1))


@pytest.mark.parametrize("decay", [-0.1, 1.0, "half", None])
def test_what_is_no_decay_is_refused(decay):
    with pytest.raises(ValueError, match="beta1 must be"):
        optimal_lr("signum", **GIVEN, beta1=decay)
