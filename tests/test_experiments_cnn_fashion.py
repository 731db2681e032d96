"""The experiment on the seed paper's CNN, whole but tiny, on made-up images; and its settings."""

import dataclasses
import math

import numpy as np
import pytest
from test_sim_data import IMAGES, LABELS, idx, publish

from experiments import cnn_fashion, cnn_points
from experiments.claims import judged
from experiments.claims_cnn import CNN_CLAIMS
from experiments.cnn_fashion import PRESETS, PRINTED, Spec, learning_rates, validate
from experiments.errors import InputError
from experiments.judge import FAILS, NOT_RUN
from experiments.store import Store, to_bytes
from sim.data import DataError

COUNT = 96  # images
TARGET = 2.29
TINY = Spec(
    rules=("sign",), batches=(4, 16), targets=(TARGET,), further=2,
    lowest=(1e-3, 1e-3), highest=(1e-2, 1e-2), rates=3, rounds=2, samples=16, steps=4,
    seeds=2, draws=8, law_draws=4, rows=4, features=(2,), hidden=4, evaluation=64, point_batch=16,
)  # fmt: skip
CELLS = 2 * (2 + 1) + 4 + 1  # runs and branches; what is at the checkpoint, and the run to it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder of noise, lighter from class to class."""
    root = tmp_path_factory.mktemp("images")
    labels = np.arange(COUNT, dtype=np.uint8) % 10
    noise = np.random.default_rng(0).integers(0, 128, (COUNT, 28, 28))
    pixels = (noise + 12 * labels[:, None, None]).astype(np.uint8)
    contents = {IMAGES: idx(pixels), LABELS: idx(labels)}
    (root / "fashion_mnist").mkdir()
    for name, content in contents.items():
        (root / "fashion_mnist" / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        publish(patch, contents)
        patch.setattr(cnn_fashion, "LAW_BATCHES", (1, 64))
        patch.setattr(cnn_points, "GAUSSIAN_BATCHES", (1, 256))
        yield root


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """The output folder of the tiny run, and its dataset."""
    out = tmp_path_factory.mktemp("cnn") / "out"
    return out, cnn_fashion.run(TINY, Store(out), folder)


def cells(out) -> set[str]:
    return {path.name for path in (out / "cells").iterdir()}


class TestRun:
    def test_a_cell_per_round_and_per_branch_and_four_per_checkpoint(self, finished):
        assert len(cells(finished[0])) == CELLS

    def test_the_dataset_has_runs_laws_and_measurements_at_the_checkpoint(self, finished):
        data = finished[1]
        assert dict(data.steps.sizes) == {
            "rule": 1, "batch": 2, "round": 2, "rate": 3, "target": 1,
        }  # fmt: skip
        assert set(data.sense.values) == {"further", "target", "fixed", "one_step"}
        assert data.law_batch.values.tolist() == [1, 4, 16, 64]
        assert data.point_loss.item() <= TARGET
        np.testing.assert_allclose(data.lr[0], np.geomspace(1e-3, 1e-2, 3))
        np.testing.assert_allclose(data.printed, [1e-4, 1e-3])
        assert data.parameters.item() > 1000
        assert data.samples.item() == TINY.evaluation
        assert np.isfinite(data.lr_independent).all()
        assert (data.b_simple > 0).all()
        assert (data.corr_D0 > 0).all()
        assert (data.corr_D1_sem > 0).all()
        assert data.batch.attrs["units"] == "samples"

    def test_a_look_is_at_or_below_its_target_or_there_was_none(self, finished):
        data = finished[1]
        reached = np.isfinite(data.steps.values)
        assert reached.any()
        np.testing.assert_array_equal(np.isfinite(data.before.values), reached)
        assert (data.before.values[reached] <= TARGET).all()

    def test_its_claims_are_judged_or_absent(self, finished):
        rows = [judged(claim, finished[1], 0.0) for claim in CNN_CLAIMS]
        assert all(math.isfinite(row["statistic"]) for row in rows)
        ran = {row["id"] for row in rows if row["verdict"] != NOT_RUN}
        assert ran == {"cnn_fashion/power/student"}  # its target is none of theirs
        renamed = finished[1].assign_coords(target=[1.2])
        verdicts = {row["id"]: row["verdict"]
                    for row in (judged(claim, renamed, 0.0) for claim in CNN_CLAIMS)}  # fmt: skip
        assert verdicts["cnn_fashion/normal/1/1.2"] == FAILS

    def test_it_can_be_written_and_read(self, finished, tmp_path):
        store = Store(tmp_path)
        store.save("cnn_fashion", finished[1])
        found = store.load("cnn_fashion")
        assert found is not None
        assert found.lr_hat.equals(finished[1].lr_hat.astype(found.lr_hat.dtype))

    def test_a_second_run_recalls_every_cell_and_gives_the_same_bytes(
        self, finished, folder, monkeypatch
    ):
        out, first = finished
        before = cells(out)
        monkeypatch.setattr(cnn_fashion, "loader", lambda *_: pytest.fail)
        again = cnn_fashion.run(TINY, Store(out), folder)
        assert cells(out) == before
        assert to_bytes(again) == to_bytes(first)

    def test_after_a_kill_only_the_cell_at_work_is_measured_anew(
        self, finished, folder, monkeypatch
    ):
        out, first = finished
        kept = cells(out)
        (lost,) = (out / "cells").glob("cnn_fashion-sign-16-1-*")
        lost.unlink()
        (out / "cells" / f".part-999999999-{lost.name}").write_bytes(b"half")
        measured = []
        run = cnn_fashion.cnn_runs.runs
        monkeypatch.setattr(
            cnn_fashion.cnn_runs, "runs", lambda *a: measured.append(a[2]) or run(*a)
        )
        again = cnn_fashion.run(TINY, Store(out), folder)
        assert measured == [16]
        assert cells(out) == kept
        assert to_bytes(again) == to_bytes(first)

    def test_another_seed_or_target_finds_no_cell(self, finished, folder, monkeypatch):
        class AskedError(Exception):
            """A cell was to be measured."""

        def ask(*_):
            raise AskedError

        monkeypatch.setattr(cnn_fashion.cnn_runs, "runs", ask)
        monkeypatch.setattr(cnn_fashion, "loader", lambda *_: lambda: None)
        for change in ({"seed": 1}, {"targets": (2.0,)}, {"evaluation": 65}, {"hidden": 5}):
            with pytest.raises(AskedError):
                cnn_fashion.run(dataclasses.replace(TINY, **change), Store(finished[0]), folder)

    def test_without_data_nothing_is_begun(self, tmp_path):
        with pytest.raises(DataError, match="fashion_mnist needs a data folder"):
            cnn_fashion.run(TINY, Store(tmp_path / "out"), None)
        assert not (tmp_path / "out").exists()


class TestSettings:
    @pytest.mark.parametrize("name", PRESETS)
    def test_presets_are_valid(self, name):
        validate(PRESETS[name])

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"rules": ()}, "name each rule once, and at least one"),
            ({"rules": ("adam", "adam")}, "name each rule once"),
            ({"rules": ("lion",)}, "unknown rule 'lion'; known: adam, sign"),
            ({"batches": ()}, "the batch grid is empty"),
            ({"batches": (4, 4)}, "batch sizes must increase"),
            ({"targets": ()}, "there must be a target"),
            ({"targets": (0.5, 0.6)}, "targets must decrease"),
            ({"targets": (1.0, -1.0)}, "target 2 must be finite and above 0, not -1.0"),
            ({"targets": (math.nan,)}, "target 1 must be finite"),
            ({"lowest": (1e-4,)}, "lowest and highest must be 2 rates above 0"),
            ({"lowest": (0.0, 1e-4)}, "lowest and highest must be"),
            ({"highest": (1e-6, 1e-2)}, "low below high"),
            ({"highest": (math.inf, 1e-2)}, "lowest and highest must be"),
            ({"further": 0}, "further must be at least 1"),
            ({"rates": 2}, "rates must be at least 3"),
            ({"rounds": 1}, "rounds must be at least 2"),
            ({"samples": -1}, "samples must be at least 0"),
            ({"steps": 0}, "steps must be at least 1"),
            ({"seeds": 1}, "seeds must be at least 2"),
            ({"draws": 1}, "draws must be at least 2"),
            ({"law_draws": 1}, "law-draws must be at least 2"),
            ({"hidden": 0}, "hidden must be at least 1"),
            ({"evaluation": 63}, "evaluation must be at least 64"),
            ({"features": ()}, "features must be one or more widths"),
            ({"features": (4, 0)}, "features must be one or more widths"),
            ({"point_batch": 0}, "point-batch must be at least 1"),
            ({"point_lr": 0.0}, "point-lr must be finite and above 0"),
            ({"seed": -1}, "seed must be from 0"),
        ],
        ids=str,
    )
    def test_a_bad_one_is_one_line(self, wrong, words):
        with pytest.raises(InputError, match=words) as error:
            validate(dataclasses.replace(Spec(), **wrong))
        assert "\n" not in str(error.value)

    def test_the_grid_is_even_in_ln_and_holds_the_printed_rates_if_asked(self):
        spec = Spec()
        for place, rule in enumerate(("adam", "sign")):
            lrs = learning_rates(spec, rule)
            assert len(lrs) == spec.rates
            assert lrs[0] == pytest.approx(spec.lowest[place])
            assert lrs[-1] == pytest.approx(spec.highest[place])
            steps = np.diff(np.log(lrs))
            np.testing.assert_allclose(steps, steps[0])
            both = learning_rates(dataclasses.replace(spec, printed=True), rule)
            assert set(both) == {*lrs, *PRINTED}
            assert both == sorted(both)

    def test_the_paper_s_preset_has_its_batches_rates_and_rounds(self):
        paper = PRESETS["paper"]
        assert paper.batches == (*range(1, 13), *range(64, 1165, 100))
        assert paper.printed
        assert (paper.rounds, paper.further) == (100, 10)
        np.testing.assert_allclose(PRINTED, np.arange(1, 11) * 1e-4)
