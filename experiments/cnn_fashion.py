"""The seed paper's CNN experiment on Fashion-MNIST (Li et al. 2024, Fig. 2 and 8), and its checks.

Runs of Adam and of sign descent over batch sizes and learning rates, to several training losses and
K steps beyond (the paper's protocol); and, which separates the step from its history, the best rate
from fixed checkpoints over one step and over K.  Beside them B_noise by the line of steps against
samples, by eq. (14) and by D0/D1 of the network's own noise, and the laws of one step with
independent noise and with that.

Differences from the paper: its widths are not given (ours are in `sim.nets`); the `default` preset
has a narrower network, 7 of its 24 batch sizes, 5 rounds instead of 100, and learning rates on a
wider grid, for the printed one, 1e-4 to 1e-3, ends below most optima.  `paper` has the printed grid
inside a wider one, all batch sizes and 100 rounds.
"""

from functools import partial
from itertools import product
from pathlib import Path

import jax
import numpy as np
import xarray as xr

import theory
from experiments import (
    cnn_points,
    cnn_runs,
    correlated_scale,
    curvature,
    fit,
    gaussianity,
    least_squares,
    network_laws,
    rival_fits,
)
from experiments.cnn_optima import lines, optima
from experiments.cnn_runs import DATASET, Net, loader
from experiments.cnn_settings import PRESETS, PRINTED, Spec, learning_rates, validate
from experiments.progress import Report, progress
from experiments.rival_fits import Curve, curve_name, fitted, together
from experiments.spec import Experiment
from experiments.store import Store
from sim import data
from theory.rivals import RIVALS

BAND = 0.25  # how far a law may be off that describes a curve
FEWEST = 4  # points of a curve to which laws are fitted
RESOLUTION = 0.03  # relative standard error of one step that is aimed at
LAW_BATCHES = tuple(2**k for k in range(15))
UNITS = {"batch": "samples", "law_batch": "samples", "target": "nats", "lr": "1/nat"}


def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:
    """A cell per rule, batch and round; per checkpoint one of measurements and one of laws, and one
    per rule and batch of its branches; then optima, lines and fits, computed anew."""
    data.folder_of(DATASET, data_dir)
    net = Net(spec.features, spec.hidden, spec.evaluation)
    work = _Work(spec, store, loader(net, spec.seed, data_dir), jax.random.key(spec.seed))
    places = len(spec.rules) * len(spec.batches)
    cells = places * (spec.rounds + len(spec.targets)) + 4 * len(spec.targets) + 1
    with progress("cnn_fashion", cells) as report:
        runs = work.runs(report)
        points = work.points(report)
        fixed = work.branches(points, report)
    found = optima(runs, fixed, points)
    curves = _curves(found)
    with progress("cnn_fashion, fits", len(curves)) as report:
        fits = _fits(curves, store, report)
    result = xr.merge([
        runs.assign(printed=("window", [PRINTED[0], PRINTED[-1]])), fixed.mean("seed"),
        points.drop_vars("theta"), found, lines(found), fits,
        gaussianity.power(spec.evaluation, spec.seed),
    ])  # fmt: skip
    for name, unit in UNITS.items():
        result[name].attrs["units"] = unit
    return result.assign(parameters=points.sizes["parameter"])


class _Work:
    """The cells of a run: what each asks, and the key that it draws from."""

    def __init__(self, spec: Spec, store: Store, load, key):
        self.spec, self.store, self.load, self.key = spec, store, load, key
        self.base = {"features": spec.features, "hidden": spec.hidden, "seed": spec.seed,
                     "evaluation": spec.evaluation, "targets": spec.targets}  # fmt: skip

    def _cell(self, name: str, asked: dict, code, make, report: Report) -> xr.Dataset:
        found, recalled = self.store.cell(f"cnn_fashion-{name}", self.base | asked, code, make)
        report(name.replace("-", " "), recalled=recalled)
        return found

    def runs(self, report: Report) -> xr.Dataset:
        """All runs of the paper's protocol, by rule, batch, rate, round and target."""
        spec, rules = self.spec, []
        for rule in spec.rules:
            lrs = learning_rates(spec, rule)
            batches = []
            for batch in spec.batches:
                steps = spec.steps + spec.samples // batch
                asked = {"rule": rule, "batch": batch, "lrs": lrs, "steps": steps,
                         "further": spec.further}  # fmt: skip
                rounds = [
                    self._cell(
                        f"{rule}-{batch}-{seed}", asked | {"round": seed}, (cnn_runs,),
                        lambda a=asked, s=seed: cnn_runs.runs(
                            self.load(), a["rule"], a["batch"], a["lrs"], spec.targets, a["steps"],
                            spec.further, jax.random.fold_in(self.key, 0), s,
                        ), report,
                    )
                    for seed in range(spec.rounds)
                ]  # fmt: skip
                batches.append(xr.concat(rounds, "round", data_vars="all"))
            joined = xr.concat(batches, "batch", data_vars="all").assign(lr=("rate", lrs))
            rules.append(joined)
        whole = xr.concat(rules, "rule", data_vars="all")
        return whole.assign_coords(
            rule=list(spec.rules), batch=list(spec.batches), target=list(spec.targets)
        )

    def points(self, report: Report) -> xr.Dataset:
        """The checkpoints, what was measured there, and what the laws say."""
        spec = self.spec
        path = {"batch": spec.point_batch, "lr": spec.point_lr}
        key = jax.random.fold_in(self.key, 1)
        trained = self._cell(
            "checkpoints", path, (cnn_runs, cnn_points),
            lambda: cnn_points.checkpoints(
                self.load(), spec.targets, steps=20_000, key=key, **path
            ), report,
        )  # fmt: skip
        rows, law_batches = [], sorted({*LAW_BATCHES, *spec.batches})
        for k in range(len(spec.targets)):
            theta, again = trained.theta.values[k], jax.random.fold_in(self.key, 10 + k)
            asked = path | {"checkpoint": k}
            here = self._cell(
                f"measured-{k}", asked, (cnn_runs, cnn_points, gaussianity),
                lambda t=theta, a=again: cnn_points.measured(self.load(), t, a), report,
            )  # fmt: skip
            step = self._cell(
                f"one_step-{k}", asked | {"batches": spec.batches, "draws": spec.draws},
                (cnn_runs, cnn_points),
                lambda t=theta, a=again: cnn_points.one_step(
                    self.load(), t, spec.batches, RESOLUTION, spec.draws, a
                ), report,
            )  # fmt: skip
            laws = self._cell(
                f"laws-{k}", asked | {"batches": law_batches, "draws": spec.law_draws},
                (cnn_runs, cnn_points, network_laws, curvature, theory),
                lambda t=theta, a=again: cnn_points.laws(
                    self.load(), t, law_batches, spec.law_draws, a
                ), report,
            )  # fmt: skip
            scale = self._cell(
                f"correlated-{k}", asked | {"rows": spec.rows},
                (cnn_runs, cnn_points, correlated_scale, theory),
                lambda t=theta, a=again: cnn_points.correlated(self.load(), t, spec.rows, a),
                report,
            )  # fmt: skip
            rows.append(xr.merge([here, step, laws, scale]))
        whole = xr.concat(
            rows, "target", data_vars="all", join="outer", fill_value={"histogram": 0}
        )
        whole = whole.assign_coords(batch=list(spec.batches))
        return xr.merge([whole, trained]).assign_coords(target=list(spec.targets))

    def branches(self, points: xr.Dataset, report: Report) -> xr.Dataset:
        """K steps from every checkpoint, by rule, target, batch, rate and seed."""
        spec, rules = self.spec, []
        for rule in spec.rules:
            lrs = learning_rates(spec, rule)
            targets = []
            for k in range(len(spec.targets)):
                theta, batches = points.theta.values[k], []
                for batch in spec.batches:
                    asked = {"rule": rule, "batch": batch, "lrs": lrs, "further": spec.further,
                             "checkpoint": k, "seeds": spec.seeds,
                             "path": (spec.point_batch, spec.point_lr)}  # fmt: skip
                    batches.append(self._cell(
                        f"branch-{k}-{rule}-{batch}", asked, (cnn_runs, cnn_points),
                        lambda t=theta, a=asked: cnn_points.branch(
                            self.load(), t, a["rule"], a["batch"], a["lrs"], spec.further,
                            spec.seeds, jax.random.fold_in(self.key, 2),
                        ), report,
                    ))  # fmt: skip
                targets.append(xr.concat(batches, "batch", data_vars="all"))
            rules.append(xr.concat(targets, "target", data_vars="all"))
        whole = xr.concat(rules, "rule", data_vars="all")
        return whole.assign_coords(
            rule=list(spec.rules), batch=list(spec.batches), target=list(spec.targets)
        )


def _curves(found: xr.Dataset) -> list[Curve]:
    """Every ε*(B) with four points or more."""
    curves = []
    for rule, sense, target in product(found.rule.values, found.sense.values, found.target.values):
        part = found.sel(rule=rule, sense=sense, target=target)
        there = np.isfinite(part.lr_hat.values)
        if there.sum() < FEWEST:
            continue
        rate = part.lr_hat.values[there]
        about = {"experiment": "cnn_fashion", "problem": str(sense), "rule": str(rule),
                 "loss": float(target), "B_noise_law": np.nan, "form_law": np.nan}  # fmt: skip
        curves.append(Curve(
            curve_name(str(sense), str(rule), f"{target:g}"), about, BAND,
            part.batch.values[there].astype(float), rate,
            rate * part.log_lr_sem.values[there], np.ones(there.sum()), int((~there).sum()),
        ))  # fmt: skip
    return curves


def _fits(curves: list[Curve], store: Store, report: Report) -> xr.Dataset:
    """Every rival law fitted to every curve; all names begin with `fit_`."""
    tables = []
    for curve in curves:
        asked = {name: getattr(curve, name).tolist() for name in ("batch", "mean", "sem")}
        table, recalled = store.cell(
            f"cnn_fashion-fit-{curve.name.replace('/', '-')}", asked | {"band": BAND},
            (theory, fit, least_squares, rival_fits), partial(fitted, curve, tuple(RIVALS)),
        )  # fmt: skip
        tables.append(table)
        report(f"fits to {curve.name}", recalled=recalled)
    if not curves:
        return xr.Dataset()
    whole = together(curves, tables)
    return whole.rename({name: f"fit_{name}" for name in [*whole.variables, *whole.dims]
                         if name not in ("curve", "law", "control", "point")})  # fmt: skip


EXPERIMENT = Experiment(
    name="cnn_fashion",
    title="The seed paper's CNN on Fashion-MNIST",
    core=False,
    budget_seconds=600,
    presets=PRESETS,
    validate=validate,
    run=run,
)
