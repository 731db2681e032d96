"""Lemma 1: from a quadratic loss to ε* = N/D, with the sums written out at d = 2."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import EXACT, Counterexample, Derivation, Step, total
from theory.descent import BEST_DECREASE, BEST_LR, DECREASE, SOURCE
from theory.symbols import E_, H_, K_, V_, D, N, epsilon, i, j, theta_, x

# One symbol for H_01 = H_10, for the Hessian is symmetric
CURVATURE = sp.Matrix([[H_[0, 0], H_[0, 1]], [H_[0, 1], H_[1, 1]]])
THETA, UPDATE = sp.Matrix([theta_[0], theta_[1]]), sp.Matrix([V_[0], V_[1]])


def _loss(point: sp.Matrix) -> sp.Expr:
    return (point.T * CURVATURE * point)[0] / 2


def _double_sum(term: sp.Expr) -> sp.Expr:
    return total(term, (j, 0, 1), (i, 0, 1))


GRADIENT = CURVATURE * THETA
FALL = epsilon * GRADIENT.dot(UPDATE) - epsilon**2 * (UPDATE.T * CURVATURE * UPDATE)[0] / 2

DERIVATION = Derivation(
    "lemma1",
    "Lemma 1: the optimal learning rate of one step",
    SOURCE,
    "With N = GᵀE[V] and D = E[VᵀHV] = tr(H cov V) + E[V]ᵀH E[V], one step θ − εV lowers the "
    "expected loss most at ε* = N/D, by N²/(2D).",
    BEST_LR.holds,
    (
        Step(
            _loss(THETA) - _loss(THETA - epsilon * UPDATE),
            FALL,
            "The loss ½θᵀHθ before and after the step, with G = Hθ (d = 2). Its expectation is "
            "εN − ½ε²D.",
        ),
        Step(
            _double_sum(H_[i, j] * (K_[i, j] + E_[i] * E_[j])),
            _double_sum(H_[i, j] * K_[i, j]) + _double_sum(E_[i] * H_[i, j] * E_[j]),
            "E[V_i V_j] = cov(V_i, V_j) + E[V_i]E[V_j], so that D = tr(H cov V) + E[V]ᵀH E[V].",
        ),
        Step(
            sp.Integral(N - x * D, (x, 0, epsilon)),
            DECREASE.expr,
            "In expectation: along the step the slope starts at N and falls by D per unit of ε.",
            laws=(DECREASE,),
        ),
        Step(
            sp.Derivative(DECREASE.expr, epsilon),
            N - epsilon * D,
            "Its slope vanishes only at ε = N/D.",
        ),
        Step(
            sp.Derivative(DECREASE.expr, (epsilon, 2)),
            -D,
            "It is concave for D > 0, so the root is the maximum.",
        ),
        Step(
            DECREASE.at(N / D, N, D),
            BEST_DECREASE.expr,
            "The decrease there; half of Nε*.",
            laws=(BEST_DECREASE,),
        ),
        Step(
            epsilon + (N - epsilon * D) / D,
            BEST_LR.expr,
            "The root of the slope: one Newton step from any ε, for the slope is linear.",
            EXACT,
            (BEST_LR,),
        ),
    ),
    (
        Counterexample(
            holds.QUADRATIC,
            "L = θ⁴/4 at θ = 1 with V = 1: G = 1 and H = 3 claim ε* = 1/3, but ε = 1 reaches "
            "the minimum.",
            BEST_LR(1, 3),
            sp.Integer(1),
        ),
        Counterexample(
            holds.POSITIVE_CURVATURE,
            "N = 1, D = −1: the claimed largest decrease is −1/2, but ε = 1 alone gains 3/2.",
            BEST_DECREASE(1, -1),
            DECREASE(1, 1, -1),
        ),
        Counterexample(
            holds.DESCENT,
            "N = −1, D = 1: the claimed gain 1/2 needs a negative rate; the best of ε ≥ 0 is 0.",
            BEST_DECREASE(-1, 1),
            DECREASE(0, -1, 1),
        ),
    ),
    BEST_LR,
)
