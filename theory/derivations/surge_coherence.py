"""The exact condition for a surge, for any rule with one ratio σ/|μ| (sums at d = 2)."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step, below, total
from theory.derivations.cases import OPPOSED, lr_at
from theory.descent import BEST_LR
from theory.surge_place import PEAK_OVER_PLATEAU, SOURCE, SURGE_COHERENCE, TWO_MOMENT_LR
from theory.symbols import G1, H_, E, Q, T, beta_1, c, i, j, q, v, v_E, x

ALL, DIAGONAL = ((j, 0, 1), (i, 0, 1)), (i, 0, 1)
V = sp.Function("v")(x)
ADAM = c * (1 - E**2)
DECAY = (1 - beta_1) / (1 + beta_1)

DERIVATION = Derivation(
    "surge_coherence",
    "When a surge exists, for any rule with one ratio",
    SOURCE,
    "With s_iE[V_i] = E and Var V_i = v, ε* = G₁E/(Tv + QE²) falls as E grows exactly where "
    "Q/T > v/E² − (dv/dE)/E. For v = c(1 − E²) there is a surge if and only if Q > 2cT: sign "
    "descent has c = 1, Adam (β2 → 1) c = (1 − β1)/(1 + β1), below ½ for β1 > 1/3, and then "
    "surges with a diagonal Hessian. S = Σ_{i≠j} r_i r_j H_ij decides nothing.",
    SURGE_COHERENCE.holds,
    (
        Step(
            total(H_[i, j] * (E**2 + v * sp.KroneckerDelta(i, j)), *ALL),
            v * total(H_[i, i], DIAGONAL) + E**2 * total(H_[i, j], *ALL),
            "D = ΣH_ij E[V_iV_j] with independent coordinates, turned so that s_i = 1: vT + E²Q.",
        ),
        Step(
            BEST_LR.at(G1 * E, T * v + Q * E**2),
            TWO_MOMENT_LR.expr,
            "Lemma 1 with N = EΣ|μ_i|.",
            laws=(TWO_MOMENT_LR,),
        ),
        Step(
            G1 / TWO_MOMENT_LR.expr,
            T * v / E + Q * E,
            "1/ε* is a sum: the noise's part falls with E, the coherent part rises.",
        ),
        Step(
            sp.Derivative((T * V / x + Q * x) / T, x),
            Q / T - (V / x**2 - sp.Derivative(V, x) / x),
            "So 1/ε* rises with the mean update exactly where q = Q/T exceeds v/E² − v′/E.",
        ),
        Step(
            SURGE_COHERENCE.at(E, ADAM, sp.diff(ADAM, E)),
            c * (1 + 1 / E**2),
            "Sign descent and Adam: v = c(1 − E²).",
        ),
        Step(
            2 * c,
            c * (1 + 1 / E**2),
            "It falls towards 2c as E → 1: a coherence above 2c is exceeded somewhere, one of 2c "
            "or below nowhere.",
            below(E > 0, E < 1),
        ),
        Step(
            sp.Subs(DECAY, beta_1, sp.Rational(1, 3)),
            sp.Rational(1, 2),
            "At β1 = 1/3, 2c = 1 = Q/T of a diagonal Hessian.",
        ),
        Step(
            sp.Derivative(DECAY, beta_1),
            -2 / (1 + beta_1) ** 2,
            "c falls with β1, so that above 1/3 Adam surges although S = 0.",
        ),
        Step(
            q - (q - (v / E**2 - v_E / E)),
            SURGE_COHERENCE.expr,
            "The coherence at which the slope vanishes: the slope is linear in it.",
            laws=(SURGE_COHERENCE,),
        ),
    ),
    (
        Counterexample(
            holds.POSITIVE_S,
            "H = I and so S = 0 claims that ε* never falls; Adam with β1 = 0.9 has Q/(cT) = 19 "
            "and falls by 55 % from its peak.",
            sp.Integer(1),
            1 / PEAK_OVER_PLATEAU(sp.Integer(19)),
        ),
        Counterexample(
            holds.COMMON_RATIO,
            "A pair of high ratio pulling apart, one of low ratio pulling together: Q = 1.45 T "
            "claims that ε* never falls, but it falls by 33 % from B = 10 to B = 10⁶.",
            sp.Integer(1),
            lr_at(OPPOSED, 10**6) / lr_at(OPPOSED, 10),
        ),
    ),
    SURGE_COHERENCE,
)
