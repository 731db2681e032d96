"""Datasets of the form of `cnn_fashion`: made-up runs, and what the experiment makes of them."""

from functools import cache

import numpy as np
import rival_datasets
import xarray as xr

from experiments.cnn_optima import lines, optima
from experiments.gaussianity import ALTERNATIVES, BINS
from experiments.rival_fits import curve_name, together

BATCH = np.array([1, 2, 4, 8, 12, 64, 264, 664, 1164])
LAW_BATCH = 2.0 ** np.arange(15)
TARGETS = (1.2, 0.8, 0.6)
RULES = ("adam", "sign")
GRIDS = {"adam": np.geomspace(5e-5, 5e-2, 13), "sign": np.geomspace(4e-6, 2e-2, 13)}
PEAK = 150.0  # batch size of the largest ε* that the runs are made with
ROUNDS, SEEDS = 6, 5


def best(rule: str, batch, target: float):
    """ε* of the made-up runs: a surge; at B = 1 and loss 0.6 it lies below the grid."""
    batch = np.asarray(batch, float)
    height = {"adam": 1e-2, "sign": 2e-3}[rule] * target
    lowest = np.where((batch == 1) & (target == TARGETS[-1]), 1e-3, 1.0)
    return height * lowest * 2 / (np.sqrt(PEAK / batch) + np.sqrt(batch / PEAK))


def _runs(rule: str, generator) -> tuple[xr.Dataset, xr.Dataset]:
    """All runs, and all branches, of a rule: parabolas in ln ε with some noise."""
    lr = GRIDS[rule][:, None]
    shape = (len(BATCH), ROUNDS, len(lr), len(TARGETS))
    off = np.array([np.log(lr[:, 0, None] / best(rule, b, t)) for b in BATCH
                    for t in TARGETS]).reshape(len(BATCH), len(TARGETS), len(lr))  # fmt: skip
    off = np.moveaxis(off, 1, 2)[:, None] + 0.1 * generator.standard_normal((*shape[:2], 1, 1))
    fewest = 30 / np.array(TARGETS) * (1 + 60 / BATCH[:, None])
    steps = fewest[:, None, None] * np.exp(0.1 * off**2) * np.ones(shape)
    before = np.array(TARGETS) * np.ones(shape)
    after = before - 0.1 * (1 - 0.2 * off**2)
    after[0, 0, -1] = np.nan  # it diverged
    by = ("batch", "round", "rate", "target")
    runs = xr.Dataset({"steps": (by, steps), "before": (by, before), "after": (by, after),
                       "lr": ("rate", lr[:, 0])})  # fmt: skip
    order = ("target", "batch", "rate", "seed")
    later = np.moveaxis(after[:, :SEEDS], (3, 0, 2, 1), (0, 1, 2, 3))
    fixed = xr.Dataset({
        "fixed_after": (order, np.nan_to_num(later, nan=9.0)),
        "fixed_before": (order[:2], np.array(TARGETS)[:, None] * np.ones(len(BATCH))),
    })  # fmt: skip
    return runs, fixed


def _one_step() -> dict:
    rate = np.stack([best("sign", BATCH, 1.0) * t for t in TARGETS])
    law = np.stack([best("sign", LAW_BATCH, 1.0) * t for t in TARGETS])
    by, wide = ("target", "batch"), ("target", "law_batch")
    numerator = np.ones(rate.shape)
    numerator[0, 0] = 0.01  # no more than chance: no ε*
    return {
        "one_lr_star_mean": (by, rate), "one_lr_star_sem": (by, 0.05 * rate),
        "one_numerator_mean": (by, numerator),
        "one_numerator_sem": (by, 0.02 * np.ones(rate.shape)),
        "lr_independent": (wide, law * (1 + 20 / np.sqrt(LAW_BATCH))),
        "lr_gaussian": (wide, np.where(np.arange(3)[:, None] == 2, np.maximum.accumulate(law, 1) *
                                       LAW_BATCH**0.01, law)),
        "lr_gaussian_sem": (wide, 0.03 * law),
    }  # fmt: skip


def _network() -> dict:
    ratio = np.exp(-0.5 * ((np.log10(10.0 ** (np.arange(4, 30) / 4)) - 3) / 0.8) ** 2)
    centre = 0.5 * (BINS[1:] + BINS[:-1])
    values = np.stack([np.exp(-(np.abs(centre) ** p) / 2) for p in (0.8, 1.2, 1.6, 1.9, 2.0)])
    values /= values.sum(1, keepdims=True)
    each = np.ones(len(TARGETS))
    return {
        "histogram": (("target", "ratio_from"), np.tile(np.round(900 * ratio), (3, 1))),
        "values": (("target", "gaussian_batch", "bin"), np.tile(values, (3, 1, 1))),
        "rejected": (("target", "gaussian_batch"), np.tile([0.97, 0.7, 0.4, 0.2, 0.1], (3, 1))),
        "coordinates": ("target", 1024 + 0 * BATCH[:3]), "samples": ("target", 512 + 0 * BATCH[:3]),
        "b_simple": ("target", [60.0, 120.0, 200.0]), "b_simple_other_sem": ("target", 9 * each),
        "b_noise": ("target", [45.0, 90.0, 150.0]), "b_noise_other_sem": ("target", 8 * each),
        "b_noise_mc": ("target", 4 * each), "b_noise_law": ("target", [0.2, 0.4, np.nan]),
        "b_noise_correlated": ("target", [80.0, np.nan, np.nan]),
        "b_noise_correlated_mc": ("target", [12.0, np.nan, np.nan]),
        "corr_D1": ("target", [400.0, -50.0, 3.0]), "corr_D1_sem": ("target", [60.0, 4.0, 9.0]),
        "S_law": ("target", [1700.0, 900.0, -5.0]), "point_loss": ("target", list(TARGETS)),
    }  # fmt: skip


def _fits() -> xr.Dataset:
    """Fits to two curves as the experiment names them; the surge to a plateau describes both."""
    found = [
        rival_datasets.made("cnn_fashion", (rule, f"{target:g}"), sense, rule, target)
        for rule, sense, target in (("sign", "one_step", 1.2), ("adam", "target", 0.6))
    ]
    curves = [
        one.curve._replace(name=curve_name(sense, *one.curve.name.split("/")[1:]))
        for one, sense in zip(found, ("one_step", "target"), strict=True)
    ]
    tables = [one.table.assign(delta_aicc=100 * one.table.worst) for one in found]
    whole = together(curves, tables)
    kept = ("curve", "law", "control", "point")
    names = {name: f"fit_{name}" for name in [*whole.variables, *whole.dims] if name not in kept}
    return whole.rename(names)


def cnn() -> xr.Dataset:
    """The whole dataset; optima, lines and scales are those of the experiment's own functions."""
    return _cnn().copy(deep=True)


@cache
def _cnn() -> xr.Dataset:
    generator = np.random.default_rng(7)
    parts = [_runs(rule, generator) for rule in RULES]
    runs, fixed = (xr.concat(some, "rule", data_vars="all") for some in zip(*parts, strict=True))
    coords = {"rule": list(RULES), "batch": BATCH, "target": list(TARGETS)}
    runs, fixed = runs.assign_coords(coords), fixed.assign_coords(coords)
    points = xr.Dataset(
        _one_step() | _network(),
        coords={
            "target": list(TARGETS), "batch": BATCH, "law_batch": LAW_BATCH,
            "ratio_from": 10.0 ** (np.arange(4, 30) / 4), "gaussian_batch": [1, 4, 16, 64, 256],
            "bin": 0.5 * (BINS[1:] + BINS[:-1]),
        },
    )  # fmt: skip
    found = optima(runs, fixed, points)
    power = {"power": ("alternative", [0.016, 0.33, 0.93, 0.92, 0.08]),
             "power_sem": ("alternative", [0.003, 0.01, 0.006, 0.006, 0.006]),
             "printed": ("window", [1e-4, 1e-3]), "parameters": 10058}  # fmt: skip
    rest = xr.Dataset(power, coords={"alternative": list(ALTERNATIVES)})
    return xr.merge([runs, fixed.mean("seed"), points, found, lines(found), rest, _fits()])
