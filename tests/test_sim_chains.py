"""Rules with memory: chains at a frozen gradient, against moments typed anew here."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import norm

from sim import Quadratic, measure_one_step, onestep, rules
from sim.draws import Course, chain_products
from sim.normals import normal
from sim.onestep import measure_to
from sim.plan import planned
from sim.quadratic import gradient, validated
from sim.rules import first_direction, make_rule

FALSE_ALARM = 1e-4
KEY = jax.random.key(3)
H = np.array([[1.0, 0.4], [0.4, 2.0]])
MU = np.array([0.5, -0.3])
SIGMA = np.array([1.0, 0.7])
RHO = -0.6
COVARIANCE = np.outer(SIGMA, SIGMA) * (np.eye(2) * (1 - RHO) + RHO)


def at_gradient(mu: Any = MU, noise: Any = COVARIANCE) -> Quadratic:
    """The problem in float32 whose gradient is μ."""
    h, theta, noise = (jnp.asarray(x, jnp.float32) for x in (H, np.linalg.solve(H, mu), noise))
    return Quadratic(h, theta, noise)


def measured(rule, problem=None, batch: float = 3, samples=2**16, seed=1, **options):
    problem = at_gradient() if problem is None else problem
    key = jax.random.key(seed)
    return measure_one_step(rule, problem, batch=batch, samples=samples, key=key, **options)


def deviation(part, law) -> float:
    """In units of what is allowed: z standard errors plus float32 rounding."""
    return abs(part.mean - law) / (norm.isf(FALSE_ALARM / 2) * part.sem + 1e-5 * abs(law))


def curvature(mean, covariance) -> float:
    """E[VᵀHV] of a V with this mean and covariance."""
    return mean @ H @ mean + (H * covariance).sum()


# Against exact moments


def test_stationary_momentum_has_the_gradients_mean_and_c_times_its_variance():
    """Resolution: 0.4 %; c = (1−β1)/(1+β1)."""
    beta1, batch = 0.8, 3
    step = measured("momentum", beta1=beta1)
    c = (1 - beta1) / (1 + beta1)
    assert step.denominator.sem < 4e-3 / 4 * step.denominator.mean
    assert deviation(step.numerator, MU @ MU) < 1
    assert deviation(step.denominator, curvature(MU, c * COVARIANCE / batch)) < 1
    for wrong in (c * COVARIANCE, COVARIANCE / batch, c * COVARIANCE / (batch + 1),
                  c * np.diag(np.diag(COVARIANCE)) / batch):  # fmt: skip
        assert deviation(step.denominator, curvature(MU, wrong)) > 1


def test_momentum_at_a_given_step_has_seen_so_much_of_the_gradient():
    beta1, batch, steps = 0.8, 3, 4
    step = measured("momentum", steps=steps, beta1=beta1)
    seen = 1 - beta1**steps
    spread = (1 - beta1) / (1 + beta1) * (1 - beta1 ** (2 * steps))
    assert deviation(step.numerator, seen * MU @ MU) < 1
    assert deviation(step.denominator, curvature(seen * MU, spread * COVARIANCE / batch)) < 1
    assert deviation(step.denominator, curvature(MU, spread * COVARIANCE / batch)) > 1


def test_an_average_does_not_change_how_coordinates_are_correlated():
    """E[sign m₁ sign m₂] = (2/π) arcsin ρ without a mean, with the gradients' own ρ."""
    step = measured("signum", at_gradient(mu=np.zeros(2)))
    orthant = 2 / np.pi * np.arcsin(RHO)
    assert deviation(step.denominator, np.trace(H) + 2 * H[0, 1] * orthant) < 1
    assert deviation(step.denominator, np.trace(H) + 2 * H[0, 1] * RHO) > 1
    assert step.numerator.mean == 0


def test_adagrad_at_a_step_agrees_with_its_definition_drawn_in_numpy():
    batch, steps, n = 3, 5, 200_000
    generator = np.random.default_rng(0)
    noise = generator.multivariate_normal(np.zeros(2), COVARIANCE / batch, size=(steps, n))
    v = (MU + noise)[-1] / np.sqrt(((MU + noise) ** 2).sum(0))
    step = measured("adagrad", steps=steps)
    for part, drawn in ((step.numerator, v @ MU), (step.denominator, ((v @ H) * v).sum(1))):
        assert abs(part.mean - drawn.mean()) < norm.isf(FALSE_ALARM / 2) * np.hypot(
            part.sem, drawn.std() / np.sqrt(n)
        )
    four = (MU + noise)[-1] / np.sqrt(((MU + noise)[1:] ** 2).sum(0))
    assert deviation(step.numerator, (four @ MU).mean()) > 1


# A chain is what it is said to be


@pytest.mark.parametrize("name", ["adam", "lion"])
def test_chains_are_steps_one_after_the_other(name):
    """Against a plain loop over the same draws: which steps are looked at, and their average."""
    rule = make_rule(name)
    problem, rows, course = validated(at_gradient(noise=SIGMA)), 5, Course(7, 3, 4)
    batch = jnp.float32(2)
    together = jax.jit(lambda c: chain_products(problem, rule, KEY, rows, batch, False, c))(course)
    update = jax.jit(rule.transform.update)
    mean, looked = gradient(problem), []
    state = rule.transform.init(jnp.zeros((2, rows, 2), jnp.float32))
    for t in range(7 + 3 * 4):
        z = normal(jax.random.fold_in(KEY, t), (rows, 2), jnp.float32)
        noise = z / jnp.sqrt(batch) * problem.noise
        v, state = update(mean + jnp.stack([noise, -noise]), state)
        if t >= 7 and (t - 7) % 3 == 2:
            v = np.asarray(v, np.float64)
            products = np.stack([v @ np.asarray(mean), ((v @ H) * v).sum(-1)], -1)
            looked.append(products.mean(0))
    np.testing.assert_allclose(together, np.mean(looked, 0), rtol=2e-5)


@pytest.mark.parametrize(("rule", "options"), [
    ("adam", {"beta1": 0.6, "beta2": 0.9}), ("lion", {"beta1": 0.6, "beta2": 0.9}),
], ids=["adam", "lion"])  # fmt: skip
def test_twice_the_burn_in_changes_nothing_and_none_does(rule, options):
    memory = make_rule(rule, **options).burn_in
    assert memory
    one = measured(rule, samples=2**15, **options)
    two = measured(rule, samples=2**15, seed=2, burn_in=2 * memory, **options)
    none = measured(rule, samples=2, seed=4, burn_in=0, **options)
    pairs = list(zip(one.estimates, two.estimates, none.estimates, strict=True))
    z = [(a.mean - b.mean) / np.hypot(a.sem, b.sem) for a, b, _ in pairs]
    assert np.abs(z).max() < norm.isf(FALSE_ALARM / 2 / 4)
    start = [(a.mean - c.mean) / np.hypot(a.sem, c.sem) for a, _, c in pairs]
    assert np.abs(start).max() > norm.isf(FALSE_ALARM / 2 / 4)


@pytest.mark.parametrize(("rule", "options"), [
    ("adam", {"beta1": 0, "beta2": 0}), ("rmsprop", {"beta2": 0}), ("lion", {"beta1": 0}),
    ("signum", {"beta1": 0}),
], ids=["adam", "rmsprop", "lion", "signum"])  # fmt: skip
def test_a_rule_that_forgets_at_once_is_sign_descent(rule, options):
    """And is measured without chains, draw by draw."""
    assert planned(rule, at_gradient(), None, None, False, options).course(1) is None
    gradients = jax.random.normal(KEY, (9, 2))
    v = first_direction(make_rule(rule, **options), gradients)
    np.testing.assert_allclose(v, jnp.sign(gradients), rtol=1e-6)


def test_adagrads_first_step_is_sign_descent():
    ours, sign = measured("adagrad", steps=1), measured("sign", seed=2)
    for a, b in zip(ours.estimates, sign.estimates, strict=True):
        assert abs(a.mean - b.mean) < norm.isf(FALSE_ALARM / 2 / 4) * np.hypot(a.sem, b.sem)


def test_averaging_samples_agrees_with_drawing_their_mean():
    direct, averaged = (
        measured("momentum", average=average, seed=seed, beta1=0.8, samples=2**14)
        for seed, average in enumerate((False, True))
    )
    z = (direct.denominator.mean - averaged.denominator.mean) / np.hypot(
        direct.denominator.sem, averaged.denominator.sem
    )
    assert abs(z) < norm.isf(FALSE_ALARM / 2)


def test_pairs_of_chains_see_opposite_noise():
    """A linear rule's VᵀG is then |G|² in every pair."""
    numerator = measured("momentum", samples=2, burn_in=60, beta1=0.8).numerator
    assert numerator.mean == pytest.approx(MU @ MU, rel=1e-3)
    assert not numerator.varied
    assert numerator.sem == 0


def test_the_intervals_of_chains_cover():
    """Chains are the independent draws, however long each is followed: 60 runs, 95 % intervals."""
    law = curvature(MU, (1 - 0.8) / (1 + 0.8) * COVARIANCE / 3)
    steps = [measured("momentum", beta1=0.8, samples=2**14, seed=s).denominator for s in range(60)]
    inside = sum(part.interval[0] < law < part.interval[1] for part in steps)
    assert 49 <= inside <= 60


# Plans


def test_samples_count_measured_steps_and_n_counts_pairs_of_chains():
    plan = planned("momentum", at_gradient(), None, None, False, {})
    assert plan.rows == 4096
    assert plan.size(2) == (1, 1)
    assert plan.size(10 * 4096) == (10, 1)
    looks, chunks = plan.size(10**7)
    assert looks == plan.most_looks
    assert (chunks - 1) * looks * plan.rows < 10**7 <= chunks * looks * plan.rows
    assert plan.size(2, chains=10_000) == (1, 3)
    assert measured("momentum", samples=10_000, beta1=0.8).numerator.n == 4096


def test_memory_is_bounded_by_chunks():
    for d, rows in ((2, 4096), (64, 256), (1024, 128), (2**15, 16), (2**19, 2)):
        many = jnp.ones(d, jnp.float32)
        assert planned("adam", Quadratic(many, many, many), None, None, False, {}).rows == rows


def test_the_default_burn_in_is_the_rules_memory():
    assert make_rule("adam").burn_in == pytest.approx(3 / (1 - 0.999), rel=0.01)
    assert make_rule("momentum").burn_in == pytest.approx(np.log(1e-4) / np.log(0.9), abs=1)
    assert make_rule("lion").burn_in == pytest.approx(1 + np.log(1e-4) / np.log(0.99), abs=1)
    assert make_rule("adafactor", shape=(2, 3)).burn_in == 1000
    assert make_rule("adagrad").burn_in is None
    for name in ("sgd", "sign", "normalised_sgd"):
        assert make_rule(name).burn_in == 0


def test_the_same_key_gives_the_same_bytes_and_another_key_others():
    first, again, other = (measured("signum", samples=2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.denominator != other.denominator


def test_one_compiled_program_serves_every_course_and_batch():
    measured("signum", samples=2)
    chunk: Any = onestep._chunk
    compiled = chunk._cache_size()
    for options in ({"samples": 10**5}, {"burn_in": 5}, {"steps": 7}, {"batch": 64}):
        measured("signum", **({"samples": 2} | options))
    assert chunk._cache_size() == compiled


# As many draws as needed, and what was not seen


def test_draws_are_as_many_as_the_resolution_needs_and_the_limit_allows():
    fine, limited = (
        measure_to(1e-3, "signum", at_gradient(), batches=(2,), limit=limit, key=KEY)[0]
        for limit in (2**22, 5000)
    )
    relative = max(part.sem / part.mean for part in fine.estimates)
    assert 0.4e-3 < relative < 1.2e-3
    _, main, _ = jax.random.split(jax.random.fold_in(KEY, 0), 3)
    pilotless = measure_one_step("signum", at_gradient(), batch=2, samples=5000, key=main)
    assert limited == pilotless
    step = measure_to(0.1, "signum", at_gradient(), batches=(2,), limit=9, key=KEY, steps=3)[0]
    assert step == measure_one_step("signum", at_gradient(), batch=2, samples=9, key=main, steps=3)


@pytest.mark.parametrize(("rule", "options"), [
    ("lion", {"beta1": 0.6, "beta2": 0.9}), ("adagrad", {"steps": 1}), ("soft_sign", {"eps": 1e-3}),
], ids=["lion", "adagrad", "soft_sign"])  # fmt: skip
def test_rare_jumps_are_bounded_by_the_rule_of_three(rule, options):
    step = measured(rule, batch=1e9, samples=2, **options)
    for part, span in ((step.numerator, 2 * np.abs(MU).sum()), (step.denominator, 2 * H.sum())):
        assert not part.varied
        assert part.interval[1] - part.mean == pytest.approx(3 * span / part.n, rel=1e-4)
    sharper = measure_to(
        1e-3, rule, at_gradient(), batches=(1e9,), limit=2**20, key=KEY, **options
    )[0]
    assert max(part.sem / part.mean for part in sharper.estimates) < 1.01e-3


def test_what_moves_smoothly_leaves_nothing_unseen():
    step = measured("adam", batch=1e12, samples=2, beta1=0.6, beta2=0.9)
    assert all(part.sem <= 1e-6 * abs(part.mean) for part in step.estimates)


@pytest.mark.parametrize(("name", "parameters"), [
    ("normalised_sgd", {}), ("muon", {"shape": (1, 1)}), ("adam", {"beta1": 0, "beta2": 0}),
], ids=["normalised_sgd", "muon", "adam"])  # fmt: skip
def test_a_rule_that_is_a_sign_in_one_dimension_is_known_as_one(name, parameters):
    rule = make_rule(name, **parameters)
    assert rule.saturates(1, None)
    assert rule.saturates(2, None) == (name == "adam")


def test_a_wrong_rule_is_told_apart(monkeypatch):
    """A momentum that forgets its factor 1−β."""
    wrong = rules.UpdateRule(optax.trace(0.8), 50, 5)
    monkeypatch.setattr(rules, "RULES", {**rules.RULES, "momentum": lambda: wrong})
    law = curvature(MU, (1 - 0.8) / (1 + 0.8) * COVARIANCE / 3)
    assert deviation(measured("momentum", samples=2).denominator, law) > 1


@pytest.mark.parametrize(("rule", "options", "message"), [
    ("adagrad", {}, "rule 'adagrad' has no stationary state: say steps="),
    ("adagrad", {"burn_in": 10}, "rule 'adagrad' has no stationary state"),
    ("sign", {"steps": 3}, "rule 'sign' has no memory here: steps= does not apply"),
    ("adam", {"steps": 0}, "steps must be a whole number, at least 1, not 0"),
    ("adam", {"steps": 2.5}, "steps must be"),
    ("adam", {"burn_in": -1}, "burn_in must be a whole number, at least 0, not -1"),
    ("adam", {"burn_in": "x"}, "burn_in must be"),
    ("adam", {"burn_in": 3, "steps": 3}, "not both"),
    ("adam", {"beta1": 1.0}, "beta1 must be a number"),
    ("muon", {"shape": (2, 3)}, "a gradient of 2 numbers has no shape"),
    ("adafactor", {"shape": (2, 3)}, "a gradient of 2 numbers has no shape"),
], ids=lambda value: value if isinstance(value, str) else ",".join(value))  # fmt: skip
def test_bad_input_is_named(rule, options, message):
    with pytest.raises(ValueError, match=message) as error:
        measured(rule, **options)
    assert "\n" not in str(error.value)
