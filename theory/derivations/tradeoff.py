"""Steps against samples, from the local law at each of three losses."""

import sympy as sp

from theory import hypotheses as holds
from theory.derivation import Counterexample, Derivation, Step, total
from theory.derivations.cases import TWO_RATIOS, decrease_at
from theory.noise_scale import SGD_DECREASE
from theory.symbols import B, B_noise, S_min, beta_, dL_max, i, samples, t, tau_, x
from theory.tradeoff import (
    CRITICAL_BATCH,
    INVERSE_STEPS,
    RUN_SAMPLES,
    RUN_STEPS,
    SOURCE,
    TRADEOFF,
)

LEVELS = (i, 0, 2)
FEWEST = total(tau_[i], LEVELS)
MEAN_NOISE = total(tau_[i] * beta_[i], LEVELS) / FEWEST
E_LEAST = S_min * B_noise

DERIVATION = Derivation(
    "tradeoff",
    "Steps against samples",
    SOURCE + "eqs. (20) and (22)",
    "(S/S_min − 1)(E/E_min − 1) = 1 and 1/S = 1/S_min − B_noise/E, with B_noise the run's mean "
    "noise scale, weighted by noise-free steps, and equal to E_min/S_min.",
    INVERSE_STEPS.holds,
    (
        Step(
            sp.Subs(t / x, x, SGD_DECREASE.expr),
            t / dL_max * (1 + B_noise / B),
            "A fall of the loss by t takes 1 + B_noise/B times its noise-free steps.",
        ),
        Step(
            total(tau_[i] * (1 + beta_[i] / B), LEVELS),
            RUN_STEPS(B, FEWEST, MEAN_NOISE),
            "Summed over the losses passed (three here), τ noise-free steps at each.",
        ),
        Step(
            S_min + S_min * B_noise / B,
            RUN_STEPS.expr,
            "Steps of a run, with S_min = Στ and the mean noise scale B_noise = Στβ/Στ.",
            laws=(RUN_STEPS,),
        ),
        Step(
            B * RUN_STEPS.expr,
            RUN_SAMPLES.expr,
            "Every step takes B samples.",
            laws=(RUN_SAMPLES,),
        ),
        Step(sp.Limit(RUN_STEPS.expr, B, sp.oo), S_min, "Fewest steps: the largest batch."),
        Step(sp.Limit(RUN_SAMPLES.expr, B, 0), E_LEAST, "Fewest samples: the smallest batch."),
        Step(
            CRITICAL_BATCH.at(S_min, E_LEAST),
            B_noise,
            "The critical batch is the mean noise scale.",
            laws=(CRITICAL_BATCH,),
        ),
        Step(
            TRADEOFF.at(RUN_STEPS.expr, S_min, RUN_SAMPLES.expr, E_LEAST),
            sp.Integer(1),
            "(B_noise/B)(B/B_noise) = 1.",
            laws=(TRADEOFF,),
        ),
        Step(
            sp.Subs(1 / RUN_STEPS.expr, B, samples / S_min - B_noise),
            INVERSE_STEPS.expr,
            "B eliminated by E = S_min(B + B_noise): a line in 1/E.",
            laws=(INVERSE_STEPS,),
        ),
    ),
    (
        Counterexample(
            holds.LOCAL_LAW,
            "Two ratios (the case of Theorem 2 in which ΔL* falls by 45 %): the steps at this "
            "loss rise from B = 4 to B = 10⁴, where the law lets them fall.",
            sp.Integer(1),
            decrease_at(TWO_RATIOS, 4) / decrease_at(TWO_RATIOS, 10**4),
        ),
    ),
    INVERSE_STEPS,
)
