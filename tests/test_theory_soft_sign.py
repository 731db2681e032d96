"""The soft sign: exact moments for any ε, its limits, its series and its mean field."""

from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from theory import LAWS, RULES, one_step, optimal_lr
from theory.mehler import samples_of_factor
from theory.soft_sign import soft_sign_moments, soft_sign_series

MU = np.array([0.3, -0.2, 0.05])
ROOT = np.array([[1.0, 0.4, 0.2], [0.4, 1.3, -0.3], [0.2, -0.3, 0.9]])
HESSIAN = ROOT @ ROOT.T
CORRELATION = np.array([[1.0, 0.7, -0.3], [0.7, 1.0, 0.1], [-0.3, 0.1, 1.0]])
GIVEN: dict[str, Any] = {"mu": MU, "sigma": np.ones(3), "hessian": HESSIAN, "batch": [1.0, 40.0]}
SOFTENINGS = [1e-3, 0.03, 1.0, 30.0, 1e3]


def by_quadrature(mean, eps):
    """E[V] and E[V²] of x/√(x² + ε²), x ~ N(mean, 1), in twenty digits."""
    with mpmath.workdps(20):
        ends = [0.0, *(m * eps for m in (1, 5, 30)), mean - 3, mean, mean + 3]
        ends = sorted({x - mean for e in ends for x in (e, -e) if abs(x - mean) < 12} | {-12, 12})

        def integral(power):
            def term(z):
                x = mean + z
                return (x / mpmath.sqrt(x**2 + eps**2)) ** power * mpmath.npdf(z)

            whole: Any = mpmath.quad(term, ends)
            return float(whole)

        return integral(1), integral(2)


@pytest.mark.parametrize("eps", SOFTENINGS)
def test_its_moments_are_exact_for_any_softening(eps):
    means = [1e-3, 0.5, 4.0]
    found = soft_sign_moments(jnp.asarray(means), jnp.ones(3), jnp.asarray(1.0), eps=eps)
    expected = np.array([by_quadrature(mean, eps) for mean in means])
    np.testing.assert_allclose(found.mean, expected[:, 0], rtol=1e-8)
    square = np.asarray(found.variance) + np.asarray(found.mean) ** 2
    np.testing.assert_allclose(square, expected[:, 1], rtol=1e-8)


def test_a_small_softening_is_the_sign_and_a_large_one_sgd():
    small = one_step("soft_sign", **GIVEN, eps=1e-6)
    sign = one_step("sign", **GIVEN)
    np.testing.assert_allclose(small.lr_star, sign.lr_star, rtol=1e-5)
    noises: tuple[dict[str, Any], ...] = ({}, {"correlation": CORRELATION})
    for noise in noises:
        large = one_step("soft_sign", **GIVEN, **noise, eps=1e4)
        np.testing.assert_allclose(
            large.lr_star / 1e4, one_step("sgd", **GIVEN, **noise).lr_star, rtol=1e-6
        )


def test_a_coordinate_without_noise_or_without_gradient_is_no_trouble():
    mean, variance = soft_sign_moments(
        jnp.array([3.0, 0.0]), jnp.zeros(2), jnp.asarray(2.0), eps=4.0
    )
    np.testing.assert_allclose(mean, [0.6, 0], rtol=1e-8)
    np.testing.assert_array_equal(variance, 0)


@pytest.mark.parametrize("eps", [0.1, 1.0])
def test_its_series_is_the_covariance_of_draws(eps):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200_000, 3)) @ np.linalg.cholesky(CORRELATION).T
    updates = (MU + noise) / np.sqrt((MU + noise) ** 2 + eps**2)
    curvature = np.einsum("mi,ij,mj->m", updates, HESSIAN, updates)
    error = curvature.std() / np.sqrt(len(curvature))
    found = one_step("soft_sign", **GIVEN, correlation=CORRELATION, eps=eps).denominator[0]
    assert abs(curvature.mean() - found) < 5 * error
    independent = one_step("soft_sign", **GIVEN, eps=eps).denominator[0]
    assert abs(curvature.mean() - independent) > 20 * error
    samples = samples_of_factor(np.linalg.cholesky(CORRELATION))
    drawn = one_step(
        "soft_sign", mu=MU, hessian=HESSIAN, batch=1.0, noise_samples=samples, eps=eps, draws=4000
    )
    assert abs(drawn.denominator - found) < 5 * drawn.denominator_sem


def test_the_squares_of_its_coefficients_sum_to_its_variance():
    given = (jnp.asarray(MU), jnp.ones(3), jnp.asarray(4.0))
    terms = soft_sign_series(*given, 80, eps=2.0)
    total = sum(np.asarray(term.factor) ** 2 for term in terms)
    np.testing.assert_allclose(total, soft_sign_moments(*given, eps=2.0).variance, rtol=1e-6)


def test_its_card_is_the_mean_field_and_near_the_exact_rule():
    """Where all coordinates are alike the mean field is off by its β in place of erf: 15 %."""
    size, kappa, eps = 16, 10.0, 0.5
    hessian = 0.3 * np.eye(size) + 0.5
    given: dict[str, Any] = {"mu": np.ones(size), "sigma": np.full(size, kappa), "hessian": hessian}
    numbers = {"G_1": size, "T": 0.8 * size, "Q": float(hessian.sum()), "kappa": kappa}
    numbers |= {"mu_abs": 1.0, "epsilon_A": eps}
    card = RULES["soft_sign"].card
    assert card is not None
    for batch in (1.0, 30.0, 1e3, 1e6):
        values = {**numbers, "B": batch}
        law = float(card.lr.jax(*(values[arg.name] for arg in card.lr.args)))
        exact = optimal_lr("soft_sign", **given, batch=batch, eps=eps)
        assert law == pytest.approx(exact, rel=0.3)
    # the table's form: one β for all, N = Σνμ, Q = νᵀHν
    noiseless = float(LAWS["soft_sign_field"].jax(1.0, eps))
    scale = kappa**2 / (1 + eps**2)
    table = LAWS["su_lr"].jax(
        batch, scale, noiseless * size, numbers["T"], noiseless**2 * numbers["Q"], 1.0
    )
    assert law == pytest.approx(float(table), rel=1e-12)


@pytest.mark.parametrize("eps", [0.0, -1.0, None, "a", np.inf])
def test_what_is_no_softening_is_refused(eps):
    with pytest.raises(ValueError, match="eps must be"):
        optimal_lr("soft_sign", **GIVEN, eps=eps)
