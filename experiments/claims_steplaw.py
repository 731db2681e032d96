"""Claims of Step Law (Li et al. 2025, 2503.04715), each judged on the published runs."""

from experiments.claim import Claim

STEPLAW_CLAIMS: tuple[Claim, ...] = ()
