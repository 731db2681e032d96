"""Adam with β2 → 1: the average of squares becomes certain and the update linear."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step
from theory.moments import SIGN_VARIANCE
from theory.ratio_series import spread
from theory.rules.adam import ADAM_MEAN, ADAM_VARIANCE, MOMENTUM, RULE, SUM_WW
from theory.symbols import B, beta_1, beta_2, h, mu, sigma

SECOND = mu**2 + sigma**2 / B  # ν², the mean of v
NINE = sp.Rational(9, 10)
CARD = RULE.card
assert CARD is not None
assert CARD.peak_lr is not None

DERIVATION = Derivation(
    "adam",
    "Adam with a long memory of squares",
    ADAM_VARIANCE.source,
    "Stationary Adam at a frozen gradient has, for β2 → 1, E[V] = φ = μ/√(μ² + σ²/B) and "
    "Var V = c(1 − φ²) with c = (1−β1)/(1+β1); two coordinates with correlation ρ have the "
    "covariance cρ√((1 − φ_i²)(1 − φ_j²)).",
    ADAM_VARIANCE.holds,
    (
        Step(
            (1 - beta_2) ** 2 + beta_2**2 * SUM_WW,
            SUM_WW,
            "Σw_k² of w_k = (1−β2)β2^k is the fixed point of one more step.",
        ),
        Step(
            sp.Limit(SUM_WW * spread(h), beta_2, 1),
            sp.Integer(0),
            "The relative variance of v vanishes: v is its mean ν² = μ² + σ²/B.",
        ),
        Step(
            (1 - beta_1) ** 2 + beta_1**2 * MOMENTUM,
            MOMENTUM,
            "Σa_k² = c likewise, so that m has mean μ and variance cσ²/B.",
        ),
        Step(mu / sp.sqrt(SECOND), ADAM_MEAN.expr, "The mean of m/ν.", laws=(ADAM_MEAN,)),
        Step(
            MOMENTUM * (1 - ADAM_MEAN.expr**2),
            MOMENTUM * sigma**2 / B / SECOND,
            "Its variance is c(1 − φ²). It is linear in the noise: a covariance is ρ times the "
            "product of two deviations.",
        ),
        Step(
            MOMENTUM * sigma**2 / B / SECOND,
            ADAM_VARIANCE.expr,
            "The same, multiplied by B.",
            laws=(ADAM_VARIANCE,),
        ),
    ),
    (
        Counterexample(
            holds.LONG_MEMORY,
            "β1 = β2 = 0 is the sign: at h = 3 its variance is 0.0054, not 0.1.",
            ADAM_VARIANCE(3, 1, 1, 0),
            SIGN_VARIANCE(3, 1, 1),
        ),
        Counterexample(
            holds.FROZEN,
            "Not yet stationary: Adam's first step is the sign, whose variance at h = 1 is 0.534; "
            "the law says 0.0263 at β1 = 9/10.",
            ADAM_VARIANCE(1, 1, 1, NINE),
            SIGN_VARIANCE(1, 1, 1),
        ),
        Counterexample(
            holds.POSITIVE_S,
            "A diagonal Hessian, S = 0, should have no surge: the plateau would be the largest ε*. "
            "With β1 = 9/10 the peak is 2.24 times the plateau.",
            sp.Integer(1),
            CARD.peak_lr(1, 1, 1, NINE) / CARD.large(1, 1),
        ),
    ),
    ADAM_VARIANCE,
)
