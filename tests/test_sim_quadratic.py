"""Quadratic problems: their loss has the Hessian, the gradient and the noise that they declare."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from sim import DiagonalPlusLowRank, Quadratic
from sim import quadratic as q

D = 5
FALSE_ALARM = 1e-4
GENERATOR = np.random.default_rng(0)
THETA = GENERATOR.normal(size=D)
FACTOR = GENERATOR.normal(size=(D, 2))
COVARIANCE = FACTOR @ FACTOR.T + np.diag([0.5, 1.0, 1.5, 2.0, 2.5])
SYMMETRIC = GENERATOR.normal(size=(D, D))
SYMMETRIC = SYMMETRIC + SYMMETRIC.T
ONES = np.ones(D)


def low_rank(*parts: Any) -> DiagonalPlusLowRank:
    return DiagonalPlusLowRank(*parts)


HESSIANS: dict[str, Any] = {
    "dense": SYMMETRIC,
    "diagonal": np.array([3.0, -1.0, 0.5, 0.0, 2.0]),
    "diagonal plus low rank": low_rank(ONES, FACTOR, np.array([0.7, -0.2])),
    "rotated": np.asarray(q.rotated(1 / np.arange(1, D + 1), jax.random.key(0), jnp.float64)),
}
DECLARED = {
    "dense": SYMMETRIC,
    "diagonal": np.diag(np.asarray(HESSIANS["diagonal"])),
    "diagonal plus low rank": np.eye(D) + FACTOR @ np.diag([0.7, -0.2]) @ FACTOR.T,
    "rotated": HESSIANS["rotated"],
}
NOISES: dict[str, Any] = {
    "standard deviation": (np.arange(D) * 0.5, np.diag((np.arange(D) * 0.5) ** 2)),
    "covariance": (COVARIANCE, COVARIANCE),
    "factor": (FACTOR, FACTOR @ FACTOR.T),
    "singular covariance": (FACTOR @ FACTOR.T, FACTOR @ FACTOR.T),
}


def problem(hessian: Any = "dense", noise: Any = ONES, theta=THETA, dtype=jnp.float64) -> Quadratic:
    known = HESSIANS[hessian] if isinstance(hessian, str) else hessian
    return q.validated(Quadratic(known, jnp.asarray(theta, dtype), noise))


# The Hessian


@pytest.mark.parametrize("kind", HESSIANS)
def test_the_hessian_of_the_loss_is_the_declared_one(kind):
    p = problem(kind)
    xi = jnp.asarray(GENERATOR.normal(size=D))
    derived = jax.hessian(lambda t: q.sample_loss(p, t, xi))(p.theta)
    np.testing.assert_allclose(derived, DECLARED[kind], atol=1e-12)
    np.testing.assert_allclose(q.dense(p.hessian), DECLARED[kind], atol=1e-12)


@pytest.mark.parametrize("kind", HESSIANS)
def test_a_samples_gradient_is_the_mean_gradient_plus_its_noise(kind):
    p = problem(kind)
    xi = jnp.asarray(GENERATOR.normal(size=D))
    derived = jax.grad(lambda t: q.sample_loss(p, t, xi))(p.theta)
    np.testing.assert_allclose(derived, q.gradient(p) + xi, atol=1e-12)
    np.testing.assert_allclose(q.gradient(p), DECLARED[kind] @ THETA, atol=1e-12)


@pytest.mark.parametrize("kind", HESSIANS)
@pytest.mark.parametrize("shape", [(D,), (3, D), (2, 3, D)])
def test_products_forms_and_diagonal_are_those_of_the_dense_matrix(kind, shape):
    p, v = problem(kind), GENERATOR.normal(size=shape)
    product = v @ DECLARED[kind]
    np.testing.assert_allclose(q.matvec(p.hessian, v), product, atol=1e-12)
    np.testing.assert_allclose(q.quadratic_form(p.hessian, v), (product * v).sum(-1), atol=1e-12)
    np.testing.assert_allclose(q.diagonal(p.hessian), np.diag(DECLARED[kind]), atol=1e-12)


@pytest.mark.parametrize("d", [128, 129, 300, 1500])
def test_a_form_of_many_coordinates_is_summed_by_blocks(d):
    root = GENERATOR.normal(size=(d, d))
    h, v = root + root.T, GENERATOR.normal(size=(2, 3, d))
    found = q.quadratic_form(jnp.asarray(h), jnp.asarray(v))
    np.testing.assert_allclose(found, np.einsum("pri,ij,prj->pr", v, h, v), atol=1e-8)


def test_a_form_of_few_digits_is_summed_in_float32():
    v = jnp.asarray(np.sign(GENERATOR.normal(size=(3, 1500))), jnp.bfloat16)
    found = q.quadratic_form(jnp.eye(1500, dtype=jnp.bfloat16), v)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, 1500)  # bfloat16 has eight bits: it would be 1504


def test_a_hessian_that_is_symmetric_up_to_rounding_is_made_so():
    h = np.asarray(DECLARED["dense"]) * (1 + 1e-6 * np.triu(np.ones((D, D)), 1))
    p = Quadratic(jnp.asarray(h), jnp.asarray(THETA), jnp.ones(D))
    made = np.asarray(q.validated(p).hessian)
    np.testing.assert_array_equal(made, made.T)


# A prescribed spectrum


def test_a_rotated_hessian_has_the_spectrum_asked_for_and_is_symmetric():
    spectrum = np.array([-2.0, 0.1, 1.0, 4.0, 9.0])
    h = np.asarray(q.rotated(spectrum, jax.random.key(1), jnp.float64))
    np.testing.assert_allclose(np.linalg.eigvalsh(h), spectrum, atol=1e-12)
    np.testing.assert_array_equal(h, h.T)
    assert np.abs(h - np.diag(np.diag(h))).max() > 0.1


def test_a_rotation_favours_no_direction():
    """E[h hᵀ] over H = h hᵀ is 1/d, and E[h_i⁴] = 3/(d (d+2)), as for the uniform sphere."""
    keys = jax.random.split(jax.random.key(2), 4000)
    spectrum = np.array([1.0, 0.0, 0.0])
    h = np.asarray(jax.vmap(lambda k: q.rotated(spectrum, k, jnp.float64))(keys))
    diagonal = np.einsum("kii->ki", h)
    z = np.concatenate(
        [
            (x - expected).mean(0) / (x.std(0) / np.sqrt(len(keys)))
            for x, expected in (
                (diagonal, 1 / 3),
                (diagonal**2, 1 / 5),
                (h[:, [0, 0, 1], [1, 2, 2]], 0),
            )
        ]
    )
    assert np.abs(z).max() < norm.isf(FALSE_ALARM / 2 / z.size)


def test_a_rotated_hessian_is_float32_unless_asked():
    assert q.rotated([1.0, 2.0], jax.random.key(0)).dtype == jnp.float32


def test_the_same_key_gives_the_same_rotation_and_another_key_another():
    first, again, other = (q.rotated([1.0, 2.0], jax.random.key(k)) for k in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# Noise


def covariance_z(x, mean, covariance):
    """z-scores of the sample mean and covariance of Gaussian rows x (n, d)."""
    n = len(x)
    centred = x - mean
    variance = np.diag(covariance)
    spread = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    moving = variance > 0
    upper = np.triu(np.outer(moving, moving))
    second = ((centred.T @ centred / n - covariance)[upper]) / spread[upper]
    return np.concatenate([(centred.mean(0) / np.sqrt(np.maximum(variance, 1e-300) / n)), second])


@pytest.mark.parametrize("kind", NOISES)
def test_per_sample_gradients_have_the_declared_mean_and_covariance(kind):
    """Resolution: a variance off by z √(2/40000) = 3.6 % is seen."""
    noise, covariance = NOISES[kind]
    p = problem("dense", noise)
    xi = q.draw_noise(q.with_noise_factor(p), jax.random.key(5), 40_000)
    x = np.asarray(jax.vmap(lambda s: jax.grad(lambda t: q.sample_loss(p, t, s))(p.theta))(xi))
    mean = SYMMETRIC @ THETA
    limit = norm.isf(FALSE_ALARM / 2 / (D + D * (D + 1) / 2))
    assert np.abs(covariance_z(x, mean, covariance)).max() < limit
    wrong = [0.9 * covariance, covariance + np.diag([0.0, 0.2, 0, 0, 0])]
    if kind != "standard deviation":
        wrong.append(np.diag(np.diag(covariance)))  # without correlation
    for control in wrong:
        assert np.abs(covariance_z(x, mean, control)).max() > limit
    assert np.abs(covariance_z(x, mean + 0.1 * (covariance[1, 1] > 0), covariance)).max() > limit


@pytest.mark.parametrize("kind", NOISES)
def test_the_standard_deviation_is_the_root_of_the_covariances_diagonal(kind):
    noise, covariance = NOISES[kind]
    deviation = q.standard_deviation(problem("dense", noise))
    np.testing.assert_allclose(deviation, np.sqrt(np.diag(covariance)), atol=1e-12)


@pytest.mark.parametrize("kind", ["covariance", "singular covariance"])
def test_a_covariance_becomes_a_factor_of_it(kind):
    factor = np.asarray(q.with_noise_factor(problem("dense", NOISES[kind][0])).noise)
    np.testing.assert_allclose(factor @ factor.T, NOISES[kind][1], atol=1e-12)


@pytest.mark.parametrize("kind", ["standard deviation", "factor"])
def test_a_deviation_and_a_factor_stay_as_they_are(kind):
    p = problem("dense", NOISES[kind][0])
    assert q.with_noise_factor(p) is p


def test_a_factor_of_one_column_drives_all_coordinates_together():
    column = Quadratic(jnp.ones(2), jnp.ones(2), jnp.asarray([[1.0], [-2.0]]))
    xi = np.asarray(q.draw_noise(column, jax.random.key(0), 10))
    np.testing.assert_allclose(xi[:, 1], -2 * xi[:, 0])


def test_noise_without_spread_is_zero():
    for noise in (np.zeros(D), np.zeros((D, D)), np.zeros((D, 2))):
        still = q.with_noise_factor(problem("dense", noise))
        assert not q.draw_noise(still, jax.random.key(0), 10).any()


# Dtype


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("kind", HESSIANS)
def test_everything_takes_the_dtype_of_theta(kind, dtype):
    for noise, _ in NOISES.values():
        p = q.with_noise_factor(problem(kind, noise, dtype=dtype))
        assert {leaf.dtype for leaf in jax.tree.leaves(p)} == {jnp.dtype(dtype)}
        assert q.draw_noise(p, jax.random.key(0), 3).dtype == dtype
        assert q.gradient(p).dtype == dtype
        assert q.quadratic_form(p.hessian, p.theta).dtype == dtype
        assert q.standard_deviation(p).dtype == dtype


def test_lists_of_integers_become_arrays_of_thetas_dtype():
    given: Any = ([1, 2], jnp.ones(2, jnp.float32), [0, 1])
    p = q.validated(Quadratic(*given))
    assert p.hessian.dtype == p.noise.dtype == jnp.float32  # type: ignore[union-attr]


# Bad input

NAN, SKEW = np.array([1.0, np.nan, 1, 1, 1]), np.triu(np.ones((D, D)))
LOW_RANK = np.ones((D, 2)), np.ones(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": np.ones((D, 1))}, "theta must be a floating-point vector"),
        ({"theta": np.arange(D)}, "theta must be a floating-point vector"),
        ({"theta": 1.0}, "theta must be a floating-point vector"),
        ({"hessian": np.ones(D + 1)}, r"the Hessian has shape \(6,\), theta has length 5"),
        ({"hessian": np.ones((D, 2))}, r"the Hessian has shape \(5, 2\), theta has length 5"),
        ({"hessian": 1.0}, r"the Hessian has shape \(\), theta has length 5"),
        ({"hessian": SKEW}, "the Hessian is not symmetric"),
        ({"hessian": low_rank(np.ones(4), *LOW_RANK)}, "diagonal plus low rank"),
        ({"hessian": low_rank(ONES, np.ones((D, 3)), np.ones(2))}, "low rank"),
        ({"hessian": low_rank(ONES, np.ones((D, 1)), np.ones((1, 1)))}, "low rank"),
        ({"hessian": low_rank(ONES, np.ones((2, D)), np.ones(2))}, "low rank"),
        ({"noise": np.ones(D - 1)}, r"the noise has shape \(4,\), theta has length 5"),
        ({"noise": np.ones((2, D))}, r"the noise has shape \(2, 5\), theta has length 5"),
        ({"noise": 0.3}, r"the noise has shape \(\), theta has length 5"),
        ({"noise": np.ones((D, D, D))}, r"the noise has shape \(5, 5, 5\), theta has length 5"),
        ({"noise": -ONES}, "a standard deviation is negative"),
        ({"noise": SKEW}, "a \\(d, d\\) noise is a covariance, and this one is not symmetric"),
        ({"theta": NAN}, "the theta holds a value that is not finite"),
        ({"hessian": NAN}, "the Hessian holds a value that is not finite"),
        ({"hessian": np.diag(NAN)}, "the Hessian holds a value that is not finite"),
        ({"hessian": low_rank(NAN, *LOW_RANK)}, "the Hessian holds a value"),
        ({"noise": NAN}, "the noise holds a value that is not finite"),
        ({"noise": np.full((D, D), np.inf)}, "the noise holds a value that is not finite"),
    ],
)
def test_a_malformed_problem_is_named(change: dict[str, Any], message):
    good: dict[str, Any] = {"hessian": np.eye(D), "theta": np.ones(D), "noise": ONES}
    q.validated(Quadratic(**good))
    with pytest.raises(ValueError, match=message):
        q.validated(Quadratic(**(good | change)))


def test_a_problem_without_coordinates_is_refused():
    empty: Any = np.ones(0)
    shapes: Any = (empty, np.ones((0, 0)))
    for hessian in shapes:
        with pytest.raises(ValueError, match="theta must be a floating-point vector"):
            q.validated(Quadratic(hessian, empty, empty))


@pytest.mark.parametrize("covariance", [np.diag([1.0, 1, 1, 1, -1]), -np.eye(D)])
def test_a_covariance_with_a_negative_eigenvalue_is_refused(covariance):
    with pytest.raises(ValueError, match="not positive semidefinite"):
        q.with_noise_factor(problem("dense", covariance))


def test_a_hair_of_asymmetry_is_rounding():
    tilted = np.eye(D) + 5e-6 * SKEW
    assert problem(tilted, tilted).theta.shape == (D,)
