"""Update rules, against a plain NumPy version of each over a sequence of gradients."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sim.rules import RULES, first_direction, make_rule
from sim.transforms import matrix_sign

GRADIENT = jnp.asarray([2.0, -3.0, 0.0, 1e-12, 0.5, 1e8], jnp.float32)
D, STEPS, RUNS = 6, 7, 3
GENERATOR = np.random.default_rng(0)
SEQUENCE = GENERATOR.normal(size=(STEPS, RUNS, D)) + 0.3
PARAMETERS: dict[str, dict[str, Any]] = {
    "soft_sign": {"eps": 0.7},
    "adafactor": {"shape": (2, 3)},
    "muon": {"shape": (2, 3)},
}


def made(name, **parameters):
    return make_rule(name, **(PARAMETERS.get(name, {}) | parameters))


def directions(rule, sequence=SEQUENCE, dtype=jnp.float64):
    """V after every step of a sequence of gradients (t, runs, d)."""
    sequence = jnp.asarray(sequence, dtype)

    def step(state, gradient):
        v, state = rule.transform.update(gradient, state)
        return state, v

    return np.asarray(jax.lax.scan(step, rule.transform.init(sequence[0]), sequence)[1])


@cache
def usual(name):
    """V after every step, in float64, with the parameters that a rule has unless told."""
    return directions(made(name))


# Plain definitions


def averages(beta, x):
    """m ← β m + (1−β) x from 0, after every step."""
    m, all_m = np.zeros_like(x[0]), []
    for now in x:
        m = beta * m + (1 - beta) * now
        all_m.append(m)
    return np.array(all_m)


def corrected(beta, x):
    return averages(beta, x) / averages(beta, np.ones_like(x))


def plain_lion(g, beta1=0.9, beta2=0.99):
    before = np.concatenate([np.zeros_like(g[:1]), averages(beta2, g)[:-1]])
    return np.sign(beta1 * before + (1 - beta1) * g)


def plain_adafactor(g, shape, decay_rate=0.8):
    squares = g.reshape(*g.shape[:-1], *shape) ** 2
    row, column, result = 0.0, 0.0, []
    for t, square in enumerate(squares, start=1):
        keep = 1 - t**-decay_rate
        row = keep * row + (1 - keep) * square.mean(-1)
        column = keep * column + (1 - keep) * square.mean(-2)
        scale = row[:, :, None] * column[:, None, :] / row.mean(-1)[:, None, None]
        result.append(scale.reshape(g.shape[1:]) ** -0.5)
    return g * np.array(result)


def plain_muon(g, shape, beta1=0.0):
    m = averages(beta1, g).reshape(*g.shape[:-1], *shape)
    u, _, wt = np.linalg.svd(m, full_matrices=False)
    return (u @ wt).reshape(g.shape)


PLAIN: dict[str, Any] = {
    "sgd": lambda g: g,
    "sign": np.sign,
    "momentum": lambda g, beta1=0.9: averages(beta1, g),
    "signum": lambda g, beta1=0.9: np.sign(averages(beta1, g)),
    "lion": plain_lion,
    "soft_sign": lambda g, eps: g / np.sqrt(g**2 + eps**2),
    "rmsprop": lambda g, beta2=0.999: g / np.sqrt(corrected(beta2, g**2)),
    "adam": lambda g, beta1=0.9, beta2=0.999: corrected(beta1, g) / np.sqrt(corrected(beta2, g**2)),
    "adagrad": lambda g: g / np.sqrt(np.cumsum(g**2, axis=0)),
    "normalised_sgd": lambda g: g / np.sqrt((g**2).sum(-1, keepdims=True)),
    "adafactor": plain_adafactor,
    "muon": plain_muon,
}
OTHERS = [
    ("momentum", {"beta1": 0.5}), ("signum", {"beta1": 0.95}), ("muon", {"beta1": 0.9}),
    ("lion", {"beta1": 0.5, "beta2": 0.8}), ("adam", {"beta1": 0.5, "beta2": 0.6}),
    ("rmsprop", {"beta2": 0.2}), ("soft_sign", {"eps": 0.01}), ("muon", {"shape": [3, 2]}),
    ("adafactor", {"shape": (3, 2), "decay_rate": 0.5}), ("adafactor", {"shape": (1, 6)}),
]  # fmt: skip
CASES = [(name, {}) for name in RULES] + OTHERS


def case_name(value):
    return value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items())


@pytest.mark.parametrize(("name", "parameters"), CASES, ids=case_name)
def test_a_rule_is_its_definition(name, parameters):
    plain = PLAIN[name](SEQUENCE, **(PARAMETERS.get(name, {}) | parameters))
    ours = directions(made(name, **parameters)) if parameters else usual(name)
    np.testing.assert_allclose(ours, plain, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_in_float32_a_rule_is_its_definition_too(name):
    plain = PLAIN[name](SEQUENCE, **PARAMETERS.get(name, {}))
    ours = directions(made(name), dtype=jnp.float32)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, plain, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "wrong"), [
    ("momentum", {"beta1": 0.91}), ("adam", {"beta2": 0.998}), ("adam", {"beta1": 0.91}),
    ("rmsprop", {"beta2": 0.998}), ("soft_sign", {"eps": 0.71}), ("muon", {"shape": (3, 2)}),
    ("adafactor", {"decay_rate": 0.81}), ("adafactor", {"shape": (3, 2)}),
], ids=case_name)  # fmt: skip
def test_another_parameter_is_another_rule(name, wrong):
    plain = PLAIN[name](SEQUENCE, **PARAMETERS.get(name, {}))
    assert np.abs(directions(made(name, **wrong)) - plain).max() > 1e-4


@pytest.mark.parametrize("name", RULES)
def test_runs_are_independent(name):
    """V of one run alone is V of that run among others."""
    together, alone = usual(name), directions(made(name), SEQUENCE[:, 1])
    np.testing.assert_allclose(alone, together[:, 1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_points_against_descent_once_the_step_subtracts_it(name):
    v = np.asarray(jax.jit(partial(first_direction, made(name)))(GRADIENT))
    assert np.isfinite(v).all()
    assert v @ np.asarray(GRADIENT) > 0


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_rule_keeps_the_gradients_dtype(name, dtype):
    rule, gradient = made(name), jnp.zeros(D, dtype)
    shapes = jax.eval_shape(lambda g: rule.transform.update(g, rule.transform.init(g)), gradient)
    kinds = {x.dtype for x in jax.tree.leaves(shapes)} - {jnp.dtype(jnp.int32)}
    assert kinds == {jnp.dtype(dtype)}


@pytest.mark.parametrize("name", RULES)
def test_nothing_comes_of_no_gradient(name):
    assert not directions(made(name), np.zeros((3, 2, D))).any()


# How rules are related


SIGN = np.sign(SEQUENCE)
RELATED = {
    "adam without averages": ("adam", {"beta1": 0.0, "beta2": 0.0}, SIGN),
    "rmsprop without an average": ("rmsprop", {"beta2": 0.0}, SIGN),
    "rmsprop is adam without β1": ("rmsprop", {}, PLAIN["adam"](SEQUENCE, beta1=0.0)),
    "lion without β1": ("lion", {"beta1": 0.0, "beta2": 0.7}, SIGN),
    "signum without an average": ("signum", {"beta1": 0.0}, SIGN),
    "lion of equal β": ("lion", {"beta1": 0.9, "beta2": 0.9}, PLAIN["signum"](SEQUENCE)),
    "momentum without an average": ("momentum", {"beta1": 0.0}, SEQUENCE),
    "a small soft sign": ("soft_sign", {"eps": 1e-9}, SIGN),
    "a large soft sign": ("soft_sign", {"eps": 1e9}, 1e-9 * SEQUENCE),
    "a row": ("muon", {"shape": (1, 6)}, PLAIN["normalised_sgd"](SEQUENCE)),
    "a column": ("muon", {"shape": (6, 1)}, PLAIN["normalised_sgd"](SEQUENCE)),
}


@pytest.mark.parametrize("relation", RELATED)
def test_rules_meet_where_they_should(relation):
    name, parameters, expected = RELATED[relation]
    np.testing.assert_allclose(
        directions(make_rule(name, **parameters)), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad", "signum", "lion"])
def test_the_first_step_is_the_sign(name):
    np.testing.assert_allclose(usual(name)[0], SIGN[0], rtol=1e-12)


OPTAX: dict[str, Any] = {
    "momentum": optax.trace(0.9),  # without the factor 1−β
    "signum": optax.chain(optax.trace(0.9), optax.scale_by_sign()),
    "lion": optax.scale_by_lion(),
    "adam": optax.scale_by_adam(),
    "rmsprop": optax.scale_by_rms(0.999, eps=1e-16, bias_correction=True),
    "adagrad": optax.scale_by_rss(1e-30, eps=1e-30),
    "normalised_sgd": optax.normalize_by_update_norm(),
}


@pytest.mark.parametrize("name", OPTAX)
def test_a_rule_agrees_with_optax_up_to_what_optax_adds_to_denominators(name):
    transform = OPTAX[name]
    state, scale = transform.init(jnp.zeros(D)), 0.1 if name == "momentum" else 1.0
    for gradient, v in zip(SEQUENCE[:, 0], usual(name)[:, 0], strict=True):
        theirs, state = transform.update(jnp.asarray(gradient), state)
        np.testing.assert_allclose(v, scale * np.asarray(theirs), rtol=1e-5)


# The matrix sign


@pytest.mark.parametrize("shape", [(2, 3), (5, 5), (8, 3), (1, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_matrix_sign_is_orthogonal_and_turns_with_its_argument(shape, dtype):
    x = GENERATOR.normal(size=(20, *shape)).astype(dtype)
    v = np.asarray(matrix_sign(jnp.asarray(x)))
    rounding = 30 * np.finfo(dtype).eps
    tall = v if shape[0] >= shape[1] else v.swapaxes(-1, -2)
    np.testing.assert_allclose(
        tall.swapaxes(-1, -2) @ tall, np.broadcast_to(np.eye(min(shape)), (20, *2 * [min(shape)])),
        atol=rounding,
    )  # fmt: skip
    turn = np.linalg.qr(GENERATOR.normal(size=(shape[0], shape[0])))[0].astype(dtype)
    turned = np.asarray(matrix_sign(jnp.asarray(turn @ x)))
    np.testing.assert_allclose(turned, turn @ v, atol=300 * rounding)
    inner = (v * x).sum((-1, -2))  # msign(X)·X is the nuclear norm
    np.testing.assert_allclose(inner, np.linalg.svd(x)[1].sum(-1), rtol=rounding)


def test_the_matrix_sign_leaves_out_what_is_zero():
    x = np.diag([3.0, 0.0, -2.0])
    np.testing.assert_allclose(matrix_sign(jnp.asarray(x)), np.diag([1.0, 0.0, -1.0]), atol=1e-15)


# Bad input


@pytest.mark.parametrize(("name", "parameters", "message"), [
    ("adamant", {}, "unknown rule 'adamant'; known: adafactor, adagrad, adam, "),
    ("soft_sign", {}, "rule 'soft_sign'.*eps"),
    ("soft_sign", {"eps": 0.0}, "rule 'soft_sign': eps must be a positive number, not 0.0"),
    ("soft_sign", {"eps": np.inf}, "eps must be"),
    ("adam", {"beta1": 1.0}, "rule 'adam': beta1 must be a number in [0, 1), not 1.0"),
    ("adam", {"beta2": -0.1}, "beta2 must be"),
    ("adam", {"beta2": np.nan}, "beta2 must be"),
    ("lion", {"beta1": "a"}, "beta1 must be a number in [0, 1), not 'a'"),
    ("momentum", {"beta1": None}, "beta1 must be"),
    ("adafactor", {}, "rule 'adafactor'.*shape"),
    ("adafactor", {"shape": (2, 3), "decay_rate": 0}, "decay_rate must be"),
    ("muon", {"shape": (2, 3, 4)}, "rule 'muon': shape must be two whole numbers (m, n) ≥ 1"),
    ("muon", {"shape": (2.5, 3)}, "shape must be"),
    ("muon", {"shape": 6}, "shape must be"),
    ("muon", {"shape": (0, 6)}, "shape must be"),
], ids=lambda value: value if isinstance(value, str) else ",".join(value))  # fmt: skip
def test_bad_input_is_named(name, parameters, message):
    pattern = message.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=pattern) as error:
        make_rule(name, **parameters)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", RULES)
def test_an_unknown_parameter_is_named(name):
    with pytest.raises(ValueError, match=f"rule '{name}'.*nesterov"):
        made(name, nesterov=True)


@pytest.mark.parametrize("name", ["muon", "adafactor"])
def test_a_gradient_that_has_not_that_shape_is_named(name):
    with pytest.raises(ValueError, match="a gradient of 6 numbers has no shape"):
        first_direction(make_rule(name, shape=(2, 2)), GRADIENT)
