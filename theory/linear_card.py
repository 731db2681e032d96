"""What SGD, plain or with momentum, says where all coordinates share |μ| and κ = σ/|μ|."""

import sympy as sp

from theory import hypotheses as holds
from theory.card import Card, common_ratio_card
from theory.law import Law
from theory.symbols import G1, B, Q, T, beta_1, kappa, mu_abs, sigma


def linear_card(name: str, title: str, variance: Law) -> Card:
    """The card of V with mean μ and the `variance` given: it rises as B, saturates, never falls."""
    decays = tuple(symbol for symbol in variance.args if symbol == beta_1)
    noise = variance.expr.subs(sigma, kappa * mu_abs) * B / mu_abs**2  # cκ²
    return common_ratio_card(
        name,
        title,
        mu_abs,
        noise * mu_abs**2 / B,
        parameters=(mu_abs, *decays),
        source="McCandlish et al. 2018 (1812.06162)" if not decays else "Derived here",
        hypotheses=(holds.COMMON_MEAN, *((holds.FROZEN,) if decays else ())),
        small=G1 * B / (mu_abs * T * noise),
        large=G1 / (mu_abs * Q),
        half=noise * T / Q,
        surges=sp.false,
        general=(mu_abs, variance.at(kappa * mu_abs, B, *decays)),
        where=tuple(decay < 1 for decay in decays),
    )
