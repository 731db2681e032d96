"""The conditions that the laws rest on, each stated once; most are silent in the papers.

For every name here there is a counterexample: a case that violates this condition alone and
breaks a statement that needs it (`theory.derivations`, and again in the tests).
"""

from theory.law import Hypothesis

QUADRATIC = Hypothesis(
    "quadratic", "the loss is quadratic along the step: no third derivative is felt"
)
POSITIVE_CURVATURE = Hypothesis("positive_curvature", "the expected curvature E[VᵀHV] is positive")
DESCENT = Hypothesis("descent", "the expected update descends: GᵀE[V] > 0")
INDEPENDENT_SAMPLES = Hypothesis(
    "independent_samples", "the samples of a batch are drawn independently"
)
GAUSSIAN = Hypothesis("gaussian", "the batch gradient is Gaussian in each coordinate")
NO_DEAD_COORDINATE = Hypothesis("no_dead_coordinate", "no coordinate has μ = σ = 0")
NOISY = Hypothesis("noisy", "every coordinate has noise, σ_i > 0")
INDEPENDENT_COORDINATES = Hypothesis(
    "independent_coordinates", "the noise of different coordinates is uncorrelated"
)
JOINTLY_GAUSSIAN = Hypothesis(
    "jointly_gaussian", "the batch gradients of two coordinates are jointly Gaussian"
)
ZERO_MEANS = Hypothesis("zero_means", "both coordinates have mean zero")
SMALL_BATCH = Hypothesis(
    "small_batch", "B ≪ πσ_i²/(2μ_i²) in every coordinate, the peak B_noise included"
)
POSITIVE_TRACE = Hypothesis("positive_trace", "T = tr H > 0")
POSITIVE_S = Hypothesis("positive_S", "S = Σ_{i≠j} r_i r_j H_ij > 0")
NO_VANISHING_MEAN = Hypothesis("no_vanishing_mean", "no coordinate has μ_i = 0 with σ_i > 0")
COMMON_RATIO = Hypothesis("common_ratio", "all coordinates share one ratio σ_i/|μ_i| = κ")
SURGING = Hypothesis("surging", "Q > 2T")
DIAGONAL = Hypothesis("diagonal", "the Hessian is diagonal")
SIGMOID = Hypothesis("sigmoid", "erf x is replaced by x/√(x² + π/4)")
LOCAL_LAW = Hypothesis(
    "local_law", "at each loss every batch size makes the decrease of the local law, ΔL_max and "
    "B_noise being functions of the loss alone"
)  # fmt: skip
EMPIRICAL = Hypothesis("empirical", "an empirical or heuristic proposal, not derived")
BELOW_NOISE = Hypothesis("below_noise", "B ≪ B_noise")
ABOVE_NOISE = Hypothesis("above_noise", "B ≫ B_noise")
HOMOGENEOUS = Hypothesis("homogeneous", "the rule is homogeneous: V(cĝ) = c^k V(ĝ) for c > 0")
STRAIGHT = Hypothesis(
    "straight", "the gradient shrinks without turning, along one eigenvalue of the Hessian"
)
FROZEN = Hypothesis(
    "frozen", "the mean gradient stands still while the rule's averages become stationary"
)
MEAN_FIELD = Hypothesis(
    "mean_field", "the mean of a ratio is replaced by the ratio of means, over coordinates too"
)
WEAKLY_CORRELATED = Hypothesis(
    "weakly_correlated", "B(r_i² + r_j²) ≪ 1 − |ρ_ij| for every pair, the peak D0/D1 included"
)
POSITIVE_D0 = Hypothesis("positive_D0", "D0 = T + (2/π)Σ_{i≠j} H_ij arcsin ρ_ij > 0")
POSITIVE_D1 = Hypothesis(
    "positive_D1",
    "D1 = (2/π)Σ_{i≠j} H_ij [r_i r_j − ½ρ_ij(r_i² + r_j²)]/√(1 − ρ_ij²) > 0",
)
EQUICORRELATED = Hypothesis("equicorrelated", "s_i s_j ρ_ij is the same number for all pairs")
NEARLY_PERFECT = Hypothesis("nearly_perfect", "1 − ρ ≪ 1")
LONG_MEMORY = Hypothesis(
    "long_memory",
    "the average of squares is long, Σ_k w_k² ≪ 1: β2 near 1 (Adagrad: many steps)",
)
FIRST_ORDER = Hypothesis("first_order", "correlations so weak that their squares can be left out")
SMOOTH_SAMPLES = Hypothesis(
    "smooth_samples", "a per-sample gradient has a density: its values are not on a lattice"
)
FOUR_MOMENTS = Hypothesis("four_moments", "a per-sample gradient has a finite fourth moment")
GAUSSIAN_COPULA = Hypothesis(
    "gaussian_copula", "the signs of a batch gradient are those of a thresholded Gaussian vector"
)
SMALL_DECAY = Hypothesis("small_decay", "one step decays the weights by little: ηλ ≪ 1")
EQUAL_NOISE = Hypothesis("equal_noise", "every coordinate has the same noise σ")
LARGE_MATRIX = Hypothesis(
    "large_matrix", "the gradient is a matrix of many entries, and so is its noise"
)
SQUARE = Hypothesis("square", "the gradient is a square matrix")
TALL = Hypothesis("tall", "one side of the gradient matrix is much longer than the other")
EQUAL_SINGULAR_VALUES = Hypothesis(
    "equal_singular_values", "all singular values of the mean gradient matrix are equal"
)
NUCLEAR_CURVATURE = Hypothesis(
    "nuclear_curvature", "the Hessian is X ↦ (GGᵀ)^½X/η_max, GGᵀ being the smaller Gram matrix"
)
NORM_SURGING = Hypothesis("norm_surging", "B_simple > 2B_noise")
COMMON_MEAN = Hypothesis("common_mean", "all coordinates share one |μ_i|")
CLOSED = Hypothesis(
    "closed", "the parameters and the batch gradient are jointly Gaussian at every step"
)
STABLE = Hypothesis("stable", "ελ < 2 for every eigenvalue λ of the Hessian")
GRADIENT_FLOW = Hypothesis("gradient_flow", "small steps along the mean gradient, θ̇ = −G")
CONSTANT_NOISE = Hypothesis("constant_noise", "per-sample noise does not change along the run")
POWER_DECAY = Hypothesis("power_decay", "the loss falls as a power of the time of the flow")
