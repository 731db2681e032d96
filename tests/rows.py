"""The form that rows of `claims.json` must have."""

import math
from typing import Any

from experiments.claims import judged
from experiments.claims_network import NETWORK_CLAIMS


def well_formed(row: Any) -> bool:
    """Whether a row that was read from a file has the form of those of `judged`."""
    model = judged(NETWORK_CLAIMS[0], None, 0.0)
    return (
        isinstance(row, dict)
        and row.keys() == model.keys()
        and all(type(row[key]) is type(value) for key, value in model.items())
        and all(math.isfinite(value) for value in row.values() if isinstance(value, float))
        and all(isinstance(c, dict) and {*c} == {"name", "rejected"} for c in row["controls"])
    )
