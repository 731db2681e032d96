"""The figures, in the order of the report: a new figure is a new file and a new line here."""

from collections.abc import Mapping

from figures import (
    closure,
    correlated_peak,
    existence,
    horizon_trap,
    law_errors,
    momentum_runs,
    network,
    network_ratio,
    nongaussian,
    peak_drift,
    residuals,
    rivals,
    rivals_network,
    rules,
    saturation,
    se_line,
    sgd,
    steplaw_advice,
    steplaw_batch_regret,
    steplaw_fits,
    steplaw_noise_scale,
    steplaw_regret,
    steplaw_slices,
    steplaw_surfaces,
    surge,
    whole_runs,
)
from figures.entry import Entry

FIGURES: Mapping[str, Entry] = {
    module.ENTRY.name: module.ENTRY
    for module in (
        surge,
        sgd,
        residuals,
        saturation,
        existence,
        rules,
        correlated_peak,
        law_errors,
        network,
        network_ratio,
        nongaussian,
        rivals,
        rivals_network,
        steplaw_fits,
        steplaw_surfaces,
        steplaw_regret,
        steplaw_slices,
        steplaw_batch_regret,
        steplaw_noise_scale,
        steplaw_advice,
        whole_runs,
        horizon_trap,
        peak_drift,
        closure,
        momentum_runs,
        se_line,
    )
}
