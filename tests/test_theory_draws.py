"""Gaussian draws of a network's noise: scale, standard error, and how they fall with B."""

import jax
import numpy as np
import pytest

from theory import one_step

pytestmark = pytest.mark.usefixtures("fully_compiled")

H = np.array([[1.0, 0.9], [0.9, 1.0]])
FEW = np.array([[1.0, 0.2], [-0.4, 1.1], [-0.6, -1.3]])  # centred, n = 3
MU = np.array([0.5, -0.4])


class Sampled:
    """A dense Hessian that also offers noisy estimates of vᵀHv."""

    diagonal = np.diag(H)

    def matvec(self, v):
        return H @ v

    def sampled_quadratic(self, vectors, key):
        exact = ((vectors @ H) * vectors).sum(-1)
        return exact * (1 + 0.1 * jax.random.normal(key, exact.shape))


@pytest.mark.parametrize("batch", [1.0, 3.0])
def test_few_samples_give_their_own_covariance(batch):
    covariance = FEW.T @ FEW / len(FEW)
    sigma = np.sqrt(np.diag(covariance))
    given = {"mu": MU, "hessian": H, "batch": batch}
    exact = one_step("sign", **given, sigma=sigma, correlation=covariance / np.outer(sigma, sigma))
    drawn = one_step("sign", **given, noise_samples=FEW, draws=40_000, key=jax.random.key(1))
    assert abs(drawn.denominator - exact.denominator) < 5 * drawn.denominator_sem
    assert drawn.denominator_sem < 0.01 * exact.denominator
    # n − 1 in place of n would be seen: twenty times the standard error or more
    wrong = one_step(
        "sign", **given, sigma=sigma * np.sqrt(1.5), correlation=covariance / np.outer(sigma, sigma)
    )
    assert abs(wrong.denominator - exact.denominator) > 5 * drawn.denominator_sem


def test_the_standard_error_is_the_spread_over_keys():
    steps = [
        one_step(
            "sign", mu=MU, hessian=H, batch=2.0, noise_samples=FEW, draws=64, key=jax.random.key(k)
        )
        for k in range(100)
    ]
    spread = np.std([step.denominator for step in steps], ddof=1)
    stated = np.sqrt(np.mean([step.denominator_sem**2 for step in steps]))
    # a hundred keys know their own spread to 7 %; three times that
    assert stated == pytest.approx(spread, rel=0.2)


def test_the_error_of_sgd_falls_as_one_over_the_batch():
    step = one_step(
        "sgd", mu=MU, hessian=Sampled(), batch=[1.0, 4.0], noise_samples=FEW, key=jax.random.key(0)
    )
    assert step.denominator_sem[0] > 0
    assert step.denominator_sem[0] / step.denominator_sem[1] == pytest.approx(4.0)
