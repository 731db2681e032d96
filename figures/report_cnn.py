"""The verdict table of the report: on how many ε*(B) of the seed paper's CNN each law stands.

The verdicts are those of the figure: both come from `figures.cnn_laws`.
"""

from html import escape

import numpy as np
import xarray as xr

from figures.cnn import EXPERIMENT, RULES, SENSES
from figures.cnn_laws import LIMIT, Verdicts, sentence, verdicts
from figures.report_prose import prose
from theory.rivals import RIVALS


def law_table(dataset: xr.Dataset | None) -> str:
    """A row per law, a column per rule and sense, and one of all curves."""
    if dataset is None:
        return f'<p class="soft">Not measured yet: run <code>{EXPERIMENT}</code>.</p>'
    found = verdicts(dataset)
    if found is None:
        return '<p class="soft">No ε*(B) has the four optima that a fit needs.</p>'
    groups = columns(dataset)
    heads = "".join(
        f'<th scope="col" class="number">{escape(head)}</th>' for head in ["Law", *groups]
    ).replace(' class="number"', "", 1)
    rows = "\n".join(_row(found, place, groups) for place in range(len(found.laws)))
    return (
        f"<p>{prose(sentence(found))}</p>\n"
        '<div class="wide"><table><caption>On how many curves a law stands: ΔAICc at most '
        f"{LIMIT:.0f} and no misfit surely beyond the band.</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def columns(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Which curves a column counts: those of a rule and sense, in their order; then all."""
    rule, sense = (dataset[f"fit_{name}"].values.astype(str) for name in ("rule", "problem"))
    groups = {f"{RULES[r]}: {SENSES[s]}": (rule == r) & (sense == s) for r in RULES for s in SENSES}
    groups = {name: there for name, there in groups.items() if there.any()}
    return groups | {"all": np.ones(len(rule), bool)}


def _row(found: Verdicts, place: int, groups: dict[str, np.ndarray]) -> str:
    stands = ~found.excluded[place]
    cells = "".join(
        f'<td class="number">{int(stands[there].sum())} of {int(there.sum())}</td>'
        for there in groups.values()
    )
    words = RIVALS[found.laws[place]].words
    return f'<tr><th scope="row">{prose(words)}</th>{cells}</tr>'
