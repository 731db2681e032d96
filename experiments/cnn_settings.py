"""Settings of `cnn_fashion`, and the grids that the seed paper printed (Table 1)."""

from dataclasses import dataclass

import numpy as np

from experiments.checkpoints import check_targets
from experiments.cnn_runs import RULES
from experiments.errors import InputError
from experiments.spec import check_batches, check_names, check_positive, check_seed

PRINTED = tuple(1e-4 * k for k in range(1, 11))  # learning rates of the paper's grid
SMALL, LARGE = tuple(range(1, 13)), tuple(range(64, 1165, 100))  # its batch sizes


@dataclass(frozen=True)
class Spec:
    """Settings. `targets`: training losses (nats); `rates`: learning rates between the `lowest` and
    the `highest` of each rule; `printed`: those of the paper's grid as well; `rounds`: runs of each
    (B, ε); `further`: K; `samples`, `steps`: a run ends after steps + samples/B steps;
    `point_batch`, `point_lr`: of the run to the checkpoints; `seeds`: branches from a checkpoint;
    `draws`: most minibatches of one step; `law_draws`: draws of the Gaussian law; `rows`: of the
    Hessian, for D0/D1."""

    rules: tuple[str, ...] = tuple(RULES)  # scientific
    batches: tuple[int, ...] = (1, 3, 12, 64, 264, 664, 1164)  # scientific
    targets: tuple[float, ...] = (1.2, 0.8, 0.6)  # scientific
    further: int = 10  # scientific
    lowest: tuple[float, ...] = (5e-5, 4e-6)  # nuisance
    highest: tuple[float, ...] = (5e-2, 2e-2)  # nuisance
    rates: int = 11  # nuisance
    printed: bool = False  # nuisance
    rounds: int = 5  # nuisance
    samples: int = 15_000  # nuisance
    steps: int = 150  # nuisance
    seeds: int = 8  # nuisance
    draws: int = 8192  # nuisance
    law_draws: int = 256  # nuisance
    rows: int = 512  # nuisance
    features: tuple[int, ...] = (4, 8, 16)  # fixed
    hidden: int = 32  # fixed
    evaluation: int = 512  # fixed
    point_batch: int = 64  # fixed
    point_lr: float = 1e-3  # fixed
    seed: int = 0  # nuisance


PRESETS = {
    "smoke": Spec(
        batches=(4, 64, 264), targets=(1.5,), lowest=(4e-4, 1e-4), highest=(3e-2, 1e-2), rates=5,
        rounds=3, samples=4000, steps=100, seeds=4, draws=512, law_draws=64, rows=64,
        evaluation=256,
    ),
    "default": Spec(),
    "paper": Spec(
        batches=(*SMALL, *LARGE), rates=25, printed=True, rounds=100, samples=100_000, steps=1000,
        seeds=100, draws=2**17, law_draws=4096, rows=2**13, features=(8, 16, 32), hidden=64,
        evaluation=4096,
    ),
}  # fmt: skip


def validate(spec: Spec) -> None:
    check_names("rule", spec.rules, tuple(RULES))
    check_batches(spec.batches)
    check_seed(spec.seed)
    check_positive(point_lr=spec.point_lr)
    check_targets(spec.targets)
    if not spec.targets:
        raise InputError("there must be a target")
    ends = (spec.lowest, spec.highest)
    if any(len(end) != len(RULES) for end in ends) or not all(
        0 < low < high < np.inf for low, high in zip(*ends, strict=True)
    ):
        raise InputError(f"lowest and highest must be {len(RULES)} rates above 0, low below high")
    least = {
        "further": 1, "rates": 3, "rounds": 2, "samples": 0, "steps": 1, "seeds": 2, "draws": 2,
        "law_draws": 2, "rows": 2, "hidden": 1, "evaluation": 64, "point_batch": 1,
    }  # fmt: skip
    for name, few in least.items():
        if getattr(spec, name) < few:
            raise InputError(f"{name.replace('_', '-')} must be at least {few}")
    if not spec.features or min(spec.features) < 1:
        raise InputError("features must be one or more widths of at least 1")


def learning_rates(spec: Spec, rule: str) -> list[float]:
    """The grid of a rule: even in ln ε, with the printed rates if asked for."""
    place = list(RULES).index(rule)
    grid = np.geomspace(spec.lowest[place], spec.highest[place], spec.rates).tolist()
    return sorted({*grid, *(PRINTED if spec.printed else ())})
