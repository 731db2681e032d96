"""The sigmoid of eq. (10) and its largest errors, derived: where and how far it falls short."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Check, Counterexample, Derivation, Step, below
from theory.moments import SIGMOID_MEAN, SIGN_MEAN
from theory.sigmoid import ABSOLUTE_AT, LARGEST_ABSOLUTE, LARGEST_RELATIVE, RELATIVE_AT, sigmoid
from theory.symbols import B, r, t, x, y

SHOWN = Check(exact=False, digits=4, points=1)
LOG_SLOPES = -t + sp.Rational(3, 2) * sp.log(1 + 4 * t / sp.pi)
ERROR = sp.erf(t) - sigmoid(t)

DERIVATION = Derivation(
    "sigmoid",
    "The sigmoid in place of erf",
    SIGMOID_MEAN.source,
    "erf x ≈ x/√(x² + π/4) is an under-estimate for x > 0, exact at 0 and ∞, by at most 0.1078 "
    "(at x = 1.330) and at most 11.63 % of erf x (at x = 1.198).",
    SIGMOID_MEAN.holds,
    (
        Step(sp.Limit(sp.erf(x) / sigmoid(x), x, 0), sp.Integer(1), "Equal slopes at 0."),
        Step(sp.Limit(sigmoid(t), t, sp.oo), sp.Integer(1), "Equal limits at ∞."),
        Step(
            sp.log(sp.Derivative(sp.erf(x), x).doit() / sp.Derivative(sigmoid(x), x).doit()),
            LOG_SLOPES.subs(t, x**2),
            "The logarithm of the ratio of slopes is a function g of t = x², g(0) = 0.",
            DIGITS,
        ),
        Step(
            sp.Derivative(LOG_SLOPES, (t, 2)),
            -24 / (sp.pi + 4 * t) ** 2,
            "g is concave and rises at 0, as 6/π > 1, so it has one more zero: erf − sigmoid "
            "rises from 0 to one maximum and falls back to 0. The sigmoid is an under-estimate.",
        ),
        Step(sigmoid(t), sp.erf(t), "The under-estimate, sampled.", below()),
        Step(
            LOG_SLOPES.subs(t, ABSOLUTE_AT**2),
            sp.Integer(0),
            "That zero, by the lower branch of Lambert's W.",
            DIGITS,
        ),
        Step(ABSOLUTE_AT, sp.Rational(13301, 10**4), "Where the error is largest.", SHOWN),
        Step(LARGEST_ABSOLUTE, sp.Rational(10780, 10**5), "How large it is there.", SHOWN),
        Step(
            sp.Derivative(sp.log(sigmoid(y)), y).doit().subs(y, RELATIVE_AT),
            sp.Derivative(sp.log(sp.erf(y)), y).doit().subs(y, RELATIVE_AT),
            "The relative error is largest where the logarithmic slopes agree.",
            DIGITS,
        ),
        Step(RELATIVE_AT, sp.Rational(1198, 1000), "Where that is.", Check(False, digits=3)),
        Step(LARGEST_RELATIVE, sp.Rational(1163, 10**4), "How large it is there.", SHOWN),
        Step(
            ERROR / sp.erf(t),
            LARGEST_RELATIVE + sp.Rational(1, 10**12),
            "No larger relative error elsewhere, sampled.",
            below(),
        ),
        Step(
            sigmoid(sp.sqrt(B / 2) * r),
            SIGMOID_MEAN.expr,
            "The mean sign erf(√(B/2) r) with the sigmoid in place of erf.",
            DIGITS,
            (SIGMOID_MEAN,),
        ),
    ),
    (
        Counterexample(
            holds.SIGMOID,
            "r = 1.198, B = 2: the mean sign itself is 13 % larger than the sigmoid.",
            SIGMOID_MEAN(sp.Rational(1198, 1000), 2),
            SIGN_MEAN(sp.Rational(1198, 1000), 1, 2),
        ),
    ),
    SIGMOID_MEAN,
)
