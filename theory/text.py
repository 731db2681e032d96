"""Derivations and rules as plain text of a given width, for a terminal or a pipe."""

from collections.abc import Iterable, Mapping
from textwrap import fill, indent, wrap

from theory.derivation import Counterexample, Derivation, Step
from theory.line import line
from theory.overview import LEGEND, ROWS, entry
from theory.pretty import statement
from theory.rules.rule import Rule
from theory.verify import Verdict, numbers

NARROWEST = 40
Outcome = Mapping[str, Verdict]


def listing(derivations: Iterable[Derivation], columns: int) -> str:
    """One line per derivation: its name and its title."""
    found = list(derivations)
    longest = max(len(one.name) for one in found)
    return "\n".join(
        fill(one.title, columns, initial_indent=f"{one.name:{longest}}  ",
             subsequent_indent=" " * (longest + 2))
        for one in found
    )  # fmt: skip


def derivation_text(derivation: Derivation, verdicts: Iterable[Verdict], columns: int) -> str:
    """Title, statement, source, hypotheses, steps, counterexamples, and the verdict."""
    columns = max(columns, NARROWEST)
    outcome = {verdict.step: verdict for verdict in verdicts}
    parts = [
        f"{fill(derivation.title, columns)}\n{'─' * min(len(derivation.title), columns)}",
        fill(derivation.statement, columns),
        fill(f"Source: {derivation.source}", columns) + f"\nName: {derivation.name}",
    ]
    if derivation.hypotheses:
        conditions = (_item("•", one.text, columns) for one in derivation.hypotheses)
        parts.append("\n".join(["Holds if", *conditions]))
    for number, step in enumerate(derivation.steps, 1):
        parts.append(_step(number, step, outcome[str(number)], columns))
    if derivation.counterexamples:
        cases = (_counterexample(one, outcome, columns) for one in derivation.counterexamples)
        parts.append("\n".join(["What goes wrong without a condition", *cases]))
    parts.append(fill(_verdict(derivation, outcome), columns))
    return "\n\n".join(parts)


def _item(mark: str, text: str, columns: int) -> str:
    head = f"{mark:>3} "
    return fill(text, columns, initial_indent=head, subsequent_indent=" " * len(head))


def _step(number: int, step: Step, verdict: Verdict, columns: int) -> str:
    laws = f" This is {', '.join(law.name for law in step.laws)}." if step.laws else ""
    words = _item(f"{number}.", f"{step.reason}{laws} {_mark(verdict)}", columns)
    formula = statement(step.lhs, step.check.relation, step.rhs, columns - 8)
    return f"{words}\n\n{indent(chr(10).join(formula), ' ' * 8)}"


def _counterexample(case: Counterexample, outcome: Outcome, columns: int) -> str:
    claimed, actual = numbers(case)
    mark = _mark(outcome[f"without {case.hypothesis.name}"])
    return _item(
        "•",
        f"Without “{case.hypothesis.text}”: {case.text} "
        f"Claimed {claimed:.4g}, true {actual:.4g}. {mark}",
        columns,
    )


def _mark(verdict: Verdict) -> str:
    return f"[{'holds' if verdict.ok else 'FAILS'}, {verdict.how}]"


def _verdict(derivation: Derivation, outcome: Outcome) -> str:
    good = sum(verdict.ok for verdict in outcome.values())
    end = outcome["end"]
    ending = f"the last step is {derivation.law.name}" if end.ok else "it does not end in its law"
    return f"{good} of {len(outcome)} checks hold; {ending}."


def rules_text(rules: Iterable[Rule], columns: int) -> str:
    """What every rule says for one ratio, formula by formula."""
    columns = max(columns, NARROWEST)
    return "\n\n".join([fill(LEGEND, columns), *(_rule(rule, columns) for rule in rules)])


def _rule(rule: Rule, columns: int) -> str:
    parameters = f"({', '.join(rule.parameters)})" if rule.parameters else ""
    head = [f"{rule.name}{parameters}: {rule.title}"]
    if rule.card is None:
        return "\n".join([*head, _row("law", f"{rule.law.name} = {line(rule.law.expr)}", columns)])
    cells = ((label, entry(rule.card, row)) for row, label in ROWS.items())
    return "\n".join(
        [*head, *(_row(k, v if isinstance(v, str) else line(v), columns) for k, v in cells)]
    )


def _row(label: str, text: str, columns: int) -> str:
    lines = wrap(text, columns - 15)
    return "\n".join(f"  {label if not k else '':13}{part}" for k, part in enumerate(lines))
