"""Training to target losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sim import train
from sim.measure import Population, mean_loss
from sim.train import STEPS_BETWEEN_LOOKS, TargetNotReached, train_to

INPUTS = jax.random.normal(jax.random.key(0), (12, 3), jnp.float32)
POPULATION = Population(INPUTS, (INPUTS[:, 0] > 0).astype(jnp.int32))
START = jnp.zeros(6, jnp.float32)
TARGETS = (float("inf"), 0.6, 0.3)


def logits(theta, inputs):
    return inputs @ theta.reshape(3, 2)


def trained(targets=TARGETS, *, max_steps=2000, seed=1, batch=4, lr=0.03):
    key = jax.random.key(seed)
    return train_to(
        logits, START, POPULATION, targets, batch=batch, lr=lr, max_steps=max_steps, key=key
    )


def test_targets_are_reached_in_order():
    checkpoints = trained()
    for checkpoint, target in zip(checkpoints, TARGETS, strict=True):
        assert checkpoint.loss <= target
        assert checkpoint.loss == pytest.approx(
            float(mean_loss(logits, checkpoint.theta, POPULATION)), rel=1e-5
        )
    steps = [checkpoint.steps for checkpoint in checkpoints]
    assert steps == sorted(steps)
    assert all(step % STEPS_BETWEEN_LOOKS == 0 for step in steps)


def test_a_target_that_the_start_meets_costs_no_step():
    first = trained()[0]
    assert (first.steps, first.loss) == (0, pytest.approx(np.log(2), rel=1e-6))
    np.testing.assert_array_equal(first.theta, START)


def test_a_checkpoint_is_the_first_look_at_which_the_target_is_met():
    last = trained()[-1]
    with pytest.raises(TargetNotReached):
        trained(max_steps=last.steps - STEPS_BETWEEN_LOOKS)
    assert trained(max_steps=last.steps)[-1].steps == last.steps


def test_a_target_skipped_over_shares_its_checkpoint_with_the_next():
    together = trained((0.31, 0.3099))
    assert together[0].steps == together[1].steps
    np.testing.assert_array_equal(together[0].theta, together[1].theta)


def test_checkpoints_do_not_depend_on_the_targets_between():
    np.testing.assert_array_equal(trained()[-1].theta, trained((0.3,))[-1].theta)


def test_training_that_does_not_arrive_says_how_far_it_came():
    with pytest.raises(TargetNotReached, match=r"loss 0\.\d+ after 20 steps, target 1e-09"):
        trained((1e-9,), max_steps=20)


def test_a_loss_that_is_not_a_number_meets_no_target():
    with pytest.raises(TargetNotReached, match="loss nan after 10 steps"):
        train_to(logits, START * jnp.nan, POPULATION, (float("inf"),), batch=2, lr=0.1,
                 max_steps=10, key=jax.random.key(0))  # fmt: skip


def test_the_same_key_gives_the_same_result_and_another_key_another():
    first, again, other = (trained(seed=seed)[-1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.theta, again.theta)
    assert not np.array_equal(first.theta, other.theta)


def test_training_is_adam_on_minibatches_drawn_anew_at_every_step():
    """A whole block of steps against optax on the samples that its keys draw."""
    adam, theta = optax.adam(0.03), START
    state = adam.init(theta)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(1), 0), STEPS_BETWEEN_LOOKS)
    drawn = [jax.random.randint(key, (4,), 0, 12) for key in keys]
    assert len({tuple(part.tolist()) for part in drawn}) == STEPS_BETWEEN_LOOKS
    for chosen in drawn:
        gradient = jax.grad(
            lambda t, c=chosen: mean_loss(logits, t, Population(*(p[c] for p in POPULATION)))
        )(theta)
        update, state = adam.update(gradient, state)
        theta = theta + jnp.asarray(update)
    ten, *_ = train._some_steps(
        logits, START, adam.init(START), POPULATION,
        jax.random.fold_in(jax.random.key(1), 0), batch=4, lr=0.03,
    )  # fmt: skip
    np.testing.assert_allclose(ten, theta, rtol=1e-5, atol=1e-7)


def test_adam_carries_its_state_from_look_to_look():
    """One long run: moments reset at every look would take steps of full size again."""
    adam, theta = optax.adam(0.03), START
    state = adam.init(theta)
    for look in range(2):
        theta, state, _ = train._some_steps(
            logits, theta, state, POPULATION,
            jax.random.fold_in(jax.random.key(1), STEPS_BETWEEN_LOOKS * look), batch=4, lr=0.03,
        )  # fmt: skip
    loss = float(mean_loss(logits, theta, POPULATION))
    checkpoint = trained((loss * (1 + 1e-6),), max_steps=2 * STEPS_BETWEEN_LOOKS)[0]
    assert checkpoint.steps == 2 * STEPS_BETWEEN_LOOKS
    np.testing.assert_array_equal(checkpoint.theta, theta)


def test_training_stays_in_float32():
    assert trained()[-1].theta.dtype == jnp.float32
