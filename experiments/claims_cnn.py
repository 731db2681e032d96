"""Claims on the seed paper's CNN on Fashion-MNIST; expectations stand from before the first default
run, after a look at one smoke run (three batch sizes, one target) and at one seed of the runs.

Those on D0/D1 (`scale/correlated`, `rises/correlated`, `growth`) were added later, after a look at
its values.
"""

from collections.abc import Iterator
from functools import partial

import theory
from experiments import cnn_judged
from experiments.claim import Claim
from experiments.claims_network import GAUSSIAN_SURELY
from experiments.claims_rivals import ON_NETWORKS
from experiments.cnn_judged import SCALES, SMALL, STUDENT
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE
from experiments.rival_fits import curve_name
from theory.rivals import RIVALS

EXPERIMENT = "cnn_fashion"
TARGETS = (1.2, 0.8, 0.6)  # of the preset `default`
RUN_RULES = ("adam", "sign")
CURVES = (
    *((sense, rule) for sense in ("target", "fixed", "further") for rule in RUN_RULES),
    ("one_step", "sign"),
)
SENSES = {
    "target": "fewest steps",
    "fixed": "K steps from a checkpoint",
    "further": "K steps after the run",
    "one_step": "one step",
}

# Fewest steps: rates rise about fivefold up to B = 64 and are level from there on, which no power,
# no α = 1 and no symmetric peak does; whether a flexible law does, few rounds cannot tell.  K steps
# tell less still.  One step is as on the other networks.
UNSURE = dict.fromkeys(ON_NETWORKS, INCONCLUSIVE) | {"linear": FAILS, "root": FAILS}
DESCRIBES = {
    "target": UNSURE | {"power": FAILS, "saturating": FAILS, "surge": FAILS},
    "fixed": UNSURE,
    "further": UNSURE,
    "one_step": ON_NETWORKS,
}


# Expectations that the first default run overturned, by what left them undecided.  Few rounds of
# runs, or seeds of branches, whose bars are long:
FEW_ROUNDS = (
    "rival/target/adam/1.2/power",
    "rival/target/adam/1.2/saturating",
    "rival/target/adam/1.2/surge",
    "line/adam/1.2",
    "unbiased/adam/1.2",
    "line/sign/1.2",
    "rival/target/adam/0.8/power",
    "rival/target/adam/0.8/root",
    "rival/target/adam/0.8/saturating",
    "rival/target/adam/0.8/surge",
    "bracketed/fixed/adam/0.8",
    "line/adam/0.8",
    "rival/target/adam/0.6/root",
    "rival/target/adam/0.6/power",
    "rival/target/adam/0.6/surge",
    "line/adam/0.6",
    "unbiased/adam/0.6",
    "line/sign/0.6",
    "rises/line/sign",
)
# Single steps have no rounds, but Monte Carlo's errors, of 4 to 7 % at small B; with these, or (at
# 0.8, where the three fits are one curve) even by itself, the largest misfit is at the band's very
# end.  That of the knee at 0.6 is inside, but so is its fit to the control, one point off.
SINGLE_STEPS = (
    "rival/one_step/sign/1.2/saturating",
    "rival/one_step/sign/0.8/power",
    "rival/one_step/sign/0.8/alpha",
    "rival/one_step/sign/0.8/knee",
    "rival/one_step/sign/0.6/alpha",
    "rival/one_step/sign/0.6/knee",
)
# Near the end of their band by the errors of the line, and of Monte Carlo in tr(HΣ)/GᵀHG:
LINES = (
    "scale/sgd/adam/1.2",
    "scale/simple/sign/1.2",
    "scale/sgd/sign/1.2",
    "scale/sgd/adam/0.6",
)
AFTERWARDS = dict.fromkeys((*FEW_ROUNDS, *SINGLE_STEPS, *LINES), INCONCLUSIVE) | {
    # ε*(B) levels off beyond B = 64 to 264; where its largest value happens to lie is 6 to 16 times
    # the line's B_noise
    "peak/target/adam/1.2": FAILS,
    "peak/fixed/adam/1.2": FAILS,
    "peak/fixed/sign/1.2": FAILS,
    "peak/target/adam/0.8": FAILS,
    "peak/target/sign/0.6": FAILS,
    # from a fixed checkpoint ε* is level from B = 64 on, to a few per cent: no power does that
    "rival/fixed/adam/1.2/power": FAILS,
    "rival/fixed/sign/1.2/power": FAILS,
    # 1.23 ± 0.25, early in training; below a loss of 1 the line's is 2 to 23 times smaller
    "scale/simple/adam/1.2": HOLDS,
    # between 0.8 and 0.6 all three fall by 2.6 to 4.3 (B_simple 39, 696, 269): one run's path
    "rises/paper": FAILS,
    "rises/simple": FAILS,
    "rises/sgd": FAILS,
    # ε* grows 15-fold, steeper than erf's α = ½ at large B
    "rival/one_step/sign/0.8/mean_field": FAILS,
}


def _claim(id: str, statement: str, law: str, unit: str, judge_it, expected: str) -> Claim:
    return Claim(
        id=f"{EXPERIMENT}/{id}", statement=statement, law=law, source=theory.LAWS[law].source,
        experiment=EXPERIMENT, kind="approximation", unit=unit,
        expected=AFTERWARDS.get(id, expected), judge=judge_it,
    )  # fmt: skip


def _of_curve(sense: str, rule: str, target: float) -> Iterator[Claim]:
    where = f"{SENSES[sense]}, {rule}, loss {target:g}"
    place = f"{sense}/{rule}/{target:g}"
    for name, expected in DESCRIBES[sense].items():
        yield _claim(
            f"rival/{place}/{name}", f"{where}: {RIVALS[name].words} describes ε*(B) within 25 %",
            RIVALS[name].law.name, "fit / measured",
            partial(cnn_judged.describes, curve_name(sense, rule, f"{target:g}"), name), expected,
        )  # fmt: skip
    yield _claim(
        f"surge/{place}", f"{where}: ε* at the largest B is over 10 % below that at a smaller one",
        "small_batch_lr", "ε* at the largest B / at a smaller one",
        partial(cnn_judged.surge, sense, rule, target),
        FAILS if sense == "one_step" else INCONCLUSIVE,
    )  # fmt: skip
    if sense != "one_step":
        yield _claim(
            f"peak/{place}", f"{where}: ε*(B) peaks at the line's B_noise, within 1.5",
            "noise_scale", "B_noise / B_peak",
            partial(cnn_judged.peak, sense, rule, target), INCONCLUSIVE,
        )  # fmt: skip
    if rule == "adam":
        yield _claim(
            f"bracketed/{place}", f"{where}: every ε* is inside the printed grid, 1e-4 to 1e-3",
            "small_batch_lr", "share of optima outside",
            partial(cnn_judged.bracketed, sense, rule, target), FAILS,
        )  # fmt: skip


def _of_run(rule: str, target: float) -> Iterator[Claim]:
    where, place = f"{rule} to a loss of {target:g}", f"{rule}/{target:g}"
    yield _claim(
        f"line/{place}", f"{where}: S(B) is the line of steps against samples, within 15 %",
        "run_steps", "line / runs", partial(cnn_judged.line, rule, target), FAILS,
    )  # fmt: skip
    for kind, (_, words, law) in SCALES.items():
        yield _claim(
            f"scale/{kind}/{place}", f"{where}: the line's B_noise is {words}, within 1.5",
            law, "line / checkpoint", partial(cnn_judged.scale, kind, rule, target), FAILS,
        )  # fmt: skip
    yield _claim(
        f"unbiased/{place}", f"{where}: K steps on, at B ≤ {SMALL}, the loss has not risen",
        "small_batch_lr", "decrease / target", partial(cnn_judged.unbiased, rule, target), FAILS,
    )  # fmt: skip


def _of_checkpoint(target: float) -> Iterator[Claim]:
    where = f"checkpoint {target:g}"
    yield _claim(
        f"independent/{target:g}", f"{where}: Theorem 2 is within 1.25 at every B", "sign_lr",
        "law / measured", partial(cnn_judged.independent, target), FAILS,
    )  # fmt: skip
    yield _claim(
        f"gaussian/{target:g}", f"{where}: Gaussian noise of the true covariance, within 1.25 for "
        f"B ≥ {GAUSSIAN_SURELY}", "sign_covariance_density",
        "law / measured", partial(cnn_judged.gaussian, target), HOLDS,
    )  # fmt: skip
    yield _claim(
        f"growth/{target:g}", f"{where}: E[VᵀHV] grows with B as for independent noise, "
        "D1 = 2S/π, within 1.5", "correlated_noise_scale", "D1 / independent",
        partial(cnn_judged.growth, target), FAILS,
    )  # fmt: skip
    for batch, words in ((1, "per-sample gradients"), (256, "means of 256 gradients")):
        yield _claim(
            f"normal/{batch}/{target:g}", f"{where}: {words} are Gaussian, by coordinate",
            "sign_mean", "share rejected / level", partial(cnn_judged.normal, batch, target), FAILS,
        )  # fmt: skip


def _claims() -> Iterator[Claim]:
    for target in TARGETS:
        for sense, rule in CURVES:
            yield from _of_curve(sense, rule, target)
        for rule in RUN_RULES:
            yield from _of_run(rule, target)
        yield from _of_checkpoint(target)
    for kind, (_, words, law) in SCALES.items():
        yield _claim(
            f"rises/{kind}", f"{words} rises as the loss falls", law, "before / after",
            partial(cnn_judged.rises, kind, None), HOLDS,
        )  # fmt: skip
    for rule in RUN_RULES:
        yield _claim(
            f"rises/line/{rule}", f"{rule}: B_noise of the line rises as the loss falls",
            "noise_scale", "before / after", partial(cnn_judged.rises, "line", rule), HOLDS,
        )  # fmt: skip
    yield _claim(
        "power/student", f"at this n the test finds {STUDENT} in nine samples of ten",
        "sign_mean", "share rejected", cnn_judged.power, HOLDS,
    )  # fmt: skip


CNN_CLAIMS = tuple(_claims())
