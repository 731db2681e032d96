"""What should be true: laws of the optimal learning rate, derived and machine-checked.

Importing this package derives and verifies nothing; `derivations()` and `verify()` do.
"""

from theory.closure import Prediction, predict_runs
from theory.closure_optimum import BestRun, best_run_lr
from theory.correlated_small_batch import CorrelatedSmallBatch, correlated_small_batch
from theory.derivations import derivations
from theory.laws import LAWS
from theory.learning_rate import OneStep, one_step, optimal_lr
from theory.mehler import samples_of_factor
from theory.noise_scale import SmallBatch, small_batch
from theory.plateau import large_batch_limit
from theory.rules import RULES
from theory.surge import common_ratio_half, common_ratio_peak
from theory.verify import Verdict, verify

__all__ = [
    "LAWS",
    "RULES",
    "BestRun",
    "CorrelatedSmallBatch",
    "OneStep",
    "Prediction",
    "SmallBatch",
    "Verdict",
    "best_run_lr",
    "common_ratio_half",
    "common_ratio_peak",
    "correlated_small_batch",
    "derivations",
    "large_batch_limit",
    "one_step",
    "optimal_lr",
    "predict_runs",
    "samples_of_factor",
    "small_batch",
    "verify",
]
