"""ε*(B) by Lemma 1: one assembly for every rule, every noise and every size."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_step_problems import BATCH, Operator, random_correlation, random_problem
from scipy.special import erf

from theory import LAWS, large_batch_limit, one_step, optimal_lr
from theory.derivation import total
from theory.symbols import E_, H_, i, j, mu_

PROPERTY = settings(deadline=None, derandomize=True, max_examples=40)  # compilation is slow


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
