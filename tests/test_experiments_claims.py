"""The claims: complete, well formed, and each able to fail.

Most tests judge a made-up measurement that agrees with the laws perfectly, on the default grid of
batch sizes, and then spoil one thing.
"""

import json
import math

import numpy as np
import pytest
import xarray as xr
from rows import well_formed

import theory
from experiments import judge
from experiments.claim import KINDS, Absent, select
from experiments.claims import all_claims, as_json, judged, unexpected
from experiments.claims_network import NETWORK_CLAIMS
from experiments.claims_quadratic import COMPARISONS, QUADRATIC_CLAIMS
from experiments.claims_theory import establishing, theory_claims
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.onestep_quadratic import PRESETS
from experiments.problems import PROBLEMS
from experiments.quadratic_laws import QUANTITIES, problem_laws
from experiments.rivals import SOURCES
from experiments.spec import NAMES
from theory.hypotheses import EMPIRICAL

CLAIMS = {claim.id: claim for claim in all_claims()}
RULES, BATCHES = ("sign", "sgd"), PRESETS["default"].batches
MADE = ("diagonal", "rank_one", "silent")
ROW = {
    "id", "statement", "law", "source", "experiment", "kind", "verdict", "expected", "statistic",
    "threshold", "resolution", "n", "unit", "controls", "seconds",
}  # fmt: skip


def measured(laws: xr.Dataset, relative: float = 2e-4) -> xr.Dataset:
    """Measurements that are exactly the laws, with a relative standard error."""
    columns = {"covariance": 0.0 * laws.lr_star_law, "draws": 1000 + 0 * laws.batch}
    for quantity in QUANTITIES:
        columns[f"{quantity}_mean"] = laws[f"{quantity}_law"]
        columns[f"{quantity}_sem"] = relative * np.abs(laws[f"{quantity}_law"])
    return laws.assign(columns)


@pytest.fixture(scope="module")
def perfect() -> xr.Dataset:
    laws = [problem_laws(name, 0, RULES, BATCHES) for name in MADE]
    whole = xr.concat(laws, "problem", join="exact", data_vars="all")
    return measured(whole.assign_coords(problem=list(MADE)))


def verdict(id: str, data: xr.Dataset | None) -> str:
    return judged(CLAIMS[f"onestep_quadratic/{id}"], data, 0.0)["verdict"]


PARTS = {"rivals": SOURCES, "steplaw": ("steplaw", "advice")}  # what ids may begin with


class TestTable:
    def test_every_claim_has_a_name_of_its_own(self):
        assert len(CLAIMS) == len(all_claims())

    @pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
    def test_a_claim_is_about_a_known_law_and_experiment(self, claim):
        assert claim.law in theory.LAWS
        assert claim.experiment in ("theory", *NAMES)
        about = PARTS.get(claim.experiment, (claim.experiment,))
        assert claim.id.startswith(tuple(f"{name}/" for name in about))
        assert claim.kind in KINDS
        assert claim.expected in (HOLDS, FAILS, INCONCLUSIVE)
        assert claim.statement
        assert claim.source
        assert claim.unit

    def test_every_problem_and_rule_is_judged(self):
        for problem in PROBLEMS:
            for rule in RULES:
                assert f"onestep_quadratic/law/{rule}/{problem}" in CLAIMS
                assert f"onestep_quadratic/optimality/{rule}/{problem}" in CLAIMS
            surges = PROBLEMS[problem].surges
            assert (f"onestep_quadratic/surge/{problem}" in CLAIMS) == surges
            assert (f"onestep_quadratic/no_surge/{problem}" in CLAIMS) == (not surges)

    def test_every_law_but_a_mere_proposal_has_an_identity_and_a_derivation(self):
        derived = [name for name, law in theory.LAWS.items() if EMPIRICAL not in law.holds]
        assert [c.law for c in theory_claims()] == derived
        assert all(c.kind == "identity" for c in theory_claims())
        assert all(establishing(law) for law in derived)


class TestRows:
    def test_a_claim_without_a_dataset_is_not_run(self):
        for claim in CLAIMS.values():
            row = judged(claim, None, 0.0)
            assert row["verdict"] == NOT_RUN
            assert row.keys() == ROW
            assert well_formed(row)
        assert unexpected([row]) == []

    def test_a_claim_on_what_a_dataset_does_not_hold_is_not_run(self, perfect):
        assert verdict("law/sign/wishart", perfect) == NOT_RUN
        assert verdict("law/sgd/rank_one", perfect.sel(rule=["sign"])) == NOT_RUN
        assert verdict("surge/rank_one", perfect.sel(problem=["rank_one"])) == NOT_RUN
        with pytest.raises(Absent):
            select(perfect, problem="wishart")

    def test_rows_can_be_written_and_read(self, perfect):
        rows = [judged(claim, perfect, 1.5) for claim in QUADRATIC_CLAIMS]
        again = json.loads(as_json(rows))
        assert again == rows
        for row in again:
            assert row.keys() == ROW
            assert well_formed(row)
            assert row["seconds"] >= 1.5
            for key in ("statistic", "threshold", "resolution"):
                assert isinstance(row[key], float)
                assert math.isfinite(row[key])

    @pytest.mark.parametrize(
        "change",
        [
            {"verdict": 1},
            {"statistic": "0"},
            {"statistic": float("nan")},
            {"statistic": float("inf")},
            {"controls": {}},
            {"controls": [1]},
            {"controls": [{"name": "x"}]},
            {"extra": 1},
            {"n": None},
        ],
    )
    def test_a_row_of_another_form_is_recognised(self, change):
        row = judged(NETWORK_CLAIMS[0], None, 0.0)
        assert not well_formed(row | change)
        for key in row:
            assert not well_formed({k: v for k, v in row.items() if k != key})
        for other in (None, [], "row", 1):
            assert not well_formed(other)

    def test_only_claims_that_ran_and_differ_are_unexpected(self):
        rows = [
            {"verdict": verdict, "expected": expected}
            for verdict in (HOLDS, FAILS, INCONCLUSIVE, NOT_RUN)
            for expected in (HOLDS, FAILS)
        ]
        wrong = [(row["verdict"], row["expected"]) for row in unexpected(rows)]
        assert wrong == [
            (HOLDS, FAILS), (FAILS, HOLDS), (INCONCLUSIVE, HOLDS), (INCONCLUSIVE, FAILS),
        ]  # fmt: skip


def risen(curve: xr.DataArray) -> xr.DataArray:
    """The largest value so far."""
    axis = curve.get_axis_num("batch")
    return curve.copy(data=np.maximum.accumulate(curve.values, axis))


class TestQuadratics:
    def test_perfect_measurements_meet_every_expectation(self, perfect):
        rows = [judged(claim, perfect, 0.0) for claim in QUADRATIC_CLAIMS]
        assert [row["id"] for row in unexpected(rows)] == []
        assert sum(row["verdict"] != NOT_RUN for row in rows) >= 20

    def test_a_default_run_makes_no_more_comparisons_than_are_corrected_for(
        self, perfect, monkeypatch
    ):
        one = perfect.sel(problem="rank_one")
        every = xr.concat([one] * len(PROBLEMS), "problem", data_vars="all")
        every = every.assign_coords(problem=list(PROBLEMS))
        made = 0

        def counting(original, count):
            def judgement(*given, **settings):
                nonlocal made
                made += count(np.size(given[0]))
                return original(*given, **settings)

            return judgement

        for name, count in {
            "agreement": int,
            "exceeds": int,
            "within": int,
            "monotone": lambda size: size * (size - 1) // 2,
            "exponent": lambda _: 1,
        }.items():
            monkeypatch.setattr(judge, name, counting(getattr(judge, name), count))
        for claim in QUADRATIC_CLAIMS:
            assert judged(claim, every, 0.0)["verdict"] != NOT_RUN
        assert 0.5 * COMPARISONS < made <= COMPARISONS

    @pytest.mark.parametrize("quantity", QUANTITIES)
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("factor", [0.97, 1.03, -1.0])
    def test_a_wrong_law_of_any_one_quantity_fails(self, perfect, quantity, rule, factor):
        name = f"{quantity}_law"
        for problem in MADE:
            spoilt = perfect.assign({name: perfect[name] * factor})
            assert verdict(f"law/{rule}/{problem}", spoilt) == FAILS

    @pytest.mark.parametrize("index", [0, 8, 16])
    def test_a_law_that_is_wrong_at_one_batch_size_fails(self, perfect, index):
        factor = xr.DataArray(np.where(np.arange(17) == index, 1.03, 1.0), dims="batch")
        spoilt = perfect.assign(decrease_law=perfect.decrease_law * factor)
        assert verdict("law/sign/rank_one", spoilt) == FAILS

    def test_a_wrong_law_fails_even_where_nothing_varied(self, perfect):
        still = perfect.assign({f"{q}_sem": 0 * perfect[f"{q}_sem"] for q in QUANTITIES})
        assert verdict("law/sgd/rank_one", still) == HOLDS
        spoilt = still.assign(numerator_law=still.numerator_law * 1.03)
        assert verdict("law/sgd/rank_one", spoilt) == FAILS

    def test_coarse_measurements_decide_nothing(self, perfect):
        coarse = measured(perfect, relative=0.02)
        for problem in MADE:
            assert verdict(f"law/sign/{problem}", coarse) == INCONCLUSIVE
        assert verdict("no_surge/diagonal", coarse) == INCONCLUSIVE
        assert verdict("plateau/rank_one", coarse) == INCONCLUSIVE

    @pytest.mark.parametrize("part", ["mean", "sem", "law"])
    def test_a_number_that_is_missing_decides_nothing(self, perfect, part):
        hole = xr.DataArray(np.where(np.arange(17) == 5, np.nan, 1.0), dims="batch")
        name = f"lr_star_{part}"
        spoilt = perfect.assign({name: perfect[name] * hole})
        assert verdict("law/sign/rank_one", spoilt) == INCONCLUSIVE

    def test_a_law_that_the_controls_describe_as_well_decides_nothing(self, perfect):
        wrong = perfect.lr_star_control.sel(control="half the noise")
        swapped = perfect.assign(lr_star_mean=wrong, lr_star_law=wrong)
        assert verdict("optimality/sign/rank_one", swapped) != HOLDS

    @pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
    def test_a_learning_rate_ten_percent_off_is_not_optimal(self, perfect, factor):
        spoilt = perfect.assign(lr_star_law=perfect.lr_star_law * factor)
        for rule in RULES:
            assert verdict(f"optimality/{rule}/rank_one", spoilt) == FAILS

    def test_controls_are_listed_only_where_they_differ(self, perfect):
        def controls(id):
            row = judged(CLAIMS[f"onestep_quadratic/law/{id}"], perfect, 0.0)
            return {control["name"]: control["rejected"] for control in row["controls"]}

        usual = {"half the noise": True, "batch off by one": True}
        assert controls("sign/diagonal") == usual
        assert controls("sign/rank_one") == usual | {"no off-diagonal terms": True}
        assert controls("sign/silent")["independence"]

    def test_a_curve_that_does_not_decline_fails_to_surge(self, perfect):
        flat = perfect.assign(lr_star_mean=risen(perfect.lr_star_mean))
        assert verdict("surge/rank_one", flat) == INCONCLUSIVE
        rising = flat.assign(lr_star_mean=flat.lr_star_mean * (1 + 0.01 * np.log(flat.batch)))
        assert verdict("surge/rank_one", rising) == FAILS

    def test_a_curve_that_declines_is_not_monotone(self, perfect):
        last = xr.DataArray(np.where(np.arange(17) == 16, 0.98, 1.0), dims="batch")
        falling = perfect.assign(lr_star_mean=perfect.lr_star_mean * last)
        assert verdict("no_surge/diagonal", falling) == FAILS

    def test_independence_fails_where_noise_is_correlated(self, perfect):
        assert verdict("independent/silent", perfect) == FAILS
        independent = perfect.lr_star_control.sel(control="independence")
        assert verdict("independent/silent", perfect.assign(lr_star_mean=independent)) == HOLDS

    def test_a_wrong_limit_exponent_peak_or_noise_scale_fails(self, perfect):
        for id, name, factor in (
            ("plateau/rank_one", "plateau", 1.03),
            ("plateau/silent", "plateau", 0.97),
            ("small_batch/rank_one", "lr_star_small_batch", 1.1),
            ("peak/rank_one", "b_peak_common", 2.0),
        ):
            assert verdict(id, perfect) == HOLDS
            assert verdict(id, perfect.assign({name: perfect[name] * factor})) == FAILS
        for rule in RULES:
            bent = perfect.lr_star_mean * perfect.batch**0.1
            sem = perfect.lr_star_sem * perfect.batch**0.1
            spoilt = perfect.assign(lr_star_mean=bent, lr_star_sem=sem)
            assert verdict(f"exponent/{rule}", spoilt) == FAILS

    @pytest.mark.parametrize("kept", [[0], [16], [0, 1], [0, 16], [0, 1, 2], [0, 4, 8, 16]])
    def test_any_part_of_the_grid_can_be_judged(self, perfect, kept):
        part = perfect.isel(batch=kept)
        verdicts = {claim.id: judged(claim, part, 0.0)["verdict"] for claim in QUADRATIC_CLAIMS}
        for problem in MADE:
            assert verdicts[f"onestep_quadratic/law/sign/{problem}"] == HOLDS
        assert FAILS not in {v for k, v in verdicts.items() if "/independent/" not in k}
