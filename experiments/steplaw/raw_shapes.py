"""The shape of a law, its exponent or coherence, by profile likelihood on the raw losses.

The deviance is counted in units of the law's own per degree of freedom, since the surface of the
losses (`raw_losses`) describes them to within more than their scatter. Runs of one cell are taken
for independent: intervals are narrower than those from resampling cells (`verdicts`).
"""

import numpy as np
import xarray as xr

from experiments.steplaw.joint import best, copies, joint
from experiments.steplaw.raw_losses import STEEP, near_minima, profile, raw_losses
from experiments.steplaw.verdicts import Long
from sim.estimate import Z95
from theory.rivals import RIVALS

PROFILED = ("power", "alpha", "knee", "coherent")


def shapes(data: Long, runs: xr.Dataset) -> xr.Dataset:
    """By law: the shape, its 95 % interval (NaN where that is beyond the profile), the profile."""
    near, rows, keep = near_minima(runs, data.slices), [], data.known
    for name in PROFILED:
        law = joint(RIVALS[name], data.slices)
        start = best(law.at(keep), RIVALS[name], data.log_rate[keep], data.weight[keep])
        model = raw_losses(law, near, data.slices)
        at = copies(model, np.append(start, np.log(STEEP)), near.log_loss, near.weight)[0]
        place, depth = profile(model, at, len(at) - 2)
        free = len(near.slice) - data.slices.sizes["slice"] - 2 * len(data.cells) - len(at)
        rise = (depth - depth.min()) / (depth.min() / free)
        rows.append((np.exp(at[-2]), *np.exp(_ends(place, rise)), np.exp(place), rise))
    value, low, high, place, rise = (np.array(column) for column in zip(*rows, strict=True))
    columns = {
        "raw_shape_value": ("raw_law", value),
        "raw_shape_low": ("raw_law", low),
        "raw_shape_high": ("raw_law", high),
        "raw_profile_shape": (("raw_law", "raw_place"), place),
        "raw_profile_rise": (("raw_law", "raw_place"), rise),
    }
    return xr.Dataset(columns, {"raw_law": list(PROFILED)})


def _ends(place: np.ndarray, rise: np.ndarray) -> tuple[float, float]:
    """Where the rise passes Z95² on both sides of its least: its root is nearly straight there."""
    least, height = int(rise.argmin()), np.sqrt(np.maximum(rise, 0.0))
    sides = slice(least, None, -1), slice(least, None)
    ends = [
        float(np.interp(Z95, height[side], place[side], right=np.nan))
        for side in sides
    ]  # fmt: skip
    return ends[0], ends[1]
