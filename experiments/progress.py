"""Progress of long work: a bar with the time left on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Report(Protocol):
    """Called after each finished piece of work, with a word on what it was."""

    def __call__(self, done: str, *, recalled: bool = False) -> None: ...


@contextmanager
def progress(title: str, total: int) -> Iterator[Report]:
    """Shows `title`, how many of `total` cells are done and the time left, on standard error.

    Cells recalled from an earlier run take no time and do not count in the estimate.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            task, count = bar.add_task(title, total=total), 0

            def report(done: str, *, recalled: bool = False) -> None:
                nonlocal count
                count, words = count + 1, f"{title}: {done}"
                if recalled:  # forget the speed so far
                    bar.reset(task, completed=count, total=total, description=words)
                else:
                    bar.update(task, completed=count, description=words)

            yield report
    else:
        yield _plain(title, total)


def notice(line: str) -> None:
    """One plain line on standard error."""
    print(line, file=sys.stderr, flush=True)


def _plain(title: str, total: int) -> Report:
    start, count, fresh = time.monotonic(), 0, 0

    def report(done: str, *, recalled: bool = False) -> None:
        nonlocal count, fresh
        count, fresh = count + 1, fresh + (not recalled)
        line = f"{title} {count}/{total} {done}"
        if recalled:
            line += " (finished earlier)"
        elif count < total:
            line += f", about {(time.monotonic() - start) / fresh * (total - count):.0f} s left"
        notice(line)

    return report
