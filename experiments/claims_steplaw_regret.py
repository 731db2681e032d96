"""What Step Law and its rivals lose, mixtures of experts, and the noise: claims on the public runs.

Bands and expectations as in `claims_steplaw`: written after the numbers were known.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from sim.estimate import Z95
from theory.scaling import SCALINGS

# id, statement, kind, unit, expected, judge
Row = tuple[str, str, str, str, str, Callable[[xr.Dataset], Outcome]]
PERMILLE = 2.5  # of the loss: what the paper takes for as good as the best
MIXTURES = {"1in89": HOLDS, "2in88": HOLDS, "1in8": HOLDS, "3in8": FAILS}


def _held_out(most: float, data: xr.Dataset) -> Outcome:
    """Of one run each: the error is that of the best run and of an interpolated one."""
    here = int(np.flatnonzero(data["cell_held_out"].values)[0])
    part = data["permille"].sel(dense_cell=here, constants="corrected", batch_from="own")
    part = part.sel(reading="bilinear")
    half = 1000 * Z95 * 1.2 * float(data["noise_by_excess"][0])
    controls = {name: part.sel(published_rule=name).values for name in ("openai", "deepseek")}
    return judge.within(
        part.sel(published_rule="step").values, half, (-most, most), controls, n=117
    )


def _everywhere(most: float, data: xr.Dataset) -> Outcome:
    """The mean over all dense cells but the held-out one."""
    cells = np.flatnonzero(~data["cell_held_out"].values[: data.sizes["dense_cell"]])
    part = data["permille"].isel(dense_cell=cells).sel(
        published_rule="step", constants="corrected", batch_from="own", reading="bilinear"
    )  # fmt: skip
    value = part.values
    half = Z95 * value.std(ddof=1) / np.sqrt(value.size)
    return judge.within(value.mean(), half, (0.0, most), {}, n=value.size)


def _table(rule: str, data: xr.Dataset) -> Outcome:
    """The printed number less the recomputed one, read off between the very same runs."""
    if rule not in data["table_rule"].values:
        raise Absent("not printed")
    gap = data["table_gap"].sel(
        table_rule=rule, reading="bilinear", lr_only_batch="best for this rate"
    )
    rounding = 1000 * 0.5e-4 / 2.0
    return judge.within(gap.sel(constants="corrected").values, rounding, (-1.0, 1.0), {}, n=117)


def _beats(rule: str, data: xr.Dataset) -> Outcome:
    """Mean over all dense cells of the rival's regret less Step Law's, each with its best batch."""
    part = data["permille"].sel(
        constants="corrected", batch_from="best for this rate", reading="bilinear"
    )
    gap = (part.sel(published_rule=rule) - part.sel(published_rule="step")).values
    mean, sem = gap.mean(), gap.std(ddof=1) / np.sqrt(gap.size)
    return judge.exceeds(mean, sem, {"itself": (0.0 * mean, sem)}, n=gap.size, z=4.0)


def _mixtures(data: xr.Dataset) -> Outcome:
    value = data["moe_permille"].sel(moe_count="total").values
    half = Z95 * value.std(ddof=1) / np.sqrt(value.size)
    active = data["moe_permille"].sel(moe_count="active").values.mean(keepdims=True)
    return judge.within(value.mean(), half, (0.0, PERMILLE), {"active": active}, n=value.size)


def _mixture(place: int, data: xr.Dataset) -> Outcome:
    """By sparsity: four cells each; regret with N active less that with N total."""
    sparsity = data["moe_sparsity"].values
    if place >= len(np.unique(sparsity)):
        raise Absent("no such mixture")
    mine = sparsity == np.unique(sparsity)[place]
    permille = data["moe_permille"].values[mine]
    gap = permille[:, 1] - permille[:, 0]
    mean, sem = gap.mean(), gap.std(ddof=1) / np.sqrt(gap.size)
    return judge.exceeds(mean, sem, {}, n=int(mine.sum()), z=3.182)  # t of 3 degrees, 95 %


def _shared(place: int, data: xr.Dataset) -> Outcome:
    part = data.isel(noise_group=place)
    value, half = float(part["curve_shared"]), float(part["curve_shared_half"])
    return judge.within(
        value, half, (0.5, 1.0), {"independent": np.zeros(1)}, n=int(part.curve_slices)
    )


def _root(data: xr.Dataset) -> Outcome:
    value, half = float(data["curve_noise_exponent"]), Z95 * float(data["curve_noise_exponent_sem"])
    controls = {"none": np.zeros(1), "inverse": -np.ones(1)}
    return judge.within(value, half, (-0.6, -0.4), controls, n=int(data["curve_runs"].sum()))


def regret_rows() -> Iterator[Row]:
    """The claims' rows."""
    for key, most, verdict in (("0.094", 0.94, INCONCLUSIVE), ("0.25", PERMILLE, HOLDS)):
        words = f"Step Law is within {key} % of the best run of the held-out cell"
        yield (
            f"regret/held_out/{key}",
            words,
            "approximation",
            "‰",
            verdict,
            partial(_held_out, most),
        )
    for key, most, verdict in (("0.094", 0.94, FAILS), ("0.25", PERMILLE, HOLDS)):
        words = f"… and of all others, on average, within {key} %"
        yield f"regret/all/{key}", words, "approximation", "‰", verdict, partial(_everywhere, most)
    for rule, scaling in SCALINGS.items():
        if scaling.permille:
            words = f"the comparison table's number for {scaling.words}, within 1 ‰"
            yield f"regret/table/{rule}", words, "approximation", "‰", HOLDS, partial(_table, rule)
        if scaling.lr and rule != "step":
            words = f"Step Law's learning rate loses less than {scaling.words}'s over all cells"
            yield f"regret/beats/{rule}", words, "optimality", "‰", HOLDS, partial(_beats, rule)
    yield (
        "moe/total",
        "mixtures of experts, N total: within 0.25 % of the best, on average",
        "approximation",
        "‰",
        HOLDS,
        _mixtures,
    )
    for place, (name, verdict) in enumerate(MIXTURES.items()):
        words = f"{name}: N total does better than N active"
        yield f"moe/better/{name}", words, "optimality", "‰", verdict, partial(_mixture, place)
    for place, (key, words) in enumerate(
        {"slice": "two learning rates", "models": "two models"}.items()
    ):
        words = f"the noise of a smoothed loss is shared by {words} with the same tokens"
        yield (
            f"noise/shared/{key}",
            words,
            "approximation",
            "correlation",
            HOLDS,
            partial(_shared, place),
        )
    yield ("noise/root", "… and falls as 1/√B", "approximation", "exponent", HOLDS, _root)
