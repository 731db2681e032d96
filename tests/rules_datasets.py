"""Small datasets of the form of `onestep_rules`, `law_errors` and `correlated_peak`, made up."""

import numpy as np
import xarray as xr

BATCH = np.array([1, 10, 100, 1000])
FINE = np.geomspace(1, 1000, 7)
CONTROLS = ("half the noise", "no off-diagonal terms", "independence", "no momentum")
QUANTITIES = ("lr_star", "decrease", "numerator", "denominator")


def rules(
    cases: tuple[str, ...] = ("sign", "sgd", "adam(0.9,0.95)", "muon", "soft_sign(1.0)"),
    problems: tuple[str, ...] = ("dense_shaped", "dense_independent", "one_ratio"),
) -> xr.Dataset:
    """Laws that rise and fall, measured to 0.15 %; the first case lacks its last problem."""
    dims, shape = ("case", "problem", "batch"), (len(cases), len(problems), len(BATCH))
    height = 1 + np.arange(len(cases))[:, None, None] + np.zeros((1, len(problems), 1))

    def law(batch):
        return height * np.sqrt(batch) / (1 + 0.02 * batch) + 0.1

    wiggle = 0.002 * np.sin(np.arange(np.prod(shape))).reshape(shape)
    data: dict = {"draws": (dims, np.full(shape, 1000.0)), "law_sem": (dims, np.zeros(shape))}
    factor = np.array([1.5, 2.0, 1.8, 3.0])[:, None]
    for quantity in QUANTITIES:
        data[f"{quantity}_law"] = (dims, law(BATCH))
        data[f"{quantity}_mean"] = (dims, law(BATCH) * (1 + wiggle))
        data[f"{quantity}_sem"] = (dims, 0.0015 * law(BATCH))
        wrong = law(BATCH)[..., None, :] * factor
        data[f"{quantity}_control"] = ((*dims[:2], "control", "batch"), wrong)
    fine = (*dims[:2], "batch_fine")
    data["lr_star_fine"] = (fine, law(FINE))
    data["lr_star_independent_fine"] = (fine, 1.8 * law(FINE))
    coords = {
        "case": list(cases), "problem": list(problems), "batch": BATCH, "batch_fine": FINE,
        "control": list(CONTROLS),
    }  # fmt: skip
    dataset = xr.Dataset(data, coords=coords)
    if len(problems) > 1:
        for name in dataset.data_vars:
            dataset[name][{"case": 0, "problem": -1}] = np.nan
    return dataset


def law_errors() -> xr.Dataset:
    """One approximation for independent noise, one for correlated."""
    spread, rho = np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.3, 0.9])
    error = 1 + 0.3 * spread[:, None, None] + rho[:, None] / (1 + 0.01 * BATCH)
    ratio = np.stack([error, error])
    ratio[0, :, 1:] = np.nan
    return xr.Dataset(
        {
            "ratio": (("approximation", "spread", "correlation", "batch"), ratio),
            "title": ("approximation", ["one ratio for all", "order ρ"]),
        },
        coords={
            "approximation": ["mean_field", "mehler_1"], "spread": spread, "correlation": rho,
            "batch": BATCH,
        },
    )  # fmt: skip


def correlated_peak() -> xr.Dataset:
    """Two problems that peak at B = 100, at which the paper's B_noise is 20."""
    d0, d1 = 100.0, 1.0

    def lr(batch):
        return np.stack([np.sqrt(2 * batch / np.pi) / (d0 + batch * d1)] * 2)

    each = {
        "peak": 100.0, "correlated_noise_scale": 98.0, "D0": d0, "D1": d1, "M": 1.0,
        "paper_eps_max": 0.09, "paper_noise_scale": 20.0, "in_regime": True,
    }  # fmt: skip
    curves = {
        "lr_star_mean": lr(BATCH), "lr_star_sem": 0.005 * lr(BATCH), "lr_star_law": lr(BATCH),
        "lr_star_independent": 2 * lr(BATCH), "draws": np.full((2, len(BATCH)), 1000),
    }  # fmt: skip
    fine = {"lr_star_fine": lr(FINE), "lr_star_independent_fine": 2 * lr(FINE)}
    return xr.Dataset(
        {name: ("problem", [value] * 2) for name, value in each.items()}
        | {name: (("problem", "batch"), value) for name, value in curves.items()}
        | {name: (("problem", "batch_fine"), value) for name, value in fine.items()},
        coords={"problem": ["shaped", "low_rank"], "batch": BATCH, "batch_fine": FINE},
    )
