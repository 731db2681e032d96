"""The table of update rules: a new rule is a new file and a new line here."""

from collections.abc import Mapping

from theory.rules import sgd, sign, sign_sigmoid
from theory.rules.rule import Rule

RULES: dict[str, Rule] = {module.RULE.name: module.RULE for module in (sgd, sign, sign_sigmoid)}


def lookup(name: str, parameters: Mapping[str, object]) -> tuple[Rule, dict[str, object]]:
    """The rule of that name and its parameters with defaults filled in.

    Errors: ValueError for an unknown rule or parameter.
    """
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"unknown rule {name!r}; known: {', '.join(sorted(RULES))}")
    rule = RULES[name]
    unknown = sorted(set(parameters) - set(rule.parameters))
    if unknown:
        known = ", ".join(sorted(rule.parameters)) or "none"
        raise ValueError(f"rule {name!r} has no parameter {', '.join(unknown)}; it takes: {known}")
    return rule, {**rule.parameters, **parameters}
