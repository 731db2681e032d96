"""Every figure is drawn from its dataset alone, whatever part of it was measured."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from figures import axes, quadratics, ratios, style
from figures.catalogue import FIGURES
from figures.existence import ENTRY as EXISTENCE
from figures.residuals import critical, standardised

BATCH = np.array([1, 16, 256, 4096])
FINE = np.geomspace(1, 4096, 13)
PROBLEMS = ("silent", "rank_one", "negative_s_surge", "diagonal", "new_problem")


def quadratic(problems: tuple[str, ...] = PROBLEMS, rules=("sgd", "sign")) -> xr.Dataset:
    """A small dataset of the form of `onestep_quadratic`, made up."""
    shape = (len(problems), len(rules), len(BATCH))
    dims = ("problem", "rule", "batch")
    height = 1 + np.arange(len(problems))[:, None, None]

    def curve(batch):
        return height * np.sqrt(batch) / (1 + 0.02 * batch) * np.ones((1, len(rules), 1)) + 0.1

    data: dict = {}
    for quantity in ("lr_star", "decrease", "numerator", "denominator"):
        law = curve(BATCH)
        wiggle = 0.002 * np.sin(np.arange(law.size)).reshape(shape)
        data[f"{quantity}_law"] = (dims, law)
        data[f"{quantity}_mean"] = (dims, law * (1 + wiggle))
        data[f"{quantity}_sem"] = (dims, 0.0015 * law)
    fine = curve(FINE)
    independent = fine.copy()
    if "silent" in problems:
        independent[problems.index("silent")] *= 1.4
    data["lr_star_fine"] = ((*dims[:2], "batch_fine"), fine)
    data["lr_star_independent_fine"] = ((*dims[:2], "batch_fine"), independent)
    ones = np.ones(len(problems))
    signs = np.where(np.arange(len(problems)) == 2, -1.0, 1.0)
    for name, value in {
        "trace": ones, "S": signs, "Q": 3 * ones, "b_noise": np.where(signs > 0, 50.0, np.nan),
        "plateau": 0.2 * ones, "plateau_without_silent": 0.3 * ones, "b_peak_common": 40 * ones,
    }.items():  # fmt: skip
        data[name] = ("problem", value)
    coords = {"problem": list(problems), "rule": list(rules), "batch": BATCH, "batch_fine": FINE}
    return xr.Dataset(data, coords=coords)


def network(names: tuple[str, ...] = ("digits_mlp", "fashion_cnn")) -> xr.Dataset:
    """A small dataset of the form of `onestep_network`, made up."""
    batch = np.array([1, 4, 16, 64, 256, 1024, 4096])
    shape, dims = (len(names), 4, len(batch)), ("network", "checkpoint", "batch")
    scale = np.geomspace(1e-3, 2e-4, 4)[:, None] * np.geomspace(1, 0.3, len(names))[:, None, None]
    true = scale * np.sqrt(batch) / np.sqrt(1 + batch / 100)
    sem = 0.03 * true * (batch > 1)
    data: dict = {
        "lr_star_mean": (dims, true),
        "lr_star_sem": (dims, sem),
        "lr_independent": (dims, true * (1 + 20 / np.sqrt(batch))),
        "lr_gaussian": (dims, true * (1 + 0.8 / batch)),
        "lr_gaussian_sem": (dims, 0.02 * true),
        "loss": (dims[:2], np.broadcast_to([2.3, 0.6, 0.11, 0.021], shape[:2])),
        "b_noise": (dims[:2], np.full(shape[:2], 30.0)),
        "parameters": ("network", np.full(len(names), 8970)),
        "population": ("network", np.full(len(names), 1797)),
    }
    for suffix, factor in (("", 1.05), ("_low", 0.95), ("_high", 1.2)):
        line = factor * true[..., [0, 3, 6]]
        data[f"lr_line{suffix}"] = ((*dims[:2], "line_batch"), line)
    coords = {"network": list(names), "checkpoint": range(4), "batch": batch}
    return xr.Dataset(data, coords={**coords, "line_batch": batch[[0, 3, 6]]})


def made_up(experiment: str) -> xr.Dataset:
    return quadratic() if experiment == "onestep_quadratic" else network()


def holed(dataset: xr.Dataset) -> xr.Dataset:
    """The same with a value missing in each measured curve, and all of the first entry."""
    gaps = dataset.copy(deep=True)
    for name in ("lr_star_mean", "lr_star_sem", "decrease_mean", "lr_independent", "lr_line"):
        if name in gaps:
            gaps[name][..., 1] = np.nan
            gaps[name][0] = np.nan
    return gaps
