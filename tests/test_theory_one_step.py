"""ε*(B) by Lemma 1: one assembly for every rule, every noise and every size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, ndtr
from scipy.stats import multivariate_normal

from theory import LAWS, large_batch_limit, one_step, optimal_lr
from theory.derivation import total
from theory.symbols import E_, H_, i, j, mu_

PROPERTY = settings(deadline=None, derandomize=True, max_examples=40)  # compilation is slow
BATCH = np.array([1.0, 4.0, 30.0, 1000.0])


def random_problem(seed, size, coherence=0.3):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size)) + coherence * size
    return {
        "mu": rng.normal(size=size),
        "sigma": rng.uniform(0.5, 3, size=size),
        "hessian": root @ root.T / size,
    }


def random_correlation(seed, size):
    rng = np.random.default_rng(seed)
    covariance = np.cov(rng.normal(size=(size, 2 * size)) + rng.normal(size=2 * size))
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


class Operator:
    """A Hessian known by its products alone."""

    def __init__(self, matrix, dtype=float):
        self.matrix, self.dtype = jnp.asarray(matrix, dtype), dtype

    def diagonal(self):
        return jnp.diagonal(self.matrix)

    def matvec(self, vector):
        assert vector.dtype == self.dtype
        return self.matrix @ vector


class Estimator(Operator):
    """The same with an unbiased but noisy estimate of vᵀHv."""

    def sampled_quadratic(self, vectors, key):
        exact = jnp.einsum("mi,ij,mj->m", vectors, self.matrix, vectors)
        return exact * (1 + 0.1 * jax.random.normal(key, exact.shape, exact.dtype))


# The sums


@pytest.mark.parametrize("size", [2, 3])
def test_the_assembly_is_the_sum_of_theorem_2_written_out(size):
    problem = random_problem(size, size)
    last = size - 1
    both = ((j, 0, last), (i, 0, last))
    noise = total((1 - E_[i] ** 2) * H_[i, i], (i, 0, last))
    coherent = total(E_[i] * E_[j] * H_[i, j], *both)
    formula = (total(E_[i] * mu_[i], (i, 0, last)) / (noise + coherent)).doit()
    for batch in BATCH:
        signs = erf(np.sqrt(batch / 2) * problem["mu"] / problem["sigma"])
        numbers = {E_[a]: signs[a] for a in range(size)}
        numbers |= {mu_[a]: problem["mu"][a] for a in range(size)}
        numbers |= {H_[a, c]: problem["hessian"][a, c] for a in range(size) for c in range(size)}
        assert optimal_lr("sign", batch=batch, **problem) == pytest.approx(
            float(formula.subs(numbers)), rel=1e-12
        )


@PROPERTY
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 5]), st.floats(1, 1e5))
def test_sign_descent_by_pairs_of_signs(seed, size, batch):
    problem = random_problem(seed, size)
    signs = erf(np.sqrt(batch / 2) * problem["mu"] / problem["sigma"])
    pairs = np.where(np.eye(size, dtype=bool), 1.0, np.outer(signs, signs))
    result = one_step("sign", batch=batch, **problem)
    np.testing.assert_allclose(result.numerator, signs @ problem["mu"], rtol=1e-12)
    np.testing.assert_allclose(result.denominator, np.sum(pairs * problem["hessian"]), rtol=1e-11)


@PROPERTY
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 5]), st.floats(1, 1e5))
def test_sgd_by_the_second_moment_of_the_batch_gradient(seed, size, batch):
    problem = random_problem(seed, size)
    moment = np.outer(problem["mu"], problem["mu"]) + np.diag(problem["sigma"] ** 2) / batch
    expected = problem["mu"] @ problem["mu"] / np.sum(moment * problem["hessian"])
    assert optimal_lr("sgd", batch=batch, **problem) == pytest.approx(expected, rel=1e-10)


def test_the_assembly_agrees_with_the_laws_of_scalar_sums():
    problem = random_problem(5, 6)
    mu, sigma, hessian = problem.values()
    signs = erf(np.sqrt(BATCH / 2)[:, None] * mu / sigma)
    law = LAWS["sign_lr"].jax(
        signs @ mu,
        np.trace(hessian),
        signs**2 @ np.diag(hessian),
        np.einsum("bi,ij,bj->b", signs, hessian, signs),
    )
    np.testing.assert_allclose(optimal_lr("sign", batch=BATCH, **problem), law, rtol=1e-12)
    curvature = mu @ hessian @ mu
    scale = LAWS["sgd_noise_scale"].jax(np.diag(hessian) @ sigma**2, curvature)
    largest = LAWS["sgd_eps_max"].jax(mu @ mu, curvature)
    law = LAWS["sgd_lr"].jax(BATCH, largest, scale)
    np.testing.assert_allclose(optimal_lr("sgd", batch=BATCH, **problem), law, rtol=1e-12)
    law = LAWS["sgd_decrease"].jax(BATCH, (mu @ mu) ** 2 / (2 * curvature), scale)
    np.testing.assert_allclose(one_step("sgd", batch=BATCH, **problem).decrease, law, rtol=1e-12)


# Symmetries


@pytest.mark.parametrize("rule", ["sgd", "sign", "sign_sigmoid"])
def test_the_order_and_the_orientation_of_coordinates_do_not_matter(rule):
    problem = random_problem(7, 5)
    correlation = random_correlation(8, 5)
    order, turn = np.array([3, 0, 4, 1, 2]), np.array([1, -1, -1, 1, -1])
    turned = {
        "mu": (turn * problem["mu"])[order],
        "sigma": problem["sigma"][order],
        "hessian": (np.outer(turn, turn) * problem["hessian"])[order][:, order],
    }
    noises = [{}, {"correlation": correlation}] if rule != "sign_sigmoid" else [{}]
    for noise in noises:
        moved = {k: (np.outer(turn, turn) * v)[order][:, order] for k, v in noise.items()}
        np.testing.assert_allclose(
            optimal_lr(rule, batch=BATCH, **problem, **noise),
            optimal_lr(rule, batch=BATCH, **turned, **moved),
            rtol=1e-9,
        )


@pytest.mark.parametrize(("rule", "power"), [("sgd", 0), ("sign", 1), ("sign_sigmoid", 1)])
def test_units_of_loss_and_of_curvature(rule, power):
    problem = random_problem(9, 4)
    lr = optimal_lr(rule, batch=BATCH, **problem)
    louder = {**problem, "mu": 3 * problem["mu"], "sigma": 3 * problem["sigma"]}
    np.testing.assert_allclose(optimal_lr(rule, batch=BATCH, **louder), 3**power * lr, rtol=1e-12)
    steeper = {**problem, "hessian": 5 * problem["hessian"]}
    np.testing.assert_allclose(optimal_lr(rule, batch=BATCH, **steeper), lr / 5, rtol=1e-12)
    calmer = {**problem, "sigma": problem["sigma"] / 2}
    np.testing.assert_allclose(
        optimal_lr(rule, batch=BATCH, **calmer), optimal_lr(rule, batch=4 * BATCH, **problem)
    )


# Operators, shapes and limits


@pytest.mark.parametrize("rule", ["sgd", "sign", "sign_sigmoid"])
def test_an_operator_and_its_matrix_give_the_same(rule):
    problem = random_problem(11, 6)
    operator = {**problem, "hessian": Operator(problem["hessian"])}
    dense, by_products = (one_step(rule, batch=BATCH, **p) for p in (problem, operator))
    np.testing.assert_allclose(np.array(dense), np.array(by_products), rtol=1e-12)


def test_an_operator_in_float32_is_served_in_float32():
    problem = random_problem(12, 6)
    single = {**problem, "hessian": Operator(problem["hessian"], jnp.float32)}
    np.testing.assert_allclose(
        optimal_lr("sign", batch=BATCH, **single), optimal_lr("sign", batch=BATCH, **problem), 1e-5
    )


def test_the_answer_has_the_shape_of_the_batch():
    problem = random_problem(13, 3)
    single = optimal_lr("sign", batch=4, **problem)
    several = optimal_lr("sign", batch=[4.0, 8.0], **problem)
    assert isinstance(single, float)
    assert isinstance(several, np.ndarray)
    assert several.shape == (2,)
    assert several[0] == pytest.approx(single, rel=1e-14)
    assert one_step("sign", batch=[4.0], **problem).decrease.shape == (1,)


def test_the_large_batch_limit_is_reached():
    problem = random_problem(14, 5)
    limit = large_batch_limit(problem["mu"], problem["hessian"])
    assert optimal_lr("sign", batch=1e9, **problem) == pytest.approx(limit, rel=1e-9)


@pytest.mark.parametrize("correlated", [False, True])
def test_the_large_batch_limit_with_coordinates_of_zero_mean(correlated):
    problem = random_problem(15, 5)
    problem["mu"][[1, 3, 4]] = 0
    noise = random_correlation(16, 5) if correlated else None
    limit = large_batch_limit(problem["mu"], problem["hessian"], problem["sigma"], noise)
    lr = optimal_lr("sign", batch=1e9, correlation=noise, **problem)
    assert lr == pytest.approx(limit, rel=1e-8)
    operator = Operator(problem["hessian"])
    by_products = large_batch_limit(problem["mu"], operator, problem["sigma"], noise)
    assert by_products == pytest.approx(limit, rel=1e-13)


def test_where_no_optimum_exists_the_answer_is_nan_for_that_batch_alone():
    hessian = np.array([[-1.0, 2.0], [2.0, -1.0]])
    lr = optimal_lr("sign", mu=[1, 1], sigma=[3, 3], hessian=hessian, batch=[1, 1000])
    assert np.isnan(lr[0])
    assert lr[1] == pytest.approx(1.0, rel=1e-9)
    assert np.isnan(one_step("sgd", mu=[0.0], sigma=[1], hessian=[[1]], batch=1).lr_star)
    assert np.isnan(large_batch_limit([1.0], [[-1.0]]))


def test_ten_thousand_coordinates_take_no_matrix():
    size = 10_000

    class Ones:
        diagonal = jnp.full(size, 2.0)

        @staticmethod
        def matvec(vector):
            return vector + vector.sum()

    lr = optimal_lr("sign", mu=np.ones(size), sigma=np.full(size, 10.0), hessian=Ones(), batch=9)
    mean = erf(0.3 / np.sqrt(2))
    expected = size * mean / (2 * size + mean**2 * size * (size - 1))
    assert lr == pytest.approx(expected, rel=1e-10)


# Correlated noise


@pytest.mark.parametrize("rule", ["sgd", "sign"])
def test_uncorrelated_is_independent(rule):
    problem = random_problem(17, 5)
    np.testing.assert_allclose(
        optimal_lr(rule, batch=BATCH, correlation=np.eye(5), **problem),
        optimal_lr(rule, batch=BATCH, **problem),
        rtol=1e-13,
    )


def test_sgd_takes_the_trace_of_the_whole_covariance():
    problem, correlation = random_problem(18, 5), random_correlation(19, 5)
    covariance = correlation * np.outer(problem["sigma"], problem["sigma"])
    expected = problem["mu"] @ problem["hessian"] @ problem["mu"]
    expected = expected + np.trace(problem["hessian"] @ covariance) / BATCH
    result = one_step("sgd", batch=BATCH, correlation=correlation, **problem)
    np.testing.assert_allclose(result.denominator, expected, rtol=1e-12)


def test_sign_descent_by_the_orthants_of_the_multivariate_normal():
    problem, correlation = random_problem(20, 3), random_correlation(21, 3)
    mu, sigma, hessian = problem.values()
    result = one_step("sign", batch=BATCH, correlation=correlation, **problem)
    for batch, denominator in zip(BATCH, result.denominator, strict=True):
        h = np.sqrt(batch) * mu / sigma
        pairs = np.eye(3)
        for a, c in ((0, 1), (0, 2), (1, 2)):
            shape: Any = [[1, correlation[a, c]], [correlation[a, c], 1]]
            both = multivariate_normal.cdf([h[a], h[c]], None, shape)
            pairs[a, c] = pairs[c, a] = 4 * both - 2 * ndtr(h[a]) - 2 * ndtr(h[c]) + 1
        np.testing.assert_allclose(denominator, np.sum(pairs * hessian), rtol=1e-6)


def test_correlated_sign_descent_agrees_with_simulation_which_rejects_independence():
    problem, correlation = random_problem(22, 5), random_correlation(23, 5)
    mu, sigma, hessian = problem.values()
    rng = np.random.default_rng(24)
    draws = rng.multivariate_normal(np.zeros(5), correlation, size=200_000, method="cholesky")
    correlated = one_step("sign", batch=BATCH, correlation=correlation, **problem)
    independent = one_step("sign", batch=BATCH, **problem)
    rejected = []
    for b, batch in enumerate(BATCH):
        update = np.sign(mu + sigma * draws / np.sqrt(batch))
        values = np.einsum("mi,ij,mj->m", update, hessian, update)
        sem = max(values.std() / np.sqrt(len(values)), 1e-9)
        # four tests with a family-wise false alarm below 1e-4
        assert abs(values.mean() - correlated.denominator[b]) < 4.4 * sem
        rejected.append(abs(values.mean() - independent.denominator[b]) > 4.4 * sem)
        assert sem < 0.003 * correlated.denominator[b]
    assert all(rejected[:2])


def test_equal_noise_moves_all_signs_together():
    ones = np.ones((4, 4))
    result = one_step("sign", mu=np.ones(4), sigma=np.ones(4), hessian=ones, batch=1,
                      correlation=ones)  # fmt: skip
    assert result.denominator == pytest.approx(16, rel=1e-12)
    opposed = one_step("sign", mu=[1e-12, 1e-12], sigma=[1, 1], hessian=np.ones((2, 2)), batch=1,
                       correlation=[[1, -1], [-1, 1]])  # fmt: skip
    assert opposed.denominator == pytest.approx(0, abs=1e-10)


def test_a_coordinate_without_noise_covaries_with_none():
    problem, correlation = random_problem(25, 3), random_correlation(26, 3)
    problem["sigma"][1] = 0
    apart = correlation.copy()
    apart[1, [0, 2]] = apart[[0, 2], 1] = 0
    np.testing.assert_allclose(
        optimal_lr("sign", batch=BATCH, correlation=correlation, **problem),
        optimal_lr("sign", batch=BATCH, correlation=apart, **problem),
        rtol=1e-13,
    )


def test_more_rows_than_one_chunk_holds():
    problem, correlation = random_problem(27, 150), random_correlation(28, 150)
    operator = {**problem, "hessian": Operator(problem["hessian"])}
    dense, by_products = (
        optimal_lr("sign", batch=10, correlation=correlation, **p) for p in (problem, operator)
    )
    assert dense == pytest.approx(by_products, rel=1e-12)
    part = slice(0, 150)
    shuffled = np.random.default_rng(29).permutation(150)[part]
    moved = {
        "mu": problem["mu"][shuffled],
        "sigma": problem["sigma"][shuffled],
        "hessian": problem["hessian"][shuffled][:, shuffled],
    }
    again = optimal_lr("sign", batch=10, correlation=correlation[shuffled][:, shuffled], **moved)
    assert again == pytest.approx(dense, rel=1e-9)


# Per-sample gradients


def centred_samples(seed, count, size, dtype: type = float):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(count, size)) @ rng.normal(size=(size, size))
    return (samples - samples.mean(axis=0)).astype(dtype)


def test_per_sample_gradients_agree_with_their_own_correlation():
    problem = random_problem(30, 5)
    samples = centred_samples(31, 40, 5)
    dense = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                     hessian=problem["hessian"], correlation=np.corrcoef(samples.T))  # fmt: skip
    drawn = one_step("sign", mu=problem["mu"], batch=BATCH, hessian=problem["hessian"],
                     noise_samples=samples, draws=20_000, key=jax.random.key(1))  # fmt: skip
    np.testing.assert_allclose(drawn.numerator, dense.numerator, rtol=1e-12)
    z = (drawn.denominator - dense.denominator) / np.maximum(drawn.denominator_sem, 1e-9)
    assert np.abs(z).max() < 4.4
    assert drawn.denominator_sem[0] < 0.02 * drawn.denominator[0]
    independent = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                           hessian=problem["hessian"])  # fmt: skip
    distance = np.abs(drawn.denominator - independent.denominator) / drawn.denominator_sem
    assert distance[:2].min() > 4.4


def test_sgd_needs_no_draws():
    problem, samples = random_problem(32, 4), centred_samples(33, 50, 4)
    given_samples = {**problem, "sigma": samples.std(axis=0)}
    drawn = one_step("sgd", batch=BATCH, noise_samples=samples, **given_samples)
    dense = one_step("sgd", batch=BATCH, correlation=np.corrcoef(samples.T), **given_samples)
    np.testing.assert_allclose(np.array(drawn), np.array(dense), rtol=1e-10)


def test_draws_are_reproducible_and_follow_their_key():
    problem, samples = random_problem(34, 3), centred_samples(35, 30, 3)
    del problem["sigma"]

    def lr(key, draws=100):
        return optimal_lr("sign", batch=2, noise_samples=samples, draws=draws, key=key, **problem)

    assert lr(jax.random.key(1)) == lr(jax.random.key(1))
    assert lr(jax.random.key(1)) != lr(jax.random.key(2))
    assert lr(None) == lr(None)
    sems = [
        one_step("sign", batch=2, noise_samples=samples, draws=n, **problem).denominator_sem
        for n in (200, 20_000)
    ]
    assert sems[0] / sems[1] == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("rule", ["sign", "sgd"])
def test_an_estimated_quadratic_form_is_unbiased_and_counted_in_the_error(rule):
    problem, samples = random_problem(36, 4), centred_samples(37, 2000, 4)
    del problem["sigma"]
    noise = {"noise_samples": samples, "draws": 4000, "key": jax.random.key(5)}
    exact = one_step(rule, batch=3, **{**problem, "hessian": Operator(problem["hessian"])}, **noise)
    noisy = one_step(
        rule, batch=3, **{**problem, "hessian": Estimator(problem["hessian"])}, **noise
    )
    assert noisy.denominator_sem > exact.denominator_sem
    assert 0 < abs(noisy.denominator - exact.denominator) < 4 * noisy.denominator_sem


def test_float32_samples_and_operator_serve_a_network():
    problem = random_problem(38, 6)
    samples = centred_samples(39, 64, 6, np.float32)
    operator = Operator(problem["hessian"], jnp.float32)
    result = one_step("sign", mu=problem["mu"].astype(np.float32), hessian=operator, batch=BATCH,
                      noise_samples=samples, draws=4000)  # fmt: skip
    correlation = np.corrcoef(samples.T.astype(float))
    dense = one_step("sign", mu=problem["mu"], sigma=samples.std(axis=0), batch=BATCH,
                     hessian=problem["hessian"], correlation=correlation)  # fmt: skip
    z = (result.denominator - dense.denominator) / np.maximum(result.denominator_sem, 1e-3)
    assert np.abs(z).max() < 4.4


# Bad input

GOOD = {"mu": [1.0, 2.0], "sigma": [1.0, 1.0], "hessian": np.eye(2), "batch": 4}
SAMPLES = np.array([[1.0, 1.0], [-1.0, -1.0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "signum?"}, "unknown rule 'signum\\?'; known: .*sgd, .*sign, "),
        ({"beta1": 0.9}, "rule 'sign' has no parameter beta1; it takes: noise"),
        ({"mu": [[1.0, 2.0]]}, "mu must be a non-empty 1-D array"),
        ({"mu": []}, "mu must be a non-empty 1-D array"),
        ({"mu": [1.0, np.nan]}, "mu must be finite"),
        ({"sigma": None}, "sigma is required"),
        ({"sigma": [1.0]}, "sigma has shape \\(1,\\), expected \\(2,\\)"),
        ({"sigma": [1.0, -1.0]}, "sigma must not be negative"),
        ({"sigma": [1.0, np.inf]}, "sigma must be finite"),
        ({"mu": [1.0, 0.0], "sigma": [1.0, 0.0]}, "mu = sigma = 0"),
        ({"hessian": np.eye(3)}, "hessian has shape \\(3, 3\\), expected \\(2, 2\\)"),
        ({"hessian": np.array([[1.0, 1], [0, 1]])}, "hessian must be symmetric"),
        ({"hessian": np.full((2, 2), np.nan)}, "hessian must be finite"),
        ({"hessian": Operator(np.eye(3))}, "diagonal has shape \\(3,\\), expected \\(2,\\)"),
        ({"hessian": Operator(np.diag([1, np.inf]))}, "diagonal must be finite"),
        ({"batch": 0.5}, "batch must be finite and at least 1"),
        ({"batch": [1.0, np.inf]}, "batch must be finite and at least 1"),
        ({"batch": [[1.0]]}, "batch must be a scalar or 1-D"),
        ({"correlation": np.eye(2), "noise_samples": SAMPLES}, "not both"),
        ({"correlation": np.eye(3)}, "correlation has shape"),
        ({"correlation": np.array([[1, 0.5], [0, 1]])}, "correlation must be symmetric"),
        ({"correlation": 2 * np.eye(2)}, "correlation must have a unit diagonal"),
        ({"correlation": np.array([[1, 1.5], [1.5, 1]])}, "positive semi-definite"),
        ({"correlation": np.full((2, 2), np.nan)}, "correlation must be finite"),
        ({"noise_samples": SAMPLES[:, :1]}, "noise_samples has shape"),
        ({"noise_samples": SAMPLES[:1]}, "noise_samples has shape"),
        ({"noise_samples": SAMPLES + 1}, "noise_samples must be centred"),
        ({"noise_samples": SAMPLES * np.nan}, "noise_samples must be finite"),
        ({"noise_samples": SAMPLES, "sigma": [1.0, 2.0]}, "sigma disagrees"),
        ({"noise_samples": SAMPLES, "draws": 1}, "draws must be a whole number of at least 2"),
        ({"rule": "sign_sigmoid", "correlation": np.eye(2)}, "no law for correlated noise"),
        ({"rule": "sign_sigmoid", "noise_samples": SAMPLES}, "no law for correlated noise"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_bad_input_is_named_in_one_line(change, message):
    arguments = {"rule": "sign", **GOOD, **change}
    with pytest.raises(ValueError, match=message) as caught:
        one_step(arguments.pop("rule"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_samples_must_be_centred_and_sigma_agree_to_a_thousandth(scale):
    arguments = {"mu": [1.0, 2.0], "hessian": np.eye(2), "batch": 4, "draws": 2}
    samples = scale * SAMPLES
    one_step("sign", noise_samples=samples + 5e-4 * scale, **arguments)
    one_step("sign", noise_samples=samples, sigma=[scale, 1.0005 * scale], **arguments)
    with pytest.raises(ValueError, match="centred"):
        one_step("sign", noise_samples=samples + 2e-3 * scale, **arguments)
    with pytest.raises(ValueError, match="disagrees"):
        one_step("sign", noise_samples=samples, sigma=[scale, 1.002 * scale], **arguments)


def test_rounding_in_a_correlation_is_forgiven():
    nearly = np.array([[1 + 5e-7, 0.5 + 5e-7], [0.5, 1]])
    forgiven = optimal_lr("sign", correlation=nearly, **GOOD)
    exact = optimal_lr("sign", correlation=np.array([[1, 0.5], [0.5, 1]]), **GOOD)
    assert forgiven == pytest.approx(exact, rel=1e-5)


def test_sgd_is_defined_where_a_coordinate_is_dead():
    assert optimal_lr("sgd", mu=[1, 0], sigma=[0, 0], hessian=np.eye(2), batch=1) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 0.0], np.eye(2)), "sigma is required where mu has zeros"),
        (([1.0, 0.0], np.eye(2), [1.0, 0.0]), "mu = sigma = 0"),
        (([1.0, 0.0], np.eye(2), [1.0, -1.0]), "sigma must not be negative"),
        (([1.0, 0.0], np.eye(2), [1.0, 1.0], np.eye(3)), "correlation has shape"),
    ],
)
def test_the_limit_names_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        large_batch_limit(*arguments)
