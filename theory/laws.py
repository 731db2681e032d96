"""The register of laws, gathered from the modules that state them and from the rules' cards."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import theory
from theory.law import Law
from theory.rules import MODULES, RULES

NOT_LAWS = {"__main__", "derivations", "document", "laws", "rules", "text", "verify"}


def _stated() -> Iterator[Law]:
    names = (found.name for found in iter_modules(theory.__path__) if found.name not in NOT_LAWS)
    for module in (*(import_module(f"theory.{name}") for name in names), *MODULES):
        yield from (value for value in vars(module).values() if isinstance(value, Law))
    for rule in RULES.values():
        yield from () if rule.card is None else rule.card.laws


def _gathered() -> dict[str, Law]:
    laws: dict[str, Law] = {}
    for law in _stated():
        if laws.setdefault(law.name, law) is not law:
            raise ValueError(f"two laws are called {law.name}")
    return laws


LAWS: dict[str, Law] = _gathered()
