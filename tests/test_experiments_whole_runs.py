"""Whole runs as an experiment: measured by cells, killed and resumed, judged."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import whole_runs_datasets
import xarray as xr

from experiments import whole_runs
from experiments.__main__ import main
from experiments.claims import judged
from experiments.claims_whole_runs import WHOLE_RUNS_CLAIMS
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.run_rules import RULES
from experiments.store import Store
from sim import trajectory

ROOT = Path(__file__).parent.parent
CLAIMS = {claim.id.removeprefix("whole_runs/"): claim for claim in WHOLE_RUNS_CLAIMS}
TINY = [
    *("run", "whole_runs", "--preset", "smoke", "--seeds", "32", "--problems", "coherent"),
    *("--batches", "16", "64", "256", "1024", "4096", "--targets", "0.5", "0.3"),
    *("--horizons", "30", "--after", "4"),
]
ENDED = (0, 1)  # so small a grid may go against an expectation


def forbidden(*_, **__):
    raise AssertionError("measured again")


def verdict(name: str, data: xr.Dataset) -> str:
    return judged(CLAIMS[name], data, 0.0)["verdict"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "out"
    assert main([*TINY, "--out", str(out)]) in ENDED
    return out


class TestRun:
    def test_the_dataset_holds_optima_in_three_senses_with_units(self, tiny):
        data = Store(tiny).load("whole_runs")
        assert data is not None
        assert data["by_target_lr"].dims == ("problem", "rule", "batch", "target")
        assert data["by_horizon_value"].attrs["units"] == "loss/start"
        assert data["by_branch_value"].attrs["units"] == "loss/loss at the branch"
        assert data["branch_step"].item() > 1
        assert (data["by_horizon_refused"] == 0).all()
        assert (data["by_horizon_log_lr_sem"] > 0).all()
        known = data["by_target_refused"].values == 0
        assert np.isfinite(data["by_target_lr"].values[known]).all()
        assert np.isnan(data["by_target_lr"].values[~known]).all()

    def test_a_larger_batch_needs_fewer_steps_and_ends_lower(self, tiny):
        data = Store(tiny).load("whole_runs")
        assert data is not None
        for name in ("by_target_value", "by_branch_value"):
            value = data[name].values[0, 0, :3]
            change = np.diff(value, axis=0)
            assert (change[np.isfinite(change)] < 0).all()
            assert np.isfinite(change).any()

    def test_a_second_run_recalls_every_cell(self, tiny, monkeypatch):
        monkeypatch.setattr(trajectory, "run_grid", forbidden)
        assert main([*TINY, "--out", str(tiny)]) in ENDED

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ("--seeds 24", "multiple of 32"),
            ("--ratio 2", "ratio must be"),
            ("--targets 0.1 0.2", "targets must be positive and decrease"),
            ("--horizons 5 3", "horizons must be positive and increase"),
            ("--branch-loss 1.5", "must be below 1"),
            ("--rules sign sign", "name each rule once"),
            ("--problems nowhere", "unknown problem 'nowhere'"),
            ("--more-rules sign", "more-rules must be other rules"),
        ],
    )
    def test_what_is_malformed_is_one_clear_line(self, options, words, tmp_path, capsys):
        given = ["run", "whole_runs", "--preset", "smoke", *options.split()]
        assert main([*given, "--out", str(tmp_path / "out")]) == 2
        assert words in capsys.readouterr().err

    def test_every_preset_is_valid(self):
        for preset in whole_runs.PRESETS.values():
            whole_runs.validate(preset)


class TestKilled:
    def test_a_grid_killed_at_random_and_started_again_gives_the_same_data(self, tiny, tmp_path):
        command = [sys.executable, "-m", "experiments", *TINY, "--out", str(tmp_path)]
        draw = random.Random(1)
        for _ in range(2):
            running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(2.0, 5.0))
            running.kill()
            running.wait()
        assert main([*TINY, "--out", str(tmp_path)]) in ENDED
        once, again = Store(tiny).load("whole_runs"), Store(tmp_path).load("whole_runs")
        assert once is not None
        assert again is not None
        assert once.drop_attrs(deep=False).identical(again.drop_attrs(deep=False))
        assert list(tmp_path.rglob(".part-*")) == []


MEMORY = """
import resource, sys
import jax, jax.numpy as jnp
from sim import Quadratic, trajectory
cells = int(sys.argv[1])
problem = Quadratic(jnp.ones(64), jnp.ones(64), jnp.ones(64))
grid = trajectory.run_grid("sign", problem, batches=range(1, cells // 40 + 1), lrs=[0.001 * k for k
    in range(1, 41)], steps=[2], seeds=8, groups=2, key=jax.random.key(0))
print(grid.loss_berk.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_cells():
    def peak(cells: int) -> tuple[int, int]:
        said = subprocess.run(
            [sys.executable, "-c", MEMORY, str(cells)], cwd=ROOT, check=True, text=True,
            stdout=subprocess.PIPE,
        ).stdout.split()  # fmt: skip
        return int(said[0]), int(said[1])  # bytes of results, kilobytes in all

    small, large = peak(4_000), peak(40_000)
    assert large[0] == 10 * small[0]
    assert large[1] - small[1] < 40_000  # chunks of 2²⁰ coordinates: 4 MB an array


@pytest.fixture(scope="module")
def made() -> xr.Dataset:
    return whole_runs_datasets.whole_runs(rules=tuple(RULES))


class TestClaims:
    def test_a_made_up_measurement_with_surges_and_drift_meets_expectations(self, made):
        rows = {name: judged(claim, made, 0.0) for name, claim in CLAIMS.items()}
        assert sum(row["verdict"] != NOT_RUN for row in rows.values()) == len(rows)
        for name in ("surge", "no_surge", "trap", "branch", "drift", "rise", "horizon", "steps"):
            for key, row in rows.items():
                if key.startswith(name):
                    assert row["verdict"] == HOLDS, key
                    assert all(control["rejected"] for control in row["controls"])
        json.dumps(list(rows.values()), allow_nan=False)

    def test_a_curve_that_does_not_fall_shows_no_surge(self, made):
        flat = made.copy(deep=True)
        flat["by_target_lr"][{"problem": 0}] = made["by_target_lr"].isel(problem=1).values
        assert verdict("surge/sign/coherent", flat) in (FAILS, INCONCLUSIVE)
        assert verdict("decline/coherent/0.05", flat) == FAILS

    def test_a_curve_that_falls_is_not_level(self, made):
        wrong = made.copy(deep=True)
        wrong["by_target_lr"][{"problem": 1}] = made["by_target_lr"].isel(problem=0).values
        assert verdict("no_surge/sign/diagonal", wrong) == FAILS
        # and what must be level no longer serves as a control
        assert verdict("surge/sign/fisher", wrong) == INCONCLUSIVE

    def test_coarse_measurements_decide_nothing(self, made):
        coarse = made.copy(deep=True)
        for name in ("by_target_log_lr_sem", "drift_sem"):
            coarse[name] = made[name] + 1.0
        assert verdict("surge/sign/coherent", coarse) == INCONCLUSIVE
        assert verdict("drift/coherent", coarse) == INCONCLUSIVE

    @pytest.mark.parametrize("wrong", [0.0, 4.76])
    def test_another_drift_fails(self, made, wrong):
        assert verdict("drift/coherent", made.assign(drift=made["drift"] * 0 + wrong)) == FAILS

    def test_peaks_elsewhere_fail(self, made):
        moved = made.assign(by_target_peak_batch=made["by_target_peak_batch"] * 16)
        assert verdict("peak/coherent/0.2", moved) == FAILS
