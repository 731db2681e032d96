"""The re-packaged loss curves: how much of a run's loss is luck, and who shares that luck.

A curve is the smoothed training loss every 1,000 steps.  Third differences of its second half,
over √20, leave out any smooth decay and have the variance of independent noise.  Runs with one
batch size and one number of steps see the same tokens in the same order: their noise is compared
between learning rates of one model (a slice) and between models.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from experiments.errors import InputError
from experiments.steplaw.data import FOLDER, LOGS, SEQUENCE, read

CURVES, POINTS, EVERY = "losscast_ncpl_steplaw_curves.csv.gz", 269_455, 1000
LEAST = 16  # points of a curve
ORDER, VARIANCE = 3, 20  # third differences of independent noise have 20 times its variance
GROUPS = ("same model", "other model")


def load_curves(data_dir: Path | None) -> xr.Dataset:
    """Every curve, (run, point), ln of smoothed loss, NaN beyond its end; N, lr, batch (tokens) and
    steps along `run`.  Errors: InputError as of `load_runs`."""
    if data_dir is None:
        raise InputError("steplaw needs a data folder: give --data-dir or set SURGE_DATA")
    path = data_dir / FOLDER / CURVES
    try:
        points = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing") from None
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if list(points.columns) != ["run", "step", "smooth_loss"] or len(points) != POINTS:
        raise InputError(f"{path} has other columns or rows than published")
    runs = read(data_dir / FOLDER / LOGS).set_index("run")
    points = points[points["step"] % EVERY == 0]
    table = points.pivot(index="run", columns="step", values="smooth_loss")
    if (table <= 0).to_numpy().any() or not table.index.isin(runs.index).all():
        raise InputError(f"{path} has losses that are not above 0, or unknown runs")
    runs = runs.loc[table.index]
    return xr.Dataset(
        {
            "log_loss": (("run", "point"), np.log(table.to_numpy())),
            "N": ("run", runs["N"].to_numpy(float)),
            "lr": ("run", runs["lr"].to_numpy(float)),
            "batch": ("run", SEQUENCE * runs["bs"].to_numpy(float)),
            "steps": ("run", runs["ti"].to_numpy(float)),
        }
    )


def scatter(log_loss: np.ndarray) -> np.ndarray:
    """Noise of each point about a smooth decay, (runs, points − 3), NaN in a curve's first half and
    beyond its end."""
    length = np.isfinite(log_loss).sum(1)
    found = np.diff(log_loss, ORDER, 1) / np.sqrt(VARIANCE)
    early = np.arange(found.shape[1]) < length[:, None] // 2
    return np.where(early | (length[:, None] < LEAST), np.nan, found)


def measure(curves: xr.Dataset) -> xr.Dataset:
    """`curve_noise` of one point by batch size, the root mean square over a run's late points,
    median over runs, with half its 95 % interval; `curve_shared`, the mean correlation of the noise
    of two runs with the same tokens: of one model at two learning rates, of two models; with 95 %
    intervals over slices."""
    noise = scatter(curves["log_loss"].values)
    known = np.isfinite(noise).any(1)
    noise, runs = noise[known], curves.isel(run=np.flatnonzero(known))
    size = np.sqrt(np.nanmean(noise**2, 1))
    batches, place = np.unique(runs["batch"].values, return_inverse=True)
    by_batch = [size[place == k] for k in range(len(batches))]
    (slope, _), spread = np.polyfit(np.log(runs["batch"].values), np.log(size), 1, cov=True)
    frame = runs[["N", "lr", "batch", "steps"]].to_dataframe().reset_index(drop=True)
    frame["row"] = np.arange(len(frame))
    slices = [g["row"].to_numpy() for _, g in frame.groupby(["N", "batch", "steps"])]
    models = frame.groupby(["N", "batch", "steps"]).head(1)
    others = [g["row"].to_numpy() for _, g in models.groupby(["batch", "steps"])]
    shared = [_correlations(noise, groups) for groups in (slices, others)]
    mean = np.array([np.mean(found) for found in shared])
    half = np.array([1.96 * np.std(found, ddof=1) / np.sqrt(len(found)) for found in shared])
    return xr.Dataset(
        {
            "curve_noise": ("noise_batch", [np.median(found) for found in by_batch]),
            "curve_noise_half": ("noise_batch", [_half(found) for found in by_batch]),
            "curve_runs": ("noise_batch", [len(found) for found in by_batch]),
            "curve_noise_exponent": ((), slope),
            "curve_noise_exponent_sem": ((), np.sqrt(spread[0, 0])),
            "curve_shared": ("noise_group", mean),
            "curve_shared_half": ("noise_group", half),
            "curve_slices": ("noise_group", [len(found) for found in shared]),
        },
        {"noise_batch": ("noise_batch", batches), "noise_group": list(GROUPS)},
    )


def _half(values: np.ndarray) -> float:
    """Half the 95 % interval of a median, by ranks: some runs are unstable and scatter wildly."""
    reach = 0.98 / np.sqrt(len(values))
    low, high = np.quantile(values, (max(0.5 - reach, 0.0), min(0.5 + reach, 1.0)))
    return float(0.5 * (high - low))


def _correlations(noise: np.ndarray, groups: list[np.ndarray]) -> list[float]:
    """The mean correlation between the runs of each group, of those with two or more."""
    found = []
    for rows in groups:
        if len(rows) > 1:
            values = noise[rows]
            there = np.isfinite(values).all(0)
            matrix = np.corrcoef(values[:, there])
            found.append(float(matrix[np.triu_indices(len(rows), 1)].mean()))
    return found
