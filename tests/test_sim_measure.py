"""Measurements at one point of a network, against explicit Hessians and per-sample gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.stats import chisquare, norm

from sim import measure
from sim.measure import Population, mean_loss
from sim.models import CNN, MLP

FALSE_ALARM = 1e-4
SIZE = 70  # no multiple of any chunk, and over each
MODELS: dict[str, Any] = {
    "mlp": (MLP((4, 5, 3)), (2, 2, 1)),
    "cnn": (CNN((2,), hidden=3, classes=3), (4, 4, 1)),
}
KEY = jax.random.key(0)


class Network:
    """A tiny network at random parameters, and its exact Hessian."""

    def __init__(self, name: str, dtype=jnp.float64):
        model, shape = MODELS[name]
        keys = jax.random.split(KEY, 3)
        inputs = jax.random.normal(keys[0], (SIZE, *shape), dtype)
        empty = jax.tree.map(
            lambda leaf: np.zeros(leaf.shape), jax.eval_shape(model.init, KEY, inputs)
        )
        theta, unravel = ravel_pytree(empty)
        self.logits = lambda t, x: model.apply(unravel(t), x)
        self.theta = 0.7 * jax.random.normal(keys[1], theta.shape, dtype)
        self.population = Population(inputs, jax.random.randint(keys[2], (SIZE,), 0, 3))
        self.directions = jax.random.normal(KEY, (3, theta.size), dtype)
        self.losses = jax.jit(jax.vmap(self._loss, (None, 0)))

    def _loss(self, theta, sample):
        x, label = sample
        return -jax.nn.log_softmax(self.logits(theta, x[None])[0])[label]

    def hessian(self, size=SIZE):
        part = tuple(p[:size] for p in self.population)
        return np.asarray(jax.jit(jax.hessian(lambda t: self.losses(t, part).mean()))(self.theta))

    def at(self):
        return self.logits, self.theta, self.population


@pytest.fixture(scope="module", params=MODELS)
def net(request):
    return Network(request.param)


@pytest.fixture(scope="module")
def hessian(net):
    return net.hessian()


# Gradients and curvature


def test_the_loss_is_the_mean_over_samples_of_minus_the_log_probability(net):
    assert mean_loss(*net.at()) == pytest.approx(
        float(net.losses(net.theta, tuple(net.population)).mean()), rel=1e-12
    )


def test_per_sample_gradients_are_those_of_each_sample_alone(net):
    found = measure.per_sample_gradients(*net.at())
    alone = jax.jit(jax.vmap(jax.grad(net._loss), (None, 0)))(net.theta, tuple(net.population))
    np.testing.assert_allclose(found, alone, atol=1e-12)


def test_the_hessian_is_not_diagonal_and_not_small(hessian):
    assert np.abs(hessian).max() > 0.1
    assert np.abs(hessian - np.diag(np.diag(hessian))).max() > 0.05


@pytest.mark.parametrize("size", [5, 16, SIZE])
def test_the_diagonal_is_exact_for_relu_networks_and_shared_kernels(net, size):
    part = Population(*(p[:size] for p in net.population))
    found = measure.hessian_diagonal(net.logits, net.theta, part)
    np.testing.assert_allclose(found, np.diag(net.hessian(size)), atol=1e-12)


def test_quadratic_forms_are_those_of_the_explicit_hessian(net, hessian):
    v = np.asarray(net.directions)
    found = measure.quadratic_forms(*net.at(), net.directions)
    np.testing.assert_allclose(found, np.einsum("mi,ij,mj->m", v, hessian, v), rtol=1e-11)


def test_a_second_derivative_along_a_direction_is_its_quadratic_form(net, hessian):
    v = np.asarray(net.directions[0])
    form = jax.jit(measure.second_derivative, static_argnums=0)
    found = form(*net.at(), net.directions[0])
    assert float(found) == pytest.approx(v @ hessian @ v, rel=1e-11)


def test_a_hessian_product_is_that_of_the_explicit_hessian(net, hessian):
    v = net.directions[1]
    np.testing.assert_allclose(
        measure.hessian_product(*net.at(), v), hessian @ np.asarray(v), atol=1e-11
    )


# Blocks of samples


def ring(population, size):
    """All blocks of `size` samples in a row, stacked."""
    index = (np.arange(population.size)[:, None] + np.arange(size)) % population.size
    return Population(*(part[index] for part in population))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_every_block_of_the_ring_is_equally_likely(size):
    """So is then every sample, and the mean over a block is unbiased."""
    n, draws = 5, 2000
    population = Population(jnp.arange(n) * 10.0, jnp.arange(n))
    blocks = jax.vmap(lambda k: measure.random_block(population, size, k))(
        jax.random.split(KEY, draws)
    )
    inputs, labels = np.asarray(blocks.inputs), np.asarray(blocks.labels)
    np.testing.assert_array_equal(inputs, 10.0 * labels)
    np.testing.assert_array_equal(labels, (labels[:, :1] + np.arange(size)) % n)
    counts = np.bincount(labels[:, 0], minlength=n)
    assert chisquare(counts).pvalue > FALSE_ALARM
    assert chisquare(counts + np.array([0, 0, 0, 80, -80])).pvalue < FALSE_ALARM  # negative control


def test_a_sampled_quadratic_form_averages_to_the_exact_one_over_all_blocks(net):
    """Each is the form of one block; the mean over all blocks is the form of the population."""
    few = Population(*(p[:7] for p in net.population))
    v = net.directions[0]
    form = jax.vmap(lambda block: measure.second_derivative(net.logits, net.theta, block, v))
    forms = np.asarray(jax.jit(form)(ring(few, 3)))
    drawn = np.asarray(
        measure.sampled_quadratic_forms(
            net.logits, net.theta, few, jnp.tile(v, (60, 1)), KEY, size=3
        )
    )
    nearest = np.abs(drawn[:, None] - forms).argmin(1)
    np.testing.assert_allclose(drawn, forms[nearest], rtol=1e-10)
    assert set(nearest) == set(range(7))
    exact = np.asarray(v) @ net.hessian(7) @ np.asarray(v)
    assert forms.mean() == pytest.approx(exact, rel=1e-11)


def test_a_sampled_quadratic_form_belongs_to_its_own_direction(net, hessian):
    v = np.asarray(net.directions)
    found = measure.sampled_quadratic_forms(*net.at(), net.directions, KEY, size=SIZE)
    np.testing.assert_allclose(found, np.einsum("mi,ij,mj->m", v, hessian, v), rtol=1e-11)


# Minibatches

GRADIENTS = jax.random.normal(jax.random.key(5), (6, 3), jnp.float64)


@pytest.mark.parametrize("batch", [1, 2, 16, 17, 40])
def test_a_minibatch_gradient_is_the_mean_of_the_samples_drawn(batch):
    """By gathering or by counting, on the same draws."""
    found = measure.minibatch_gradients(GRADIENTS, KEY, batch=batch, rows=50)
    chosen = np.asarray(jax.random.randint(KEY, (50, batch), 0, 6))
    np.testing.assert_allclose(found, np.asarray(GRADIENTS)[chosen].mean(1), atol=1e-14)


@pytest.mark.parametrize("batch", [4, 24])
def test_minibatch_gradients_have_the_populations_mean_and_its_covariance_over_b(batch):
    """Resolution: a covariance off by 5 % is seen; drawing without replacement is rejected."""
    rows = 40_000
    x = np.asarray(measure.minibatch_gradients(GRADIENTS, KEY, batch=batch, rows=rows))
    c = np.asarray(GRADIENTS) - np.asarray(GRADIENTS).mean(0)
    upper = np.triu_indices(3)
    centred = x - np.asarray(GRADIENTS).mean(0)
    seen = np.concatenate([centred, centred[:, upper[0]] * centred[:, upper[1]]], axis=1)
    limit = norm.isf(FALSE_ALARM / 2 / seen.shape[1])

    def worst(factor):
        law = np.concatenate([np.zeros(3), factor * (c.T @ c / 6)[upper]])
        return np.abs((seen.mean(0) - law) / (seen.std(0) / np.sqrt(rows))).max()

    assert worst(1 / batch) < limit
    for wrong in (1 / (batch + 1), 1 / batch * 6 / 5, 1.05 / batch):
        assert worst(wrong) > limit


def test_a_minibatch_of_one_is_each_sample_equally_often():
    x = np.asarray(measure.minibatch_gradients(GRADIENTS, KEY, batch=1, rows=6000))
    which = np.abs(x[:, None] - np.asarray(GRADIENTS)).sum(2).argmin(1)
    np.testing.assert_array_equal(x, np.asarray(GRADIENTS)[which])
    counts = np.bincount(which, minlength=6)
    assert chisquare(counts).pvalue > FALSE_ALARM
    assert (
        chisquare(counts + np.array([150, -150, 0, 0, 0, 0])).pvalue < FALSE_ALARM
    )  # negative control


# What the linear term leaves


def test_a_remainder_is_the_loss_after_a_step_without_its_linear_part(net):
    """L(θ − εv) − L(θ) + ε vᵀG, all three over the direction's own block."""
    lrs = jnp.asarray([0.01, 0.1, 0.5])
    found = measure.remainders_along(*net.at(), net.directions, lrs, KEY, size=4)
    blocks = [tuple(measure.random_block(net.population, 4, k)) for k in jax.random.split(KEY, 3)]

    @jax.jit
    def expected(v, block):
        def loss(t):
            return net.losses(t, block).mean()

        start, gradient = jax.value_and_grad(loss)(net.theta)
        return jax.vmap(lambda lr: loss(net.theta - lr * v) - start + lr * (v @ gradient))(lrs)

    for row, v, block in zip(found, net.directions, blocks, strict=True):
        np.testing.assert_allclose(row, expected(v, block), atol=1e-13)
    assert float(jnp.abs(found).min()) > 1e-7


def test_a_small_steps_remainder_is_half_the_curvature(net, hessian):
    lr, v = 1e-5, np.asarray(net.directions)
    found = measure.remainders_along(*net.at(), net.directions, jnp.asarray([lr]), KEY, size=SIZE)
    forms = np.einsum("mi,ij,mj->m", v, hessian, v)
    np.testing.assert_allclose(found[:, 0], 0.5 * lr**2 * forms, rtol=1e-3)


# Dtype


@pytest.mark.parametrize("name", MODELS)
def test_measurements_of_a_float32_network_stay_in_float32(name):
    net = Network(name, jnp.float32)
    lrs = jnp.ones(2, jnp.float32)
    programs = {
        "gradients": lambda t: measure.per_sample_gradients(net.logits, t, net.population),
        "diagonal": lambda t: measure.hessian_diagonal(net.logits, t, net.population),
        "forms": lambda t: measure.quadratic_forms(net.logits, t, net.population, net.directions),
        "product": lambda t: measure.hessian_product(net.logits, t, net.population, t),
        "sampled": lambda t: measure.sampled_quadratic_forms(
            net.logits, t, net.population, net.directions, KEY, size=4
        ),
        "remainders": lambda t: measure.remainders_along(
            net.logits, t, net.population, net.directions, lrs, KEY, size=4
        ),
        "minibatches": lambda t: measure.minibatch_gradients(t[:6, None], KEY, batch=20, rows=3),
    }
    for label, program in programs.items():
        traced = jax.make_jaxpr(program)(net.theta)
        assert "f64[" not in str(traced), label
        assert traced.out_avals[0].dtype == jnp.float32, label
