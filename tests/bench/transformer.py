"""Row without a rival: a transformer of 10 million parameters measured within 4 GB.

`python -m tests.bench.transformer SAMPLES`: measure a language model (vocabulary 16384, width 256,
two layers, embedding and last layer apart) on so many windows of 129 tokens drawn at random; print
the seconds, compilation included, and the process's peak resident memory in MB.
"""

import json
import subprocess
import sys
import time

import flax.linen as nn
import jax
import numpy as np

from sim.network_measure import measure_network
from tests.bench.memory import peak_mb

VOCABULARY, WIDTH, LENGTH, LAYERS, HEADS = 16384, 256, 128, 2, 4


class Transformer(nn.Module):
    """Next-token logits (n, t, vocabulary) of tokens (n, t): layer norm before causal attention
    and before a GELU layer four times as wide."""

    @nn.compact
    def __call__(self, tokens):
        place = self.param("place", nn.initializers.normal(0.02), (LENGTH, WIDTH))
        x = nn.Embed(VOCABULARY, WIDTH)(tokens) + place[: tokens.shape[1]]
        mask = nn.make_causal_mask(tokens)
        for _ in range(LAYERS):
            attended = nn.MultiHeadDotProductAttention(HEADS)(nn.LayerNorm()(x), mask=mask)
            x = x + attended
            x = x + nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x))))
        return nn.Dense(VOCABULARY, use_bias=False)(nn.LayerNorm()(x))


def main(samples: int) -> dict[str, float]:
    """Seconds, peak MB, parameters, samples, and what was found."""
    start = time.perf_counter()
    model = Transformer()
    ranks = np.random.default_rng(0).zipf(1.2, size=(samples, LENGTH + 1))
    windows = np.minimum(ranks - 1, VOCABULARY - 1).astype(np.int32)
    params = jax.jit(model.init)(jax.random.key(0), windows[:1, :-1])
    before = peak_mb()
    found = measure_network(model.apply, params, windows, key=jax.random.key(1), groups=4, draws=2)
    return {
        "seconds": time.perf_counter() - start, "peak_mb": peak_mb(), "before_mb": before,
        "parameters": found.mu.size, "samples": found.count,
        "b_simple": found.b_simple.population.mean,
        "gradient_curvature": found.gradient_curvature.population.mean,
    }  # fmt: skip


def measured(samples: int = 16) -> dict[str, float]:
    """In a process of its own."""
    command = [sys.executable, "-m", "tests.bench.transformer", str(samples)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(printed)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
