"""Running experiments, judging claims, and the table of both."""

import json
import time
from collections.abc import Collection
from pathlib import Path

import xarray as xr
from rich.console import Console
from rich.table import Table

import theory
from experiments import claims_theory
from experiments.claims import all_claims, as_json, judged, unexpected
from experiments.download import READS
from experiments.judge import NOT_RUN
from experiments.progress import notice, progress
from experiments.spec import NAMES, Experiment, experiment, preset
from experiments.store import Store, write_atomic

CLAIMS_FILE = "claims.json"
THEORY = "theory"
Finished = dict[str, tuple[xr.Dataset | None, float]]


def run_one(found: Experiment, spec, out: Path, data_dir: Path | None) -> int:
    """One experiment and its claims; those of the others are judged on what they last found."""
    found.validate(spec)
    store = Store(out)
    finished = _finished(store)
    finished[found.name] = _run(found, spec, store, data_dir)
    rows = _rows(finished, {found.name})
    return _conclude(rows, out, [row for row in rows if row["experiment"] == found.name])


def _finished(store: Store) -> Finished:
    """The intact datasets of earlier runs, recorded ones included."""
    return {name: (store.load(name), 0.0) for name in (THEORY, *NAMES)}


def _rows(finished: Finished, now: Collection[str]) -> list[dict]:
    """Every claim, judged on the datasets at hand: those of the experiments run `now`, and earlier
    ones; a claim that an earlier dataset lacks the numbers for is not run, and a notice says so."""
    rows, outdated = [], set()
    for claim in all_claims():
        dataset, seconds = finished.get(claim.experiment, (None, 0.0))
        try:
            row = judged(claim, dataset, seconds)
        except (KeyError, AttributeError):
            if claim.experiment in now:
                raise
            outdated.add(claim.experiment)
            row = judged(claim, None, seconds)
        rows.append(row)
    for name in sorted(outdated):
        notice(
            f"{name}: its data are of an earlier version; anew: python -m experiments run {name}"
        )
    return rows


def run_core(out: Path, data_dir: Path | None, *, recompute: bool = False) -> int:
    """The derivations, the core experiments, then every claim; what is not core is read, or, with
    `recompute`, run as well where the data sets that it needs are there."""
    store = Store(out)
    found = [experiment(name) for name in NAMES]
    now = {one.name for one in found if one.core or (recompute and _can_run(one, data_dir))}
    finished: Finished = {name: (store.load(name), 0.0) for name in NAMES if name not in now}
    finished[THEORY] = _verify(store)
    for one in found:
        if one.name in now:
            finished[one.name] = _run(one, preset(one, "default"), store, data_dir)
    rows = _rows(finished, {THEORY, *now})
    return _conclude(rows, out, rows)


def _can_run(found: Experiment, data_dir: Path | None) -> bool:
    """Whether the folders of its data sets are there; a notice says which are not."""
    lacking = [
        name for name in READS.get(found.name, ()) if not data_dir or not (data_dir / name).is_dir()
    ]
    if lacking:
        notice(
            f"{found.name} is not run anew: no {', '.join(lacking)} in the data folder "
            "(SURGE_DATA); its earlier results stand"
        )
    return not lacking


def _verify(store: Store) -> tuple[xr.Dataset, float]:
    start = time.monotonic()
    with progress("theory", 1) as report:
        checks, recalled = store.cell(
            THEORY, {"verify": "all"}, (theory, claims_theory), claims_theory.verification
        )
        report(f"{checks.sizes['check']} checks of derivations", recalled=recalled)
    store.save(THEORY, checks)
    return checks, time.monotonic() - start


def _run(found: Experiment, spec, store: Store, data_dir: Path | None):
    start = time.monotonic()
    dataset = found.run(spec, store, data_dir)
    store.save(found.name, dataset.assign_attrs(experiment=found.name, spec=str(spec)))
    seconds = time.monotonic() - start
    notice(f"{found.name} took {seconds:.0f} s")
    return dataset, seconds


def _conclude(rows: list[dict], out: Path, judged_now: list[dict]) -> int:
    write_atomic(out / CLAIMS_FILE, as_json(rows).encode())
    print_table(judged_now)
    wrong = unexpected(judged_now)
    for row in wrong:
        notice(f"unexpected: {row['id']} {row['verdict']}, expected {row['expected']}")
    return 1 if wrong else 0


def print_table(rows: list[dict]) -> None:
    """The claim table on standard output."""
    table = Table(box=None, pad_edge=False)
    table.add_column("claim", no_wrap=True)
    for heading in ("verdict", "expected"):
        table.add_column(heading)
    for heading in ("statistic", "threshold", "resolution"):
        table.add_column(heading, justify="right")
    table.add_column("controls rejected", justify="right")
    for row in rows:
        controls = row["controls"]
        count = f"{sum(c['rejected'] for c in controls)}/{len(controls)}" if controls else ""
        numbers = [f"{row[k]:.3g}" for k in ("statistic", "threshold", "resolution")]
        if row["verdict"] == NOT_RUN:
            numbers = [""] * 3
        table.add_row(row["id"], row["verdict"], row["expected"], *numbers, count)
    Console(width=max(140, Console().width)).print(table)
    ran = [row for row in rows if row["verdict"] != NOT_RUN]
    print(f"{len(ran)} claims judged, {len(unexpected(ran))} against expectation")


def show_claims(out: Path, *, as_json: bool) -> int:
    """The claims, judged on the datasets of the last runs in `out`."""
    rows = _rows(_finished(Store(out)), ())
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    return 0
