"""What Step Law (Li et al. 2025, 2503.04715) says of its runs, judged on the public ones.

Every statement of the paper has a row: it holds, it fails, or the public runs cannot decide it and
the row says why.  Expectations and bands were written after the fits had been tried out on these
very runs, and say what came out; they are no predictions.  Intervals of constants come from
resampling whole cells; a constant within a tenth of an interval of its end decides nothing.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim
from experiments.claims_steplaw_regret import Row, regret_rows
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from experiments.steplaw.power_law import THRESHOLD
from sim.estimate import Z95
from theory.scaling import SCALINGS, STEP_BATCH, STEP_LR

NAME, SOURCE, UNSURE = "steplaw", "Li et al. 2025 (2503.04715)", 0.1
# What is printed, and what others print or what would be a tenth of it
PRINTED = {"lr_N": -0.713, "lr_D": 0.307, "batch_D": 0.571,
           "lr_constant": np.log(1.79), "batch_constant": np.log(0.58)}  # fmt: skip
OTHERS = {
    "lr_N": {"Porian": -0.36, "Microsoft": -0.23, "none": 0.0},
    "lr_D": {"Microsoft": -0.32, "none": 0.0},
    "batch_D": {"Power Lines": 0.383, "DeepSeek": 0.3271, "none": 0.0},
    "lr_constant": {"a tenth": np.log(0.179), "tenfold": np.log(17.9)},
    "batch_constant": {"a tenth": np.log(0.058), "tenfold": np.log(5.8)},
}
FITS = {  # subset → what its interval says of each printed constant
    "all 41": dict.fromkeys(PRINTED, HOLDS),
    # 17 cells: the rate grows more slowly with D and falls faster with N than the paper says
    "published 17": {"lr_N": INCONCLUSIVE, "lr_D": INCONCLUSIVE, "batch_D": HOLDS,
                     "lr_constant": FAILS, "batch_constant": INCONCLUSIVE},
}  # fmt: skip
NOT_PUBLIC = {
    "data_mixture": "the law holds for other mixtures of data (no public run has another)",
    "final_lr": "a final rate of 1e-5 beats a tenth of the peak (all public runs end at 1e-5)",
    "shape": "the law holds for other shapes of model (one shape a size in the public runs)",
    "runs": "3,700 runs were trained (3,643 are public)",
}


def _fit(subset: str, name: str, data: xr.Dataset) -> Outcome:
    part = data.sel(run_subset=subset, threshold=THRESHOLD, coefficient=name)
    low, high = (float(part[f"exponent_{end}"].sel(resampling="cells")) for end in ("low", "high"))
    return judge.covers(
        float(part["exponent_value"]), low, high, PRINTED[name], OTHERS[name],
        n=int(part["exponent_cells"]), unsure=UNSURE,
    )  # fmt: skip


def _thresholds(name: str, data: xr.Dataset) -> Outcome:
    """Is the fit at every threshold within the interval of the one at 0.25 %?"""
    part = data.sel(run_subset="all 41", coefficient=name)
    here = part.sel(threshold=THRESHOLD)
    band = tuple(float(here[f"exponent_{e}"].sel(resampling="cells")) for e in ("low", "high"))
    value = part["exponent_value"].values
    return judge.within(value, 0.0, band, {"none": np.zeros(1)}, n=value.size)


def _batch_and_size(estimator: str, data: xr.Dataset) -> Outcome:
    part = data.sel(estimator=estimator, estimator_subset="all 41", coefficient="batch_N")
    low, high = (float(part[f"estimator_{end}"].sel(resampling="cells")) for end in ("low", "high"))
    return judge.covers(
        float(part["estimator_value"]), low, high, 0.0, {"Porian": 0.703},
        n=int(part["estimator_cells"]), unsure=UNSURE,
    )  # fmt: skip


def _straight(axis: str, data: xr.Dataset) -> Outcome:
    part = data.sel(term="DD", axis=axis)
    value, low, high = (float(part[f"bending{end}"]) for end in ("", "_low", "_high"))
    return judge.covers(value, low, high, 0.0, {}, n=41, unsure=UNSURE)


def _models(data: xr.Dataset) -> Outcome:
    """Width of the intervals of our resampled points over that of the published 1,000 models."""
    part = data.sel(run_subset="all 41", threshold=THRESHOLD)
    names = data["model_coefficient"].values
    part = part.sel(coefficient=names)
    theirs = (data["models_high"] - data["models_low"]).values

    def ratio(how: str) -> np.ndarray:
        mine = part.sel(resampling=how)
        return (mine["exponent_high"] - mine["exponent_low"]).values / theirs

    return judge.within(ratio("points"), 0.05, (0.75, 1.3333), {"cells": ratio("cells")}, n=1000)


def _bowl(data: xr.Dataset) -> Outcome:
    bowl = data["surface_bowl"].values
    sem = (data["surface_bowl_high"] - data["surface_bowl_low"]).values / (2 * Z95)
    controls = {"upside down": (-bowl, sem)}
    return judge.exceeds(bowl, sem, controls, n=bowl.size, z=Z95)


def _one_valley(data: xr.Dataset) -> Outcome:
    count = float(data["valleys"].sum())
    visible, cells = float(data["valley_visible"]), data.sizes["every_cell"]
    return Outcome(HOLDS if count == 0 else FAILS, count, 0.0, visible, cells, {})


def _dents(zone: float, data: xr.Dataset) -> Outcome:
    """No dent; one as deep as the bowl is curved has to be visible, or nothing is decided."""
    part = data.sel(zone=zone)
    dents, visible = float(part["convex_dents"]), float(part["convex_visible"])
    blind = visible > float(part["convex_curvature"])
    verdict = FAILS if dents else INCONCLUSIVE if blind else HOLDS
    return Outcome(verdict, dents, 0.0, visible, int(part["convex_triples"]), {})


def _plateau(axis: str, data: xr.Dataset) -> Outcome:
    dense = data.isel(every_cell=np.flatnonzero(data["cell_kind"].values == "dense"))
    width = dense["surface_width"].sel(width_of=axis).values
    value, half = np.median(width), Z95 * 1.2533 * width.std(ddof=1) / np.sqrt(width.size)
    return judge.within(value, half, (np.sqrt(2), np.inf), {}, n=width.size)._replace(
        threshold=float(np.sqrt(2))
    )


def _not_public(data: xr.Dataset) -> Outcome:  # noqa: ARG001
    raise Absent("no public run decides it")


def _rows() -> Iterator[Row]:
    """The claims' rows."""
    for subset, expected in FITS.items():
        for name, verdict in expected.items():
            words = (
                f"{subset} cells: the printed {name} is in the interval of the paper's estimator"
            )
            yield (
                f"fit/{subset.split()[-1]}/{name}",
                words,
                "exponent",
                "1",
                verdict,
                partial(_fit, subset, name),
            )
    for name, verdict in {"lr_N": FAILS, "lr_D": FAILS, "batch_D": FAILS}.items():
        words = f"{name} is the same for thresholds from 0.1 to 1 %"
        yield f"fit/threshold/{name}", words, "exponent", "1", verdict, partial(_thresholds, name)
    for key, name in {"runs": "runs within 0.25 %", "surface": "surface within 1.0%"}.items():
        words = f"the best batch size does not depend on N ({name})"
        yield f"fit/batch_N/{key}", words, "exponent", "1", FAILS, partial(_batch_and_size, name)
    for axis, what in {"lr": "learning rate", "batch": "batch size"}.items():
        words = f"the exponent of D in the {what} is constant"
        yield f"fit/straight/{axis}", words, "exponent", "1", FAILS, partial(_straight, axis)
    yield (
        "fit/models",
        "resampled points have the spread of the published models",
        "approximation",
        "ours / theirs",
        HOLDS,
        _models,
    )
    yield (
        "surface/bowl",
        "ln loss is convex in (ln lr, ln B) near the optimum of every cell",
        "optimality",
        "per e-fold²",
        HOLDS,
        _bowl,
    )
    yield (
        "surface/one_valley",
        "no cell has a second valley beyond its noise",
        "optimality",
        "valleys",
        HOLDS,
        _one_valley,
    )
    for zone, verdict in {0.01: INCONCLUSIVE, 0.05: FAILS}.items():
        words = f"no dent along the learning rate within {zone:.0%} of the best"
        yield (
            f"surface/dents/{zone:g}",
            words,
            "optimality",
            "dents",
            verdict,
            partial(_dents, zone),
        )
    for key, axis in {"lr": "lr at this B", "batch": "B at this lr"}.items():
        words = f"the optimum is broad: +0.25 % reaches √2 to each side ({axis}, median cell)"
        yield (
            f"surface/plateau/{key}",
            words,
            "approximation",
            "factor",
            HOLDS,
            partial(_plateau, axis),
        )
    yield from regret_rows()
    for key, words in NOT_PUBLIC.items():
        yield f"not_public/{key}", words, "approximation", "1", HOLDS, _not_public


def _law(id: str) -> str:
    """The law that a claim is about."""
    rule = SCALINGS.get(id.rsplit("/", 1)[-1])
    if rule is not None and rule.lr is not None:
        return rule.lr.name
    return (STEP_BATCH if "batch" in id else STEP_LR).name


STEPLAW_CLAIMS: tuple[Claim, ...] = tuple(
    Claim(f"{NAME}/{id}", words, _law(id), SOURCE, NAME, kind, unit, expected, judging)
    for id, words, kind, unit, expected, judging in _rows()
)
