"""`python -m experiments.readme`: the claim table of README.md, from the last full run.

`experiments/results/claims.json` is that run's record; `--from out/claims.json` replaces it first.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.claims import as_json
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN

RECORD = Path("experiments/results/claims.json")
README = Path("README.md")
BEGIN, END = "<!-- claims: generated -->\n", "<!-- end of claims -->\n"

GROUPS = {
    "theory": "Every law is derived; every step of the derivation is machine-checked",
    "onestep_quadratic/law": "Monte Carlo agrees with the law: ε*, ΔL*, E[VᵀG], E[VᵀHV], every B",
    "onestep_quadratic/optimality": "10 % beside the law's ε* the loss falls less (paired)",
    "onestep_quadratic/surge": "sign descent surges where the law says so",
    "onestep_quadratic/no_surge": "… and does not where it says not",
    "onestep_quadratic/independent": "Theorem 2 as printed, under correlated noise",
    "onestep_quadratic/plateau": "Theorem 4, with coordinates of zero mean",
    "onestep_quadratic/small_batch": "Theorem 3 within 4 % at small B",
    "onestep_quadratic/exponent": "small-batch exponents ½ (sign) and 1 (SGD)",
    "onestep_quadratic/peak": "B_peak where all coordinates share one ratio σ/μ",
    "onestep_quadratic/rival": "a rival law describes ε*(B) of a quadratic within 3 %",
    "onestep_rules/law": "Every update rule agrees with its law on random problems, d ≤ 4096",
    "onestep_rules/independent": "… and not with the law of independent noise, where it is not",
    "onestep_rules/surge": "Adam with momentum surges on a diagonal Hessian",
    "onestep_rules_wide/law": "Rules with memory or of matrices: all nine problems, d = 2 to 1024",
    "onestep_rules_wide/independent": "… and not with the law of independent noise",
    "correlated_peak/place": "correlated noise: the peak is at D0/D1 within 15 %",
    "correlated_peak/curve": "… and ε* is the law's around it",
    "law_errors": "an approximate law is as near to the exact one as it is said to be",
    "onestep_nongaussian/enumerated": "samples not Gaussian: the enumerated law within 3 %",
    "onestep_nongaussian/edgeworth": "… Edgeworth's, to order 1/B, within 3 % for B ≥ 16",
    "onestep_nongaussian/edgeworth_at_one": "… and at B = 1",
    "onestep_nongaussian/ascends": "**digits MLP:** near its end the step of one sample ascends",
    "onestep_nongaussian/descent": "… and E[V]ᵀG is the enumerated one, for B ≤ 16",
    "onestep_nongaussian/copula": "… E[VᵀHV] at B = 1: a copula of exact marginals, within 1.2",
    "onestep_nongaussian/copula_4": "… at B = 4 within 3 %",
    "onestep_nongaussian/interpolated": "… at B = 4: Gaussian, plus its error at B = 1 over B",
    "onestep_network/independent": "**real networks:** Theorem 2 within a factor 1.25 at every B",
    "onestep_network/gaussian": "Gaussian noise of the true covariance, within 1.25 for B ≥ 16",
    "onestep_network/gaussian_64": "… and for B ≥ 64",
    "onestep_network/no_surge": "ε* with real minibatches declines by less than 10 %",
    "onestep_network/line_search": "the loss itself agrees with second order within 1.5",
    "onestep_network/precision": "ε* measured to 10 % or better, wherever it exists",
    "onestep_network/rival": "a rival law describes ε*(B) of a network within 25 %",
    "steplaw/fit": "**published language models:** the constants of Step Law, and its form",
    "steplaw/surface": "the loss is convex in (ln lr, ln B), with one valley and a broad optimum",
    "steplaw/regret": "what Step Law and its rivals lose against each cell's best run",
    "steplaw/moe": "… on mixtures of experts, with all parameters or those active",
    "steplaw/noise": "the noise of a loss belongs to the tokens, and falls as 1/√B",
    "steplaw/not_public": "what no public run can decide",
    "whole_runs/rise": "**whole runs:** at small B the best ε grows as √B (sign), as B (SGD)",
    "whole_runs/surge": "… to a target it peaks and falls, where directions are coherent",
    "whole_runs/no_surge": "… and does not, for SGD or where H is diagonal",
    "whole_runs/trap": "… yet at a fixed horizon it falls where H is diagonal, too",
    "whole_runs/horizon_falls": "… as for other rules that divide by the gradient's size",
    "whole_runs/horizon_level": "… and not for rules linear in the gradient",
    "whole_runs/branch": "… some steps after a common loss (the paper's protocol) it falls",
    "whole_runs/peak": "… where it peaks, as the loss falls",
    "whole_runs/decline": "… and how far it falls",
    "whole_runs/drift": "… B_peak grows as 1/L, not as Kaplan's power of it",
    "whole_runs/steps": "… and the fewest steps rise again at large B",
    "closure/exact": "**whole runs, predicted:** SGD's expected loss, every cell of the grid",
    "closure/loss": "… sign descent, Signum and Adam by the closure, within 5 to 10 %",
    "closure/by_target": "… the best ε to a target within 10 % or its interval",
    "closure/by_horizon": "… the best ε at a horizon",
    "closure/long": "… for Adam in runs of 20 steps to a target, of 80 at a horizon, or more",
    "closure/chatter": "… also where signs flip together, ε‖H‖√B/σ > 1.5",
    "se_line/gentle_line": "**whole runs:** SGD, 2 % of each best rate: 1/S is a line in 1/E",
    "se_line/gentle_scale": "… whose B_noise is the mean tr(HΣ)/GᵀHG of the flow, within 10 %",
    "se_line/greedy_line": "… and with each step's best rate, the line within 15 %",
    "se_line/greedy_scale": "… and its B_noise within 1.5",
    "se_line/line": "fewest steps over constant learning rates: the line within 15 %",
    "se_line/scale": "… its B_noise is a mean noise scale of the run, within 1.5",
    "se_line/peak": "… its B_noise is where ε*(B) of these runs peaks, within 1.5",
    "se_line/never_rises": "the largest batch takes the fewest steps, within 3 %",
    "momentum_runs/one_step": "momentum: ε* of one step is the one-step noise factor's, within 1.2",
    "momentum_runs/between": "… over 10 steps that of c_K, the factor of 10 steps, within 1.25",
    "momentum_runs/one_step_runs": "… over 1000 steps still the one-step factor's",
    "momentum_runs/long_run": "… over 1000 steps the long-run factor's, every B",
    "momentum_runs/long_run_noisy": "… the same, B ≤ 32",
    "momentum_runs/target": "… to a target hundreds of steps away the long-run factor's",
    "momentum_runs/target_soon": "… and to one tens of steps away",
    "momentum_runs/beta2": "Adam's β2, 0.95 or 0.999, does not move ε* by target, B ≤ 256",
    "momentum_runs/half_life": "… nor does β2 of one half-life in samples",
    "momentum_runs/growth": "at one half-life of β2 ε* grows < 3-fold from B = 4 to 1024",
    "steplaw/batch_law": "**given a batch size:** a rival law explains η*(B) as well as the best",
    "steplaw/batch_raw": "… judged on the raw losses",
    "steplaw/batch_regret": "a rule loses more than the best law, in cells it has not seen",
    "steplaw/batch_nested": "choosing among the laws costs nothing, in cells not seen",
    "steplaw/batch_exponent": "the exponent of η*(B), overall and below the knee",
    "steplaw/batch_decline": "η* is level at large batches and does not fall",
    "steplaw/batch_noise": "how the noise scale moves with N, D and the loss",
    "steplaw/batch_moe": "mixtures of experts: total, not active, parameters count",
    "cnn_fashion/rival": "**the seed paper's CNN:** a rival law describes ε*(B) within 25 %",
    "cnn_fashion/surge": "… ε* at the largest B is over 10 % below that at a smaller one",
    "cnn_fashion/line": "… fewest steps: the line of steps against samples within 15 %",
    "cnn_fashion/scale": "… its B_noise is eq. (14), tr Σ/|G|², tr(HΣ)/GᵀHG or D0/D1, within 1.5",
    "cnn_fashion/peak": "… its B_noise is where ε*(B) peaks, within 1.5",
    "cnn_fashion/rises": "… B_noise rises as the loss falls",
    "cnn_fashion/bracketed": "… the paper's grid of learning rates brackets every optimum of Adam",
    "cnn_fashion/unbiased": "… K steps after a run first has its target, B ≤ 12, the loss is lower",
    "cnn_fashion/independent": "… Theorem 2 within a factor 1.25 at every B",
    "cnn_fashion/gaussian": "… Gaussian noise of the true covariance, within 1.25 for B ≥ 64",
    "cnn_fashion/growth": "… E[VᵀHV] grows with B as for independent noise, within 1.5",
    "cnn_fashion/normal": "… gradients, of samples or means of 256, are Gaussian by coordinate",
    "cnn_fashion/power": "… and the test would see Student's t with 4 degrees of freedom",
    "advice/regret": "**advice:** the loss that its rate loses in cells not seen, against targets",
    "advice/coverage": "… its 90 % intervals cover 85 to 95 % of the optima of cells not seen",
    "advice/better": "… it loses less than Step Law's own rate, alone or scaled by the batch",
    "advice/beyond": "… and, at ends of the data held back, less than the same rule uncontinued",
}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with one line per group of claims."""
    lines = [
        "| statement | claims | hold | fail | inconclusive | controls rejected |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for group, words in GROUPS.items():
        mine = [row for row in rows if row["id"].startswith(f"{group}/")]
        counts = [sum(row["verdict"] == v for row in mine) for v in (HOLDS, FAILS, INCONCLUSIVE)]
        controls = [control["rejected"] for row in mine for control in row["controls"]]
        ran = sum(row["verdict"] != NOT_RUN for row in mine)
        cells = [words, str(ran), *(str(count) if count else "–" for count in counts)]
        cells.append(f"{sum(controls)} of {len(controls)}" if controls else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def with_table(readme: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The README with its table made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(rows) + END + after


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.readme")
    parser.add_argument("--from", dest="source", type=Path)
    source = parser.parse_args().source
    try:
        rows = json.loads((source or RECORD).read_text())
        if source:
            RECORD.parent.mkdir(exist_ok=True)
            RECORD.write_text(as_json([{**row, "seconds": 0.0} for row in rows]))
        README.write_text(with_table(README.read_text(), rows))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
