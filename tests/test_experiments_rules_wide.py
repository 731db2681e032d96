"""Costly rules on all nine problems: the cases, their sizes, the claims, and a short run."""

import numpy as np
import pytest

from experiments import claims_rules_wide, judge, rule_cases
from experiments import onestep_rules as core
from experiments import onestep_rules_wide as wide
from experiments import random_problems as problems
from experiments.claims import judged
from experiments.claims_quadratic import COMPARISONS
from experiments.errors import InputError
from experiments.judge import HOLDS, NOT_RUN
from experiments.store import Store
from experiments.wide_cases import SIZES

pytestmark = pytest.mark.usefixtures("fully_compiled")

CLAIMS = {claim.id: claim for claim in claims_rules_wide.RULES_WIDE_CLAIMS}


def comparisons(cases, batches) -> int:
    """How often a measurement is compared with a law."""
    return sum(
        case.tried(name) * len(case.batches(batches)) * (4 + kind.couples)
        for case in cases.values()
        for name, kind in problems.KINDS.items()
    )


def test_every_rule_meets_all_nine_pairs_of_hessian_and_noise():
    for name, case in rule_cases.cases().items():
        met = {
            (k.hessian, k.noise)
            for p, k in problems.KINDS.items()
            if not k.only and (case.tried(p) or (case.costly and wide.CASES[name].tried(p)))
        }
        assert len(met) == 9


def test_a_pair_that_both_experiments_try_is_tried_at_another_size():
    for name, case in wide.CASES.items():
        for problem in SIZES:
            if case.tried(problem) and core.CASES[name].tried(problem):
                assert case.size(problem) != core.CASES[name].size(problem)


def test_sizes_reach_from_2_to_1024_and_matrices_are_matrices():
    sizes = [case.size(p) for case in wide.CASES.values() for p in SIZES if case.tried(p)]
    assert (min(sizes), max(sizes)) == (2, 1024)
    shapes = {
        case.at(case.size(problem))["shape"]
        for case in wide.CASES.values()
        for problem in SIZES
        if case.of_matrices and case.tried(problem)
    }
    assert {(16, 16), (4, 17)} <= shapes
    assert min(min(shape) for shape in shapes) > 1


def test_signs_with_a_memory_are_measured_as_long_as_they_move():
    lion, signum = (wide.CASES[name].batches(wide.BATCHES) for name in ("lion", "signum(0.9)"))
    assert lion == (1, 3, 10, 30)
    assert signum == (*lion, 10**4)
    assert core.CASES["lion"].batches((1, 10, 100, 1000)) == (1, 10)


def test_the_comparisons_are_within_the_family():
    made = comparisons(core.CASES, core.PRESETS["default"].batches)
    made += comparisons(wide.CASES, wide.BATCHES)
    assert made + COMPARISONS <= judge.COMPARISONS


def test_every_preset_is_valid_and_other_cases_are_unknown():
    for spec in wide.PRESETS.values():
        wide.EXPERIMENT.validate(spec)
    with pytest.raises(InputError, match=r"unknown case 'sign'; known: adafactor"):
        wide.EXPERIMENT.validate(core.Spec(cases=("sign",)))


def test_a_short_run_agrees_with_the_laws_and_leaves_the_rest_not_run(tmp_path):
    spec = core.Spec(
        cases=("momentum", "signum(0.9)"), problems=("dense_low_rank",), batches=(1, 100)
    )
    store = Store(tmp_path)
    data = wide.run(spec, store, None)
    np.testing.assert_array_equal(data["d"], 2)
    assert data["rule"].values.tolist() == ["momentum", "signum"]
    rows = {id: judged(claim, data, 0.0) for id, claim in CLAIMS.items()}
    ran = {id: row for id, row in rows.items() if row["verdict"] != NOT_RUN}
    assert len(ran) == 4
    for case in spec.cases:
        row = ran[f"onestep_rules_wide/law/{case}/dense_low_rank"]
        assert row["verdict"] == HOLDS
        assert row["controls"]
        assert all(control["rejected"] for control in row["controls"])
    cells = [path.name for path in (tmp_path / "cells").iterdir()]
    assert all(name.startswith("onestep_rules_wide-") for name in cells)
