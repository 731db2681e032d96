"""When and where ε* declines, for any rule with one ratio: conditions, places, scaling."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

from theory import LAWS, RULES, common_ratio_half, common_ratio_peak, one_step, optimal_lr, symbols

MEAN = np.linspace(1e-4, 1, 20_001)


def curve(variance, coherence):
    """ε* against the mean update E, with T = G₁ = 1."""
    return np.asarray(LAWS["two_moment_lr"].jax(1.0, 1.0, coherence, MEAN, variance))


@pytest.mark.parametrize("factor", [0.05, 1 / 3, 1.0, 1.6])
def test_with_variance_c_1_minus_e2_a_surge_exists_exactly_above_2c(factor):
    variance = factor * (1 - MEAN**2)
    for times, surges in ((1.98, False), (2.02, True)):
        rates = curve(variance, times * factor)
        assert bool((np.diff(rates) < 0).any()) == surges


@pytest.mark.parametrize(
    "variance",
    [lambda e: 1 - e**2, lambda e: (1 - e) ** 2, lambda e: (1 - e) * (2 - e), lambda e: 1 - e**4],
    ids=["sign", "steep", "bent", "late"],
)
def test_the_rate_falls_exactly_where_the_coherence_exceeds_the_law(variance):
    slope = np.gradient(variance(MEAN), MEAN)
    threshold = np.asarray(LAWS["surge_coherence"].jax(MEAN, variance(MEAN), slope))
    for coherence in (0.5, 1.5, 3.0, 8.0):
        falls = np.gradient(curve(variance(MEAN), coherence), MEAN) < 0
        near = np.abs(threshold - coherence) < 0.02 * coherence
        assert (falls == (threshold < coherence))[~near][5:-5].all()


@pytest.mark.parametrize(
    ("beta1", "surges"), [(0.0, False), (0.32, False), (0.35, True), (0.9, True)]
)
def test_adam_surges_with_a_diagonal_hessian_if_beta1_exceeds_a_third(beta1, surges):
    """In the mean field, simulated: E = β and Var V = c(1 − β²)."""
    factor = (1 - beta1) / (1 + beta1)
    rates = curve(factor * (1 - MEAN**2), 1.0)
    assert bool((np.diff(rates) < 0).any()) == surges
    law = np.asarray(LAWS["mean_field_lr"].jax(1 / (1 / MEAN[:-1] ** 2 - 1), 1.0, 1.0, 1 / factor))
    np.testing.assert_allclose(rates[:-1], law, rtol=1e-9)


@pytest.mark.parametrize("coherence", [2.1, 3.0, 4.0, 30.0])
def test_height_and_place_of_the_peak_are_functions_of_the_coherence(coherence):
    height = LAWS["peak_over_plateau"].jax(coherence)
    assert curve(1 - MEAN**2, coherence).max() * coherence == pytest.approx(float(height), rel=1e-6)
    peak, half = (
        common_ratio_peak(7.0, 2.0, 2 * coherence),
        common_ratio_half(7.0, 2.0, 2 * coherence),
    )
    assert peak / half == pytest.approx(float(LAWS["peak_over_half"].jax(coherence)))
    scale = 7 * np.pi / 2
    peak, half = (
        float(LAWS[n].jax(scale, coherence)) for n in ("mean_field_peak", "mean_field_half")
    )
    assert 1 / half - 1 / peak == pytest.approx(4 / (np.pi * 7))
    batch = np.geomspace(peak / 3, 3 * peak, 40_001)
    rates = np.asarray(LAWS["mean_field_lr"].jax(batch, 1.0, scale, coherence))
    assert batch[rates.argmax()] == pytest.approx(peak, rel=1e-3)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.card is not None])
def test_the_condition_on_every_card_is_the_general_one(name):
    """A coherence just above the least v/E² − v′/E surges, by the card; one just below does not."""
    card, batch = RULES[name].card, np.geomspace(1e-4, 1e6, 4001)
    assert card is not None
    given = {symbols.B: batch, symbols.kappa: 1.0, symbols.beta_1: 0.6, symbols.beta_2: 0.95}
    mean, variance = (
        np.broadcast_to(law.jax(*(given.get(arg, 0.7) for arg in law.args)), batch.shape)
        for law in (card.mean, card.variance)
    )
    grows = np.abs(np.diff(mean)) > 1e-7
    if not grows.any():
        assert card.surges == sp.false
        return
    middle = (mean[1:] + mean[:-1]) / 2
    threshold = -(np.diff(variance / mean)[grows] / np.diff(mean)[grows])
    assert (middle[grows] > 0).all()
    condition = sp.sympify(card.surges)
    chosen = {symbol: given.get(symbol, 0.7) for symbol in condition.free_symbols}
    for factor, surges in ((0.97, False), (1.03, True)):
        chosen |= {symbols.Q: float(factor * threshold.min()), symbols.T: 1}
        assert bool(condition.subs(chosen)) == surges


def problem(seed, size=5) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    noise = rng.normal(size=(size, size))
    covariance = noise @ noise.T + np.eye(size)
    scale = np.sqrt(np.diag(covariance))
    return {
        "mu": rng.normal(size=size),
        "sigma": rng.uniform(3, 20, size),
        "hessian": root @ root.T + 0.3 * np.eye(size),
        "correlation": covariance / np.outer(scale, scale),
    }


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize(("rule", "degree"), [("sign", 0), ("sgd", 1)])
def test_a_smaller_gradient_moves_the_whole_curve(rule, degree, correlated):
    """ε*(B; ημ) = η^(1−k) ε*(η²B; μ) and ΔL* = η² ΔL*(η²B), whatever the ratios and the noise."""
    eta, batch = 0.25, np.geomspace(16, 1e6, 5)
    for seed in range(2):
        given = problem(seed)
        if not correlated:
            del given["correlation"]
        small = one_step(rule, batch=batch, **(given | {"mu": eta * given["mu"]}))
        large = one_step(rule, batch=eta**2 * batch, **given)
        np.testing.assert_allclose(small.lr_star, eta ** (1 - degree) * large.lr_star, rtol=1e-9)
        np.testing.assert_allclose(small.decrease, eta**2 * large.decrease, rtol=1e-9)


def test_along_an_eigenvector_the_peak_moves_as_one_over_the_loss():
    """Gradient flow on a coherent quadratic from its stiffest direction: B_peak L stays."""
    size = 6
    hessian = np.full((size, size), 0.9) + 0.1 * np.eye(size)
    theta = np.full(size, 0.2)
    along, loss = hessian.sum(), 0.5 * theta @ hessian @ theta
    place = common_ratio_peak((9 / (hessian @ theta)[0]) ** 2, size, along)
    for shrunk in (0.5, 0.1):
        moved = float(LAWS["peak_drift"].jax(place, loss, shrunk**2 * loss))
        lr = optimal_lr("sign", mu=shrunk * hessian @ theta, sigma=np.full(size, 9.0),
                        hessian=hessian, batch=moved * np.array([0.9, 1.0, 1.1]))  # fmt: skip
        assert lr.argmax() == 1


def test_s_decides_in_neither_direction():
    """S > 0 and monotone for T < Q < 2T; S = 0 and a surge under Adam; S < 0 and a surge."""
    batch = np.geomspace(1, 1e6, 20)
    gentle = np.full((3, 3), 0.3) + 0.7 * np.eye(3)  # Q = 1.6 T
    lr = optimal_lr("sign", mu=np.ones(3), sigma=np.full(3, 20.0), hessian=gentle, batch=batch)
    assert (np.diff(lr) > -1e-12).all()
    assert curve(0.1 * (1 - MEAN**2), 1.0).max() > 1.2 * curve(0 * MEAN, 1.0)[-1]
    hessian = np.zeros((4, 4))
    hessian[:2, :2] = [[1, -0.1], [-0.1, 1]]
    hessian[2:, 2:] = 1.0
    mu = np.array([1, 1, 0.02, 0.02])
    assert mu @ (hessian - np.diag(np.diag(hessian))) @ mu < 0
    lr = optimal_lr("sign", mu=mu, sigma=np.ones(4), hessian=hessian, batch=batch)
    assert lr[-1] < 0.7 * lr.max()
