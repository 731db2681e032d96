"""Fitting a law of the batch size to measured rates, with intervals; and all rivals at once.

Weighted least squares of ln(law) against ln(rate): the error of a rate is relative.  The scale of
a law (ε_max) enters linearly, so that a grid over the other parameters with an exact solution for
the scale finds the deepest valley; Levenberg–Marquardt then goes to its bottom.  All is done for
many weighted copies of the data at once (leave one out, bootstrap, profiles), without randomness
but for the bootstrap's seed.

`fit` takes any law whose first parameter is a scale, so also the steps of a run against its batch
size, S = S_min (1 + B_noise/B): the line 1/S = 1/S_min − B_noise/E with errors where they belong.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.errors import InputError
from experiments.least_squares import Model, descend, deviance, model_of, start
from sim.estimate import Z95
from theory.rivals import RIVALS, Rival
from theory.symbols import B_noise, alpha, eps_max, q

RUNGS = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, 60)])  # of the ladder up a profile
COLUMNS = {eps_max: "eps_max", B_noise: "B_noise", alpha: "form", q: "form"}


class Data(NamedTuple):
    """Batch sizes, ln of rates, and weights 1/(relative error)², each (n,); how many points were
    without a rate; whether the errors are known."""

    batch: np.ndarray
    log_rate: np.ndarray
    weight: np.ndarray
    excluded: int
    known: bool


class Fit(NamedTuple):
    """A law fitted to data: the parameters' `value`, `low` and `high` (95 %, profile likelihood;
    infinite or zero where the data set no bound), by name.

    `chi2` is the weighted sum of squares, `dof` the number of points less that of parameters;
    `aicc` the corrected Akaike criterion up to a constant of the data (inf with too few points);
    `worst` the largest |law/rate − 1|; `left_out` the root mean square of ln(law/rate) at points
    that the fit had not seen.  All NaN where there are fewer points than parameters.
    """

    value: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    chi2: float
    dof: int
    aicc: float
    worst: float
    left_out: float
    rate: np.ndarray


def data_of(batch, rate, sem=None, *, floor: float = 0.0) -> Data:
    """Checked data. Points whose rate is NaN are left out and counted.

    batch, rate, sem: (n,); `sem` the standard errors of `rate` (None: equal relative errors, of a
    size to be found from the fit); `floor`: a relative error added to each in squares.
    Errors: InputError for other shapes, nothing to fit, values that are not positive and finite.
    """
    batch, rate = np.asarray(batch, float), np.asarray(rate, float)
    error = np.ones(batch.shape) if sem is None else np.asarray(sem, float)
    if batch.ndim != 1 or not batch.shape == rate.shape == error.shape:
        raise InputError(f"fit: shapes differ: {batch.shape}, {rate.shape}, {error.shape}")
    there = ~np.isnan(rate)
    batch, rate, error = batch[there], rate[there], error[there]
    if not batch.size:
        raise InputError("fit: there is no rate to fit")
    for name, values in (("batch size", batch), ("rate", rate)):
        if not (np.isfinite(values) & (values > 0)).all():
            raise InputError(f"fit: each {name} must be finite and above 0")
    relative = error if sem is None else np.hypot(error / rate, floor)
    if not (np.isfinite(relative) & (relative > 0) & (error >= 0)).all():
        raise InputError("fit: each standard error must be finite and above 0, or give a floor")
    return Data(batch, np.log(rate), relative**-2, int((~there).sum()), sem is not None)


def fit(rival: Rival, data: Data, *, thorough: bool = True) -> Fit:
    """The best parameters of a law; unless `thorough` without intervals and without `left_out`,
    which take most of the time."""
    model = model_of(rival, data.batch)
    points, count = len(data.batch), len(model.names)
    dof = points - count
    if dof < 0:
        nothing, unfitted = dict.fromkeys(model.names, np.nan), np.full(points, np.nan)
        return Fit(nothing, nothing, nothing, np.nan, dof, np.nan, np.nan, np.nan, unfitted)
    best = _best(model, data.log_rate[None], data.weight[None])
    chi2 = float(deviance(model, best, data.log_rate[None], data.weight[None])[0])
    unit = 1.0 if data.known else chi2 / max(dof, 1)
    low, high = _ends(model, data, best[0], unit) if thorough and dof else (best[0] * np.nan,) * 2
    log_rate = model.log(best)[0]

    def named(logarithms: np.ndarray) -> dict[str, float]:
        return dict(zip(model.names, np.exp(logarithms).tolist(), strict=True))

    return Fit(
        named(best[0]),
        named(low),
        named(high),
        chi2,
        dof,
        aicc(chi2, points, count, known=data.known),
        float(np.abs(np.expm1(log_rate - data.log_rate)).max()),
        _left_out(model, data) if thorough else np.nan,
        np.exp(log_rate),
    )


def _best(model: Model, log_rate: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The deepest of several valleys, each followed to its bottom; (copies, parameters)."""
    starts = start(model, log_rate, weight)
    valleys, copies, count = starts.shape
    rates, weights = (np.tile(x, (valleys, 1)) for x in (log_rate, weight))
    found = descend(model, starts.reshape(-1, count), rates, weights)
    depth = deviance(model, found, rates, weights).reshape(valleys, copies)
    return found.reshape(starts.shape)[depth.argmin(0), np.arange(copies)]


def aicc(chi2: float, points: int, count: int, *, known: bool) -> float:
    """The corrected Akaike criterion, up to a constant of the data; inf with too few points."""
    misfit = chi2 if known else points * np.log(max(chi2, np.finfo(float).tiny) / points)
    k = count if known else count + 1  # an unknown error is one more parameter
    room = points - k - 1
    return misfit + 2 * k + 2 * k * (k + 1) / room if room > 0 else np.inf


def _left_out(model: Model, data: Data) -> float:
    points = len(data.batch)
    if points <= len(model.names):
        return np.nan
    weight = np.where(np.eye(points, dtype=bool), 0.0, data.weight)
    rates = np.broadcast_to(data.log_rate, weight.shape)
    gap = np.diagonal(model.log(_best(model, rates, weight))) - data.log_rate
    error = float(np.sqrt(np.mean(gap**2)))
    return error if np.isfinite(error) else np.inf


def _ends(model: Model, data: Data, best: np.ndarray, unit: float):
    """Where the profile likelihood of each parameter has risen by Z95²·unit, in logarithms."""
    count, rungs = len(best), RUNGS * model.reach
    aside = np.concatenate([-np.eye(count), np.eye(count)])  # one parameter down, or up
    held = best + aside[:, None] * rungs[:, None]
    inside = model.inside(held)
    held = np.clip(held, model.low, model.high).reshape(-1, count)
    rates, weights = (np.broadcast_to(x, (len(held), len(x))) for x in (data.log_rate, data.weight))
    free = np.repeat(aside == 0, len(rungs), 0)
    depth = deviance(model, descend(model, held, rates, weights, free), rates, weights)
    depth = depth.reshape(2 * count, len(rungs))
    rise = np.sqrt(np.maximum(depth - depth[:, :1], 0) / max(unit, np.finfo(float).tiny))
    ends = np.array([_crossing(rungs[i], r[i]) for i, r in zip(inside, rise, strict=True)])
    return best - ends[:count], best + ends[count:]


def _crossing(steps: np.ndarray, rise: np.ndarray) -> float:
    """The step at which a profile first reaches Z95; infinite if it does not."""
    above = np.flatnonzero(rise > Z95)
    if not above.size:
        return np.inf
    before, after = above[0] - 1, above[0]
    share = (Z95 - rise[before]) / (rise[after] - rise[before])
    share = share if np.isfinite(rise[after]) else 0.0
    return float(steps[before] + share * (steps[after] - steps[before]))


def bootstrap(rival: Rival, data: Data, *, copies: int = 200, seed: int = 0) -> np.ndarray:
    """Parameters of fits to as many resamples of the points, (copies, parameters)."""
    model, points = model_of(rival, data.batch), len(data.batch)
    drawn = np.random.default_rng(seed).multinomial(points, np.full(points, 1 / points), copies)
    rates = np.broadcast_to(data.log_rate, drawn.shape)
    return np.exp(_best(model, rates, drawn * data.weight))


def scores(
    batch, rate, sem=None, *, floor: float = 0.0, rivals: Mapping[str, Rival] = RIVALS,
    thorough: bool = True,
) -> xr.Dataset:  # fmt: skip
    """Every rival fitted to the same data: a table by `rival`, with `rate` at each batch size.

    Arguments and errors as in `data_of`; columns as in `Fit`, with `eps_max`, `B_noise`, `form`
    (α or q) and their `_low` and `_high`; `delta_aicc` counts from the best rival.
    """
    data = data_of(batch, rate, sem, floor=floor)
    fits = [fit(rival, data, thorough=thorough) for rival in rivals.values()]
    columns: dict[str, tuple] = {
        name: ("rival", [getattr(one, name) for one in fits])
        for name in ("chi2", "dof", "aicc", "worst", "left_out")
    }
    for symbol, column in COLUMNS.items():
        for end in ("value", "low", "high"):
            name = column if end == "value" else f"{column}_{end}"
            found = [getattr(one, end).get(symbol.name, np.nan) for one in fits]
            earlier = columns[name][1] if name in columns else found
            columns[name] = ("rival", np.where(np.isnan(found), earlier, found))
    columns["rate"] = (("rival", "batch"), np.stack([one.rate for one in fits]))
    table = xr.Dataset(columns, {"rival": list(rivals), "batch": data.batch})
    best = table.aicc.min()
    delta = table.aicc - best if np.isfinite(best) else np.nan * table.aicc
    return table.assign(delta_aicc=delta).assign_attrs(excluded=data.excluded)
