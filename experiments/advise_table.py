"""`advise --from-run FILE`: advice from the user's own runs, and what they cannot tell.

The rates of all laws that the table does not exclude are averaged in ln lr with Akaike weights;
the interval holds their errors and their disagreement.  The next run is where these laws disagree
most in units of the error that an optimum of this table has: there a further batch size carries
½ ln(1 + V/s²) nats of information about which law holds.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.advise import Advice, Range
from experiments.advise_evidence import CHANCE, FEWEST, Evidence, evidence
from experiments.advise_read import read_table
from experiments.errors import InputError
from experiments.least_squares import model_of
from experiments.steplaw.points import PLATEAU, valleys
from theory.rivals import RIVALS

Z90 = 1.6448536269514722  # two-sided 90 %
OUTSIDE = 4.0  # times the largest batch, or a share of the smallest, that a next run may have
LARGE_RATIO = 1.5  # Birge's, from which it is said
PER_OCTAVE = 2  # batch sizes that are looked at for the next run
LEAST_NEWS = 0.05  # nats below which no further run tells laws apart
NOTHING = Range(float("nan"), float("nan"), float("nan"))


class NextRun(NamedTuple):
    """Where to run next: `batch`, `lr`, the middle of what the surviving laws say there, from `low`
    to `high`; the information it would bring in nats."""

    batch: float
    lr: float
    low: float
    high: float
    nats: float


class TableAdvice(NamedTuple):
    """`advice` as from the published runs; `verdict`: "decided" (one law is left), "undecided" or
    "inconclusive" (no optimum); `survivors`: law → weight; `excluded`: law → why; `next_run`."""

    advice: Advice
    verdict: str
    survivors: dict[str, float]
    excluded: dict[str, str]
    next_run: NextRun | None
    optima: list[dict[str, float | bool]]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, None where there is none."""
        own = self._asdict() | {"next_run": self.next_run and self.next_run._asdict()}
        return _plain(self.advice.as_dict() | {k: v for k, v in own.items() if k != "advice"})


def from_run(
    path: Path | str,
    *,
    params: float | None = None,
    tokens: float | None = None,
    batch: float | None = None,
    multiple: float | None = None,
) -> TableAdvice:
    """Advice from a table of runs (`advise_read`); `batch`: given and not advised, in the table's
    own unit; `multiple`: an advised one is rounded to it.

    Errors: InputError for a table that cannot be used.
    """
    for name, value in (("batch-tokens", batch), ("batch-multiple", multiple)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} must be finite and above 0, not {value}")
    found = evidence(read_table(Path(path), params, tokens))
    optima = _optima(found)
    if found.chance > CHANCE or not found.told.any():
        nothing = _no_advice(_why_none(found))
        return TableAdvice(nothing, "inconclusive", {}, {}, None, optima)
    size, width, flags = _best_batch(found, batch, multiple)
    rates = {name: float(_rates(found, name, size.value)) for name in found.fits}
    mean, half = _mean(found, size.value)
    curvature = found.slices["curvature"].values[found.told].mean()
    beside = float(np.sqrt(2 * PLATEAU / 100 / curvature))
    advice = Advice(
        Range(mean, mean * np.exp(-half), mean * np.exp(half)),
        size,
        {"percent": PLATEAU, "lr": _ends(mean, beside), "batch_tokens": _ends(size.value, width)},
        PLATEAU * (half / Z90 / beside) ** 2,
        flags + _flags(found),
        _rule(found),
        {name: rate for name, rate in rates.items() if np.isfinite(rate)},
    )
    survivors = {name: found.weight[name] for name in found.surviving}
    verdict = ("inconclusive", "decided", "undecided")[min(len(survivors), 2)]
    return TableAdvice(advice, verdict, survivors, dict(found.why), _next(found), optima)


def _flags(found: Evidence) -> list[str]:
    if not found.surviving:
        return [_why_none(found)]
    if found.ratio < LARGE_RATIO:
        return []
    return [f"the optima scatter about the best law by {found.ratio:.2g} times their errors"]


def _rule(found: Evidence) -> str:
    count = len(found.surviving)
    if not count:
        return "lr: measured optima, linearly in ln lr over ln B"
    return f"lr: {count} laws of the batch size, averaged in ln lr by their Akaike weights"


def _optima(found: Evidence) -> list[dict[str, float | bool]]:
    names = ("batch", "lr_star", "log_sem", "loss_star")
    rows = np.stack([found.slices[name].values for name in names], 1)
    labels = ("batch", "lr", "relative_error", "loss")
    return [
        dict(zip(labels, map(float, row), strict=True)) | {"usable": bool(told)}
        for row, told in zip(rows, found.told, strict=True)
    ]


def _rates(found: Evidence, name: str, batch) -> np.ndarray:
    """A fitted law at batch sizes; NaN where it is not positive."""
    theta = np.log(list(found.fits[name].value.values()))
    at = np.atleast_1d(np.asarray(batch, float))
    rate = np.exp(replace(model_of(RIVALS[name], at), batch=at).log(theta))
    return rate if np.ndim(batch) else rate[0]


def _mean(found: Evidence, batch: float) -> tuple[float, float]:
    """The advised rate, and half its interval in ln: laws' disagreement and the optima's error."""
    told = found.slices.isel(slice=np.flatnonzero(found.told))
    place, logs = np.log(batch), np.log(told["batch"].values)
    error = found.ratio * float(np.interp(place, logs, told["log_sem"].values))
    if not found.surviving:
        return float(np.exp(np.interp(place, logs, np.log(told["lr_star"].values)))), Z90 * error
    rate = np.log([_rates(found, name, batch) for name in found.surviving])
    weight = np.array([found.weight[name] for name in found.surviving])
    known = np.isfinite(rate)
    mean = float(np.average(rate[known], weights=weight[known]))
    spread = float(np.average((rate[known] - mean) ** 2, weights=weight[known]))
    return float(np.exp(mean)), Z90 * float(np.sqrt(spread + error**2))


def _best_batch(found: Evidence, batch, multiple) -> tuple[Range, float, list[str]]:
    """The batch given or best, half the box's width in ln, and what is to be said of it."""
    valley = valleys(found.slices).slices.isel(slice=0)
    best, flags = float(valley["lr_star"]), []
    width = float(np.sqrt(2 * PLATEAU / 100 / max(float(valley["curvature"]), 1e-6)))
    if batch is not None:
        told = found.slices["batch"].values[found.told]
        if not told.min() <= batch <= told.max():
            flags.append(f"extrapolation: optima were found from {told.min():g} to {told.max():g}")
        return Range(batch, batch, batch), width, flags
    edge, half = int(valley["edge"]), Z90 * float(valley["log_sem"])
    if edge:
        end = "largest" if edge > 0 else "smallest"
        flags.append(f"the best batch is the {end} of the table: a better one may lie beyond")
    low, high = best * np.exp(-half * (edge >= 0)), best * np.exp(half * (edge <= 0))
    size = best if multiple is None else multiple * max(round(best / multiple), 1)
    return Range(size, float(low), float(high)), width, flags


def _next(found: Evidence) -> NextRun | None:
    """Where the surviving laws disagree most, in units of an optimum's error."""
    if len(found.surviving) < 2:
        return None
    batch = found.slices["batch"].values
    octaves = np.log2(batch.max() / batch.min()) + 2 * np.log2(OUTSIDE)
    grid = batch.min() / OUTSIDE * 2 ** np.linspace(0, octaves, int(octaves * PER_OCTAVE) + 1)
    logs = np.log([_rates(found, name, grid) for name in found.surviving])
    weight = np.array([found.weight[name] for name in found.surviving])[:, None]
    weight = np.where(np.isfinite(logs), weight, 0.0)
    logs, total = np.nan_to_num(logs, posinf=0.0, neginf=0.0), np.maximum(weight.sum(0), 1e-12)
    mean = (weight * logs).sum(0) / total
    variance = (weight * (logs - mean) ** 2).sum(0) / total
    error = found.ratio * float(np.median(found.slices["log_sem"].values[found.told]))
    nats = np.log1p(variance / error**2) / 2
    place = int(nats.argmax())
    if nats[place] < LEAST_NEWS:
        return None
    kept = weight[:, place] > 0
    low, high = np.exp([logs[kept, place].min(), logs[kept, place].max()])
    return NextRun(
        float(grid[place]), float(np.exp(mean[place])), float(low), float(high), float(nats[place])
    )


def _ends(value: float, width: float) -> dict[str, float]:
    return {"low": value * float(np.exp(-width)), "high": value * float(np.exp(width))}


def _no_advice(flag: str) -> Advice:
    nothing = {"low": float("nan"), "high": float("nan")}
    box = {"percent": PLATEAU, "lr": nothing, "batch_tokens": nothing}
    return Advice(NOTHING, NOTHING, box, float("nan"), [flag], "none", {})


def _why_none(found: Evidence) -> str:
    if found.chance > CHANCE:
        return (
            "inconclusive: no optimum; losses dealt anew follow the learning rate as well as these "
            f"in {100 * found.chance:.2g} % of all cases"
        )
    if found.told.sum() < FEWEST:
        return (
            f"inconclusive: {int(found.told.sum())} of {len(found.told)} batch sizes have an "
            f"optimum well within their learning rates; to judge laws {FEWEST} are needed"
        )
    return "inconclusive: no law describes the optima within their errors"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
