"""Claims on samples that are not Gaussian: which law of sign descent holds from which B on.

The bands on the network were set after a prototype on the same checkpoints; the quadratics' before
any run.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.claims_network import CHECKPOINTS
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from experiments.nongaussian_families import CUMULANTS, QUANTITIES
from sim.estimate import Z95

EXPERIMENT = "onestep_nongaussian"
CLOSE = (0.97, 1.03)
NEAR = (1 / 1.2, 1.2)
DESCENT_ERROR = 0.05  # of the Gaussian law's N
SMOOTH = ("exponential", "laplace", "student")
LATTICE = ("sparse", "bernoulli")  # a value of its own probability
LARGE = 16  # from here on Edgeworth's law to order 1/B was expected to hold


def _kept(d: xr.Dataset, keep: np.ndarray) -> xr.Dataset:
    if not keep.any():
        raise Absent("no such batch size")
    return d.isel(batch=np.flatnonzero(keep))


def _close(
    family: str, level: str, keep: Callable[[np.ndarray], np.ndarray], data: xr.Dataset
) -> Outcome:
    """A law's N, D and ε* are within 3 % of the measured ones; the Gaussian law is not, where it
    differs."""
    d = select(data, family=family)
    d = _kept(d, keep(d.batch.values))
    mean, sem = (np.stack([d[f"{q}_{end}"].values for q in QUANTITIES]) for end in ("mean", "sem"))
    of = {
        name: np.stack([d[f"{q}_law"].sel(level=name).values for q in QUANTITIES]) / mean
        for name in (level, "gaussian")
    }
    half = Z95 * sem / np.abs(mean) * np.abs(of[level])
    controls = {}
    if level != "gaussian" and (np.abs(of["gaussian"] / of[level] - 1) > 2 * 0.03).any():
        controls["Gaussian samples"] = of["gaussian"]
    return judge.within(of[level], half, CLOSE, controls, n=int(d.draws.sum()))


def _at(data: xr.Dataset, target: float, *batches: int) -> xr.Dataset:
    if "checkpoint" not in data.dims:
        raise Absent("no network was run")
    reached = np.flatnonzero(data.target.values == target)
    if reached.size == 0 or not set(batches) <= set(data.network_batch.values.tolist()):
        raise Absent(f"no checkpoint at a loss of {target:g}, or no such batch size")
    d = data.isel(checkpoint=reached[0])
    return d.sel(network_batch=list(batches)) if batches else d


def _law(d: xr.Dataset, quantity: str, level: str) -> np.ndarray:
    return d[f"network_{quantity}_law"].sel(network_level=level).values


def _descent(target: float, data: xr.Dataset) -> Outcome:
    """N enumerated against minibatches, in units of the Gaussian law's N (N itself may vanish)."""
    d = _at(data, target)
    scale = np.abs(_law(d, "numerator", "gaussian"))
    measured = d.network_numerator_mean.values
    error, wrong = (
        (_law(d, "numerator", level) - measured) / scale for level in ("copula", "gaussian")
    )
    half = Z95 * d.network_numerator_sem.values / scale
    band = (-DESCENT_ERROR, DESCENT_ERROR)
    controls = {"Gaussian samples": wrong}
    return judge.within(error, half, band, controls, n=int(d.network_numerator_n.sum()))


def _ascends(target: float, data: xr.Dataset) -> Outcome:
    """N enumerated is negative at B = 1 and 4, in units of the Gaussian law's N."""
    d = _at(data, target, 1, 4)
    gaussian = _law(d, "numerator", "gaussian")
    controls = {"Gaussian samples": gaussian / gaussian}
    ratio = _law(d, "numerator", "copula") / gaussian
    return judge.within(ratio, 0.0, (-1.0, -0.01), controls, n=int(d.network_numerator_n.sum()))


def _curvature(
    batch: int, band: tuple[float, float], law: str, target: float, data: xr.Dataset
) -> Outcome:
    """D of a law over that of minibatches, at one batch size."""
    d = _at(data, target, 1, batch) if batch > 1 else _at(data, target, 1)
    measured, sem = d.network_denominator_mean.values, d.network_denominator_sem.values
    gaussian, gaussian_sem = (_law(d, k, "gaussian") for k in ("denominator", "denominator_sem"))
    if law == "interpolated":
        value = gaussian[-1] + (measured[0] - gaussian[0]) / batch
        spread = gaussian_sem[-1] * (1 - 1 / batch)  # the same draws at both batch sizes
    else:
        value, spread = (_law(d, k, law)[-1] for k in ("denominator", "denominator_sem"))
    ratio = np.array([value / measured[-1]])
    half = Z95 * ratio * np.hypot(spread / value, sem[-1] / measured[-1])
    controls = {}
    if batch == 1 and abs(gaussian[0] / value - 1) > 2 * (band[1] - 1):
        controls["Gaussian samples"] = gaussian[:1] / measured[0]
    return judge.within(ratio, half, band, controls, n=int(d.network_denominator_n[-1]))


# Expectations that the first run overturned; the numbers are its.
OVERTURNED = {
    # two values, near balance at B = 4: the enumeration's jitter of 5 % makes N 6 % too large
    "enumerated/bernoulli": FAILS,
    # smooth samples: N is 0.5 % and 2.7 % low already at B = 1
    "edgeworth_at_one/exponential": HOLDS,
    "edgeworth_at_one/laplace": HOLDS,
    # values of their own probability: the errors of single coordinates average out in N and D
    "edgeworth/sparse": HOLDS,
    "edgeworth/bernoulli": HOLDS,
    # E[V]ᵀG nearly cancels: known to 5 % of the Gaussian law's with 32,768 minibatches, off by 3 %
    "descent/0.02": INCONCLUSIVE,
}


def _claim(id: str, statement: str, law: str, unit: str, expected: str, judge_it) -> Claim:
    return Claim(
        id=f"{EXPERIMENT}/{id}", statement=statement, law=law, source="derived here",
        experiment=EXPERIMENT, kind="approximation", unit=unit,
        expected=OVERTURNED.get(id, expected), judge=judge_it,
    )  # fmt: skip


def _family_rows():
    for name in CUMULANTS:
        yield _claim(
            f"enumerated/{name}",
            f"{name} samples: the enumerated law is within 3 % at every B",
            "mean_sign_density", "law / measured", HOLDS,
            partial(_close, name, "enumerated", lambda batch: batch > 0),
        )  # fmt: skip
    for name in (*SMOOTH, *LATTICE):
        yield _claim(
            f"edgeworth/{name}",
            f"{name} samples: Edgeworth to order 1/B is within 3 % for B ≥ {LARGE}",
            "edgeworth_second", "law / measured", HOLDS if name in SMOOTH else FAILS,
            partial(_close, name, "edgeworth_2", lambda batch: batch >= LARGE),
        )  # fmt: skip
        yield _claim(
            f"edgeworth_at_one/{name}",
            f"{name} samples: Edgeworth to order 1/B is within 3 % at B = 1",
            "edgeworth_second", "law / measured", FAILS,
            partial(_close, name, "edgeworth_2", lambda batch: batch == 1),
        )  # fmt: skip


def _network_rows():
    for label, target in CHECKPOINTS.items():
        where = f"digits_mlp, checkpoint {label}"
        yield _claim(
            f"descent/{label}",
            f"{where}: E[V]ᵀG enumerated is that of minibatches, to 5 % of the Gaussian law's",
            "mean_sign_density", "error / Gaussian", HOLDS, partial(_descent, target),
        )  # fmt: skip
        yield _claim(
            f"copula/{label}",
            f"{where}: at B = 1 a Gaussian copula with exact marginals gives D within 1.2",
            "copula_threshold", "law / measured", FAILS if label == "0.02" else HOLDS,
            partial(_curvature, 1, NEAR, "copula", target),
        )  # fmt: skip
        yield _claim(
            f"copula_4/{label}", f"{where}: at B = 4 it gives D within 3 %",
            "copula_threshold", "law / measured", FAILS,
            partial(_curvature, 4, CLOSE, "copula", target),
        )  # fmt: skip
        yield _claim(
            f"interpolated/{label}",
            f"{where}: at B = 4, D is the Gaussian one plus its error at B = 1 over B, within 3 %",
            "sign_covariance_density", "law / measured", FAILS,
            partial(_curvature, 4, CLOSE, "interpolated", target),
        )  # fmt: skip
    yield _claim(
        "ascends/0.02",
        "digits_mlp, checkpoint 0.02: enumerated marginals alone say that the mean step of B = 1 "
        "and 4 raises the loss",
        "mean_sign_density", "N / Gaussian N", HOLDS, partial(_ascends, CHECKPOINTS["0.02"]),
    )  # fmt: skip


NONGAUSSIAN_CLAIMS = (*_family_rows(), *_network_rows())
