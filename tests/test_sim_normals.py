"""Normals: their law to 5 standard deviations, their independence, and that a key fixes them."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats as scipy_stats

from sim import normals
from sim.families import FAMILIES
from sim.normals import normal

stats: Any = scipy_stats  # its results are typed without their fields
KEY = jax.random.key(11)
SHAPE = (1024, 1024)
ALARM = 1e-5  # per check: some thirty of them, 3e-4 together


@pytest.fixture(scope="module")
def draws():
    return np.asarray(normal(KEY, SHAPE, jnp.float32), np.float64)


def within(found, law, variance, n) -> bool:
    return bool(np.all(np.abs(found - law) < stats.norm.isf(ALARM / 2) * np.sqrt(variance / n)))


@pytest.mark.parametrize(
    ("power", "mean", "variance"), [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)]
)
def test_the_moments_are_those_of_a_standard_normal(draws, power, mean, variance):
    assert within((draws**power).mean(), mean, variance, draws.size)


def test_the_law_is_normal_and_that_of_jax(draws):
    other = np.asarray(jax.random.normal(KEY, SHAPE, jnp.float32), np.float64)
    assert stats.kstest(draws.ravel(), "norm").pvalue > ALARM
    assert stats.ks_2samp(draws.ravel(), other.ravel(), method="asymp").pvalue > ALARM


def test_both_halves_of_a_row_have_the_same_law(draws):
    left, right = np.split(draws, 2, axis=1)
    assert stats.ks_2samp(left.ravel(), right.ravel(), method="asymp").pvalue > ALARM


@pytest.mark.parametrize("far", [2.0, 3.0, 4.0, 5.0])
def test_the_tails_hold_as_many_as_they_should_on_either_side(far):
    count = jax.jit(
        lambda key: jnp.stack([(z := normal(key, SHAPE, jnp.float32)) > far, z < -far]).sum((1, 2))
    )
    blocks = 16
    found = np.sum([count(jax.random.fold_in(KEY, i)) for i in range(blocks)], axis=0)
    expected = stats.norm.sf(far) * blocks * np.prod(SHAPE)  # 4.8 beyond five
    for side in found:
        assert stats.poisson.sf(side - 1, expected) > ALARM / 2
        assert stats.poisson.cdf(side, expected) > ALARM / 2


def test_no_draw_is_infinite_even_from_the_least_and_the_largest_word(monkeypatch):
    for word in (0, 1, 2**31, 2**32 - 1):
        both = partial(jnp.full, fill_value=word, dtype=jnp.uint32)
        monkeypatch.setattr(normals, "words", lambda _, shape, full=both: (full(shape),) * 2)
        z = normal(KEY, (2, 4), jnp.float32)
        assert bool((jnp.abs(z) < 6.8).all())


def test_sine_and_cosine_are_those_of_the_angle_to_the_last_digits():
    word = jax.random.bits(KEY, (4096,), jnp.uint32)
    angle = np.pi / 2 * np.asarray(word).astype(np.int32) / 2.0**31
    turned = np.where(np.asarray(word) & 1, -1.0, 1.0)
    sine, cosine = normals._half_turn(word)
    np.testing.assert_allclose(sine, np.sin(angle), atol=1.5e-7)
    np.testing.assert_allclose(cosine, turned * np.cos(angle), atol=1.5e-7)


@pytest.mark.parametrize("function", [lambda z: z, np.abs, np.sign, np.square])
def test_the_two_of_a_pair_are_independent(draws, function):
    """They share their radius and their angle; also of neighbours, and of successive rows."""
    f = function(draws) - function(draws).mean()
    half = SHAPE[1] // 2
    for a, b in ((f[:, :half], f[:, half:]), (f[:, :-1], f[:, 1:]), (f[:-1], f[1:])):
        assert within((a * b).mean() / f.var(), 0, 1, a.size)


def test_the_angle_is_uniform(draws):
    """The direction of a pair, over the whole circle."""
    half = SHAPE[1] // 2
    turn = np.arctan2(draws[:, :half], draws[:, half:]) / (2 * np.pi) + 0.5
    assert stats.kstest(turn.ravel(), "uniform").pvalue > ALARM


def test_keys_of_successive_steps_are_independent(draws):
    other = np.asarray(normal(jax.random.fold_in(KEY, 1), SHAPE, jnp.float32), np.float64)
    assert within((draws * other).mean(), 0, 1, draws.size)


def test_a_key_fixes_the_bytes_compiled_or_not():
    again = jax.jit(lambda key: normal(key, (8, 6), jnp.float32))
    once, twice = again(KEY), again(KEY)
    assert once.tobytes() == twice.tobytes()
    np.testing.assert_allclose(normal(KEY, (8, 6), jnp.float32), once, rtol=2e-6, atol=1e-7)
    assert not np.array_equal(once, again(jax.random.key(12)))


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 1), (3, 5), (2, 3, 4), (0,), ()])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_every_shape_and_dtype_is_served(shape, dtype):
    z = normal(KEY, shape, dtype)
    assert z.shape == shape
    assert z.dtype == dtype
    assert len(np.unique(z)) == z.size


def test_gaussian_noise_is_drawn_so():
    drawn = FAMILIES["gaussian"].draw(KEY, (4, 6), jnp.float32)
    np.testing.assert_array_equal(drawn, normal(KEY, (4, 6), jnp.float32))
