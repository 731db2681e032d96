"""The derivations of the report: statement, conditions, each step with its reason, and what goes
wrong without a condition.

Formulas come from the SymPy expressions that `theory.verify` checks, never from typed text.
"""

from html import escape

from figures.report_prose import prose
from theory import derivations
from theory.derivation import Check, Counterexample, Derivation, Step
from theory.mathml import NAMESPACE, RELATIONS, presentation
from theory.verify import value


def derivation_sections() -> str:
    """All derivations, in the order in which they build on each other."""
    found = derivations()
    links = "".join(f'<li><a href="#{_id(one)}">{escape(one.title)}</a></li>' for one in found)
    intro = (
        "<p>Each step is an equation (or an inequality) between expressions of SymPy; "
        "<code>python -m theory</code> checks them all, in the way said at each step.</p>"
    )
    return f"{intro}\n<ol>{links}</ol>\n" + "\n".join(map(_section, found))


def _id(derivation: Derivation) -> str:
    return "derivation-" + escape(derivation.name.replace("_", "-"))


def _section(derivation: Derivation) -> str:
    steps = "\n".join(map(_step, derivation.steps))
    conditions = "".join(f"<li>{prose(one.text)}</li>" for one in derivation.hypotheses)
    parts = [
        f'<section id="{_id(derivation)}" aria-labelledby="{_id(derivation)}-title">',
        f'<h3 id="{_id(derivation)}-title">{prose(derivation.title)}</h3>',
        f'<p class="theorem">{prose(derivation.statement)} '
        f'<span class="soft">{prose(derivation.source)}</span></p>',
        f"<p>Holds if</p>\n<ul>{conditions}</ul>" if conditions else "",
        f'<p>Steps</p>\n<ol class="steps">\n{steps}\n</ol>',
    ]
    if derivation.counterexamples:
        cases = "\n".join(map(_counterexample, derivation.counterexamples))
        parts.append(f"<p>What goes wrong without a condition</p>\n<ul>\n{cases}\n</ul>")
    return "\n".join(part for part in [*parts, "</section>"] if part)


def _step(step: Step) -> str:
    relation = escape(RELATIONS.get(step.check.relation, step.check.relation))
    formula = (
        f'<math xmlns="{NAMESPACE}" display="block"><mrow>{presentation(step.lhs)}'
        f"<mo>{relation}</mo>{presentation(step.rhs)}</mrow></math>"
    )
    laws = ", ".join(f"<code>{escape(law.name)}</code>" for law in step.laws)
    tail = f" This is law {laws}." if laws else ""
    return (
        f'<li>{prose(step.reason)}{tail} <span class="soft">({_how(step.check)})</span>'
        f'<div class="wide">{formula}</div></li>'
    )


def _how(check: Check) -> str:
    if check.exact:
        return "checked exactly"
    if check.relation == "=":
        return f"checked to {check.digits} digits at {check.points} random points"
    return f"checked at {check.points} random points"


def _counterexample(case: Counterexample) -> str:
    claimed, actual = (f"{float(value(side, {})):.4g}" for side in (case.claimed, case.actual))
    return (
        f"<li>Without “{prose(case.hypothesis.text)}”: {prose(case.text)} "
        f'<span class="soft">(claimed {claimed}, true {actual})</span></li>'
    )
