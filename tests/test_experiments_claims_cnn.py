"""Claims on the seed paper's CNN: each holds on made-up data of which it is true, and fails on
others."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import stdtrit

from experiments.claims import all_claims, judged
from experiments.claims_cnn import CNN_CLAIMS, CURVES, RUN_RULES, TARGETS
from experiments.cnn_judged import SCALES
from experiments.gaussianity import ALTERNATIVES, LEVEL
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.readme import GROUPS
from experiments.rival_fits import Curve, curve_name, fitted, together
from sim.estimate import Z95

CLAIMS = {claim.id.removeprefix("cnn_fashion/"): claim for claim in CNN_CLAIMS}
BATCH = np.array([1, 3, 12, 64, 264, 664, 1164])
SENSES = ("further", "target", "fixed", "one_step")
RULES, ROUNDS, LRS = RUN_RULES, 6, np.geomspace(1e-5, 1e-1, 41)
NOISE = np.array([40.0, 60.0, 90.0])  # B_noise at each target
SEM = 0.01


def rate(batch) -> np.ndarray:
    """ε* that rises to a plateau, all of it within the printed grid."""
    return 8e-4 / np.sqrt(1 + 30 / np.asarray(batch, float))


def made() -> xr.Dataset:
    """Data of which every claim is true but those of a surge or a peak."""
    place, shape = ("rule", "sense", "target", "batch"), (2, 4, 3, len(BATCH))
    fewest = 10 * (1 + NOISE[:, None] / BATCH)
    spread = np.exp(SEM * np.concatenate([[0.0], np.linspace(-1, 1, ROUNDS)]) / 2)
    every = ("rule", "batch", "round", "rate", "target")
    before = np.ones((2, len(BATCH), ROUNDS, len(LRS), 3))
    shaken = 1e-3 * np.random.default_rng(0).standard_normal(before.shape)
    share = {1: 0.012, 256: 0.011}
    power = dict.fromkeys(ALTERNATIVES, 0.99) | {"Gaussian": LEVEL}
    laws = np.tile(rate(BATCH), (3, 1))
    columns: dict = {
        "lr_hat": (place, np.broadcast_to(rate(BATCH), shape).copy()),
        "log_lr_sem": (place, np.full(shape, SEM)),
        "fewest": ((*place[:1], *place[2:], "replicate"),
                   np.broadcast_to(fewest[..., None] * spread, (2, *fewest.shape, 1 + ROUNDS))),
        "s_min": (("rule", "target"), np.full((2, 3), 10.0)),
        "b_noise_line": (("rule", "target"), np.tile(NOISE, (2, 1))),
        "b_noise_line_sem": (("rule", "target"), np.full((2, 3), SEM)),
        "b_noise_law": ("target", NOISE), "b_simple": ("target", NOISE),
        "b_simple_mc": ("target", 0 * NOISE), "b_noise": ("target", NOISE),
        "b_noise_mc": ("target", SEM * NOISE), "b_noise_correlated": ("target", NOISE),
        "b_noise_correlated_mc": ("target", SEM * NOISE), "trace_law": ("target", 50 * NOISE),
        "corr_D1": ("target", [50.0] * 3), "corr_D1_sem": ("target", [2.0] * 3),
        "b_peak": (place[:3], np.full(shape[:3], np.nan)),
        "printed": ("window", [1e-4, 1e-3]),
        "before": (every, before), "after": (every, before - 0.02 + shaken),
        "lr": (("rule", "rate"), np.tile(LRS, (2, 1))),
        "lr_independent": (("target", "law_batch"), 1.05 * laws),
        "lr_gaussian": (("target", "law_batch"), 0.95 * laws),
        "lr_gaussian_sem": (("target", "law_batch"), 0.01 * laws),
        "rejected": (("target", "gaussian_batch"), np.tile(list(share.values()), (3, 1))),
        "coordinates": ("target", [1024] * 3),
        "power": ("alternative", list(power.values())),
        "power_sem": ("alternative", [0.002] * len(power)),
    }  # fmt: skip
    coords = {"rule": list(RULES), "sense": list(SENSES), "target": list(TARGETS), "batch": BATCH,
              "law_batch": BATCH.astype(float), "gaussian_batch": list(share),
              "alternative": list(power)}  # fmt: skip
    return xr.Dataset(columns, coords)


def with_fits(data: xr.Dataset, lr: np.ndarray, sem: float, laws) -> xr.Dataset:
    """The dataset with one curve, ε* by target of Adam, fitted."""
    about = {"experiment": "cnn_fashion", "problem": "target", "rule": "adam", "loss": 1.2,
             "B_noise_law": np.nan, "form_law": np.nan}  # fmt: skip
    curve = Curve(curve_name("target", "adam", "1.2"), about, 0.25, BATCH.astype(float), lr,
                  sem * lr, np.ones(len(lr)), 0)  # fmt: skip
    found = together([curve], [fitted(curve, laws, fine=5)])
    kept = ("curve", "law", "control", "point")
    names = {name: f"fit_{name}" for name in [*found.variables, *found.dims] if name not in kept}
    return xr.merge([data, found.rename(names)])


def row(id: str, data: xr.Dataset) -> dict:
    found = judged(CLAIMS[id], data, 0.0)
    assert found["verdict"] != HOLDS or all(c["rejected"] for c in found["controls"])
    return found


def verdict(id: str, data: xr.Dataset) -> str:
    return row(id, data)["verdict"]


def scaled(data: xr.Dataset, **factors) -> xr.Dataset:
    return data.assign({name: data[name] * factor for name, factor in factors.items()})


TRUE = (
    *(f"bracketed/{sense}/adam/1.2" for sense in ("target", "fixed", "further")),
    *(f"{kind}/{rule}/0.8" for kind in ("line", "unbiased") for rule in RULES),
    *(f"scale/{kind}/adam/0.6" for kind in SCALES),
    *(f"rises/{kind}" for kind in (*SCALES, "line/adam", "line/sign")),
    "independent/0.6", "gaussian/0.6", "growth/0.6", "normal/1/0.6", "normal/256/0.6",
    "power/student",
)  # fmt: skip
LAST, LARGEST = BATCH > 664, BATCH >= 64


def at(where, factor: float) -> xr.DataArray:
    return xr.DataArray(np.where(where, factor, 1.0), dims="batch")


# A change for the worse, and which claims it must turn
WORSE = {
    "optima beyond 1e-3": ({"lr_hat": 1.5}, [id for id in TRUE if id.startswith("bracketed")]),
    "steps off the line": ({"fewest": at(LARGEST, 1.3)}, [f"line/{rule}/0.8" for rule in RULES]),
    "a line of half the scale": (
        {"b_noise_line": 0.5}, [f"scale/{kind}/adam/0.6" for kind in SCALES],
    ),
    "scales that fall": (
        {name: xr.DataArray([1.0, 0.5, 0.2], dims="target")
         for name in ("b_noise_line", "b_noise_law", "b_simple", "b_noise", "b_noise_correlated")},
        [id for id in TRUE if id.startswith("rises")],
    ),
    "curvature that does not grow": ({"corr_D1": -1.0}, ["growth/0.6"]),
    "losses that rise": ({"after": 1.05}, [f"unbiased/{rule}/0.8" for rule in RULES]),
    "laws off at one batch": (
        {f"lr_{name}": xr.DataArray(np.where(LAST, 1.6, 1.0), dims="law_batch")
         for name in ("independent", "gaussian")}, ["independent/0.6", "gaussian/0.6"],
    ),
    "heavy tails": ({"rejected": 9.0}, ["normal/1/0.6", "normal/256/0.6"]),
    "a blunt test": ({"power": 0.5}, ["power/student"]),
}  # fmt: skip


class TestTable:
    def test_every_claim_is_among_all_and_in_a_group_of_the_readme(self):
        known = {claim.id for claim in all_claims()}
        for claim in CNN_CLAIMS:
            assert claim.id in known
            assert sum(claim.id.startswith(f"{group}/") for group in GROUPS) == 1

    def test_every_sense_rule_and_target_is_judged(self):
        for target in TARGETS:
            for sense, rule in CURVES:
                assert f"surge/{sense}/{rule}/{target:g}" in CLAIMS
                assert f"rival/{sense}/{rule}/{target:g}/surge" in CLAIMS

    def test_kinds_without_a_made_up_true_case_are_tested_by_themselves(self):
        kinds = {id.partition("/")[0] for id in CLAIMS}
        assert kinds - {id.partition("/")[0] for id in TRUE} == {"rival", "surge", "peak"}


class TestVerdicts:
    @pytest.mark.parametrize("id", TRUE)
    def test_a_claim_holds_where_it_is_true(self, id):
        found = row(id, made())
        assert found["verdict"] == HOLDS
        assert found["controls"]

    @pytest.mark.parametrize("worse", WORSE)
    def test_and_fails_where_it_is_not(self, worse):
        factors, ids = WORSE[worse]
        spoilt = scaled(made(), **factors)
        for id in ids:
            found = row(id, spoilt)
            assert found["verdict"] == FAILS, id
            assert found["controls"] == []

    def test_nothing_else_is_turned_by_it(self):
        for factors, ids in WORSE.values():
            spoilt = scaled(made(), **factors)
            if "b_noise_line" in factors or "lr_hat" in factors:
                continue  # what others are compared with
            for id in set(TRUE) - set(ids):
                assert verdict(id, spoilt) == HOLDS, (id, ids)

    @pytest.mark.parametrize(
        ("wide", "ids"),
        [
            ({"log_lr_sem": 40}, ["independent/0.6", "gaussian/0.6", "bracketed/target/adam/1.2"]),
            ({"b_noise_line_sem": 40}, ["scale/paper/adam/0.6", "rises/line/sign"]),
            ({"lr_gaussian_sem": 40}, ["gaussian/0.6"]),
            ({"b_noise_mc": 40}, ["scale/sgd/adam/0.6", "rises/sgd"]),
            ({"power_sem": 40}, ["power/student"]),
        ],
    )
    def test_coarse_measurements_decide_nothing(self, wide, ids):
        for id in ids:
            assert verdict(id, scaled(made(), **wide)) == INCONCLUSIVE

    def test_growth_has_the_interval_of_the_rows(self):
        assert row("growth/0.6", made())["resolution"] == pytest.approx(Z95 * 2.0 / 50.0)
        assert verdict("growth/0.6", scaled(made(), corr_D1_sem=20.0)) == INCONCLUSIVE

    def test_rounds_that_differ_widely_leave_the_bias_open(self):
        data = made()
        shaken = np.random.default_rng(1).standard_normal(data.after.shape)
        data = data.assign(after=data.after + shaken)
        assert verdict("unbiased/adam/1.2", data) == INCONCLUSIVE

    def test_only_the_rate_best_by_target_and_small_batches_count_for_the_bias(self):
        data = made()
        best = np.abs(np.log(LRS / rate(BATCH)[:, None])).argmin(-1)
        far = np.ones((len(BATCH), len(LRS)), bool)
        far[np.arange(3), best[:3]] = False
        spoilt = scaled(data, after=xr.DataArray(np.where(far, 2.0, 1.0), dims=("batch", "rate")))
        assert verdict("unbiased/adam/1.2", spoilt) == HOLDS

    @pytest.mark.parametrize(("noise", "expected"), [(0.98, HOLDS), (1.02, INCONCLUSIVE)])
    def test_the_steps_of_a_line_have_student_s_interval_over_rounds(self, noise, expected):
        """The line exact in the mean: its band ends where t(n−1) of the jackknife's errors do."""
        data = made()
        left = np.linspace(-1, 1, ROUNDS)
        unit = float(np.sqrt((ROUNDS - 1) * left.var()))
        size = noise * 0.15 / (stdtrit(ROUNDS - 1, 0.975) * unit)
        spread = np.exp(size * np.concatenate([[0.0], left]))
        fewest = data.fewest.isel(replicate=0, drop=True)
        data = data.assign(fewest=fewest * xr.DataArray(spread, dims="replicate"))
        assert verdict("line/adam/0.8", data) == expected

    def test_what_is_not_there_is_not_run(self):
        data = made()
        nothing = data.assign(
            lr_hat=data.lr_hat * np.nan,
            b_noise_line=data.b_noise_line * np.nan,
            fewest=data.fewest * np.nan,
            b_noise_law=data.b_noise_law * np.nan,
        )
        small = ("bracketed/target/adam/1.2", "independent/0.6", "unbiased/sign/0.8")
        for id in (*small, "surge/target/sign/1.2", "line/adam/1.2", "scale/paper/sign/0.6",
                   "rises/paper", "rises/line/adam", "peak/fixed/adam/0.8"):  # fmt: skip
            assert verdict(id, nothing) == NOT_RUN
        part = data.sel(target=[0.8], gaussian_batch=[1], rule=["sign"])
        for id in ("rises/simple", "normal/256/0.8", "line/adam/0.8", "line/sign/1.2",
                   "rival/target/sign/0.8/root"):  # fmt: skip
            assert verdict(id, part) == NOT_RUN


class TestCurves:
    def test_a_rival_describes_its_own_curve_and_another_does_not(self):
        data = with_fits(made(), rate(BATCH), SEM, ("alpha", "linear", "root"))
        assert verdict("rival/target/adam/1.2/alpha", data) == HOLDS
        assert verdict("rival/target/adam/1.2/linear", data) == FAILS
        assert verdict("rival/target/adam/1.2/root", data) == FAILS
        assert verdict("rival/target/adam/0.8/alpha", data) == NOT_RUN

    def test_an_optimum_hardly_known_decides_no_rival(self):
        data = with_fits(made(), rate(BATCH), 0.3, ("alpha",))
        assert verdict("rival/target/adam/1.2/alpha", data) == INCONCLUSIVE

    @pytest.mark.parametrize("sense", SENSES)
    def test_a_decline_is_a_surge_and_a_plateau_is_none(self, sense):
        data, id = made(), f"surge/{sense}/sign/0.8"
        assert verdict(id, data) == FAILS
        assert verdict(id, scaled(data, lr_hat=at(LAST, 0.7))) == HOLDS
        assert verdict(id, scaled(data, lr_hat=at(LAST, 0.9))) == INCONCLUSIVE
        assert verdict(id, scaled(data, lr_hat=at(LAST, 0.7), log_lr_sem=30)) == INCONCLUSIVE

    @pytest.mark.parametrize(
        ("top", "last", "expected"),
        [(0.05, 0.001, HOLDS), (0.001, 0.05, HOLDS), (0.05, 0.05, INCONCLUSIVE),
         (0.08, 0.001, INCONCLUSIVE), (0.001, 0.08, INCONCLUSIVE)],
    )  # fmt: skip
    def test_a_surge_is_as_uncertain_as_both_of_its_rates_together(self, top, last, expected):
        """0.8 of the largest: 1.96 · 0.8 · 0.05 is less than the 0.1 to the band's end, and with
        √2 more."""
        data = made()
        lr = np.where(BATCH == 64, 1.0, np.where(LAST, 0.8, 0.4))
        sem = np.where(BATCH == 64, top, np.where(LAST, last, 0.001))
        data = data.assign(
            lr_hat=0 * data.lr_hat + xr.DataArray(lr, dims="batch"),
            log_lr_sem=0 * data.log_lr_sem + xr.DataArray(sem, dims="batch"),
        )
        assert verdict("surge/further/adam/0.8", data) == expected

    def test_one_high_point_of_little_weight_is_no_surge(self):
        data = scaled(made(), lr_hat=at(BATCH == 64, 3.0), log_lr_sem=at(BATCH == 64, 100.0))
        assert verdict("surge/target/adam/1.2", data) == FAILS

    @pytest.mark.parametrize(("peak", "expected"), [(60.0, HOLDS), (400.0, FAILS)])
    def test_the_peak_is_at_the_noise_scale_or_not(self, peak, expected):
        bump = np.exp(-0.1 * np.log(BATCH / peak) ** 2)
        data = made().assign(b_peak=made().b_peak.fillna(peak))
        data = data.assign(lr_hat=data.lr_hat * 0 + xr.DataArray(bump, dims="batch"))
        assert verdict("peak/target/adam/0.8", data) == expected

    def test_a_flat_peak_is_uncertain_and_decides_nothing(self):
        bump = np.exp(-0.001 * np.log(BATCH / 60.0) ** 2)
        data = made().assign(b_peak=made().b_peak.fillna(60.0))
        data = data.assign(lr_hat=data.lr_hat * 0 + xr.DataArray(bump, dims="batch"))
        assert verdict("peak/target/adam/0.8", data) == INCONCLUSIVE
