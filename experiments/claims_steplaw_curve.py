"""Claims on the curve η*(B) of published language-model runs: exponents, declines, noise scales.

As in `claims_steplaw_batch`, what is expected was written after the fits had been tried out on
these very runs.
"""

from collections.abc import Iterator
from functools import partial
from statistics import NormalDist

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim
from experiments.claims_steplaw_batch import AS_GOOD, LOOKS, NO_SUPPORT, SEEN, claim
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from experiments.steplaw.decline import LEVEL, falls

KAPLAN = "Kaplan et al. 2020 (2001.08361), B_crit ∝ L^(−1/0.21)"
SURGE = "Li et al. 2024 (2405.14578)"
UNSURE = 0.1  # as a share of an interval: its ends are unsure themselves


def _steps(data: xr.Dataset, least: int) -> xr.Dataset:
    if least not in data["least_steps"].values:
        raise Absent(f"nothing about {least} steps")
    return data.sel(least_steps=least)


def _exponent(law: str, least: int, stated: float, others, data: xr.Dataset) -> Outcome:
    part = _steps(data, least).sel(batch_law=law, batch_parameter="shape")
    value, low, high = (float(np.exp(part[f"batch_{end}"])) for end in ("value", "low", "high"))
    n = int(part["batch_optima"])
    return judge.covers(value, low, high, stated, others, n=n, unsure=UNSURE)


def _raw_exponent(law: str, stated: float, others, data: xr.Dataset) -> Outcome:
    part = data.sel(raw_law=law)
    value, low, high = (float(part[f"raw_shape_{end}"]) for end in ("value", "low", "high"))
    n = int(data["batch_raw_points"].max())
    return judge.covers(value, low, high, stated, others, n=n, unsure=UNSURE)


def _overshoots(data: xr.Dataset) -> Outcome:
    """Coherence q above 1 at every number of steps? Below, η* rises to its plateau."""
    part = data.sel(batch_law="coherent", batch_parameter="shape")
    low, high = np.exp(part["batch_low"].values), np.exp(part["batch_high"].values)
    verdict = HOLDS if (low > 1).all() else FAILS if (high < 1).all() else INCONCLUSIVE
    width = float(np.max(high - low) / 2)
    value = float(np.exp(part["batch_value"].values).max())
    return Outcome(verdict, value, 1.0, width, int(data["batch_optima"].max()), {})


def _table(data: xr.Dataset, least: int) -> dict[str, np.ndarray]:
    """ln η*, its error with scatter, batch and cell of the dense slices with an optimum."""
    scatter = float(_steps(data, least)["batch_scatter"])
    names = ("kind", "steps", "edge", "few", "lr_star", "log_sem", "batch", "cell")
    kind, steps, edge, few, lr, sem, batch, cell = (data[f"slice_{n}"].values for n in names)
    keep = (kind == "dense") & (steps >= least) & (edge == 0) & ~few.astype(bool)
    rows = {"log_rate": np.log(lr), "sem": np.hypot(sem, scatter), "batch": batch, "cell": cell}
    return {name: values[keep] for name, values in rows.items()}


def _no_cell_falls(data: xr.Dataset) -> Outcome:
    """The smallest chance over cells and numbers of steps, Holm's within, Bonferroni's between."""
    looks = data["least_steps"].values
    chance = float(data["decline_corrected"].min()) * len(looks)
    table = _table(data, int(looks[-1]))
    turned = falls(**{**table, "batch": 1 / table["batch"]}, seed=0)
    controls = {"batch sizes in reverse order": bool(np.nanmin(turned.corrected) < LEVEL / LOOKS)}
    verdict = FAILS if chance < LEVEL else HOLDS if all(controls.values()) else INCONCLUSIVE
    visible = float(data["decline_visible"].median())
    n = int(np.isfinite(data["decline_chance"]).sum())
    return Outcome(verdict, min(chance, 1.0), LEVEL, visible, n, controls)


def _level_above(least: int, data: xr.Dataset) -> Outcome:
    part = _steps(data, least)
    value, sem = float(part["decline_slope"]), float(part["decline_slope_sem"])
    half = -NormalDist().inv_cdf(LEVEL / (2 * LOOKS)) * sem
    others = {"Theorem 3": -0.5, "square root": 0.5}
    n = int(part["decline_above"])
    return judge.covers(value, value - half, value + half, 0.0, others, n=n, unsure=UNSURE)


def _knee_slope(term: int, stated: float, others, data: xr.Dataset) -> Outcome:
    value, low, high = (
        float(data[f"noise_tokens_slope{end}"][term]) for end in ("", "_low", "_high")
    )
    n = int(np.isfinite(data["noise_cell_log"]).sum())
    return judge.covers(value, low, high, stated, others, n=n, unsure=UNSURE)


def _with_loss(stated: float, others, data: xr.Dataset) -> Outcome:
    value, low, high = (float(data[f"noise_loss_slope{end}"][0]) for end in ("", "_low", "_high"))
    n = int(np.isfinite(data["noise_cell_log"]).sum())
    return judge.covers(value, low, high, stated, others, n=n, unsure=UNSURE)


def _rises_as_loss_falls(data: xr.Dataset) -> Outcome:
    value, low, high = (float(data[f"noise_loss_slope{end}"][0]) for end in ("", "_low", "_high"))
    verdict = HOLDS if high < 0 else FAILS if low > 0 else INCONCLUSIVE
    n = int(np.isfinite(data["noise_cell_log"]).sum())
    return Outcome(verdict, value, 0.0, (high - low) / 2, n, {})


def _loss_alone(data: xr.Dataset) -> Outcome:
    """χ² with B_noise a power of the loss alone above that with N and D, under the knee."""
    pair = data["noise_joint_loss_chi2"].sel(noise_law="knee") - data["batch_chi2"].sel(
        batch_law="knee"
    )
    value = pair.values - SEEN  # one parameter fewer
    verdict = HOLDS if (value <= NO_SUPPORT).all() else FAILS
    return Outcome(
        verdict, float(value.max()), NO_SUPPORT, SEEN, int(data["batch_optima"].max()), {}
    )


def _total_counts(data: xr.Dataset) -> Outcome:
    part = data["moe_regret"].sel(batch_law=list(AS_GOOD))
    value = (part.sel(moe_counted="active") / part.sel(moe_counted="total")).values
    controls = {"the other way round": 1 / value}
    return judge.within(value, 0.0, (2.0, np.inf), controls, n=int(data["moe_slices"]))._replace(
        statistic=float(value.min()), threshold=2.0, resolution=1.0
    )


def _shapes() -> Iterator[Claim]:
    root, one = {"linear": 1.0}, {"square root": 0.5}
    for least, expected in ((4000, FAILS), (16000, HOLDS)):
        yield claim(
            f"batch_exponent/power_{least}", f"η* ∝ √B: the exponent of a free power is ½, runs of "
            f"at least {least:,} steps", "exponent", "exponent", expected,
            partial(_exponent, "power", least, 0.5, root), law="power_lr",
        )  # fmt: skip
    for least in (4000, 16000):
        yield claim(
            f"batch_exponent/knee_root_{least}", f"below the knee η* ∝ √B, from {least:,} steps on",
            "exponent", "exponent", FAILS, partial(_exponent, "knee", least, 0.5, root),
        )  # fmt: skip
        yield claim(
            f"batch_exponent/knee_one_{least}", f"below the knee η* ∝ B, from {least:,} steps on",
            "exponent", "exponent", FAILS, partial(_exponent, "knee", least, 1.0, one),
        )  # fmt: skip
    for tail, words, stated, others in (("root", "√B", 0.5, root), ("one", "B", 1.0, one)):
        yield claim(
            f"batch_exponent/raw_{tail}", f"below the knee η* ∝ {words}, by the raw losses",
            "exponent", "exponent", FAILS, partial(_raw_exponent, "knee", stated, others),
        )  # fmt: skip
    yield claim(
        "batch_decline/cells", "in no cell is η* at the largest batch below that at a smaller one",
        "optimality", "chance", HOLDS, _no_cell_falls, law="small_batch_lr",
    )  # fmt: skip
    # with runs that are mostly warm-up η* still rises there, at the interval's edge
    for least, expected in ((0, INCONCLUSIVE), (4000, HOLDS), (8000, HOLDS), (16000, HOLDS)):
        yield claim(
            f"batch_decline/slope_{least}", f"above the knee η* is level, at least {least:,} steps",
            "exponent", "d ln η*/d ln B", expected, partial(_level_above, least),
            law="small_batch_lr",
        )  # fmt: skip
    yield claim(
        "batch_decline/surge", "η* overshoots its plateau: q > 1 in Theorem 2", "exponent", "q",
        FAILS, _overshoots, law="coherent_lr", source=SURGE,
    )  # fmt: skip


def _scales() -> Iterator[Claim]:
    yield claim(
        "batch_noise/loss", "B_noise rises as the loss falls, from cell to cell", "exponent",
        "d ln B/d ln L", HOLDS, _rises_as_loss_falls, source=SURGE,
    )  # fmt: skip
    yield claim(
        "batch_noise/kaplan", "B_noise ∝ L^(−1/0.21)", "exponent", "d ln B/d ln L", HOLDS,
        partial(_with_loss, -1 / 0.21, {"none": 0.0}), source=KAPLAN,
    )  # fmt: skip
    yield claim(
        "batch_noise/loss_alone", "B_noise depends on N and D through the loss alone",
        "approximation", "Δχ²", FAILS, _loss_alone, source=KAPLAN,
    )  # fmt: skip
    yield claim(
        "batch_noise/params", "B_noise does not depend on N, as Step Law's B* does not",
        "exponent", "d ln B/d ln N", FAILS, partial(_knee_slope, 0, 0.0, {"Porian": 0.703}),
    )  # fmt: skip
    yield claim(
        "batch_noise/tokens", "B_noise grows with D as Step Law's B* does, exponent 0.571",
        "exponent", "d ln B/d ln D", FAILS, partial(_knee_slope, 1, 0.571, {"none": 0.0}),
    )  # fmt: skip
    yield claim(
        "batch_moe/total", "mixtures of experts follow the dense laws with total and not active "
        "parameters: less than half the regret", "approximation", "active / total", HOLDS,
        _total_counts,
    )  # fmt: skip


STEPLAW_CURVE_CLAIMS = (*_shapes(), *_scales())
