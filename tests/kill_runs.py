"""`python tests/kill_runs.py --kills 50`: SIGKILL a running grid of whole runs at random, start it
again, and so on; whenever it gets to its end, compare with an undisturbed run and begin anew."""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.store import Store

NOWHERE = subprocess.DEVNULL
ENDED = (0, 1)  # 1: a claim is against its expectation, on so small a grid
GRID = (
    *("--preset", "smoke", "--problems", "coherent", "diagonal", "power_law", "fisher"),
    *("--batches", *(str(2**k) for k in range(12)), "--targets", "0.5", "0.3", "--after", "4"),
)


def command(out: Path) -> list[str]:
    given = [word.replace("power_law", "power_law") for word in GRID]
    return [sys.executable, "-m", "experiments", "run", "whole_runs", *given, "--out", str(out)]


def data(out: Path):
    found = Store(out).load("whole_runs")
    assert found is not None
    return found.drop_attrs(deep=False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds before a kill")
    asked = parser.parse_args()
    draw, done, rounds, wrong = random.Random(0), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "undisturbed"
        subprocess.run(command(undisturbed), check=False, stdout=NOWHERE, stderr=NOWHERE)
        while done < asked.kills:
            rounds += 1
            out, finished, here = Path(folder) / str(rounds), False, 0
            while not finished:
                running = subprocess.Popen(command(out), stdout=NOWHERE, stderr=NOWHERE)
                try:
                    enough = done >= asked.kills
                    finished = (
                        running.wait(None if enough else draw.uniform(1, asked.longest)) in ENDED
                    )
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait()
                    done, here = done + 1, here + 1
            same = data(out).identical(data(undisturbed)) and not list(out.rglob(".part-*"))
            wrong += not same
            print(
                f"round {rounds}: {here} kills, {'the same' if same else 'DIFFERENT'}", flush=True
            )
    print(f"{done} kills in {rounds} rounds, {wrong} with another result")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
