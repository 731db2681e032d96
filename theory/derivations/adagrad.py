"""Adagrad at step t: equal weights, so that the integrals are known functions."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, below, digits_where
from theory.moments import SIGN_MEAN
from theory.ratio import RATIO_MEAN_DENSITY, RATIO_SQUARE_DENSITY
from theory.ratio_series import RATIO_FIRST_MEAN
from theory.rules.adagrad import ADAGRAD_FIRST_MEAN, ADAGRAD_PEAK_LR, ADAGRAD_SQUARE
from theory.surge import COMMON_RATIO_LR
from theory.symbols import G1, B, E, Q, T, h, mu, sigma, t, t_steps, y

DAMPING = 1 / (1 + 2 * t)
# t_steps squares of weight 1, the last gradient of weight 1
SUMS = (t_steps * sp.log(1 + 2 * t) / 2, t_steps * DAMPING, DAMPING)
TRANSFORM = DAMPING ** (t_steps / 2) * sp.exp(-(h**2) * t * t_steps * DAMPING)
MEAN = (
    h
    * sp.gamma((t_steps + 1) / 2)
    / (sp.sqrt(2) * sp.gamma(t_steps / 2 + 1))
    * sp.hyper((sp.Rational(1, 2),), (t_steps / 2 + 1,), -t_steps * h**2 / 2)
)
IN_E = G1 * E / (T / t_steps + (Q - T) * E**2)
TOP = sp.sqrt(T / (t_steps * (Q - T)))

DERIVATION = Derivation(
    "adagrad",
    "Adagrad after t steps",
    ADAGRAD_PEAK_LR.source,
    "V = g_t/√(Σ_{k≤t} g_k²) at a frozen gradient has E[V²] = 1/t and E[V] = "
    "hΓ((t+1)/2)/(√2 Γ(t/2+1)) ₁F₁(½; t/2+1; −th²/2). So for one ratio ε* surges, at any t, if "
    "and only if Q > 2T, and peaks at √t G₁/(2√(T(Q−T))), √t times the peak of sign descent.",
    (*ADAGRAD_PEAK_LR.holds, holds.LONG_MEMORY),
    (
        Step(
            sp.Derivative(-TRANSFORM / t_steps, t),
            RATIO_SQUARE_DENSITY.at(h, t, *SUMS, DAMPING),
            "The density of E[V²] is the slope of −E[e^{−tv}]/t_steps, which rises from "
            "−1/t_steps to 0.",
            DIGITS,
        ),
        Step(
            sp.Integer(1) / t_steps,
            ADAGRAD_SQUARE.expr,
            "So E[V²] = 1/t_steps; by symmetry too, for the t_steps shares g_k²/Σg² sum to 1.",
            laws=(ADAGRAD_SQUARE,),
        ),
        Step(
            sp.Integral(2 * y * RATIO_MEAN_DENSITY(h, t, *SUMS).subs(t, y**2), (y, 0, sp.oo)),
            MEAN,
            "The mean (t = y²) is Kummer's integral.",
            digits_where(h > 0, h < 1, t_steps > 1),
        ),
        Step(
            MEAN.subs(t_steps, 1),
            SIGN_MEAN(h, 1, 1),
            "At t_steps = 1 V is the sign.",
            DIGITS,
        ),
        Step(
            RATIO_FIRST_MEAN.at(sp.sqrt(B) * mu / sigma, 1 / t_steps, 1 / t_steps)
            / sp.sqrt(t_steps),
            ADAGRAD_FIRST_MEAN.expr,
            "For many steps: with weights 1/t_steps all the sums of the first correction are "
            "1/t_steps, and V is RMSProp's over √t_steps.",
            DIGITS,
            (ADAGRAD_FIRST_MEAN,),
        ),
        Step(
            sp.Derivative(IN_E, E),
            G1 * (T / t_steps - (Q - T) * E**2) / (T / t_steps + (Q - T) * E**2) ** 2,
            "One ratio: N = G₁E and D = T(1/t_steps − E²) + QE², so ε* rises until E² = "
            "T/(t_steps(Q−T)).",
        ),
        Step(
            TOP,
            1 / sp.sqrt(t_steps),
            "For Q > 2T E, which grows to 1/√t_steps, gets there.",
            below(2 * T < Q),
        ),
        Step(
            sp.Subs(IN_E, (E, t_steps), (sp.erf(sp.sqrt(B / 2)), 1)),
            COMMON_RATIO_LR.at(B, G1, T, Q, 1),
            "At t_steps = 1 this is sign descent.",
            DIGITS,
        ),
        Step(
            sp.Subs(IN_E, E, TOP),
            ADAGRAD_PEAK_LR.expr,
            "The height of the peak.",
            digits_where(2 * T < Q),
            (ADAGRAD_PEAK_LR,),
        ),
    ),
    (
        Counterexample(
            holds.FROZEN,
            "Two steps without noise, the gradient halving: V² is 1/5, not 1/2.",
            ADAGRAD_SQUARE(2),
            sp.Rational(1, 5),
        ),
        Counterexample(
            holds.SURGING,
            "t_steps = 1, T = 1, Q = 3/2: the height claimed is √½ Σ|μ|; ε* rises only to ⅔ Σ|μ|.",
            ADAGRAD_PEAK_LR(1, 1, sp.Rational(3, 2), 1),
            IN_E.subs({G1: 1, T: 1, Q: sp.Rational(3, 2), t_steps: 1, E: 1}),
        ),
    ),
    ADAGRAD_PEAK_LR,
)
