"""Curvature along directions, streamed, against the explicit Hessian; samples where they lie."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from sim.directions import (
    block,
    gradient,
    hessian_product,
    losses,
    quadratic_form,
    sampled_form,
)
from sim.loss_hessian import FACTOR_BYTES, LossHessian, noise_factor
from sim.sample_losses import MOST_AT_ONCE, Stream, flat, stream

N = 11
KEY = jax.random.key(2)


def loss(params, sample):
    """Of one sample: smooth, not convex."""
    x, y = sample
    return (jnp.tanh(params["w"] @ x).sum() - y) ** 2 + params["b"] @ x


def network():
    keys = jax.random.split(KEY, 4)
    params = {
        "w": jax.random.normal(keys[0], (2, 3), jnp.float64),
        "b": jax.random.normal(keys[1], (3,), jnp.float64),
    }
    inputs = np.asarray(jax.random.normal(keys[2], (N, 3), jnp.float64))
    return params, (inputs, np.asarray(jax.random.normal(keys[3], (N,), jnp.float64)))


PARAMS, SAMPLES = network()
FLAT, THETA = flat(loss, PARAMS)
EACH = jax.vmap(FLAT, (None, 0))
HESSIAN = np.asarray(jax.hessian(lambda t: EACH(t, SAMPLES).mean())(THETA))
GRADIENTS = np.asarray(jax.vmap(jax.grad(FLAT), (None, 0))(THETA, SAMPLES))
DIRECTION = np.linspace(-1, 1, THETA.size)


def samples(at_once=4) -> Stream:
    return stream(FLAT, THETA, SAMPLES)._replace(at_once=at_once)


@pytest.mark.parametrize("at_once", [1, 4, 11, 100])
def test_sums_over_chunks_are_those_of_all_samples(at_once):
    """Whatever the chunks: the last one is filled up with samples that count nothing."""
    s = samples(at_once)
    np.testing.assert_allclose(losses(FLAT, THETA, s), EACH(THETA, SAMPLES), rtol=1e-12)
    np.testing.assert_allclose(gradient(FLAT, THETA, s), GRADIENTS.mean(0), atol=1e-12)
    product = hessian_product(FLAT, THETA, s, DIRECTION)
    np.testing.assert_allclose(product, HESSIAN @ DIRECTION, atol=1e-11)
    form = quadratic_form(FLAT, THETA, s, DIRECTION)
    assert form == pytest.approx(DIRECTION @ HESSIAN @ DIRECTION, rel=1e-11)


def test_weights_stand_before_the_samples_gradients():
    weights = np.linspace(-1, 2, N)
    found = gradient(FLAT, THETA, samples(), weights)
    np.testing.assert_allclose(found, weights @ GRADIENTS, atol=1e-12)


def test_a_sampled_form_is_unbiased_and_knows_its_error():
    """200 blocks of 3; the negative control is a form a quarter larger."""
    exact = DIRECTION @ HESSIAN @ DIRECTION
    found = sampled_form(FLAT, THETA, samples(), DIRECTION, KEY, size=3, blocks=200)
    limit = norm.isf(1e-4 / 2)
    assert abs(found.mean - exact) < limit * found.sem
    assert abs(found.mean - 1.5 * exact) > limit * found.sem
    whole = sampled_form(FLAT, THETA, samples(), DIRECTION, KEY, size=N, blocks=5)
    assert whole.mean == pytest.approx(exact, rel=1e-11)
    assert whole.sem == 0


def test_a_block_has_samples_of_its_own_and_each_key_another():
    first = block(samples(), 4, KEY).index
    assert len(set(first.tolist())) == 4
    assert set(first.tolist()) <= set(range(N))
    assert first.tolist() != block(samples(), 4, jax.random.key(9)).index.tolist()


def test_samples_may_lie_in_a_file_larger_than_what_is_read(tmp_path):
    stored = np.lib.format.open_memmap(
        tmp_path / "inputs.npy", "w+", dtype=np.float64, shape=SAMPLES[0].shape
    )
    stored[:] = SAMPLES[0]
    s = samples()._replace(samples=(stored, SAMPLES[1]))
    np.testing.assert_allclose(gradient(FLAT, THETA, s), GRADIENTS.mean(0), atol=1e-12)


def test_a_large_sample_comes_alone_and_a_small_one_with_many():
    def wide(params, sample):
        return jnp.tanh(jnp.outer(sample, sample) * params).sum()

    one = flat(wide, jnp.ones(()))
    assert stream(*one, np.ones((9, 8000), np.float32)).at_once == 1
    assert stream(*one, np.ones((9, 2), np.float32)).at_once == MOST_AT_ONCE


# The operator and the noise that laws take


def test_the_operator_is_the_hessian_on_the_coordinates_that_move():
    moving = np.array([0, 2, 5, 8])
    part = HESSIAN[np.ix_(moving, moving)]
    v = DIRECTION[moving]
    for at_once in (4, 11):
        h = LossHessian(FLAT, THETA, samples(at_once), moving, np.diag(part))
        np.testing.assert_allclose(jax.jit(h.matvec)(v), part @ v, atol=1e-11)
        np.testing.assert_allclose(h.diagonal, np.diag(part))
    rows = jnp.tile(jnp.asarray(v), (400, 1))
    values = np.asarray(h.sampled_quadratic(rows, KEY))
    assert abs(values.mean() - v @ part @ v) < 4 * values.std() / 20


def test_a_noise_factor_has_the_samples_covariance():
    factor = noise_factor(loss, PARAMS, SAMPLES, 100, KEY)
    centred = GRADIENTS - GRADIENTS.mean(0)
    np.testing.assert_allclose(factor, centred, atol=1e-12)
    few = noise_factor(loss, PARAMS, SAMPLES, 5, KEY)
    assert few.shape == (5, THETA.size)
    np.testing.assert_allclose(few.mean(0), 0, atol=1e-12)


def test_a_noise_factor_that_does_not_fit_is_refused_in_one_line():
    large = {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3), "more": jnp.zeros(FACTOR_BYTES // 64)}
    with pytest.raises(ValueError, match="over 2 GiB: at most 7 fit"):
        noise_factor(loss, large, SAMPLES, 11, KEY)
    with pytest.raises(ValueError, match="count must be a whole number"):
        noise_factor(loss, PARAMS, SAMPLES, 1, KEY)
