"""The table of rules: what each says where all coordinates share one ratio σ/|μ|."""

from collections.abc import Sequence

from figures.report_prose import prose
from theory import RULES
from theory.mathml import mathml
from theory.overview import LEGEND, ROWS, entry
from theory.rules.rule import Rule

TABLES = (("mean", "variance", "large"), ("small", "surges", "peak", "half"))


def rule_table() -> str:
    """A row per rule that has a card, in two tables: its update, and its curve; then the others."""
    shown = [rule for rule in RULES.values() if rule.card is not None]
    rest = [rule.title for rule in RULES.values() if rule.card is None]
    also = f"<p>Without such formulas: {prose('; '.join(rest))}.</p>" if rest else ""
    if not shown:
        return also
    captions = (
        LEGEND,
        "ε* of small batches, whether and where it peaks, and where half the decrease is reached.",
    )
    tables = map(_table, TABLES, captions, (shown, shown))
    return "\n".join([*tables, also])


def _table(columns: Sequence[str], caption: str, rules: Sequence[Rule]) -> str:
    heads = "".join(f'<th scope="col">{prose(ROWS[column])}</th>' for column in columns)
    rows = "\n".join(_row(rule, columns) for rule in rules)
    return (
        f'<div class="wide"><table class="rules"><caption>{prose(caption)}</caption>\n'
        f'<thead><tr><th scope="col">Rule</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(rule: Rule, columns: Sequence[str]) -> str:
    parameters = f"({', '.join(rule.parameters)})" if rule.parameters else ""
    cells = "".join(f"<td>{_cell(rule, column)}</td>" for column in columns)
    head = f"{prose(rule.title)}<br><code>{rule.name}{parameters}</code>"
    return f'<tr><th scope="row">{head}</th>{cells}</tr>'


def _cell(rule: Rule, column: str) -> str:
    assert rule.card is not None
    found = entry(rule.card, column)
    return prose(found) if isinstance(found, str) else mathml(found)
