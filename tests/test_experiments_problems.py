"""The quadratics are what they are said to be: each shows, or does not show, a surge."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import theory
from experiments.claims_quadratic import SATURATED, SMALL
from experiments.onestep_quadratic import PRESETS
from experiments.problems import PROBLEMS, SIGNAL, make_problem
from experiments.quadratic_laws import exact
from sim import quadratic

BATCHES = np.asarray(PRESETS["default"].batches, float)
ALL = pytest.mark.parametrize("name", PROBLEMS)
SMALLER = pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "wishart"])
exactly, made = lru_cache(exact), lru_cache(make_problem)


def traces(name: str) -> tuple[float, float, float]:
    """T = tr H, S = Σ_{i≠j} r_i r_j H_ij and Q = sᵀHs, in plain numpy."""
    given = exactly(name, 0)
    ratio, sign = given.mu / given.sigma, np.sign(given.mu)
    total, own = ratio @ given.hessian @ ratio, (ratio**2) @ np.diag(given.hessian)
    return float(np.trace(given.hessian)), float(total - own), float(sign @ given.hessian @ sign)


def curve(name: str, rule: str = "sign") -> np.ndarray:
    given = exactly(name, 0)
    return np.asarray(
        theory.optimal_lr(
            rule, mu=given.mu, sigma=given.sigma, hessian=given.hessian, batch=BATCHES,
            correlation=given.correlation,
        )
    )  # fmt: skip


def decline(lr: np.ndarray) -> float:
    return float(1 - lr[-1] / lr.max())


@SMALLER
def test_the_same_seed_makes_the_same_problem_and_another_one_another(name):
    problems = made(name, 0), make_problem(name, 0), make_problem(name, 1)
    first, again, other = map(jax.tree.leaves, problems)
    assert all(bool((a == b).all()) for a, b in zip(first, again, strict=True))
    assert any(bool((a != b).any()) for a, b in zip(first, other, strict=True))


@ALL
def test_a_problem_is_valid_in_single_precision(name):
    problem = quadratic.validated(made(name, 0))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(problem))
    quadratic.with_noise_factor(problem)


@ALL
def test_curvature_is_positive_and_one_sample_is_mostly_noise(name):
    given = exactly(name, 0)
    assert np.trace(given.hessian) > 0
    assert given.mu @ given.hessian @ given.mu > 0
    ratio = given.mu / given.sigma
    strength = np.sqrt((ratio**2).mean())
    assert 0.5 * SIGNAL < strength < 2.5 * SIGNAL


@SMALLER
def test_curvature_is_nowhere_negative(name):
    eigenvalues = np.linalg.eigvalsh(exactly(name, 0).hessian)
    assert eigenvalues[0] > -1e-5 * eigenvalues[-1]


@ALL
def test_a_problem_surges_exactly_where_its_law_declines(name):
    loss = decline(curve(name))
    assert loss > 0.01 if PROBLEMS[name].surges else loss < 1e-6


@ALL
def test_sgd_never_surges(name):
    assert (np.diff(curve(name, "sgd")) > 0).all()


@ALL
def test_noise_is_correlated_exactly_where_it_is_said(name):
    noise = made(name, 0).noise
    correlated = noise.ndim == 2 and bool((jnp.abs(noise - jnp.diag(jnp.diag(noise))) > 0).any())
    assert correlated == PROBLEMS[name].correlated
    correlation = exactly(name, 0).correlation
    assert (correlation is not None) == correlated
    if correlation is not None:
        np.testing.assert_allclose(correlation, correlation.T, atol=1e-6)
        assert np.abs(correlation).max() <= 1 + 1e-6


def test_diagonal_has_no_coupling_and_saturates_at_theorem_4():
    trace, s, q = traces("diagonal")
    assert s == pytest.approx(0, abs=1e-12)
    assert q == pytest.approx(trace)
    given = exactly("diagonal", 0)
    assert np.abs(given.mu).sum() / trace == pytest.approx(curve("diagonal")[-1], rel=1e-3)
    assert (np.diff(curve("diagonal")) >= 0).all()


def test_rank_one_has_one_ratio_and_surges_by_the_rule_of_two():
    trace, s, q = traces("rank_one")
    given = exactly("rank_one", 0)
    np.testing.assert_allclose(np.abs(given.mu / given.sigma), SIGNAL, rtol=1e-4)
    assert s > 0
    assert q > 2 * trace
    peak = theory.common_ratio_peak(1 / SIGNAL**2, trace, q)
    assert abs(np.log2(peak / BATCHES[curve("rank_one").argmax()])) <= 1
    ratio = SIGNAL**2
    assert BATCHES[0] * ratio <= SMALL
    assert np.sqrt(BATCHES[-1] * ratio) >= SATURATED


def test_power_law_has_the_spectrum_one_over_k():
    eigenvalues = np.linalg.eigvalsh(exactly("power_law", 0).hessian)[::-1]
    np.testing.assert_allclose(eigenvalues, 1 / np.arange(1, len(eigenvalues) + 1), atol=1e-5)


def test_wishart_has_a_quarter_of_full_rank():
    hessian = exactly("wishart", 0).hessian
    d = len(hessian)
    assert d == 4096
    assert np.trace(hessian) / d == pytest.approx(1.0, abs=0.01)
    # tr H² = d (1 + d/n) for n = d/4 samples
    assert (hessian**2).sum() / d == pytest.approx(5.0, rel=0.01)
    assert traces("wishart")[1] > 0


def test_negative_s_is_negative_and_rises_throughout():
    trace, s, q = traces("negative_s")
    assert s < 0
    assert 0 < q < trace
    assert (np.diff(curve("negative_s")) >= 0).all()


def test_negative_s_surge_is_negative_and_yet_declines():
    trace, s, q = traces("negative_s_surge")
    assert s < 0
    assert q > 2 * trace
    assert decline(curve("negative_s_surge")) > 0.5


def test_hessian_noise_is_shaped_like_the_hessian():
    problem = made("hessian_noise", 0)
    ratio = np.asarray(problem.noise) / exactly("hessian_noise", 0).hessian
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)


def test_equicorrelated_noise_and_curvature_share_one_correlation():
    given = exactly("equicorrelated", 0)
    off = ~np.eye(len(given.mu), dtype=bool)
    assert given.correlation is not None
    np.testing.assert_allclose(given.correlation[off], 0.6, rtol=1e-6)
    np.testing.assert_allclose(given.hessian[off], 0.6, rtol=1e-6)


def test_half_of_silent_has_no_gradient_and_no_coupling_to_the_rest():
    given = exactly("silent", 0)
    half = len(given.mu) // 2
    assert (given.mu[half:] == 0).all()
    assert (given.mu[:half] > 0).all()
    assert (given.hessian[:half, half:] == 0).all()
    assert (given.sigma == 1).all()
