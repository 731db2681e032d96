"""Small datasets of the form of the experiment `rivals`, made up: nothing is fitted."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.rival_fits import ENDS, FINE, Curve, curve_name, together
from figures.laws import curve
from theory.rivals import RIVALS

BATCH = 4.0 ** np.arange(7)
VALUES = {"epsilon_max": 0.2, "B_noise": 150.0}
QUADRATICS = (("sign", "rank_one"), ("sign", "diagonal"), ("sgd", "diagonal"))
LOSSES = {"init": 2.3, "1": 0.6, "0.3": 0.11, "0.02": 0.021}


class Made(NamedTuple):
    """A curve and the table of its fits."""

    curve: Curve
    table: xr.Dataset


def rate(name: str, batch: np.ndarray) -> np.ndarray:
    """A rival at fixed parameters, shape 9 (an exponent: 0.9)."""
    rival = RIVALS[name]
    form = 0.9 if "alpha" in {str(symbol) for symbol in rival.free} else 9.0
    known = VALUES | {"B": batch}
    values = [known.get(symbol.name, form) for symbol in rival.law.args]
    found = curve(rival.law.name)(*values) * np.ones_like(batch)
    return np.where(found > 0, found, np.nan)


def made(experiment: str, place: tuple[str, str], problem: str, rule: str, loss: float) -> Made:
    """A curve that is a surge to a plateau; the errors of the fits are those of the rivals."""
    mean, fine = rate("coherent", BATCH), np.geomspace(BATCH[0], BATCH[-1], FINE)
    about = {"experiment": experiment, "problem": problem, "rule": rule, "loss": loss}
    about |= {"B_noise_law": np.nan, "form_law": np.nan}
    measured = Curve(
        curve_name(experiment, *place), about, 0.03, BATCH, mean, 1e-3 * mean, 100 + 0 * BATCH, 0
    )
    fits = np.stack([rate(name, BATCH) for name in RIVALS])
    worst = np.nanmax(np.abs(fits / mean - 1), -1)
    columns: dict = {"worst": ("law", worst), "aicc": ("law", 1e3 * worst)}
    for name in ("chi2", "delta_aicc", "left_out", "dof"):
        columns[name] = ("law", worst)
    for name, value in {"eps_max": 0.2, "B_noise": 150.0, "form": 9.0}.items():
        for end in ENDS:
            columns[f"{name}{end}"] = ("law", np.full(len(RIVALS), value))
    columns["lr_star_fit"] = (("law", "batch"), fits)
    columns["lr_star_fine"] = (("law", "point"), np.stack([rate(n, fine) for n in RIVALS]))
    columns |= {"batch_fine": ("point", fine)}
    columns["control_worst"] = (("control", "law"), np.stack([worst, worst]))
    coords = {"law": list(RIVALS), "batch": BATCH, "control": ["one point off", "reversed"]}
    return Made(measured, xr.Dataset(columns, coords))


def rivals(networks: tuple[str, ...] = ("digits_mlp", "fashion_cnn")) -> xr.Dataset:
    """Three curves of quadratics and four of each network."""
    found = [made("onestep_quadratic", (rule, problem), problem, rule, np.nan)
             for rule, problem in QUADRATICS]  # fmt: skip
    for name in networks:
        for label, loss in LOSSES.items():
            found.append(made("onestep_network", (name, label), name, "sign", loss))
    return together([one.curve for one in found], [one.table for one in found])
