"""What the laws of whole runs ask for; see `test_theory_hypotheses`."""

import numpy as np
import pytest

from theory import LAWS, one_step


def test_without_small_decay():
    """The weights' memory is 1/(ηλ) steps while ηλ is small."""

    def memory(decay):
        left = np.cumprod(np.full(1000, 1 - decay))
        return 1 + np.interp(-np.log(1 / np.e), -np.log(left), np.arange(len(left)))

    law = LAWS["timescale"]
    assert memory(2e-3) == pytest.approx(float(law.jax(1, 2e-3, 1.0, 1)), rel=2e-3)
    assert memory(0.5) < 0.8 * float(law.jax(1, 0.5, 1.0, 1))


def test_without_local_law():
    """Sign descent with two ratios: the steps at one loss rise again at large batches."""
    hessian = np.array([[1, 0.95], [0.95, 1]])
    few, many = 1 / one_step("sign", mu=[1, 0.0148], sigma=[0.57, 0.528], hessian=hessian,
                             batch=[4.0, 1e5]).decrease  # fmt: skip
    assert many > 1.7 * few
    steps = LAWS["run_steps"].jax(np.array([4.0, 1e5]), 1.0, 10.0)
    assert steps[1] < steps[0]


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
