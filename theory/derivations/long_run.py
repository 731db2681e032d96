"""Momentum and Signum over many steps: how the noise of successive updates adds up."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import DIGITS, Counterexample, Derivation, Step, digits_where, total
from theory.long_run import (
    MOMENTUM_STATIONARY,
    RUN_FACTOR,
    SIGNUM_MULTIPLIER,
    SIGNUM_RATE,
    SIGNUM_RUN_FACTOR,
    SOURCE,
)
from theory.moments import ARCSINE
from theory.momentum import EMA_FACTOR, SIGNUM_MEAN
from theory.symbols import A_K, B, K_steps, beta_1, epsilon, lambda_H, mu, n, sigma, t, x

STEPS = 5
GAP = beta_1 / (1 - beta_1)  # Σ βᵏ over all lags
c, noise = EMA_FACTOR.expr, sigma**2 / B
DECAY = (beta_1 < 1,)

# second moments of a stationary (θ, m) along an eigenvector: X = Eθ², Y = E[θm], Z = Em²
X = MOMENTUM_STATIONARY.expr
Z = 2 * c * lambda_H * X / epsilon
Y = -epsilon * Z / 2
NEXT_Z = (
    beta_1**2 * Z
    + 2 * beta_1 * (1 - beta_1) * lambda_H * Y
    + (1 - beta_1) ** 2 * (lambda_H**2 * X + noise)
)
CROSS = beta_1 * Y + (1 - beta_1) * lambda_H * X  # E[θ_t m_{t+1}]
LAGS = total((1 - n / STEPS) * ARCSINE(beta_1**n), (n, 1, STEPS - 1))
LONG = -sp.pi * sp.log(2) / (2 * sp.log(beta_1))

DERIVATION = Derivation(
    "long_run",
    "Momentum over many steps",
    SOURCE,
    "The noise of K stationary averages summed is c_K = 1 − 2β(1−β^K)/(K(1−β²)) times that of K "
    "gradients: (1−β)/(1+β) for K = 1, and 1 in the long run. K steps of Signum with ε at B are K "
    "steps of sign descent with ε√F_K at B/(cF_K), F_K = 1 + 4A_K/π, A_K = Σ(1 − k/K) arcsin βᵏ; "
    "in the long run that batch is at most 1/ln 2 = 1.44 times B.",
    (*SIGNUM_RATE.holds, *MOMENTUM_STATIONARY.holds[:1]),
    (
        Step(
            total((1 - beta_1) ** 2 * beta_1 ** (2 * n + x), (n, 0, STEPS - 1)),
            c * beta_1**x * (1 - beta_1 ** (2 * STEPS)),
            "Two averages at lag x share the batches of the earlier one: their covariance tends to "
            "cβˣ of a gradient's variance (here five batches of it).",
            digits_where(*DECAY),
        ),
        Step(
            c * (STEPS + 2 * total((STEPS - n) * beta_1**n, (n, 1, STEPS - 1))),
            STEPS * RUN_FACTOR(beta_1, STEPS),
            "The variance of a sum of K = 5: K of lag 0, and 2(K − k) of lag k.",
        ),
        Step(
            (K_steps + 1) * RUN_FACTOR(beta_1, K_steps + 1) - K_steps * RUN_FACTOR.expr,
            c * (1 + 2 * beta_1 * (1 - beta_1**K_steps) / (1 - beta_1)),
            "One update more adds its own variance and twice its covariances with all K before it.",
            digits_where(*DECAY),
        ),
        Step(RUN_FACTOR.at(beta_1, 1), c, "One step: c."),
        Step(
            RUN_FACTOR(beta_1, K_steps) * (K_steps * (1 - beta_1**2)),
            K_steps * (1 - beta_1**2) - 2 * beta_1 * (1 - beta_1**K_steps),
            "So c_K tends to 1 as 1/K: the long run sees the noise of the gradients themselves.",
            digits_where(*DECAY),
        ),
        Step(
            c * (1 + 2 * GAP - 2 * GAP * (1 - beta_1**K_steps) / (K_steps * (1 - beta_1))),
            RUN_FACTOR.expr,
            "That is 1 + 2Σ(1 − k/K)βᵏ times c, the sum in closed form.",
            digits_where(*DECAY),
            (RUN_FACTOR,),
        ),
        Step(
            X - 2 * epsilon * CROSS + epsilon**2 * Z,
            X,
            "A run on ½λθ² with θ ← θ − εm: Eθ² stays, 2E[θ_t m_{t+1}] = εEm².",
        ),
        Step(CROSS - epsilon * Z, Y, "E[θm] = −½εEm² stays."),
        Step(NEXT_Z, Z, "Em² stays, for Em² = 2cλEθ²/ε."),
        Step(
            noise / (lambda_H * (2 / epsilon - c * lambda_H)),
            MOMENTUM_STATIONARY.expr,
            "So Eθ² = εσ²/(Bλ(2 − cελ)); for small ελ it is that of SGD, without any c.",
            laws=(MOMENTUM_STATIONARY,),
        ),
        Step(
            1 + 2 * LAGS,
            SIGNUM_RUN_FACTOR(LAGS * sp.pi / 2),
            "Signum: at h → 0 the signs of two averages at lag k have covariance (2/π) arcsin βᵏ; "
            "summed as before (K = 5).",
            digits_where(*DECAY),
        ),
        Step(
            1 + 2 * (2 / sp.pi) * A_K,
            SIGNUM_RUN_FACTOR.expr,
            "With A_K for the sum over lags, (2/π)·2A_K beside the K own variances of 1.",
            laws=(SIGNUM_RUN_FACTOR,),
        ),
        Step(
            sp.Subs(sp.Derivative(SIGNUM_MEAN.expr, mu), mu, 0),
            sp.sqrt(2 * B / (sp.pi * c)) / sigma,
            "The mean of an update is √(2B/(πc)) μ/σ at small h, that of a sign at B/c.",
            digits_where(*DECAY),
        ),
        Step(
            epsilon * sp.sqrt(SIGNUM_RUN_FACTOR.expr) * sp.sqrt(B * SIGNUM_MULTIPLIER.expr),
            epsilon * sp.sqrt(B / c),
            "Sign descent with ε√F at a batch of mB drifts as far per step, for m = 1/(cF).",
            digits_where(*DECAY),
        ),
        Step(
            (1 / c) / (1 + 4 * A_K / sp.pi),
            SIGNUM_MULTIPLIER.expr,
            "And its noise per step, ε²F, is Signum's: the batch multiplier.",
            laws=(SIGNUM_MULTIPLIER,),
        ),
        Step(
            sp.Integral(sp.asin(sp.exp(-t)), (t, 0, sp.oo)),
            sp.pi * sp.log(2) / 2,
            "For long memory the sum over lags is ∫ arcsin e^(−t) dt/(−ln β).",
            DIGITS,
        ),
        Step(
            sp.Limit(SIGNUM_MULTIPLIER(beta_1, LONG), beta_1, 1, "-"),
            1 / sp.log(2),
            "1/(cF) tends to 1/ln 2: of the 1/c of one step all but a constant is lost.",
        ),
        Step(
            SIGNUM_RATE(epsilon * sp.sqrt(SIGNUM_RUN_FACTOR.expr), A_K),
            epsilon,
            "Signum's ε and the ε√F of sign descent go together.",
        ),
        Step(
            epsilon / sp.sqrt(1 + 4 * A_K / sp.pi),
            SIGNUM_RATE.expr,
            "The learning rate of Signum for that of sign descent.",
            laws=(SIGNUM_RATE,),
        ),
    ),
    (
        Counterexample(
            holds.FROZEN,
            "A run at λ = σ = B = ε = 1, β = ½: noise of c = ⅓, that of one step at a frozen "
            "gradient, would leave Eθ² = ⅓; it is ⅗.",
            MOMENTUM_STATIONARY(1, sp.sqrt(sp.Rational(1, 3)), 1, 1, 0),
            MOMENTUM_STATIONARY(1, 1, 1, 1, sp.Rational(1, 2)),
        ),
    ),
    SIGNUM_RATE,
)
