"""How noise scales move along a run: the exponent at a moment against the flow itself."""

import numpy as np
import pytest
from scipy.linalg import expm

from theory.drift import (
    ALPHA_B,
    DRIFT_BOUND,
    DRIFT_OF_DECAY,
    PEAK_DRIFT_OF_DECAY,
    SPECTRAL_DECAY,
    drift_exponent,
)

RNG = np.random.default_rng(4)
D = 6
ROOT = RNG.normal(size=(D, D))
H = ROOT @ ROOT.T / D + 0.2 + 0.1 * np.eye(D)
THETA = RNG.normal(size=D)
SIGMA = np.exp(0.3 * RNG.normal(size=D))


def scale_of(gradient, scale):
    """GᵀKG of a noise scale c/(GᵀKG)."""
    if scale == "simple":
        return gradient @ gradient
    r = gradient / SIGMA
    return r @ (H - np.diag(np.diag(H))) @ r


def after(flow, time):
    if flow == "gradient":
        return expm(-H * time) @ THETA
    return THETA - time * np.sign(H @ THETA)


@pytest.mark.parametrize("flow", ["gradient", "sign"])
@pytest.mark.parametrize("scale", ["simple", "peak"])
def test_the_exponent_is_the_slope_along_the_flow(flow, scale):
    places = [after(flow, time) for time in (-1e-5, 1e-5)]
    loss, form = (
        np.log([of(place) for place in places])
        for of in (lambda p: p @ H @ p / 2, lambda p: abs(scale_of(H @ p, scale)))
    )
    slope = np.diff(form)[0] / np.diff(loss)[0]
    found = drift_exponent(H, THETA, SIGMA, flow=flow, scale=scale)
    assert found == pytest.approx(slope, rel=1e-6)


def test_under_gradient_flow_it_is_between_one_and_the_bound():
    values = np.linalg.eigvalsh(H)
    bound = float(DRIFT_BOUND.jax(values[0], values[-1]))
    for theta in RNG.normal(size=(50, D)):
        found = drift_exponent(H, theta, SIGMA, flow="gradient", scale="simple")
        assert 1 <= found <= bound


def test_along_an_eigenvector_it_is_one_for_every_scale_that_is_positive():
    vector = np.linalg.eigh(H)[1][:, -1]
    for scale in ("simple", "peak"):
        found = drift_exponent(H, vector, np.ones(D), flow="gradient", scale=scale)
        assert found == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 0.5), (1.5, 2.0)])
def test_a_power_law_spectrum_has_the_exponents_of_its_decay(a, b):
    """Late in the flow, while the slowest eigenvectors have not yet moved."""
    k = np.arange(1.0, 40_001)
    values, time = k**-a, 300.0
    sums = [(values**n * k**-b * np.exp(-2 * values * time)).sum() for n in (1, 2, 3, 4)]
    decay = float(SPECTRAL_DECAY.jax(a, b))
    assert 2 * time * sums[1] / sums[0] == pytest.approx(decay, rel=0.02)
    drift = sums[2] / sums[1] / (sums[1] / sums[0])
    assert drift == pytest.approx(float(DRIFT_OF_DECAY.jax(decay)), rel=0.02)
    peak = sums[3] / sums[2] / (sums[1] / sums[0])
    assert peak == pytest.approx(float(PEAK_DRIFT_OF_DECAY.jax(decay)), rel=0.02)


def test_kaplan_s_exponent_asks_for_a_slow_decay_and_a_wide_spectrum():
    assert float(ALPHA_B.jax(0.2658)) == pytest.approx(0.21, rel=1e-3)
    assert float(DRIFT_BOUND.jax(1.0, 16.9)) < 1 / 0.21 < float(DRIFT_BOUND.jax(1.0, 17.1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"flow": "newton"}, "flow must be"),
        ({"scale": "kaplan"}, "scale must be"),
        ({"scale": "peak", "sigma": np.zeros(D)}, "sigma must be above 0"),
        ({"theta": np.ones(3)}, "sigma has shape"),
    ],
)
def test_bad_input_is_one_clear_line(wrong, words):
    good = {"hessian": H, "theta": THETA, "sigma": SIGMA, "flow": "sign", "scale": "simple"}
    with pytest.raises(ValueError, match=words):
        drift_exponent(**(good | wrong))
