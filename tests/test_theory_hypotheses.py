"""The hypotheses that the paper leaves silent: each holds a law up, and the law falls without it.

Every test here is one counterexample, found independently of those in the derivations: by
simulation, by enumeration or by a search over learning rates.
"""

import sys
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from theory import (
    LAWS,
    RULES,
    common_ratio_peak,
    correlated_small_batch,
    large_batch_limit,
    one_step,
    optimal_lr,
    small_batch,
    symbols,
)

RATES = np.linspace(-3, 3, 60_001)


def best_rate(decrease, rates=RATES):
    return rates[np.argmax(decrease(rates))]


def test_every_hypothesis_of_every_law_has_its_counterexample_here():
    tests = {name for name in dir(sys.modules[__name__]) if name.startswith("test_without_")}
    needed = {h.name.lower() for law in LAWS.values() for h in law.holds}
    assert {name.removeprefix("test_without_") for name in tests} == needed


def test_without_small_decay():
    """The weights' memory is 1/(ηλ) steps while ηλ is small."""

    def memory(decay):
        left = np.cumprod(np.full(1000, 1 - decay))
        return 1 + np.interp(-np.log(1 / np.e), -np.log(left), np.arange(len(left)))

    law = LAWS["timescale"]
    assert memory(2e-3) == pytest.approx(float(law.jax(1, 2e-3, 1.0, 1)), rel=2e-3)
    assert memory(0.5) < 0.8 * float(law.jax(1, 0.5, 1.0, 1))


def test_without_quadratic():
    def decrease(order):
        return lambda rate: (1 - np.abs(1 - rate) ** order) / order

    assert best_rate(decrease(2)) == pytest.approx(optimal_lr_of_one(1, 1), abs=1e-3)
    assert best_rate(decrease(4)) == pytest.approx(1, abs=0.05)
    assert optimal_lr_of_one(1, 3) == pytest.approx(1 / 3)  # G = 1, L″ = 3 of θ⁴/4


def optimal_lr_of_one(mean, curvature):
    return optimal_lr("sign", mu=[mean], sigma=[0.0], hessian=[[curvature]], batch=1)


def test_without_positive_curvature():
    assert np.isnan(optimal_lr_of_one(1, -1))
    assert best_rate(lambda rate: rate + rate**2 / 2) == RATES[-1]  # ever larger


def test_without_descent():
    assert LAWS["best_lr"].jax(-1.0, 1.0) < 0
    step = one_step("sgd", mu=[0.0], sigma=[1.0], hessian=[[1.0]], batch=1)
    assert np.isnan(step.lr_star)


def test_without_independent_samples():
    """A batch of one sample repeated is a batch of one."""
    rng = np.random.default_rng(0)
    gradients = 0.5 + rng.normal(size=(100_000, 1))
    repeated = np.sign(np.repeat(gradients, 16, axis=1).mean(axis=1)).mean()
    several = np.sign((0.5 + rng.normal(size=(100_000, 16))).mean(axis=1)).mean()
    assert several == pytest.approx(erf(np.sqrt(8) * 0.5), abs=0.01)
    assert repeated == pytest.approx(erf(np.sqrt(0.5) * 0.5), abs=0.01)
    assert abs(repeated - several) > 0.5


def test_without_gaussian():
    """μ = 1, σ = 4 from −1 and 9 with odds 4 : 1: the update points uphill at B = 1."""
    values, odds = np.array([-1.0, 9.0]), np.array([0.8, 0.2])
    assert odds @ values == pytest.approx(1)
    assert odds @ (values - 1) ** 2 == pytest.approx(16)
    assert odds @ np.sign(values) < 0 < LAWS["sign_mean"].jax(1.0, 4.0, 1.0)


def test_without_no_dead_coordinate():
    with pytest.raises(ValueError, match="no defined sign"):
        optimal_lr("sign", mu=[0.0], sigma=[0.0], hessian=[[1.0]], batch=1)
    limits = [LAWS["sign_mean"].jax(1e-9, s * 1e-9, 1.0) for s in (0.1, 1.0, 10.0)]
    assert np.ptp(limits) > 0.9


def test_without_noisy():
    with pytest.raises(ValueError, match="sigma > 0"):
        small_batch([1.0, 1.0], [0.0, 1.0], np.eye(2))
    nearly = small_batch([1.0, 1.0], [1e-9, 10.0], np.array([[1, 0.5], [0.5, 1]]))
    exact = optimal_lr("sign", mu=[1, 1], sigma=[1e-9, 10], batch=1,
                       hessian=np.array([[1, 0.5], [0.5, 1]]))  # fmt: skip
    law = LAWS["small_batch_lr"].jax(1.0, nearly.eps_max, nearly.b_noise)
    assert law > 10 * exact


def test_without_independent_coordinates():
    """Coherent noise on a coherent Hessian: the independent law is two times too large."""
    size, correlation = 8, np.full((8, 8), 0.9) + 0.1 * np.eye(8)
    problem = {"mu": np.full(size, 0.1), "sigma": np.ones(size), "hessian": correlation}
    rng = np.random.default_rng(1)
    draws = 0.1 + rng.normal(size=(50_000, size)) @ np.linalg.cholesky(correlation).T
    update = np.sign(draws)
    curvature = np.einsum("mi,ij,mj->m", update, correlation, update)
    true = update.mean(axis=0).sum() * 0.1 / curvature.mean()
    assert optimal_lr("sign", batch=1, **problem) > 2 * true
    correlated = optimal_lr("sign", batch=1, correlation=correlation, **problem)
    assert correlated == pytest.approx(true, rel=0.05)


def test_without_jointly_gaussian():
    """Two normal variables without correlation, one the other's mirror image beyond 1.538."""
    x = np.random.default_rng(2).normal(size=400_000)
    y = np.where(np.abs(x) < 1.538, x, -x)
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(0, abs=0.01)
    assert np.mean(np.sign(x) * np.sign(y)) > 0.7
    assert LAWS["arcsine"].jax(0.0) == 0


def test_without_zero_means():
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 200_000))
    y = 0.5 * x + np.sqrt(0.75) * z
    centred, shifted = (np.cov(np.sign(x + m), np.sign(y + m))[0, 1] for m in (0, 2))
    assert centred == pytest.approx(float(LAWS["arcsine"].jax(0.5)), abs=0.01)
    assert shifted < 0.1


def test_without_small_batch():
    hessian = np.array([[1, 0.5], [0.5, 1]])
    found = small_batch([5.0, 5.0], [1.0, 1.0], hessian)
    assert found.regime < 1
    law = LAWS["small_batch_lr"].jax(1.0, found.eps_max, found.b_noise)
    exact = optimal_lr("sign", mu=[5, 5], sigma=[1, 1], hessian=hessian, batch=1)
    assert law < 0.7 * exact


def test_without_positive_trace():
    """T = 0: the law's ε* falls from B = 1 on, and Theorem 3 has no rise to offer."""
    hessian = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(small_batch([1.0, 1.0], [9.0, 9.0], hessian).b_noise)
    lr = optimal_lr("sign", mu=[1, 1], sigma=[9, 9], hessian=hessian, batch=[1, 4, 16, 64])
    assert (np.diff(lr) < 0).all()


def test_without_positive_s():
    """S = −15 and yet a surge: a strong pair pulls apart, eight weak ones pull together."""
    mu = np.array([1, 1] + [0.02] * 8)
    sigma = np.array([0.1, 0.1] + [0.2] * 8) * 20
    hessian = np.zeros((10, 10))
    hessian[:2, :2] = [[1, -0.5], [-0.5, 1]]
    hessian[2:, 2:] = 0.2 + 0.05 * np.eye(8)
    found = small_batch(mu, sigma, hessian)
    lr = optimal_lr("sign", mu=mu, sigma=sigma, hessian=hessian, batch=np.geomspace(1, 1e8, 50))
    assert found.S < 0
    assert np.isnan(found.b_noise)
    assert np.linalg.eigvalsh(hessian).min() > 0
    assert lr[-1] < 0.65 * lr.max()
    assert lr.argmax() > 0


def test_without_no_vanishing_mean():
    problem = {"mu": [1.0, 0.0], "sigma": [1.0, 1.0], "hessian": np.eye(2)}
    simple = float(LAWS["simple_plateau"].jax(1.0, 1.0))
    assert simple == 1
    assert optimal_lr("sign", batch=1e12, **problem) == pytest.approx(0.5)
    assert large_batch_limit(problem["mu"], np.eye(2), problem["sigma"]) == pytest.approx(0.5)


def test_without_common_ratio():
    """H = [[1, .95], [.95, 1]] with two ratios: the decrease of the loss falls by 45 %."""
    hessian = np.array([[1, 0.95], [0.95, 1]])
    scale = 30  # σ and √B together: the same law at B ≥ 1
    decrease = one_step("sign", mu=[1, 0.0148], sigma=np.array([0.019, 0.0176]) * scale,
                        hessian=hessian, batch=np.geomspace(1, 1e7, 60)).decrease  # fmt: skip
    assert decrease[-1] == pytest.approx(0.55 * decrease.max(), rel=0.01)


def test_without_surging():
    """T < Q < 2T: S > 0 promises a peak, but ε* is monotone."""
    hessian = np.array([[1, 0.5], [0.5, 1]])
    assert small_batch([1.0, 1.0], [30.0, 30.0], hessian).S > 0
    lr = optimal_lr("sign", mu=[1, 1], sigma=[30, 30], hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert (np.diff(lr) >= 0).all()
    assert np.isnan(common_ratio_peak(900.0, 2.0, 3.0))


def test_without_diagonal():
    """Off-diagonal curvature: ε* falls by 31 %, which no power law of B does."""
    hessian = 0.9 * np.ones((8, 8)) + 0.1 * np.eye(8)
    lr = optimal_lr("sign", mu=np.ones(8), sigma=np.full(8, 30.0), hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert lr[-1] == pytest.approx(0.688 * lr.max(), rel=0.01)


def test_without_sigmoid():
    ratio, batch = 1.198, 2.0
    approximate = float(LAWS["sigmoid_mean"].jax(ratio, batch))
    true = float(LAWS["sign_mean"].jax(ratio, 1.0, batch))
    assert 1 - approximate / true == pytest.approx(0.1163, abs=1e-4)


def test_without_local_law():
    """Sign descent with two ratios: the steps at one loss rise again at large batches."""
    hessian = np.array([[1, 0.95], [0.95, 1]])
    few, many = 1 / one_step("sign", mu=[1, 0.0148], sigma=[0.57, 0.528], hessian=hessian,
                             batch=[4.0, 1e5]).decrease  # fmt: skip
    assert many > 1.7 * few
    steps = LAWS["run_steps"].jax(np.array([4.0, 1e5]), 1.0, 10.0)
    assert steps[1] < steps[0]


def test_without_below_noise():
    """At the noise scale itself SGD has half the rate that linear scaling promises."""
    problem = {"mu": [1.0, 2.0], "sigma": [9.0, 4.0], "hessian": np.diag([1.0, 0.5])}
    scale = (81 + 0.5 * 16) / (1 + 0.5 * 4)
    exact = optimal_lr("sgd", batch=np.array([scale, 1e12]), **problem)
    linear = LAWS["linear_lr"].jax(scale, exact[1], scale)
    assert float(linear) == pytest.approx(2 * exact[0])


def test_without_above_noise():
    """At the noise scale πκ²/2 sign descent is 21 % below its limit."""
    problem = {"mu": [1.0], "sigma": [30.0], "hessian": [[1.0]]}
    below, at_limit = optimal_lr("sign", batch=[450 * np.pi, 1e9], **problem)
    assert below == pytest.approx(0.79 * at_limit, rel=1e-3)


def test_without_empirical():
    """No saturating or power law, whatever its exponent, falls; sign descent does, by 13 %."""
    hessian = np.ones((4, 4))  # Q = 4T
    lr = optimal_lr("sign", mu=np.ones(4), sigma=np.full(4, 30.0), hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert lr[-1] == pytest.approx(0.866 * lr.max(), rel=1e-3)
    for name in ("alpha_lr", "power_lr", "knee_lr"):
        curve = LAWS[name].jax(np.geomspace(1, 1e6, 60), 1.0, 100.0, 0.7)
        assert (np.diff(curve) > -1e-12).all()


def test_without_homogeneous():
    """ĝ/√(ĝ² + ε²) is not homogeneous: halving μ does not move its curve by a factor of 4."""
    rng = np.random.default_rng(4)

    def mean(mu, batch, soft):
        drawn = mu + rng.normal(size=400_000) / np.sqrt(batch)
        return np.mean(drawn / np.sqrt(drawn**2 + soft**2))

    assert mean(0.5, 4.0, 1e-9) == pytest.approx(mean(1.0, 1.0, 1e-9), abs=0.01)
    assert mean(0.5, 4.0, 1.0) < 0.8 * mean(1.0, 1.0, 1.0)


def test_without_straight():
    """The stiff direction gone, the loss is a fifth, but the noise scale is 65 times as large."""
    hessian = np.diag([1.0, 4.0])

    def noise_scale(theta):
        mu = hessian @ np.asarray(theta)
        return np.trace(hessian) / (mu @ hessian @ mu)

    early, late = (0.5 * np.diag(hessian) @ np.square(t) for t in ([1.0, 1.0], [1.0, 0.0]))
    drifted = LAWS["peak_drift"].jax(noise_scale([1.0, 1.0]), early, late)
    assert float(drifted) == pytest.approx(5 * noise_scale([1.0, 1.0]))
    assert noise_scale([1.0, 0.0]) == pytest.approx(65 * noise_scale([1.0, 1.0]))
    straight = LAWS["peak_drift"].jax(noise_scale([1.0, 0.0]), 0.5, 0.5 * 0.3**2)
    assert float(straight) == pytest.approx(noise_scale([0.3, 0.0]))


def test_without_first_order():
    """Two coins of correlation 0.9: their signs agree more than the first order tells."""
    both = np.ones((2, 2))
    noise: dict[str, Any] = {"correlation": np.array([[1, 0.9], [0.9, 1]])}
    given: dict[str, Any] = {"mu": [1e-9, 1e-9], "sigma": [1.0, 1.0], "hessian": both, "batch": 1}
    exact = one_step("sign", **given, **noise).denominator
    assert exact == pytest.approx(2 + 4 / np.pi * np.arcsin(0.9))
    assert one_step("sign", **given, **noise, order=1).denominator < 0.93 * exact


def test_without_long_memory():
    """β2 = 0 is the sign, whose variance at a strong signal is far below what β2 → 1 gives."""
    z = 3 + np.random.default_rng(4).normal(size=400_000)
    limit = float(LAWS["adam_variance"].jax(3.0, 1.0, 1.0, 0.0))
    assert limit == pytest.approx(0.1)
    assert np.sign(z).var() < 0.1 * limit


def test_without_frozen():
    """A gradient that turned a moment ago: Adam still moves the old way."""
    mean, square = -1.0, 1.0
    mean, square = 0.9 * mean + 0.1, 0.999 * square + 0.001
    assert mean / np.sqrt(square) == pytest.approx(-0.8)
    assert LAWS["adam_mean"].jax(1.0, 1e-9, 1.0) == pytest.approx(1)


def test_without_mean_field():
    """In one coordinate ĝ/‖ĝ‖ is a sign, whose mean is not √½ at B = (σ/μ)²."""
    drawn = np.sign(1 + np.random.default_rng(4).normal(size=400_000)).mean()
    assert drawn == pytest.approx(0.683, abs=0.005)
    assert float(LAWS["normalised_lr"].jax(1.0, 1.0, 1.0, 1.0, 1.0)) == pytest.approx(0.5**0.5)


def test_without_norm_surging():
    """B_simple below 2B_noise: the height claimed for a peak is never reached."""
    curve = LAWS["normalised_lr"].jax(np.geomspace(1e-3, 1e6, 200), 1.0, 1.0, 2.0, 3.0)
    assert curve.max() <= 1
    assert float(LAWS["normalised_ratio"].jax(2.0, 3.0)) > 1.06


def polar_mean(mean, deviation, draws):
    """E[msign(mean + deviation·N)] along the mean, by antithetic draws."""
    noise = deviation * np.random.default_rng(4).normal(size=(draws, *mean.shape))
    drawn = np.concatenate([mean + noise, mean - noise])
    left, _, right = np.linalg.svd(drawn, full_matrices=False)
    return (left @ right).mean(axis=0)


def test_without_equal_noise():
    """A row without noise keeps its direction, however noisy the other row."""
    mean, deviation = np.zeros((2, 400)), np.zeros((2, 400))
    mean[0, 0], deviation[1] = 1.0, (2 / 400) ** 0.5
    assert polar_mean(mean, deviation, 200)[0, 0] > 0.95
    assert float(LAWS["muon_tall_mean"].jax(1.0, 400**-0.5, 1.0, 400)) == pytest.approx(0.5**0.5)


def test_without_tall():
    """Square matrices: the tall law is above what is drawn, the square one is not."""
    drawn = polar_mean(0.2 * np.eye(20), 20**-0.5, 400)
    gain = np.trace(drawn) / 20
    assert gain < 0.9 * float(LAWS["muon_tall_mean"].jax(0.2, 20**-0.5, 1.0, 20))
    assert gain == pytest.approx(float(LAWS["muon_square_small"].jax(0.2, 1, 20, 20)), rel=0.03)


def test_without_square():
    """Tall matrices: the square law is below what is drawn."""
    gain = np.trace(polar_mean(0.2 * np.eye(2, 200), 200**-0.5, 2000)) / 2
    assert gain > 1.1 * float(LAWS["muon_square_small"].jax(0.2, 1, 200, 200))


def test_without_large_matrix():
    """1 × 1: the matrix sign is a sign, 6 % less certain than in a large square matrix."""
    exact = optimal_lr("sign", mu=[1e-3], sigma=[1.0], hessian=[[1.0]], batch=1)
    assert exact < 0.95 * float(LAWS["muon_square_small"].jax(1e-3, 1.0, 1.0, 1.0))


def nuclear_lr(singular, gains):
    """ε*/η_max where the curvature is X ↦ (GGᵀ)^½X/η_max."""
    return np.dot(singular, gains) / np.sum(singular)


def test_without_equal_singular_values():
    """One singular value of two vanishes: B_simple is that of the other alone, not twice it."""
    gains = LAWS["muon_tall_mean"].jax(np.array([1.0, 1e-9]), 400**-0.5, 1.0, 400)
    claimed = float(LAWS["muon_lr"].jax(1.0, 1.0, 2.0))
    assert nuclear_lr([1.0, 1e-9], gains) > 1.2 * claimed


def test_without_nuclear_curvature():
    """Curvature along the gradient: ε* falls with B, where Su's case only rises."""
    mean = np.eye(2, 12)
    problem = {"mu": mean.ravel(), "sigma": np.full(24, 1.0), "shape": (2, 12)}
    curvature = np.outer(mean.ravel(), mean.ravel())
    few, many = optimal_lr("muon", hessian=curvature, batch=np.array([12.0, 1e5]), **problem)
    assert few > 1.2 * many
    assert LAWS["muon_lr"].jax(12.0, 1.0, 12.0) < LAWS["muon_lr"].jax(1e5, 1.0, 12.0)


def correlated(rho, size=32):
    """One ratio 1/20, H equicorrelated at 0.3, noise at ρ."""
    both = [(1 - value) * np.eye(size) + value for value in (0.3, rho)]
    return np.full(size, 0.05), np.ones(size), *both


def peak_of(mu, sigma, hessian, correlation):
    batch = 10.0 ** np.arange(1, 5, 0.05)
    noise: dict[str, Any] = {"sigma": sigma, "correlation": correlation}
    return batch[optimal_lr("sign", mu=mu, hessian=hessian, batch=batch, **noise).argmax()]


def test_without_weakly_correlated():
    strong, weak = (correlated(rho) for rho in (0.9, 0.1))
    assert correlated_small_batch(*weak).b_noise == pytest.approx(peak_of(*weak), rel=0.15)
    assert correlated_small_batch(*strong).b_noise < 0.6 * peak_of(*strong)


def test_without_nearly_perfect():
    strong, weak = (correlated(rho) for rho in (0.9, 0.1))
    sums = (20.0, 32.0, weak[2].sum())
    law = LAWS["equicorrelated_peak"]
    assert float(law.jax(*sums, 0.9)) == pytest.approx(peak_of(*strong), rel=0.1)
    assert float(law.jax(*sums, 0.1)) > 1.5 * peak_of(*weak)


def test_without_equicorrelated():
    """Two groups, perfectly correlated within: Q > 2T, but D does not depend on B."""
    groups = np.kron(np.eye(2), np.ones((3, 3)))
    given: dict[str, Any] = {
        "mu": np.full(6, 0.1),
        "sigma": np.ones(6),
        "hessian": groups,
        "correlation": groups,
    }
    step = one_step("sign", **given, batch=[1, 100, 10_000])
    np.testing.assert_allclose(step.denominator, 18, rtol=1e-6)
    assert np.all(np.diff(step.lr_star) > 0)


def test_without_positive_d0():
    """No curvature on the diagonal: ε* falls from the first, and there is no √B to rise on."""
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(correlated_small_batch([0.1, 0.1], [1, 1], swap - 0.1, np.eye(2)).b_noise)
    lr = optimal_lr("sign", mu=[0.1, 0.1], sigma=[1, 1], hessian=swap, batch=[1, 4])
    assert lr[1] == pytest.approx(lr[0] / 2, rel=0.02)


def test_without_positive_d1():
    """D1 < 0 names no peak, yet ε* surges: a pair of high ratio hides one of low ratio."""
    hessian = np.array([[1, -0.1, 0, 0], [-0.1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    mu, sigma = [1, 1, 0.02, 0.02], np.ones(4)
    assert np.isnan(correlated_small_batch(mu, sigma, hessian, np.eye(4)).b_noise)
    lr = optimal_lr("sign", mu=mu, sigma=sigma, hessian=hessian, batch=[10, 10**6])
    assert lr[1] < 0.7 * lr[0]


def test_without_common_mean():
    """SGD, two unequal means: the law for one |μ| is off by a quarter."""
    card = RULES["sgd"].card
    assert card is not None
    assert card.large.args == (symbols.G1, symbols.Q, symbols.mu_abs)
    truth = optimal_lr("sgd", mu=[1, 3], sigma=[1, 1], hessian=np.diag([1, 2]), batch=1e9)
    assert truth == pytest.approx(10 / 19)
    assert float(card.large.jax(4.0, 3.0, 2.0)) == pytest.approx(2 / 3)
    alike = optimal_lr("sgd", mu=[2, 2], sigma=[1, 1], hessian=np.diag([1, 2]), batch=1e9)
    assert alike == pytest.approx(2 / 3)


def test_without_smooth_samples():
    """g = μ ± 1, B = 100: the signs cancel in C(100, 50)/2¹⁰⁰ of the batches; then μ decides."""
    ups = np.random.default_rng(1).binomial(100, 0.5, size=400_000)
    measured = np.sign(2 * ups - 100 + 0.1).mean()
    smooth = LAWS["edgeworth_second"].jax(0.01, 100.0, 0.0, -2.0)
    assert measured == pytest.approx(0.0796, abs=0.006)
    assert float(smooth) < 0.01


def test_without_four_moments():
    """Student's t with 3 degrees of freedom and mean 1 is more certain of its sign than that."""
    gradients = 1 + np.random.default_rng(2).standard_t(3, size=200_000)
    gaussian = LAWS["edgeworth_first"].jax(3**-0.5, 1.0, 0.0)
    assert np.sign(gradients).mean() == pytest.approx(0.609, abs=0.01)
    assert float(gaussian) == pytest.approx(0.436, abs=1e-3)


def test_without_gaussian_copula():
    """Two coordinates of one mask: uncorrelated signs, and yet a correlated number of zeros."""
    rng = np.random.default_rng(3)
    signs = np.where(rng.random((200_000, 1)) < 0.5, np.sign(rng.normal(size=(200_000, 2))), 0.0)
    assert np.cov(signs.T)[0, 1] == pytest.approx(0, abs=0.01)
    assert np.cov((signs**2).T)[0, 1] == pytest.approx(0.25, abs=0.01)


def test_without_closed():
    """No noise, θ = ±1: a step of 1 takes all runs to 0; Gaussian θ keep 0.404 of the spread."""
    two, gaussian = np.array([-1.0, 1.0] * 1000), np.random.default_rng(5).normal(size=200_000)
    slope, left = (2 / np.pi) ** 0.5, 1 - 2 / np.pi
    law = float(LAWS["closure_variance"].jax(1.0, 1.0, 1e-9, 1.0, 1.0, slope, left))
    assert np.var(gaussian - np.sign(gaussian)) == pytest.approx(law, rel=0.02)
    assert np.var(two - np.sign(two)) == 0
    assert law == pytest.approx(0.404, abs=1e-3)


def test_without_stable():
    """SGD settles at its floor while ελ < 2, and at no floor beyond."""

    def losses(lr, steps):
        second = 0.0
        for _ in range(steps):
            second = (1 - lr) ** 2 * second + lr**2
        return second / 2

    law = LAWS["sgd_floor"]
    assert losses(1.5, 200) == pytest.approx(float(law.jax(1.0, 1.0, 1.0, 1.5)), rel=1e-6)
    assert losses(2.5, 200) > 1e6
    assert float(law.jax(1.0, 1.0, 1.0, 2.5)) < 0


def moved(theta, direction, noise=lambda _: 1.0):
    """d ln B/d ln(1/L) of B = noise/|G|² for H = diag(1, 4) over a small step."""
    hessian, rows = np.array([1.0, 4.0]), []
    for place in (theta, theta - 1e-6 * direction(hessian * theta)):
        loss = 0.5 * place @ (hessian * place)
        rows.append(np.log([noise(loss) / ((hessian * place) ** 2).sum(), loss]))
    change = np.diff(rows, axis=0)[0]
    return -change[0] / change[1]


def test_without_gradient_flow():
    """No noise scale falls behind 1/L under gradient flow; under sign flow it can."""
    places = np.random.default_rng(6).normal(size=(200, 2))
    assert min(moved(theta, lambda g: g) for theta in places) > 1 - 1e-4
    assert moved(np.array([0.1, 1.0]), np.sign) == pytest.approx(0.984, abs=1e-3)


def test_without_constant_noise():
    """Noise whose variance is in proportion to the loss: along an eigenvector B stands still."""
    theta = np.array([1.0, 0.0])
    assert moved(theta, lambda g: g) == pytest.approx(1, abs=1e-4)
    assert moved(theta, lambda g: g, lambda loss: loss) == pytest.approx(0, abs=1e-4)


def test_without_power_decay():
    """L = e^(−2t): its slope in ln t is −2 at t = 1, but B ∝ 1/L at every time."""
    law = LAWS["drift_of_decay"]
    assert float(law.jax(2.0)) == pytest.approx(1.5)
    assert moved(np.array([np.exp(-1.0), 0.0]), lambda g: g) == pytest.approx(1, abs=1e-4)
