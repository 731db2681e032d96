"""The timing against rivals: its own parts, and all of it in small where they are installed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.bench import __main__ as bench
from tests.bench import memory, report, transformer
from tests.bench.timing import Times, interleaved, ratios, spread

ROOT = Path(__file__).parent.parent
TORCH = importlib.util.find_spec("torch") is not None


def test_candidates_take_turns_and_are_warmed_up_untimed():
    order = []
    times = interleaved({name: lambda n=name: order.append(n) or len(order) for name in "ab"}, 3)
    assert "".join(order) == "abababab"
    assert times["a"].wall.shape == times["b"].cpu.shape == (3,)
    assert times["b"].result == 8  # of the last round


def test_a_ratio_says_how_many_times_longer_the_first_took():
    slow = Times(np.array([4.0, 6.0, 9.0]), np.array([2.0, 3.0, 8.0]), None)
    fast = Times(np.array([2.0, 3.0, 3.0]), np.array([1.0, 1.0, 2.0]), None)
    assert spread(slow) == {"cpu_min": 2, "cpu_median": 3, "wall_min": 4, "wall_median": 6}
    assert ratios(slow, fast) == {"cpu_min": 2, "cpu_median": 3, "wall_min": 2, "wall_median": 2}


def test_without_the_rivals_one_line_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "find_spec", lambda _: None)
    assert bench.main(["--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr() == ("", bench.INSTALL + "\n")
    assert not (tmp_path / "out").exists()


def test_the_peak_of_a_process_is_its_own_and_not_that_of_its_parent():
    held = np.ones(40 * 2**20)  # 320 MB
    peak = memory.memory_by_cells((100,))["100"]
    assert memory.peak_mb() > held.nbytes / 2**20
    assert memory.peak_mb() - peak > 200


def test_the_transformer_has_ten_million_parameters():
    model = transformer.Transformer(transformer.VOCABULARY)
    tokens = np.zeros((1, transformer.LENGTH), np.int32)
    shapes = jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0), tokens))
    assert 10.0e6 <= sum(shape.size for shape in shapes) < 10.1e6


def test_the_transformer_is_measured_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(transformer, "WAYS", {"moments": pytest.fail})  # here nothing is measured
    row = transformer.memory_by_way(64, 2)
    assert row["limit_mb"] == 4096
    assert row["samples"] == 2
    (peak,) = row["peak_mb"].values()
    held = 4 * row["parameters"] / 2**20  # a float32 vector like the parameters, of MB
    assert 3 * held < peak < 3000  # the parameters and two moments, and Python with jax


def found(agreement="z = 0") -> dict:
    one = {
        "cpu_min": 1, "cpu_median": 1, "wall_min": 1, "wall_median": 1, "share": 0.5,
        "ratio": {"cpu_min": 2, "cpu_median": 2, "wall_median": 2.125}, "agreement": agreement,
    }  # fmt: skip
    return {
        "rounds": 5,
        "rows": [{"name": "row", "candidates": {"engine": one}, "equal_error": {"ε*": 3.0}}],
        "limits": {"gemm": {"torch": 80}, "normals": {"jax": 200}, "memory": {"torch": 30}},
        "cpu_by_batch": {"1": 1.0, "10": 1.05},
        "peak_mb_by_cells": {"1000": 700},
        "transformer": {"peak_mb": {"moments": 790.4}, "parameters": 10_001_408, "limit_mb": 4096},
        "machine": {"cpu": "a", "threads": 1, "cores": 2, "load": [0, 0, 0], "versions": "jax"},
    }


def test_times_and_agreement_stand_in_one_line():
    line = next(
        line for line in report.text(found()).splitlines() if line.startswith("row  engine")
    )
    assert "1000" in line
    assert "2.12" in line
    assert line.endswith("z = 0")
    assert "largest over smallest 1.05" in report.text(found())


def test_the_transformer_s_peak_stands_beside_the_limit():
    (line,) = [line for line in report.text(found()).splitlines() if "transformer" in line]
    assert "10.0 million parameters: moments: 790 MB; at most 4096 MB" in line
    assert line in report.html(found())


def test_the_page_escapes_what_it_shows():
    page = report.html(found("<script>"))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.skipif(not TORCH, reason="the rivals are not installed")
def test_all_of_it_in_small(tmp_path):
    from tests.bench.rows import TINY  # imports the rivals

    command = [sys.executable, "-m", "tests.bench", "--tiny", "--rounds", "2", "--out", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    written = json.loads((tmp_path / "bench.json").read_text())
    assert len(written["rows"]) == 5 + len(TINY.training)
    for row in written["rows"]:
        assert row["name"] in done.stdout
        for name, one in row["candidates"].items():
            compared = any(word in one["agreement"] for word in ("z = ", "difference", "apart"))
            assert compared or name in ("torch", "torch, plain gradient")
    assert set(written["transformer"]["peak_mb"]) == set(transformer.WAYS)
    assert done.stderr == ""
