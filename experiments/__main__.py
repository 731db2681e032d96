"""`python -m experiments list | run NAME … | reproduce | claims | record NAME | advise …`."""

import argparse
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

import jax
import tyro

from experiments import errors
from experiments.errors import InputError
from experiments.spec import NAMES, Experiment, experiment, preset
from experiments.store import Store

USAGE = """usage: python -m experiments COMMAND

  list [--json]              the experiments, their presets and settings
  run NAME [--preset P] …    one experiment; `run NAME --help` lists its settings
  reproduce [--recompute]    the core experiments, then every claim; the others' recorded results
                             are read, or with --recompute made again
  claims [--json]            the claims and the verdicts of the last run
  record NAME                keep a longer run's finished data with the code, in experiments/results
  advise --params N --tokens D [--batch-tokens B] … [--json]
                             a learning rate and a batch size; `advise --help` lists the settings
  advise --from-run FILE     the same from your own runs: a CSV of batch, lr, loss

  --out DIR                  where results go (default: out)
  --data-dir DIR             real data (default: $SURGE_DATA)
  --download                 run: fetch data that are absent, where origin and sha256 are known"""


@dataclasses.dataclass(frozen=True)
class Folders:
    """`out`: results; `data_dir`: real data (default: $SURGE_DATA, else the user's cache)."""

    out: Path = Path("out")
    data_dir: Path | None = None

    def data(self) -> Path | None:
        """The data folder; InputError if one was named that does not exist."""
        named = self.data_dir or os.environ.get("SURGE_DATA") or None
        if named is None:
            return self.cache() if self.cache().is_dir() else None
        if not Path(named).is_dir():
            raise InputError(f"the data folder {named} does not exist")
        return Path(named)

    @staticmethod
    def cache() -> Path:
        """The user's cache."""
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "surge"


@dataclasses.dataclass(frozen=True)
class Reproduction(Folders):
    """`recompute`: also run the experiments whose recorded results are read otherwise; `out`:
    results; `data_dir`: real data (default: $SURGE_DATA, else the user's cache)."""

    recompute: bool = False


@dataclasses.dataclass(frozen=True)
class Listing:
    """`json`: one JSON document on standard output and nothing else."""

    json: bool = False
    out: Path = Path("out")


def _list(arguments: list[str]) -> int:
    asked = tyro.cli(Listing, prog="python -m experiments list", args=arguments)
    rows = []
    for name in NAMES:
        found = experiment(name)
        rows.append(
            {
                "name": name,
                "title": found.title,
                "core": found.core,
                "budget_seconds": found.budget_seconds,
                "presets": {key: dataclasses.asdict(value) for key, value in found.presets.items()},
            }
        )
    if asked.json:
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print(f"{row['name']}: {row['title']} (presets: {', '.join(row['presets'])})")
    return 0


def _run(arguments: list[str]) -> int:
    from experiments import reproduce

    parser = argparse.ArgumentParser(
        prog="python -m experiments run", add_help=False, allow_abbrev=False
    )
    parser.add_argument("--preset", default="default")
    parser.add_argument("--download", action="store_true")
    found, others = _named("run", arguments)
    first, rest = parser.parse_known_args(others)
    settings = dataclasses.make_dataclass(
        "Run",
        [("spec", tyro.conf.OmitArgPrefixes[type(preset(found, first.preset))]),
         ("folders", tyro.conf.OmitArgPrefixes[Folders], Folders())],
        frozen=True,
    )  # fmt: skip
    asked = tyro.cli(
        settings,
        prog=f"python -m experiments run {found.name}",
        description=f"{found.title}. --preset is one of {', '.join(found.presets)}.",
        default=settings(preset(found, first.preset), Folders()),
        args=rest,
    )
    if first.download:
        from experiments import download

        found.validate(asked.spec)
        download.download(found.name, asked.folders.data() or asked.folders.cache())
    return reproduce.run_one(found, asked.spec, asked.folders.out, asked.folders.data())


def _reproduce(arguments: list[str]) -> int:
    from experiments import reproduce

    asked = tyro.cli(Reproduction, prog="python -m experiments reproduce", args=arguments)
    return reproduce.run_core(asked.out, asked.data(), recompute=asked.recompute)


def _claims(arguments: list[str]) -> int:
    from experiments import reproduce

    asked = tyro.cli(Listing, prog="python -m experiments claims", args=arguments)
    return reproduce.show_claims(asked.out, as_json=asked.json)


def _record(arguments: list[str]) -> int:
    found, rest = _named("record", arguments)
    folders = tyro.cli(Folders, prog=f"python -m experiments record {found.name}", args=rest)
    if found.core:
        raise InputError(f"{found.name} is not recorded: reproduce computes it anew")
    print(Store(folders.out).record(found.name))
    return 0


def _advise(arguments: list[str]) -> int:
    from experiments import advise_command

    return advise_command.main(arguments)


def _named(command: str, arguments: list[str]) -> tuple[Experiment, list[str]]:
    """The experiment that a command names first, and the arguments after it."""
    if not arguments or arguments[0].startswith("-"):
        raise InputError(f"{command} needs the name of an experiment: {', '.join(NAMES)}")
    return experiment(arguments[0]), arguments[1:]


COMMANDS = {
    "list": _list, "run": _run, "reproduce": _reproduce, "claims": _claims, "record": _record,
    "advise": _advise,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (a claim), 2 (bad input) or 130 (interrupted)."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if given else 2
    try:
        if given[0] not in COMMANDS:
            raise InputError(f"unknown command {given[0]!r}; known: {', '.join(COMMANDS)}")
        return COMMANDS[given[0]](given[1:])
    except errors.expected() as error:
        print(f"error: {errors.one_line(error)}", file=sys.stderr)
        return 2
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        print("error: the memory is too small for this; finished cells are kept", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: finished cells are kept; run it again to go on", file=sys.stderr)
        return 130


def configure() -> None:
    """float64 for the laws, compiled programs kept between runs, and SIGTERM like Ctrl-C, which is
    heard even where a shell started the program in the background."""
    jax.config.update("jax_enable_x64", True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "surge" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)


if __name__ == "__main__":
    configure()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = None
        sys.exit(0)
