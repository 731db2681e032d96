"""Standard normals by the transform of Box and Muller, from any key of jax.

Two uniform words make two independent normals: √(−2 log u) times the sine and the cosine of a
uniform angle.  `jax.random.normal` inverts the error function for each word instead, which takes
longer.
"""

import jax
import jax.numpy as jnp
import numpy as np

from sim.words import words

# sin(πx/2)/x and cos(πx/2) as polynomials in x² on |x| ≤ 1, within 7e-9 and 3e-10
SINE = (1.570796320038601, -0.6459637595835225, 0.07968991832895436, -0.004674143838038632,
        0.00015167170360807952)  # fmt: skip
COSINE = (0.9999999997791529, -1.2337005342322083, 0.25366932217253135, -0.02086268670884639,
          0.0009177229238179763, -2.3824152300733203e-05)  # fmt: skip


def normal(key, shape, dtype):
    """Independent N(0, 1) of this shape, as `jax.random.normal` but with other draws.

    In float32: u has 32 bits, so that |z| reaches 6.7, beyond which 2e-11 of the law is cut off.
    The pairs lie along the last axis, half of its length apart.  Other dtypes, and single numbers,
    are left to `jax.random.normal`.
    """
    if dtype != jnp.float32 or not shape:
        return jax.random.normal(key, shape, dtype)
    *rows, length = shape
    first, second = words(key, (*rows, -(-length // 2)))
    u = first.astype(dtype) * np.float32(2**-32) + np.float32(2**-33)
    radius = jnp.sqrt(-2 * jnp.log(u))
    sine, cosine = _half_turn(second)
    return jnp.concatenate([radius * sine, radius * cosine], axis=-1)[..., :length]


def _half_turn(word):
    """Sine and cosine of a uniform angle: within ±π/2 by the word, and the cosine's sign by its
    last bit, which is lost to the angle's rounding."""
    x = word.astype(jnp.int32).astype(jnp.float32) * np.float32(2**-31)
    cosine = jax.lax.bitcast_convert_type(_polynomial(COSINE, x * x), jnp.uint32) ^ (word << 31)
    return x * _polynomial(SINE, x * x), jax.lax.bitcast_convert_type(cosine, jnp.float32)


def _polynomial(coefficients, y):
    total = jnp.full_like(y, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * y + np.float32(coefficient)
    return total
