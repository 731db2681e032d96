"""The table of rules: what each says where all coordinates share one ratio σ/|μ|."""

from figures.report_prose import prose
from theory import RULES
from theory.mathml import mathml
from theory.overview import LEGEND, ROWS, entry
from theory.rules.rule import Rule

COLUMNS = ("mean", "variance", "small", "large", "surges", "peak", "half")


def rule_table() -> str:
    """One row per rule that has a card, with its formulas; the other rules in a sentence."""
    shown = [rule for rule in RULES.values() if rule.card is not None]
    rest = [rule.title for rule in RULES.values() if rule.card is None]
    also = f"<p>Without such formulas: {prose('; '.join(rest))}.</p>" if rest else ""
    if not shown:
        return also
    heads = "".join(f'<th scope="col">{prose(ROWS[column])}</th>' for column in COLUMNS)
    rows = "\n".join(map(_row, shown))
    return (
        f'<div class="wide"><table class="rules"><caption>{prose(LEGEND)}</caption>\n'
        f'<thead><tr><th scope="col">Rule</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>\n{also}"
    )


def _row(rule: Rule) -> str:
    parameters = f"({', '.join(rule.parameters)})" if rule.parameters else ""
    cells = "".join(f"<td>{_cell(rule, column)}</td>" for column in COLUMNS)
    head = f"{prose(rule.title)}<br><code>{rule.name}{parameters}</code>"
    return f'<tr><th scope="row">{head}</th>{cells}</tr>'


def _cell(rule: Rule, column: str) -> str:
    assert rule.card is not None
    found = entry(rule.card, column)
    return prose(found) if isinstance(found, str) else mathml(found)
