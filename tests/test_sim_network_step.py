"""One step of any model with real minibatches, against the enumeration of every minibatch and
against the engine that stores all per-sample gradients."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from sim import RULES, network
from sim.measure import Population
from sim.network_step import minibatch_step
from sim.sample_losses import ModelLoss
from sim.transforms import matrix_sign

FALSE_ALARM = 1e-4
KEY = jax.random.key(3)
N, FEATURES, HIDDEN, CLASSES = 6, 3, 4, 2
GIVEN = {
    "soft_sign": {"eps": 0.01}, "adam": {"beta1": 0.5, "beta2": 0.8}, "rmsprop": {"beta2": 0.8},
    "momentum": {"beta1": 0.5}, "signum": {"beta1": 0.5}, "lion": {"beta1": 0.5, "beta2": 0.5},
    "adagrad": {"steps": 3}, "adafactor": {"steps": 3},
}  # fmt: skip


def apply(params, inputs):
    return jax.nn.relu(inputs @ params["first"]) @ params["last"]


def flat_apply(theta, inputs):
    """The same of a flat vector, in the order of `ravel_pytree`."""
    split = FEATURES * HIDDEN
    first, last = theta[:split].reshape(FEATURES, HIDDEN), theta[split:].reshape(HIDDEN, CLASSES)
    return jax.nn.relu(inputs @ first) @ last


LOSS = ModelLoss(apply)


@cache
def problem():
    """(params, samples, the same as a `network.Point`)."""
    keys = jax.random.split(jax.random.key(1), 2)
    inputs = 2 * jax.random.normal(keys[0], (N, FEATURES), jnp.float64)
    size = HIDDEN * (FEATURES + CLASSES)
    theta = 0.6 * jax.random.normal(keys[1], (size,), jnp.float64)
    labels = (inputs[:, 0] > 0).astype(jnp.int32)
    split = FEATURES * HIDDEN
    params = {
        "first": theta[:split].reshape(FEATURES, HIDDEN),
        "last": theta[split:].reshape(HIDDEN, CLASSES),
    }
    point = network.at_point(flat_apply, theta, Population(inputs, labels))
    return params, (np.asarray(inputs), np.asarray(labels)), point


@cache
def explicit():
    """Per-sample gradients, their mean, the Hessian."""
    _, samples, point = problem()

    def mean_loss(theta):
        log_p = jax.nn.log_softmax(flat_apply(theta, samples[0]))
        return -jnp.take_along_axis(log_p, samples[1][:, None], 1).mean()

    hessian = jax.jit(jax.hessian(mean_loss))(point.theta)
    return np.asarray(point.gradients), np.asarray(point.mean), np.asarray(hessian)


def step(rule, *, draws=400, batch=2, key=KEY, **parameters):
    params, samples, _ = problem()
    return minibatch_step(rule, LOSS, params, samples, batch=batch, draws=draws, key=key,
                          **parameters)  # fmt: skip


def direction(rule, g):
    """V of one gradient."""
    if rule == "sign":
        return np.sign(g)
    if rule == "muon":
        parts = ((0, 12, (FEATURES, HIDDEN)), (12, 20, (HIDDEN, CLASSES)))
        return np.concatenate(
            [np.asarray(matrix_sign(jnp.asarray(g[a:b].reshape(s)))).ravel() for a, b, s in parts]
        )
    return g


def enumerated(rule, batch):
    """(E[V]ᵀG, E[VᵀHV]) over all minibatches of `batch`."""
    gradients, mean, hessian = explicit()
    chosen = product(range(N), repeat=batch)
    v = np.array([direction(rule, gradients[list(index)].mean(0)) for index in chosen])
    return np.array([(v @ mean).mean(), np.einsum("mi,ij,mj->m", v, hessian, v).mean()])


def parts(found):
    return np.array([[p.mean, p.sem] for p in (found.numerator, found.denominator)]).T


@pytest.mark.parametrize("rule", ["sign", "sgd", "muon"])
def test_minibatches_of_one_are_enumerated_exactly(rule):
    found = step(rule, batch=1, draws=N)
    means, sems = parts(found)
    np.testing.assert_allclose(means, enumerated(rule, 1), rtol=1e-6)
    assert not sems.any()
    assert found.lr_star.mean == pytest.approx(means[0] / means[1])


@pytest.mark.parametrize("rule", ["sign", "sgd", "muon"])
def test_larger_minibatches_agree_with_the_enumeration_of_all(rule):
    """The negative controls are the neighbouring batch sizes."""
    limit = norm.isf(FALSE_ALARM / 2 / 6)
    means, sems = parts(step(rule, draws=2500))
    assert (np.abs(means - enumerated(rule, 2)) < limit * sems).all()
    for other in (1, 4):
        assert (np.abs(means - enumerated(rule, other)) > limit * sems).any()


def test_it_agrees_with_the_engine_that_stores_all_gradients():
    _, _, point = problem()
    limit = norm.isf(FALSE_ALARM / 2 / 4)
    stored = network.minibatch_step("sign", point, batch=3, resolution=0.04, limit=8192, key=KEY)
    found = step("sign", batch=3, draws=1500)
    for name in ("numerator", "denominator", "lr_star", "decrease"):
        one, other = getattr(stored, name), getattr(found, name)
        assert abs(one.mean - other.mean) < limit * np.hypot(one.sem, other.sem), name


def test_momentum_averages_the_noise_of_its_gradients():
    """E[V]ᵀG = |G|², E[VᵀHV] = GᵀHG + (1−β)/(1+β) tr(HΣ)/B; not the noise of plain gradients."""
    gradients, mean, hessian = explicit()
    noise = gradients - mean
    traced = np.einsum("ni,ij,nj->", noise, hessian, noise) / N / 2
    means, sems = parts(step("momentum", beta1=0.5, draws=2000))
    expected = [mean @ mean, mean @ hessian @ mean + traced / 3]
    limit = norm.isf(FALSE_ALARM / 2 / 2)
    assert (np.abs(means - expected) < limit * sems).all()
    assert abs(means[1] - (mean @ hessian @ mean + traced)) > limit * sems[1]


def test_with_steps_it_is_v_of_that_very_step():
    """Momentum from zero has (1 − βᵗ) of the mean after t steps; Adagrad's first V is a sign."""
    _, mean, _ = explicit()
    found = step("momentum", beta1=0.5, steps=2, draws=600).numerator
    assert abs(found.mean - 0.75 * (mean @ mean)) < norm.isf(FALSE_ALARM / 2) * found.sem
    means, sems = parts(step("adagrad", steps=1, draws=600, key=jax.random.key(5)))
    assert (np.abs(means - enumerated("sign", 2)) < norm.isf(FALSE_ALARM / 4) * sems).all()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_is_measured(rule):
    found = step(rule, draws=64, **GIVEN.get(rule, {}))
    for part in found.estimates:
        assert np.isfinite(part.mean)
        assert part.sem > 0
    assert step(rule, draws=64, **GIVEN.get(rule, {})) == found  # same key, same result


@pytest.mark.parametrize(
    ("rule", "given", "named"),
    [
        ("muons", {}, "unknown rule"),
        ("sign", {"batch": 0}, "batch must be a whole number, at least 1"),
        ("sign", {"batch": 2.5}, "batch must be a whole number"),
        ("sign", {"draws": 1}, "draws must be a whole number, at least 2"),
        ("sign", {"steps": 3}, "no memory here"),
        ("adagrad", {}, "no stationary state"),
        ("adam", {"beta1": 1.0}, "beta1 must be"),
        ("muon", {"shape": (2, 2)}, "the model's own parameters"),
    ],
)
def test_what_is_malformed_is_named_in_one_line(rule, given, named):
    with pytest.raises(ValueError, match=named) as caught:
        step(rule, **given)
    assert "\n" not in str(caught.value)
