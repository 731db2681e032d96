"""Monte Carlo of one step, against closed forms typed anew here from the bivariate normal."""

from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import erf
from scipy.stats import binomtest, multivariate_normal, norm
from scipy.stats import t as student

from sim import DiagonalPlusLowRank, OneStep, Quadratic, measure_one_step, onestep, rules
from sim.draws import draw_products
from sim.estimate import Z95, Estimate
from sim.onestep import measure_to
from sim.quadratic import dense, gradient, rotated, validated, with_noise_factor
from sim.rules import make_rule

FALSE_ALARM = 1e-4
orthant: Any = multivariate_normal
KEY = jax.random.key(9)
CHUNK: Any = onestep._chunk  # the compiled part
D = 6
BATCHES = (1, 4, 64)
GENERATOR = np.random.default_rng(0)
SIGMA = np.exp(0.3 * GENERATOR.normal(size=D))
MU = SIGMA * np.array([0.5, -0.3, 0.6, 0.2, 0.4, -0.5])
COHERENT = np.sign(MU)
HESSIANS: dict[str, Any] = {
    "diagonal": 1.0 / np.arange(1, D + 1),
    "dense": 0.3 * np.eye(D) + 0.7 * np.outer(COHERENT, COHERENT),
    "low rank": DiagonalPlusLowRank(
        jnp.full(D, 0.2), jnp.asarray(COHERENT)[:, None], jnp.asarray([0.5])
    ),
    "rotated": np.asarray(rotated(1 / np.arange(1, D + 1), jax.random.key(7), jnp.float64)),
}
CORRELATED = np.outer(SIGMA, SIGMA) * (0.4 * np.eye(D) + 0.6)


def at_gradient(hessian: Any, noise, mu=MU) -> Quadratic:
    """The problem in float32 whose gradient is μ."""
    known = hessian if isinstance(hessian, DiagonalPlusLowRank) else jnp.asarray(hessian)
    theta = np.linalg.solve(np.asarray(dense(known), np.float64), mu)
    return Quadratic(*jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (known, theta, noise)))


def parts(problem):
    """μ, H and Σ in float64, as the simulation sees them."""
    h = np.asarray(dense(problem.hessian), np.float64)
    noise = np.asarray(problem.noise, np.float64)
    square = noise.ndim == 2 and noise.shape[0] == noise.shape[1]
    covariance = np.diag(noise**2) if noise.ndim == 1 else noise if square else noise @ noise.T
    return h @ np.asarray(problem.theta, np.float64), h, covariance


def closed_form(rule, problem, batch, *, noise=1.0, off_diagonal=1.0, correlation=1.0):
    """(ε*, ΔL*, E[V]ᵀG, E[VᵀHV]); the keywords make it wrong.

    Sign: P(ĝ_i > 0) by Φ, E[sign ĝ_i sign ĝ_j] by the bivariate normal's orthant.
    """
    mu, h, covariance = parts(problem)
    spread = np.sqrt(np.diag(covariance))
    rho = correlation * covariance / np.outer(spread, spread) + np.diag(np.full(len(mu), 1.0))
    np.fill_diagonal(rho, 1.0)
    covariance = noise**2 * rho * np.outer(spread, spread) / batch
    if rule == "sgd":
        mean, second = mu, np.outer(mu, mu) + covariance
    else:
        ratio = mu / np.sqrt(np.diag(covariance))
        mean, second = erf(ratio / np.sqrt(2)), np.eye(len(mu))
        for i, j in combinations(range(len(mu)), 2):
            if rho[i, j] == 0.0:
                second[i, j] = second[j, i] = mean[i] * mean[j]
                continue
            both = orthant(cov=rho[np.ix_([i, j], [i, j])]).cdf(ratio[[i, j]])
            product = 4 * both - 2 * norm.cdf(ratio[i]) - 2 * norm.cdf(ratio[j]) + 1
            second[i, j] = second[j, i] = product
    weight = off_diagonal + (1 - off_diagonal) * np.eye(len(mu))
    numerator, denominator = mu @ mean, (h * second * weight).sum()
    return np.array(
        [numerator / denominator, 0.5 * numerator**2 / denominator, numerator, denominator]
    )


def means(step: OneStep):
    return np.array([part.mean for part in step.estimates])


def sems(step: OneStep):
    return np.array([part.sem for part in step.estimates])


def worst(step: OneStep, law) -> float:
    """Largest deviation in units of what is allowed: z standard errors plus float32 rounding."""
    z = norm.isf(FALSE_ALARM / 2 / 4)
    return float((np.abs(means(step) - law) / (z * sems(step) + 1e-5 * np.abs(law))).max())


def measured(rule, problem, batch, samples=2**17, seed=1, **options) -> OneStep:
    return measure_one_step(
        rule, problem, batch=batch, samples=samples, key=jax.random.key(seed), **options
    )


# Against the closed form


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", HESSIANS)
@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_one_step_agrees_with_the_closed_form(rule, kind, batch):
    """Resolution: every standard error is below 0.4 % of its law."""
    problem = at_gradient(HESSIANS[kind], SIGMA)
    step, law = measured(rule, problem, batch), closed_form(rule, problem, batch)
    assert worst(step, law) < 1
    assert (sems(step) < 4e-3 * np.abs(law)).all()
    assert not any(part.heavy for part in step.estimates)


WRONG = {
    "half the noise": ("dense", 4, {"noise": 0.5}),
    "one more sample in the batch": ("dense", 1, {}),
    "no off-diagonal terms": ("dense", 4, {"off_diagonal": 0.0}),
    "off-diagonal terms of the other sign": ("dense", 4, {"off_diagonal": -1.0}),
    "twice the off-diagonal terms": ("rotated", 4, {"off_diagonal": 2.0}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_law_is_rejected(wrong):
    kind, batch, change = WRONG[wrong]
    problem = at_gradient(HESSIANS[kind], SIGMA)
    step = measured("sign", problem, batch)
    assert worst(step, closed_form("sign", problem, batch)) < 1
    assert worst(step, closed_form("sign", problem, batch + (not change), **change)) > 1


@pytest.mark.parametrize("rule", ["sign", "sgd"])
@pytest.mark.parametrize("batch", BATCHES)
def test_correlated_noise_agrees_with_the_orthant_and_not_with_independence(rule, batch):
    problem = at_gradient(HESSIANS["dense"], CORRELATED)
    step = measured(rule, problem, batch)
    assert worst(step, closed_form(rule, problem, batch)) < 1
    if batch < 64:
        assert worst(step, closed_form(rule, problem, batch, correlation=0.0)) > 1


@pytest.mark.parametrize("rho", [-0.8, 0.5, 0.95])
def test_two_correlated_coordinates_agree_with_the_bivariate_normal(rho):
    covariance = np.array([[1.0, 2.0 * rho], [2.0 * rho, 4.0]])
    problem = at_gradient([[1.0, 0.5], [0.5, 2.0]], covariance, mu=np.array([0.4, 0.6]))
    step = measured("sign", problem, 3)
    assert worst(step, closed_form("sign", problem, 3)) < 1
    assert worst(step, closed_form("sign", problem, 3, correlation=0.0)) > 1
    assert worst(step, closed_form("sign", problem, 3, correlation=-1.0)) > 1


def test_a_covariance_and_its_factor_describe_one_problem():
    tall = GENERATOR.normal(size=(D, 2))
    by_factor = at_gradient(HESSIANS["dense"], tall)
    by_covariance = at_gradient(HESSIANS["dense"], tall @ tall.T)
    for problem in (by_factor, by_covariance):
        assert worst(measured("sgd", problem, 2), closed_form("sgd", by_factor, 2)) < 1


@pytest.mark.parametrize("noise", [SIGMA, CORRELATED])
@pytest.mark.parametrize("batch", [1, 5])
def test_averaging_samples_agrees_with_drawing_their_mean(batch, noise):
    """Against the law as well, and against the law of one sample more."""
    problem = at_gradient(HESSIANS["dense"], noise)
    averaged = measured("sign", problem, batch, seed=2, average=True)
    direct = measured("sign", problem, batch, seed=3)
    z = (means(averaged) - means(direct)) / np.hypot(sems(averaged), sems(direct))
    assert np.abs(z).max() < norm.isf(FALSE_ALARM / 2 / 4)
    assert worst(averaged, closed_form("sign", problem, batch)) < 1
    assert worst(averaged, closed_form("sign", problem, batch + 1)) > 1


def test_the_intervals_cover_the_law():
    """Resolution: 400 runs see a coverage off by 4 percentage points."""
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    law, runs = closed_form("sign", problem, 4), 400
    steps = [measured("sign", problem, 4, samples=2, seed=100 + run) for run in range(runs)]
    distance = np.array([np.abs(means(step) - law) / sems(step) for step in steps])
    nominal = float(1 - 2 * student.sf(Z95, steps[0].lr_star.n - 1))
    for inside in (distance < Z95).sum(0):
        assert binomtest(int(inside), runs, nominal).pvalue > FALSE_ALARM / 4
    for inside in (distance < Z95 / 1.5).sum(0):
        assert binomtest(int(inside), runs, nominal).pvalue < FALSE_ALARM / 4


def test_the_covariance_is_that_of_the_two_means():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    key = jax.random.key(5)
    ready, rule = validated(problem), make_rule("sign")
    x = np.asarray(draw_products(ready, rule, jax.random.fold_in(key, 0), 4096, 4.0, False))
    step = measure_one_step("sign", problem, batch=4, samples=2, key=key)
    covariance = np.cov(x.T) / 4096
    assert step.covariance == pytest.approx(covariance[0, 1], rel=1e-4)
    assert step.numerator.sem == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-4)
    assert step.denominator.sem == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-4)


def test_draws_are_antithetic():
    """SGD's VᵀG of a pair is |G|² without noise: the odd part cancels."""
    step = measured("sgd", at_gradient(HESSIANS["dense"], SIGMA), 1, samples=2)
    assert step.numerator.mean == pytest.approx(MU @ MU, rel=1e-6)
    assert step.numerator.sem < 1e-6 * step.numerator.mean


# Limits


@pytest.mark.parametrize("kind", HESSIANS)
def test_without_noise_one_step_is_certain(kind):
    problem = at_gradient(HESSIANS[kind], np.zeros(D))
    mu, h, _ = parts(problem)
    for rule, v in (("sign", np.sign(mu)), ("sgd", mu)):
        step = measured(rule, problem, 1, samples=2)
        assert step.lr_star.mean == pytest.approx(v @ mu / (v @ h @ v), rel=1e-5)
        assert step.decrease.mean == pytest.approx((v @ mu) ** 2 / (v @ h @ v) / 2, rel=1e-5)
        assert not any(part.varied for part in step.estimates)


def test_sgd_without_noise_is_known_exactly():
    assert (sems(measured("sgd", at_gradient(HESSIANS["dense"], np.zeros(D)), 1)) == 0).all()


@pytest.mark.parametrize("kind", HESSIANS)
def test_a_saturated_sign_is_bounded_by_the_rule_of_three(kind):
    problem = at_gradient(HESSIANS[kind], SIGMA)
    mu, h, _ = parts(problem)
    step = measured("sign", problem, 1e8, samples=10_000)
    half = {name: getattr(step, name).interval[1] - getattr(step, name).mean
            for name in ("numerator", "denominator")}  # fmt: skip
    n = step.numerator.n
    assert half["numerator"] == pytest.approx(2 * np.abs(mu).sum() * 3 / n, rel=1e-4)
    assert half["denominator"] == pytest.approx(2 * np.abs(h).sum() * 3 / n, rel=1e-4)
    num, den = step.numerator, step.denominator
    relative = np.hypot(num.sem / num.mean, den.sem / den.mean)
    assert step.lr_star.sem == pytest.approx(relative * step.lr_star.mean, rel=1e-4)
    assert not step.lr_star.varied


def test_large_batches_approach_the_noiseless_step():
    noisy = measured("sign", at_gradient(HESSIANS["dense"], SIGMA), 1e8, samples=2)
    still = measured("sign", at_gradient(HESSIANS["dense"], np.zeros(D)), 1, samples=2)
    np.testing.assert_allclose(means(noisy), means(still), rtol=1e-6)


def test_a_problem_without_curvature_has_no_optimum_and_raises_nothing():
    flat = Quadratic(jnp.zeros(D), jnp.ones(D, jnp.float32), jnp.asarray(SIGMA))
    for rule in ("sign", "sgd"):
        assert not np.isfinite(measured(rule, flat, 1, samples=2).lr_star.mean)
        assert len(measure_to(0.1, rule, flat, batches=(1, 4), limit=10, key=KEY)) == 2


def test_at_the_minimum_there_is_nothing_to_gain():
    rest = Quadratic(jnp.ones(D), jnp.zeros(D, jnp.float32), jnp.asarray(SIGMA))
    for rule in ("sign", "sgd"):
        step = measured(rule, rest, 1, samples=2)
        assert step.lr_star.mean == step.decrease.mean == step.numerator.mean == 0
        assert step.denominator.mean > 0


# Scaling laws that hold draw by draw


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_four_times_the_batch_is_half_the_noise(rule):
    whole = measured(rule, at_gradient(HESSIANS["dense"], SIGMA), 4, samples=2)
    half = measured(rule, at_gradient(HESSIANS["dense"], SIGMA / 2), 1, samples=2)
    np.testing.assert_array_equal(means(whole), means(half))


def test_sign_does_not_see_the_scale_of_the_loss_and_sgd_does():
    """A loss twice as large: ε* of sign descent stays, that of SGD is half."""
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    scaled = problem._replace(hessian=2 * problem.hessian, noise=2 * problem.noise)
    for rule, factor in (("sign", 1.0), ("sgd", 0.5)):
        one, two = (measured(rule, p, 2, samples=2).lr_star.mean for p in (problem, scaled))
        assert two == pytest.approx(factor * one, rel=1e-6)


# Structure


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("kind", HESSIANS)
def test_the_computation_stays_in_the_problems_dtype(kind, dtype, average):
    problem = jax.tree.map(lambda x: jnp.asarray(x, dtype), at_gradient(HESSIANS[kind], CORRELATED))
    ready, batch = with_noise_factor(problem), jnp.asarray(4, dtype)
    drawn = jax.make_jaxpr(
        lambda p, b: draw_products(p, make_rule("sign"), jax.random.key(0), 8, b, average)
    )(ready, batch)
    other = "f64[" if dtype == jnp.float32 else "f32["
    assert other not in str(drawn)
    assert drawn.out_avals[0].dtype == dtype


def test_the_cost_does_not_grow_with_the_batch():
    """One compiled program, without a loop over samples, serves every batch size."""
    ready = validated(at_gradient(HESSIANS["dense"], SIGMA))

    def program(average):
        return str(
            jax.make_jaxpr(lambda b: draw_products(ready, make_rule("sign"), KEY, 8, b, average))(
                jnp.float32(1)
            )
        )

    assert "while" not in program(False)
    assert "while" in program(True)
    measured("sign", ready, 1, samples=2)
    compiled = CHUNK._cache_size()
    for batch in (2, 1000, 2**20, 1.5):
        measured("sign", ready, batch, samples=2)
    assert CHUNK._cache_size() == compiled


def test_memory_is_bounded_by_chunks_and_samples_round_up_to_them():
    assert (
        measured("sgd", at_gradient(HESSIANS["dense"], SIGMA), 1, samples=4097).numerator.n == 8192
    )
    many = jnp.ones(2**19, jnp.float32)
    wide = Quadratic(many, many, many)
    assert measured("sgd", wide, 1, samples=3).numerator.n == 4


def test_the_same_key_gives_the_same_bytes_and_another_key_others():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    first, again, other = (measured("sign", problem, 4, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.lr_star != other.lr_star


def test_chunks_do_not_repeat_each_other():
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    one, two = (measured("sign", problem, 4, samples=s) for s in (4096, 8192))
    assert one.numerator.mean != two.numerator.mean
    assert two.numerator.sem == pytest.approx(one.numerator.sem / np.sqrt(2), rel=0.1)


# What a mistake in the simulation would look like


@pytest.fixture
def fresh_compilation():
    CHUNK.clear_cache()
    yield
    CHUNK.clear_cache()


def climbs():
    return rules.UpdateRule(optax.scale(-1.0))


BROKEN = {
    "a rule that climbs": (rules, "RULES", {**rules.RULES, "sign": climbs}),
    "noise that does not average": (
        onestep.q, "draw_noise_mean", lambda p, k, r, b: onestep.q.draw_noise(p, k, r) / b
    ),
    "curvature of the other sign": (
        onestep.q, "quadratic_form", lambda h, v: (v**2).sum(-1) * 2 - ((v @ h) * v).sum(-1)
    ),
    "half the gradient": (onestep.q, "gradient", lambda p: 0.5 * gradient(p)),
}  # fmt: skip


@pytest.mark.usefixtures("fresh_compilation")
@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_in_the_simulation_is_caught(monkeypatch, mistake):
    problem = at_gradient(HESSIANS["dense"], SIGMA)
    law = closed_form("sign", problem, 4)
    monkeypatch.setattr(*BROKEN[mistake])
    assert worst(measured("sign", problem, 4), law) > 1


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
