"""Predicted against simulated runs: what the claims see, on made-up runs and a small grid."""

import dataclasses

import closure_datasets
import numpy as np
import pytest
from rows import well_formed

from experiments import closure
from experiments.claims import judged
from experiments.claims_closure import CLOSURE_CLAIMS
from experiments.errors import InputError
from experiments.judge import FAILS, HOLDS, NOT_RUN
from experiments.store import Store

CLAIMS = {claim.id.removeprefix("closure/"): claim for claim in CLOSURE_CLAIMS}


@pytest.fixture(scope="module")
def perfect():
    return closure_datasets.closure()


def verdicts(data):
    return {name: judged(claim, data, 0.0)["verdict"] for name, claim in CLAIMS.items()}


def test_runs_that_follow_their_prediction_hold_and_others_are_not_run(perfect):
    for name, verdict in verdicts(perfect).items():
        there = name.rsplit("/", 1)[-1] in ("coherent", "diagonal")
        assert verdict == (HOLDS if there else NOT_RUN), name


def test_a_row_is_well_formed(perfect):
    for claim in CLAIMS.values():
        well_formed(judged(claim, perfect, 0.0))


def test_losses_a_fifth_too_high_fail_and_best_rates_do_not_notice():
    found = verdicts(closure_datasets.closure(("coherent",), off=1.2))
    assert found["loss/sign/coherent"] == found["loss/adam/coherent"] == FAILS
    assert found["exact/sgd/coherent"] == FAILS
    assert found["by_horizon/adam/coherent"] == HOLDS


def test_best_rates_a_fifth_too_low_fail(perfect):
    spoilt = perfect.assign(by_target_lr=0.8 * perfect.by_target_lr)
    found = verdicts(spoilt)
    for rule in ("sgd", "sign", "signum", "adam"):
        assert found[f"by_target/{rule}/coherent"] == FAILS
        assert found[f"by_horizon/{rule}/coherent"] == HOLDS


def test_an_error_inside_the_interval_of_the_simulation_is_no_error(perfect):
    wide = perfect.assign(
        by_target_lr=0.85 * perfect.by_target_lr,
        by_target_log_lr_sem=0.04 + 0 * perfect.by_target_log_lr_sem,
    )
    assert verdicts(wide)["by_target/adam/coherent"] == HOLDS


def test_a_small_grid_runs_and_is_recalled(tmp_path):
    spec = closure.Spec(
        problems=("diagonal",), rules=("sgd", "sign"), batches=(16, 64), targets=(0.9,),
        horizons=(2, 6), ratio=1.5, seeds=32,
    )  # fmt: skip
    closure.validate(spec)
    store = Store(tmp_path)
    first = closure.run(spec, store, None)
    cells = sorted(path.name for path in (tmp_path / "cells").iterdir())
    again = closure.run(spec, store, None)
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == cells
    assert len(cells) == 4
    assert first.identical(again)
    ratio = (first.loss / first.loss_law).values
    told = np.isfinite(ratio)
    assert told.mean() > 0.3
    assert abs(np.median(ratio[told]) - 1) < 0.02
    assert [str(law) for law in first.law.values] == ["closure", "half the noise"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batches": (1, 2)}, "four times"),
        ({"rules": ("adagrad",)}, "unknown rule 'adagrad'"),
        ({"problems": ()}, "name each problem once"),
        ({"ratio": 1.0}, "ratio must be"),
        ({"seeds": 10}, "seeds must be"),
        ({"targets": (0.1, 0.5)}, "targets must be"),
        ({"targets": (1.5,)}, "targets must be below 1"),
        ({"horizons": ()}, "horizons must be"),
    ],
)
def test_bad_settings_are_one_clear_line(wrong, words):
    with pytest.raises(InputError, match=words):
        closure.validate(dataclasses.replace(closure.PRESETS["smoke"], **wrong))
