"""`python tests/mutants.py`: break the theory in one place, many times, and see who notices.

Draws `--count` sites by `--seed`, evenly over the files of `theory/`, and applies each to a copy of
the checkout. First every derivation that the change touches is verified; then the tests of the
theory run until the first failure, those first that name the module. What survives `--limit`
seconds of a processor runs again with more. Outcomes are kept in `--out`: a second call tries only
new mutants and survivors. Ends with 1 if fewer than 57 of 60 are caught, with 2 if a check fails
without any change.
"""

import argparse
import difflib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from threading import Lock

from mutation_sites import SILENT, Site, changed, sites

ROOT = Path(__file__).parent.parent
NEEDED = 57 / 60
PATIENT = 1800.0  # seconds for a survivor of the first round
OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)
QUICK = Path(__file__).parent / "changed_derivations.py"
SKIPPED = (  # the derivations are verified before; how they are shown is no formula
    "not every_step_every_ending and not a_corrupted_step and not the_command"
)
UNRELATED = {"test_theory_text.py", "test_theory_latex.py", "test_theory_mathml.py"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    site: Site
    before: str
    after: str

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.path}\n{self.after}".encode()).hexdigest()[:16]

    def difference(self) -> str:
        rows = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), n=0)
        changes = [row for row in rows if row[:1] in "+-" and row[:3] not in ("+++", "---")]
        return " → ".join(" ".join(row[1:].split()) for row in changes)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and who caught it."""

    id: str
    path: str
    line: int
    kind: str
    difference: str
    caught: bool
    by: str
    seconds: float


def drawn(root: Path, count: int, seed: int) -> list[Mutant]:
    """`count` mutants, one file after the other in random order, each site at most once."""
    pools = []  # each drawn by its own generator, so that a new file leaves the others alone
    for path in sorted((root / "theory").rglob("*.py")):
        if path.stem not in SILENT:
            source = path.read_text("utf-8")
            found = sites(source)
            name = str(path.relative_to(root))
            chance = random.Random(f"{seed}: {name}")
            chance.shuffle(found)
            pools.append((chance.random(), [(name, source, site) for site in found]))
    pools.sort(key=lambda pool: pool[0])
    longest = max(len(pool) for _, pool in pools)
    places = [pool[k] for k in range(longest) for _, pool in pools if k < len(pool)]
    return [Mutant(path, site, text, changed(text, site)) for path, text, site in places[:count]]


def commands(root: Path, changed_file: str) -> list[list[str]]:
    """The checks of a mutant in their order; each fails if it notices."""
    path = Path(changed_file)
    first = f"test_theory_{'derivations' if path.parent.name == 'derivations' else path.stem}.py"
    tests = [one for one in (root / "tests").glob("test_theory_*.py") if one.name not in UNRELATED]
    counts = {one: one.read_text("utf-8").count(path.stem) for one in tests}
    tests.sort(key=lambda one: (one.name != first, -counts[one], one.name))
    names = [f"tests/{one.name}" for one in tests]
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    return [[sys.executable, str(QUICK), "baseline.json"], [*pytest, "-k", SKIPPED, *names]]


def tried(folder: Path, mutant: Mutant, checks: Sequence[Sequence[str]], limit: float) -> Outcome:
    """The mutant in `folder`, a copy of the checkout, which is as before when this returns."""
    start = time.monotonic()
    target = folder / mutant.path
    target.write_text(mutant.after, "utf-8")
    try:
        by = next(filter(None, (_noticed(folder, check, limit) for check in checks)), "")
    finally:
        target.write_text(mutant.before, "utf-8")
    return Outcome(
        mutant.id, mutant.path, mutant.site.line, mutant.site.kind, mutant.difference(),
        bool(by) and by != "time", by, round(time.monotonic() - start, 1),
    )  # fmt: skip


def _noticed(folder: Path, check: Sequence[str], limit: float) -> str:
    """Who failed; "time" where the limit ended the run, empty where nobody did."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    limited = ["bash", "-c", 'ulimit -t "$0" && exec "$@"', f"{limit:.0f}", *check]
    done = subprocess.run(
        limited, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    if done.returncode in OUT_OF_TIME:
        return "time"
    words = ("FAILED", "ERROR", "failed")
    rows = [row for row in done.stdout.splitlines() if row.startswith(words)]
    last = (done.stderr.strip().splitlines() or ["an error"])[-1]
    return (rows[0] if rows else last)[:120]


def unsound(root: Path) -> str:
    """What fails without any change: then no mutant could be said to be caught."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = _copy(root, Path(scratch) / "0")
        checks = commands(folder, "theory/descent.py")
        return next(filter(None, (_noticed(folder, check, PATIENT) for check in checks)), "")


def run(
    root: Path, mutants: Sequence[Mutant], known: dict[str, Outcome], out: Path, *,
    limit: float, jobs: int,
) -> list[Outcome]:  # fmt: skip
    """Every mutant's outcome, `jobs` at a time, each in its own copy of the checkout.

    Outcomes enter `known` and the file `out` as they come.
    """
    lock = Lock()
    with tempfile.TemporaryDirectory() as scratch:
        folders: Queue[Path] = Queue()
        for k in range(jobs):
            folders.put(_copy(root, Path(scratch) / str(k)))

        def one(mutant: Mutant) -> Outcome:
            if mutant.id in known and known[mutant.id].caught:
                return known[mutant.id]
            folder = folders.get()
            try:
                found = tried(folder, mutant, commands(folder, mutant.path), limit)
            finally:
                folders.put(folder)
            with lock:
                print(_row(found), flush=True)
                known[found.id] = found
                out.write_text(json.dumps([asdict(one) for one in known.values()], indent=1))
            return found

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, mutants))


def _copy(root: Path, folder: Path) -> Path:
    """A checkout without results, and the digests of its derivations."""
    left_out = shutil.ignore_patterns(".git", ".venv", "out", "__pycache__", ".*_cache")
    shutil.copytree(root, folder, ignore=left_out)
    subprocess.run([sys.executable, str(QUICK), "--write", "baseline.json"], cwd=folder, check=True)
    return folder


def _row(found: Outcome) -> str:
    word = "caught  " if found.caught else "SURVIVED"
    place = f"{found.path}:{found.line}"
    return f"{word} {found.seconds:6.1f} s  {place} {found.difference}  [{found.by}]"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    limit = "seconds of a processor per check in the first round"
    parser.add_argument("--limit", type=float, default=40.0, help=limit)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "mutants.json")
    asked = parser.parse_args(argv)
    broken = unsound(ROOT)
    if broken:
        print(f"error: without any change, {broken}", file=sys.stderr)
        return 2
    mutants, known = drawn(ROOT, asked.count, asked.seed), recalled(asked.out)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    for limit in (asked.limit, PATIENT):
        found = run(ROOT, mutants, known, asked.out, limit=limit, jobs=asked.jobs)
    caught = sum(one.caught for one in found)
    print(f"\n{caught} of {len(found)} mutants caught (seed {asked.seed}); survivors:")
    for one in found:
        if not one.caught:
            print(_row(one))
    return 0 if caught >= NEEDED * len(found) else 1


def recalled(path: Path) -> dict[str, Outcome]:
    """Outcomes of earlier calls."""
    if not path.exists():
        return {}
    return {row["id"]: Outcome(**row) for row in json.loads(path.read_text("utf-8"))}


if __name__ == "__main__":
    sys.exit(main())
