"""The published language-model runs of Step Law (Li et al. 2025, 2503.04715) as one dataset.

Three sources, laid together: the authors' tables (17 dense cells, 16 of mixtures of experts), the
re-packaged logs of the same runs (all 41 dense cells), and the numbers printed in the picture of
the held-out cell.  A *cell* is one model and one number of tokens; a *run* in it has one learning
rate and one batch size, one seed, and the smoothed training loss at its last step.  Every run had
2,000 steps of warm-up, a cosine to 1e-5, AdamW (0.9, 0.95, 1e-8), weight decay 0.1, clipping at 1
and sequences of 2,048 tokens.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from experiments.errors import InputError
from experiments.steplaw.quality import quality

FOLDER = "steplaw"
SEQUENCE = 2048  # tokens
WARMUP = 2000  # steps
DENSE, MOE, LOGS, HELD_OUT = (
    "dense_lr_bs_loss.csv",
    "moe_lr_bs_loss.csv",
    "losscast_ncpl_steplaw_runs.csv",
    "site_heatmap_N1073741824_D100000000000.csv",
)
ROWS = {DENSE: 1911, MOE: 708, LOGS: 2537, HELD_OUT: 117}
SHAPE = ("h", "ffnh", "numh", "numl")
COLUMNS = {
    DENSE: ("N", "D", "lr", "bs", "ti", "smooth loss", *SHAPE, "exp_name"),
    MOE: ("N", "Na", "D", "lr", "bs", "ti", "smooth loss", *SHAPE, "exp_name"),
    LOGS: ("N", "D", "lr", "bs", "ti", "final_loss", *SHAPE, "run"),
    HELD_OUT: ("N", "D", "lr", "bs", "smooth loss"),
}
WORDS = ("exp_name", "run")  # columns of text
PROVENANCE = {
    "table": "github.com/step-law/steplaw at 32a8f4cc, data/ (no licence file)",
    "logs": "github.com/dangxingyu/losscast-bench at 7ab8291c (MIT), from Weights & Biases",
    "picture": "step-law.github.io at c9a778ce, heat map of the held-out cell (CC BY-SA 4.0)",
}
OFF_LADDER = 0.01  # relative: beyond it a learning rate is no rounded power of √2
NEAR = 0.01  # relative: two numbers of tokens of one cell
UNITS = {
    "N": "parameters without embeddings",
    "N_active": "parameters without embeddings, active per token",
    "D": "tokens",
    "batch": "tokens",
    "steps": "steps",
    "loss": "nats per token",
    "loss_again": "nats per token",
    "width": "entries of the residual stream",
    "hidden": "entries of a feed-forward layer",
    "heads": "attention heads",
    "layers": "layers",
}


def load_runs(data_dir: Path | None) -> xr.Dataset:
    """Every run, along `run`: N, N_active, D (nominal), lr, batch (tokens), steps, loss; `kind`
    ("dense", "moe"), `source` ("table", "logs", "picture"), `held_out`, and `cell`, an index.

    Also `loss_again`, the same run's loss in the logs where it is in both (else NaN), the model's
    shape (`width`, `hidden`, `heads`, `layers`), and the flags of `quality`.

    Errors: InputError for a missing folder or file, other columns or numbers of rows than
    published, values that are not finite and positive.
    """
    if data_dir is None:
        raise InputError("steplaw needs a data folder: give --data-dir or set SURGE_DATA")
    tables = {name: read(data_dir / FOLDER / name) for name in COLUMNS}
    dense = _tidy(tables[DENSE], "dense", "table", loss="smooth loss")
    moe = _tidy(tables[MOE], "moe", "table", loss="smooth loss")
    logs = _tidy(tables[LOGS], "dense", "logs", loss="final_loss")
    picture = _tidy(tables[HELD_OUT], "dense", "picture", loss="smooth loss")
    logs["D"] = _nominal(logs["D"].to_numpy(), dense["D"].to_numpy())
    again = logs.set_index("name")["loss"]
    picture = _shaped(picture, dense)
    known = set(zip(dense["N"], dense["D"], strict=True))
    new = [pair not in known for pair in zip(logs["N"], logs["D"], strict=True)]
    runs: Any = pd.concat([dense, logs[new], picture, moe], ignore_index=True)
    runs["loss_again"] = runs["name"].map(again).where(runs["source"] == "table")
    runs = runs.drop(columns="name")
    runs["held_out"] = runs["source"] == "picture"
    runs["cell"] = runs.groupby(["kind", "N", "N_active", "D"], sort=True).ngroup()
    runs = quality(runs.sort_values(["cell", "batch", "lr"], ignore_index=True))
    found = xr.Dataset({str(name): ("run", np.asarray(runs[name])) for name in runs.columns})
    for name, unit in UNITS.items():
        found[name].attrs["units"] = unit
    return found.assign_attrs({f"source_{name}": text for name, text in PROVENANCE.items()})


def read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    lacking = [name for name in COLUMNS[path.name] if name not in table.columns]
    if lacking:
        raise InputError(f"{path} has no column {', '.join(lacking)}")
    if len(table) != ROWS[path.name]:
        raise InputError(f"{path} has {len(table)} rows in place of {ROWS[path.name]}")
    for name in COLUMNS[path.name]:
        if name in WORDS:
            continue
        values = np.asarray(pd.to_numeric(table[name], errors="coerce"), float)
        if not (np.isfinite(values) & (values > 0)).all():
            raise InputError(f"{path}: {name} must be finite and above 0 in every row")
    return table


def _tidy(table: pd.DataFrame, kind: str, source: str, *, loss: str) -> pd.DataFrame:
    """The columns that all sources share; learning rates are powers of √2, written with 3 or 4
    digits, and go back to them."""
    rung = np.round(2 * np.log2(table["lr"]))
    lr = 2 ** (rung / 2)
    if not np.allclose(lr, table["lr"], rtol=OFF_LADDER, atol=0):
        raise InputError(f"a learning rate of the {source} is no power of √2")
    batch = table["bs"] * SEQUENCE
    total = table["N"].to_numpy(float)
    return pd.DataFrame(
        {
            "N": total,
            "N_active": table["Na"].to_numpy(float) if kind == "moe" else total,
            "D": table["D"].to_numpy(float),
            "lr": np.asarray(lr),
            "batch": batch.to_numpy(float),
            "steps": (table["D"] / batch).to_numpy(float),
            "loss": table[loss].to_numpy(float),
            "kind": kind,
            "source": source,
            "name": next((table[name] for name in WORDS if name in table), ""),
            **{
                name: table[column].to_numpy(float) if column in table else np.nan
                for name, column in zip(("width", "hidden", "heads", "layers"), SHAPE, strict=True)
            },
        }
    )


def _shaped(picture: pd.DataFrame, dense: pd.DataFrame) -> pd.DataFrame:
    """The picture's runs with the shape of the table's model of that size: there is but one."""
    columns = ["width", "hidden", "heads", "layers"]
    shapes = dense.drop_duplicates(["N", *columns]).set_index("N")[columns]
    if not shapes.index.is_unique:
        raise InputError("models of one size have several shapes")
    return picture.drop(columns=columns).join(shapes, on="N")


def _nominal(tokens: np.ndarray, published: np.ndarray) -> np.ndarray:
    """Tokens as the tables name them: the logs count whole batches, up to 0.2 % beside."""
    rounded = np.round(tokens / 1e9) * 1e9
    names = np.unique(np.concatenate([published, rounded]))
    nearest = names[np.abs(np.log(tokens[:, None] / names)).argmin(1)]
    if not np.allclose(nearest, tokens, rtol=NEAR, atol=0):
        raise InputError("a number of tokens of the logs belongs to no cell")
    return nearest
