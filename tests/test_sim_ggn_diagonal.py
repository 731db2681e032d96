"""Diagonals of curvature against explicitly built matrices, in float64."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from sim.ggn_diagonal import ggn_diagonal
from sim.sampled_diagonal import sampled_ggn_diagonal, sampled_hessian_diagonal
from tests.sample_models import CASES, Case, images

PIECEWISE_LINEAR = (
    ("dense", "cross_entropy"), ("dense over positions", "squared_error"),
    ("conv, groups", "cross_entropy"), ("patches", "cross_entropy"),
    ("layer norm", "cross_entropy"), ("layers in a scan", "cross_entropy"),
)  # fmt: skip
CURVED = ("attention", "embedding, tied", "one layer twice")
Z = 5.0  # sems: 5.7e-7 two-sided under a normal, with 30 or more degrees of freedom below 3e-5


def mean_loss(case: Case, loss: str, flat):
    """The mean loss, with targets that no curvature may depend on."""
    out = jax.vmap(case.outputs, (None, 0))(flat, case.samples)
    if loss == "squared_error":
        return 0.5 * ((out - 0.3) ** 2).sum(-1).mean()
    return -jax.nn.log_softmax(out)[..., 1].mean()


def hessian(case: Case, loss: str):
    flat, restored = ravel_pytree(case.params)
    return jax.jit(jax.hessian(lambda t: mean_loss(case, loss, restored(t))))(flat)


def gauss_newton(case: Case, loss: str):
    """E[Jᵀ H_f J], with the Hessian in the outputs by automatic differentiation."""
    flat, restored = ravel_pytree(case.params)

    def of_sample(x):
        def outputs(t):
            return case.outputs(restored(t), x)

        def of_outputs(f):
            only = Case(lambda p, _: p, None, images(1, n=1))
            return mean_loss(only, loss, f)

        f = outputs(flat)
        curvature = jax.hessian(of_outputs)(f).reshape(f.size, f.size)
        jacobian = jax.jacrev(outputs)(flat).reshape(f.size, -1)
        return jacobian.T @ curvature @ jacobian

    return jax.jit(lambda x: jax.lax.map(of_sample, x).mean(0))(case.samples)


def flat(tree):
    return np.asarray(ravel_pytree(tree)[0])


@pytest.mark.parametrize(("name", "loss"), PIECEWISE_LINEAR)
def test_where_outputs_are_piecewise_linear_it_is_the_diagonal_of_the_hessian(name, loss):
    case = CASES[name]()
    found = ggn_diagonal(case.outputs, loss, case.params, case.samples, at_once=2)
    true = hessian(case, loss)
    np.testing.assert_allclose(flat(found.diagonal), np.diag(true), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found.traces.mean(), np.trace(true), rtol=1e-10)
    assert found.count == found.traces.size == 5


@pytest.mark.parametrize("name", CURVED)
def test_elsewhere_it_is_that_of_the_gauss_newton_matrix(name):
    case = CASES[name]()
    found = ggn_diagonal(case.outputs, "cross_entropy", case.params, case.samples)
    true = np.diag(gauss_newton(case, "cross_entropy"))
    np.testing.assert_allclose(flat(found.diagonal), true, rtol=1e-9, atol=1e-14)
    wrong = np.diag(hessian(case, "cross_entropy"))  # negative control
    assert np.abs(flat(found.diagonal) - wrong).max() > 1e-3 * np.abs(wrong).max()


def close(found, true) -> float:
    """Largest distance of diagonal and trace, in standard errors."""
    sem = np.maximum(flat(found.sem), 1e-12 * np.abs(true).max())
    z = np.abs(flat(found.mean) - true) / sem
    return max(float(z.max()), abs(found.trace.mean - true.sum()) / found.trace.sem)


@pytest.mark.parametrize(
    ("name", "loss"), [("dense", "squared_error"), ("embedding, tied", "cross_entropy")]
)
def test_drawn_targets_estimate_the_diagonal_within_their_errors(name, loss):
    case = CASES[name]()
    arguments = (case.outputs, loss, case.params, case.samples)
    true = flat(ggn_diagonal(*arguments).diagonal)
    found = sampled_ggn_diagonal(*arguments, draws=200, key=jax.random.key(5), at_once=2)
    assert close(found, true) < Z
    assert close(found, 1.2 * true) > Z  # negative control
    assert found.trace.n == 3 * 200  # chunks of 2, 2 and 1 samples


def test_signs_estimate_the_diagonal_of_the_hessian_within_their_errors():
    case = CASES["one layer twice"]()

    def loss(p, x):
        return -jax.nn.log_softmax(case.outputs(p, x))[..., 1].mean()

    true = np.diag(hessian(case, "cross_entropy"))
    found = sampled_hessian_diagonal(
        loss, case.params, case.samples, draws=300, key=jax.random.key(6), at_once=2
    )
    assert close(found, true) < Z
    gauss = np.diag(gauss_newton(case, "cross_entropy"))
    assert close(found, gauss) > Z  # negative control: another matrix


def test_standard_errors_say_how_far_repetitions_lie_apart():
    case = CASES["dense"]()
    outputs = case.outputs
    runs = [
        sampled_ggn_diagonal(
            outputs, "cross_entropy", case.params, case.samples,
            draws=8, key=jax.random.fold_in(jax.random.key(7), i), at_once=5,
        )
        for i in range(100)
    ]  # fmt: skip
    spread = np.std([run.trace.mean for run in runs], ddof=1)
    stated = np.sqrt(np.mean([run.trace.sem**2 for run in runs]))
    assert spread / stated == pytest.approx(1, abs=4 * (2 * 100) ** -0.5 + 0.05)


def test_an_unknown_loss_or_a_single_draw_is_refused():
    case = CASES["dense"]()
    with pytest.raises(ValueError, match="loss must be one of"):
        ggn_diagonal(case.outputs, "hinge", case.params, case.samples)
    with pytest.raises(ValueError, match="loss must be one of"):
        sampled_ggn_diagonal(
            case.outputs, "hinge", case.params, case.samples, draws=4, key=jax.random.key(0)
        )
    with pytest.raises(ValueError, match="two draws"):
        sampled_hessian_diagonal(
            lambda p, x: case.outputs(p, x).sum(), case.params, case.samples,
            draws=1, key=jax.random.key(0),
        )  # fmt: skip
