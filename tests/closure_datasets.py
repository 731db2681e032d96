"""A small dataset of the form of `closure`, made up: simulations that follow their prediction."""

import numpy as np
import xarray as xr

from experiments.closure import joined
from experiments.closure_laws import SIGNS

BATCH = 4.0 ** np.arange(8)
LRS = np.geomspace(4e-3, 1.2, 27)
GROUPS = 16
AXES = {"by_target": ("target", [0.5, 0.2, 0.05]), "by_horizon": ("horizon", [30, 80, 240])}


def _valley(batch: np.ndarray, sense: str) -> np.ndarray:
    """Steps (or losses) by batch size, rate and target (or horizon), (b, e, 3)."""
    centre = np.log(0.15 / (1 + np.sqrt(60 / batch)))[:, None, None]
    least = (0.01 + 1 / batch)[:, None, None] * np.array([3.0, 2.0, 1.0])
    steps = 100 if sense == "by_target" else 1
    return steps * least * np.exp(0.5 * (np.log(LRS)[:, None] - centre) ** 2)


def _pair(rule: str, noise: float, off: float) -> xr.Dataset:
    rng, names = np.random.default_rng(0), ["closure", "half the noise"]
    names += ["independent remainders"] if rule in SIGNS else []
    cell, laws = {}, {}
    for sense, (axis, _) in AXES.items():
        law = [_valley(BATCH, sense), _valley(4 * BATCH, sense), 1.3 * _valley(BATCH, sense)]
        laws[f"{sense}_law"] = (("law", "batch", "lr", axis), np.stack(law[: len(names)]))
        shift = noise * rng.standard_normal((len(BATCH), 1, GROUPS, 1))
        whole = shift.mean(2, keepdims=True)
        shift = np.concatenate([whole, (GROUPS * whole - shift) / (GROUPS - 1)], 2)
        value = law[0][:, :, None] * (1 + shift) * off
        cell[sense] = (("batch", "lr", "replicate", axis), value)
    laws["index"] = (("batch", "lr"), LRS * np.sqrt(BATCH)[:, None])
    laws["seconds"] = laws["norm"] = ((), 1.0)
    coords = {"batch": BATCH, "lr": LRS} | dict(AXES.values())
    return joined(xr.Dataset(cell, coords), xr.Dataset(laws, coords | {"law": names}))


def closure(
    problems: tuple[str, ...] = ("coherent", "diagonal"),
    rules: tuple[str, ...] = ("sgd", "sign", "signum", "adam"),
    *,
    noise: float = 0.01,
    off: float = 1.0,
) -> xr.Dataset:
    """Losses that are `off` times the predicted ones, with as much noise between groups."""
    parts = [
        _pair(rule, noise, off).expand_dims(problem=[problem], rule=[rule])
        for problem in problems
        for rule in rules
    ]
    whole: xr.Dataset = xr.merge(parts, join="outer", compat="no_conflicts")
    return whole.sel(problem=list(problems), rule=list(rules))
