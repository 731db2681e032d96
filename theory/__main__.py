"""`python -m theory [NAME …]`: the derivations as text, every step checked; 1 if one fails."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from theory.derivation import Derivation
from theory.derivations import derivations
from theory.document import document
from theory.laws import LAWS
from theory.rules import RULES
from theory.text import derivation_text, listing, rules_text
from theory.verify import verify

FALLBACK = (100, 24)  # columns and lines where there is no terminal
WIDEST = 120


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line, read."""
    parser = argparse.ArgumentParser(prog="python -m theory", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="derivations; without any, all")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="print names and titles only")
    what.add_argument("--rules", action="store_true", help="print what every rule says")
    what.add_argument("--tex", nargs="?", const="out/derivations.tex", metavar="PATH", type=Path,
                      help="write LaTeX instead (default %(const)s)")  # fmt: skip
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks; returns the exit code."""
    asked = arguments(argv)
    jax.config.update("jax_enable_x64", True)
    known = {derivation.name: derivation for derivation in derivations()}
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        listed = ", ".join(known)
        return refused(f"unknown derivation {', '.join(unknown)}; known: {listed}")
    chosen = [known[name] for name in dict.fromkeys(asked.names or known)]
    columns = min(shutil.get_terminal_size(FALLBACK).columns, WIDEST)
    if asked.list:
        print(listing(chosen, columns))
    elif asked.rules:
        print(rules_text(RULES.values(), columns))
    elif asked.tex:
        rules, laws = ((), ()) if asked.names else (RULES.values(), LAWS.values())
        return write(asked.tex, document(chosen, rules, laws))
    else:
        return check(chosen, columns)
    return 0


def check(chosen: Sequence[Derivation], columns: int) -> int:
    """Print each derivation as soon as it is checked, and what failed at the end."""
    verdicts = []
    for derivation in chosen:
        found = verify([derivation.name])
        verdicts += found
        print(derivation_text(derivation, found, columns), end="\n\n\n", flush=True)
    failed = [verdict for verdict in verdicts if not verdict.ok]
    print(f"{len(verdicts) - len(failed)} of {len(verdicts)} checks hold")
    for verdict in failed:
        print(f"failed: {verdict.derivation}, {verdict.step} ({verdict.how})")
    return 1 if failed else 0


def write(path: Path, text: str) -> int:
    """Write a file and its folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        return refused(f"cannot write {path}: {error.strerror}")
    return 0


def refused(reason: str) -> int:
    """Say on one line what is wrong with the input."""
    print(f"error: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = None
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
