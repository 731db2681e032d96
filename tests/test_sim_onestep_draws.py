"""As many draws as the resolution needs, each batch size with its own, bad input before any."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from onestep_closed_form import (
    BATCHES,
    HESSIANS,
    KEY,
    SIGMA,
    at_gradient,
    closed_form,
    means,
    sems,
    worst,
)

from sim import Quadratic, measure_one_step, onestep
from sim.estimate import Estimate
from sim.onestep import measure_to

# As many draws as needed


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_draws_are_as_many_as_the_resolution_needs(rule):
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    steps = measure_to(2e-3, rule, problem, batches=BATCHES, limit=2**20, key=KEY)
    for step, batch in zip(steps, BATCHES, strict=True):
        relative = (sems(step) / np.abs(means(step))).max()
        assert relative < 1.1 * 2e-3
        assert relative > 0.5 * 2e-3 or step.lr_star.n == 4096
        assert worst(step, closed_form(rule, problem, batch)) < 1


def test_a_run_whose_pilot_promised_too_much_is_run_again(monkeypatch):
    """A pilot that saw no spread asks for two draws; what then comes is a pilot itself."""
    asked, drawn = [], onestep._measure

    def blind(plan, batch, looks, chunks, key):
        step = drawn(plan, batch, looks, chunks, key)
        asked.append(chunks)
        if len(asked) > 1:
            return step
        names = onestep.OneStep._fields[:4]
        return step._replace(**{name: getattr(step, name)._replace(sem=0.0) for name in names})

    monkeypatch.setattr(onestep, "_measure", blind)
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    (step,) = measure_to(2e-3, "sign", problem, batches=(1,), limit=2**20, key=KEY)
    assert asked[:2] == [1, 1]
    assert len(asked) == 3
    assert (sems(step) / np.abs(means(step))).max() < 1.1 * 2e-3


def test_a_run_at_the_limit_is_not_run_again(monkeypatch):
    asked, drawn = [], onestep._measure

    def counted(*request):
        asked.append(request[2:4])
        return drawn(*request)

    monkeypatch.setattr(onestep, "_measure", counted)
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    measure_to(1e-6, "sign", problem, batches=(1,), limit=10_000, key=KEY)
    assert len(asked) == 2


def test_a_saturated_rule_needs_draws_in_proportion_to_one_over_the_resolution():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    steps = [measure_to(r, "sign", problem, batches=(1e8,), limit=2**22, key=KEY)[0]
             for r in (2e-5, 1e-5)]  # fmt: skip
    assert steps[1].lr_star.n == pytest.approx(2 * steps[0].lr_star.n, rel=0.05)
    for step, r in zip(steps, (2e-5, 1e-5), strict=True):
        assert 0.9 * r < (sems(step) / means(step)).max() <= 1.001 * r


def test_the_limit_ends_the_draws():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    step = measure_to(1e-9, "sign", problem, batches=(1,), limit=10_000, key=KEY)[0]
    assert step.lr_star.n == 3 * 4096


def test_the_pilot_is_thrown_away():
    """The result is that of the draws after it, whatever the pilot said."""
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    step = measure_to(1.0, "sign", problem, batches=(4,), limit=2**20, key=KEY)[0]
    _, main_key = jax.random.split(jax.random.fold_in(KEY, 0))
    assert step == measure_one_step("sign", problem, batch=4, samples=2, key=main_key)


def test_batch_sizes_have_draws_of_their_own():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    one, two = measure_to(1.0, "sign", problem, batches=(4, 4), limit=10, key=KEY)
    assert one.lr_star.mean != two.lr_star.mean


@pytest.mark.parametrize("estimate", [Estimate(0.0, 0.1, 100), Estimate(0.0, 0.0, 100)])
def test_a_mean_of_zero_does_not_stop_the_measurement(estimate):
    assert onestep._draws_for(0.1, estimate) == (np.inf if estimate.sem else 0)


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch must be a finite number ≥ 1, not 0"),
        ({"batch": 0.5}, "batch must be"),
        ({"batch": -1}, "batch must be"),
        ({"batch": np.nan}, "batch must be"),
        ({"batch": np.inf}, "batch must be"),
        ({"batch": 2.5, "average": True}, "only a whole number of samples"),
        ({"samples": 1}, "samples must be a whole number, at least 2, not 1"),
        ({"rule": "adamant"}, "unknown rule 'adamant'"),
        ({"beta": 0.5}, "rule 'sign'"),
        ({"problem": Quadratic(jnp.ones(3), jnp.ones(2), jnp.ones(2))}, "the Hessian has shape"),
        ({"problem": Quadratic(jnp.ones(2), jnp.ones(2), -jnp.eye(2))}, "not positive semidef"),
    ],
)
def test_bad_input_is_named(change, message):
    good: dict[str, Any] = {
        "rule": "sign",
        "problem": Quadratic(jnp.ones(2), jnp.ones(2), jnp.ones(2)),
        "batch": 1,
        "samples": 2,
    }
    with pytest.raises(ValueError, match=message):
        measure_one_step(**(good | change), key=KEY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batches": (1, 0)}, "batch must be"),
        ({"rule": "adamant"}, "unknown rule"),
        ({"problem": Quadratic(jnp.ones(3), jnp.ones(2), jnp.ones(2))}, "the Hessian has shape"),
    ],
)
def test_bad_input_is_named_before_any_draw(change, message):
    good: dict[str, Any] = {
        "rule": "sign",
        "problem": Quadratic(jnp.ones(2), jnp.ones(2), jnp.ones(2)),
        "batches": (1,),
    }
    with pytest.raises(ValueError, match=message):
        measure_to(0.1, **(good | change), limit=10, key=KEY)
