"""What sign descent says at one ratio κ = σ/|μ|: plain, and with the sign of an average."""

from typing import Any

import sympy as sp

from theory import hypotheses as holds
from theory.card import Card, common_ratio_card
from theory.derivation import DIGITS, EXACT, Derivation, Step
from theory.law import Law
from theory.moments import SIGN_MEAN, SIGN_VARIANCE
from theory.plateau import SIMPLE_PLATEAU
from theory.surge import (
    COMMON,
    COMMON_RATIO_DECREASE,
    COMMON_RATIO_HALF,
    COMMON_RATIO_LR,
    COMMON_RATIO_PEAK,
    COMMON_RATIO_PEAK_LR,
    MEAN_SIGN,
)
from theory.symbols import G1, B, Q, T, kappa


def averaged_sign_card(name: str, title: str, factor: Law, general: tuple[Law, Law]) -> Card:
    """The card of the sign of an average whose noise is σ² · factor: κ² → factor · κ² throughout.

    `general` are its laws of mean and variance.
    """
    ratio = kappa * sp.sqrt(factor.expr)
    decays = factor.args
    at: Any = (1, kappa, B, *decays)
    return common_ratio_card(
        name,
        title,
        SIGN_MEAN(1, ratio, B),
        SIGN_VARIANCE(1, ratio, B),
        parameters=decays,
        source="Derived here from Theorem 2",
        hypotheses=(holds.FROZEN, holds.NO_DEAD_COORDINATE),
        small=G1 * sp.sqrt(2 * B / sp.pi) / (ratio * T),
        large=SIMPLE_PLATEAU(G1, Q),
        peak=COMMON_RATIO_PEAK(ratio, T, Q),
        peak_lr=COMMON_RATIO_PEAK_LR(G1, T, Q),
        half=COMMON_RATIO_HALF(ratio, T, Q),
        surges=2 * T < Q,
        general=(general[0].at(*at), general[1].at(*at)),
        where=tuple(decay < 1 for decay in decays),
        factor=factor.expr,
    )


def _law(entry: str, args: tuple[sp.Symbol, ...], expr: Any, words: str) -> Law:
    source = "Li et al. 2024 (2405.14578), Theorem 2, with one ratio σ/|μ|"
    return Law(f"sign_common_{entry}", args, expr, source, COMMON, f"Sign descent: {words}")


MEAN = _law("mean", (B, kappa), MEAN_SIGN, "mean update of a coordinate, one ratio")
VARIANCE = _law("variance", (B, kappa), SIGN_VARIANCE(1, kappa, B), "its variance, one ratio")
SMALL = _law(
    "small",
    (B, G1, T, kappa),
    G1 * sp.sqrt(2 * B / sp.pi) / (kappa * T),
    "optimal learning rate of small batches, one ratio",
)


def _derivation() -> Derivation:
    """What `theory.derivations.common_ratio` leaves open: e, v and the smallest batches."""
    root = sp.sqrt(B)
    return Derivation(
        "sign_common_ratio",
        "Sign descent, one ratio: mean, variance and small batches",
        MEAN.source,
        "With one ratio κ, s_i E[V_i] = erf(√(B/2)/κ), and ε* starts as √(2B/π) Σ|μ|/(κT).",
        COMMON,
        (
            Step(SIGN_MEAN.at(1, kappa, B), MEAN.expr, "The mean, up to its sign.", DIGITS,
                 (MEAN,)),
            Step(1 - MEAN.expr**2, VARIANCE.expr, "Its variance.", DIGITS, (VARIANCE,)),
            Step(root * sp.Limit(COMMON_RATIO_LR.expr / root, B, 0), SMALL.expr, "Small batches.",
                 EXACT, (SMALL,)),
        ),
        (),
        SMALL,
    )  # fmt: skip


SIGN_CARD = Card(
    mean=MEAN,
    variance=VARIANCE,
    lr=COMMON_RATIO_LR,
    decrease=COMMON_RATIO_DECREASE,
    small=SMALL,
    large=SIMPLE_PLATEAU,
    peak=COMMON_RATIO_PEAK,
    peak_lr=COMMON_RATIO_PEAK_LR,
    half=COMMON_RATIO_HALF,
    surges=2 * T < Q,
    derivation=_derivation,
)
