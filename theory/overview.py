"""What each rule says where all coordinates share one ratio κ = σ/|μ|, as rows of a table."""

from typing import Any

import sympy as sp

from theory.card import Card
from theory.law import Law

ROWS = {
    "mean": "E[V]",
    "variance": "Var V",
    "lr": "ε*",
    "small": "ε*, B → 0",
    "large": "ε*, B → ∞",
    "surges": "surges if",
    "peak": "B_peak",
    "peak_lr": "ε* at B_peak",
    "half": "B_crit",
}
LEGEND = (
    "One ratio κ = σ/|μ| in all coordinates, independent noise, frozen gradient. E[V] up to the "
    "sign of μ; ε* = G₁E[V]/(T Var V + Q E[V]²) with G₁ = Σ|μ_i|, T = tr H, Q = sᵀHs, s = sign μ. "
    "At B_peak ε* is largest, at B_crit the decrease of the loss is half of its largest."
)


def entry(card: Card, row: str) -> Any:
    """A formula, or a word: `always`, `never`, and `–` where there is no closed form."""
    found = getattr(card, row)
    if isinstance(found, Law):
        return found.expr
    words = {None: "–", sp.true: "always", sp.false: "never"}
    return words.get(found, found)
