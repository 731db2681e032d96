"""Every rival law fitted to one measured ε*(B), and to the same curve deliberately spoilt.

A `Curve` is what an experiment measured for one problem and rule, or one network and checkpoint;
batch sizes without an ε* (the mean step raises the loss) are left out and counted.  The fits are
those of `experiments.fit`.  Spoilt curves are the controls of the claims: the middle point off by
four bands, and all points in reverse order of B.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from experiments.fit import COLUMNS, scores
from experiments.least_squares import model_of
from theory.rivals import RIVALS, Rival

QUADRATIC, NETWORK = "onestep_quadratic", "onestep_network"
BAND = {QUADRATIC: 0.03, NETWORK: 0.25}  # how far a law may be off that describes a curve
EXACT = 0.01  # where one ratio is common to all coordinates the law is exact
FLOOR = 0.04  # of a band: added to the errors, for some ε* have none (all minibatches seen)
OFF = 4  # bands: how wrong the control's middle point is
FINE = 129  # batch sizes at which a fitted curve is kept, from its first to its last
ENDS = ("", "_low", "_high")
UNITS = (
    dict.fromkeys(("lr_star_mean", "lr_star_sem", "lr_star_fit", "lr_star_fine"), "θ²/loss")
    | dict.fromkeys((f"eps_max{end}" for end in ENDS), "θ²/loss")
    | dict.fromkeys((f"B_noise{end}" for end in ENDS), "samples")
    | dict.fromkeys(("batch", "batch_fine", "B_noise_law"), "samples")
    | dict.fromkeys((f"form{end}" for end in ENDS), "1")
    | dict.fromkeys(("form_law", "chi2", "aicc", "delta_aicc", "worst", "left_out"), "1")
    | dict.fromkeys(("control_worst", "band", "dof", "excluded", "draws"), "1")
    | {"loss": "nats"}
)


class Curve(NamedTuple):
    """A measured ε*(B): `name`; `about` it (experiment, problem, rule, loss, and what the law says
    of B_noise and form, where it does); `band` of the claims; and by batch size, (n,) each, the
    mean, its standard error and the number of draws."""

    name: str
    about: Mapping[str, Any]
    band: float
    batch: np.ndarray
    mean: np.ndarray
    sem: np.ndarray
    draws: np.ndarray
    excluded: int


def curve_name(*parts: str) -> str:
    """A curve's name: experiment, then rule and problem, or network and checkpoint."""
    return "/".join(parts)


def band_of(experiment: str, problem: str) -> float:
    return EXACT if (experiment, problem) == (QUADRATIC, "rank_one") else BAND[experiment]


def checkpoint_name(target: float) -> str:
    """A checkpoint is called by the loss that it was to reach."""
    return "init" if np.isinf(target) else f"{target:g}"


def curves(experiment: str, data: xr.Dataset) -> Iterator[Curve]:
    """Every curve of a finished dataset on which there is at least one ε*."""
    found = _on_quadratics(data) if experiment == QUADRATIC else _on_networks(data)
    for name, about, part, draws in found:
        mean, sem = part.lr_star_mean.values, part.lr_star_sem.values
        there = np.isfinite(mean) & np.isfinite(sem) & (mean > 0)
        if there.any():
            batch = part.batch.values.astype(float)
            about = {"experiment": experiment, "loss": np.nan} | about
            yield Curve(
                curve_name(experiment, *name),
                {"B_noise_law": np.nan, "form_law": np.nan} | about,
                band_of(experiment, about["problem"]),
                *(batch[there], mean[there], sem[there], part[draws].values[there]),
                excluded=int((~there).sum()),
            )


def _on_quadratics(data: xr.Dataset) -> Iterator[tuple]:
    for rule in data.rule.values.tolist():
        for problem in data.problem.values.tolist():
            part = data.sel(problem=problem, rule=rule)
            about: dict[str, Any] = {"problem": problem, "rule": rule}
            if rule == "sign" and part.ratio_common:
                about["B_noise_law"] = np.pi / (2 * float(part.ratio_max) ** 2)
                about["form_law"] = float(part.Q) / float(part.trace)
            yield (rule, problem), about, part, "draws"


def _on_networks(data: xr.Dataset) -> Iterator[tuple]:
    for network in data.network.values.tolist():
        for place, target in enumerate(data.target.values.tolist()):
            part = data.sel(network=network).isel(checkpoint=place)
            about = {"problem": network, "rule": "sign", "loss": float(part.loss)}
            yield (network, checkpoint_name(target)), about, part, "denominator_draws"


def fitted(curve: Curve, laws: Sequence[str], fine: int = FINE) -> xr.Dataset:
    """All fits to a curve: as `fit.scores` by `law`, `lr_star_fit` at its batch sizes,
    `lr_star_fine` between them, and `control_worst`, the largest error on each spoilt curve."""
    rivals, floor = {name: RIVALS[name] for name in laws}, FLOOR * curve.band
    table = scores(curve.batch, curve.mean, curve.sem, floor=floor, rivals=rivals)
    batch = np.geomspace(curve.batch[0], curve.batch[-1], fine)
    lines = [_line(rival, table.sel(rival=name), batch) for name, rival in rivals.items()]
    worst = [
        scores(curve.batch, mean, sem, floor=floor, rivals=rivals, thorough=False).worst.values
        for mean, sem in spoilt(curve).values()
    ]
    table = table.rename(rival="law", rate="lr_star_fit").drop_attrs()
    return table.assign(
        lr_star_fine=(("law", "point"), np.stack(lines)),
        batch_fine=("point", batch),
        control_worst=(("control", "law"), np.stack(worst)),
    ).assign_coords(control=list(spoilt(curve)))


def spoilt(curve: Curve) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Curves (mean, standard error) that a law which describes this one must not describe."""
    middle = np.arange(len(curve.mean)) == len(curve.mean) // 2
    wrong = np.where(middle, 1 + OFF * curve.band, 1.0)
    return {
        "one point off": (wrong * curve.mean, wrong * curve.sem),
        "reversed": (curve.mean[::-1], curve.sem[::-1]),
    }


def _line(rival: Rival, row: xr.Dataset, batch: np.ndarray) -> np.ndarray:
    """A fitted law at other batch sizes; NaN where it is not positive."""
    values = np.array([float(row[COLUMNS[symbol]]) for symbol in rival.free])
    return np.exp(model_of(rival, batch).log(np.log(values)))


def together(found: Sequence[Curve], tables: Sequence[xr.Dataset]) -> xr.Dataset:
    """One dataset by `curve`, with the measured points; NaN where a curve has no such batch."""
    grid = sorted({size for curve in found for size in curve.batch.tolist()})
    rows = []
    for curve, table in zip(found, tables, strict=True):
        measured = {"lr_star_mean": curve.mean, "lr_star_sem": curve.sem, "draws": curve.draws}
        row = table.assign({name: ("batch", values) for name, values in measured.items()})
        rows.append(row.reindex(batch=grid).assign(band=curve.band, excluded=curve.excluded))
    whole = xr.concat(rows, "curve", join="exact", data_vars="all")
    whole = whole.assign_coords(curve=[curve.name for curve in found])
    for name in found[0].about:
        whole[name] = ("curve", [curve.about[name] for curve in found])
    for name, unit in UNITS.items():
        whole[name].attrs["units"] = unit
    return whole
