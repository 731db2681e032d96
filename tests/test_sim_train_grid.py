"""Training over learning rates and seeds to several target losses, against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from sim.crossings import crossing, next_look
from sim.descent import CrossEntropy, Data, minibatch, travel
from sim.measure import Population
from sim.train import TargetNotReached
from sim.train_branch import branch_from, train_to_checkpoints
from sim.train_grid import train_grid
from sim.train_runs import BRANCH, FIXED, RUN, START

KEY = jax.random.key(7)
INPUTS = jax.random.normal(jax.random.key(0), (300, 5), jnp.float32)
NOISE = jax.random.normal(jax.random.key(1), (300,), jnp.float32)
TRAIN = Population(INPUTS, (INPUTS[:, 0] + 0.3 * NOISE > 0).astype(jnp.int32))
DATA = Data(TRAIN, Population(TRAIN.inputs[:150], TRAIN.labels[:150]))
TARGETS = (0.62, 0.55, 0.45)
LRS, SEEDS = (0.015, 0.03), (0, 4)


def apply(params, inputs):
    return jnp.tanh(inputs @ params["in"]) @ params["out"] + params["bias"]


def init(key):
    first, second = jax.random.split(key)
    return {
        "in": 0.3 * jax.random.normal(first, (5, 4), jnp.float32),
        "out": 0.3 * jax.random.normal(second, (4, 2), jnp.float32),
        "bias": jnp.zeros(2, jnp.float32),
    }


LOSSES = CrossEntropy(apply)


def trained(losses=LOSSES, data=DATA, **changed):
    cell = {
        "rule": "adam", "batch": 8, "lrs": LRS, "seeds": SEEDS, "targets": TARGETS,
        "further": 5, "max_steps": 400, "key": KEY,
    }  # fmt: skip
    return train_grid(losses, init, data, **(cell | changed))


@pytest.fixture(scope="module")
def grid():
    return trained()


ADAM = optax.scale_by_adam(0.9, 0.999, eps=1e-30)
SLOPE = jax.jit(jax.grad(lambda params, x, y: LOSSES(params, x, y).mean()))


@jax.jit
def evaluated(params):
    return LOSSES(params, *DATA.evaluation).mean()


def plain(params, stream, steps, *, lr, batch, transform=ADAM, state=None) -> list[tuple]:
    """(loss, params, state) after each step of a loop over optax's own update: nothing raveled,
    no loop compiled."""
    state = transform.init(params) if state is None else state

    @jax.jit
    def move(params, state, gradient):
        update, state = transform.update(gradient, state)
        return jax.tree.map(lambda p, v: p - lr * v, params, update), state

    places = [(float(evaluated(params)), params, state)]
    for t in range(steps):
        chosen = minibatch(stream, t, batch, TRAIN.size)
        params, state = move(params, state, SLOPE(params, *(x[chosen] for x in TRAIN)))
        places.append((float(evaluated(params)), params, state))
    return places


def test_steps_and_losses_are_those_of_a_plain_loop(grid):
    e, s, lr = 1, 1, LRS[1]
    round_key = jax.random.fold_in(KEY, SEEDS[s])
    start = init(jax.random.fold_in(round_key, START))
    taken = int(grid.taken_es[e, s])
    places = plain(start, jax.random.fold_in(round_key, RUN), taken, lr=lr, batch=8)
    assert grid.loss_es[e, s] == pytest.approx(places[-1][0], rel=1e-4)
    looks = [0]
    while looks[-1] < taken:
        looks.append(next_look(looks[-1], 0.04, 1, 400))
    for k, target in enumerate(TARGETS):
        at = next(i for i, t in enumerate(looks) if places[t][0] <= target)
        span = looks[at - 1], looks[at]
        before, (after, params, state) = places[span[0]][0], places[span[1]]
        expected = crossing(span, before, after, target)
        assert grid.steps_esk[e, s, k] == pytest.approx(expected, rel=1e-3)
        assert grid.before_esk[e, s, k] == pytest.approx(after, rel=1e-4)
        stream = jax.random.fold_in(jax.random.fold_in(round_key, BRANCH), k)
        ended = plain(params, stream, 5, lr=lr, batch=8, state=state)[-1][0]
        assert grid.after_esk[e, s, k] == pytest.approx(ended, rel=2e-5)
        # a branch whose rule has forgotten the run would end elsewhere
        other = plain(params, stream, 5, lr=lr, batch=8)[-1][0]
        assert abs(other - ended) > 1e-4 * ended


def test_a_crossing_lies_where_log_loss_is_linear_between_looks():
    assert crossing((10, 20), np.e**2, np.e**1, np.e**1.5) == pytest.approx(15)
    assert crossing((10, 20), 2.0, 1.0, 1.0) == 20


def test_looks_become_rare_and_end_with_the_last_step():
    looks = [0]
    while looks[-1] < 10_000:
        looks.append(next_look(looks[-1], 0.04, 1, 10_000))
    assert looks[:30] == list(range(30))
    assert looks[-1] == 10_000
    assert len(looks) < 50 + np.log(10_000 / 25) / np.log(1.04)


def test_looking_does_not_move_the_run():
    often, seldom = (
        trained(targets=[1e-6], max_steps=90, gap=gap, growth=0.0, lrs=[0.01]) for gap in (1, 45)
    )
    np.testing.assert_array_equal(often.loss_es, seldom.loss_es)
    assert (often.taken_es == 90).all()


def test_a_branch_does_not_disturb_the_run(grid):
    np.testing.assert_array_equal(trained(targets=TARGETS[2:]).steps_esk[..., 0],
                                  grid.steps_esk[..., 2])  # fmt: skip
    longer = trained(further=50)
    np.testing.assert_array_equal(longer.loss_es, grid.loss_es)
    assert (longer.after_esk != grid.after_esk).all()


def test_the_same_arguments_give_the_same_bytes_and_a_round_stands_alone(grid):
    again, alone = trained(), trained(seeds=[4])
    for name in grid._fields:
        np.testing.assert_array_equal(getattr(again, name), getattr(grid, name))
        np.testing.assert_array_equal(getattr(alone, name)[:, 0], getattr(grid, name)[:, 1])
    assert (grid.steps_esk[:, 0] != grid.steps_esk[:, 1]).all()


def test_learning_rates_of_a_round_share_start_and_minibatches():
    """Sign descent's steps are ±ε exactly, so two tiny ε give displacements in proportion."""
    params = init(KEY)
    after = branch_from(
        LOSSES, params, DATA, rule="sgd", batch=2, lrs=[1e-3, 2e-3], seeds=list(range(8)),
        further=1, key=KEY,
    )  # fmt: skip
    fall_es = after.before - after.after_es
    np.testing.assert_allclose(fall_es[1], 2 * fall_es[0], rtol=0.02, atol=2e-6)
    # minibatches of different seeds do differ, by more than that
    assert fall_es[0].std() > 0.1 * np.abs(fall_es[0]).mean()
    one, two = (trained(targets=[1e-6], max_steps=1, lrs=[lr], rule="sgd") for lr in (1e-9, 2e-9))
    np.testing.assert_allclose(one.loss_es, two.loss_es, rtol=1e-6)


@pytest.mark.parametrize("at_once", [3, 50])
def test_cells_one_by_one_and_together_agree(grid, at_once):
    together = trained(at_once=at_once)
    for name in ("steps_esk", "before_esk", "after_esk", "loss_es", "taken_es"):
        np.testing.assert_allclose(getattr(together, name), getattr(grid, name), rtol=2e-3)


def test_threads_change_nothing(grid):
    for one, other in zip(trained(threads=3), grid, strict=True):
        np.testing.assert_array_equal(one, other)
    cell = {"rule": "sign", "batch": 4, "lrs": LRS, "seeds": SEEDS, "further": 6, "key": KEY}
    alone, beside = (
        branch_from(LOSSES, init(KEY), DATA, threads=threads, **cell) for threads in (1, 3)
    )
    assert alone.before == beside.before
    np.testing.assert_array_equal(alone.after_es, beside.after_es)


def test_a_minibatch_is_summed_in_chunks_without_a_change():
    short = {"targets": [1e-6], "max_steps": 10, "batch": 40}
    chunks, whole = (trained(chunk=chunk, **short) for chunk in (16, 40))  # the last is filled up
    np.testing.assert_allclose(chunks.loss_es, whole.loss_es, rtol=1e-5)


def test_a_batch_size_is_compiled_once(grid):
    assert grid.taken_es.min() > 0
    trained(max_steps=1)
    before = travel._cache_size()  # pyright: ignore[reportAttributeAccessIssue]
    for lr, targets in ((0.02, [0.65]), (0.05, [0.62, 0.5, 0.45])):
        trained(lrs=[lr], targets=targets, max_steps=37, further=3)
    compiled = travel._cache_size()  # pyright: ignore[reportAttributeAccessIssue]
    assert compiled == before


def test_a_start_below_the_target_takes_no_step():
    here = trained(targets=[5.0], further=3)
    assert (here.steps_esk == 0).all()
    assert (here.taken_es == 0).all()
    np.testing.assert_array_equal(here.before_esk[..., 0], here.loss_es)
    assert (here.after_esk < here.before_esk).any()


def test_a_target_out_of_reach_is_infinitely_far():
    grid = trained(targets=[0.6, 1e-4], max_steps=60)
    assert np.isinf(grid.steps_esk[..., 1]).all()
    assert np.isnan(grid.before_esk[..., 1]).all()
    assert np.isnan(grid.after_esk[..., 1]).all()
    assert (grid.taken_es == 60).all()
    assert not grid.diverged_es.any()


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_run_that_diverges_is_marked_and_leaves_the_others_alone(at_once):
    cell = {"seeds": [0], "rule": "sgd", "max_steps": 60, "targets": [0.6]}
    grid = trained(lrs=[0.3, 1e30], at_once=at_once, **cell)
    assert grid.diverged_es.tolist() == [[False], [True]]
    assert grid.taken_es[1, 0] < 5
    assert np.isinf(grid.steps_esk[1]).all()
    alone = trained(lrs=[0.3], **cell)
    np.testing.assert_allclose(grid.steps_esk[0], alone.steps_esk[0], rtol=1e-3)


def test_the_rule_is_the_one_that_was_asked_for():
    params = init(KEY)
    stream = jax.random.fold_in(jax.random.fold_in(KEY, 3), FIXED)

    def after(rule, **parameters):
        return branch_from(
            LOSSES, params, DATA, rule=rule, batch=4, lrs=[0.01], seeds=[3], further=6, key=KEY,
            **parameters,
        ).after_es[0, 0]  # fmt: skip

    expected = {
        "sign": optax.scale_by_sign(),
        "adam": ADAM,
    }
    for rule, transform in expected.items():
        loop = plain(params, stream, 6, lr=0.01, batch=4, transform=transform)
        assert after(rule) == pytest.approx(loop[-1][0], rel=1e-5)
    assert after("adam", beta1=0.0, beta2=0.0) == pytest.approx(after("sign"), rel=1e-5)
    assert abs(after("adam") - after("sign")) > 1e-3


def test_checkpoints_are_places_of_the_grid_and_go_on_with_their_memory(grid):
    cell = {"rule": "adam", "batch": 8, "key": KEY}
    reached = train_to_checkpoints(
        LOSSES, init, DATA, lr=LRS[0], seed=4, targets=TARGETS, max_steps=400, **cell
    )
    for k, one in enumerate(reached):
        assert one.loss == grid.before_esk[0, 1, k]
        assert one.steps == grid.steps_esk[0, 1, k]
        assert one.loss == pytest.approx(float(evaluated(one.place.params)), rel=1e-5)
    params, state = reached[1].place
    cell |= {"lrs": LRS, "seeds": [0, 1], "further": 4}
    remembered = branch_from(LOSSES, params, DATA, state=state, **cell)
    forgotten = branch_from(LOSSES, params, DATA, **cell)
    assert remembered.before == forgotten.before == pytest.approx(reached[1].loss, rel=1e-6)
    assert (np.abs(remembered.after_es - forgotten.after_es) > 1e-4).all()
    with pytest.raises(TargetNotReached, match="after 30 steps"):
        train_to_checkpoints(
            LOSSES, init, DATA, lr=1e-4, seed=0, targets=[0.1], max_steps=30, rule="adam",
            batch=8, key=KEY,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rule": "adam2"}, "unknown rule 'adam2'"),
        ({"rule": "muon", "shape": (4, 5)}, "acts on one matrix"),
        ({"beta3": 0.5}, "unexpected keyword argument 'beta3'"),
        ({"batch": 0}, "batch must be a whole number"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"lrs": []}, "lrs must be"),
        ({"lrs": [0.1, -1.0]}, "lrs must be"),
        ({"seeds": []}, "seeds must be"),
        ({"seeds": [-1]}, "a seed must be"),
        ({"targets": [0.5, 0.6]}, "targets must decrease"),
        ({"targets": [float("nan")]}, "targets must be"),
        ({"further": 0}, "further must be"),
        ({"max_steps": 0}, "max_steps must be"),
        ({"gap": 0}, "gap must be"),
        ({"growth": -0.1}, "growth must be"),
        ({"at_once": 0}, "at_once must be"),
        ({"threads": 0}, "threads must be"),
        ({"chunk": 0}, "chunk must be"),
        ({"data": DATA._replace(train=Population(INPUTS, TRAIN.labels[:9]))}, "train must hold"),
    ],
)
def test_bad_input_is_said_in_one_line(changed, message):
    with pytest.raises(ValueError, match=message) as error:
        trained(**changed)
    assert "\n" not in str(error.value)
