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
    "correlated_small_batch",
    "equicorrelated",
    "averages",
    "long_run",
    "soft_sign",
    "large_batch",
    "common_ratio",
    "tradeoff",
    "surge_coherence",
    "surge_place",
    "surge_drift",
    "rivals",
    "lower_bound",
    "su",
    "timescale",
    "ratio",
    "adam",
    "adam_correction",
    "adagrad",
    "normalised",
    "adafactor",
    "muon",
    "run_sgd",
    "closure",
    "drift_along_run",
)

BEGINS = {  # the groups of a table of contents, by the theorem that each begins with
    "lemma1": "One step",
    "sign_covariance": "Correlated noise, and samples that are not Gaussian",
    "averages": "Averages of gradients, softened signs",
    "large_batch": "Where ε* peaks and where it saturates",
    "rivals": "Rival laws",
    "ratio": "Ratios of averages, whole matrices",
    "run_sgd": "Whole runs on a quadratic",
}


@cache
def grouped() -> dict[str, tuple[Derivation, ...]]:
    """All derivations under the headings of a table of contents.

    The theorems in `ORDER`, then what the files of `theory.rules` and the rules' cards hold.
    """
    groups: dict[str, tuple[Derivation, ...]] = {}
    heading = ""
    for name in ORDER:
        heading = BEGINS.get(name, heading)
        theorem = import_module(f"{__name__}.{name}").DERIVATION
        groups[heading] = (*groups.get(heading, ()), theorem)
    own = (module.DERIVATION for module in MODULES if hasattr(module, "DERIVATION"))
    cards = (rule.card.derivation() for rule in RULES.values() if rule.card is not None)
    ends = {"Update rules": tuple(own), "Rules at one ratio σ/|μ|": tuple(cards)}
    return groups | {heading: found for heading, found in ends.items() if found}


@cache
def derivations() -> tuple[Derivation, ...]:
    """All derivations, with what a report needs: statements, reasons and SymPy expressions."""
    return tuple(derivation for group in grouped().values() for derivation in group)
