"""Naganuma's law is a lower bound: by Markov's inequality for |z|, and how far it is below."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Check, Counterexample, Derivation, Step, below, total
from theory.descent import BEST_LR
from theory.moments import SIGN_MEAN
from theory.rivals import COHERENT_LR, LOWER_BOUND_LR
from theory.symbols import H_, B, B_noise, T, eps_max, i, mu_, sigma_, t, z

BOTH = (i, 0, 1)
NORMAL = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
MEANS, NOISE = mu_[0] + mu_[1], sigma_[0] + sigma_[1]  # ‖μ‖₁ and ‖σ‖₁, turned so that μ_i > 0
SHOWN = Check(exact=False, digits=3, points=1)
EXACT_LR = sp.erf(sp.sqrt(B / (2 * B_noise)))  # one ratio: B_ℓ1 = κ²; over Σ|μ|/T


def _excess(times: int) -> sp.Expr:
    """The exact optimum over the bound at B = times · B_ℓ1."""
    return EXACT_LR.subs(B, times * B_noise) / LOWER_BOUND_LR(times, 1, 1)


DERIVATION = Derivation(
    "lower_bound",
    "A lower bound on the learning rate of sign descent",
    LOWER_BOUND_LR.source,
    "With a diagonal Hessian ε* ≥ (‖μ‖₁/T)(1 − √(B_ℓ1/B)), B_ℓ1 = (‖σ‖₁/‖μ‖₁)². With one ratio "
    "the optimum is 2.88, 1.91 and 1.33 times the bound at B/B_ℓ1 = 2, 4 and 16.",
    LOWER_BOUND_LR.holds,
    (
        Step(
            sp.Integral(t * NORMAL, (z, t, sp.oo)),
            sp.Integral(z * NORMAL, (z, t, sp.oo)),
            "Markov: t P(z > t) < E[z; z > t] for any t > 0.",
            below(),
        ),
        Step(
            2 * sp.Integral(z * NORMAL, (z, 0, sp.oo)),
            sp.sqrt(2 / sp.pi),
            "And E|z| < 1, so that t P(|z| > t) < 1.",
        ),
        Step(
            1 - 1 / t,
            SIGN_MEAN(1, 1, t**2),
            "With t = √B|μ|/σ therefore |ℰ| = 1 − P(|z| > t) > 1 − 1/t.",
            below(),
        ),
        Step(
            total(mu_[i] * (1 - sigma_[i] / (sp.sqrt(B) * mu_[i])), BOTH),
            MEANS
            * (1 - sp.sqrt((NOISE / MEANS) ** 2 / B)).subs(
                sp.sqrt((NOISE / MEANS) ** 2 / B), NOISE / MEANS / sp.sqrt(B)
            ),
            "N = Σ|μ_i||ℰ_i| is above ‖μ‖₁(1 − √(B_ℓ1/B)) (d = 2).",
        ),
        Step(
            total(H_[i, i] * (1 - SIGN_MEAN(mu_[i], sigma_[i], B) ** 2), BOTH)
            + total(H_[i, i] * SIGN_MEAN(mu_[i], sigma_[i], B) ** 2, BOTH),
            total(H_[i, i], BOTH),
            "With a diagonal Hessian D = T.",
        ),
        Step(
            LOWER_BOUND_LR.expr,
            COHERENT_LR(B, eps_max, sp.pi * B_noise / 2, sp.Integer(1)),
            "The bound lies below the law of one ratio, κ² = B_ℓ1.",
            below(),
        ),
        Step(_excess(2), sp.Rational(2877, 1000), "At B = 2B_ℓ1.", SHOWN),
        Step(_excess(4), sp.Rational(1909, 1000), "At B = 4B_ℓ1.", SHOWN),
        Step(_excess(16), sp.Rational(1333, 1000), "At B = 16B_ℓ1.", SHOWN),
        Step(
            BEST_LR.at(eps_max * T * (1 - sp.sqrt(B_noise / B)), T),
            LOWER_BOUND_LR.expr,
            "Lemma 1 with that N and D.",
            laws=(LOWER_BOUND_LR,),
        ),
    ),
    (
        Counterexample(
            holds.DIAGONAL,
            "d = 2, H_ij = 1, μ = σ = 1, B = 10⁴: D = 4 and not 2, so that ε* is half the bound.",
            LOWER_BOUND_LR(10**4, 1, 1),
            BEST_LR(2, 4),
        ),
    ),
    LOWER_BOUND_LR,
)
