"""`python -m experiments advise`: the settings, and the answer as text or as JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.table import Table

from experiments.advise import Advice, Range, advise
from experiments.advise_recorded import recorded
from experiments.errors import InputError

if TYPE_CHECKING:
    from experiments.advise_table import TableAdvice


@dataclass(frozen=True)
class Settings:
    """A learning rate and a batch size for a language model, with what is not known about them.

    params: parameters without embeddings (of a mixture of experts those active per token).
    tokens: all tokens of the run.
    batch_tokens: tokens per batch, if the batch is given and not to be advised.
    weight_decay: of AdamW (the data have 0.1).
    warmup_steps: steps of warm-up (the data have 2,000).
    moe_total_params: all parameters of a mixture of experts.
    batch_multiple: an advised batch is rounded to a multiple of so many tokens.
    from_run: a CSV of your own runs with columns batch, lr, loss, in place of the published ones.
    json: one JSON document on standard output and nothing else.
    out: where results are looked for, before those that came with the code.
    """

    params: float | None = None
    tokens: float | None = None
    batch_tokens: float | None = None
    weight_decay: float | None = None
    warmup_steps: float | None = None
    moe_total_params: float | None = None
    batch_multiple: float | None = None
    from_run: Path | None = None
    json: bool = False
    out: Path = Path("out")


def main(arguments: list[str]) -> int:
    """Print the advice; InputError for bad input."""
    asked = tyro.cli(Settings, prog="python -m experiments advise", args=arguments)
    if asked.from_run is not None:
        return _table(asked)
    if asked.params is None or asked.tokens is None:
        raise InputError("advise needs --params and --tokens, or --from-run FILE")
    found = advise(
        params=asked.params,
        tokens=asked.tokens,
        batch_tokens=asked.batch_tokens,
        weight_decay=asked.weight_decay,
        warmup_steps=asked.warmup_steps,
        moe_total_params=asked.moe_total_params,
        batch_multiple=asked.batch_multiple,
        dataset=recorded(asked.out),
    )
    if asked.json:
        print(json.dumps(found.as_dict(), indent=1, allow_nan=False))
    else:
        show(found, given=asked.batch_tokens is not None)
    return 0


def _table(asked: Settings) -> int:
    from experiments.advise_table import from_run

    found = from_run(
        asked.from_run or "",
        params=asked.params,
        tokens=asked.tokens,
        batch=asked.batch_tokens,
        multiple=asked.batch_multiple,
    )
    if asked.json:
        print(json.dumps(found.as_dict(), indent=1, allow_nan=False))
        return 0
    if found.advice.rule != "none":
        show(found.advice, given=asked.batch_tokens is not None)
    else:
        print(found.advice.flags[0])
    show_evidence(found)
    return 0


def show_evidence(found: "TableAdvice") -> None:
    """What the table decides, and where to run next."""
    print(f"laws: {found.verdict}")
    names = ", ".join(f"{name} ({weight:.0%})" for name, weight in found.survivors.items())
    if names:
        print(f"  {'not told apart' if len(found.survivors) > 1 else 'left'}: {names}")
    for name, why in found.excluded.items():
        print(f"  excluded: {name}: {why}")
    after = found.next_run
    if after is not None:
        print(
            f"run next: batch {number(after.batch)} at rates around {number(after.lr)}, where the "
            f"laws say {number(after.low)} to {number(after.high)} ({after.nats:.2g} nats)"
        )


def show(found: Advice, *, given: bool) -> None:
    """The advice for people."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "advice", "90 % interval", f"within {found.box['percent']:g} %"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = {
        "learning rate": (found.lr, "lr"),
        "batch (tokens)": (found.batch_tokens, "batch_tokens"),
    }
    for name, (value, key) in rows.items():
        box = found.box[key]
        fixed = given and key == "batch_tokens"
        middle = "as given" if fixed else _span(value)
        table.add_row(
            name, number(value.value), middle, f"{number(box['low'])} – {number(box['high'])}"
        )
    console = Console(width=100)
    console.print(table)
    against = "the best rate at this batch" if given else "the best rate and batch"
    print(f"expected loss above that of {against}: {found.regret_percent:.2g} %")
    print(f"rule: {found.rule}")
    others = "; ".join(f"{name}: {number(value)}" for name, value in found.rivals.items())
    console.print(f"rivals' learning rates: {others}", highlight=False)
    for flag in found.flags:
        console.print(f"! {flag}", highlight=False, markup=False)


def _span(value: Range) -> str:
    return f"{number(value.low)} – {number(value.high)}"


def number(value: float) -> str:
    return f"{value:.3g}" if value < 1e5 else f"{value:.3g}".replace("e+0", "e").replace("e+", "e")
