"""Row without a rival: a transformer of 10 million parameters measured within 4 GB.

`python -m tests.bench.transformer WHAT VOCABULARY SAMPLES`: measure a language model (width 256,
two layers, embedding and last layer apart; 10 million parameters at a vocabulary of 16384) on so
many windows of 129 tokens drawn at random: the first two moments of its gradients (WHAT is
`moments`) or everything that `measure_network` gives, 4 groups, 2 draws (`everything`).  Prints the
seconds, compilation included, the process's peak resident memory and that before, in MB.
"""

import json
import subprocess
import sys
import time
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from sim.gradient_moments import gradient_moments
from sim.network_measure import measure_network
from sim.sample_losses import ModelLoss
from tests.bench.memory import peak_mb

VOCABULARY, WIDTH, LENGTH, LAYERS, HEADS = 16384, 256, 128, 2, 4
LIMIT_MB = 4096


class Transformer(nn.Module):
    """Next-token logits (n, t, vocabulary) of tokens (n, t): layer norm before causal attention
    and before a GELU layer four times as wide."""

    vocabulary: int

    @nn.compact
    def __call__(self, tokens):
        place = self.param("place", nn.initializers.normal(0.02), (LENGTH, WIDTH))
        x = nn.Embed(self.vocabulary, WIDTH)(tokens) + place[: tokens.shape[1]]
        mask = nn.make_causal_mask(tokens)
        for _ in range(LAYERS):
            attended = nn.MultiHeadDotProductAttention(HEADS)(nn.LayerNorm()(x), mask=mask)
            x = x + attended
            x = x + nn.Dense(WIDTH)(nn.gelu(nn.Dense(4 * WIDTH)(nn.LayerNorm()(x))))
        return nn.Dense(self.vocabulary, use_bias=False)(nn.LayerNorm()(x))


def moments(model: Transformer, params, windows: np.ndarray) -> None:
    found = gradient_moments(ModelLoss(model.apply), params, (windows[:, :-1], windows[:, 1:]))
    jax.block_until_ready(found)


def everything(model: Transformer, params, windows: np.ndarray) -> None:
    measure_network(model.apply, params, windows, key=jax.random.key(1), groups=4, draws=2)


WAYS = {"moments": moments, "everything": everything}


def main(what: str, vocabulary: int, samples: int) -> dict[str, float]:
    """Seconds, peak MB, MB before, and parameters."""
    start, model = time.perf_counter(), Transformer(vocabulary)
    ranks = np.random.default_rng(0).zipf(1.2, size=(samples, LENGTH + 1))
    windows = np.minimum(ranks - 1, vocabulary - 1).astype(np.int32)
    params = jax.jit(model.init)(jax.random.key(0), windows[:1, :-1])
    before = peak_mb()
    WAYS[what](model, params, windows)
    return {
        "seconds": time.perf_counter() - start, "peak_mb": peak_mb(), "before_mb": before,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
    }  # fmt: skip


def memory_by_way(vocabulary: int, samples: int) -> dict[str, Any]:
    """Peak resident MB of a process of its own for each of `WAYS`, and the limit."""
    found: dict[str, Any] = {"samples": samples, "limit_mb": LIMIT_MB, "peak_mb": {}}
    for what in WAYS:
        command = [sys.executable, "-m", "tests.bench.transformer"]
        command += [what, str(vocabulary), str(samples)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        one = json.loads(printed)
        found["peak_mb"][what], found["parameters"] = one["peak_mb"], one["parameters"]
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *(int(number) for number in sys.argv[2:]))))
