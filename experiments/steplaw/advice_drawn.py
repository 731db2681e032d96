"""The advice for a few models at many batch sizes, as figures draw it: by `advise` itself."""

import numpy as np
import xarray as xr

from experiments.advise import advise

ASKED = ((1073741824.0, 1e11), (7e9, 2e12))  # parameters, tokens: the held-out cell; far beyond
AROUND, POINTS = 12.0, 31  # factor on either side of the advised batch, points of a line


def drawn(data: xr.Dataset) -> xr.Dataset:
    """Variables `advice_drawn_…` from the rest of the part."""
    rows = [_row(data, *pair) for pair in ASKED]
    names = list(rows[0][1][0].rivals)
    found: dict = {
        "advice_drawn_N": ("advice_drawn", [n for n, _ in ASKED]),
        "advice_drawn_D": ("advice_drawn", [d for _, d in ASKED]),
        "advice_drawn_rival": (
            ("advice_drawn", "advice_rival", "advice_fine"),
            [[[one.rivals[name] for one in line] for name in names] for _, line in rows],
        ),
    }
    axes = ("advice_drawn", "advice_fine")
    batch = [[one.batch_tokens.value for one in line] for _, line in rows]
    found["advice_drawn_batch"] = (axes, batch)
    for end in ("value", "low", "high"):
        found[f"advice_drawn_{end}"] = (
            axes,
            [[getattr(a.lr, end) for a in line] for _, line in rows],
        )
        for kind in ("lr", "batch_tokens"):
            of = [getattr(getattr(one, kind), end) for one, _ in rows]
            found[f"advice_drawn_best_{kind}_{end}"] = ("advice_drawn", of)
            if end != "value":
                of = [one.box[kind][end] for one, _ in rows]
                found[f"advice_drawn_box_{kind}_{end}"] = ("advice_drawn", of)
    return xr.Dataset(found, {"advice_rival": names})


def _row(data: xr.Dataset, n: float, d: float):
    """The advice without a batch, and with each of a range."""
    best = advise(params=n, tokens=d, dataset=data)
    fine = best.batch_tokens.value * np.geomspace(1 / AROUND, AROUND, POINTS)
    return best, [advise(params=n, tokens=d, batch_tokens=float(b), dataset=data) for b in fine]
