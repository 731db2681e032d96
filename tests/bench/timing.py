"""Interleaved timing: candidates take turns, so that a machine's drift meets all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Candidate(NamedTuple):
    """One way to do a row's job.

    run: does it, returns what is compared.  gflop, normals, gigabytes: what it computes, draws and
    moves at least, in its own way of doing it.
    """

    run: Callable[[], Any]
    gflop: float
    normals: float
    gigabytes: float


class Times(NamedTuple):
    """Seconds of wall clock and of CPU, (rounds,) each, and what the last round returned."""

    wall: np.ndarray
    cpu: np.ndarray
    result: Any


def interleaved(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Times]:
    """Every run in turn, `rounds` times over; before that each once, which compiles it, untimed."""
    results = {name: run() for name, run in runs.items()}
    seconds: dict[str, list] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            results[name] = run()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    both = {name: np.array(pairs).T for name, pairs in seconds.items()}
    return {name: Times(both[name][0], both[name][1], results[name]) for name in runs}


def spread(times: Times) -> dict[str, float]:
    return {
        f"{clock}_{kind}": float(reduce(getattr(times, clock)))
        for clock in ("cpu", "wall")
        for kind, reduce in (("min", np.min), ("median", np.median))
    }


def ratios(of: Times, to: Times) -> dict[str, float]:
    """How many times longer `of` took: of minima and of medians, CPU and wall."""
    first, second = spread(of), spread(to)
    return {kind: first[kind] / second[kind] for kind in first}
