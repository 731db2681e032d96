"""Rows without a rival: what must not grow.  Cost with the batch size, memory with the cells."""

import json
import subprocess
import sys

from tests.bench import sign
from tests.bench.timing import interleaved, spread

BATCHES = (1, 10, 100, 10**3, 10**4, 10**5, 10**6)


def cost_by_batch(d: int, draws: int, rounds: int) -> dict[str, float]:
    """CPU seconds (minimum) of one measurement per batch size."""
    runs = {
        str(batch): sign.engine(sign.job(d, draws, dense=True, batch=float(batch)), "normals")
        for batch in BATCHES
    }
    times = interleaved(runs, rounds)
    return {batch: spread(times[batch])["cpu_min"] for batch in runs}


def memory_by_cells(cells: tuple[int, ...]) -> dict[str, float]:
    """Peak resident MB of a process of its own that runs so many (batch × rate) cells."""
    found = {}
    for number in cells:
        command = [sys.executable, "-m", "tests.bench.memory", str(number)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[str(number)] = json.loads(printed)["peak_mb"]
    return found
