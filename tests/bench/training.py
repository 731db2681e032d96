"""Rows: training with Adam at constant learning rates, one cell after the other: the CNN of the
rows, the CNN of the experiment `cnn_fashion` at the size of its preset `paper`, and an MLP.

All candidates start from the same parameters, see the same minibatches and give the loss on a small
evaluation set after the last step.  torch draws nothing: its minibatches are given.  Max-pooling
commutes with ReLU; written in that order torch is much faster, so that it is timed in both.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from sim.descent import CrossEntropy, Data, minibatch
from sim.measure import Population
from sim.models import MLP
from sim.nets import FashionCNN
from sim.train_grid import train_grid
from sim.train_runs import RUN, START
from tests.bench.cnn import PRODUCTS, PooledCNN
from tests.bench.timing import Candidate

LRS = (1e-3, 2e-3)
SAMPLES, EVALUATED = 4096, 64
NETS = {"CNN": PooledCNN(), "strided CNN": FashionCNN(), "MLP": MLP((64, 64, 10))}
LAYERS = {
    "CNN": PRODUCTS,
    "strided CNN": (196 * 9 * 8, 49 * 72 * 16, 16 * 144 * 32, 512 * 64, 64 * 10),
    "MLP": (784 * 64, 64 * 64, 64 * 10),
}
CHUNKS = {"CNN": 16, "strided CNN": 64, "MLP": 64}  # samples, the fastest of 16, 32 and 64
KEY = jax.random.key(4)


class Job(NamedTuple):
    """Which net; images (n, 28, 28, 1) and labels (n,); minibatches of `batch`, `steps` of them."""

    net: str
    images: np.ndarray
    labels: np.ndarray
    batch: int
    steps: int


def job(net: str, batch: int, steps: int) -> Job:
    generator = np.random.default_rng(4)
    images = generator.normal(size=(SAMPLES, 28, 28, 1)).astype(np.float32)
    labels = images.reshape(SAMPLES, -1)[:, :10]  # a rule that can be learned
    return Job(net, images, labels.argmax(1).astype(np.int32), batch, steps)


def start(net: str):
    """The function from a key to the net's parameters."""

    def init(key):
        return NETS[net].init(key, jnp.zeros((1, 28, 28, 1), jnp.float32))

    return init


def engine(job: Job):
    train = Population(jnp.asarray(job.images), jnp.asarray(job.labels))
    data = Data(train, Population(*(part[:EVALUATED] for part in train)))
    losses, init = CrossEntropy(NETS[job.net].apply), start(job.net)

    def run() -> np.ndarray:
        return train_grid(
            losses, init, data, rule="adam", batch=job.batch, lrs=LRS, seeds=[0], targets=[1e-9],
            further=1, max_steps=job.steps, gap=job.steps, key=KEY, chunk=CHUNKS[job.net],
        ).loss_es[:, 0]  # fmt: skip

    return run


def modules(net: str, early_pool: bool):
    """The same net, with torch's own parameters."""
    nn = torch.nn
    if net == "MLP":
        sizes = (784, 64, 64, 10)
        layers: list = [nn.Flatten()]
        for rows, columns in pairwise(sizes):
            layers += [nn.Linear(rows, columns), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    if net == "strided CNN":
        return strided()
    layers = []
    for rows, columns in ((1, 16), (16, 32)):
        after = [nn.MaxPool2d(2), nn.ReLU()] if early_pool else [nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(rows, columns, 3, padding=1), *after]
    layers += [nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def strided():
    """The experiment's CNN: padded as 'SAME' at stride 2, 28 → 14 → 7 → 4."""
    nn = torch.nn
    layers: list = []
    for rows, columns, low in ((1, 8, 0), (8, 16, 0), (16, 32, 1)):
        layers += [nn.ZeroPad2d((low, 1, low, 1)), nn.Conv2d(rows, columns, 3, stride=2), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def with_parameters(model, params):
    """`model` with the parameters of the engine's net, layer by layer."""
    layers = [layer for layer in model if hasattr(layer, "weight")]
    with torch.no_grad():
        for layer, name in zip(layers, _names(params), strict=True):
            kernel, bias = (np.array(params["params"][name][x]) for x in ("kernel", "bias"))
            if layer.weight.ndim == 4:
                kernel = kernel.reshape(3, 3, -1, kernel.shape[-1]).transpose(3, 2, 0, 1)
            else:
                kernel = kernel.T
            layer.weight.copy_(torch.from_numpy(kernel.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    return model


def _names(params) -> list[str]:
    """Layers from the input on: convolutions, the dense one after them, the others."""
    order = ("PlaneConv", "DenseAfterPlanes", "Dense")
    return sorted(params["params"], key=lambda name: (order.index(name[:-2]), name))


def in_torch(job: Job, *, early_pool: bool = False):
    round_key = jax.random.fold_in(KEY, 0)
    params = start(job.net)(jax.random.fold_in(round_key, START))
    stream = jax.random.fold_in(round_key, RUN)
    chosen = np.stack(
        [minibatch(stream, t, job.batch, job.labels.size) for t in range(job.steps)]
    )  # fmt: skip
    index, labels = torch.from_numpy(chosen).long(), torch.from_numpy(job.labels).long()
    images = torch.from_numpy(job.images).permute(0, 3, 1, 2).contiguous()
    loss = torch.nn.functional.cross_entropy
    form = torch.contiguous_format if job.net == "MLP" else torch.channels_last

    def cell(lr: float) -> float:
        model = with_parameters(modules(job.net, early_pool), params)
        adam = torch.optim.Adam(model.parameters(), lr, eps=1e-30, fused=True)
        for rows in index:
            adam.zero_grad()
            x = images[rows].contiguous(memory_format=form)
            loss(model(x), labels[rows]).backward()
            adam.step()
        with torch.no_grad():
            return loss(model(images[:EVALUATED]), labels[:EVALUATED]).item()

    return lambda: np.array([cell(lr) for lr in LRS])


def candidates(job: Job) -> dict[str, Candidate]:
    layers = LAYERS[job.net]
    products = 3 * sum(layers) - layers[0]  # the images' gradient is not wanted
    gflop = 2e-9 * products * job.batch * job.steps * len(LRS)
    found = {"torch": Candidate(in_torch(job), gflop, 0.0, 0.0)}
    if job.net == "CNN":
        found["torch, pool before ReLU"] = Candidate(
            in_torch(job, early_pool=True), gflop, 0.0, 0.0
        )
    return found | {"engine": Candidate(engine(job), gflop, 0.0, 0.0)}


def agreement(job: Job, results: dict[str, Any]) -> dict[str, str]:
    """Final losses against torch's, and how long a step is."""
    return {
        name: f"loss {loss.mean():.4f}, relative difference "
        f"{np.abs(loss / results['torch'] - 1).max():.0e}, {len(LRS) * job.steps} steps"
        for name, loss in results.items()
    }
