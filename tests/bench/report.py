"""The table of a run: on the terminal, and as one page of HTML."""

from html import escape
from typing import Any

CLOCKS = ("cpu_min", "cpu_median", "wall_min", "wall_median")
HEAD = ["row", "who", *(f"{c.replace('_', ' ')}, ms" for c in CLOCKS), "torch / this: CPU min",
        "median", "wall median", "at limits", "agreement"]  # fmt: skip


def cells(found: dict[str, Any]) -> list[list[str]]:
    """The table's body: a line per row and candidate."""
    lines = []
    for row in found["rows"]:
        for name, one in row["candidates"].items():
            times = [f"{1e3 * one[clock]:.0f}" for clock in CLOCKS]
            by = [f"{one['ratio'][kind]:.2f}" for kind in ("cpu_min", "cpu_median", "wall_median")]
            lines.append([row["name"], name, *times, *by, f"{one['share']:.0%}", one["agreement"]])
    return lines


def notes(found: dict[str, Any]) -> list[str]:
    """What else was measured, and where."""
    machine, by_batch = found["machine"], found["cpu_by_batch"]
    rates = [
        f"{what} {who} {rate:.0f} {unit}"
        for (what, by), unit in zip(found["limits"].items(), ("GF/s", "M/s", "GB/s"), strict=True)
        for who, rate in by.items()
    ]
    flat = ", ".join(f"{batch}: {1e3 * cpu:.0f} ms" for batch, cpu in by_batch.items())
    growth = max(by_batch.values()) / min(by_batch.values())
    peaks = ", ".join(f"{cells}: {mb:.0f} MB" for cells, mb in found["peak_mb_by_cells"].items())
    model = found["transformer"]
    ways = ", ".join(f"{what}: {mb:.0f} MB" for what, mb in model["peak_mb"].items())
    return [
        f"{machine['cpu']}, {machine['threads']} of {machine['cores']} cores with a thread each, "
        f"load {machine['load'][0]:.1f} at the start; {machine['versions']}",
        f"{found['rounds']} rounds in turn; limits of the same run: {', '.join(rates)}",
        f"cost against B: {flat}; largest over smallest {growth:.2f}",
        f"peak memory against cells: {peaks}",
        f"peak memory of measuring a transformer of {model['parameters'] / 1e6:.1f} million "
        f"parameters: {ways}; at most {model['limit_mb']} MB",
        *(
            f"{row['name']}: torch / engine {ratio:.2f} at equal error of {what}"
            for row in found["rows"]
            for what, ratio in row.get("equal_error", {}).items()
        ),
    ]


def text(found: dict[str, Any]) -> str:
    table = [HEAD, *cells(found)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if i < 2 or i == len(HEAD) - 1 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    return "\n".join([*lines, "", *notes(found)])


def html(found: dict[str, Any]) -> str:
    def line(values: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values) + "</tr>"

    body = "\n".join(line(values, "td") for values in cells(found))
    said = "\n".join(f"<p>{escape(note)}</p>" for note in notes(found))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Surge: speed</title>
<style>body {{ font: 15px/1.5 sans-serif; margin: 2em; max-width: 75em }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .7em; text-align: right;
border-bottom: 1px solid #ccc }} td:nth-child(-n+2), td:last-child {{ text-align: left }}</style>
<h1>Speed</h1>
<table>
{line(HEAD, "th")}
{body}
</table>
{said}
</html>
"""
