"""How batch sizes such as B_peak move along a run, as exponents of the loss: B ∝ L^(−1/α_B).

A noise scale is constant noise over a quadratic form of the gradient, B = c/(GᵀKG): K = I for
B_simple = trΣ/|G|², K_ij = H_ij/(σ_iσ_j) off the diagonal for Theorem 3's πT/(2S). Moved along −v,
θ̇ = −v, the loss falls at the rate Gᵀv and GᵀKG at 2GᵀKHv, so that at every moment
d ln B/d ln L = −2L·GᵀKHv/(GᵀKG·Gᵀv): `DRIFT_EXPONENT`, for any H, θ and direction (gradient flow
v = G, sign flow v = sign G). Kaplan's form B_*/L^(1/α_B) needs it to be one number along the run.
L counts from the loss's infimum.
"""

import jax.numpy as jnp
from numpy.typing import ArrayLike

from theory import hypotheses as holds
from theory.hessian import as_hessian
from theory.law import Law
from theory.problem import checked_mu, checked_sigma
from theory.symbols import K_G, K_v, N_v, a_s, b_s, lambda_max, lambda_min, loss, p_t

SOURCE = "Derived here"
NOISE = (holds.INDEPENDENT_SAMPLES, holds.CONSTANT_NOISE)
FLOW = (*NOISE, holds.GRADIENT_FLOW)

DRIFT_EXPONENT = Law(
    "drift_exponent",
    (loss, K_G, K_v, N_v),
    2 * loss * K_v / (K_G * N_v),
    SOURCE,
    NOISE,
    "Exponent 1/α_B of a noise scale c/(GᵀKG) at a moment of a run along −v",
)
DRIFT_BOUND = Law(
    "drift_bound",
    (lambda_min, lambda_max),
    (lambda_min + lambda_max) ** 2 / (4 * lambda_min * lambda_max),
    "Kantorovich 1948, applied here",
    (*FLOW, holds.QUADRATIC),
    "Largest exponent 1/α_B of B_simple under gradient flow; the smallest is 1",
)
DRIFT_OF_DECAY = Law(
    "drift_of_decay",
    (p_t,),
    1 + 1 / p_t,
    SOURCE,
    (*FLOW, holds.POWER_DECAY),
    "Exponent 1/α_B of B_simple where the loss falls as t^(−p_t) under gradient flow",
)
PEAK_DRIFT_OF_DECAY = Law(
    "peak_drift_of_decay",
    (p_t,),
    1 + 2 / p_t,
    SOURCE,
    DRIFT_OF_DECAY.holds,
    "Exponent 1/α_B of a noise scale c/(GᵀHG), Theorem 3's where S ≈ GᵀHG/σ²",
)
SPECTRAL_DECAY = Law(
    "spectral_decay",
    (a_s, b_s),
    1 + (b_s - 1) / a_s,
    SOURCE,
    (holds.QUADRATIC, holds.GRADIENT_FLOW),
    "Exponent p_t of a loss with spectrum k^(−a_s) and start θ_k² = k^(−b_s)",
)
ALPHA_B = Law(
    "alpha_B",
    (p_t,),
    p_t / (1 + p_t),
    SOURCE,
    DRIFT_OF_DECAY.holds,
    "Kaplan's α_B where the loss falls as t^(−p_t) under gradient flow",
)


def drift_exponent(
    hessian: ArrayLike, theta: ArrayLike, sigma: ArrayLike, *, flow: str, scale: str
) -> float:
    """1/α_B of a noise scale at θ of ½θᵀHθ, as the run goes on from there: `DRIFT_EXPONENT`.

    hessian (d, d), theta and sigma (d,); flow: "gradient" (v = G) or "sign" (v = sign G); scale:
    "simple" (K = I) or "peak" (Theorem 3's S, K_ij = H_ij/(σ_iσ_j) off the diagonal; its sign is
    kept, and the exponent means nothing where S ≤ 0). Holds for: constant, independent noise.
    Errors: ValueError for malformed input or another flow or scale.
    """
    place = checked_mu(theta)
    deviation = checked_sigma(sigma, place.shape[0])
    product = as_hessian(hessian, place.shape[0])
    flows = {"gradient": lambda g: g, "sign": jnp.sign}
    if flow not in flows:
        raise ValueError(f"flow must be gradient or sign, not {flow!r}")
    if scale not in ("simple", "peak"):
        raise ValueError(f"scale must be simple or peak, not {scale!r}")
    if scale == "peak" and bool((deviation == 0).any()):
        raise ValueError("sigma must be above 0 for the scale of the peak")
    gradient = product.matvec(place)
    direction = flows[flow](gradient)

    def form(vector):
        if scale == "simple":
            return vector
        ratio = vector / deviation
        return (product.matvec(ratio) - product.diagonal * ratio) / deviation

    forms = form(gradient)
    return float(
        DRIFT_EXPONENT.jax(
            0.5 * place @ gradient, gradient @ forms, forms @ product.matvec(direction),
            gradient @ direction,
        )
    )  # fmt: skip
