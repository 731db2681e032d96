"""The table of update rules: every file of this folder that holds a `RULE` is in it."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from theory.rules.rule import Rule

MODULES = tuple(
    import_module(f"{__name__}.{found.name}")
    for found in iter_modules(__path__)
    if found.name != "rule"
)

RULES: dict[str, Rule] = {module.RULE.name: module.RULE for module in MODULES}


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
