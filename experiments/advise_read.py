"""A user's own table of runs: CSV with a header and columns of batch size, learning rate and loss.

Columns `params` and `tokens` may stand beside them; the rows must then be of one model and one
number of tokens, or `params` and `tokens` say which.  The unit of the batch is the user's own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.errors import InputError

NAMES = {
    "batch": ("batch", "batch_tokens", "batch_size", "bs", "b"),
    "lr": ("lr", "learning_rate", "eta"),
    "loss": ("loss", "final_loss", "smooth_loss", "smooth loss", "val_loss", "train_loss"),
    "params": ("params", "n"),
    "tokens": ("tokens", "d"),
}
OPTIONAL = ("params", "tokens")
FEWEST_BATCHES, FEWEST_RATES = 2, 3
ALIKE = 0.01  # relative: two numbers of parameters or tokens that are the same
LARGEST = 50_000_000  # bytes


def read_table(path: Path, params: float | None, tokens: float | None) -> Any:
    """Rows (batch, lr, loss), sorted, of batches with at least three learning rates.

    Errors: InputError, in one line, for a file that is missing or no CSV, lacks a column or rows,
    holds what is no positive finite number, constant losses, one batch size, too few rates.
    """
    table = _columns(_csv(path), path)
    table = _of_one_model(table, path, {"params": params, "tokens": tokens})
    if table["batch"].nunique() < FEWEST_BATCHES:
        raise InputError(f"{path} has runs of one batch size only: give two or more")
    if table["loss"].nunique() < FEWEST_BATCHES:
        raise InputError(f"{path}: every run has the same loss")
    counts = table.groupby("batch")["lr"].transform("nunique")
    table = table[counts >= FEWEST_RATES]
    if table["batch"].nunique() < FEWEST_BATCHES:
        raise InputError(
            f"{path}: fewer than {FEWEST_BATCHES} batch sizes have {FEWEST_RATES} learning rates"
        )
    return table.sort_values(["batch", "lr", "loss"], ignore_index=True)[["batch", "lr", "loss"]]


def _csv(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is larger than {LARGEST / 1e6:.0f} MB")
        return pd.read_csv(path, skipinitialspace=True)
    except FileNotFoundError:
        raise InputError(f"{path} is missing") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty") from None
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"cannot read {path} as CSV: {error}") from None


def _columns(table: Any, path: Path) -> Any:
    names = {str(name).strip().lower(): name for name in reversed(table.columns)}
    found = {}
    for ours, theirs in NAMES.items():
        match = next((names[name] for name in theirs if name in names), None)
        if match is not None:
            found[ours] = np.asarray(pd.to_numeric(table[match], errors="coerce"), float)
        elif ours not in OPTIONAL:
            raise InputError(f"{path} has no column {ours!r} (or {', '.join(theirs[1:])})")
    kept = pd.DataFrame(found)
    if kept.empty:
        raise InputError(f"{path} has a header and no runs")
    for name in kept:
        values = kept[name].to_numpy()
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            raise InputError(
                f"{path}: {name} in row {int(bad.argmax()) + 1} is no finite number above 0"
            )
    return kept


def _of_one_model(table: Any, path: Path, asked: dict) -> Any:
    for name, value in asked.items():
        if name not in table:
            continue
        if value is not None:
            table = table[np.isclose(table[name], value, rtol=ALIKE)]
            if table.empty:
                raise InputError(f"{path} has no run with {name} = {value:.4g}")
        elif table[name].max() > (1 + ALIKE) * table[name].min():
            raise InputError(f"{path} has runs of several {name}: say which with --{name}")
    return table
