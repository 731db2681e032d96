"""Claims on one step on quadratics: agreement, optimality, surge, plateau, small batches."""

from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.judge import FAILS, HOLDS, Outcome
from experiments.problems import PROBLEMS

QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")
RULE_LAWS = {"sign": "sign_lr", "sgd": "sgd_lr"}
COMPARISONS = 2500  # no default run makes more here; see test_experiments_claims
Z = judge.critical_z(judge.COMPARISONS)
FINEST = 0.01  # a resolution above 1 % decides nothing
PAPER = "Li et al. 2024 (2405.14578)"
PEAK_STEP = 0.7  # widest step in ln B (a factor of two) that shows where a peak is
NUDGE = 0.1  # relative change of the learning rate that must be seen to be worse
SMALL = 0.15  # "small batch": B max(r²) at most this
SATURATED = 4.0  # "large batch": √B min|r| at least this
POWER_LAW = 1.0  # exponents are taken where B max(r²) is at most this


def _agrees(rule: str, problem: str, law: str, data: xr.Dataset) -> Outcome:
    """All four quantities agree with the law at every batch size."""
    d = select(data, problem=problem, rule=rule)
    mean, sem, exact, wrong = (
        np.stack([d[f"{quantity}_{part}"].values for quantity in QUANTITIES])
        for part in ("mean", "sem", law, "control")
    )
    names = d.control.values.tolist()
    controls = {name: wrong[:, i] for i, name in enumerate(names)}
    return judge.agreement(mean, sem, exact, controls, n=int(d.draws.sum()), z=Z, finest=FINEST)


def _independent_agrees(problem: str, data: xr.Dataset) -> Outcome:
    """Theorem 2 as printed, on a problem whose noise is correlated."""
    d = select(select(data, problem=problem, rule="sign"), control="independence")
    return judge.agreement(
        d.lr_star_mean.values, d.lr_star_sem.values, d.lr_star_control.values, {},
        n=int(d.draws.sum()), z=Z, finest=FINEST,
    )  # fmt: skip


def _gain(d: xr.Dataset, lr: np.ndarray, factor: float):
    """Expected decrease at `lr` minus that at factor·lr, from the same draws: mean and sem (b,)."""
    a, b = lr * (1 - factor), -0.5 * lr**2 * (1 - factor**2)
    mean = a * d.numerator_mean.values + b * d.denominator_mean.values
    variance = (
        (a * d.numerator_sem.values) ** 2
        + (b * d.denominator_sem.values) ** 2
        + 2 * a * b * d.covariance.values
    )
    return mean, np.sqrt(np.maximum(variance, 0.0)) + 1e-12 * np.abs(mean)


def _gains(d: xr.Dataset, lr: np.ndarray):
    pairs = [_gain(d, lr, 1 + sign * NUDGE) for sign in (-1, 1)]
    return tuple(np.concatenate(part) for part in zip(*pairs, strict=True))


def _optimal(rule: str, problem: str, data: xr.Dataset) -> Outcome:
    """A learning rate 10 % to either side of the law's gives a smaller expected decrease."""
    d = select(data, problem=problem, rule=rule)
    controls = {}
    for name in d.control.values.tolist():
        lr = d.lr_star_control.sel(control=name).values
        if (np.abs(lr / d.lr_star_law.values - 1) > NUDGE).any():
            controls[name] = _gains(d, lr)
    gains, sems = _gains(d, d.lr_star_law.values)
    return judge.exceeds(gains, sems, controls, n=int(d.draws.sum()), z=Z)


def _decline(data: xr.Dataset, problem: str, peak: int):
    d = select(data, problem=problem, rule="sign")
    top, last = d.isel(batch=peak), d.isel(batch=-1)
    return (
        (top.lr_star_mean - last.lr_star_mean).values,
        np.hypot(top.lr_star_sem.values, last.lr_star_sem.values),
    )


def _surges(problem: str, data: xr.Dataset) -> Outcome:
    """Measured ε* at the law's peak exceeds that at the largest batch."""
    d = select(data, problem=problem, rule="sign")
    peak = int(d.lr_star_law.values.argmax())
    difference, sem = _decline(data, problem, peak)
    control = {"a diagonal problem": _decline(data, "diagonal", peak)}
    return judge.exceeds(difference, sem, control, n=int(d.draws.sum()), z=Z)


def _monotone(problem: str, data: xr.Dataset) -> Outcome:
    """Measured ε* never falls below what it was at a smaller batch."""
    d = select(data, problem=problem, rule="sign")
    if d.sizes["batch"] < 2:
        raise Absent("one batch size shows no fall")
    control = select(data, problem="rank_one", rule="sign")
    return judge.monotone(
        d.lr_star_mean.values, d.lr_star_sem.values,
        {"the rank-one problem": (control.lr_star_mean.values, control.lr_star_sem.values)},
        n=int(d.draws.sum()), z=Z, finest=FINEST,
    )  # fmt: skip


def _plateau(problem: str, data: xr.Dataset) -> Outcome:
    """ε* at the largest batch is the limit of Theorem 4, coordinates without gradient included."""
    d = select(data, problem=problem, rule="sign").isel(batch=-1)
    if float(d.ratio_min) * np.sqrt(float(d.batch)) < SATURATED:
        raise Absent("no batch of this grid is large")
    measured, half = float(d.lr_star_mean), Z * float(d.lr_star_sem)
    others = {
        "coordinates without gradient left out": float(d.plateau_without_silent),
        "no off-diagonal terms": float(d.lr_star_control.sel(control="no off-diagonal terms")),
    }
    controls = {
        name: np.array([measured / wrong])
        for name, wrong in others.items()
        if abs(wrong / float(d.plateau) - 1) > 2 * FINEST
    }
    ratio = np.array([measured / float(d.plateau)])
    band = (1 - FINEST, 1 + FINEST)
    return judge.within(ratio, half / measured, band, controls, n=int(d.draws))


def _small_batch(problem: str, data: xr.Dataset) -> Outcome:
    """Theorem 3 within 4 % where B·max r² ≤ 0.15."""
    d = select(data, problem=problem, rule="sign")
    d = d.sel(batch=d.batch.values[d.batch.values * float(d.ratio_max) ** 2 <= SMALL])
    if d.sizes["batch"] == 0:
        raise Absent("no batch of this grid is small")
    measured, law = d.lr_star_mean.values, d.lr_star_small_batch.values
    half = Z * d.lr_star_sem.values / law
    controls = {"B_noise without π/2": measured / d.lr_star_small_batch_control.values}
    if d.sizes["batch"] > 1:
        controls["linear in B"] = measured / (law[0] * d.batch.values / d.batch.values[0])
    return judge.within(measured / law, half, (0.96, 1.04), controls, n=int(d.draws.sum()))


def _exponent(rule: str, value: float, rival: float, data: xr.Dataset) -> Outcome:
    """d ln ε*/d ln B at the three smallest batches of the diagonal problem."""
    d = select(data, problem="diagonal", rule=rule).isel(batch=slice(0, 3))
    if d.sizes["batch"] < 3 or float(d.batch[-1]) * float(d.ratio_max) ** 2 > POWER_LAW:
        raise Absent("fewer than three small batches in this grid")
    return judge.exponent(
        d.batch.values, d.lr_star_mean.values, d.lr_star_sem.values, value, rival,
        n=int(d.draws.sum()), z=Z,
    )  # fmt: skip


def _peak(data: xr.Dataset) -> Outcome:
    """The peak of the measured curve, by a parabola in ln B through its top three points."""
    d = select(data, problem="rank_one", rule="sign")
    lr, sem, log_batch = d.lr_star_mean.values, d.lr_star_sem.values, np.log(d.batch.values)
    small = float(d.batch[0]) * float(d.ratio_max) ** 2 <= SMALL
    large = float(d.ratio_min) * np.sqrt(float(d.batch[-1])) >= SATURATED
    if not (small and large and np.diff(log_batch).max() < PEAK_STEP):
        raise Absent("no fine grid from small to large batches")
    top = int(np.clip(lr.argmax(), 1, len(lr) - 2))
    window = slice(top - 1, top + 2)
    curve = np.polyfit(log_batch[window], lr[window], 2)
    hat = float(np.exp(-curve[1] / (2 * curve[0])))
    step = log_batch[top] - log_batch[top - 1]
    bend = abs(lr[top - 1] - 2 * lr[top] + lr[top + 1])
    half = Z * step * float(np.linalg.norm(sem[window])) / bend
    exact = float(d.b_peak_common)
    controls = {"half the noise": np.array([4 * hat / exact])}
    ratio = np.array([hat / exact])
    return judge.within(ratio, half, (0.8, 1.25), controls, n=int(d.draws.sum()))


def _claim(id: str, statement: str, law: str, kind: str, unit: str, judge_it, expected=HOLDS,
           source=PAPER) -> Claim:  # fmt: skip
    return Claim(
        id=f"onestep_quadratic/{id}", statement=statement, law=law, source=source,
        experiment="onestep_quadratic", kind=kind, unit=unit, expected=expected, judge=judge_it,
    )  # fmt: skip


def _rows():
    for rule, law in RULE_LAWS.items():
        for name, problem in PROBLEMS.items():
            where = f"{rule} on {name} ({problem.shows})"
            yield _claim(
                f"law/{rule}/{name}",
                f"{where}: E[VᵀG], E[VᵀHV], ε* and ΔL* agree with the law at every B",
                law, "mean", "standard errors", partial(_agrees, rule, name, "law"),
            )  # fmt: skip
            yield _claim(
                f"optimality/{rule}/{name}",
                f"{where}: 10 % above or below the law's ε* the loss falls less",
                law, "optimality", "standard errors", partial(_optimal, rule, name),
            )  # fmt: skip
    for name, problem in PROBLEMS.items():
        if problem.surges:
            yield _claim(
                f"surge/{name}", f"{name}: ε* of sign descent peaks and declines",
                "sign_lr", "optimality", "standard errors", partial(_surges, name),
            )  # fmt: skip
        else:
            yield _claim(
                f"no_surge/{name}", f"{name}: ε* of sign descent never declines",
                "sign_lr", "mean", "standard errors", partial(_monotone, name),
            )  # fmt: skip
        if problem.correlated:
            yield _claim(
                f"independent/{name}", f"{name}: Theorem 2, which takes coordinates as independent",
                "sign_lr", "mean", "standard errors", partial(_independent_agrees, name), FAILS,
            )  # fmt: skip
    for name in ("diagonal", "rank_one", "negative_s", "equicorrelated", "silent"):
        yield _claim(
            f"plateau/{name}", f"{name}: ε* at the largest B is Theorem 4's, within 1 %",
            "plateau", "approximation", "measured / law", partial(_plateau, name),
        )  # fmt: skip
    for name in ("rank_one", "power_law", "wishart"):
        yield _claim(
            f"small_batch/{name}", f"{name}: Theorem 3 within 4 % where B·max r² ≤ 0.15",
            "small_batch_lr", "approximation", "measured / law", partial(_small_batch, name),
        )  # fmt: skip
    for rule, value, rival in (("sign", 0.5, 1.0), ("sgd", 1.0, 0.5)):
        yield _claim(
            f"exponent/{rule}", f"{rule} at the smallest batches: ε* grows as B^{value}",
            RULE_LAWS[rule], "exponent", "exponent", partial(_exponent, rule, value, rival),
        )  # fmt: skip
    yield _claim(
        "peak/rank_one", "rank_one: ε* peaks at 2κ²[erf⁻¹√(T/(Q−T))]²",
        "common_ratio_peak", "approximation", "measured / law", _peak,
        source="derived here from Theorem 2",
    )  # fmt: skip


QUADRATIC_CLAIMS = tuple(_rows())
