"""Uniform random words by threefry, two at a time.

`jax.random.bits` throws half of each of threefry's blocks away, so that any part of an array can be
drawn alone, and goes through its rounds one array at a time.  Here both words of a block are used,
and all rounds stand in one expression, which the compiler keeps in registers: on a CPU words cost
less than half.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # of groups of four rounds, in turn
GROUPS = 5  # 20 rounds
PARITY = 0x1BD11BDA
DOMAIN = 0x53757267  # second word of the counter: no key that jax derives has it


def words(key, shape):
    """Two independent arrays of uniform 32-bit words of this shape.

    Of keys that are not threefry's the words are those of `jax.random.bits`.
    Source: Salmon et al. 2011, Threefry-2x32-20; the counter of element i is (i, DOMAIN).
    """
    if str(jax.random.key_impl(key)) != "threefry2x32":
        return tuple(jax.random.bits(key, (2, *shape), jnp.uint32))
    if math.prod(shape) > 2**32:
        raise ValueError(f"{shape} is more than 2³² words of a key")
    counter = jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape)
    return threefry(jax.random.key_data(key), counter, jnp.full_like(counter, DOMAIN))


def threefry(key, first, second):
    """The block cipher Threefry-2x32-20 of a key (2,) on counters, elementwise."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    x, y = first + schedule[0], second + schedule[1]
    for group in range(GROUPS):
        for places in ROTATIONS[group % 2]:
            x = x + y
            y = _rotated(y, places) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def _rotated(word, places: int):
    return (word << np.uint32(places)) | (word >> np.uint32(32 - places))
