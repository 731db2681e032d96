"""Row without a rival: cost against the batch size, which must not grow."""

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
