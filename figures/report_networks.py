"""The network table of the report: measured ε*, what two laws say, and by what factor.

The factors and their intervals are those of the figure: both come from `figures.ratios`.
"""

from html import escape

import numpy as np
import xarray as xr

from figures import ratios
from figures.network import measured, title
from figures.style import Z95

RISES = "none: the mean step raises the loss"
HEADS = (
    "Batch size",
    "Measured ε* [95 %]",
    "Theorem 2, independent",
    "Theorem 2 / measured [95 %]",
    "Gaussian / measured [95 %]",
    "Line search [interval]",
)


def network_table(dataset: xr.Dataset | None) -> str:
    """A table with a group of rows per network and checkpoint."""
    found = [] if dataset is None else list(measured(dataset))
    if not found:
        return '<p class="soft">Not measured yet: run <code>onestep_network</code>.</p>'
    heads = "".join(f'<th scope="col" class="number">{head}</th>' for head in HEADS)
    bodies = "\n".join(_group(name, place, part) for name, place, part in found)
    return (
        '<div class="wide"><table><caption>ε* of one step of sign descent (θ²/loss), by network, '
        "checkpoint and batch size (samples). Measured at B = 1 over all samples, without error. "
        "† A few draws carry much of the mean: its interval is not to be trusted."
        f"</caption>\n<thead><tr>{heads}</tr></thead>\n{bodies}\n</table></div>"
    )


def _group(name: str, place: int, part: xr.Dataset) -> str:
    head = f"{title(name)}, checkpoint {place}, loss {float(part['loss']):.3g}"
    for variable, words in (("b_noise", "B_noise of Theorem 3"), ("b_simple", "B_simple")):
        if variable in part and np.isfinite(part[variable]):
            head += f", {words} {float(part[variable]):.3g}"
    rows = "\n".join(_rows(part))
    heading = f'<th scope="rowgroup" colspan="{len(HEADS)}">{escape(head)}</th>'
    return f"<tbody><tr>{heading}</tr>\n{rows}</tbody>"


def _rows(part: xr.Dataset) -> list[str]:
    law, gauss = ratios.independent(part), ratios.gaussian(part)
    rows = []
    for i, batch in enumerate(part["batch"].values):
        mean, half = float(part["lr_star_mean"][i]), Z95 * float(part["lr_star_sem"][i])
        heavy = " †" if "lr_star_heavy" in part and bool(part["lr_star_heavy"][i]) else ""
        rises = "ascends" in part and bool(part["ascends"][i])
        cells = (
            RISES if rises else bracket(mean, mean - half, mean + half) + heavy,
            bracket(float(part["lr_independent"][i])),
            bracket(law.value[i], law.low[i], law.high[i]),
            bracket(gauss.value[i], gauss.low[i], gauss.high[i]),
            _line(part, batch),
        )
        shown = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f'<tr><th scope="row" class="number">{int(batch)}</th>{shown}</tr>')
    return rows


def _line(part: xr.Dataset, batch: int) -> str:
    if batch not in part["line_batch"].values:
        return ""
    here = part.sel(line_batch=batch)
    return bracket(*(float(here[f"lr_line{end}"]) for end in ("", "_low", "_high")))


def bracket(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """`value [low, high]` to three digits; without the interval where it has no width."""
    if not np.isfinite(value):
        return "–"
    if not np.isfinite([low, high]).all() or low == high:
        return _digits(value)
    return f"{_digits(value)} [{_digits(low)}, {_digits(high)}]"


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")
