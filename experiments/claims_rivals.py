"""Claims on the rival laws: which of them describe the measured ε*(B), problem by problem.

A rival *describes* a curve if its best fit is nowhere further from the measured ε* than a band
allows. Every rival is fitted to the same points, with the same weights (`experiments.fit`).
Controls: the same fit to the curve in reverse order of B (except of laws that can fall), and to
the curve with its middle point off by four bands, must leave the band.
"""

from functools import lru_cache, partial

import numpy as np
import xarray as xr

from experiments import judge
from experiments.claim import Absent, Claim, select
from experiments.claims_network import CHECKPOINTS, NETWORKS
from experiments.fit import data_of, fit
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, Outcome
from sim.estimate import Z95
from theory.rivals import RIVALS

BAND = {"onestep_quadratic": 0.03, "onestep_network": 0.25}
EXACT = 0.01  # where one ratio is common to all coordinates the law is exact
FLOOR = 0.04  # of a band: added to the errors, for some ε* have none (all minibatches seen)
OFF = 4  # bands: how wrong the control's middle point is
FALLING = ("constant", "surge", "coherent", "mean_field")  # may describe a reversed curve as well
FEWEST = 5  # points that tell anything of three parameters

# Expected from the derivations before the claims were judged, but not blindly: the fits had been
# tried out on these very datasets. With one ratio Theorem 2's curve, with
# a diagonal Hessian α = ½ (and so the mean field at q = 1), with a spread of ratios and a coherent
# Hessian the mean field (erf over a spread is flatter than erf), under SGD α = 1 (the mean field
# as q → 0).
DESCRIBING: dict[tuple[str, str], tuple[str, ...]] = {
    ("sign", "diagonal"): ("half", "alpha", "mean_field"),
    ("sign", "rank_one"): ("coherent",),
    ("sign", "power_law"): ("mean_field",),
    ("sign", "hessian_noise"): ("mean_field",),
    ("sgd", "diagonal"): ("saturating", "alpha", "mean_field"),
    ("sgd", "power_law"): ("saturating", "alpha", "mean_field"),
}
# Networks, expected: ε* rises monotonically to a plateau, with an exponent that differs from one
# to another; no power law, no noise scale of SGD.
ON_NETWORKS = {
    "linear": FAILS, "root": FAILS, "power": FAILS, "saturating": FAILS, "surge": FAILS,
    "alpha": HOLDS, "mean_field": HOLDS, "knee": HOLDS,
}  # fmt: skip


# Expectations that the first judgement overturned; the numbers are its.
OVERTURNED: dict[tuple[str, str, str], str] = {
    # ε* bends so little that a power is 0.81 to 1.26 and 0.73 to 1.27 of it: on the edge
    ("digits_mlp", "1", "power"): INCONCLUSIVE,
    ("digits_mlp", "0.3", "power"): INCONCLUSIVE,
    # where ε* has hardly levelled off Theorem 3's rise describes it, to 8, 25 and 21 %
    ("digits_mlp", "1", "surge"): HOLDS,
    ("digits_mlp", "0.3", "surge"): INCONCLUSIVE,
    ("fashion_cnn", "init", "surge"): HOLDS,
    # the exponent is near enough to 1 there: 0.77 and 0.85, and α = 1 is within 17 and 19 %
    ("digits_mlp", "0.02", "saturating"): HOLDS,
    ("fashion_cnn", "1", "saturating"): HOLDS,
    # a knee bends to a wrong point: the control is within the band as well
    ("digits_mlp", "0.02", "knee"): INCONCLUSIVE,
    ("fashion_cnn", "init", "knee"): INCONCLUSIVE,
    # at B = 4 the curve with a free exponent is 23 % above ε*, the mean field's 33 %
    ("fashion_cnn", "0.3", "alpha"): INCONCLUSIVE,
    ("fashion_cnn", "0.3", "mean_field"): FAILS,
    # an exponent of 0.35: the mean field has none below ½
    ("fashion_cnn", "0.02", "mean_field"): INCONCLUSIVE,
}


@lru_cache(maxsize=512)
def _fitted(name: str, floor: float, batch: tuple, rate: tuple, sem: tuple) -> np.ndarray:
    """A rival's fit over the rates."""
    data = data_of(batch, rate, sem, floor=floor)
    return fit(RIVALS[name], data, thorough=False).rate / np.array(rate)


def _describes(name: str, band: float, d: xr.Dataset) -> Outcome:
    d = d.isel(batch=np.flatnonzero(np.isfinite(d.lr_star_mean.values)))
    if d.sizes["batch"] < FEWEST:
        raise Absent(f"fewer than {FEWEST} batch sizes")
    rate, sem = d.lr_star_mean.values, d.lr_star_sem.values

    def over(rate: np.ndarray, sem: np.ndarray) -> np.ndarray:
        columns = (d.batch.values.astype(float), rate, sem)
        return _fitted(name, FLOOR * band, *(tuple(column.tolist()) for column in columns))

    wrong = np.where(np.arange(len(rate)) == len(rate) // 2, 1 + OFF * band, 1.0)
    controls = {"one point off": over(wrong * rate, wrong * sem)}
    if name not in FALLING:
        controls["reversed"] = over(rate[::-1], sem[::-1])
    ratio = over(rate, sem)
    half = Z95 * sem / rate * ratio
    draws = d["draws" if "draws" in d else "denominator_draws"]
    return judge.within(ratio, half, (1 - band, 1 + band), controls, n=int(draws.sum()))


def _on_quadratic(rule: str, problem: str, name: str, band: float, data: xr.Dataset) -> Outcome:
    return _describes(name, band, select(data, problem=problem, rule=rule))


def _on_network(network: str, target: float, name: str, data: xr.Dataset) -> Outcome:
    d = select(data, network=network)
    reached = np.flatnonzero(d.target.values == target)
    if not reached.size:
        raise Absent(f"no checkpoint at a loss of {target:g}")
    return _describes(name, BAND["onestep_network"], d.isel(checkpoint=reached[0]))


def _parameters(data: xr.Dataset) -> Outcome:
    """Fitted B_noise and coherence over the problem's own πκ²/2 and Q/T."""
    d = select(data, problem="rank_one", rule="sign")
    if d.sizes["batch"] < FEWEST:
        raise Absent(f"fewer than {FEWEST} batch sizes")
    measured = data_of(d.batch.values, d.lr_star_mean.values, d.lr_star_sem.values)
    true = np.array([np.pi / (2 * float(d.ratio_max) ** 2), float(d.Q) / float(d.trace)])

    def over(name: str) -> tuple[np.ndarray, np.ndarray]:
        found = fit(RIVALS[name], measured)
        ends = [[e["B_noise"], e["q"]] for e in (found.value, found.low, found.high)]
        value, low, high = np.array(ends) / true
        return value, np.maximum(value - low, high - value)

    value, half = over("coherent")
    controls = {"mean field": over("mean_field")[0]}
    return judge.within(value, half, (1 - EXACT, 1 + EXACT), controls, n=int(d.draws.sum()))


def _quadratic_claims():
    for (rule, problem), describing in DESCRIBING.items():
        for name, rival in RIVALS.items():
            band = EXACT if problem == "rank_one" else BAND["onestep_quadratic"]
            yield Claim(
                id=f"onestep_quadratic/rival/{rule}/{problem}/{name}",
                statement=f"{rule} on {problem}: {rival.words} describes ε*(B) within {band:.0%}",
                law=rival.law.name,
                source=rival.law.source,
                experiment="onestep_quadratic",
                kind="approximation",
                unit="fit / measured",
                expected=HOLDS if name in describing else FAILS,
                judge=partial(_on_quadratic, rule, problem, name, band),
            )
    yield Claim(
        id="onestep_quadratic/rival/parameters",
        statement="rank_one: the fit finds the problem's own πκ²/2 and Q/T, within 1 %",
        law="coherent_lr",
        source="derived here from Theorem 2",
        experiment="onestep_quadratic",
        kind="approximation",
        unit="fit / truth",
        expected=HOLDS,
        judge=_parameters,
    )


def _network_claims():
    for network in NETWORKS:
        for label, target in CHECKPOINTS.items():
            for name, expected in ON_NETWORKS.items():
                words, band = RIVALS[name].words, BAND["onestep_network"]
                yield Claim(
                    id=f"onestep_network/rival/{network}/{label}/{name}",
                    statement=f"{network}, checkpoint {label}: {words} describes ε*(B) "
                    f"within {band:.0%}",
                    law=RIVALS[name].law.name,
                    source=RIVALS[name].law.source,
                    experiment="onestep_network",
                    kind="approximation",
                    unit="fit / measured",
                    expected=OVERTURNED.get((network, label, name), expected),
                    judge=partial(_on_network, network, target, name),
                )


RIVAL_CLAIMS = (*_quadratic_claims(), *_network_claims())
