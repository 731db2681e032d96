"""What `measure_network` refuses, each in one line that names it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim import measure_network

INPUTS = np.random.default_rng(0).normal(size=(12, 5))
LABELS = np.arange(12) % 3
PARAMS = {"weight": jnp.ones((5, 3), jnp.float64), "bias": jnp.zeros(3, jnp.float64)}


def apply(params, inputs):
    return jnp.tanh(inputs @ params["weight"]) ** 2 + params["bias"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"samples": (INPUTS * np.nan, LABELS)}, "samples must be finite"),
        ({"samples": (INPUTS[:0], LABELS[:0])}, "at least 1 samples"),
        ({"samples": (INPUTS[:7], LABELS[:7])}, "at least 8 samples"),
        ({"samples": (INPUTS, LABELS[:5])}, "of one length"),
        ({"samples": LABELS}, "windows of tokens must be one array"),
        ({"samples": (INPUTS,)}, "must be .inputs, labels."),
        ({"samples": (INPUTS, LABELS + 1)}, "labels must lie in 0 … 2"),
        ({"samples": (INPUTS, LABELS - 1)}, "labels must lie in 0 … 2"),
        ({"samples": (INPUTS, LABELS * 1.0)}, "labels must be whole numbers"),
        ({"samples": (INPUTS, np.stack([LABELS, LABELS], 1))}, "does not go with labels"),
        ({"params": jax.tree.map(lambda x: x * np.nan, PARAMS)}, "params must be finite"),
        ({"params": jax.tree.map(lambda x: x.astype(jnp.int32), PARAMS)}, "params must be all"),
        ({"groups": 3}, "groups must be a whole number, at least 4"),
        ({"groups": 4.5}, "groups must be a whole number"),
        ({"draws": 1}, "draws must be a whole number, at least 2"),
        ({"samples": (INPUTS * 1e300, LABELS)}, "gradients must be finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_is_malformed_is_named_in_one_line(change, named):
    given = {"apply": apply, "params": PARAMS, "samples": (INPUTS, LABELS)}
    given = {"groups": 4} | given | change
    with pytest.raises(ValueError, match=named) as caught:
        measure_network(**given, key=jax.random.key(0))
    assert "\n" not in str(caught.value)
