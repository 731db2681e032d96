"""The theorems, one a file, in the order in which they build on each other."""

from functools import cache
from importlib import import_module

from theory.derivation import Derivation
from theory.rules import MODULES, RULES

ORDER = (
    "lemma1",
    "sgd",
    "sign_moments",
    "sign_descent",
    "sigmoid",
    "power_law",
    "small_batch",
    "sign_covariance",
    "edgeworth",
    "enumeration",
    "copula",
    "mehler",
    "large_batch",
    "common_ratio",
    "tradeoff",
    "surge_coherence",
    "surge_place",
    "surge_drift",
    "rivals",
    "lower_bound",
    "ratio",
    "adam",
    "adam_correction",
    "adagrad",
    "normalised",
    "adafactor",
    "muon",
)


@cache
def derivations() -> tuple[Derivation, ...]:
    """All derivations, with what a report needs: statements, reasons and SymPy expressions.

    The theorems in `ORDER`, then what the files of `theory.rules` and the rules' cards hold.
    """
    theorems = (import_module(f"{__name__}.{name}").DERIVATION for name in ORDER)
    own = (module.DERIVATION for module in MODULES if hasattr(module, "DERIVATION"))
    cards = (rule.card.derivation() for rule in RULES.values() if rule.card is not None)
    return (*theorems, *own, *cards)
