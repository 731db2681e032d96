"""What speaks against a run, one flag each; no run is left out on account of them here.

`diverged`: its loss is above 5, or 10 % above the best of its cell, so that it says nothing of the
optimum.  `edge`: the best run of its slice (one cell, one batch size), at an end of that slice's
learning rates, or the best of its cell at an end of the cell's batch sizes: the optimum may lie
beyond.  `warming`: fewer than 8,000 steps, of which 2,000 are warm-up.  `short`: fewer than 4,000.
"""

from typing import Any

import pandas as pd

HIGH, ABOVE = 5.0, 1.10  # nats per token; times the best of the cell
WARMING, SHORT = 8000, 4000  # steps


def quality(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with their flags."""
    cell: Any = runs.groupby("cell")
    part: Any = runs.groupby(["cell", "batch"])
    lowest = cell["loss"].transform("min")
    least = runs["loss"] == part["loss"].transform("min")
    best = runs["loss"] == lowest
    return runs.assign(
        diverged=(runs["loss"] > HIGH) | (runs["loss"] > ABOVE * lowest),
        edge=(least & _at_end(runs["lr"], part["lr"]))
        | (best & _at_end(runs["batch"], cell["batch"])),
        warming=runs["steps"] < WARMING,
        short=runs["steps"] < SHORT,
    )


def _at_end(values: Any, groups: Any) -> Any:
    return (values == groups.transform("min")) | (values == groups.transform("max"))
