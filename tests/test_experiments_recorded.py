"""Recorded results: finished datasets of longer runs, which come with the code and stand in for
those that the output folder lacks."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from experiments import reproduce, spec
from experiments import store as stores
from experiments.__main__ import main
from experiments.claims import all_claims, judged, unexpected
from experiments.claims_rivals import ON_NETWORKS
from experiments.errors import InputError
from experiments.judge import HOLDS, NOT_RUN, Outcome
from experiments.store import Store, sha256
from figures.__main__ import load

ROOT = Path(__file__).parent.parent
REAL = ROOT / "experiments" / "results"
RECORDED = sorted(REAL.glob("*.nc"))
RESULT = xr.Dataset({"mean": ("batch", np.array([1.5, 2.5]))}, coords={"batch": [1, 2]})
LONG = "long_run"
FEW_OPTIMA = (  # curves of `cnn_fashion` with under five optima
    *(f"{sense}/{rule}/{loss}" for sense in ("further", "fixed") for rule in ("adam", "sign")
      for loss in (0.8, 0.6)),
    *(f"further/{rule}/1.2" for rule in ("adam", "sign")),
    *(f"target/sign/{loss}" for loss in (1.2, 0.8, 0.6)),
)  # fmt: skip
WIDE = "target/sign/0.6"  # of these the one with a peak inside
FEWEST_OPTIMA = ("further/adam/1.2", "further/sign/1.2", "further/sign/0.6", "fixed/adam/0.6",
                 "fixed/sign/0.8", "target/sign/0.8")  # fmt: skip
CNN_UNDECIDED = {
    f"cnn_fashion/{what}"
    for what in (
        *(f"rival/{curve}/{law}" for curve in FEW_OPTIMA for law in ON_NETWORKS),
        *(f"peak/{curve}" for curve in (*FEW_OPTIMA, "target/adam/0.6") if curve != WIDE),
        *(f"surge/{curve}" for curve in FEWEST_OPTIMA),
        *(f"unbiased/sign/{loss}" for loss in (1.2, 0.8, 0.6)),
        *(f"scale/correlated/{rule}/{loss}" for rule in ("adam", "sign") for loss in (0.8, 0.6)),
        "rises/correlated",  # D1 is above zero at a loss of 1.2 only
        *("bracketed/fixed/adam/0.6", "bracketed/further/adam/1.2", "line/sign/0.8"),
    )
}
UNDECIDED = {  # no public run tells; no rate there was measured well enough
    "steplaw": {
        f"steplaw/not_public/{what}" for what in ("data_mixture", "final_lr", "shape", "runs")
    },
    "cnn_fashion": CNN_UNDECIDED,
}


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch) -> Path:
    """An empty folder of recorded results; `LONG` is an experiment that is not core."""
    monkeypatch.setattr(stores, "RESULTS", tmp_path / "results")
    known = spec.experiment

    def experiment(name: str) -> spec.Experiment:
        if name == LONG:
            return dataclasses.replace(known(spec.NAMES[0]), name=LONG, core=False)
        return known(name)

    for module in ("experiments.__main__", "experiments.reproduce"):
        monkeypatch.setattr(f"{module}.experiment", experiment)
        monkeypatch.setattr(f"{module}.NAMES", (*spec.NAMES, LONG))
    return tmp_path / "results"


@pytest.fixture
def store(tmp_path) -> Store:
    """An output folder with a finished `LONG`."""
    made = Store(tmp_path / "out")
    made.save(LONG, RESULT)
    return made


def damage(path: Path) -> bytes:
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    return content[:-100]


def test_a_recorded_result_stands_in_where_the_output_folder_has_none(store, tmp_path):
    store.record(LONG)
    xr.testing.assert_equal(Store(tmp_path / "other").load(LONG), RESULT)
    assert load({LONG, "rivals"}, tmp_path / "other").keys() == {LONG}
    assert not (tmp_path / "other").exists()


def test_what_the_output_folder_has_comes_first(store):
    store.record(LONG)
    store.save(LONG, RESULT * 2)
    xr.testing.assert_equal(store.load(LONG), RESULT * 2)


def test_a_recorded_result_is_the_same_bytes_under_the_same_name(store, results):
    path = store.record(LONG)
    (original,) = (store.folder / "data").iterdir()
    assert path == results / original.name
    assert path.read_bytes() == original.read_bytes()


def test_recording_again_replaces_the_earlier_one_and_no_other(store, results):
    store.save("long_run_wide", RESULT)
    kept = store.record("long_run_wide")
    store.record(LONG)
    store.save(LONG, RESULT * 2)
    path = store.record(LONG)
    assert sorted(results.iterdir()) == sorted([path, kept])
    xr.testing.assert_equal(stores.recorded(LONG), RESULT * 2)


def test_a_damaged_recorded_result_is_one_line_and_is_left_as_it_is(store, tmp_path):
    path = store.record(LONG)
    content = damage(path)
    with pytest.raises(InputError, match=f"{path} is damaged; .*git checkout"):
        Store(tmp_path / "other").load(LONG)
    assert path.read_bytes() == content


def test_a_damaged_one_of_the_output_folder_is_removed_and_the_recorded_one_read(store):
    store.record(LONG)
    (own,) = (store.folder / "data").iterdir()
    damage(own)
    xr.testing.assert_equal(store.load(LONG), RESULT)
    assert not own.exists()


def test_a_result_that_is_too_large_is_not_recorded(store, results, monkeypatch):
    monkeypatch.setattr(stores, "LARGEST_RESULT", 1000)
    with pytest.raises(InputError, match=r"long_run has \d+ bytes, the most is 1000"):
        store.record(LONG)
    assert not results.exists()


class TestCommand:
    def test_record_says_where_the_result_is(self, store, results, capsys):
        assert main(["record", LONG, "--out", str(store.folder)]) == 0
        (path,) = results.iterdir()
        assert capsys.readouterr() == (f"{path}\n", "")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "record needs the name of an experiment: onestep_quadratic, "),
            (("alchemy",), "unknown experiment 'alchemy'; known: "),
            (("onestep_rules",), "onestep_rules is not recorded: reproduce computes it anew"),
            ((LONG,), "has no finished long_run; run it first"),
        ],
    )
    def test_what_cannot_be_recorded_is_one_line(self, tmp_path, capsys, arguments, words):
        assert main(["record", *arguments, "--out", str(tmp_path / "none")]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        assert line.startswith("error: ")
        assert words in line
        assert list(tmp_path.iterdir()) == []

    def test_a_damaged_recorded_result_ends_a_command_before_it_starts(
        self, store, tmp_path, capsys, monkeypatch
    ):
        path = store.record(LONG)
        damage(path)
        monkeypatch.setattr(reproduce, "_verify", pytest.fail)
        for command in (["claims"], ["reproduce"]):
            assert main([*command, "--out", str(tmp_path / "other")]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"error: {path} is damaged")


def test_reproduce_runs_what_is_core_and_judges_claims_on_what_is_recorded(
    store, tmp_path, monkeypatch
):
    store.record(LONG)
    ran, seen = [], []

    def judge(dataset):
        seen.append(dataset)
        return Outcome(HOLDS, 0.0, 0.0, 0.0, 0, {})

    claim = dataclasses.replace(all_claims()[0], experiment=LONG, expected=HOLDS, judge=judge)
    monkeypatch.setattr(reproduce, "all_claims", lambda: (claim,))
    monkeypatch.setattr(reproduce, "_verify", lambda _: (RESULT, 0.0))
    monkeypatch.setattr(reproduce, "_run", lambda one, *_: ran.append(one.name) or (RESULT, 0.0))
    assert reproduce.run_core(tmp_path / "other", None) == 0
    assert LONG not in ran
    assert ran == [name for name in spec.NAMES if spec.experiment(name).core]
    (dataset,) = seen
    xr.testing.assert_equal(dataset, RESULT)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem.rpartition("-")[0])
class TestRecord:
    """What stands in `experiments/results`."""

    def test_it_is_intact_small_and_of_an_experiment_that_is_not_core(self, path, monkeypatch):
        name, _, digest = path.stem.rpartition("-")
        assert digest == sha256(path.read_bytes())
        assert path.stat().st_size <= stores.LARGEST_RESULT
        assert not spec.experiment(name).core
        assert len(list(REAL.glob(f"{name}-*.nc"))) == 1
        monkeypatch.setattr(stores, "RESULTS", REAL)
        found = stores.recorded(name)
        assert found is not None
        assert found.attrs["experiment"] == name

    def test_every_claim_on_it_is_judged_and_as_expected(self, path, monkeypatch):
        name = path.stem.rpartition("-")[0]
        monkeypatch.setattr(stores, "RESULTS", REAL)
        found = stores.recorded(name)
        rows = [judged(claim, found, 0.0) for claim in all_claims() if claim.experiment == name]
        assert rows
        assert {row["id"] for row in rows if row["verdict"] == NOT_RUN} == UNDECIDED.get(
            name, set()
        )
        assert unexpected(rows) == []

    def test_git_does_not_ignore_it(self, path):
        ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
        assert ignored.returncode != 0


def test_data_of_an_earlier_version_are_not_judged_and_said_to_be_so(tmp_path, capsys):
    Store(tmp_path).save("se_line", RESULT)
    assert reproduce.show_claims(tmp_path, as_json=False) == 0
    assert "se_line: its data are of an earlier version; anew: " in capsys.readouterr().err
