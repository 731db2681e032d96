"""Claims on whole runs on quadratics: rise, peak, fall and drift of ε*(B), by target and horizon.

A curve of best rates *falls* where its highest point exceeds the one at the largest batch.  By
target only batches at which a run takes `LONG` steps or more are judged where monotony is: in a run
of three steps ε* jumps with the number of steps.  Expectations were written after a look at smaller
trials with other random numbers (16 to 64 seeds), before the first run of the default preset.
"""

from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from experiments.run_peaks import T95

PAPER = "Li et al. 2024 (2405.14578)"
OWN = "found here"
Z = judge.critical_z(judge.COMPARISONS)
LONG = 8.0  # steps
LEVEL = 1.3  # a curve that falls by less than this factor is called level
KAPLAN = 1 / 0.21  # 1/α_B
AXES = {"by_target": "target", "by_horizon": "horizon", "by_branch": "after"}


def _curves(data: xr.Dataset, problem: str, rule: str, sense: str, places) -> list[xr.Dataset]:
    """ε*(B) with its standard error, one dataset of (batch) per target, horizon or steps after."""
    if f"{sense}_lr" not in data:
        raise Absent(f"no {sense}")
    d = select(select(data, problem=problem), rule=rule)
    names = {f"{sense}_{end}": end for end in ("lr", "log_lr_sem", "value", "log_value_sem")}
    curves = []
    for place in places:
        curve = select(d, **{AXES[sense]: place})[list(names)].rename(names)
        curve = curve.isel(batch=np.flatnonzero(np.isfinite(curve["lr"].values)))
        if curve.sizes["batch"] < 3:
            raise Absent(f"too few optima of {rule} on {problem}")
        curves.append(curve)
    return curves


def _fall(curve: xr.Dataset, *, long: bool = False) -> tuple[float, float]:
    """ln of the highest rate over that of the largest batch, with its standard error."""
    if long:
        curve = curve.isel(batch=np.flatnonzero(curve["value"].values >= LONG))
    y, sem = np.log(curve["lr"].values), curve["log_lr_sem"].values
    top = int(y.argmax())
    apart = 0.0 if top == len(y) - 1 else float(np.hypot(sem[top], sem[-1]))
    return float(y[top] - y[-1]), max(apart, 1e-4)


def _falls(problem, rule, sense, places, control, data: xr.Dataset) -> Outcome:
    """ε*(B) falls from its peak to the largest batch; `control`: (problem, rule, sense, place) of a
    curve that must not."""
    fall, sem = np.array([_fall(c) for c in _curves(data, problem, rule, sense, places)]).T
    other, its_rule, its_sense, place = control
    level = _curves(data, other, its_rule, its_sense, [place])[0]
    controls = {
        f"{its_rule} on {other}, {AXES[its_sense]} {place}": tuple(
            np.array([_fall(level, long=its_sense == "by_target")]).T
        )
    }
    return judge.exceeds(fall, sem, controls, n=int(data.attrs["seeds"]), z=Z)


def _level(problem, rule, sense, places, data: xr.Dataset) -> Outcome:
    """ε*(B) at the largest batch is its highest, but for a factor `LEVEL`; control: sign descent on
    the coherent problem."""
    long = sense == "by_target"
    curves = _curves(data, problem, rule, sense, places)
    fall, sem = np.array([_fall(c, long=long) for c in curves]).T
    wrong = [_fall(c)[0] for c in _curves(data, "coherent", "sign", sense, places)]
    controls = {"sign on coherent": np.exp(wrong)}
    return judge.within(
        np.exp(fall), T95 * sem * np.exp(fall), (0.5, LEVEL), controls, n=int(data.attrs["seeds"])
    )


def _number(data: xr.Dataset, problem: str, rule: str, name: str, **place) -> float:
    d = select(select(select(data, problem=problem), rule=rule), **place)
    value = float(d[name])
    if not np.isfinite(value):
        raise Absent(f"{problem} has no {name}")
    return value


def _place(problem: str, target: float, band, data: xr.Dataset) -> Outcome:
    """B_peak by target lies in the band; control: noise of half the standard deviation."""
    batch, sem = (
        _number(data, problem, "sign", f"by_target_peak_{name}", target=target)
        for name in ("batch", "log_batch_sem")
    )
    controls = {"half the noise": np.array([batch / 4])}
    half = T95 * sem * batch
    return judge.within(batch, half, band, controls, n=int(data.attrs["seeds"]))


def _decline(problem: str, target: float, band, data: xr.Dataset) -> Outcome:
    """Share of the peak's ε* that is lost at the largest batch."""
    curve = _curves(data, problem, "sign", "by_target", [target])[0]
    fall, sem = _fall(curve)
    controls = {"no fall": np.array([0.0])}
    half = T95 * sem * np.exp(-fall)
    return judge.within(1 - np.exp(-fall), half, band, controls, n=int(data.attrs["seeds"]))


def _drift(problem: str, band, data: xr.Dataset) -> Outcome:
    """γ of B_peak ∝ L^−γ; controls: no drift, and Kaplan's 1/α_B."""
    exponent, sem = (_number(data, problem, "sign", name) for name in ("drift", "drift_sem"))
    controls = {"no drift": np.array([0.0]), "Kaplan's 1/α_B = 4.76": np.array([KAPLAN])}
    return judge.within(exponent, T95 * sem, band, controls, n=int(data.attrs["seeds"]))


def _rises(rule: str, band, rival: float, data: xr.Dataset) -> Outcome:
    """d ln ε*/d ln B at the four smallest batches that meet L/L₀ = 0.5, coherent problem."""
    curve = _curves(data, "coherent", rule, "by_target", [0.5])[0].isel(batch=slice(0, 4))
    if not (curve["value"].values >= LONG).all():
        raise Absent("fewer than four small batches")
    x, y = np.log(curve["batch"].values), np.log(curve["lr"].values)
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    half = T95 * float(np.linalg.norm(weight * curve["log_lr_sem"].values))
    controls = {f"exponent {rival}": np.array([rival])}
    return judge.within(weight @ y, half, band, controls, n=int(data.attrs["seeds"]))


def _more_steps(problem: str, target: float, data: xr.Dataset) -> Outcome:
    """The fewest steps to a target rise again at large batches; control: SGD."""

    def rise(rule: str):
        curve = _curves(data, problem, rule, "by_target", [target])[0]
        y, sem = np.log(curve["value"].values), curve["log_value_sem"].values
        low = int(y.argmin())
        apart = float(np.hypot(sem[low], sem[-1])) if low < len(y) - 1 else 1e-4
        return np.array([y[-1] - y[low]]), np.array([max(apart, 1e-4)])

    return judge.exceeds(*rise("sign"), {"sgd": rise("sgd")}, n=int(data.attrs["seeds"]), z=Z)


def _claim(id, statement, law, kind, unit, judge_it, expected=HOLDS, source=PAPER) -> Claim:
    return Claim(
        id=f"whole_runs/{id}", statement=statement, law=law, source=source,
        experiment="whole_runs", kind=kind, unit=unit, expected=expected, judge=judge_it,
    )  # fmt: skip


COHERENT = ("coherent", "fisher", "power_law", "power_law_fisher")
LATE = (0.1, 0.05, 0.025)  # of the starting loss
DIAGONAL = ("diagonal", "sign", "by_target", 0.05)
FALL = "standard errors of ln ε*"


def _falling():
    for problem in COHERENT:
        yield _claim(
            f"surge/sign/{problem}",
            f"sign on {problem}, steps to a target: ε*(B) rises, peaks and falls",
            "sign_lr", "optimality", FALL,
            partial(_falls, problem, "sign", "by_target", LATE, DIAGONAL),
        )  # fmt: skip
    yield _claim(
        "surge/adam/coherent",
        "adam (0.9, 0.999) on coherent, steps to L/L₀ = 0.25 and 0.2: ε*(B) peaks and falls",
        "adam_common_peak", "optimality", FALL,
        partial(_falls, "coherent", "adam", "by_target", (0.25, 0.2), DIAGONAL),
        INCONCLUSIVE,  # a fall of some 10 % is no larger than the teeth of runs of 11 steps
    )  # fmt: skip
    yield _claim(
        "trap/diagonal",
        "sign on a diagonal H: at a fixed horizon ε*(B) falls all the same, S = 0",
        "sign_lr", "optimality", FALL,
        partial(_falls, "diagonal", "sign", "by_horizon", (50, 100, 200, 400), DIAGONAL),
        source=OWN,
    )  # fmt: skip
    yield _claim(
        "branch/sign/coherent",
        "sign on coherent: best 16 steps after L/L₀ = 0.2 (the paper's protocol), ε*(B) falls",
        "sign_lr", "optimality", FALL,
        partial(_falls, "coherent", "sign", "by_branch", (16,), DIAGONAL),
    )  # fmt: skip
    for rule in ("signum", "rmsprop", "adamw", "adagrad", "adafactor", "muon"):
        # with momentum in the sign, ε* falls by 10 % (signum) and 30 %, too little for 32 seeds
        expected = INCONCLUSIVE if rule in ("signum", "muon") else HOLDS
        yield _claim(
            f"horizon_falls/{rule}",
            f"{rule} on coherent: at a horizon of 200 steps ε*(B) falls",
            "sign_lr", "optimality", FALL,
            partial(
                _falls, "coherent", rule, "by_horizon", (200,),
                ("coherent", "sgd", "by_horizon", 200),
            ), expected, OWN,
        )  # fmt: skip


def _level_rows():
    yield _claim(
        "no_surge/sign/diagonal", "sign on a diagonal H, steps to a target: ε*(B) does not fall",
        "sign_lr", "approximation", "highest / last",
        partial(_level, "diagonal", "sign", "by_target", (0.05, 0.025, 0.0125)),
    )  # fmt: skip
    yield _claim(
        "no_surge/adam/diagonal",
        "adam (0.9, 0.999) on a diagonal H, steps to a target: ε*(B) does not fall, though one "
        "step's does for β1 > 1/3",
        "adam_common_peak", "approximation", "highest / last",
        partial(_level, "diagonal", "adam", "by_target", (0.05, 0.025)),
        # 1.01 times, as with other random numbers; but at one point some replicates' best rate is
        # another tooth's, and the bar is ± 0.6
        INCONCLUSIVE, OWN,
    )  # fmt: skip
    for problem in ("coherent", "diagonal", "power_law"):
        yield _claim(
            f"no_surge/sgd/{problem}", f"sgd on {problem}, steps to a target: ε*(B) does not fall",
            "sgd_lr", "approximation", "highest / last",
            partial(_level, problem, "sgd", "by_target", (0.2, 0.1, 0.05)),
        )  # fmt: skip
    for rule in ("sgd", "momentum"):
        yield _claim(
            f"horizon_level/{rule}",
            f"{rule} on coherent: at a horizon of 200 steps ε*(B) does not fall",
            "sgd_lr", "approximation", "highest / last",
            partial(_level, "coherent", rule, "by_horizon", (200,)), source=OWN,
        )  # fmt: skip


def _places():
    for target, band, expected in (
        (0.5, (45.0, 181.0), HOLDS), (0.2, (90.5, 362.0), HOLDS), (0.05, (362.0, 1448.0), HOLDS),
    ):  # fmt: skip
        yield _claim(
            f"peak/coherent/{target}",
            f"sign on coherent, L/L₀ = {target}: ε* peaks between B = {band[0]:.0f} and "
            f"{band[1]:.0f}",
            "peak_drift", "approximation", "samples",
            partial(_place, "coherent", target, band), expected, OWN,
        )  # fmt: skip
    # at 0.5 the best run has 2 to 6 steps from this start, too few for more than 14 ± 15 %
    for target, expected in ((0.5, FAILS), (0.2, HOLDS), (0.05, HOLDS)):
        yield _claim(
            f"decline/coherent/{target}",
            f"sign on coherent, L/L₀ = {target}: ε* falls by 42 to 70 % from its peak on",
            "sign_lr", "approximation", "share",
            partial(_decline, "coherent", target, (0.42, 0.7)), expected, OWN,
        )  # fmt: skip
    for problem in COHERENT:
        yield _claim(
            f"drift/{problem}",
            f"sign on {problem}: B_peak grows as L^−γ, γ between 0.6 and 1.5 (1/L; Kaplan 4.76)",
            "peak_drift", "exponent", "exponent", partial(_drift, problem, (0.6, 1.5)),
            source=OWN,
        )  # fmt: skip
    for rule, band, rival in (("sign", (0.35, 0.65), 1.0), ("sgd", (0.8, 1.2), 0.5)):
        yield _claim(
            f"rise/{rule}",
            f"{rule} on coherent, small batches: ε* to a target grows as B^{1.5 - rival}",
            "sign_lr" if rule == "sign" else "sgd_lr", "exponent", "exponent",
            partial(_rises, rule, band, rival),
            # 0.45 ± 0.13 (0.47 ± 0.05 with other random numbers): B = 1 scatters
            INCONCLUSIVE if rule == "sign" else HOLDS,
        )  # fmt: skip
    yield _claim(
        "steps/coherent",
        "sign on coherent, L/L₀ = 0.05: the fewest steps rise again at large B, against eq. (20)",
        "run_steps", "optimality", "standard errors of ln steps",
        partial(_more_steps, "coherent", 0.05), source=OWN,
    )  # fmt: skip


WHOLE_RUNS_CLAIMS = (*_falling(), *_level_rows(), *_places())
