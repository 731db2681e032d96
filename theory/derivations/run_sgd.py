"""SGD on a quadratic: the loss after K steps along one eigenvector, by induction."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step
from theory.moments import SGD_VARIANCE
from theory.run_sgd import SGD_FLOOR, SGD_RUN_LOSS, SHRINKS
from theory.symbols import B, N_steps, epsilon, lambda_k, m_k, sigma, x, y

ONCE = lambda_k / 2 * epsilon**2 * SGD_VARIANCE(sigma, B)  # what the noise of one step adds
AFTER = SGD_RUN_LOSS.expr.subs(N_steps, N_steps + 1)

DERIVATION = Derivation(
    "run_sgd",
    "SGD over K steps of a quadratic",
    SGD_RUN_LOSS.source,
    "Along an eigenvector of H with eigenvalue λ and noise σ², started at m, the expected loss "
    "after K steps is ½λm²(1−ελ)^(2K) + [1 − (1−ελ)^(2K)] εσ²/(2B(2−ελ)). The sum over "
    "eigenvectors is the loss for every Σ.",
    (*SGD_RUN_LOSS.holds, holds.STABLE),
    (
        Step(
            (m_k - epsilon * lambda_k * m_k + (1 - epsilon * lambda_k) * x - epsilon * y) ** 2,
            SHRINKS * m_k**2
            + SHRINKS * x**2
            + epsilon**2 * y**2
            + 2 * (1 - epsilon * lambda_k) * m_k * ((1 - epsilon * lambda_k) * x - epsilon * y)
            - 2 * epsilon * (1 - epsilon * lambda_k) * x * y,
            "θ = m + x makes the step −ε(λθ + y) with fresh noise y. In the mean the terms linear "
            "in x, in y and in xy vanish: E θ² has (1−ελ)²(m² + E x²) + ε² E y².",
        ),
        Step(
            SHRINKS * SGD_FLOOR.expr + ONCE,
            SGD_FLOOR.expr,
            "The loss ½λE θ² whose shrinking the noise just makes good.",
            laws=(SGD_FLOOR,),
        ),
        Step(
            sp.simplify(SGD_RUN_LOSS.expr.subs(N_steps, 0)),
            lambda_k * m_k**2 / 2,
            "The law is right at K = 0.",
        ),
        Step(
            AFTER - SHRINKS * SGD_RUN_LOSS.expr,
            ONCE,
            "If it is right at K, then at K + 1: by induction.",
        ),
        Step(
            sp.Limit(
                SGD_RUN_LOSS(lambda_k, m_k, sigma, B, epsilon / N_steps, N_steps), N_steps, sp.oo
            ),
            lambda_k * m_k**2 / 2 * sp.exp(-2 * epsilon * lambda_k),
            "Many small steps, ε the time they sum to: the gradient flow, without noise.",
        ),
        Step(
            SGD_RUN_LOSS.at(lambda_k, m_k, sigma, B, 1 / lambda_k, 1),
            SGD_FLOOR.at(lambda_k, sigma, B, 1 / lambda_k),
            "With ε = 1/λ one step forgets the start.",
        ),
        Step(
            SHRINKS**N_steps * (lambda_k * m_k**2 / 2 - SGD_FLOOR.expr) + SGD_FLOOR.expr,
            SGD_RUN_LOSS.expr,
            "So what separates the loss from its floor shrinks by (1−ελ)² in every step.",
            laws=(SGD_RUN_LOSS,),
        ),
    ),
    (
        Counterexample(
            holds.STABLE,
            "λ = σ = B = 1, ε = 3: the floor would be −3/2; after two steps from 0 the loss is "
            "45/2.",
            SGD_FLOOR(1, 1, 1, 3),
            SGD_RUN_LOSS(1, 0, 1, 1, 3, 2),
        ),
    ),
    SGD_RUN_LOSS,
)
