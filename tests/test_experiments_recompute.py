"""`reproduce --recompute`: what is recorded is made again, as far as its data are there."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import xarray as xr

from experiments import reproduce
from experiments import store as stores
from experiments.__main__ import main
from experiments.errors import InputError
from experiments.spec import Experiment, experiment
from experiments.store import Store
from figures.__main__ import load
from sim.data import DataError

CORE, LONG, READING = "short_run", "long_run", "reading_run"  # the last two are not core
NAMES = (CORE, LONG, READING)
RECORDED, ANEW = 1.0, 2.0


@dataclass(frozen=True)
class Spec:
    size: int


class Work:
    """Experiments of a cell each, and what of them was measured, in this order."""

    def __init__(self):
        self.measured: list[tuple[str, int]] = []

    def experiment(self, name: str) -> Experiment:
        def run(spec: Spec, store: Store, data_dir: Path | None) -> xr.Dataset:  # noqa: ARG001
            def measure() -> xr.Dataset:
                self.measured.append((name, spec.size))
                return xr.Dataset({"mean": ANEW})

            return store.cell(name, {"size": spec.size}, (), measure)[0]

        presets = {"smoke": Spec(1), "default": Spec(2)}
        return Experiment(name, name, name == CORE, 1, presets, lambda _: None, run)


@pytest.fixture
def work(tmp_path, monkeypatch) -> Work:
    """An empty output folder; `LONG` and `READING` are recorded."""
    made = Work()
    monkeypatch.delenv("SURGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(stores, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(reproduce, "NAMES", NAMES)
    monkeypatch.setattr(reproduce, "experiment", made.experiment)
    monkeypatch.setattr(reproduce, "READS", {READING: ("a_data_set",)})
    monkeypatch.setattr(reproduce, "all_claims", lambda: ())
    monkeypatch.setattr(reproduce, "_verify", lambda _: (xr.Dataset(), 0.0))
    earlier = Store(tmp_path / "earlier")
    for name in (LONG, READING):
        earlier.save(name, xr.Dataset({"mean": RECORDED}))
        earlier.record(name)
    return made


@pytest.fixture
def data_dir(tmp_path) -> str:
    folder = tmp_path / "data"
    (folder / "a_data_set").mkdir(parents=True)
    return str(folder)


@pytest.fixture
def reproduced(tmp_path):
    """Runs the command, and gives what figures would be drawn from."""

    out = tmp_path / "out"

    def run(*options: str, code: int = 0) -> dict[str, float]:
        assert main(["reproduce", *options, "--out", str(out)]) == code
        return {name: float(data["mean"]) for name, data in load({*NAMES}, out).items()}

    return run


def test_without_the_flag_what_is_not_core_is_read(work, reproduced, data_dir):
    found = reproduced("--data-dir", data_dir)
    assert work.measured == [(CORE, 2)]
    assert found == {CORE: ANEW, LONG: RECORDED, READING: RECORDED}


def test_with_it_they_are_made_again_and_figures_draw_from_that(work, reproduced, data_dir):
    found = reproduced("--recompute", "--data-dir", data_dir)
    assert work.measured == [(name, 2) for name in NAMES]
    assert found == dict.fromkeys(NAMES, ANEW)


def test_what_was_made_again_is_read_afterwards(work, reproduced, data_dir):
    reproduced("--recompute", "--data-dir", data_dir)
    assert reproduced() == dict.fromkeys(NAMES, ANEW)
    assert len(work.measured) == len(NAMES)


@pytest.mark.parametrize(("options", "now"), [((), {CORE}), (("--recompute",), {*NAMES})])
def test_claims_on_what_was_run_now_must_find_their_numbers(
    work, reproduced, data_dir, monkeypatch, options, now
):
    """Of what is read a claim may lack numbers; of what has just been run it may not."""
    asked = []
    monkeypatch.setattr(reproduce, "_rows", lambda _, names: asked.append(set(names)) or [])
    reproduced(*options, "--data-dir", data_dir)
    assert asked == [{reproduce.THEORY, *now}]
    assert work.measured


@pytest.mark.parametrize("folder", [None, "empty"])
def test_where_data_are_absent_one_line_says_so_and_the_others_go_on(
    work, reproduced, tmp_path, capsys, folder
):
    given = []
    if folder:
        (tmp_path / folder).mkdir()
        given = ["--data-dir", str(tmp_path / folder)]
    found = reproduced("--recompute", *given)
    assert work.measured == [(CORE, 2), (LONG, 2)]
    assert found == {CORE: ANEW, LONG: ANEW, READING: RECORDED}
    (line,) = [line for line in capsys.readouterr().err.splitlines() if READING in line]
    assert line.startswith(f"{READING} is not run anew: no a_data_set in the data folder")


def test_an_interrupted_one_goes_on_where_it_was(work, reproduced, data_dir, monkeypatch):
    run, given = reproduce._run, ("--recompute", "--data-dir", data_dir)

    def interrupted(one: Experiment, *rest):
        if one.name == READING:
            raise KeyboardInterrupt
        return run(one, *rest)

    monkeypatch.setattr(reproduce, "_run", interrupted)
    assert reproduced(*given, code=130) == {CORE: ANEW, LONG: ANEW, READING: RECORDED}
    monkeypatch.setattr(reproduce, "_run", run)
    assert reproduced(*given) == dict.fromkeys(NAMES, ANEW)
    assert work.measured == [(name, 2) for name in NAMES]


def test_every_experiment_that_ends_without_a_data_folder_is_known_to_read_one(tmp_path):
    for name in ("steplaw", "cnn_fashion"):
        found = experiment(name)
        assert not reproduce._can_run(found, None)
        with pytest.raises((InputError, DataError), match="data folder"):
            found.run(found.presets["default"], Store(tmp_path), None)
