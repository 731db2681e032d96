"""Advice for language models: what it says, what it knows of its limits, what it refuses."""

import json
from pathlib import Path

import advice_datasets
import numpy as np
import pytest
import xarray as xr

from experiments.__main__ import main
from experiments.advise import advise
from experiments.advise_recorded import recorded
from experiments.errors import InputError
from experiments.steplaw.data import SEQUENCE
from experiments.store import Store, from_bytes, to_bytes
from theory.scaling import STEP_BATCH, STEP_LR

KEYS = {"lr", "batch_tokens", "box", "regret_percent", "flags", "rule", "rivals"}
INSIDE = {"params": 4e8, "tokens": 2e10}
REFUSED = (
    ({"params": -1e9}, "params must be finite and above 0"),
    ({"params": 0.0}, "params must be finite and above 0"),
    ({"tokens": float("nan")}, "tokens must be finite and above 0"),
    ({"tokens": float("inf")}, "tokens must be finite"),
    ({"params": "many"}, "params must be a number"),
    ({"params": True}, "params must be a number"),
    ({"params": 1.07}, "given in billions?"),
    ({"tokens": 100.0}, "given in billions?"),
    ({"params": 1e11, "tokens": 1.07e9}, "are they swapped?"),
    ({"batch_tokens": 512}, "if 512 are sequences, give 1.049e+06 tokens"),
    ({"batch_tokens": -5e5}, "batch_tokens must be finite and above 0"),
    ({"batch_tokens": 1e12}, "more than all 2e+10 tokens"),
    ({"batch_multiple": 0}, "batch_multiple must be finite and above 0"),
    ({"batch_multiple": 1e12}, "more than all"),
    ({"weight_decay": -0.1}, "weight_decay must be finite and at least 0"),
    ({"warmup_steps": float("nan")}, "warmup_steps must be finite and at least 0"),
    ({"moe_total_params": 1e8}, "are they swapped?"),
)
FLAGGED = (
    ({"params": 7e9, "tokens": 2e11}, "extrapolation: N = 7e+09"),
    ({"tokens": 2e12}, "extrapolation: D = 2e+12"),
    ({"params": 1e9, "tokens": 5e8}, "fewer tokens than parameters: are they swapped?"),
    ({"params": 6e7, "tokens": 9e10}, "extrapolation: D/N = 1.5e+03"),
    ({"batch_tokens": 1e9}, "extrapolation: the batch = 1e+09"),
    ({"batch_tokens": 4096}, "if it counts sequences, give 8.389e+06 tokens"),
    ({"batch_tokens": 4e6}, "warm-up-dominated: 5000 steps"),
    ({"batch_tokens": 6e6}, "the advice lost"),
    ({"batch_tokens": 4e6}, "this batch costs about"),
    ({"warmup_steps": 500}, "all data have 2000"),
    ({"warmup_steps": 1e9}, "the warm-up is longer than the run"),
    ({"weight_decay": 0}, "nothing is measured"),
    ({"weight_decay": 0.05}, "is not measured"),
    ({"moe_total_params": 1e9}, "mixture of experts: N counts all 1e+09"),
    ({"batch_tokens": 3e5, "batch_multiple": 2e5}, "no multiple of 2e+05"),
)


def asked(**settings):
    return advise(**{**INSIDE, **settings}, dataset=advice_datasets.part())  # type: ignore[arg-type]


@pytest.fixture
def out(tmp_path) -> Path:
    """A folder with the finished dataset of a run."""
    folder = tmp_path / "out"
    Store(folder).save("steplaw", advice_datasets.part().assign(other=("else", [1.0, 2.0])))
    return folder


class TestAdvice:
    @pytest.mark.parametrize(
        ("n", "d", "b"), [(1e8, 1e10, 3e5), (1e9, 5e10, 1e6), (1e9, 5e10, 1e5)]
    )
    def test_it_is_the_law_that_the_runs_follow(self, n, d, b):
        found = asked(params=n, tokens=d, batch_tokens=b).lr
        true = float(advice_datasets.truth(n, d, b))
        assert found.low < true < found.high
        assert found.value == pytest.approx(true, rel=0.06)

    def test_no_other_law_passes_for_it(self):
        found = asked(params=1e9, tokens=5e10, batch_tokens=1e5)
        others = ("step law", "step law, square root", "porian", "deepseek")
        assert all(not found.lr.low < found.rivals[name] < found.lr.high for name in others)

    def test_the_shape_that_is_chosen_is_that_of_the_law(self):
        assert str(advice_datasets.part()["advice_lr_name"].values) == advice_datasets.LAW

    def test_far_beyond_the_data_it_goes_on_as_the_law_does(self):
        found = asked(params=3e9, tokens=3e11, batch_tokens=2e6).lr
        assert found.value == pytest.approx(float(advice_datasets.truth(3e9, 3e11, 2e6)), rel=0.1)

    def test_at_the_border_of_the_data_nothing_jumps(self):
        largest = float(advice_datasets.part()["advice_range"].sel(advice_axis="N")[1])
        one, other = (asked(params=largest * f, tokens=5e10) for f in (1 - 1e-6, 1 + 1e-6))
        assert one.lr.value == pytest.approx(other.lr.value, rel=1e-5)
        assert one.lr.high == pytest.approx(other.lr.high, rel=1e-4)

    def test_the_advised_batch_is_the_one_without_cost(self):
        best = asked().batch_tokens.value
        assert not any("costs" in flag for flag in asked(batch_tokens=best).flags)
        assert asked(batch_tokens=best).lr.value == pytest.approx(asked().lr.value)

    @pytest.mark.parametrize("factor", [1 / 8, 8])
    def test_a_batch_that_is_far_off_costs(self, factor):
        batch = asked().batch_tokens.value * factor
        assert any("costs" in flag for flag in asked(batch_tokens=batch).flags)

    def test_what_is_said_is_ordered(self):
        found = asked()
        for value, box in ((found.lr, "lr"), (found.batch_tokens, "batch_tokens")):
            assert value.low < value.value < value.high
            assert found.box[box]["low"] < value.value < found.box[box]["high"]
        assert 0 < found.regret_percent < found.box["percent"]

    def test_beyond_the_data_the_interval_is_wider(self):
        def width(**settings):
            found = asked(**settings).lr
            return np.log(found.high / found.low)

        assert width(params=1e11, tokens=1e13) > width()

    def test_an_advised_batch_is_rounded_to_a_multiple(self):
        free, found = asked().batch_tokens.value, asked(batch_multiple=3 * SEQUENCE)
        assert found.batch_tokens.value % (3 * SEQUENCE) == 0
        assert abs(found.batch_tokens.value - free) <= 1.5 * SEQUENCE
        assert asked(batch_multiple=1e9).batch_tokens.value == 1e9

    def test_step_law_is_the_published_one_and_its_scalings_meet_at_its_batch(self):
        batch = float(STEP_BATCH.jax(INSIDE["tokens"]))
        found = asked(batch_tokens=batch).rivals
        step = float(STEP_LR.jax(INSIDE["params"], INSIDE["tokens"]))
        for name in ("step law", "step law, square root", "step law, linear"):
            assert found[name] == pytest.approx(step)
        more = asked(batch_tokens=4 * batch).rivals
        assert more["step law, square root"] == pytest.approx(2 * step)
        assert more["step law, linear"] == pytest.approx(4 * step)

    def test_of_a_mixture_all_parameters_count(self):
        assert asked(params=1e8, moe_total_params=4e8).lr == asked(params=4e8).lr

    def test_half_the_weight_decay_with_twice_the_rate_keeps_the_memory(self):
        found = asked(weight_decay=0.05)
        assert any(f"lr would be {2 * found.lr.value:.3g}" in flag for flag in found.flags)
        assert asked(weight_decay=0.1).flags == asked().flags

    @pytest.mark.parametrize(("settings", "words"), FLAGGED)
    def test_what_is_unusual_is_flagged(self, settings, words):
        assert any(words in flag for flag in asked(**settings).flags)
        assert not any(words in flag for flag in asked().flags)

    @pytest.mark.parametrize(("settings", "words"), REFUSED)
    def test_what_cannot_be_meant_is_refused(self, settings, words):
        with pytest.raises(InputError) as refusal:
            asked(**settings)
        assert words in str(refusal.value)


class TestCommand:
    def test_one_json_document_with_the_promised_keys(self, out, capsys):
        given = ["advise", "--params", "4e8", "--tokens", "2e10", "--json", "--out", str(out)]
        assert main(given) == 0
        said = capsys.readouterr()
        found = json.loads(said.out)
        assert said.err == ""
        assert set(found) == KEYS
        assert set(found["lr"]) == set(found["batch_tokens"]) == {"value", "low", "high"}
        assert found["lr"]["value"] == pytest.approx(asked().lr.value, rel=1e-6)
        assert all(isinstance(rate, float) for rate in found["rivals"].values())

    def test_for_people_it_is_short(self, out, capsys):
        given = ["advise", "--params", "7e9", "--tokens", "1e12", "--out", str(out)]
        assert main(given) == 0
        said = capsys.readouterr().out
        assert "learning rate" in said
        assert "! extrapolation" in said
        assert len(said.splitlines()) < 15

    @pytest.mark.parametrize(
        "arguments",
        ["--params 1e9", "--tokens 1e10", "", "--params 1e9 --tokens 1e11 --batch-tokens 512",
         "--params nan --tokens 1e10", "--params -1e9 --tokens 1e10"],
    )  # fmt: skip
    def test_bad_input_is_one_line_and_code_two(self, arguments, out, capsys):
        assert main(["advise", *arguments.split(), "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        assert line.startswith("error: ")

    @pytest.mark.parametrize("arguments", ["--bogus", "--params many", "--json maybe"])
    def test_an_unknown_option_is_code_two(self, arguments):
        with pytest.raises(SystemExit) as ended:
            main(["advise", *arguments.split()])
        assert ended.value.code == 2


class TestRecorded:
    def test_what_is_read_is_what_was_stored(self, out):
        found = recorded(out)
        (path,) = (out / "data").glob("steplaw-*.nc")
        whole = from_bytes(path.read_bytes())
        mine = {str(name) for name in whole.variables if str(name).startswith("advice_")}
        assert {str(name) for name in found.variables} == mine
        for name in mine:
            assert found[name].dims == whole[name].dims
            same = np.array_equal(found[name], whole[name], equal_nan=whole[name].dtype.kind == "f")
            assert same, name

    def test_without_fits_one_line_says_how_to_make_them(self, tmp_path, monkeypatch):
        monkeypatch.setattr("experiments.advise_recorded.RESULTS", tmp_path)
        with pytest.raises(InputError, match="run steplaw"):
            recorded(tmp_path / "out")

    def test_fits_without_advice_do_not_do(self, tmp_path, monkeypatch):
        monkeypatch.setattr("experiments.advise_recorded.RESULTS", tmp_path)
        Store(tmp_path / "out").save("steplaw", xr.Dataset({"other": 1.0}))
        with pytest.raises(InputError, match="no fits"):
            recorded(tmp_path / "out")

    def test_a_damaged_file_is_not_read(self, out, monkeypatch, tmp_path):
        monkeypatch.setattr("experiments.advise_recorded.RESULTS", tmp_path)
        monkeypatch.setattr("experiments.store.RESULTS", tmp_path)
        (path,) = (out / "data").glob("steplaw-*.nc")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(InputError, match="no fits"):
            recorded(out)

    def test_the_part_is_small(self):
        assert len(to_bytes(advice_datasets.part())) < 300_000
