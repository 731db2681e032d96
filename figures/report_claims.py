"""The claim tables of the report, one per kind of claim.

A verdict is a sign, a word and a colour; one that goes against its expectation is also said so in
words, so that nothing hangs on the colour alone.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from theory import LAWS

SIGNS = {"holds": "✓", "fails": "✗", "inconclusive": "?", "not run": "–"}
COLUMNS = ("Claim", "Verdict", "Expected", "Statistic", "Threshold", "Resolution", "n", "Controls")
NUMERIC = {"Statistic", "Threshold", "Resolution", "n"}


def number(value: Any, digits: int = 3) -> str:
    """A number for a table; a dash where there is none."""
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{digits}g}"


def as_expected(claim: Mapping[str, Any]) -> bool:
    return claim["verdict"] == claim["expected"]


def counts(claims: Sequence[Mapping[str, Any]]) -> str:
    """How many claims came out as expected."""
    if not claims:
        return "No claim has been judged yet."
    ran = [claim for claim in claims if claim["verdict"] != "not run"]
    good = sum(map(as_expected, ran))
    sentence = f"Of {len(claims)} claims {len(ran)} were tried and {good} came out as expected"
    fails = sum(claim["verdict"] == "fails" for claim in ran if as_expected(claim))
    return sentence + (f", {fails} of them as false." if fails else ".")


def claim_tables(claims: Sequence[Mapping[str, Any]]) -> str:
    """A table per kind of claim, in the order of the claims."""
    if not claims:
        return '<p class="soft">No claim has been judged yet: run the experiments.</p>'
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for claim in claims:
        groups.setdefault(_group(claim), []).append(claim)
    intro = (
        "<p>A claim holds if its statistic passes its threshold, if it could have seen an error of "
        "the size that matters (its resolution), and if every deliberately wrong law (control) was "
        "rejected. What fails as expected is a result as well. Expectations were written down "
        "before the first run; those that it overturned are listed, with numbers and reasons, in "
        "the source of the claims.</p>"
    )
    return intro + "\n".join(_table(name, group) for name, group in groups.items())


def _group(claim: Mapping[str, Any]) -> str:
    """`experiment/kind of claim`, the beginning of its id; a law's claims are one group."""
    parts = str(claim["id"]).split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def _table(group: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """A group of claims, folded unless one of them went against its expectation."""
    heads = "".join(f'<th scope="col"{_number(name)}>{name}</th>' for name in COLUMNS)
    against = sum(_against(claim) for claim in claims)
    verdicts = [str(claim["verdict"]) for claim in claims]
    tally = ", ".join(
        f"{sign} {verdicts.count(word)} {word}" for word, sign in SIGNS.items() if word in verdicts
    )
    note = f"<strong>{against} against expectation</strong>" if against else "as expected"
    rows = "\n".join(map(_row, claims))
    return (
        f"<details{' open' if against else ''}><summary><b>{escape(group)}</b>: "
        f"{tally}; {note}</summary>\n"
        f'<div class="wide"><table><caption>{len(claims)} claims on {escape(group)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div></details>"
    )


def _against(claim: Mapping[str, Any]) -> bool:
    return claim["verdict"] not in (claim["expected"], "not run")


def _number(column: str) -> str:
    return ' class="number"' if column in NUMERIC else ""


def _row(claim: Mapping[str, Any]) -> str:
    verdict, expected = str(claim["verdict"]), str(claim["expected"])
    against = _against(claim)
    mark = "<strong>≠ against</strong>" if against else "=" if verdict == expected else ""
    cells = [
        f'<td class="verdict {escape(verdict.replace(" ", "-"))}">'
        f"{SIGNS.get(verdict, '·')} {escape(verdict)}</td>",
        f"<td>{mark} {escape(expected)}</td>",
        *(
            f'<td class="number">{number(claim.get(name))}</td>'
            for name in ("statistic", "threshold", "resolution", "n")
        ),
        f"<td>{_controls(claim.get('controls') or ())}</td>",
    ]
    opening = '<tr class="against">' if against else "<tr>"
    return f'{opening}<th scope="row">{_words(claim)}</th>{"".join(cells)}</tr>'


def _words(claim: Mapping[str, Any]) -> str:
    unit, source = str(claim.get("unit") or ""), str(claim.get("source") or "")
    details = [source, f"kind {claim['kind']}", f"unit {unit}" if unit else ""]
    return (
        f"<code>{escape(str(claim['id']))}</code><br>{escape(_title(claim))} "
        f'<span class="soft">{escape("; ".join(part for part in details if part))}</span>'
    )


def _title(claim: Mapping[str, Any]) -> str:
    name = str(claim.get("law") or "")
    title = f"{LAWS[name].title}." if name in LAWS else name
    return str(claim.get("statement") or title)


def _controls(controls: Sequence[Mapping[str, Any]]) -> str:
    """Which wrong laws were rejected, and which were not."""
    lists = []
    for rejected, words in ((True, "✓ rejected"), (False, "✗ <strong>not rejected</strong>")):
        names = [str(c["name"]) for c in controls if bool(c["rejected"]) is rejected]
        if names:
            lists.append(f"{words}: {escape(', '.join(names))}")
    return "<br>".join(lists) or "–"
