"""All rules against their laws: the problems, the cases, the claims, and that each can fail."""

import jax
import numpy as np
import pytest
import rules_datasets

import theory
from experiments import (
    approximations,
    claims_correlated_peak,
    claims_law_errors,
    claims_rules,
    judge,
)
from experiments import correlated_peak as peaks
from experiments import law_errors as errors
from experiments import onestep_rules as one
from experiments import random_problems as problems
from experiments import rules_laws as laws
from experiments.claims import judged
from experiments.claims_quadratic import COMPARISONS
from experiments.errors import InputError
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.rule_cases import Case
from experiments.store import Store
from sim import quadratic

RULES = {claim.id: claim for claim in claims_rules.RULES_CLAIMS}
ERRORS = {claim.id: claim for claim in claims_law_errors.LAW_ERROR_CLAIMS}
PEAKS = {claim.id: claim for claim in claims_correlated_peak.CORRELATED_PEAK_CLAIMS}
SMALL = pytest.mark.parametrize("name", problems.KINDS)


def smallest(name: str) -> int:
    return min(problems.KINDS[name].sizes)


class TestProblems:
    @SMALL
    def test_a_seed_makes_one_problem(self, name):
        d = smallest(name)
        first, again, other = (problems.draw(name, d, seed) for seed in (0, 0, 1))
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
            assert bool((a == b).all())
        assert bool((first.theta != other.theta).any())

    @SMALL
    def test_the_gradient_in_float32_is_the_one_that_laws_are_given(self, name):
        given = laws.exact(name, smallest(name), 0)
        drawn = problems.draw(name, smallest(name), 0)
        gradient = np.asarray(quadratic.gradient(drawn), np.float64)
        np.testing.assert_allclose(gradient, given.mu, rtol=1e-4, atol=1e-6)

    @SMALL
    def test_noise_is_correlated_exactly_where_it_is_said(self, name):
        given = laws.exact(name, smallest(name), 0)
        assert (given.correlation is not None) == problems.KINDS[name].correlated
        assert 0.2 < given.sigma.min() < given.sigma.max() < 4

    @SMALL
    def test_signals_have_both_signs_and_differ_but_for_one_ratio(self, name):
        ratio = (lambda given: given.mu / given.sigma)(laws.exact(name, 64, 0))
        assert ratio.min() < 0 < ratio.max()
        assert (np.ptp(np.abs(ratio)) < 1e-6) == (name == "one_ratio")

    def test_the_indefinite_hessian_is_indefinite_and_curves_upwards_in_total(self):
        hessian = np.asarray(quadratic.dense(problems.draw("low_rank_independent", 64, 0).hessian))
        assert np.linalg.eigvalsh(hessian)[0] < -0.1
        assert np.trace(hessian) > 0

    def test_sizes_reach_from_2_to_4096(self):
        sizes = [d for kind in problems.KINDS.values() for d in kind.sizes]
        assert (min(sizes), max(sizes)) == (2, 4096)

    def test_three_hessians_meet_three_noises(self):
        tried = {(k.hessian, k.noise) for k in problems.KINDS.values() if not k.only}
        assert len(tried) == 9


class TestCases:
    def test_every_rule_that_claims_to_be_right_has_a_case(self):
        claimed = {name for name, rule in theory.RULES.items() if rule.accuracy is not None}
        assert {case.rule.name for case in one.CASES.values()} == claimed

    def test_a_case_says_its_parameters_but_not_those_that_depend_on_d(self):
        assert {"sign", "adam(0.9,0.95)", "muon", "muon(0.9)"} <= one.CASES.keys()
        assert one.CASES["muon"].at(24)["shape"] == (4, 6)

    def test_rules_of_matrices_get_matrices(self):
        for case in one.CASES.values():
            for name in problems.KINDS:
                if case.of_matrices and case.tried(name):
                    assert min(case.at(case.size(name))["shape"]) > 1

    def test_costly_rules_meet_every_hessian_and_every_noise(self):
        kinds = [k for k in problems.KINDS.values() if k.costly and not k.only]
        assert {k.hessian for k in kinds} == {"diagonal", "dense", "low_rank"}
        assert {k.noise for k in kinds} == {"independent", "shaped", "low_rank"}

    def test_a_rule_without_a_law_of_correlated_noise_is_not_tried_there(self):
        sign = one.CASES["sign"]
        plain = Case(theory.RULES["sign_sigmoid"], {})
        assert sign.tried("dense_shaped")
        assert not plain.tried("dense_shaped")
        assert plain.tried("dense_independent")

    def test_the_comparisons_are_within_the_family(self):
        made = 0
        for case in one.CASES.values():
            batches = len(case.batches(one.PRESETS["default"].batches))
            for name, kind in problems.KINDS.items():
                made += case.tried(name) * batches * (4 + kind.couples)
        assert made + COMPARISONS <= judge.COMPARISONS

    def test_wrong_laws_differ_from_the_right_one(self):
        case, batches = one.CASES["adam(0.9,0.95)"], np.array([1.0, 100.0])
        given = laws.exact("dense_shaped", 8, 0)
        right, wrong = laws.law(case, given, batches), laws.control_laws(case, given, batches)
        assert tuple(wrong) == laws.CONTROLS
        for other in wrong.values():
            assert (np.abs(other.lr_star / right.lr_star - 1) > 0.02).any()


class TestClaims:
    def verdict(self, id: str, data) -> str:
        return judged(RULES[f"onestep_rules/{id}"], data, 0.0)["verdict"]

    def test_a_perfect_measurement_holds_and_rejects_every_control(self):
        row = judged(RULES["onestep_rules/law/sign/dense_shaped"], rules_datasets.rules(), 0.0)
        assert row["verdict"] == HOLDS
        assert len(row["controls"]) == 4
        assert all(control["rejected"] for control in row["controls"])
        assert self.verdict("law/muon/dense_shaped", rules_datasets.rules()) == HOLDS

    @pytest.mark.parametrize("case", ["sign", "muon"])
    @pytest.mark.parametrize("quantity", laws.QUANTITIES)
    def test_a_deviation_of_any_quantity_fails(self, case, quantity):
        data = rules_datasets.rules()
        data[f"{quantity}_mean"].loc[{"case": case, "batch": 10}] *= 1.04
        assert self.verdict(f"law/{case}/dense_shaped", data) == FAILS

    def test_a_coarse_measurement_is_inconclusive(self):
        data = rules_datasets.rules()
        data["lr_star_sem"] *= 3
        assert self.verdict("law/sign/dense_shaped", data) == INCONCLUSIVE

    def test_an_uncertain_law_is_inconclusive(self):
        data = rules_datasets.rules()
        data["law_sem"][:] = 0.01
        assert self.verdict("law/sign/dense_shaped", data) == INCONCLUSIVE

    def test_the_independent_law_fails_where_it_is_wrong_only(self):
        data = rules_datasets.rules()
        assert self.verdict("independent/sign/dense_shaped", data) == FAILS
        data["lr_star_control"].loc[{"control": "independence"}] = data["lr_star_law"]
        assert self.verdict("independent/sign/dense_shaped", data) == HOLDS

    def test_adam_surges_if_the_peak_stands_out_and_rmsprop_has_none(self):
        data = rules_datasets.rules(("adam(0.9,0.95)", "rmsprop(0.95)", "sign"), ("one_ratio",))
        rising = np.array([1.0, 2.0, 3.0, 4.0])
        data["lr_star_mean"].loc[{"case": "rmsprop(0.95)"}] = rising
        assert self.verdict("surge/adam(0.9,0.95)", data) == HOLDS
        data["lr_star_mean"].loc[{"case": "adam(0.9,0.95)"}] = rising
        assert self.verdict("surge/adam(0.9,0.95)", data) == FAILS

    def test_what_was_not_measured_is_not_run(self):
        data = rules_datasets.rules()
        assert self.verdict("law/sign/low_rank_shaped", data) == NOT_RUN
        assert self.verdict("surge/adam(0.9,0.999)", data) == NOT_RUN

    def test_a_peak_elsewhere_fails_and_outside_the_regime_nothing_is_said(self):
        claim, data = PEAKS["correlated_peak/place/shaped"], rules_datasets.correlated_peak()
        assert judged(claim, data, 0.0)["verdict"] == HOLDS
        assert judged(claim, data.assign(peak=data.peak * 1.3), 0.0)["verdict"] == FAILS
        without = data.assign(in_regime=data.in_regime & False)
        assert judged(claim, without, 0.0)["verdict"] == NOT_RUN


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A small map of errors."""
    spec = errors.Spec(
        spreads=(0.0, 1.0), correlations=(0.0, 0.3), batches=(1, 300, 10**6),
        approximations=("mean_field", "small_batch", "adam_limit", "adam_first", "independent"),
    )  # fmt: skip
    return errors.run(spec, Store(tmp_path_factory.mktemp("errors")), None)


class TestLawErrors:
    def test_claims_on_them_are_as_expected(self, found):
        rows = [judged(claim, found, 0.0) for claim in ERRORS.values()]
        ran = {row["id"]: row for row in rows if row["verdict"] != NOT_RUN}
        assert len(ran) == 6
        assert all(row["verdict"] == row["expected"] for row in ran.values())

    def test_without_spread_one_ratio_is_exact_and_without_correlation_so_is_theorem_2(self, found):
        exact = {"spread": 0.0, "correlation": 0.0}
        ratio = found.ratio.sel(exact)
        np.testing.assert_allclose(ratio.sel(approximation="mean_field"), 1, rtol=1e-9)
        np.testing.assert_allclose(ratio.sel(approximation="independent"), 1, rtol=1e-9)

    def test_laws_of_independent_noise_are_not_tried_under_another(self, found):
        assert found.ratio.sel(approximation="mean_field", correlation=0.3).isnull().all()
        assert found.ratio.sel(approximation="independent", correlation=0.3).notnull().all()

    def test_the_root_mean_square_of_the_ratios_is_the_same_for_every_spread(self):
        for spread in (0.0, 2.0):
            mu = approximations.point(spread, 0.5, (1,)).mu
            assert np.sqrt((mu**2).mean()) == pytest.approx(approximations.SIGNAL)

    @pytest.mark.parametrize(
        "change",
        [
            {"spreads": ()},
            {"spreads": (0.5, 0.5)},
            {"correlations": (1.0,)},
            {"approximations": ()},
            {"approximations": ("sigmoid", "sigmoid")},
        ],
        ids=str,
    )
    def test_settings_out_of_range_are_refused(self, change):
        with pytest.raises(InputError):
            errors.validate(errors.Spec(**change))


def test_every_preset_is_valid():
    for module in (one, errors, peaks):
        for spec in module.PRESETS.values():
            module.validate(spec)


@pytest.mark.parametrize(
    ("module", "change"),
    [
        (one, {"cases": ("alchemy",)}),
        (one, {"problems": ("dense_shaped", "dense_shaped")}),
        (one, {"limit": 1}),
        (peaks, {"problems": ()}),
        (peaks, {"problems": ("alchemy",)}),
    ],
    ids=str,
)
def test_unknown_and_repeated_names_are_refused(module, change):
    with pytest.raises(InputError):
        module.validate(module.Spec(**change))


def test_the_peak_of_a_parabola_is_found_and_none_at_an_end():
    x = np.linspace(0.0, 4.0, 9)
    assert peaks._peak(x, 3 - (x - 1.7) ** 2) == pytest.approx(np.exp(1.7))
    assert np.isnan(peaks._peak(x, x))
