"""Small datasets of the form of `se_line` and of `momentum_runs`, made up."""

import numpy as np
import xarray as xr

BATCH = 2 ** np.arange(2, 13, 2)


def se_line(problems=("coherent", "diagonal"), rules=("sgd", "sign", "adam")) -> xr.Dataset:
    """Steps on the line, those of gentle SGD too; learning rates with a peak at B = 64."""
    targets, kinds = [0.2, 0.05], ["mccandlish", "paper", "half"]
    shape = (len(problems), len(rules), len(targets))
    dims = ("problem", "rule", "target")
    ones = np.ones(shape)
    steps = ones[..., None] * 10 * (1 + 300 / BATCH)
    rate = ones[..., None] * 0.1 / (np.sqrt(BATCH / 64) + np.sqrt(64 / BATCH))
    greedy = np.ones((len(problems), 2, len(targets)))
    data = {
        "steps": ((*dims, "batch"), steps),
        "steps_sem": ((*dims, "batch"), 0.02 * steps / steps),
        "ratio_sem": ((*dims, "batch"), 0.001 * steps / steps),
        "steps_r": ((*dims, "batch", "replicate"), steps[..., None] * np.linspace(1, 1.01, 9)),
        "line": ((*dims, "batch"), steps),
        "lr_star": ((*dims, "batch"), rate),
        "lr_sem": ((*dims, "batch"), 0.02 * steps / steps),
        "s_min": (dims, 10 * ones),
        "b_noise": (dims, 300 * ones),
        "b_noise_sem": (dims, 0.01 * ones),
        "b_peak": (dims, 64 * ones),
        "b_peak_sem": (dims, 0.01 * ones),
        "scale": ((*dims, "kind"), 300 * np.ones((*shape, 3))),
        "greedy_steps": (("problem", "share", "target", "batch_greedy"),
                         greedy[..., None] * 10 * (1 + 300 / BATCH)),
        "greedy_line": (("problem", "share", "target", "batch_greedy"),
                        greedy[..., None] * 10 * (1 + 300 / BATCH)),
        "greedy_b_noise": (("problem", "share", "target"), 300 * greedy),
        "greedy_s_min": (("problem", "share", "target"), 10 * greedy),
    }  # fmt: skip
    return xr.Dataset(data, coords={
        "problem": list(problems), "rule": list(rules), "target": targets, "kind": kinds,
        "batch": BATCH, "batch_greedy": BATCH.astype(float), "share": [0.02, 1.0],
    })  # fmt: skip


def momentum_runs(
    problems=("coherent", "power_law"), rules=("momentum", "signum", "adam")
) -> xr.Dataset:
    """The one-step factor right at K = 1, the long run's at K = 1000."""
    criteria, kinds = ["K = 1", "K = 10", "K = 1000", "L/L0 = 0.2"], ["one_step", "horizon",
                                                                      "long_run"]  # fmt: skip
    batch, betas = [4.0, 32.0, 256.0, 2048.0], [0.5, 0.9]
    dims = ("problem", "rule", "beta1", "criterion", "batch")
    lr = np.full((len(problems), len(rules), 2, 4, 4), 0.1)
    right = np.array([[1, 2, 3, 3], [1, 1.5, 1, 1], [0.3, 0.8, 1, 1]])
    predicted = lr[..., None, :] * right.T[:, :, None]
    wide = ("problem", "beta2", "batch_beta2", "target")
    labels = ["0.95", "0.999", "half-life"]
    beta2 = np.full((len(problems), 3, 3, 1), 0.1) * np.array([1, 2, 11])[:, None]
    data = {
        "lr": (dims, lr),
        "predicted": ((*dims[:4], "kind", "batch"), predicted),
        "ratio_sem": ((*dims[:4], "kind", "batch"), np.full(predicted.shape, 0.003)),
        "beta2_lr": (wide, beta2),
        "beta2_sem": (wide, np.full(beta2.shape, 0.01)),
        "beta2_cliff": (wide, np.zeros(beta2.shape, bool)),
        "beta2_lr_r": ((*wide, "replicate"), beta2[..., None] * np.ones(9)),
    }
    return xr.Dataset(data, coords={
        "problem": list(problems), "rule": list(rules), "beta1": betas, "criterion": criteria,
        "kind": kinds, "batch": batch, "beta2": labels, "batch_beta2": [4, 256, 1024],
        "target": [0.2],
    })  # fmt: skip
