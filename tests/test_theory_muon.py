"""Muon: the mean and the fluctuations of the sign of a noisy matrix, against simulation."""

import jax.numpy as jnp
import numpy as np
import pytest

from theory import LAWS, one_step, optimal_lr
from theory.muon_correction import mean_correction
from theory.muon_resolvent import resolvent
from theory.muon_response import response
from theory.muon_sums import msign, spread, tilt

WIDE = (4, 16)
BATCH = np.array([1.0, 30.0, 1e3])


def problem(seed, shape, noise=6.0):
    rng = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    turn, _ = np.linalg.qr(rng.normal(size=(size, size)))
    hessian = turn / np.arange(1, size + 1) @ turn.T
    return {
        "mu": rng.normal(size=size),
        "sigma": np.full(size, noise),
        "hessian": 0.5 * (hessian + hessian.T),
        "shape": shape,
    }


def simulated(given, noise):
    """VᵀG and VᵀHV of antithetic pairs, (m,) each, for noise (m, d) of a batch."""
    pairs = []
    for part in (noise, -noise):
        drawn = (given["mu"] + part).reshape(-1, *given["shape"])
        left, _, right = np.linalg.svd(drawn, full_matrices=False)
        update = (left @ right).reshape(noise.shape)
        bends = np.einsum("mi,mi->m", update @ given["hessian"], update)
        pairs.append((update @ given["mu"], bends))
    return np.mean(pairs, axis=0)


def sem(values):
    return values.std() / np.sqrt(values.size)


def test_equal_noise_within_one_per_cent_of_simulation():
    given = problem(0, WIDE)
    step = one_step("muon", batch=BATCH, **given)
    assert (step.denominator_sem == 0).all()
    noise = 6 * np.random.default_rng(2).normal(size=(8_000, 64))
    for place, batch in enumerate(BATCH):
        values = simulated(given, noise / np.sqrt(batch))
        for law, drawn in zip((step.numerator, step.denominator), values, strict=True):
            assert abs(law[place] - drawn.mean()) < 0.01 * drawn.mean() + 4 * sem(drawn)
            assert sem(drawn) < 0.006 * drawn.mean()


def test_the_correction_matters_and_removes_an_eighth_over_n():
    gradient = 1e-3 * np.eye(*WIDE)
    variance = np.full(WIDE, 1.0)
    level = resolvent(gradient, variance)
    leading = np.trace(np.asarray(level.integral(level.across))) / np.trace(gradient)
    change = np.trace(np.asarray(mean_correction(gradient, variance))) / np.trace(gradient)
    noise = np.random.default_rng(3).normal(size=(10_000, *WIDE))
    truth = np.linalg.svd(noise, compute_uv=False).sum(axis=1).mean() / 64  # by Stein's identity
    assert leading / truth == pytest.approx(1 + 1 / (8 * 16), abs=3e-3)
    assert (leading + change) / truth == pytest.approx(1, abs=3e-3)


def test_the_curvature_of_the_identity_is_the_number_of_rows():
    given = problem(4, WIDE)
    given["hessian"] = np.eye(64)
    np.testing.assert_allclose(one_step("muon", batch=BATCH, **given).denominator, 4, rtol=1e-6)


def test_little_noise_responds_as_the_derivative_of_the_polar_factor():
    size, gradient = 0.03, np.random.default_rng(5).normal(size=WIDE)
    variance = np.full(WIDE, size**2)
    noise = size * np.eye(64).reshape(64, *WIDE)
    level = resolvent(gradient, variance)
    mean = level.integral(level.across) + mean_correction(gradient, variance)
    change = response(level, mean, jnp.asarray(noise), 1.0)
    slope = 0.5 * (msign(jnp.asarray(gradient + noise)) - msign(jnp.asarray(gradient - noise)))
    assert np.abs(change - slope).max() < 0.03 * np.abs(slope).max()


def test_a_matrix_and_its_transpose_step_alike():
    given = problem(6, WIDE)
    order = np.arange(64).reshape(WIDE).T.ravel()
    turned = {
        "mu": given["mu"][order],
        "sigma": given["sigma"],
        "hessian": given["hessian"][np.ix_(order, order)],
        "shape": WIDE[::-1],
    }
    np.testing.assert_allclose(
        optimal_lr("muon", batch=BATCH, **turned),
        optimal_lr("muon", batch=BATCH, **given),
        rtol=1e-6,
    )


def test_momentum_multiplies_the_batch_size():
    given = problem(7, WIDE)
    np.testing.assert_allclose(
        optimal_lr("muon", batch=[2.0, 50.0], beta1=0.9, **given),
        optimal_lr("muon", batch=[38.0, 950.0], **given),
        rtol=1e-9,
    )


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_a_single_row_or_column_is_normalised_sgd(shape):
    given = problem(8, shape)
    del given["shape"]
    normalised = optimal_lr("normalised_sgd", batch=BATCH, **given)
    np.testing.assert_array_equal(optimal_lr("muon", batch=BATCH, shape=shape, **given), normalised)


def test_a_long_side_gives_the_mean_field():
    gradient = np.diag([1.0, 0.3]) @ np.eye(2, 64)
    level = resolvent(gradient, np.full((2, 64), 1 / 64))
    drawn = np.diag(np.asarray(level.integral(level.across)))
    law = LAWS["muon_tall_mean"].jax(np.array([1.0, 0.3]), 1.0, 64.0, 64.0)
    np.testing.assert_allclose(drawn, law, rtol=0.03)


def test_the_nuclear_curvature_never_surges():
    given = problem(9, WIDE)
    gradient = given["mu"].reshape(WIDE)
    left, singular, _ = np.linalg.svd(gradient, full_matrices=False)
    given["hessian"] = np.kron(left * singular @ left.T, np.eye(16))
    batch = np.geomspace(1, 1e7, 12)
    lr = optimal_lr("muon", batch=batch, **given)
    assert (np.diff(lr) > 0).all()
    assert lr[-1] == pytest.approx(1, rel=1e-4)
    rough = [
        singular @ LAWS["muon_tall_mean"].jax(singular, 6.0, b, 16.0) / singular.sum()
        for b in batch
    ]
    np.testing.assert_allclose(lr, rough, rtol=0.12)


def test_unequal_noise_of_few_entries_is_drawn():
    given = problem(10, (3, 3))
    given["sigma"] = np.geomspace(0.5, 8, 9)
    assert spread(jnp.asarray(given["sigma"].reshape(3, 3) ** 2)) < 3
    step = one_step("muon", batch=4, draws=512, **given)
    assert step.denominator_sem > 0
    noise = np.random.default_rng(11).normal(size=(20_000, 9)) * given["sigma"] / 2
    slope, bends = simulated(given, noise)
    assert step.numerator == pytest.approx(slope.mean(), rel=0.03)
    assert abs(step.denominator - bends.mean()) < 4.5 * np.hypot(step.denominator_sem, sem(bends))


@pytest.mark.parametrize("power", [1.0, -1.0])
def test_noise_that_goes_with_the_curvature_is_drawn(power):
    given = problem(14, (16, 16))
    given["mu"] *= 0.3
    given["sigma"] = np.exp(0.3 * np.random.default_rng(15).normal(size=256))
    curvature = given["sigma"] ** (2 * power)
    given["hessian"] = np.diag(curvature)
    assert spread(jnp.asarray(given["sigma"].reshape(16, 16) ** 2)) > 8
    assert power * tilt(jnp.asarray(given["sigma"] ** 2), jnp.asarray(curvature)) > 0.25
    step = one_step("muon", batch=1, draws=1024, **given)
    noise = np.random.default_rng(16).normal(size=(1_000, 256)) * given["sigma"]
    _, bends = simulated(given, noise)
    error = np.hypot(step.denominator_sem, sem(bends))
    assert abs(step.denominator - bends.mean()) < 4.5 * error
    assert error < 0.003 * step.denominator  # the linear response is off by 8 %


def test_tilt_is_the_share_by_which_curved_coordinates_are_noisier():
    curvature = jnp.asarray([1.0, 3.0])
    assert tilt(jnp.ones(2), curvature) == pytest.approx(0)
    assert tilt(jnp.asarray([1.0, 3.0]), curvature) == pytest.approx((1 + 9) / 2 / 4 - 1)
    assert tilt(jnp.asarray([1.0, 3.0]), -curvature) == pytest.approx(-0.25)


def test_correlated_noise_is_drawn_both_ways():
    given = problem(12, (2, 3))
    samples = np.random.default_rng(13).normal(size=(5, 6))
    samples -= samples.mean(axis=0)
    covariance = samples.T @ samples / 5
    given["sigma"] = np.sqrt(np.diag(covariance))
    rho = covariance / np.outer(given["sigma"], given["sigma"])
    thin = one_step("muon", batch=2, draws=512, noise_samples=samples, **given)
    dense = one_step("muon", batch=2, draws=512, correlation=rho, **given)
    error = np.hypot(thin.denominator_sem, dense.denominator_sem)
    assert abs(thin.denominator - dense.denominator) < 4.5 * error
    assert error < 0.03 * dense.denominator
    assert thin.numerator == pytest.approx(dense.numerator, rel=0.03)


@pytest.mark.parametrize("bad", [{"shape": (5, 5)}, {"shape": None}, {"beta1": 1.0}], ids=str)
def test_wrong_parameters_are_errors(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        optimal_lr("muon", batch=1, **{**problem(14, WIDE), **bad})
