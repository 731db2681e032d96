"""What happens: Monte Carlo on quadratics and measurements on real networks.

Nothing here knows a law; `theory` and `sim` meet only in `experiments`.
"""

from sim.estimate import Estimate
from sim.families import FAMILIES
from sim.network_measure import measure_network
from sim.onestep import OneStep, measure_one_step
from sim.quadratic import DiagonalPlusLowRank, Quadratic, sample_gradients
from sim.rules import RULES

__all__ = [
    "FAMILIES", "RULES", "DiagonalPlusLowRank", "Estimate", "OneStep", "Quadratic",
    "measure_network", "measure_one_step", "sample_gradients",
]  # fmt: skip
