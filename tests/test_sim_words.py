"""Uniform words: threefry's own, uniform, and of no other key's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats

from sim.words import DOMAIN, threefry, words

KEY = jax.random.key(8)
FALSE_ALARM = 1e-5


def test_a_block_is_that_of_the_published_cipher():
    """The known answers of Salmon et al.'s Random123 for 20 rounds."""
    ones = 2**32 - 1
    for key, counter, answer in (
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ):
        found = threefry(*(jnp.asarray(x, jnp.uint32) for x in (key, *counter)))
        assert tuple(int(x) for x in found) == answer


def test_blocks_are_those_of_the_library():
    counter = jnp.arange(64, dtype=jnp.uint32)
    domain = jnp.full_like(counter, DOMAIN)
    library = threefry_2x32(jax.random.key_data(KEY), jnp.concatenate([counter, domain]))
    np.testing.assert_array_equal(jnp.concatenate(words(KEY, (64,))), library)


def test_words_are_uniform_bit_by_bit_and_in_the_two_halves_independent():
    first, second = (np.asarray(part).ravel() for part in words(KEY, (512, 512)))
    half = 0.5 / np.sqrt(first.size) * stats.norm.isf(FALSE_ALARM / 96 / 2)
    for x in (first, second, first ^ second):
        for bit in range(32):
            assert abs((x >> np.uint32(bit) & 1).mean() - 0.5) < half
    for x in (first, second):
        counts = np.bincount(x >> np.uint32(24), minlength=256)
        assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_derived_keys_have_words_of_their_own():
    """No key that splits off, and no batch of keys, repeats the words of the key it comes from."""
    derived = [KEY, *jax.random.split(KEY, 8), *(jax.random.fold_in(KEY, i) for i in range(50, 58))]
    together = jax.vmap(lambda key: jnp.stack(words(key, (100,))))(jnp.stack(derived))
    alone = np.stack([np.stack(words(key, (100,))) for key in derived])
    np.testing.assert_array_equal(together, alone)
    keys = np.concatenate([jax.random.key_data(key) for key in derived])
    assert np.unique(np.concatenate([alone.ravel(), keys])).size >= alone.size + keys.size - 1


def test_other_generators_give_their_own_words():
    key = jax.random.key(8, impl="rbg")
    np.testing.assert_array_equal(
        jnp.stack(words(key, (5, 3))), jax.random.bits(key, (2, 5, 3), jnp.uint32)
    )


def test_more_words_than_counters_are_refused():
    with pytest.raises(ValueError, match="more than 2³² words"):
        jax.eval_shape(lambda key: words(key, (2**16, 2**17)), KEY)
