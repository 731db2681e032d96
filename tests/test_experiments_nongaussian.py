"""The experiment on samples that are not Gaussian: a small run, and claims that can fail."""

import json

import jax
import numpy as np
import pytest
import xarray as xr

from experiments.__main__ import main
from experiments.claims_nongaussian import NONGAUSSIAN_CLAIMS
from experiments.judge import FAILS, HOLDS, NOT_RUN
from experiments.nongaussian_families import CUMULANTS
from experiments.store import Store
from sim.families import FAMILIES

pytestmark = pytest.mark.usefixtures("fully_compiled")

CLAIMS = {claim.id.partition("/")[2]: claim for claim in NONGAUSSIAN_CLAIMS}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nongaussian") / "out"
    run = ["run", "onestep_nongaussian", "--preset", "smoke", "--out", str(folder)]
    assert main(run) == 0
    return folder


@pytest.fixture(scope="module")
def dataset(out) -> xr.Dataset:
    found = Store(out).load("onestep_nongaussian")
    assert found is not None
    return found


def test_every_claim_that_ran_is_as_expected(out):
    rows = json.loads((out / "claims.json").read_text("utf-8"))
    mine = [row for row in rows if row["experiment"] == "onestep_nongaussian"]
    rows = [row for row in mine if row["verdict"] != NOT_RUN]
    assert len(rows) >= 4
    assert all(row["verdict"] == row["expected"] for row in rows)
    assert all(control["rejected"] for row in rows for control in row["controls"])


def test_the_gaussian_law_in_place_of_the_enumerated_one_fails(dataset):
    wrong = dataset.copy(deep=True)
    for quantity in ("lr_star", "numerator", "denominator"):
        law = wrong[f"{quantity}_law"]
        law.loc[{"level": "enumerated"}] = law.sel(level="gaussian").values
    claim = CLAIMS["enumerated/sparse"]
    assert claim.judge(dataset).verdict == HOLDS
    assert claim.judge(wrong).verdict == FAILS


@pytest.mark.parametrize("name", CUMULANTS)
def test_the_cumulants_are_the_families(name):

    drawn = np.asarray(FAMILIES[name].draw(jax.random.key(0), (1_000_000,), np.float64))
    skewness, kurtosis = CUMULANTS[name]
    assert abs((drawn**3).mean() - skewness) < (0.2 if name in ("student", "sparse") else 0.05)
    if name != "student":  # whose kurtosis has no finite variance
        assert abs((drawn**4).mean() - 3 - kurtosis) < 0.2 + 0.05 * abs(kurtosis)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--families pink", "unknown family 'pink'; known: gaussian"),
        ("--families", "name each family once"),
        ("--draws 1", "draws must be at least 2"),
        ("--network-resolution 0", "resolution must be finite and above 0"),
        ("--targets 0.1 0.3", "targets must decrease"),
    ],
    ids=lambda value: value.split()[0],
)
def test_bad_settings_end_with_one_line(options, words, capsys, tmp_path):
    run = ["run", "onestep_nongaussian", *options.split(), "--out", str(tmp_path / "out")]
    assert main(run) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
