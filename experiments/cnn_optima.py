"""Best learning rates of the runs of `cnn_fashion`, in four senses, with intervals.

`further`: the seed paper's protocol, the largest decrease of the loss over K further steps after
each run first has the target loss.  `target`: fewest steps to the target.  `fixed`: the largest
decrease over K steps from one checkpoint, the same for all rates.  `one_step`: of one step of sign
descent at that checkpoint, to second order, where that is among the rules.

Replicate 0 is the mean over all rounds; each other leaves one out, and their spread is the
jackknife's standard error.  Over few rounds that is itself uncertain: it is widened by t(n−1)/z, so
that the 95 % interval, mean ± 1.96 sem, is that of Student's t.  A χ² with such errors is
about right in the mean: E[t²] is 2 for 5 rounds and 1.4 for 8, (t/z)² 2.0 and 1.46.  The error of
one step is that of its Monte Carlo, over many draws, and is not widened.  An optimum at the end of
its grid is none; it is marked, and the end is kept.
"""

import numpy as np
import xarray as xr

from experiments.least_squares import model_of
from experiments.se_line import line_fits, peak_of
from sim.best_lr import Best, best_lrs, jackknife
from sim.estimate import Z95
from sim.noise_scales import widened
from theory.rivals import RIVALS

BROAD = 0.5  # a standard error of ln ε* above this, before it is widened, is no optimum
FORMS = ("surge", "half", "saturating")  # of the paper's Fig. 2: Theorem 3, and eq. (24) twice


def replicates(values, axis: int = -1) -> np.ndarray:
    """Means over rounds (last): of all, then of all but one each: (…, 1 + rounds)."""
    values = np.moveaxis(np.asarray(values, float), axis, -1)
    count = values.shape[-1]
    left_out = [np.delete(values, r, -1).mean(-1) for r in range(count)]
    return np.stack([values.mean(-1), *left_out], -1)


def by_decrease(lrs, decrease_er) -> Best:
    """The rate of the largest mean decrease (…, e, r): the parabola in ln ε of the decrease itself,
    through the best grid point and its neighbours.

    `best_lrs` takes the least of a positive value: exp(−decrease/largest).
    """
    decrease = np.asarray(decrease_er, float)
    with np.errstate(invalid="ignore"):
        largest = np.nanmax(np.where(np.isfinite(decrease), decrease, -np.inf), (-2, -1))
        largest = np.where(largest > 0, largest, np.nan)[..., None, None]
        value = np.exp(-decrease / largest)
    return best_lrs(lrs, np.where(np.isfinite(value), value, np.inf))


def optima(runs: xr.Dataset, fixed: xr.Dataset, one: xr.Dataset) -> xr.Dataset:
    """ε* (`lr_hat`, NaN where there is none), the standard error of its logarithm (that of runs
    widened), whether it lies at an end of the grid (`lr_end`) or is too broad, by rule, sense,
    target and batch; the fewest steps, by replicate."""
    rules = [_of_rule(runs.sel(rule=rule), fixed.sel(rule=rule)) for rule in runs.rule.values]
    whole = xr.concat(rules, "rule", join="exact", data_vars="all").assign_coords(rule=runs.rule)
    if "sign" not in runs.rule.values:
        return whole.transpose("rule", "sense", "target", "batch", ...)
    single = _of_one_step(one).expand_dims(rule=["sign"], sense=["one_step"])
    columns = [name for name in whole if "sense" in whole[name].dims]
    both = xr.concat([whole[columns], single], "sense", join="outer", data_vars="all")
    return both.assign(fewest=whole.fewest).transpose("rule", "sense", "target", "batch", ...)


def _of_rule(runs: xr.Dataset, fixed: xr.Dataset) -> xr.Dataset:
    lrs, places = runs.lr.values, ("target", "batch", "rate")
    steps = replicates(runs.steps.transpose(*places, "round"))
    gain = replicates((runs.before - runs.after).transpose(*places, "round"))
    later = replicates((fixed.fixed_before - fixed.fixed_after).transpose(*places, "seed"))
    to_target = best_lrs(lrs, steps)
    found = {"further": (by_decrease(lrs, gain), -gain), "target": (to_target, steps),
             "fixed": (by_decrease(lrs, later), -later)}  # fmt: skip
    rows = [_columns(best, _end(lrs, cost[..., 0])) for best, cost in found.values()]
    both = xr.concat(rows, "sense", data_vars="all").assign_coords(sense=list(found))
    fewest = np.where(to_target.edge[..., None], np.nan, to_target.value_r)
    both = both.assign(fewest=(("target", "batch", "replicate"), fewest))
    return both.assign_coords(target=runs.target, batch=runs.batch)


def _end(lrs, cost_e) -> np.ndarray:
    """The end of the grid to which the least cost (…, e) is nearer."""
    best = np.where(np.isfinite(cost_e), cost_e, np.inf).argmin(-1)
    return np.where(2 * best < len(lrs) - 1, lrs[0], lrs[-1])


def _columns(best: Best, end: np.ndarray) -> xr.Dataset:
    # the part that is the grid's step, at a cliff, is widened with the rest: rather too long a bar
    sem = best.log_lr_sem * widened(best.lr_r.shape[-1] - 1)
    broad = ~(best.log_lr_sem < BROAD) & ~best.edge & ~best.unreached
    absent = best.edge | best.unreached | broad
    columns = {"lr_hat": np.where(absent, np.nan, best.lr), "log_lr_sem": sem,
               "edge": best.edge, "lr_end": np.where(best.edge, end, np.nan),
               "broad": broad}  # fmt: skip
    return xr.Dataset({name: (("target", "batch"), part) for name, part in columns.items()})


def _of_one_step(one: xr.Dataset) -> xr.Dataset:
    """ε* = E[V]ᵀG/E[VᵀHV]; none where E[V]ᵀG is not above zero by its interval."""
    relative = one.one_lr_star_sem / one.one_lr_star_mean
    rises = one.one_numerator_mean <= Z95 * one.one_numerator_sem
    broad = ~rises & ~(relative < BROAD)
    return xr.Dataset({
        "lr_hat": one.one_lr_star_mean.where(~rises & ~broad), "log_lr_sem": relative.where(~rises),
        "edge": xr.zeros_like(rises), "broad": broad,
        "lr_end": xr.full_like(one.one_lr_star_mean, np.nan),
    })  # fmt: skip


def lines(found: xr.Dataset) -> xr.Dataset:
    """The line of steps against samples to each target, 1/S = 1/S_min − B_noise/E; where ε*(B)
    peaks, by sense (NaN where it has no peak inside); and the scales of the paper's curves."""
    batch = found.batch.values.astype(float)
    steps = found.fewest.transpose("rule", "target", "batch", "replicate").values
    rows = [_line(batch, some) for some in steps.reshape(-1, *steps.shape[2:])]
    shape = (found.sizes["rule"], found.sizes["target"])
    names = ("s_min", "b_noise_line", "b_noise_line_sem", "line_chi2", "line_dof")
    columns = {
        name: (("rule", "target"), np.reshape(column, shape))
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    peak = xr.apply_ufunc(
        lambda lr: np.exp(peak_of(np.log(batch), np.log(lr))), found.lr_hat,
        input_core_dims=[["batch"]], vectorize=True,
    )  # fmt: skip
    whole = xr.Dataset(columns).assign(b_peak=peak)
    return whole.assign(eps_max_paper=paper_scales(found.lr_hat, whole.b_noise_line))


def _line(batch, steps_br) -> tuple:
    """S_min, B_noise, the standard error of its logarithm, widened, χ² and degrees of freedom; NaN
    where no batch size has fewest steps."""
    if not np.isfinite(steps_br).all(1).any():
        return np.nan, np.nan, np.nan, np.nan, -2
    fits = line_fits(batch, steps_br)
    noise = np.log([one.value["B_noise"] for one in fits])
    sem = float(jackknife(noise)) * widened(len(noise) - 1)
    first = fits[0]
    return first.value["S_min"], np.exp(noise[0]), sem, first.chi2, first.dof


def paper_scales(lr_hat: xr.DataArray, b_noise: xr.DataArray) -> xr.DataArray:
    """ε_max of each of `FORMS`, by rule, sense and target, as the paper takes it: the mean over
    batch sizes of ε* over the law at ε_max = 1, with the line's B_noise.

    Of Theorem 3: ⟨ε*/2 (√(B_noise/B) + √(B/B_noise))⟩.  NaN without an optimum or B_noise.
    Source: Li et al. 2024 (2405.14578), eq. (23) and (24).
    """
    batch = lr_hat.batch.values.astype(float)

    def shapes(noise: float) -> np.ndarray:
        at = np.log([1.0, noise])
        return np.exp([model_of(RIVALS[form], batch).log(at) for form in FORMS])

    shape = xr.apply_ufunc(
        shapes, b_noise, output_core_dims=[["form", "batch"]], vectorize=True
    ).assign_coords(form=list(FORMS), batch=lr_hat.batch)
    return (lr_hat / shape).mean("batch")
