"""Where the Gaussian law and real minibatches part on a network, piece by piece.

ε* = N/D. Four laws, each with one more piece of the samples' distribution: the Gaussian with their
covariance; Edgeworth's marginals; exact mean signs (`means`); also exact zeros, E[V_i²] < 1
(`copula`). What is left then is N's finite population (nothing) and dependence that no Gaussian
copula has.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import theory
from experiments.curvature import NetworkHessian
from sim import network
from theory.copula import Marginals, copula_draws
from theory.edgeworth import cumulants
from theory.enumeration import sample_marginals
from theory.problem import checked_problem
from theory.rules.rule import Budget

LEVELS = ("gaussian", "edgeworth", "means", "copula")


def measure(
    point: network.Point, batches: tuple[int, ...], resolution: float, limit: int, key
) -> xr.Dataset:
    """One step with real minibatches: all of them at B = 1."""
    columns: dict[str, list] = {}
    for i, batch in enumerate(batches):
        step = network.minibatch_step(
            "sign", point, batch=batch, resolution=resolution, limit=limit,
            key=jax.random.fold_in(key, i),
        )  # fmt: skip
        for name in ("numerator", "denominator"):
            part = getattr(step, name)
            for end in ("mean", "sem", "n"):
                columns.setdefault(f"network_{name}_{end}", []).append(getattr(part, end))
    return xr.Dataset(
        {name: ("network_batch", values) for name, values in columns.items()},
        coords={"network_batch": list(batches)},
    )


def laws(point: network.Point, batches: tuple[int, ...], draws: int, key) -> xr.Dataset:
    """N, and D with its standard error, of each law; coordinates that never move drop out. With
    the share of V_i that are not zero, and the median |skewness| and kurtosis of the samples."""
    gradients = point.gradients
    alive = np.flatnonzero(np.asarray((gradients != 0).any(0)))
    samples = (gradients - point.mean)[:, alive]
    mu = np.asarray(point.mean, np.float64)[alive]
    given = {"mu": mu, "hessian": NetworkHessian(point, alive), "noise_samples": samples}
    batch_b = np.asarray(batches, float)
    drawn = {"batch": batch_b, "draws": draws, "key": key}
    gaussian = theory.one_step("sign", **given, **drawn)
    edgeworth = theory.one_step("sign_edgeworth", **given, **drawn)
    problem = checked_problem(
        mu, None, given["hessian"], batch_b, None, samples, defined_at_zero=False
    )
    exact = _exact_marginals(np.asarray(gradients[:, alive], np.float64), problem.batch)
    nonzero = exact.plus + exact.minus
    without_zeros = Marginals((1 + exact.mean) / 2, (1 - exact.mean) / 2)
    budget = Budget(draws, key, None)
    curvatures = [copula_draws(marginals, problem, budget) for marginals in (without_zeros, exact)]
    n_exact = exact.mean @ problem.mu
    table = {
        "numerator": [gaussian.numerator, edgeworth.numerator, n_exact, n_exact],
        "denominator": [gaussian.denominator, edgeworth.denominator, *(c[0] for c in curvatures)],
        "denominator_sem": [
            gaussian.denominator_sem, edgeworth.denominator_sem, *(c[1] for c in curvatures),
        ],
    }  # fmt: skip
    skewness, kurtosis = cumulants(samples, problem.sigma)
    columns = {f"network_{k}_law": (("network_level", "network_batch"), np.stack(v))
               for k, v in table.items()}  # fmt: skip
    table = {"moving": ("network_batch", np.asarray(nonzero.mean(axis=1)))} | columns
    coords = {"network_level": list(LEVELS), "network_batch": list(batches)}
    return xr.Dataset(table, coords=coords).assign(
        skewness=float(jnp.median(jnp.abs(skewness))), kurtosis=float(jnp.median(kurtosis))
    )


def _exact_marginals(gradients: np.ndarray, batch_b: jax.Array) -> Marginals:
    """Centred in double precision: gradients of fitted samples are down to 1e-9 of the mean one,
    and their signs are lost in single."""
    mean = gradients.mean(0)
    return sample_marginals(jnp.asarray(mean), jnp.asarray(gradients - mean), batch_b)
