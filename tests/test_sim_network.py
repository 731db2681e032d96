"""One step of a network, against the enumeration of every minibatch of a tiny population."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from sim import network
from sim.estimate import Estimate
from sim.measure import Population, mean_loss
from sim.network import ROWS, at_point, direction, line_search, minibatch_step
from sim.optimum import EdgeOptimum

FALSE_ALARM = 1e-4
KEY = jax.random.key(3)
N, FEATURES, CLASSES = 4, 3, 2


def logits(theta, inputs):
    hidden = jax.nn.relu(inputs @ theta[: 3 * FEATURES].reshape(FEATURES, 3))
    return hidden @ theta[3 * FEATURES :].reshape(3, CLASSES)


@cache
def point(n=N, dtype=jnp.float64):
    keys = jax.random.split(jax.random.key(1), 2)
    inputs = 2 * jax.random.normal(keys[0], (n, FEATURES), dtype)
    theta = 0.6 * jax.random.normal(keys[1], (3 * FEATURES + 3 * CLASSES,), dtype)
    labels = (inputs[:, 0] > 0).astype(jnp.int32)
    return at_point(logits, theta, Population(inputs, labels))


@cache
def explicit():
    """Per-sample gradients, mean gradient and Hessian, formed."""
    p = point()

    def loss(theta, sample):
        return mean_loss(logits, theta, Population(*(part[None] for part in sample)))

    samples = tuple(p.population)
    gradients = np.asarray(jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(p.theta, samples))
    curved = jax.jit(jax.hessian(lambda t: mean_loss(logits, t, p.population)))
    hessian = np.asarray(curved(p.theta))
    return gradients, gradients.mean(0), hessian


@cache
def every_direction(rule, batch):
    """V of each of the nᴮ minibatches, all equally likely."""
    gradients, *_ = explicit()
    means = np.array([gradients[list(index)].mean(0) for index in product(range(N), repeat=batch)])
    return np.sign(means) if rule == "sign" else means


def enumerated(rule, batch):
    """(ε*, ΔL*, E[V]ᵀG, E[VᵀHV]) over all minibatches."""
    _, mean, hessian = explicit()
    v = every_direction(rule, batch)
    numerator, denominator = (v @ mean).mean(), np.einsum("mi,ij,mj->m", v, hessian, v).mean()
    return np.array(
        [numerator / denominator, 0.5 * numerator**2 / denominator, numerator, denominator]
    )


def deviations(step, law):
    return np.array([(part.mean - value) / part.sem for part, value in zip(step, law, strict=True)])


LIMIT = norm.isf(FALSE_ALARM / 2 / 16)


def test_a_point_holds_the_mean_of_its_gradients():
    gradients, mean, _ = explicit()
    np.testing.assert_allclose(point().gradients, gradients, atol=1e-13)
    np.testing.assert_allclose(point().mean, mean, atol=1e-13)


def test_the_direction_is_taken_row_by_row():
    g = jnp.asarray([[1.0, -2.0], [0.0, 5.0]])
    np.testing.assert_array_equal(direction("sign", g), [[1, -1], [0, 1]])
    np.testing.assert_array_equal(direction("sgd", g), g)


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_minibatches_of_one_are_enumerated_exactly(rule):
    step = minibatch_step(rule, point(), batch=1, resolution=0.1, limit=1, key=KEY)
    np.testing.assert_allclose([part.mean for part in step], enumerated(rule, 1), rtol=1e-10)
    assert all(part.sem == 0 and part.n == N for part in step)


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_larger_minibatches_agree_with_the_enumeration_of_all(rule, batch):
    """Resolution: 1 % of numerator and denominator, where neighbouring batch sizes differ more."""
    step = minibatch_step(rule, point(), batch=batch, resolution=0.01, limit=2**17, key=KEY)
    assert np.abs(deviations(step, enumerated(rule, batch))).max() < LIMIT
    for part in step[2:]:
        assert part.sem < 0.012 * abs(part.mean)
    for other in (batch - 1, batch + 1):
        assert np.abs(deviations(step, enumerated(rule, other))).max() > LIMIT


def test_numerator_and_denominator_have_draws_of_their_own():
    """Their errors are independent, as the error of the ratio assumes."""
    num, den = [], []
    law = enumerated("sign", 2)
    for seed in range(60):
        step = minibatch_step(
            "sign", point(), batch=2, resolution=10.0, limit=1, key=jax.random.key(seed)
        )
        z = deviations(step, law)
        num.append(z[2])
        den.append(z[3])
    r = np.corrcoef(num, den)[0, 1]
    assert abs(r) < norm.isf(FALSE_ALARM / 2) / np.sqrt(60)
    ratio = np.hypot(step.numerator.sem / step.numerator.mean,
                     step.denominator.sem / step.denominator.mean)  # fmt: skip
    assert step.lr_star.sem / step.lr_star.mean == pytest.approx(ratio, rel=1e-9)
    relative = np.hypot(2 * step.numerator.sem / step.numerator.mean,
                        step.denominator.sem / step.denominator.mean)  # fmt: skip
    assert step.decrease.sem / step.decrease.mean == pytest.approx(relative, rel=1e-9)


def test_no_key_is_used_twice(monkeypatch):
    """Minibatches and blocks of samples, of pilots and of what follows them."""
    used = []
    for name, place in (("minibatch_gradients", 1), ("sampled_quadratic_forms", 4)):
        original = getattr(network.measure, name)

        def recorded(*args, original=original, place=place, **options):
            used.append(tuple(jax.random.key_data(args[place]).tolist()))
            return original(*args, **options)

        monkeypatch.setattr(network.measure, name, recorded)
    minibatch_step("sign", point(), batch=2, resolution=1e-9, limit=2 * ROWS, key=KEY)
    assert len(set(used)) == len(used) == 3 * (1 + 2)


def test_blocks_of_a_larger_population_leave_the_curvature_unbiased():
    """100 samples, curvature over blocks of 64: against a batch of one over the whole."""
    p = point(100)
    exact = minibatch_step("sign", p, batch=1, resolution=1, limit=1, key=KEY).denominator.mean
    found = network._denominators("sign", p, 1, 20, KEY)
    assert abs(found.mean - exact) / found.sem < norm.isf(FALSE_ALARM / 2)
    assert found.sem < 0.05 * exact


def test_the_limit_ends_the_draws():
    step = minibatch_step("sign", point(), batch=2, resolution=1e-9, limit=600, key=KEY)
    assert step.numerator.n == step.denominator.n == 3 * ROWS


def test_a_coarse_resolution_is_content_with_one_chunk():
    step = minibatch_step("sign", point(), batch=2, resolution=10.0, limit=2**20, key=KEY)
    assert step.numerator.n == step.denominator.n == ROWS


def test_a_numerator_of_zero_draws_to_the_limit():
    assert network._chunks_for(0.1, Estimate(0.0, 0.1, 256), 1000) == 4


def test_the_same_key_gives_the_same_step_and_another_key_another():
    first, again, other = (
        minibatch_step("sign", point(), batch=2, resolution=1.0, limit=1, key=jax.random.key(k))
        for k in (1, 1, 2)
    )
    assert first == again
    assert first.numerator != other.numerator


# Line search


@cache
def mean_loss_over_minibatches(rule, batch):
    """E[L(θ − εV)] on a dense grid of ε, over all minibatches."""
    grid = np.geomspace(0.1, 10, 801) * enumerated(rule, batch)[0]
    v = jnp.asarray(every_direction(rule, batch))
    p = point()

    @jax.jit
    def expected(lr):
        return jax.vmap(lambda w: mean_loss(logits, p.theta - lr * w, p.population))(v).mean()

    return grid, np.array([expected(lr) for lr in grid])


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_the_line_search_finds_where_the_mean_loss_is_least(rule):
    """Resolution: the interval is within 10 % of the optimum."""
    grid, losses = mean_loss_over_minibatches(rule, 2)
    best = grid[losses.argmin()]
    law = enumerated(rule, 2)
    found = line_search(
        rule, point(), batch=2, lrs=best * 2.0 ** np.arange(-2, 2.5, 0.5), draws=4000,
        slope=Estimate(law[2], 0.0, 100), key=KEY, seed=0,
    )  # fmt: skip
    half = (found.high - found.low) / 2
    assert half < 0.1 * best
    assert abs(found.lr - best) < 2 * half + 0.02 * best
    assert abs(found.lr - law[0]) > 2 * half + 0.02 * best  # negative control: second order


def test_a_grid_that_misses_the_minimum_is_refused():
    law = enumerated("sign", 2)
    with pytest.raises(EdgeOptimum):
        line_search(
            "sign", point(), batch=2, lrs=law[0] * np.geomspace(1e-3, 1e-2, 5), draws=50,
            slope=Estimate(law[2], 0.0, 100), key=KEY, seed=0,
        )  # fmt: skip


def test_a_float32_network_is_measured_in_float32():
    p = point(dtype=jnp.float32)
    for leaf in (p.gradients, p.mean, direction("sign", p.gradients)):
        assert jnp.asarray(leaf).dtype == jnp.float32
