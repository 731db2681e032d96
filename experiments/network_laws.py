"""What the laws of one step of sign descent say of a network at a point, by batch size."""

import jax.numpy as jnp
import numpy as np
import xarray as xr

import theory
from experiments.curvature import NetworkHessian
from sim.network import Point


def one_step_laws(point: Point, batches, draws: int, key) -> xr.Dataset:
    """The independent law and the Gaussian one; coordinates that never move (μ = σ = 0) drop out
    of both, their curvature being zero as well."""
    samples = point.gradients - point.mean
    alive = np.flatnonzero(np.asarray((point.gradients != 0).any(0)))
    mu = np.asarray(point.mean, np.float64)[alive]
    sigma = np.asarray(jnp.sqrt((samples**2).mean(0)), np.float64)[alive]
    hessian = NetworkHessian(point, alive)
    batches = np.asarray(batches, np.float64)
    given = {"mu": mu, "hessian": hessian, "batch": batches}
    independent = theory.one_step("sign", sigma=sigma, **given)
    gaussian = theory.one_step(
        "sign", **given, noise_samples=samples[:, alive], draws=draws, key=key
    )
    small = theory.small_batch(mu, sigma, hessian)
    columns = {
        "lr_independent": independent.lr_star,
        "decrease_independent": independent.decrease,
        "numerator_independent": independent.numerator,
        "denominator_independent": independent.denominator,
        "lr_gaussian": gaussian.lr_star,
        "lr_gaussian_sem": gaussian.lr_star * gaussian.denominator_sem / gaussian.denominator,
        "denominator_gaussian": gaussian.denominator,
    }
    scalars = {"b_noise": small.b_noise, "S": small.S, "trace": small.T, "regime": small.regime,
               "alive": len(alive)}  # fmt: skip
    return xr.Dataset(
        {name: ("batch", values) for name, values in columns.items()} | scalars,
        coords={"batch": list(batches)},
    )
