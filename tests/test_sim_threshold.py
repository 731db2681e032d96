"""Signs drawn by their probabilities: they agree with the signs of drawn gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from sim import Quadratic, measure_one_step, threshold

D = 24
KEY = jax.random.key(5)
GENERATOR = np.random.default_rng(4)
ROOT = GENERATOR.normal(size=(D, D))
HESSIAN = jnp.asarray(ROOT @ ROOT.T / D + 0.1 * np.eye(D), jnp.float32)
GRADIENT = GENERATOR.normal(size=D) * 0.3
SIGMA = np.exp(0.5 * GENERATOR.normal(size=D))


def at(gradient, sigma=SIGMA, hessian=HESSIAN):
    theta = np.linalg.solve(np.asarray(hessian, float), gradient)
    return Quadratic(hessian, jnp.asarray(theta, jnp.float32), jnp.asarray(sigma, jnp.float32))


def measured(batch, sampler, samples=2**18, problem=None):
    return measure_one_step(
        "sign", problem or at(GRADIENT), batch=batch, samples=samples, key=KEY, sampler=sampler
    )


def drawn(problem, rows, *, batch):
    return threshold.draw_signs(threshold.probabilities(problem, jnp.float32(batch)), KEY, rows)


@pytest.mark.parametrize("batch", [1, 16, 1000])
def test_it_agrees_with_drawn_gradients_to_a_thousandth(batch):
    for fast, slow in zip(
        measured(batch, "threshold").estimates, measured(batch, "normals").estimates, strict=True
    ):
        error = np.hypot(fast.sem, slow.sem)
        assert abs(fast.mean - slow.mean) < stats.norm.isf(1e-5) * error
        assert error < 2e-3 * abs(slow.mean)
        assert fast.sem == pytest.approx(slow.sem, rel=0.05)  # pairs are opposite in both


def test_it_would_not_agree_at_another_batch_size():
    """The comparison can fail: batch sizes 10 % apart are told apart."""
    fast, slow = measured(17.6, "threshold"), measured(16, "normals")
    gap = abs(fast.numerator.mean - slow.numerator.mean)
    assert gap > 10 * np.hypot(fast.numerator.sem, slow.numerator.sem)


def test_every_sign_is_as_frequent_as_its_probability():
    problem = at(GRADIENT)
    signs = np.asarray(drawn(problem, 2**16, batch=4))
    law = stats.norm.cdf(2 * GRADIENT / SIGMA)
    found = (signs > 0).mean((0, 1))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert (np.abs(found - law) < 5 * np.sqrt(law * (1 - law) / signs[..., 0].size)).all()


def test_neither_mean_nor_noise_gives_zero_and_no_noise_the_sign_of_the_mean():
    problem = Quadratic(
        jnp.ones(4), jnp.asarray([0.0, -0.5, 0.5, 0.0]), jnp.asarray([0.0, 0.0, 0.0, 1.0])
    )
    signs = np.asarray(drawn(problem, 4096, batch=1))
    assert (signs[..., :3] == [0, -1, 1]).all()
    assert abs(signs[..., 3]).min() == 1
    assert (signs[0, :, 3] == -signs[1, :, 3]).all()


def test_the_curvature_of_its_draws_is_that_of_the_whole_hessian():
    """To the scatter of the part of H that is beyond eight bits, in the few draws that see it."""
    problem = at(GRADIENT)
    signs, rows = threshold.probabilities(problem, jnp.float32(4)), 4096
    found = np.asarray(threshold.sign_products(problem, signs, KEY, rows))[:, 1]
    v = np.asarray(threshold.draw_signs(signs, KEY, rows), float)
    whole, rounded = (
        np.einsum("pri,ij,prj->pr", v, h, v).mean(0)
        for h in (
            np.asarray(HESSIAN, float),
            np.asarray(HESSIAN.astype(jnp.bfloat16).astype(jnp.float32), float),
        )
    )
    rest = whole - rounded
    few = rest[: rows // threshold.FEW]
    np.testing.assert_allclose(found, rounded + few.mean(), rtol=1e-5)
    assert abs(found.mean() - whole.mean()) < 5 * few.std() / np.sqrt(few.size)
    assert abs(rounded.mean() - whole.mean()) > 8 * few.std() / np.sqrt(few.size)


@pytest.mark.parametrize(
    ("rule", "noise", "options"),
    [
        ("sgd", SIGMA, {}),
        ("sign", np.diag(SIGMA**2), {}),
        ("sign", SIGMA, {"average": True}),
    ],
)
def test_where_it_does_not_hold_it_is_refused(rule, noise, options):
    with pytest.raises(ValueError, match="sampler 'threshold' is for rule 'sign'"):
        measure_one_step(
            rule, at(GRADIENT, noise), batch=4, samples=4, key=KEY, sampler="threshold", **options
        )


def test_other_families_and_unknown_samplers_are_refused():
    with pytest.raises(ValueError, match="independent Gaussian noise"):
        measured(4, "threshold", problem=at(GRADIENT)._replace(family="laplace"))
    with pytest.raises(ValueError, match="sampler must be 'normals' or 'threshold', not 'bits'"):
        measured(4, "bits")
