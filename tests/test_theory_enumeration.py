"""The exact mean sign of a batch of given samples: against every batch, written out."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from theory import LAWS, one_step
from theory.edgeworth import cumulants
from theory.enumeration import sample_marginals

RNG = np.random.default_rng(3)
POPULATIONS = {
    "normal": RNG.normal(size=(10, 30)) + 0.3,
    "scales": RNG.choice([-1, 1], p=[0.4, 0.6], size=(10, 30))
    * np.exp(3 * RNG.normal(size=(10, 30))),
    "sparse": RNG.normal(size=(10, 30)) * (RNG.random((10, 30)) < 0.5),
}
MANY = (
    RNG.exponential(size=(600, 12)) * (RNG.random((600, 12)) < 0.6) * RNG.choice([-1, 2], (600, 12))
)


def marginals(gradients, *batches):
    mean = gradients.mean(0)
    found = sample_marginals(
        jnp.asarray(mean, float), jnp.asarray(gradients - mean), jnp.asarray(batches, float)
    )
    return np.asarray(found.plus), np.asarray(found.minus)


def written_out(gradients, batch):
    sums = np.zeros((1, gradients.shape[1]))
    for _ in range(batch):
        sums = (sums[:, None] + gradients[None]).reshape(-1, gradients.shape[1])
    sums[np.abs(sums) < 1e-12] = 0
    return (sums > 0).mean(0), (sums < 0).mean(0)


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize(("batch", "error"), [(1, 1e-14), (2, 0.04), (4, 0.04)], ids=str)
def test_every_batch_of_a_few_samples(name, batch, error):
    exact = written_out(POPULATIONS[name], batch)
    found = marginals(POPULATIONS[name], batch)
    for mine, theirs in zip(found, exact, strict=True):
        assert np.abs(mine[0] - theirs).max() < error


def test_all_pairs_of_many_samples():
    exact = written_out(MANY, 2)
    found = marginals(MANY, 2)
    assert np.abs(found[0][0] - exact[0]).max() < 2e-3
    assert np.abs(found[1][0] - exact[1]).max() < 2e-3
    gaussian = LAWS["sign_mean"].jax(MANY.mean(0), MANY.std(0), 2)
    assert np.abs(gaussian - (exact[0] - exact[1])).max() > 0.05


def test_large_batches_are_edgeworths():
    mean = MANY.mean(0)
    sigma = MANY.std(0)
    skewness, kurtosis = cumulants(jnp.asarray(MANY - mean), jnp.asarray(sigma))
    for batch in (256.0, 4096.0):
        plus, minus = marginals(MANY, batch)
        law = LAWS["edgeworth_second"].jax(np.sqrt(batch) * mean / sigma, batch, skewness, kurtosis)
        assert np.abs(plus[0] - minus[0] - law).max() < 3e-3


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_unit_of_the_gradient_does_not_matter(scale):
    assert np.allclose(marginals(scale * MANY, 4), marginals(MANY, 4), atol=1e-9)


def test_mirrored_samples_swap_the_signs():
    plus, minus = marginals(MANY, 1, 4)
    mirrored = marginals(-MANY, 1, 4)
    assert np.allclose(mirrored[0], minus, atol=1e-9)
    assert np.allclose(mirrored[1], plus, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["single", "double"])
def test_a_sum_is_zero_where_every_sample_is(dtype):
    gradients = MANY.astype(dtype)
    plus, minus = marginals(gradients, 1, 3)
    share = (gradients == 0).mean(0)
    assert np.allclose(1 - plus - minus, [share, share**3], atol=1e-9)


class TestRule:
    MU = MANY.mean(0)
    GIVEN: ClassVar = {"mu": MU, "hessian": np.eye(12) + 0.3, "noise_samples": MANY - MU}

    def test_a_population_at_batch_one_is_its_samples(self):
        signs = np.sign(MANY)
        step = one_step("sign", **self.GIVEN, batch=1, noise="population", draws=5_000)
        assert np.isclose(step.numerator, self.MU @ signs.mean(0), rtol=1e-12)
        exact = np.einsum("ni,ij,nj->n", signs, self.GIVEN["hessian"], signs).mean()
        assert abs(step.denominator - exact) < 4.4 * step.denominator_sem
        assert step.denominator_sem < 0.02 * exact

    def test_a_population_at_batch_two_is_its_pairs(self):
        step = one_step("sign", **self.GIVEN, batch=2, noise="population", draws=5_000)
        signs = np.sign(MANY[:150, None] + MANY[None, :]).reshape(-1, 12)
        near = np.einsum("ni,ij,nj->n", signs, self.GIVEN["hessian"], signs).mean()
        assert abs(step.denominator / near - 1) < 0.05

    def test_all_noises_agree_for_large_batches(self):
        steps = [
            one_step(
                "sign", **self.GIVEN, batch=2048, noise=noise, draws=2000, key=jax.random.key(2)
            )
            for noise in ("gaussian", "copula", "population")
        ]
        for step in steps[1:]:
            assert np.isclose(step.lr_star, steps[0].lr_star, rtol=0.02)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"noise": "pink"}, "noise must be one of gaussian, copula, population"),
            (
                {"noise": "copula", "noise_samples": None, "sigma": np.ones(12)},
                "needs noise_samples",
            ),
            ({"noise": "population", "order": 1}, "has no order"),
            ({"noise": "population", "batch": 1.5}, "need whole batch sizes"),
        ],
        ids=["noise", "samples", "order", "batch"],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(ValueError, match=message):
            one_step("sign", **({"batch": 2} | self.GIVEN | change))
