"""Whole runs: what they write, what they recall, and that being killed changes nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rows import well_formed

from experiments.__main__ import main
from experiments.claims import all_claims, judged
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.store import Store, to_bytes
from sim import network, onestep

pytestmark = pytest.mark.usefixtures("fully_compiled")

ROOT = Path(__file__).parent.parent
SMOKE = ["run", "onestep_quadratic", "--preset", "smoke"]
SHORT = [*SMOKE, "--problems", "rank_one", "--rules", "sign", "--batches", "1", "16"]
SHORT_NETWORK = [
    *("run", "onestep_network", "--preset", "smoke", "--networks", "digits_mlp"),
    *("--targets", "1.0", "--batches", "64", "--line-batches", "64", "--resolution", "0.2"),
    *("--gaussian-draws", "64", "--line-draws", "16"),
]


def claims(out: Path) -> list[dict]:
    """`claims.json`, timings aside."""
    rows = json.loads((out / "claims.json").read_text("utf-8"))
    return [row | {"seconds": 0.0} for row in rows]


def measured_bytes(out: Path) -> list[str]:
    """sha256 of every cell."""
    return sorted(path.stem.rpartition("-")[2] for path in (out / "cells").iterdir())


def forbidden(*_, **__):
    raise AssertionError("measured again")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("smoke") / "out"
    assert main([*SMOKE, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def dataset(smoke) -> xr.Dataset:
    found = Store(smoke).load("onestep_quadratic")
    assert found is not None
    return found


class TestQuadratics:
    def test_every_claim_that_ran_is_as_expected(self, smoke):
        rows = claims(smoke)
        assert [row["id"] for row in rows] == [claim.id for claim in all_claims()]
        assert all(well_formed(row) for row in rows)
        ran = [row for row in rows if row["verdict"] != NOT_RUN]
        assert {row["experiment"] for row in ran} == {"onestep_quadratic"}
        assert len(ran) >= 12
        assert all(row["verdict"] == row["expected"] for row in ran)
        assert all(row["n"] > 0 for row in ran)
        assert all(control["rejected"] for row in ran for control in row["controls"])

    def test_nothing_is_left_but_cells_data_and_claims(self, smoke):
        assert sorted(path.name for path in smoke.iterdir()) == ["cells", "claims.json", "data"]
        assert len(list((smoke / "cells").iterdir())) == 6
        assert len(list((smoke / "data").iterdir())) == 1

    def test_the_dataset_says_what_it_is(self, dataset):
        for name, unit in {"lr_star_mean": "θ²/loss", "decrease_law": "loss"}.items():
            assert dataset[name].attrs["units"] == unit
        assert dataset.batch.attrs["units"] == "samples"
        assert dataset.attrs["experiment"] == "onestep_quadratic"
        assert "problems=('diagonal', 'rank_one')" in dataset.attrs["spec"]
        assert np.isfinite(dataset.lr_star_mean).all()

    def test_a_second_run_recalls_every_cell_and_judges_alike(self, smoke, monkeypatch, capsys):
        before = claims(smoke)
        cells = {path: path.stat().st_mtime_ns for path in (smoke / "cells").iterdir()}
        monkeypatch.setattr(onestep, "measure_to", forbidden)
        assert main([*SMOKE, "--out", str(smoke)]) == 0
        assert claims(smoke) == before
        assert {path: path.stat().st_mtime_ns for path in (smoke / "cells").iterdir()} == cells
        said = capsys.readouterr()
        assert said.err.count("(finished earlier)") == 6
        assert "0 against expectation" in said.out

    def test_the_claims_of_other_experiments_are_judged_on_what_they_found(
        self, smoke, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(onestep, "measure_to", forbidden)
        (tmp_path / "cells").symlink_to(smoke / "cells")
        checks = xr.Dataset({
            "derivation": ("check", ["lemma1"]), "step": ("check", ["1"]), "ok": ("check", [False])
        })  # fmt: skip
        Store(tmp_path).save("theory", checks)
        (tmp_path / "claims.json").write_text("what is written here is never used")
        assert main([*SMOKE, "--out", str(tmp_path)]) == 0
        verdicts = {row["id"]: row["verdict"] for row in claims(tmp_path)}
        assert verdicts["theory/best_lr"] == "fails"
        assert verdicts["onestep_quadratic/law/sign/rank_one"] == "holds"

    def test_a_smaller_question_is_measured_anew(self, smoke, monkeypatch):
        monkeypatch.setattr(onestep, "measure_to", forbidden)
        with pytest.raises(AssertionError, match="measured again"):
            main([*SMOKE, "--seed", "1", "--out", str(smoke)])

    def test_a_full_disk_ends_with_one_line_and_whole_files(self, tmp_path, monkeypatch, capsys):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        assert main([*SHORT, "--out", str(tmp_path)]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("error: cannot write ")
        assert last.endswith("No space left on device")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize("factor", [0.97, 1.03, -1.0])
    def test_a_wrong_law_fails_on_real_measurements(self, dataset, factor):
        spoilt = dataset.assign(lr_star_law=dataset.lr_star_law * factor)
        verdicts = {claim.id: judged(claim, spoilt, 0.0)["verdict"] for claim in all_claims()
                    if claim.experiment == "onestep_quadratic"}  # fmt: skip
        for rule in ("sign", "sgd"):
            for problem in ("diagonal", "rank_one"):
                assert verdicts[f"onestep_quadratic/law/{rule}/{problem}"] == FAILS

    def test_a_wrong_problem_s_law_fails_on_real_measurements(self, dataset):
        law = dataset.lr_star_law.sel(problem="diagonal")
        spoilt = dataset.assign(lr_star_law=law.broadcast_like(dataset.lr_star_mean))
        verdicts = {claim.id: judged(claim, spoilt, 0.0)["verdict"] for claim in all_claims()
                    if claim.experiment == "onestep_quadratic"}  # fmt: skip
        assert verdicts["onestep_quadratic/law/sign/diagonal"] == HOLDS
        assert verdicts["onestep_quadratic/law/sign/rank_one"] == FAILS
        assert verdicts["onestep_quadratic/optimality/sign/rank_one"] == FAILS


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("network") / "out"
    assert main([*SHORT_NETWORK, "--out", str(out)]) in (0, 1)  # too coarse to demand more
    return out


class TestNetwork:
    def test_digits_are_measured_and_judged(self, run):
        ran = [row for row in claims(run) if row["verdict"] != NOT_RUN]
        assert all(well_formed(row) for row in ran)
        checkpoints = {row["id"].rpartition("/")[2] for row in ran}
        assert checkpoints == {"init", "1"}
        assert {row["experiment"] for row in ran} == {"onestep_network"}
        assert {row["id"].split("/")[2] for row in ran} == {"digits_mlp"}
        gaussian = [row for row in ran if row["id"].startswith("onestep_network/gaussian")]
        assert all(row["verdict"] in (HOLDS, INCONCLUSIVE) for row in gaussian)
        assert all(0.5 < row["statistic"] < 2 for row in gaussian)

    def test_the_dataset_holds_measurements_beside_laws(self, run):
        data = Store(run).load("onestep_network")
        assert data is not None
        assert data.network.values.tolist() == ["digits_mlp"]
        np.testing.assert_array_equal(data.target, [np.inf, 1.0])
        assert data.loss.values[0, 1] <= 1.0 < data.loss.values[0, 0]
        assert data.steps.values[0, 0] == 0
        assert data.population.item() == 1797

    def test_a_second_run_recalls_every_cell_and_judges_alike(self, run, monkeypatch):
        before = claims(run)
        monkeypatch.setattr(network, "minibatch_step", forbidden)
        assert main([*SHORT_NETWORK, "--out", str(run)]) in (0, 1)
        assert claims(run) == before


class Process:
    """`python -m experiments` in a process of its own; compiled programs are shared."""

    def __init__(self, cache: Path):
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        self.environment.pop("SURGE_DATA", None)

    def start(self, *arguments: str, out: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "experiments", *arguments, "--out", str(out)],
            cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, *arguments: str, out: Path) -> tuple[int, str]:
        process = self.start(*arguments, out=out)
        _, said = process.communicate()
        return process.returncode, said


@pytest.fixture(scope="module")
def process(tmp_path_factory) -> Process:
    return Process(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def undisturbed(process, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    code, said = process.finish(*SHORT, out=out)
    assert code == 0, said
    return out


class TestInterruption:
    def test_a_run_killed_at_random_and_started_again_gives_the_same_claims(
        self, process, undisturbed, tmp_path
    ):
        draw, out = random.Random(0), tmp_path / "out"
        for cells_done, longest in ((0, 4.0), (1, 1.0), (2, 0.2)):
            running = process.start(*SHORT, out=out)
            assert running.stderr is not None
            for _ in range(cells_done):
                running.stderr.readline()
            time.sleep(draw.uniform(0, longest))
            running.kill()
            running.communicate()
        code, said = process.finish(*SHORT, out=out)
        assert code == 0, said
        assert claims(out) == claims(undisturbed)
        assert measured_bytes(out) == measured_bytes(undisturbed)
        assert list(out.rglob(".part-*")) == []

    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupt_is_one_line_and_keeps_finished_cells(self, process, tmp_path, sent):
        running = process.start(*SMOKE, "--resolution", "1e-6", "--limit", "100000", out=tmp_path)
        assert running.stderr is not None
        first = running.stderr.readline()
        assert "onestep_quadratic 1/6" in first
        running.send_signal(sent)
        _, said = running.communicate()
        assert running.returncode == 130, said
        *progress, last = said.splitlines()
        assert last == "interrupted: finished cells are kept; run it again to go on"
        assert all(line.startswith("onestep_quadratic ") for line in progress)
        assert len(list((tmp_path / "cells").iterdir())) == 1 + len(progress)
        assert not (tmp_path / "claims.json").exists()
        assert list(tmp_path.rglob(".part-*")) == []

    def test_bad_input_ends_with_2_and_no_traceback(self, process, tmp_path):
        code, said = process.finish("run", "alchemy", out=tmp_path / "out")
        assert code == 2
        assert said.splitlines()[-1].startswith("error: unknown experiment 'alchemy'")
        assert len(said.splitlines()) == 1
        assert not (tmp_path / "out").exists()


def test_stored_bytes_are_the_same_for_the_same_measurement(dataset):
    assert to_bytes(dataset) == to_bytes(dataset.copy(deep=True))
