"""All rows of a run, as one dictionary that JSON holds."""

from typing import Any, NamedTuple

from tests.bench import flat, grid, memory, moments, sign, training, transformer
from tests.bench.limits import limits, seconds_at_limit
from tests.bench.timing import interleaved, ratios, spread


class Sizes(NamedTuple):
    """How much is timed: V per row, side of the limits' matrices, the grid, and its checks."""

    d: int = 1024
    draws: int = 2**15
    limit: int = 1024
    grid: tuple[int, ...] = (256, 10, 12, 8, 100)  # d, batch sizes, learning rates, seeds, steps
    flat: tuple[int, int] = (256, 2**15)  # d, draws
    cells: tuple[int, ...] = (5000, 20_000, 100_000)
    training: tuple[tuple[str, int, int], ...] = (  # net, batch size, steps of a cell
        ("CNN", 64, 40), ("strided CNN", 64, 100), ("MLP", 64, 200), ("MLP", 8, 400),
    )  # fmt: skip
    images: int = 512
    transformer: tuple[int, int] = (transformer.VOCABULARY, 16)  # vocabulary, samples


TINY = Sizes(
    32, 1024, 64, (8, 2, 3, 4, 5), (8, 256), (100, 200), (("MLP", 4, 3), ("strided CNN", 4, 3)), 64,
    (64, 8)
)  # fmt: skip


def measure(sizes: Sizes, rounds: int) -> dict[str, Any]:
    d, *rest = sizes.grid
    cells = rest[0] * rest[1] * rest[2]
    jobs = {
        f"sign Monte Carlo, VᵀHV, d = {sizes.d}, dense H": (
            sign, sign.job(sizes.d, sizes.draws, dense=True)
        ),
        f"sign Monte Carlo, VᵀG, d = {sizes.d}, diagonal H": (
            sign, sign.job(sizes.d, sizes.draws, dense=False)
        ),
        f"quadratic grid, {cells} cells × d = {d} × {rest[3]} steps": (grid, grid.job(d, *rest)),
    } | {
        f"{net} Adam grid, B = {batch}, {len(training.LRS)} cells × {steps} steps": (
            training, training.job(net, batch, steps)
        )
        for net, batch, steps in sizes.training
    } | {
        f"{what}, CNN, {sizes.images} images": (moments, moments.job(sizes.images, kind))
        for what, kind in (
            ("second moments of gradients", "second"), ("exact Hessian diagonal", "diagonal")
        )
    }  # fmt: skip
    found = limits(sizes.limit, rounds)
    rows = [_row(name, module, job, found, rounds) for name, (module, job) in jobs.items()]
    return {
        "rounds": rounds,
        "limits": found,
        "rows": rows,
        "cpu_by_batch": flat.cost_by_batch(*sizes.flat, rounds),
        "peak_mb_by_cells": memory.memory_by_cells(sizes.cells),
        "transformer": transformer.memory_by_way(*sizes.transformer),
    }


def _row(name: str, module: Any, job: Any, found: dict, rounds: int) -> dict[str, Any]:
    candidates = module.candidates(job)
    times = interleaved({who: one.run for who, one in candidates.items()}, rounds)
    results = {who: one.result for who, one in times.items()}
    agreement = module.agreement(job, results)
    row: dict[str, Any] = {"name": name, "candidates": {}}
    for who, one in times.items():
        row["candidates"][who] = {
            **spread(one),
            "ratio": ratios(times["torch"], one),
            "share": seconds_at_limit(candidates[who], found) / spread(one)["cpu_min"],
            "agreement": agreement[who],
        }
    if module is sign:
        ratio = row["candidates"]["engine"]["ratio"]["cpu_median"]
        row["equal_error"] = sign.equal_error(job, results, ratio)
    return row
