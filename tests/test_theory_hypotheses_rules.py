"""What holds up the laws of single rules other than the sign; see `test_theory_hypotheses`."""

import numpy as np
import pytest

from theory import LAWS, RULES, optimal_lr, symbols


def test_without_homogeneous():
    """ĝ/√(ĝ² + ε²) is not homogeneous: halving μ does not move its curve by a factor of 4."""
    rng = np.random.default_rng(4)

    def mean(mu, batch, soft):
        drawn = mu + rng.normal(size=400_000) / np.sqrt(batch)
        return np.mean(drawn / np.sqrt(drawn**2 + soft**2))

    assert mean(0.5, 4.0, 1e-9) == pytest.approx(mean(1.0, 1.0, 1e-9), abs=0.01)
    assert mean(0.5, 4.0, 1.0) < 0.8 * mean(1.0, 1.0, 1.0)


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
