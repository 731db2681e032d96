"""A rule's laws where all coordinates share one ratio κ = σ/|μ|, and their derivation.

If coordinate i depends on coordinate i alone, then s_i E[V_i] = e(B) and Var V_i = v(B) are common
to all coordinates (s = sign μ), and with G₁ = Σ|μ_i|, T = tr H, Q = sᵀHs Lemma 1 gives
ε* = G₁e/(Tv + Qe²). From e and v a card derives all that a reader asks: the limits of small and
of large batches, whether ε* declines after a peak, and where. Noise is independent between
coordinates.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import EXACT, Derivation, Step, below, digits_where
from theory.descent import BEST_DECREASE, BEST_LR
from theory.law import Hypothesis, Law
from theory.symbols import G1, B, Q, T, c, kappa

LEMMA = (
    *(holds.QUADRATIC, holds.POSITIVE_CURVATURE, holds.DESCENT, holds.INDEPENDENT_SAMPLES),
    *(holds.GAUSSIAN, holds.INDEPENDENT_COORDINATES, holds.COMMON_RATIO),
)


class Card(NamedTuple):
    """What a rule says for one ratio κ; every entry is a `Law`, None where there is none.

    `mean` e and `variance` v of an update's coordinate; `lr` ε* and `decrease` ΔL*; `small` the
    leading form of ε* as B → 0, `large` its limit as B → ∞; `peak` the batch size of the largest
    ε* and `peak_lr` its height, both under the condition `surges`; `half` the batch size of half
    the largest decrease. `derivation()` proves them from e and v.
    """

    mean: Law
    variance: Law
    lr: Law
    decrease: Law
    small: Law
    large: Law
    peak: Law | None
    peak_lr: Law | None
    half: Law | None
    surges: Any
    derivation: Callable[[], Derivation]

    @property
    def laws(self) -> tuple[Law, ...]:
        """All laws of the card."""
        return tuple(entry for entry in self if isinstance(entry, Law))


def common_ratio_card(
    name: str,
    title: str,
    mean: Any,
    variance: Any,
    *,
    parameters: tuple[sp.Symbol, ...] = (),
    source: str,
    hypotheses: tuple[Hypothesis, ...] = (),
    small: Any,
    large: Any,
    surges: Any,
    peak: Any = None,
    peak_lr: Any = None,
    half: Any = None,
    general: tuple[Any, Any],
    where: tuple[sp.Basic, ...] = (),
    factor: Any = None,
) -> Card:
    """The card of a rule called `name`, from `mean` e(B; κ, …) and `variance` v(B; κ, …).

    `general` holds the rule's laws of mean and variance at μ = 1 and σ = κ (`Law.at`), to which e
    and v are compared. The other expressions are what `derivation()` proves: `small` (a constant
    times a power of B) and `large`, the condition `surges` (sp.true, sp.false or a relation of T,
    Q and parameters), `peak`, `peak_lr` and `half`. `where`: the range of the parameters, for
    checks at random points. `factor`: a positive combination of parameters, for which the limit of
    large batches writes c.
    """
    conditions = (*LEMMA, *hypotheses)

    def law(entry: str, expr: Any, words: str) -> Law:
        known = (B, G1, T, Q, kappa, *parameters)
        args = tuple(symbol for symbol in known if symbol in sp.sympify(expr).free_symbols)
        return Law(f"{name}_common_{entry}", args, expr, source, conditions, f"{title}: {words}")

    def maybe(entry: str, expr: Any, words: str) -> Law | None:
        return None if expr is None else law(entry, expr, words)

    curvature = T * variance + Q * mean**2
    entries = {
        "mean": law("mean", mean, "mean update of a coordinate, one ratio"),
        "variance": law("variance", variance, "its variance, one ratio"),
        "lr": law("lr", G1 * mean / curvature, "optimal learning rate, one ratio"),
        "decrease": law("decrease", G1**2 * mean**2 / (2 * curvature), "decrease, one ratio"),
        "small": law("small", small, "optimal learning rate of small batches, one ratio"),
        "large": law("large", large, "optimal learning rate of large batches, one ratio"),
        "peak": maybe("peak", peak, "batch size of the peak, one ratio"),
        "peak_lr": maybe("peak_lr", peak_lr, "optimal learning rate at the peak, one ratio"),
        "half": maybe("half", half, "batch size of half the largest decrease, one ratio"),
    }

    def derivation() -> Derivation:
        steps = tuple(_steps(card, general, where, factor))
        return Derivation(
            f"{name}_common_ratio", f"{title}: one ratio", source, _statement(card),
            conditions, steps, (), card.large,
        )  # fmt: skip

    card = Card(**entries, surges=surges, derivation=derivation)
    return card


def _statement(card: Card) -> str:
    if card.surges == sp.false:
        return "With one ratio κ = σ/|μ|, ε* rises with B to its plateau: there is no surge."
    return "With one ratio κ = σ/|μ|, ε* rises, peaks and falls to its plateau exactly if " + (
        f"{sp.sstr(card.surges).replace('*', '·')}."
    )


def _steps(
    card: Card, general: tuple[Any, Any], where: tuple[sp.Basic, ...], factor: Any
) -> list[Step]:
    """Lemma 1, then every further entry of the card; the large-batch limit stands last."""
    e, v, lr = card.mean.expr, card.variance.expr, card.lr.expr
    curvature, numbers = T * v + Q * e**2, digits_where(*where)
    of_mean = digits_where(*(cond for cond in where if cond.free_symbols <= e.free_symbols))
    _, power = card.small.expr.as_independent(B)
    steps = [
        Step(general[0], e, "The mean of every coordinate, up to its sign.", of_mean,
             (card.mean,)),
        Step(general[1], v, "Its variance.", numbers, (card.variance,)),
        Step(BEST_LR.at(G1 * e, curvature), lr, "Lemma 1 with N = G₁e and D = Tv + Qe².", numbers,
             (card.lr,)),
        Step(BEST_DECREASE.at(G1 * e, curvature), card.decrease.expr,
             "The decrease of the loss, by Lemma 1.", numbers, (card.decrease,)),
        Step(power * sp.Limit(lr / power, B, 0), card.small.expr, "Small batches.", EXACT,
             (card.small,)),
    ]  # fmt: skip
    slope = sp.diff(lr, B)
    if card.surges != sp.true:
        steps.append(Step(sp.Integer(0), slope, "Otherwise ε* rises with B.",
                          below(sp.Not(card.surges), *where)))  # fmt: skip
    surging = digits_where(card.surges, *where)
    if card.peak is not None:
        top = sp.Subs(slope, B, card.peak.expr)
        reason = "The slope of ε* vanishes at the peak."
        steps.append(Step(top, sp.Integer(0), reason, surging, (card.peak,)))
    if card.peak is not None and card.peak_lr is not None:
        height, known = sp.Subs(lr, B, card.peak.expr), card.peak_lr.expr.free_symbols
        above = below(card.surges, *(cond for cond in where if cond.free_symbols <= known))
        reason = "The height of the peak."
        steps.append(Step(height, card.peak_lr.expr, reason, surging, (card.peak_lr,)))
        steps.append(Step(card.large.expr, card.peak_lr.expr, "It is above the plateau.", above))
    if card.half is not None:
        there = sp.Subs(card.decrease.expr, B, card.half.expr)
        reason = "Half of the largest decrease, G₁²/(2Q)."
        steps.append(Step(there, G1**2 / (4 * Q), reason, numbers, (card.half,)))
    end = sp.Limit(lr if factor is None else _with_c(lr, factor), B, sp.oo)
    steps.append(Step(end, card.large.expr, "Large batches.", EXACT, (card.large,)))
    return steps


def _with_c(expr: sp.Expr, factor: Any) -> Any:
    """The expression with c in place of the factor, whose root SymPy may have pulled apart."""
    return expr.subs(sp.sqrt(factor), sp.sqrt(c)).subs(1 / sp.sqrt(factor), 1 / sp.sqrt(c))
