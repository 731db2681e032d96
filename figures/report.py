"""One self-contained page: answer, claims, figures, rules, derivations, provenance.

No script and no request to anywhere: pictures stand in the page, formulas are native MathML.  All
text that comes from data is escaped where it enters.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from figures import cnn, network, quadratics, ratios, residuals
from figures.entry import Entry
from figures.report_claims import claim_tables, counts
from figures.report_cnn import law_table
from figures.report_derivations import derivation_sections
from figures.report_networks import network_table
from figures.report_prose import prose
from figures.report_provenance import provenance_lists
from figures.report_rules import rule_table

HERE = Path(__file__).parent


class Picture(NamedTuple):
    """A figure that was drawn: its words, its PNG, and what this dataset says."""

    entry: Entry
    png: bytes
    reading: str


def page(
    claims: Sequence[Mapping[str, Any]],
    pictures: Sequence[Picture],
    datasets: Mapping[str, xr.Dataset],
    missing: Sequence[str] = (),
) -> str:
    """The report as HTML; `missing` says in plain lines what could not be drawn."""
    own = [one for one in pictures if one.entry.experiment == cnn.EXPERIMENT]
    rest = [one for one in pictures if one.entry.experiment != cnn.EXPERIMENT]
    lacking = [line for line in missing if line.startswith("figure cnn_")]
    others = [line for line in missing if line not in lacking]
    return Template((HERE / "report.html").read_text("utf-8")).substitute(
        style=(HERE / "report.css").read_text("utf-8"),
        answer=prose(answer(datasets, claims)),
        claims=claim_tables(claims),
        figures="\n".join([*map(_picture, rest), *map(_absent, others)]),
        networks=network_table(datasets.get("onestep_network")),
        cnn="\n".join([*map(_picture, own), *map(_absent, lacking)]),
        cnn_laws=law_table(datasets.get(cnn.EXPERIMENT)),
        rules=rule_table(),
        derivations=derivation_sections(),
        provenance=provenance_lists(datasets),
    )


def _picture(picture: Picture) -> str:
    entry, data = picture.entry, base64.b64encode(picture.png).decode("ascii")
    # bytes 16 to 20 of a PNG are its width; one column, 680 pixels, shall not fill the page
    width = int.from_bytes(picture.png[16:20], "big")
    size = ' class="column"' if width < 1000 else ""
    return (
        f'<figure id="figure-{escape(entry.name)}"{size}>\n'
        f'<img src="data:image/png;base64,{data}" alt="{escape(entry.alt)}">\n'
        f"<figcaption><p><b>{prose(entry.title)}</b><br>{prose(entry.caption)}</p>\n"
        f"<p>{prose(picture.reading)}</p>\n"
        f'<p class="soft"><b>Not claimed:</b> {prose(entry.not_claimed)}</p>'
        "</figcaption>\n</figure>"
    )


def _absent(line: str) -> str:
    return f'<p class="soft">{escape(line)}</p>'


def answer(datasets: Mapping[str, xr.Dataset], claims: Sequence[Mapping[str, Any]]) -> str:
    """The finding in one sentence, as far as these very datasets carry it."""
    parts = []
    if "onestep_quadratic" in datasets:
        parts.append(_on_quadratics(datasets["onestep_quadratic"]))
    if "onestep_network" in datasets:
        parts.append(_on_networks(datasets["onestep_network"]))
    sentence = "; ".join(part for part in parts if part)
    if not sentence:
        sentence = "Nothing has been measured yet"
    return f"{sentence[0].upper()}{sentence[1:]}. {counts(claims)}"


def _on_quadratics(dataset: xr.Dataset) -> str:
    if not quadratics.has(dataset, "sign"):
        return ""
    z = np.abs(residuals.standardised(dataset.sel(rule=["sign"])))
    beyond = int((z > residuals.critical(dataset)).sum())
    total = int(np.isfinite(z).sum())
    if beyond:
        return f"the law of sign descent misses the simulation at {beyond} of {total} points"
    return (
        f"where its hypotheses hold, the law of sign descent agrees with simulation at all {total} "
        "points, and the best learning rate of one step may rise, peak and fall as the batch grows"
    )


def _on_networks(dataset: xr.Dataset) -> str:
    falls = network.declines(dataset)
    if not falls:
        return ""
    found = [ratios.independent(part).value for _, _, part in network.measured(dataset)]
    values = np.concatenate(found)
    low, high = _factor(np.nanmin(values)), _factor(np.nanmax(values))
    most = 100 * max(falls)
    fall = f"falls after its peak by at most {most:.0f} %" if most else "nowhere falls after a peak"
    return (
        f"on the networks measured, whose noise is correlated, it gives {low} to {high} "
        f"times the true optimum, which {fall}"
    )


def _factor(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"
