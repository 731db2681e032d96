"""How the claims on the seed paper's CNN are judged, by its dataset.

A statistic is a ratio with its 95 % interval, judged by a band declared before the run.  Standard
errors of ε*, of steps and of lines through them are the jackknife's over rounds, widened by
t(n−1)/z, so that ±1.96 of them is the 95 % interval of Student's t (`sim.noise_scales`); those of
one step are Monte Carlo's.  Where values at several batch sizes decide together, the interval is
that of each.  Scales at a checkpoint are those of the evaluation set.  Controls are listed where
the claim does not fail: one that does has shown that it can.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from experiments import judge
from experiments.claim import Absent, select
from experiments.claims_network import DECLINE, FACTOR, GAUSSIAN_SURELY
from experiments.claims_rivals import FALLING, FEWEST
from experiments.claims_se_line import LINE, SAME
from experiments.gaussianity import LEVEL
from experiments.judge import FAILS, Outcome
from experiments.se_line import peak_of
from sim.best_lr import jackknife
from sim.estimate import Z95
from sim.noise_scales import widened
from theory.tradeoff import RUN_STEPS

SCALES = {  # what the line's B_noise is held against: variable, words, the law that says so
    "paper": ("b_noise_law", "πT/(2S), eq. (14)", "noise_scale"),
    "simple": ("b_simple", "tr Σ/|G|²", "sgd_noise_scale"),
    "sgd": ("b_noise", "tr(HΣ)/GᵀHG", "sgd_noise_scale"),
    "correlated": ("b_noise_correlated", "D0/D1, the network's noise", "correlated_noise_scale"),
}
SMALL = 12  # the largest of the paper's small batches
TWICE = (0.0, 2.0)  # share rejected over the level of the test
POWER = (0.9, 1.1)
STUDENT = "Student t, 4 degrees of freedom"


def _within(value, half, band, controls, *, n: int) -> Outcome:
    outcome = judge.within(np.atleast_1d(value), half, band, controls, n=n)
    return outcome._replace(controls={}) if outcome.verdict == FAILS else outcome


def _curve(sense: str, rule: str, target: float, few: int, data: xr.Dataset) -> xr.Dataset:
    """The batch sizes at which there is an ε*; Absent if there are fewer than `few`."""
    d = select(data, rule=rule, sense=sense, target=target)
    d = d.isel(batch=np.flatnonzero(np.isfinite(d.lr_hat.values) & np.isfinite(d.log_lr_sem)))
    if d.sizes["batch"] < few:
        raise Absent(f"fewer than {few} batch sizes with an optimum")
    return d


def describes(curve: str, law: str, data: xr.Dataset) -> Outcome:
    """A rival's best fit within the band of every ε*; fits to a spoilt curve are not."""
    if "curve" not in data.dims:
        raise Absent("no curve was fitted")
    d = select(data, curve=curve, law=law)
    d = d.isel(fit_batch=np.flatnonzero(np.isfinite(d.fit_lr_star_mean.values)))
    if d.sizes["fit_batch"] < FEWEST:
        raise Absent(f"fewer than {FEWEST} batch sizes with an optimum")
    ratio = (d.fit_lr_star_fit / d.fit_lr_star_mean).values
    half = Z95 * (d.fit_lr_star_sem / d.fit_lr_star_mean).values * ratio
    names = ["one point off"] if law in FALLING else d.control.values.tolist()
    controls = {name: 1 + d.fit_control_worst.sel(control=name).values for name in names}
    band = float(d.fit_band)
    return _within(ratio, half, (1 - band, 1 + band), controls, n=len(ratio))


def surge(sense: str, rule: str, target: float, data: xr.Dataset) -> Outcome:
    """ε* at the largest batch that has one, below 0.9 of that at a smaller one: at the one whose
    lower end is highest, for the highest ε* of several is too high by chance."""
    d = _curve(sense, rule, target, 3, data)
    log_lr, sem = np.log(d.lr_hat.values), d.log_lr_sem.values
    top = int((log_lr - Z95 * sem)[:-1].argmax())
    ratio = np.exp(log_lr[-1] - log_lr[top])
    half = Z95 * ratio * np.hypot(sem[-1], sem[top])
    controls = {"one rate at every B": np.array([1.0])}
    return _within(ratio, half, (0.0, DECLINE[0]), controls, n=len(sem))


def _line_of(rule: str, target: float, data: xr.Dataset) -> xr.Dataset:
    d = select(data, rule=rule, target=target)
    if not np.isfinite([d.s_min, d.b_noise_line, d.b_noise_line_sem]).all():
        raise Absent("no line was fitted")
    return d


def line(rule: str, target: float, data: xr.Dataset) -> Outcome:
    """The line within 15 % of the fewest steps at every B; S ∝ 1/B and a constant are not."""
    d = _line_of(rule, target, data)
    known = np.isfinite(d.fewest.values).all(-1)
    if known.sum() < 4:
        raise Absent("fewer than four batch sizes reach this target")
    steps, batch = d.fewest.values[known], d.batch.values[known].astype(float)
    s_min, b_noise = float(d.s_min), float(d.b_noise_line)
    ratio = np.asarray(RUN_STEPS.jax(batch, s_min, b_noise)) / steps[:, 0]
    controls = {
        "S ∝ 1/B": s_min * b_noise / batch / steps[:, 0],
        "no B": s_min / steps[:, 0],
    }
    half = Z95 * ratio * jackknife(np.log(steps)) * widened(steps.shape[-1] - 1)
    return _within(ratio, half, LINE, controls, n=len(steps))


def _scale_of(kind: str, data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """A noise scale of the checkpoints and its relative standard error; Absent if not positive."""
    name = SCALES[kind][0]
    value = np.asarray(data[name].values, float)
    if not (np.isfinite(value) & (value > 0)).all():
        raise Absent("this scale does not exist here")
    error = np.asarray(data[f"{name}_mc"].values, float) if f"{name}_mc" in data else 0 * value
    return value, error / value


def _same(found: float, sem: float, scale: float, scale_sem: float) -> Outcome:
    """Within a factor 1.5; a scale of half the standard deviation, a quarter of it, is not."""
    ratio = found / scale
    half = Z95 * ratio * np.hypot(sem, scale_sem)
    return _within(ratio, half, SAME, {"half the noise": np.array([4 * ratio])}, n=1)


def scale(kind: str, rule: str, target: float, data: xr.Dataset) -> Outcome:
    d = _line_of(rule, target, data)
    value, error = _scale_of(kind, d)
    return _same(float(d.b_noise_line), float(d.b_noise_line_sem), float(value), float(error))


def growth(target: float, data: xr.Dataset) -> Outcome:
    """D1 of the network's own noise over that of independent noise, T/B_noise by eq. (14)."""
    d = select(data, target=target)
    independent = float(d.trace_law / d.b_noise_law)
    if not np.isfinite([independent, d.corr_D1, d.corr_D1_sem]).all():
        raise Absent("no independent noise scale here")
    ratio, half = float(d.corr_D1) / independent, Z95 * float(d.corr_D1_sem) / abs(independent)
    return _within(ratio, half, SAME, {"half the noise": np.array([ratio / 4])}, n=1)


def peak(sense: str, rule: str, target: float, data: xr.Dataset) -> Outcome:
    """B_noise over B_peak, whose error is that of the three points of its parabola."""
    line = _line_of(rule, target, data)
    if not np.isfinite(line.b_peak.sel(sense=sense)):
        raise Absent("no peak inside this grid")
    d = select(data, rule=rule, sense=sense, target=target)
    x, y = np.log(d.batch.values.astype(float)), np.log(d.lr_hat.values)
    peak, top = peak_of(x, y), int(np.nanargmax(y))
    nudge = 1e-4 * d.log_lr_sem.values
    moved = [peak_of(x, y + nudge * (np.arange(len(y)) == k)) for k in (top - 1, top, top + 1)]
    sem = 1e4 * np.sqrt(np.sum((np.array(moved) - peak) ** 2))
    return _same(float(line.b_noise_line), float(line.b_noise_line_sem), np.exp(peak), sem)


def rises(kind: str, rule: str | None, data: xr.Dataset) -> Outcome:
    """A noise scale at each target over that at the next lower one, below 1; not in reverse."""
    if data.sizes["target"] < 2:
        raise Absent("one target only")
    d = data.sortby("target", ascending=False)
    if rule is None:
        value, error = _scale_of(kind, d)
    else:
        d = select(d, rule=rule)
        value, error = d.b_noise_line.values, d.b_noise_line_sem.values
        if not np.isfinite([value, error]).all():
            raise Absent("a line was not fitted")
    ratio = value[:-1] / value[1:]
    half = Z95 * ratio * np.hypot(error[:-1], error[1:])
    return _within(ratio, half, (0.0, 1.0), {"order reversed": 1 / ratio}, n=len(value))


def bracketed(sense: str, rule: str, target: float, data: xr.Dataset) -> Outcome:
    """The share of optima outside the printed grid is zero, counting those of which it is sure,
    and those of which it is possible; of a grid that ends at the median optimum it is not."""
    d = _curve(sense, rule, target, 2, data)
    low, high = d.printed.values
    lr, spread = d.lr_hat.values, np.exp(Z95 * d.log_lr_sem.values)
    share = float(((lr > high) | (lr < low)).mean())
    sure = float(((lr / spread > high) | (lr * spread < low)).mean())
    possible = float(((lr * spread > high) | (lr / spread < low)).mean())
    half = max(share - sure, possible - share)
    controls = {"ends at the median optimum": np.array([(lr > np.median(lr)).mean()])}
    return _within(share, half, (0.0, 0.0), controls, n=len(lr))


def _one_step(target: float, data: xr.Dataset) -> xr.Dataset:
    """One step of sign descent where it has an optimum, and the laws there."""
    d = _curve("one_step", "sign", target, 1, data)
    return d.sel(law_batch=d.batch.values.astype(float))


def independent(target: float, data: xr.Dataset) -> Outcome:
    """Theorem 2 over one measured step, at every B."""
    d = _one_step(target, data)
    law, lr = d.lr_independent.values, d.lr_hat.values
    controls = _apart({"SGD's law": _sgd_law(d)}, lr, lr)
    return _within(law / lr, Z95 * law / lr * d.log_lr_sem.values, FACTOR, controls, n=len(lr))


def gaussian(target: float, data: xr.Dataset) -> Outcome:
    """Gaussian noise of the samples' covariance over one measured step, from B = 64 on."""
    d = _one_step(target, data)
    wide = {"batch": d.batch.values >= GAUSSIAN_SURELY,
            "law_batch": d.law_batch.values >= GAUSSIAN_SURELY}  # fmt: skip
    d = d.isel(wide)
    if not d.sizes["batch"]:
        raise Absent("no such batch size")
    law, lr = d.lr_gaussian.values, d.lr_hat.values
    half = Z95 * np.hypot(d.log_lr_sem.values, d.lr_gaussian_sem.values / law) * law / lr
    wrong = {"independence": d.lr_independent.values, "SGD's law": _sgd_law(d)}
    return _within(law / lr, half, FACTOR, _apart(wrong, law, lr), n=len(lr))


def _sgd_law(d: xr.Dataset) -> np.ndarray:
    """A wrong law: SGD's, of the scale tr(HΣ)/GᵀHG, through the optimum of the largest batch."""
    rise = 1 / (1 + float(d.b_noise) / d.batch.values)
    return d.lr_hat.values[-1] * rise / rise[-1]


def _apart(wrong: Mapping[str, np.ndarray], right, measured) -> dict[str, np.ndarray]:
    """Wrong laws over the measured rate, those that are not within a quarter of the right one."""
    low, high = FACTOR
    return {
        name: law / measured
        for name, law in wrong.items()
        if ((law / right < low) | (law / right > high)).any()
    }


def unbiased(rule: str, target: float, data: xr.Dataset) -> Outcome:
    """The loss K steps on is not higher, at B ≤ 12 and the grid's rate next to the best by target.

    The decrease is the mean over batch sizes within a round, over the target; its interval is
    Student's over rounds.  With the looks before and after exchanged it is not.
    """
    d = _curve("target", rule, target, 1, data)
    d = d.isel(batch=d.batch.values <= SMALL)
    if not d.sizes["batch"]:
        raise Absent("no small batch size with an optimum")
    nearest = np.abs(np.log(d.lr.values) - np.log(d.lr_hat.values)[:, None]).argmin(-1)
    decrease = (d.before - d.after).isel(rate=xr.DataArray(nearest, dims="batch")) / target
    rounds = decrease.mean("batch", skipna=True).dropna("round").values
    if len(rounds) < 2:
        raise Absent("fewer than two rounds reach this target")
    half = float(stdtrit(len(rounds) - 1, 0.975) * rounds.std(ddof=1) / np.sqrt(len(rounds)))
    mean = float(rounds.mean())
    return _within(mean, half, (0.0, 1.0), {"exchanged": np.array([-mean])}, n=len(rounds))


def normal(batch: int, target: float, data: xr.Dataset) -> Outcome:
    """The share of coordinates rejected is at most twice the level of the test; that of values of
    Student's t is not.  The interval takes the coordinates as independent, which they are not
    quite."""
    d = select(data, target=target, gaussian_batch=batch)
    share, count = float(d.rejected), int(d.coordinates)
    half = Z95 * np.sqrt(max(share * (1 - share), 1 / count) / count) / LEVEL
    power = float(select(data, alternative=STUDENT).power)
    controls = {STUDENT: np.array([power / LEVEL])}
    return _within(share / LEVEL, half, TWICE, controls, n=count)


def power(data: xr.Dataset) -> Outcome:
    found = select(data, alternative=STUDENT)
    controls = {"Gaussian": np.array([float(select(data, alternative="Gaussian").power)])}
    return _within(float(found.power), Z95 * float(found.power_sem), POWER, controls, n=1)
