"""Claims on the advice for language models: its regret, its intervals, and against its rivals.

All numbers are of cells left out, by rules chosen and calibrated without them.  The bands are the
targets that were set before (mean, 95th percentile and largest regret; coverage); that the first
verdicts would hold was known when the claims were written, for the shapes had been tried out on the
same regrets.  Regrets and coverage are facts about the published slices: their resolution is what
one cell more or less would change.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim
from experiments.judge import HOLDS, Outcome

NAME, SOURCE = "steplaw", "derived here from the runs of Li et al. 2025 (2503.04715)"
ENOUGH = 4000  # steps
COVERED = (0.85, 0.95)
TARGETS: dict[str, tuple[float, Callable[[np.ndarray], float], str]] = {
    "mean": (0.03, lambda r: float(r.mean()), "is at most 0.03 % on average"),
    "percentile_95": (0.11, lambda r: float(np.quantile(r, 0.95)), "is at most 0.11 % in 95 %"),
    "largest": (0.5, lambda r: float(r.max()), "is nowhere above 0.5 %"),
}
SHORT = 0.1  # percent on average below ENOUGH steps, declared after a look
Z = 3.0  # standard errors of a paired difference over cells
Z90 = 1.6448536269514722
RULES = {
    "step_law": ("step law", "Step Law's own learning rate"),
    "square_root": ("step law, square root", "Step Law's scaled by the root of the batch"),
    "linear": ("step law, linear", "Step Law's scaled by the batch"),
}
OPTIMA = {
    "lr": ("the best learning rate of a batch size", "advice_slice_cell"),
    "star": ("the best learning rate of all", None),
    "batch": ("the best batch size", None),
}


def _present(data: xr.Dataset) -> xr.Dataset:
    if "advice_regret" not in data:
        raise Absent("no part advice")
    return data


def _long(data: xr.Dataset) -> np.ndarray:
    return (data["advice_slice_D"] >= ENOUGH * data["advice_slice_batch"]).values


def _without_one(cell: np.ndarray, measure: Callable[[np.ndarray], float]) -> float:
    """The largest change of a statistic by leaving out one cell."""
    every = measure(np.ones(len(cell), bool))
    return max(abs(measure(cell != gone) - every) for gone in np.unique(cell))


def _regret(target: str, data: xr.Dataset) -> Outcome:
    d, (most, statistic, _) = _present(data), TARGETS[target]
    long, cell = _long(d), d["advice_slice_cell"].values
    regrets = d["advice_regret"].values[:, long]
    names = d["advice_rule"].values.tolist()
    value = statistic(regrets[0])
    resolution = _without_one(cell[long], lambda kept: statistic(regrets[0][kept]))
    controls = {n: np.array(statistic(r)) for n, r in zip(names[1:], regrets[1:], strict=True)}
    found = judge.within(value, 0.0, (0.0, most), controls, n=int(long.sum()))
    return found._replace(resolution=resolution, threshold=most)


def _short(data: xr.Dataset) -> Outcome:
    d = _present(data)
    short = ~_long(d)
    regrets = d["advice_regret"].sel(advice_rule="advice").values[short]
    cell = d["advice_slice_cell"].values[short]
    resolution = _without_one(cell, lambda kept: float(regrets[kept].mean()))
    wrong = d["advice_regret"].sel(advice_rule="step law").values[short].mean()
    found = judge.within(
        float(regrets.mean()), 0.0, (0.0, SHORT), {"step law": wrong}, n=int(short.sum())
    )
    return found._replace(resolution=resolution, threshold=SHORT)


def _coverage(kind: str, data: xr.Dataset) -> Outcome:
    d, key = _present(data), f"advice_{kind}"
    usable = d[f"{key}_usable"].values.astype(bool)
    gap = np.abs(d[f"{key}_target"].values - d[f"{key}_left_out"].values)[usable]
    half, deviation = (d[f"{key}_{name}"].values[usable] for name in ("half", "deviation"))
    resampled = np.sqrt(np.maximum(deviation**2 - float(d[f"{key}_scatter"]) ** 2, 0.0))
    axis = OPTIMA[kind][1]
    cell = np.arange(len(gap)) if axis is None else d[axis].values[usable]
    resolution = _without_one(cell, lambda kept: float((gap <= half)[kept].mean()))
    controls = {
        "of resampling alone": (gap <= Z90 * resampled).mean(),
        "half as wide": (gap <= half / 2).mean(),
    }
    found = judge.within(float((gap <= half).mean()), 0.0, COVERED, controls, n=len(gap))
    return found._replace(resolution=resolution)


def _better(rule: str, data: xr.Dataset) -> Outcome:
    """Mean regret by cell, the rule's less the advice's, paired."""
    d, long = _present(data), _long(_present(data))
    cell = d["advice_slice_cell"].values[long]
    regrets = d["advice_regret"].sel(advice_rule=["advice", RULES[rule][0]]).values[:, long]
    count = np.bincount(cell)
    mine, other = (np.bincount(cell, r)[count > 0] / count[count > 0] for r in regrets)
    difference = other - mine
    sem = difference.std(ddof=1) / np.sqrt(len(difference))
    controls = {"the other way round": (-difference.mean(), sem)}
    return judge.exceeds(difference.mean(), sem, controls, n=len(difference), z=Z)


def _beyond(data: xr.Dataset) -> Outcome:
    """Regret at ends of the data held back: continued over the chosen shape left to itself."""
    d = _present(data)
    rms, names = d["advice_lr_tail_rms"].values, d["advice_shape"].values.tolist()
    own = rms[names.index(str(d["advice_lr_name"].values))]
    ratio = rms[names.index(str(d["advice_lr_tail"].values))] / own
    return judge.within(ratio, 0.0, (0.0, 0.6), {"left to itself": np.array(1.0)}, n=len(names))


def _claim(name: str, statement: str, kind: str, unit: str, judged) -> Claim:
    return Claim(
        id=f"advice/{name}",
        statement=statement,
        law="step_lr",
        source=SOURCE,
        experiment=NAME,
        kind=kind,
        unit=unit,
        expected=HOLDS,
        judge=judged,
    )


ADVICE_CLAIMS = (
    *(
        _claim(f"regret/{name}", f"the loss lost by the advised rate {words}, cell left out, "
               f"≥ {ENOUGH} steps", "approximation", "% of loss", partial(_regret, name))
        for name, (_, _, words) in TARGETS.items()
    ),
    _claim("regret/short", f"below {ENOUGH} steps it is at most {SHORT} % on average",
           "approximation", "% of loss", _short),
    *(
        _claim(f"coverage/{name}", f"the 90 % interval of {words} covers 85 to 95 % of the optima "
               "of cells left out", "approximation", "share", partial(_coverage, name))
        for name, (words, _) in OPTIMA.items()
    ),
    *(
        _claim(f"better/{name}", f"the advised rate loses less than {words}, paired by cell",
               "optimality", "% of loss", partial(_better, name))
        for name, (_, words) in RULES.items()
    ),
    _claim("beyond/ends", "at ends of the data held back, the continued rule loses less than "
           "0.6 of what the chosen shape left to itself does", "approximation", "ratio", _beyond),
)  # fmt: skip
