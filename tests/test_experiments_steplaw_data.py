"""The published runs: read as they are, flagged, and refused in one line when they are not."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.errors import InputError
from experiments.steplaw import curves, data, references
from experiments.steplaw.data import load_runs
from experiments.steplaw.quality import quality

FOLDER = os.environ.get("SURGE_DATA")
REAL = pytest.mark.skipif(
    not FOLDER or not (Path(FOLDER) / data.FOLDER).is_dir(), reason="SURGE_DATA is not set"
)
LOADERS = (load_runs, curves.load_curves, references.load_references)


@pytest.fixture
def copied(tmp_path):
    """A copy of the folder that may be spoilt."""
    folder = tmp_path / data.FOLDER
    folder.mkdir()
    for path in (Path(str(FOLDER)) / data.FOLDER).iterdir():
        shutil.copyfile(path, folder / path.name)
    return tmp_path


def test_flags_of_made_up_runs():
    runs = pd.DataFrame(
        {
            "cell": 0, "batch": [1e5, 1e5, 1e5, 2e5, 2e5, 4e5, 4e5, 4e5],
            "lr": [1, 2, 3, 1, 2, 1, 2, 3], "loss": [2.1, 2.05, 2.2, 2.0, 2.1, 5.5, 2.3, 2.19],
            "steps": [20000, 20000, 20000, 7999, 8000, 3999, 4000, 4001],
        }
    )  # fmt: skip
    found = quality(runs)
    assert found["diverged"].tolist() == [False] * 5 + [True, True, False]
    # the best of a slice at its end; that of the cell is not at the ends of the batch sizes
    assert found["edge"].tolist() == [False, False, False, True, False, False, False, True]
    assert found["warming"].tolist() == [False] * 3 + [True, False, True, True, True]
    assert found["short"].tolist() == [False] * 5 + [True, False, False]


@pytest.mark.parametrize("load", LOADERS)
def test_without_a_folder_one_line_says_how_to_get_it(load):
    with pytest.raises(InputError, match="give --data-dir or set SURGE_DATA"):
        load(None)


@pytest.mark.parametrize("load", LOADERS)
def test_a_missing_file_is_named(load, tmp_path):
    with pytest.raises(InputError, match="is missing"):
        load(tmp_path)


@REAL
def test_all_that_is_published_is_there():
    runs = load_runs(Path(str(FOLDER)))
    assert runs.sizes["run"] == 1911 + 907 + 117 + 708
    cells = runs.to_dataframe().groupby("cell").first()
    kinds = cells["kind"].to_list()
    assert (kinds.count("dense"), kinds.count("moe")) == (42, 16)
    assert cells["held_out"].to_list().count(True) == 1
    rungs = 2 * np.log2(runs["lr"].values)
    np.testing.assert_allclose(rungs, np.round(rungs), atol=1e-9)
    assert int((runs["loss"].values > 5).sum()) == 177
    again = np.log(runs["loss_again"].values / runs["loss"].values)
    assert np.sqrt(np.nanmean(again**2)) == pytest.approx(2.8e-4, rel=0.01)
    parameters = runs["layers"] * (4 * runs["width"] ** 2 + 3 * runs["width"] * runs["hidden"])
    dense = runs["kind"].values == "dense"
    np.testing.assert_allclose(parameters.values[dense], runs["N"].values[dense])
    assert (runs["N_active"] <= runs["N"]).all()
    assert {"source_table", "source_logs", "source_picture"} <= runs.attrs.keys()


@REAL
@pytest.mark.parametrize(
    ("name", "spoil", "words"),
    [
        (data.DENSE, lambda table: table.drop(columns="lr"), "has no column lr"),
        (data.LOGS, lambda table: table.iloc[:-1], "2536 rows in place of 2537"),
        (data.MOE, lambda table: table.assign(lr=-table["lr"]), "lr must be finite and above 0"),
        (data.MOE, lambda table: table.assign(D=np.nan), "D must be finite and above 0"),
        (data.HELD_OUT, lambda table: table.assign(lr=1.1 * table["lr"]), "no power of √2"),
        (data.LOGS, lambda table: table.assign(D=1.04 * table["D"]), "belongs to no cell"),
        (data.DENSE, lambda table: table.iloc[:0], "0 rows in place of 1911"),
    ],
)  # fmt: skip
def test_a_spoilt_table_is_refused(copied, name, spoil, words):
    path = copied / data.FOLDER / name
    spoil(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(InputError, match=words):
        load_runs(copied)


@REAL
def test_spoilt_curves_and_references_are_refused(copied):
    folder = copied / data.FOLDER
    (folder / curves.CURVES).write_bytes(b"\x1f\x8b truncated")
    with pytest.raises(InputError, match="cannot read"):
        curves.load_curves(copied)
    for name in (references.FIGURE, references.MODELS):
        (folder / name).write_text("a,b\n1,2\n")
        with pytest.raises(InputError, match="has no column"):
            references.load_references(copied)


@REAL
def test_the_order_of_the_rows_does_not_matter(copied):
    before = load_runs(copied)
    for name in data.COLUMNS:
        path = copied / data.FOLDER / name
        pd.read_csv(path).sample(frac=1, random_state=0).to_csv(path, index=False)
    after = load_runs(copied)
    for name in ("N", "D", "lr", "batch", "loss", "cell"):
        np.testing.assert_allclose(after[name].values, before[name].values, rtol=1e-12)


@REAL
def test_runs_with_the_same_tokens_share_their_luck():
    found = curves.measure(curves.load_curves(Path(str(FOLDER))))
    assert (found["curve_shared"] - found["curve_shared_half"] > 0.7).all()
    assert float(found["curve_noise_exponent"]) == pytest.approx(-0.52, abs=0.01)
