"""Signs of batch gradients from single random words: another route to draws of sign descent.

Where noise is Gaussian and its coordinates are independent, V_i = +1 with probability Φ(√B r_i),
r_i = μ_i/σ_i, so a uniform word below a threshold decides it, and no normal is needed.  This builds
Theorem 2's law of V into the simulation.  It must agree with the draws of gradients, and no claim
about sign descent may rest on it.  It costs what normals cost, for the random words are most of it.
"""

import jax
import jax.numpy as jnp

from sim import quadratic as q
from sim.families import FAMILIES


def check_threshold(rule: str, problem: q.Quadratic, average: bool) -> None:
    """ValueError unless signs of this problem can be drawn so."""
    gaussian = q.family(problem.family) == FAMILIES["gaussian"]
    if rule != "sign" or average or not gaussian or problem.noise.ndim != 1:
        raise ValueError(
            "sampler 'threshold' is for rule 'sign' with independent Gaussian noise, not averaged"
        )


def draw_signs(problem: q.Quadratic, key, rows: int, batch):
    """Signs (2, rows, d) of batch gradients; the two have opposite noise.

    A probability is kept to 2⁻³², that of the rarer sign.  A coordinate of neither mean nor noise
    has sign 0.
    """
    mean, sigma = q.gradient(problem), problem.noise
    still = (mean == 0) & (sigma == 0)
    likely = jnp.where(mean < 0, -1, 1).astype(mean.dtype)
    ratio = jnp.sqrt(batch) * jnp.abs(mean) / jnp.where(still, 1, sigma)
    rare = jax.scipy.special.ndtr(-ratio)
    threshold = (rare * 2.0**32).astype(jnp.uint32)  # rare ≤ 1/2
    words = jax.random.bits(key, (2, rows, -(-mean.size // 2)), jnp.uint32)
    word = jnp.concatenate([*words], axis=-1)[:, : mean.size]
    both = jnp.stack([word, ~word])
    return jnp.where(still, 0, jnp.where(both < threshold, -likely, likely))
