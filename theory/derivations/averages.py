"""What averaging does to the noise of one step: momentum, Signum and Lion."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.moments import SGD_VARIANCE, SIGN_MEAN, SIGN_VARIANCE
from theory.momentum import (
    EMA_FACTOR,
    LION_FACTOR,
    LION_MEAN,
    LION_VARIANCE,
    MOMENTUM_VARIANCE,
    SIGNUM_MEAN,
    SIGNUM_VARIANCE,
)
from theory.noise_scale import SGD_EPS_MAX
from theory.rules import RULES
from theory.symbols import B, beta_1, beta_2, mu, n, sigma

STEPS = 6
DECAYS = (beta_1 < 1, beta_2 < 1)
NOISE = sigma * sp.sqrt(EMA_FACTOR.expr)
LION_NOISE = sigma * sp.sqrt(LION_FACTOR.expr)
_sgd = RULES["sgd"].card
assert _sgd is not None

DERIVATION = Derivation(
    "averages",
    "Averages of gradients: momentum, Signum and Lion",
    LION_FACTOR.source,
    "At a frozen gradient the stationary m has noise cσ²/B, c = (1−β1)/(1+β1), and Lion's average "
    "[(1−β1)² + β1²(1−β2)/(1+β2)]σ²/B; the laws of SGD and of sign descent hold with that noise.",
    (*LION_MEAN.holds, holds.COMMON_MEAN),
    (
        Step(
            total((1 - beta_1) * beta_1**n * mu, (n, 0, STEPS - 1)),
            mu * (1 - beta_1**STEPS),
            "m = Σ(1−β)βᵏ ĝ_{t−k}: its mean tends to μ (here six steps of it).",
        ),
        Step(
            total(((1 - beta_1) * beta_1**n) ** 2, (n, 0, STEPS - 1)),
            EMA_FACTOR.expr * (1 - beta_1 ** (2 * STEPS)),
            "The squares of its weights sum to (1−β)/(1+β), for the batches are independent.",
        ),
        Step(
            beta_1**2 * EMA_FACTOR.expr + (1 - beta_1) ** 2,
            EMA_FACTOR.expr,
            "One more step of m leaves that variance as it is: it is stationary.",
            laws=(EMA_FACTOR,),
        ),
        Step(
            EMA_FACTOR.expr * SGD_VARIANCE(sigma, B),
            MOMENTUM_VARIANCE.expr,
            "Momentum: V = m.",
            laws=(MOMENTUM_VARIANCE,),
        ),
        Step(
            SGD_VARIANCE.at(sigma, B / EMA_FACTOR.expr),
            MOMENTUM_VARIANCE.expr,
            "That is SGD with a batch of B/c; two coordinates keep their correlation, for every "
            "batch has the same.",
        ),
        Step(
            SIGN_MEAN.at(mu, sigma, B / EMA_FACTOR.expr),
            SIGNUM_MEAN.expr,
            "Signum: the sign of a Gaussian of mean μ and variance cσ²/B.",
            digits_where(*DECAYS[:1]),
            (SIGNUM_MEAN,),
        ),
        Step(
            SIGN_VARIANCE.at(mu, NOISE, B),
            SIGNUM_VARIANCE.expr,
            "Its variance.",
            digits_where(*DECAYS[:1]),
            (SIGNUM_VARIANCE,),
        ),
        Step(
            beta_1**2 * EMA_FACTOR(beta_2) + (1 - beta_1) ** 2,
            LION_FACTOR.expr,
            "Lion: β1 m + (1−β1)ĝ, where m holds only earlier batches and averages with β2.",
            laws=(LION_FACTOR,),
        ),
        Step(
            LION_FACTOR.at(beta_1, beta_1),
            EMA_FACTOR.expr,
            "With β2 = β1 Lion is Signum.",
        ),
        Step(
            SIGN_MEAN.at(mu, LION_NOISE, B),
            LION_MEAN.expr,
            "The sign of a Gaussian again.",
            digits_where(*DECAYS),
            (LION_MEAN,),
        ),
        Step(
            LION_MEAN.at(mu, sigma, B, 0, beta_2),
            SIGN_MEAN.expr,
            "Without averaging (β1 = 0) sign descent.",
            DIGITS,
        ),
        Step(
            SIGN_VARIANCE.at(mu, LION_NOISE, B),
            LION_VARIANCE.expr,
            "Its variance.",
            digits_where(*DECAYS),
            (LION_VARIANCE,),
        ),
    ),
    (
        Counterexample(
            holds.COMMON_MEAN,
            "SGD, H = diag(1, 2), μ = (1, 3): Σ|μ|/(|μ| Q) with |μ| = 2 claims ε_max = 2/3, but it "
            "is 10/19.",
            _sgd.large(4, 3, 2),
            SGD_EPS_MAX(10, 19),
        ),
    ),
    LION_VARIANCE,
)
