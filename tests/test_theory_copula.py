"""A Gaussian copula: signs with the marginals they are given, Gaussian ones among them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from theory import LAWS, one_step
from theory.copula import Marginals, copula_draws
from theory.problem import checked_problem
from theory.rules.rule import Budget

RNG = np.random.default_rng(5)
MIX = np.array([[1.0, 0.8, -0.3], [0.0, 0.6, 0.5], [0.0, 0.0, 0.7]])
SAMPLES = RNG.normal(size=(400, 3)) @ MIX
SAMPLES -= SAMPLES.mean(0)
MU = np.array([0.4, -0.3, 0.1])
HESSIAN = np.array([[1.0, 0.5, 0.2], [0.5, 2.0, -0.4], [0.2, -0.4, 1.5]])
DRAWS = 6_000


def curvature(plus, minus, hessian=HESSIAN, samples=SAMPLES):
    problem = checked_problem(MU, None, hessian, 1, None, samples, defined_at_zero=True)
    budget = Budget(DRAWS, jax.random.key(1), None)
    value, sem = copula_draws(
        Marginals(jnp.atleast_2d(jnp.asarray(plus)), jnp.atleast_2d(jnp.asarray(minus))),
        problem,
        budget,
    )
    return float(value[0]), float(sem[0])


@pytest.mark.parametrize("p", [1e-6, 0.2, 0.5, 0.9])
def test_the_threshold_is_a_normal_quantile(p):
    assert np.isclose(LAWS["copula_threshold"].jax(p), stats.norm.isf(p), rtol=1e-9, atol=1e-12)


def test_gaussian_marginals_give_the_gaussian_law():
    plus = stats.norm.cdf(MU / SAMPLES.std(0))
    exact = one_step("sign", mu=MU, sigma=SAMPLES.std(0), hessian=HESSIAN, batch=1,
                     correlation=np.corrcoef(SAMPLES.T))  # fmt: skip
    value, sem = curvature(plus, 1 - plus)
    assert abs(value - exact.denominator) < 4.4 * sem
    assert sem < 0.02 * exact.denominator
    flipped, _ = curvature(1 - plus, plus[::-1] * 0)
    assert abs(flipped - exact.denominator) > 10 * sem


def test_a_diagonal_hessian_sees_the_share_of_signs_that_are_not_zero():
    plus, minus = np.array([0.5, 0.1, 0.0]), np.array([0.2, 0.1, 0.3])
    value, sem = curvature(plus, minus, np.diag([1.0, 2.0, 3.0]))
    assert abs(value - (plus + minus) @ [1.0, 2.0, 3.0]) < 4.4 * sem


def test_off_the_diagonal_are_the_bivariate_probabilities():
    plus, minus = np.array([0.5, 0.1, 0.4]), np.array([0.2, 0.3, 0.3])
    hessian = np.zeros((3, 3))
    hessian[0, 1] = hessian[1, 0] = 1.0
    correlation: Any = np.corrcoef(SAMPLES.T)
    rho = correlation[0, 1]
    normal: Any = stats.multivariate_normal
    joint = normal([0, 0], [[1, rho], [rho, 1]])

    def below(p, q):
        return joint.cdf([stats.norm.ppf(p), stats.norm.ppf(q)])

    up = plus[0], plus[1]
    down = minus[0], minus[1]
    # P(++) + P(−−) − P(+−) − P(−+), by the symmetry of a normal pair
    same = below(*up) + below(*down)
    differ = up[0] - below(up[0], 1 - down[1]) + down[0] - below(down[0], 1 - up[1])
    value, sem = curvature(plus, minus, hessian)
    assert abs(value - 2 * (same - differ)) < 4.4 * sem


def test_a_coordinate_without_noise_keeps_its_sign():
    samples = SAMPLES * [1.0, 0.0, 1.0]
    value, _ = curvature([0.5, 0.0, 0.5], [0.5, 1.0, 0.5], np.diag([0.0, 2.0, 0.0]), samples)
    assert value == 2.0
