"""`python -m figures [NAME…] [--out out]`: figures as PDF and PNG, and the report.

Reads finished datasets and claims from the output folder and computes nothing anew.  With names,
only these figures are drawn; without, all of them, `report.html` and `derivations.tex`.
"""

import gc
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
import xarray as xr

from experiments.errors import InputError
from experiments.store import Store, write_atomic
from figures import style
from figures.catalogue import FIGURES
from figures.report import Picture, page
from theory import LAWS, RULES, derivations
from theory.document import document


@dataclass(frozen=True)
class Arguments:
    """Draw figures and the report from finished experiments."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """figures to draw; without any, all of them and the report"""
    out: Path = Path("out")
    """folder that holds the results and takes figures and report"""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    arguments = tyro.cli(Arguments, prog="python -m figures", args=argv)
    try:
        run(arguments.names, arguments.out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def run(names: Sequence[str], out: Path) -> None:
    """Draw the figures named, or all and the report; InputError where that is impossible."""
    for name in names:
        if name not in FIGURES:
            raise InputError(f"unknown figure {name!r}; known: {', '.join(FIGURES)}")
    chosen = list(dict.fromkeys(names)) or list(FIGURES)
    claims = [] if names else read_claims(out / "claims.json")
    datasets = load({FIGURES[name].experiment for name in chosen}, out)
    pictures, missing = [], []
    for name in chosen:
        try:
            pictures.append(draw(name, datasets, out))
        except Missing as absent:
            missing.append(str(absent))
            print(absent, file=sys.stderr)
    if names and not pictures:
        raise InputError("nothing was drawn")
    if not names:
        html = page(claims, pictures, datasets, missing)
        write_atomic(out / "report.html", html.encode("utf-8"))
        source = document(derivations(), RULES.values(), LAWS.values())
        write_atomic(out / "derivations.tex", source.encode("ascii"))


class Missing(Exception):
    """A figure without the data it needs: said on one line, and passed over."""


def load(experiments: set[str], out: Path) -> dict[str, xr.Dataset]:
    """The finished datasets that are there, by experiment."""
    store = Store(out)
    found = {name: store.load(name) for name in sorted(experiments, reverse=True)}
    return {name: dataset for name, dataset in found.items() if dataset is not None}


def draw(name: str, datasets: Mapping[str, xr.Dataset], out: Path) -> Picture:
    """Draw one figure and write its two files."""
    entry = FIGURES[name]
    hint = f"python -m experiments run {entry.experiment}"
    if entry.experiment not in datasets:
        raise Missing(f"figure {name}: no finished data; first: {hint}")
    dataset = datasets[entry.experiment]
    try:
        figure, reading = entry.draw(dataset), entry.reading(dataset)
    except KeyError as absent:
        lacking = re.search(r"'(\w+)'", str(absent))
        what = lacking.group(1) if lacking else "a variable"
        raise Missing(f"figure {name}: the data lack {what}; anew: {hint}") from None
    png = style.render(figure, "png")
    write_atomic(out / "figures" / f"{name}.png", png)
    write_atomic(out / "figures" / f"{name}.pdf", style.render(figure, "pdf"))
    return Picture(entry, png, reading)


def read_claims(path: Path) -> list[dict[str, Any]]:
    """The judged claims; none where there is no such file yet."""
    try:
        claims = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    needed = {"id", "experiment", "kind", "verdict", "expected"}
    if not isinstance(claims, list) or not all(
        isinstance(claim, dict) and needed <= claim.keys() for claim in claims
    ):
        raise InputError(f"cannot read {path}: it is not a list of claims")
    return claims


if __name__ == "__main__":
    gc.disable()  # a quarter of the time would go into looking for cycles that die with us
    sys.exit(main())
