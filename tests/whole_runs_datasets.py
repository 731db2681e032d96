"""A small dataset of the form of `whole_runs`, made up: surges where directions are coherent."""

import numpy as np
import xarray as xr

from experiments.run_peaks import T95
from experiments.whole_runs import optima, with_units

BATCH = 2.0 ** np.arange(0, 16)
LRS = np.geomspace(1e-3, 3.0, 46)
GROUPS = 16
AXES = {
    "by_target": ("target", [0.5, 0.25, 0.2, 0.1, 0.05, 0.025, 0.0125]),
    "by_horizon": ("horizon", [50, 100, 200, 400]),
    "by_branch": ("after", [4, 16, 64]),
}
LINEAR = ("sgd", "momentum")


def _shape(problem: str, rule: str, sense: str, place: float) -> np.ndarray:
    """ε*(B), from 0.01 on."""
    scale = 30.0 / place if sense == "by_target" else 100.0
    if rule in LINEAR:
        return 0.4 / (1 + 1.5 * scale / BATCH)
    if problem == "diagonal" and sense == "by_target":
        return 0.25 / np.sqrt(1 + scale / BATCH)
    u = BATCH / scale
    return 0.15 * np.sqrt(u) / (1 + u) + 0.025 * u / (1 + u)


def _values(problem: str, rule: str, sense: str, noise: float) -> xr.DataArray:
    axis, places = AXES[sense]
    centre = np.stack([np.log(_shape(problem, rule, sense, place)) for place in places], -1)
    rng = np.random.default_rng(0)
    shift = noise * rng.standard_normal((*centre.shape, GROUPS))
    whole = shift.mean(-1, keepdims=True)
    shift = np.concatenate([whole, (GROUPS * whole - shift) / (GROUPS - 1)], -1)
    gap = np.log(LRS)[:, None, None] - (centre[..., None] + shift)[:, None]
    least = 20.0 + 200.0 / BATCH + (0.01 * BATCH if rule == "sign" else 0.0)
    value = least[:, None, None, None] * np.exp(0.5 * gap**2)
    coords = {"batch": BATCH, "lr": LRS, axis: places}
    return xr.DataArray(value, coords, ("batch", "lr", axis, "replicate"), name=sense)


def whole_runs(
    problems: tuple[str, ...] = ("coherent", "diagonal", "fisher", "power_law", "power_law_fisher"),
    rules: tuple[str, ...] = ("sign", "adam", "sgd"),
    *,
    noise: float = 0.01,
) -> xr.Dataset:
    """Optima, peaks and drifts of made-up valleys; the last pair was not run."""
    parts: list[xr.Dataset] = []
    for problem in problems:
        for rule in rules:
            if len(parts) == len(problems) * len(rules) - 1 > 0:
                continue
            found = []
            for sense in AXES:
                value = _values(problem, rule, sense, noise)
                found.append(optima(value.transpose("batch", "lr", "replicate", ...)))
            one = xr.merge(found, compat="no_conflicts", join="exact")
            one["branch_step"] = ((), 100)
            parts.append(one.expand_dims(problem=[problem], rule=[rule]))
    joined = xr.merge(parts, join="outer", compat="no_conflicts")
    chosen: xr.Dataset = joined.sel(problem=list(problems), rule=list(rules))
    return with_units(chosen).assign_attrs(seeds=64, groups=GROUPS, t95=T95)
