"""Rival laws: ends, order and special cases, against the exact one-step laws by assembly."""

import numpy as np
import pytest
from scipy.special import erf

from theory import LAWS, common_ratio_peak, optimal_lr
from theory.rivals import RIVALS
from theory.symbols import B, B_noise, alpha, eps_max, q

BATCH = np.geomspace(1e-3, 1e9, 49)


def at(name, batch=BATCH, form=0.8):
    law = RIVALS[name].law
    values = {B: batch, eps_max: 0.3, B_noise: 50.0, alpha: form, q: form}
    return np.broadcast_to(law.jax(*(values[arg] for arg in law.args)), np.shape(batch))


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_take_the_same_arguments_and_one_shape_at_most(name):
    rival = RIVALS[name]
    assert set(rival.law.args) <= {B, eps_max, B_noise, alpha, q}
    assert set(rival.free) <= set(rival.law.args)
    assert rival.free[0] == eps_max
    assert len(set(rival.law.args) & {alpha, q}) <= 1
    assert LAWS[rival.law.name] is rival.law


@pytest.mark.parametrize("name", RIVALS)
def test_the_scale_is_a_factor(name):
    law = RIVALS[name].law
    point = [0.7 if arg == eps_max else 3.0 for arg in law.args]
    twice = [1.4 if arg == eps_max else 3.0 for arg in law.args]
    assert float(law.jax(*twice)) == pytest.approx(2 * float(law.jax(*point)))


@pytest.mark.parametrize(
    ("name", "form", "slope"),
    [("constant", 0, 0), ("linear", 0, 1), ("root", 0, 0.5), ("power", 0.62, 0.62),
     ("saturating", 0, 1), ("half", 0, 0.5), ("alpha", 0.7, 0.7), ("knee", 0.6, 0.6),
     ("surge", 0, 0.5), ("coherent", 5.0, 0.5), ("mean_field", 5.0, 0.5)],
)  # fmt: skip
def test_the_exponent_at_small_batches(name, form, slope):
    low = at(name, np.array([1e-7, 1e-6]), form or 1.0)
    assert np.diff(np.log10(low))[0] == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("name", ["saturating", "half", "alpha", "knee", "coherent", "mean_field"])
def test_the_limit_at_large_batches_is_the_scale(name):
    assert at(name)[-1] == pytest.approx(0.3, rel=1e-6)


def test_the_knee_is_the_lesser_of_its_ends_to_the_last_digit():
    lesser = 0.3 * np.minimum(1, (BATCH / 50.0) ** 0.8)
    np.testing.assert_allclose(at("knee"), lesser, rtol=1e-12)


def test_only_the_surges_fall():
    falling = {name for name in RIVALS if (np.diff(at(name, form=4.0)) < -1e-12).any()}
    assert falling == {"surge", "coherent", "mean_field"}


@pytest.mark.parametrize("coherence", [0.1, 0.9])
def test_the_plateau_law_is_theorem_2_assembled(coherence):
    size, kappa = 8, 30.0
    hessian = np.full((size, size), coherence) + (1 - coherence) * np.eye(size)
    along = hessian.sum()
    exact = optimal_lr("sign", mu=np.full(size, 0.1), sigma=np.full(size, 0.1 * kappa),
                       hessian=hessian, batch=np.geomspace(1, 1e6, 5))  # fmt: skip
    law = RIVALS["coherent"].law.jax(
        np.geomspace(1, 1e6, 5), 0.1 * size / along, np.pi * kappa**2 / 2, along / size
    )
    np.testing.assert_allclose(law, exact, rtol=1e-11)


def test_the_bound_lies_below_the_optimum_of_any_diagonal_problem():
    rng = np.random.default_rng(0)
    for _ in range(5):
        mu, sigma = rng.normal(size=6), rng.uniform(0.5, 9, 6)
        curvature = rng.uniform(0.1, 3, 6)
        scale = (sigma.sum() / np.abs(mu).sum()) ** 2
        batch = scale * np.array([1.01, 2, 4, 16, 100])
        exact = optimal_lr("sign", mu=mu, sigma=sigma, hessian=np.diag(curvature), batch=batch)
        bound = RIVALS["lower_bound"].law.jax(batch, np.abs(mu).sum() / curvature.sum(), scale)
        assert (bound < exact).all()


def test_how_far_the_bound_is_below_with_one_ratio():
    """2.88, 1.91 and 1.33 at 2, 4 and 16 times its noise scale; nothing at a single one."""
    times = np.array([2.0, 4.0, 16.0])
    mu = np.array([0.2, -0.1, 0.4])
    exact = optimal_lr("sign", mu=mu, sigma=9 * np.abs(mu), hessian=0.7 * np.eye(3),
                       batch=81 * times)  # fmt: skip
    bound = RIVALS["lower_bound"].law.jax(81 * times, 0.7 / 2.1, 81.0)
    np.testing.assert_allclose(exact / bound, [2.877, 1.909, 1.333], rtol=5e-4)
    np.testing.assert_allclose(exact / bound, erf(np.sqrt(times / 2)) / (1 - times**-0.5))


def test_theorem_3_is_what_is_left_of_the_plateau_law_far_below_its_noise_scale():
    q, batch = 1e6, np.geomspace(1, 1e3, 7)
    plateau = RIVALS["mean_field"].law.jax(batch, 2 * 0.3 / np.sqrt(q), 50 * q, q)
    np.testing.assert_allclose(plateau, at("surge", batch), rtol=1e-4)


def test_the_half_life_is_held_in_samples():
    held = float(LAWS["held_beta_2"].jax(64.0, 256.0, 0.95))
    steps = np.log(0.5) / np.log([0.95, held])
    assert steps[0] * 64 == pytest.approx(steps[1] * 256)
    assert held == pytest.approx(0.95**4)


def test_the_peak_of_the_plateau_law_is_the_exact_one():
    kappa2, coherence = 900.0, 5.0
    batch = np.geomspace(10, 1e4, 200_001)
    rate = np.asarray(RIVALS["coherent"].law.jax(batch, 1.0, np.pi * kappa2 / 2, coherence))
    exact = common_ratio_peak(kappa2, 1.0, coherence)
    assert batch[rate.argmax()] == pytest.approx(exact, rel=1e-3)
