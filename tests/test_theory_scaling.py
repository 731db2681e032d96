"""Laws over model size and tokens: their numbers at the held-out cell, and how they scale."""

import numpy as np
import pytest

from theory import LAWS
from theory.scaling import SCALINGS

N, D, LOSS = 2.0**30, 1e11, 2.1
# By hand, from the constants that are printed: rates, and batches in tokens
QUOTED = {
    "step_lr": 1.5517e-3, "step_batch": 1.1077e6,
    "openai_lr": 3.3818e-4, "openai_batch": 5.8432e6, "openai_batch_printed": 5.8432e16,
    "microsoft_lr": 3.4932e-4, "microsoft_lr_printed": 3.3358e-11,
    "deepseek_lr": 7.8117e-4, "deepseek_lr_printed": 7.9871e-4, "deepseek_batch": 1.8708e6,
    "porian_lr": 2.0753e-3, "porian_batch": 1.6911e6,
    "minicpm_batch": 1.1807e7, "minicpm_batch_printed": 1.9516e16,
    "power_lines_batch": 1.0234e6, "power_lines_timescale": 9.9383e-2,
}  # fmt: skip
ARGUMENTS = {"N_par": N, "D_tok": D, "C_flop": 6 * N * D, "loss": LOSS}


def value(name: str, **changed: float) -> float:
    import theory.symbols as symbols

    known = {getattr(symbols, key): number for key, number in (ARGUMENTS | changed).items()}
    law = LAWS[name]
    return float(law.jax(*(known[argument] for argument in law.args)))


@pytest.mark.parametrize("name", QUOTED)
def test_each_law_has_its_number_at_the_held_out_cell(name):
    assert value(name) == pytest.approx(QUOTED[name], rel=1e-3)


def test_every_published_rule_is_quoted():
    laws = {
        law.name
        for rule in SCALINGS.values()
        for law in (rule.lr, rule.batch, rule.lr_printed, rule.batch_printed)
        if law is not None
    }
    assert laws <= set(QUOTED)


def test_a_run_costs_six_operations_for_each_parameter_and_token():
    assert value("compute") == pytest.approx(6 * N * D)


def test_the_printed_exponents_are_those_of_doubling():
    for name, argument, exponent in (
        ("step_lr", "N_par", -0.713), ("step_lr", "D_tok", 0.307), ("step_batch", "D_tok", 0.571),
        ("microsoft_lr", "N_par", -0.23), ("microsoft_lr", "D_tok", -0.32),
        ("deepseek_lr", "C_flop", -0.125), ("deepseek_batch", "C_flop", 0.3271),
        ("porian_lr", "N_par", -0.36), ("porian_batch", "N_par", 0.703),
        ("openai_batch", "loss", -1 / 0.21), ("minicpm_batch", "loss", -6.24),
        ("power_lines_batch", "D_tok", 0.383), ("power_lines_timescale", "D_tok", -0.527),
        ("power_lines_timescale", "N_par", 0.527),
    ):  # fmt: skip
        doubled = value(name, **{argument: 2 * ARGUMENTS[argument]})
        assert np.log2(doubled / value(name)) == pytest.approx(exponent, abs=1e-4), name
