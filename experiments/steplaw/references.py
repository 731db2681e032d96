"""What the authors published of their own fit: 1,000 bootstrap models, and a figure of optima."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from experiments.errors import InputError
from experiments.steplaw.data import FOLDER
from experiments.steplaw.power_law import COEFFICIENTS, by_cell, near_best

MODELS, FIGURE = "1004_fitted_lr_bs_scaling_model_parameters.csv", "digitised_fig7_cells.csv"
COLUMNS = {
    MODELS: ("lr_intercept", "lr_coefN", "lr_coefD", "bs_intercept", "bs_coefD"),
    FIGURE: ("N", "D", "lr_mean", "bs_tokens_mean"),
}
ROWS = {MODELS: 1000, FIGURE: 41}
NEAR = 0.02  # relative: two numbers of tokens of one cell


def load_references(data_dir: Path | None) -> xr.Dataset:
    """`models` (model, coefficient) and `figure` (figure_cell, column).  Errors: InputError for a
    missing folder or file, other columns, rows or values than published."""
    if data_dir is None:
        raise InputError("steplaw needs a data folder: give --data-dir or set SURGE_DATA")
    tables = {name: _read(data_dir / FOLDER / name) for name in COLUMNS}
    return xr.Dataset(
        {
            "models": (("model", "coefficient"), tables[MODELS]),
            "figure": (("figure_cell", "column"), tables[FIGURE]),
        },
        {"coefficient": list(COEFFICIENTS[:5]), "column": list(COLUMNS[FIGURE])},
    )


def _read(path: Path) -> np.ndarray:
    names = list(COLUMNS[path.name])
    try:
        table = pd.read_csv(path)
        lacking = [name for name in names if name not in table.columns]
        values = table.drop(columns=[n for n in table.columns if n not in names]).to_numpy(float)
    except FileNotFoundError:
        raise InputError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if lacking:
        raise InputError(f"{path} has no column {', '.join(lacking)}")
    if len(table) != ROWS[path.name] or not np.isfinite(values).all():
        raise InputError(f"{path} has other rows than published")
    return np.asarray(table[names], float)


def measure(runs: xr.Dataset, published: xr.Dataset) -> xr.Dataset:
    """The published models' mean and 95 % interval by coefficient; and ln of the figure's optima
    over those computed from the runs, (figure_cell, axis)."""
    models = published["models"].values
    low, high = np.quantile(models, (0.025, 0.975), 0)
    there = np.flatnonzero((runs["kind"].values == "dense") & ~runs["held_out"].values)
    mine = by_cell(near_best(runs.isel(run=there)))
    n, d, lr, batch = published["figure"].values.T
    far = np.hypot(np.log(n)[:, None] - mine.log_n, np.log(d)[:, None] - mine.log_d)
    nearest = far.argmin(1)
    if far.min(1).max() > NEAR:
        raise InputError(f"a point of {FIGURE} belongs to no cell")
    ratio = np.stack(
        [np.log(lr) - mine.log_lr[nearest], np.log(batch) - mine.log_batch[nearest]], 1
    )
    return xr.Dataset(
        {
            "models_mean": ("model_coefficient", models.mean(0)),
            "models_low": ("model_coefficient", low),
            "models_high": ("model_coefficient", high),
            "figure_gap": (("figure_cell", "axis"), ratio),
        },
        {"model_coefficient": list(COEFFICIENTS[:5]), "axis": ["lr", "batch"]},
    )
