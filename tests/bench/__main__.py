"""`python -m tests.bench`: time the engine against torch, in turn, in one process.

Each process has cores / processes threads, on as many cores of its own: whoever runs a grid of
jobs runs as many processes as there are cores, and that is what is timed.
"""

import argparse
import json
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

INSTALL = "error: the rivals are not installed: pip install -r tests/bench/requirements.txt"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of every candidate")
    parser.add_argument("--processes", type=int, help="that share the machine (default: cores)")
    parser.add_argument("--tiny", action="store_true", help="only to see that all of it works")
    parser.add_argument("--out", type=Path, default=Path("out"))
    chosen = parser.parse_args(arguments)
    if find_spec("torch") is None:
        print(INSTALL, file=sys.stderr)
        return 2
    cores = sorted(os.sched_getaffinity(0))
    threads = max(1, len(cores) // (chosen.processes or len(cores)))
    if chosen.rounds < 1 or threads > len(cores):
        parser.error("rounds and processes must be at least 1")
    os.sched_setaffinity(0, cores[-threads:])  # before jax counts its threads
    load = os.getloadavg()
    found = _measured(chosen.tiny, chosen.rounds, threads)
    found["machine"] = {
        "cpu": _cpu(), "cores": len(cores), "threads": threads, "load": load,
        "python": platform.python_version(), "versions": _versions(),
    }  # fmt: skip
    _write(found, chosen.out)
    return 0


def _measured(tiny: bool, rounds: int, threads: int) -> dict:
    import torch  # pyright: ignore[reportMissingImports]

    from tests.bench.rows import TINY, Sizes, measure

    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore", "Full backward hook")  # BackPACK's way of working
    return measure(TINY if tiny else Sizes(), rounds)


def _write(found: dict, out: Path) -> None:
    from tests.bench import report

    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    (out / "bench.html").write_text(report.html(found))
    print(report.text(found))
    print(f"\nwrote {out / 'bench.json'} and {out / 'bench.html'}")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _versions() -> str:
    names = []
    for name in ("jax", "torch", "numpy"):
        try:
            names.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # built from source
            names.append(name)
    return ", ".join(names)


if __name__ == "__main__":
    sys.exit(main())
