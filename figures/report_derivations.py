"""The derivations of the report: statement, conditions, each step with its reason, and what goes
wrong without a condition; grouped, each folded but the first.

Formulas come from the SymPy expressions that `theory.verify` checks, never from typed text.
"""

from collections.abc import Iterable
from html import escape

from figures.report_prose import prose
from theory.derivation import Counterexample, Derivation, Step
from theory.derivations import grouped
from theory.markup import RELATIONS, op, row, tag
from theory.mathml import NAMESPACE, presentation
from theory.pretty import width
from theory.verify import described, numbers

WIDEST = 100  # columns of a terminal that are about as wide as the page


def derivation_sections() -> str:
    """All derivations, in the order in which they build on each other."""
    groups = grouped()
    contents = "".join(_contents(*group) for group in groups.items())
    sections = "\n".join(_group(*group) for group in groups.items())
    intro = (
        "<p>Each step is an equation (or an inequality) between expressions of SymPy; "
        "<code>python -m theory</code> checks them all, in the way said at each step.</p>"
    )
    opened = sections.replace("<details>", "<details open>", 1)
    return f'{intro}\n<ul class="contents">{contents}</ul>\n{opened}'


def _contents(heading: str, group: Iterable[Derivation]) -> str:
    links = "".join(f'<li><a href="#{_id(one)}">{prose(one.title)}</a></li>' for one in group)
    return f"<li>{prose(heading)}<ul>{links}</ul></li>"


def _group(heading: str, group: Iterable[Derivation]) -> str:
    return f"<h3>{prose(heading)}</h3>\n" + "\n".join(map(_section, group))


def _id(derivation: Derivation) -> str:
    return "derivation-" + escape(derivation.name.replace("_", "-"))


def _section(derivation: Derivation) -> str:
    # a link to what a fold holds unfolds it, so the id stands inside
    steps = "\n".join(map(_step, derivation.steps))
    conditions = "".join(f"<li>{prose(one.text)}</li>" for one in derivation.hypotheses)
    parts = [
        f"<details><summary><h4>{prose(derivation.title)}</h4></summary>",
        f'<section id="{_id(derivation)}" aria-label="{escape(derivation.title)}">',
        f'<p class="theorem">{prose(derivation.statement)} '
        f'<span class="soft">{prose(derivation.source)}</span></p>',
        f"<p>Holds if</p>\n<ul>{conditions}</ul>" if conditions else "",
        f'<p>Steps</p>\n<ol class="steps">\n{steps}\n</ol>',
    ]
    if derivation.counterexamples:
        cases = "\n".join(map(_counterexample, derivation.counterexamples))
        parts.append(f"<p>What goes wrong without a condition</p>\n<ul>\n{cases}\n</ul>")
    return "\n".join(part for part in [*parts, "</section></details>"] if part)


def _step(step: Step) -> str:
    laws = ", ".join(f"<code>{escape(law.name)}</code>" for law in step.laws)
    tail = f" This is law {laws}." if laws else ""
    return (
        f'<li>{prose(step.reason)}{tail} <span class="soft">(checked {described(step.check)})'
        f'</span><div class="wide">{_formula(step)}</div></li>'
    )


def _formula(step: Step) -> str:
    """Both sides on one line, or the right one below the left where that would be too wide."""
    relation = op(RELATIONS.get(step.check.relation, step.check.relation))
    sides = [presentation(step.lhs), f"{relation}{presentation(step.rhs)}"]
    if width(step.lhs) + width(step.rhs) > WIDEST:
        sides = [tag("mtr", tag("mtd", row("", side))) for side in sides]
        inside = f'<mtable displaystyle="true" columnalign="left">{"".join(sides)}</mtable>'
    else:
        inside = row(*sides)
    return f'<math xmlns="{NAMESPACE}" display="block">{inside}</math>'


def _counterexample(case: Counterexample) -> str:
    claimed, actual = (f"{number:.4g}" for number in numbers(case))
    return (
        f"<li>Without “{prose(case.hypothesis.text)}”: {prose(case.text)} "
        f'<span class="soft">(claimed {claimed}, true {actual})</span></li>'
    )
