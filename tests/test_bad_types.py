"""Arguments of the wrong type are refused by name, from theory and sim alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim import Quadratic, measure_one_step
from theory import optimal_lr

LAW = {"mu": [0.2, 0.1], "sigma": [1.0, 1.0], "hessian": np.eye(2), "batch": 4.0}
STEP = {"batch": 4, "samples": 100, "key": jax.random.key(0)}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mu": None}, "mu"),
        ({"mu": [1j, 2]}, "mu"),
        ({"sigma": "a"}, "sigma"),
        ({"batch": 2j}, "batch"),
        ({"batch": 10**400}, "batch"),
        ({"batch": []}, "batch"),
        ({"hessian": np.eye(2) * 1j}, "hessian"),
        ({"hessian": "H"}, "hessian"),
        ({"correlation": "rho"}, "correlation"),
        ({"noise_samples": "x"}, "noise_samples"),
        ({"draws": 2.5}, "draws"),
        ({"draws": None}, "draws"),
        ({"order": "a", "correlation": np.eye(2)}, "order"),
        ({"order": 1.5, "correlation": np.eye(2)}, "order"),
        ({"order": 2}, "order"),
        ({"key": 3}, "key"),
        ({"key": "a"}, "key"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_law_names_what_is_wrong(change, named):
    with pytest.raises(ValueError, match=named):
        optimal_lr("sign", **(LAW | change))


@pytest.mark.parametrize(
    ("rule", "parameters", "named"),
    [
        ("muon", {"shape": (1, 2), "beta1": None}, "beta1 must be a number"),
        ("muon", {"shape": (float("inf"), 2)}, "shape"),
        ("adagrad", {"steps": 10**400}, "steps must be at most"),
        ("adagrad", {"steps": 2.5}, "steps must be a whole number"),
        ("adam", {"beta1": 1 - 1e-9, "beta2": 0.99}, "beta1 must be below 0.99996"),
        ("soft_sign", {"eps": 1e-200}, "eps²"),
        ("soft_sign", {"eps": 1e200}, "eps²"),
    ],
)
def test_a_law_names_the_parameter_that_is_wrong(rule, parameters, named):
    with pytest.raises(ValueError, match=named):
        optimal_lr(rule, **LAW, **parameters)


def test_whole_numbers_of_other_types_are_fine():
    assert optimal_lr("adafactor", **LAW, shape=(1.0, 2.0)) == optimal_lr(
        "adafactor", **LAW, shape=(1, 2)
    )
    assert optimal_lr("adagrad", **LAW, steps=np.int64(5)) == optimal_lr("adagrad", **LAW, steps=5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch": "a"}, "batch"),
        ({"batch": None}, "batch"),
        ({"batch": 10**400}, "batch"),
        ({"batch": [1, 2]}, "batch"),
        ({"samples": 2.5}, "samples"),
        ({"samples": "x"}, "samples"),
        ({"samples": float("nan")}, "samples"),
    ],
)
def test_a_simulation_names_what_is_wrong(change, named):
    problem = Quadratic(hessian=jnp.eye(2), theta=jnp.ones(2, jnp.float32), noise=jnp.ones(2))
    with pytest.raises(ValueError, match=named):
        measure_one_step("sign", problem, **(STEP | change))


@pytest.mark.parametrize("rule", [[], None, 3])
def test_a_rule_is_a_name(rule):
    with pytest.raises(ValueError, match="unknown rule"):
        optimal_lr(rule, **LAW)
    problem = Quadratic(hessian=jnp.eye(2), theta=jnp.ones(2, jnp.float32), noise=jnp.ones(2))
    with pytest.raises(ValueError, match="unknown rule"):
        measure_one_step(rule, problem, **STEP)
