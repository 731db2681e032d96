"""The rivals as limits and special cases of the laws of SGD and of sign descent."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, below, digits_where
from theory.noise_scale import SGD_LR, SMALL_BATCH_LR
from theory.rivals import (
    ALPHA_LR,
    COHERENT_LR,
    CONSTANT_LR,
    HALF_LR,
    HELD_BETA_2,
    KNEE_LR,
    LINEAR_LR,
    MEAN_FIELD_LR,
    POWER_LR,
    ROOT_LR,
)
from theory.surge import COMMON_RATIO_LR, SIGMOID_DIAGONAL_LR
from theory.symbols import B, B_new, B_noise, T, alpha, beta_2, eps_max, q, t

ONE, HALF = sp.Integer(1), sp.Rational(1, 2)
KAPPA = sp.sqrt(2 * B_noise / sp.pi)


def _grown(law, *shape) -> sp.Expr:
    """The law at tB."""
    return law(t * B, eps_max, B_noise, *shape)


DERIVATION = Derivation(
    "rivals",
    "Rival laws: limits and special cases",
    COHERENT_LR.source,
    "Linear scaling is SGD's law far below its noise scale; square-root scaling and a constant are "
    "the two ends of sign descent's, between which it saturates (diagonal Hessian, exactly α = ½ "
    "with the sigmoid), or surges to a plateau. The knee is the lesser of both ends. Free "
    "exponents are proposals.",
    COHERENT_LR.holds,
    (
        Step(
            sp.Limit(_grown(SGD_LR) / t, t, 0),
            LINEAR_LR.expr,
            "SGD at tB, t → 0: linear.",
            laws=(LINEAR_LR,),
        ),
        Step(
            sp.Limit(_grown(COHERENT_LR, ONE) / sp.sqrt(t), t, 0),
            ROOT_LR.expr,
            "Sign descent at tB: the square root (diagonal Hessian, q = 1; else q times it).",
            laws=(ROOT_LR,),
        ),
        Step(
            sp.Limit(COHERENT_LR.expr, B, sp.oo),
            CONSTANT_LR.expr,
            "At large batches sign descent's rate is constant.",
            laws=(CONSTANT_LR,),
        ),
        Step(
            SIGMOID_DIAGONAL_LR.at(B, eps_max * T, T, KAPPA),
            HALF_LR.expr,
            "With a diagonal Hessian and the sigmoid: α = ½ with B_noise = πκ²/2.",
            laws=(HALF_LR,),
        ),
        Step(
            MEAN_FIELD_LR.at(B, eps_max, B_noise, ONE),
            HALF_LR.expr,
            "Likewise the mean field at q = 1.",
            DIGITS,
        ),
        Step(ALPHA_LR.at(B, eps_max, B_noise, ONE), SGD_LR.expr, "α = 1 is exact for SGD."),
        Step(ALPHA_LR.at(B, eps_max, B_noise, HALF), HALF_LR.expr, "α = ½ is that law."),
        Step(
            ALPHA_LR(B * t, eps_max, B_noise, alpha) / t**alpha,
            eps_max * (B / (B_noise + t * B)) ** alpha,
            "A free exponent grows as B^α where tB ≪ B_noise: the free power.",
            DIGITS,
        ),
        Step(
            sp.Min(POWER_LR.expr, CONSTANT_LR.expr),
            KNEE_LR.expr,
            "The knee is the lesser of the power and the constant.",
            DIGITS,
        ),
        Step(
            ALPHA_LR.expr,
            KNEE_LR.expr,
            "It lies above the saturating law with the same exponent.",
            below(),
        ),
        Step(
            sp.Limit(MEAN_FIELD_LR(B, 2 * eps_max / sp.sqrt(q), q * B_noise, q), q, sp.oo),
            SMALL_BATCH_LR.expr,
            "For large q the plateau goes to nothing and Theorem 3 is left.",
        ),
        Step(
            beta_2 ** ((B * sp.log(HALF) / sp.log(beta_2)) / B),
            HALF,
            "A gradient's weight in the second moment is ½ after B ln ½/ln β2 samples.",
            DIGITS,
        ),
        Step(
            B_new * sp.log(HALF) / sp.log(HELD_BETA_2.expr),
            B * sp.log(HALF) / sp.log(beta_2),
            "With β2^(B_new/B) it is so after as many samples at the other batch size.",
            digits_where(beta_2 < 1),
        ),
        Step(
            COMMON_RATIO_LR.at(B, eps_max * q * T, T, q * T, KAPPA),
            COHERENT_LR.expr,
            "Theorem 2 with one ratio, by its plateau ε_max = Σ|μ|/Q, q = Q/T and B_noise.",
            DIGITS,
            (COHERENT_LR,),
        ),
    ),
    (
        Counterexample(
            holds.BELOW_NOISE,
            "At B = B_noise linear scaling claims ε_max; SGD has half of it.",
            LINEAR_LR(1, 1, 1),
            SGD_LR(1, 1, 1),
        ),
        Counterexample(
            holds.ABOVE_NOISE,
            "At B = B_noise a constant claims ε_max; with a diagonal Hessian it is 0.79 of it.",
            sp.Integer(1),
            COHERENT_LR(1, 1, 1, 1),
        ),
        Counterexample(
            holds.EMPIRICAL,
            "Any saturating exponent claims that ε* does not fall; sign descent with Q = 4T falls "
            "by 13 %.",
            sp.Integer(1),
            COMMON_RATIO_LR(10**6, 1, 1, 4, 1) / COMMON_RATIO_LR(sp.Rational(2, 3), 1, 1, 4, 1),
        ),
    ),
    COHERENT_LR,
)
