"""Derivations: every step holds, every law ends a chain, and a corrupted step is caught."""

import subprocess
import sys

import pytest
import sympy as sp

from theory import LAWS, derivations, verify
from theory.__main__ import main
from theory.derivation import EXACT, Check, Step
from theory.hypotheses import EMPIRICAL

verify_module = sys.modules["theory.verify"]
NAMES = [derivation.name for derivation in derivations()]
NUMBERED = [
    pytest.param(derivation, step, id=f"{derivation.name}-{number}")
    for derivation in derivations()
    for number, step in enumerate(derivation.steps, 1)
]


@pytest.mark.parametrize("name", NAMES)
def test_every_step_every_ending_and_every_counterexample_holds(name):
    failed = [verdict for verdict in verify([name]) if not verdict.ok]
    assert not failed


@pytest.mark.parametrize(("derivation", "step"), NUMBERED)
def test_a_corrupted_step_fails(derivation, step):
    if step.check.relation == "<":
        corrupted = step._replace(lhs=step.rhs, rhs=step.lhs)
    else:
        corrupted = step._replace(rhs=step.rhs + sp.Rational(1, 100))
    assert not verify_module._holds(derivation, corrupted)


def test_the_smallest_error_that_thirty_digits_see_is_seen():
    derivation = derivations()[0]
    x = sp.Symbol("x", positive=True)
    check = Check(exact=False)
    small = sp.Rational(1, 10**28)
    assert verify_module._holds(derivation, Step(sp.exp(x), sp.exp(x), "", check))
    assert not verify_module._holds(derivation, Step(sp.exp(x), sp.exp(x) * (1 + small), "", check))


def test_an_exact_check_is_not_fooled_by_an_equality_at_one_point():
    x = sp.Symbol("x", real=True)
    assert not verify_module._holds(derivations()[0], Step(x**2, x, "", EXACT))


def test_the_same_points_are_drawn_in_every_run():
    first, second = (
        verify_module._point([sp.Symbol("a"), sp.Symbol("b")], EXACT, _chance()) for _ in range(2)
    )
    assert first == second


def _chance():
    return verify_module.random.Random("seed")


def test_every_law_is_established_by_a_step_that_ends_in_its_expression():
    established = {law: step for d in derivations() for step in d.steps for law in step.laws}
    proposals = {law for law in LAWS.values() if EMPIRICAL in law.holds}  # not to be derived
    assert set(established) == set(LAWS.values()) - proposals
    inside = {law.name for law, step in established.items() if step.rhs != law.expr}
    inside -= {name for name in inside if name.endswith(("_common_peak", "_common_half"))}
    # scales and identities, which a step applies to other expressions instead
    assert inside == {
        *("sgd_noise_scale", "eps_max", "noise_scale", "regime"),
        *(
            "common_ratio_half",
            "critical_batch",
            "tradeoff",
            "mehler_next",
            "vanishing_correlation",
            "su_half",
        ),
    }


def test_a_derivation_states_the_hypotheses_of_every_law_it_establishes():
    for derivation in derivations():
        law_needs = set(derivation.law.holds)
        assert law_needs <= set(derivation.hypotheses), derivation.name


def test_every_hypothesis_of_every_law_has_a_counterexample():
    shown = {example.hypothesis for d in derivations() for example in d.counterexamples}
    needed = {hypothesis for law in LAWS.values() for hypothesis in law.holds}
    assert needed <= shown


QUOTED = {  # what the statement would give, and the truth, as the counterexample's text says
    ("lemma1", "quadratic"): (1 / 3, 1),
    ("lemma1", "positive_curvature"): (-1 / 2, 3 / 2),
    ("lemma1", "descent"): (1 / 2, 0),
    ("sgd", "positive_curvature"): (-2, 5 / 2),
    ("sgd", "independent_samples"): (9 / 10, 1 / 2),
    ("sign_moments", "independent_samples"): (0.9545, 0.6827),
    ("sign_moments", "gaussian"): (0.1974, -0.6),
    ("sign_moments", "no_dead_coordinate"): (0.6827, 0.3829),
    ("sign_descent", "independent_coordinates"): (0.4657, 0.3413),
    ("sigmoid", "sigmoid"): (0.8039, 0.9098),
    ("power_law", "diagonal"): (1, 0.8661),
    ("small_batch", "positive_S"): (1, 0.6697),
    ("small_batch", "positive_trace"): (3, 0.3334),
    ("small_batch", "small_batch"): (2.2268, 10 / 3),
    ("small_batch", "noisy"): (12.5327, 0.5192),
    ("sign_covariance", "jointly_gaussian"): (0, 0.7519),
    ("sign_covariance", "zero_means"): (1 / 3, 0.01414),
    ("mehler", "first_order"): (3.1459, 3.4257),
    ("correlated_small_batch", "positive_D1"): (1, 0.6697),
    ("correlated_small_batch", "positive_D0"): (3, 0.3334),
    ("equicorrelated", "weakly_correlated"): (0.12272, 0.1),
    ("equicorrelated", "nearly_perfect"): (0.5848, 0.1855),
    ("equicorrelated", "equicorrelated"): (1.2020, 1),
    ("averages", "common_mean"): (2 / 3, 10 / 19),
    ("long_run", "frozen"): (1 / 3, 3 / 5),
    ("soft_sign", "gaussian"): (0.1974, -0.6),
    ("large_batch", "no_vanishing_mean"): (1, 1 / 2),
    ("common_ratio", "surging"): (0.5**0.5, 2 / 3),
    ("common_ratio", "common_ratio"): (1, 0.5503),
    ("tradeoff", "local_law"): (1, 1.8130),
    ("surge_coherence", "positive_S"): (1, 0.4466),
    ("surge_coherence", "common_ratio"): (1, 0.6697),
    ("surge_place", "surging"): (1.0607, 1),
    ("surge_drift", "homogeneous"): (2, 0.8),
    ("surge_drift", "straight"): (5, 17),
    ("rivals", "below_noise"): (1, 1 / 2),
    ("rivals", "above_noise"): (1, 0.7899),
    ("rivals", "empirical"): (1, 0.8661),
    ("lower_bound", "diagonal"): (0.99, 1 / 2),
    ("ratio", "frozen"): (1, -0.8),
    ("ratio", "above_noise"): (2, 1),
    ("adam", "long_memory"): (0.1, 0.005392),
    ("adam", "frozen"): (0.0263, 0.5339),
    ("adam", "positive_S"): (1, 2.2392),
    ("adam_correction", "long_memory"): (0.7513, 0.6827),
    ("adagrad", "frozen"): (1 / 2, 1 / 5),
    ("adagrad", "surging"): (0.5**0.5, 2 / 3),
    ("edgeworth", "smooth_samples"): (0.007959, 0.07959),
    ("edgeworth", "four_moments"): (0.4363, 0.6090),
    ("edgeworth", "independent_samples"): (0.6859, -0.1013),
    ("enumeration", "independent_samples"): (7 / 25, -1 / 5),
    ("copula", "gaussian_copula"): (0, 1 / 4),
    ("normalised", "norm_surging"): (1.0607, 1),
    ("normalised", "mean_field"): (0.5**0.5, 0.6827),
    ("adafactor", "long_memory"): (0.5**0.5, 0.6827),
    ("muon", "equal_noise"): (0.5**0.5, 1),
    ("muon", "tall"): (1e-3, 0.8488e-3),
    ("muon", "square"): (0.8488e-3, 1e-3),
    ("muon", "large_matrix"): (0.8488e-3, 0.7979e-3),
    ("muon", "equal_singular_values"): (3**-0.5, 0.5**0.5),
    ("muon", "nuclear_curvature"): (0.5**0.5, 2**0.5),
    ("run_sgd", "stable"): (-3 / 2, 45 / 2),
    ("closure", "closed"): (0.4042, 0),
    ("closure", "zero_means"): (0.2997, -0.1335),
    ("drift_along_run", "gradient_flow"): (1.0014, 0.9836),
    ("drift_along_run", "constant_noise"): (2, 1),
    ("drift_along_run", "power_decay"): (3 / 2, 1),
    ("timescale", "small_decay"): (2, 1.4427),
}


def test_the_counterexamples_have_the_numbers_that_their_texts_quote():
    found = {
        (d.name, example.hypothesis.name): example for d in derivations() for example in
        d.counterexamples
    }  # fmt: skip
    assert found.keys() == QUOTED.keys()
    for key, example in found.items():
        for side, quoted in zip((example.claimed, example.actual), QUOTED[key], strict=True):
            value = float(verify_module.value(side, {}))
            assert value == pytest.approx(quoted, rel=1e-3, abs=1e-6), key


def test_every_step_gives_its_reason_as_a_sentence():
    for derivation in derivations():
        assert derivation.statement.endswith(".")
        for step in derivation.steps:
            assert step.reason[0].isupper() or step.reason[0] in "εEg∫1(0ℰ" or "=" in step.reason
            assert step.reason.endswith(".")


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="unknown derivation nonsense"):
        verify(["nonsense"])


def test_the_command_prints_a_derivation_and_its_verdicts(capsys):
    assert main(["lemma1"]) == 0
    shown = capsys.readouterr().out
    assert "Lemma 1" in shown
    assert "holds, exact" in shown
    assert "FAILS" not in shown


def test_the_command_exits_1_when_a_step_fails(monkeypatch, capsys):
    broken = verify_module.Verdict("lemma1", "1", False, "exact", 0.0)
    real = verify(["lemma1"])
    monkeypatch.setattr("theory.__main__.verify", lambda _: [broken, *real[1:]])
    assert main(["lemma1"]) == 1
    assert "failed: lemma1, 1" in capsys.readouterr().out


def test_the_command_exits_2_on_an_unknown_name(capsys):
    assert main(["nonsense"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown derivation")


def test_importing_the_theory_derives_nothing_and_loads_no_other_room():
    script = "import sys, theory; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not any(name.startswith("theory.derivations.") for name in loaded)
    assert not loaded & {"optax", "flax", "matplotlib", "sim", "experiments", "figures"}
