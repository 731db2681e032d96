"""The runs of `cnn_fashion`: what is called how and coloured how in its figures, and 95 % bars of
an optimum, whose standard error is that of its logarithm; over few rounds it comes widened, so that
±1.96 of it is the interval of Student's t."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from figures import style

EXPERIMENT = "cnn_fashion"
SENSES = {
    "further": "the paper's protocol",
    "target": "fewest steps to the loss",
    "fixed": "K steps from a checkpoint",
    "one_step": "one step from a checkpoint",
}
RULES = {"adam": "Adam", "sign": "sign descent"}
TARGETS = (("#4a9bcf", "o"), ("#0b3c73", "s"), ("#d1492e", "^"), ("#c98a00", "D"))


def rules(dataset: xr.Dataset) -> list[str]:
    """The rules that were run, in their order."""
    return [rule for rule in RULES if rule in dataset["rule"].values]


def bars(part: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ε* and the lengths of its bar below and above: ε* exp(±1.96 s)."""
    lr = part["lr_hat"].values
    spread = np.exp(style.Z95 * part["log_lr_sem"].values)
    return lr, lr - lr / spread, lr * spread - lr


def ends(axes: Axes, part: xr.Dataset, **options) -> None:
    """Open triangles where the best rate is an end of the grid: the optimum lies beyond."""
    end, batch = part["lr_end"].values, part["batch"].values
    low = end <= part["lr"].min().item() * 1.001
    for marker, there in (("v", np.isfinite(end) & low), ("^", np.isfinite(end) & ~low)):
        axes.plot(batch[there], end[there], marker, **({"mfc": "white", "zorder": 3.2} | options))


def reduction(dataset: xr.Dataset) -> str:
    """What was run, beside what the paper ran, in one sentence."""
    return (
        f"Run here: {int(dataset['parameters'])} parameters, {dataset.sizes['batch']} batch sizes, "
        f"{dataset.sizes['rate']} learning rates, {dataset.sizes['round']} rounds (the paper: a "
        "network of unknown size, 24, 10 and 100)."
    )
