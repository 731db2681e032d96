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
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_law_names_what_is_wrong(change, named):
    with pytest.raises(ValueError, match=named):
        optimal_lr("sign", **(LAW | change))


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
