"""Rival laws of ε*(B), each fitted to every curve that other experiments have measured.

Reads the finished datasets of `onestep_quadratic` and `onestep_network` in the same output folder,
whichever is there, and measures nothing.  A cell is all fits to one curve; its key hashes the
measured numbers, so that a curve measured anew is fitted anew.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import xarray as xr

import theory
from experiments import fit, least_squares, rival_fits
from experiments.errors import InputError
from experiments.progress import notice, progress
from experiments.rival_fits import FINE, NETWORK, QUADRATIC, Curve, curves, fitted, together
from experiments.spec import Experiment, check_names
from experiments.store import Store
from sim import estimate
from theory.rivals import RIVALS

SOURCES = (QUADRATIC, NETWORK)
MODULES = (theory, estimate, fit, least_squares, rival_fits)


@dataclass(frozen=True)
class Spec:
    """Settings. `experiments`: whose curves are fitted; `laws`: which rivals; `fine`: batch sizes
    at which a fitted curve is kept."""

    experiments: tuple[str, ...] = SOURCES  # scientific
    laws: tuple[str, ...] = tuple(RIVALS)  # scientific
    fine: int = FINE  # fixed


PRESETS = {
    "smoke": Spec(experiments=(QUADRATIC,), laws=("power", "saturating", "half", "coherent")),
    "default": Spec(),
    "paper": Spec(fine=1025),
}


def validate(spec: Spec) -> None:
    if spec.fine < 2:
        raise InputError(f"fine must be at least 2, not {spec.fine}")
    check_names("experiment", spec.experiments, SOURCES)
    check_names("law", spec.laws, tuple(RIVALS))


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
    """One cell of fits per curve."""
    read = {name: store.load(name) for name in spec.experiments}
    there = {name: data for name, data in read.items() if data is not None}
    found = [curve for name, data in there.items() for curve in _curves(name, data)]
    if not found:
        raise InputError(
            f"rivals: no measured curve in {store.folder}; "
            f"first: python -m experiments run {spec.experiments[0]}"
        )
    for name in sorted(set(read) - set(there)):
        notice(f"{name} is left out: it has not been run")
    tables = []
    with progress("rivals", len(found)) as report:
        for curve in found:
            table, recalled = store.cell(
                f"rivals-{curve.name.replace('/', '-')}",
                _question(spec, curve),
                MODULES,
                partial(fitted, curve, spec.laws, spec.fine),
            )
            tables.append(table)
            report(curve.name, recalled=recalled)
    sources = "; ".join(f"{name}: {data.attrs.get('spec')}" for name, data in there.items())
    return together(found, tables).assign_attrs(sources=sources)


def _curves(name: str, data: xr.Dataset) -> list[Curve]:
    try:
        return list(curves(name, data))
    except (KeyError, AttributeError):  # a dataset of an earlier version
        hint = f"anew: python -m experiments run {name}"
        raise InputError(f"rivals: the data of {name} lack what is fitted; {hint}") from None


def _question(spec: Spec, curve: Curve) -> dict:
    measured = {name: getattr(curve, name).tolist() for name in ("batch", "mean", "sem")}
    return measured | {"band": curve.band, "laws": spec.laws, "fine": spec.fine}


EXPERIMENT = Experiment(
    name="rivals",
    title="Rival laws fitted to every measured ε*(B)",
    core=True,
    budget_seconds=60,
    presets=PRESETS,
    validate=validate,
    run=run,
)
