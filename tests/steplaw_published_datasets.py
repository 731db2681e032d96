"""Runs in the form of the published ones, made up from laws that are known."""

import functools

import numpy as np
import pandas as pd
import xarray as xr

from experiments.steplaw import Spec, curves, published, references
from experiments.steplaw.quality import quality

SIZES = (1.19992e8, 2.14664e8, 5.36873e8, 1.07374e9)
TOKENS = (8e9, 2e10, 1e11)
EXPERTS = 2.15e9, (0.1, 0.5), (2e9, 8e9)  # all parameters, active shares, tokens
LR, BATCH = (1.79, -0.713, 0.307), (0.58, 0.571)
BOWL = np.array([[0.008, -0.003], [-0.003, 0.007]])  # ½ Hessian of ln loss in (ln lr, ln B)
RUNG, REACH = np.log(2) / 2, 5
SPEC = Spec(steps=(0,), resamples=60)


def best(n: float, d: float) -> tuple[float, float]:
    """ln lr and ln B of the optimum."""
    lr = np.log(LR[0]) + LR[1] * np.log(n) + LR[2] * np.log(d)
    return lr, np.log(BATCH[0]) + BATCH[1] * np.log(d)


def cell(n: float, d: float, *, share: float, held_out: bool) -> pd.DataFrame:
    """One cell's grid about its optimum."""
    place = np.array(best(n, d))
    rung = np.round(place / RUNG)
    ladder = np.arange(-REACH, REACH + 1)
    lr, batch = np.meshgrid(*((middle + ladder) * RUNG for middle in rung), indexing="ij")
    gap = np.stack([lr - place[0], batch - place[1]], -1)
    loss = (1.7 + 4e2 / n**0.3 + 4e2 / d**0.3) * np.exp((gap @ BOWL * gap).sum(-1))
    known = {
        "N": n, "N_active": share * n, "D": d, "lr": np.exp(lr).ravel(),
        "batch": np.exp(batch).ravel(), "loss": loss.ravel(),
        "kind": "dense" if share == 1 else "moe",
        "source": "picture" if held_out else "table" if n > 2e8 else "logs", "held_out": held_out,
    }  # fmt: skip
    return pd.DataFrame(known)


def runs(noise: float = 0.0, seed: int = 0) -> xr.Dataset:
    """Twelve dense cells, the last one held out, and four of mixtures; `noise` of ln loss."""
    last = SIZES[-1], TOKENS[-1]
    dense = [(n, d, 1.0) for n in SIZES for d in TOKENS]
    mixed = [(EXPERTS[0], d, share) for share in EXPERTS[1] for d in EXPERTS[2]]
    parts = [
        cell(n, d, share=share, held_out=(n, d) == last).assign(cell=k)
        for k, (n, d, share) in enumerate(dense + mixed)
    ]
    table = pd.concat(parts, ignore_index=True)
    random = np.random.default_rng(seed)
    table["loss"] *= np.exp(noise * random.standard_normal(len(table)))
    table["loss_again"] = table["loss"] * (1 + 3e-4 * random.standard_normal(len(table)))
    table["steps"] = table["D"] / table["batch"]
    table = quality(table)
    return xr.Dataset({str(name): ("run", np.asarray(table[name])) for name in table.columns})


def logs(seed: int = 0) -> xr.Dataset:
    """Curves of eight runs at two batch sizes, whose noise is nearly all shared."""
    random, point = np.random.default_rng(seed), np.arange(1, 61)
    columns = {name: [] for name in ("log_loss", "N", "lr", "batch", "steps")}
    for batch in (1e5, 4e5):
        shared = random.standard_normal(len(point))
        for n in SIZES[:2]:
            for lr in (1e-3, 2e-3):
                own = 0.1 * random.standard_normal(len(point))
                noise = (shared + own) / np.sqrt(batch)
                for name, value in (
                    ("log_loss", 1 / point + noise), ("N", n), ("lr", lr), ("batch", batch),
                    ("steps", 6e4),
                ):  # fmt: skip
                    columns[name].append(value)
    dims = {"log_loss": ("run", "point")}
    return xr.Dataset(
        {name: (dims.get(name, ("run",)), np.array(value)) for name, value in columns.items()}
    )


def theirs(of: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Published models about the law, and a figure of the cells' optima."""
    random = np.random.default_rng(seed)
    middle = np.array([np.log(LR[0]), *LR[1:], np.log(BATCH[0]), BATCH[1]])
    models = middle + 0.02 * random.standard_normal((100, 5))
    dense = (of["kind"].values == "dense") & ~of["held_out"].values
    cells = np.unique(np.stack([of["N"].values, of["D"].values], 1)[dense], axis=0)
    figure = [[n, d, *np.exp(best(n, d))] for n, d in cells]
    return xr.Dataset(
        {
            "models": (("model", "coefficient"), models),
            "figure": (("figure_cell", "column"), np.array(figure)),
        }
    )


def steplaw() -> xr.Dataset:
    """What the paper's part of the experiment makes of made-up runs."""
    return _steplaw().copy(deep=True)


@functools.cache
def _steplaw() -> xr.Dataset:
    made = runs(noise=5e-4)
    parts = [
        published.measure(made, SPEC), curves.measure(logs()),
        references.measure(made, theirs(made)),
    ]  # fmt: skip
    return xr.merge(parts, join="exact", compat="no_conflicts")
