"""Rows: second moments of per-sample gradients, and the exact Hessian diagonal, of a CNN.

conv 3×3 (1→16), max-pool 2, conv 3×3 (16→32), max-pool 2, dense 1568→128, dense 128→10, ReLU:
206,922 parameters, on 28×28 images.  BackPACK gives Σ g² with the mean gradient (`SumGradSquared`),
and the diagonal of the Hessian (`DiagHessian`) or, equal for this network, of the generalized
Gauss–Newton matrix (`DiagGGNExact`).  Plain gradients are timed too, ours in chunks.
"""

from typing import Any, NamedTuple

import backpack  # pyright: ignore[reportMissingImports]
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from backpack import extensions  # pyright: ignore[reportMissingImports]

from sim.ggn_diagonal import ggn_diagonal
from sim.gradient_moments import gradient_moments
from sim.models import patches
from tests.bench.timing import Candidate

PLAIN_AT_ONCE = 32  # the fastest of 16, 32, 64, 512
AT_ONCE = {"second": 64, "diagonal": 8}  # the fastest of powers of two
FORWARD = 784 * 9 * 16 + 196 * 144 * 32 + 1568 * 128 + 128 * 10  # multiplications, per image


class Job(NamedTuple):
    """Images (n, 28, 28, 1), labels (n,), and which of the two rows it is."""

    images: np.ndarray
    labels: np.ndarray
    what: str


def job(n: int, what: str) -> Job:
    generator = np.random.default_rng(3)
    images = generator.normal(size=(n, 28, 28, 1)).astype(np.float32)
    return Job(images, generator.integers(0, 10, n), what)


class CNN(nn.Module):
    """The network; the first convolution as patches times a matrix, which is faster there."""

    @nn.compact
    def __call__(self, x):
        x = pooled(nn.relu(nn.Dense(16, name="first")(patches(x, 3, 1))))
        x = pooled(nn.relu(nn.Conv(32, (3, 3), name="second")(x)))
        x = nn.relu(nn.Dense(128, name="third")(x.reshape(x.shape[0], -1)))
        return nn.Dense(10, name="fourth")(x)


def pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def outputs(params, x):
    return CNN().apply(params, x[None])[0]


def loss(params, sample):
    x, y = sample
    return -jax.nn.log_softmax(outputs(params, x))[y]


def parameters():
    return CNN().init(jax.random.key(0), jnp.zeros((1, 28, 28, 1), jnp.float32))


def in_torch(params):
    """The same network with the same parameters."""
    convs = (torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.Conv2d(16, 32, 3, padding=1))
    layers = [part for conv in convs for part in (conv, torch.nn.ReLU(), torch.nn.MaxPool2d(2))]
    layers += [torch.nn.Flatten(), torch.nn.Linear(1568, 128), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(128, 10))
    with torch.no_grad():
        for parameter, value in zip(net.parameters(), as_torch(params), strict=True):
            parameter.copy_(torch.from_numpy(np.array(value)))
    return net


def as_torch(params) -> list[np.ndarray]:
    """The parameters, or anything shaped like them, in torch's order and layout."""
    layers = [params["params"][name] for name in ("first", "second", "third", "fourth")]
    kernels = [np.asarray(layer["kernel"]) for layer in layers]
    shaped = [
        kernels[0].reshape(3, 3, 1, 16).transpose(3, 2, 0, 1),
        kernels[1].transpose(3, 2, 0, 1),
        kernels[2].reshape(7, 7, 32, 128).transpose(3, 2, 0, 1).reshape(128, -1),
        kernels[3].T,
    ]
    biases = [np.asarray(layer["bias"]) for layer in layers]
    return [array for pair in zip(shaped, biases, strict=True) for array in pair]


def rival(job: Job, *extension):
    """One backward pass of the summed loss, with what the extensions add; without any, plain."""
    net, loss_of = in_torch(parameters()), torch.nn.CrossEntropyLoss(reduction="sum")
    if extension:
        net, loss_of = backpack.extend(net), backpack.extend(loss_of)
    images = torch.from_numpy(job.images.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(job.labels)

    def run() -> list[np.ndarray]:
        net.zero_grad()
        with backpack.backpack(*extension):
            loss_of(net(images), labels).backward()
        fields = [one.savefield for one in extension] or ["grad"]
        found = [getattr(p, fields[0]) for p in net.parameters()]
        return [array.numpy() / len(job.labels) for array in found]

    return run


def plain(job: Job):
    """Our own gradient of the mean loss, without second moments."""
    params, n = parameters(), len(job.labels)
    images, labels = jnp.asarray(job.images), jnp.asarray(job.labels, jnp.int32)

    def total(p, x, y):
        logits = jax.vmap(outputs, (None, 0))(p, x)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
        return -chosen.sum()

    @jax.jit
    def add(sums, p, x, y):
        return jax.tree.map(jnp.add, sums, jax.grad(total)(p, x, y))

    def run():
        sums = jax.tree.map(jnp.zeros_like, params)
        for i in range(0, n, PLAIN_AT_ONCE):
            stop = i + PLAIN_AT_ONCE
            sums = add(sums, params, images[i:stop], labels[i:stop])
        return as_torch(jax.tree.map(lambda x: x / n, sums))

    return run


def engine(job: Job):
    params, at_once = parameters(), AT_ONCE[job.what]
    images, labels = jnp.asarray(job.images), jnp.asarray(job.labels, jnp.int32)

    def second():
        found = gradient_moments(loss, params, (images, labels), at_once=at_once)
        jax.block_until_ready(found)
        return as_torch(found.second)

    def diagonal():
        found = ggn_diagonal(outputs, "cross_entropy", params, images, at_once=at_once)
        return as_torch(found.diagonal)

    return second if job.what == "second" else diagonal


def candidates(job: Job) -> dict[str, Candidate]:
    images, once = len(job.labels), 2e-9 * FORWARD
    ten = Candidate(lambda: None, (1 + 2 * 10) * once * images, 0.0, 0.0)
    three = ten._replace(gflop=3 * once * images)
    if job.what == "second":
        four = three._replace(gflop=(3 * FORWARD + 1568 * 128) / FORWARD * once * images)
        return {
            "torch": four._replace(run=rival(job, extensions.SumGradSquared())),
            "torch, plain gradient": three._replace(run=rival(job)),
            "plain gradient": three._replace(run=plain(job)),
            "engine": four._replace(run=engine(job)),
        }
    return {
        "torch": ten._replace(run=rival(job, extensions.DiagHessian())),
        "torch, DiagGGNExact": ten._replace(run=rival(job, extensions.DiagGGNExact())),
        "engine": ten._replace(run=engine(job)),
    }


def agreement(job: Job, results: dict[str, Any]) -> dict[str, str]:
    """Largest difference from torch's result, relative to each layer's largest entry."""
    found = {}
    for name, ours in results.items():
        is_plain = "plain gradient" in name
        base = "torch, plain gradient" if is_plain else "torch"
        what = "mean gradient" if is_plain else job.what
        pairs = zip(ours, results[base], strict=True)
        apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
        found[name] = f"{what}: {sum(a.size for a in ours)} values" + (
            f", {apart:.0e} apart" if name != base else ""
        )
    return found
