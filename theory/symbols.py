"""Every symbol of the theory, once: its assumptions, its meaning and its unit.

SymPy takes two symbols of one name with different assumptions for different symbols, silently.
Therefore every module imports its symbols from here and none creates its own.
"loss" is the unit of the loss, "param" the unit of a parameter; "1" marks a pure number.
"""

from typing import Any, NamedTuple

import sympy as sp


class Quantity(NamedTuple):
    """What a symbol stands for, for a reader and for a legend."""

    meaning: str
    unit: str


SYMBOLS: dict[sp.Symbol | sp.IndexedBase, Quantity] = {}


def _symbol(name: str, meaning: str, unit: str, **assumptions: bool) -> sp.Symbol:
    symbol = sp.Symbol(name, **assumptions)
    SYMBOLS[symbol] = Quantity(meaning, unit)
    return symbol


def _indexed(name: str, meaning: str, unit: str) -> Any:  # SymPy's own type lacks arithmetic
    base: Any = sp.IndexedBase(name, real=True)
    SYMBOLS[base] = Quantity(meaning, unit)
    return base


# One coordinate of the gradient
B = _symbol("B", "batch size", "samples", positive=True)
mu = _symbol("mu", "mean of a per-sample gradient", "loss/param", real=True)
sigma = _symbol("sigma", "standard deviation of a per-sample gradient", "loss/param", positive=True)
r = _symbol("r", "signal-to-noise ratio μ/σ", "1", real=True)
kappa = _symbol("kappa", "noise-to-signal ratio σ/|μ|, where all coordinates share it", "1",
                positive=True)  # fmt: skip
mu_abs = _symbol("mu_abs", "|μ|, where all coordinates share it", "loss/param", positive=True)
E = _symbol("E", "mean sign erf(√(B/2) μ/σ)", "1", real=True)

# A pair of coordinates
h = _symbol("h", "√B r of the first coordinate of a pair", "1", real=True)
k = _symbol("k", "√B r of the second coordinate of a pair", "1", real=True)
rho = _symbol("rho", "correlation of two per-sample gradients", "1", real=True)

# One step
epsilon = _symbol("epsilon", "learning rate", "param·(unit of V)⁻¹", positive=True)
N = _symbol("N", "expected descent per unit of learning rate, GᵀE[V]", "loss", real=True)
D = _symbol("D", "expected curvature along the update, E[VᵀHV]", "loss", positive=True)

# Sums over coordinates
G1 = _symbol("G_1", "sum of |μ_i|", "loss/param", positive=True)
G2 = _symbol("G_2", "squared gradient norm |G|²", "loss²/param²", positive=True)
C = _symbol("C", "curvature along the gradient, GᵀHG", "loss³/param⁴", positive=True)
W = _symbol("W", "curvature of the noise, tr(HΣ)", "loss³/param⁴", positive=True)
T = _symbol("T", "trace of the Hessian", "loss/param²", positive=True)
Q = _symbol("Q", "curvature along the signs, sᵀHs with s = sign μ", "loss/param²", positive=True)
S = _symbol("S", "off-diagonal curvature Σ_{i≠j} r_i r_j H_ij", "loss/param²", positive=True)
M = _symbol("M", "Σ μ_i²/σ_i", "loss/param", positive=True)
A = _symbol("A", "Σ H_ij arcsin ρ_ij over coordinates with μ = 0 < σ", "loss/param²", real=True)
N_E = _symbol("N_E", "Σ ℰ_i μ_i", "loss/param", real=True)
T_E = _symbol("T_E", "Σ ℰ_i² H_ii", "loss/param²", real=True)
Q_E = _symbol("Q_E", "ℰᵀHℰ", "loss/param²", real=True)

# Where all coordinates share one ratio
q = _symbol("q", "coherence of the Hessian along the signs, Q/T (under Adam Q/(cT))", "1",
            positive=True)  # fmt: skip
v = _symbol("v", "variance of a coordinate of the update", "1", real=True)
v_E = _symbol("v_E", "slope dv/dE of that variance against the mean", "1", real=True)
eta = _symbol("eta", "factor by which every mean is multiplied", "1", positive=True)
loss_0 = _symbol("L_0", "loss where B_noise was measured", "loss", positive=True)
loss = _symbol("L", "loss", "loss", positive=True)

# Correlated noise, small batches: E[VᵀHV] ≈ D_0 + B D_1 + B² D_2, GᵀE[V] ∝ √B (M − B M_3/6)
D_0 = _symbol("D_0", "curvature of random signs, T + (2/π)Σ_{i≠j} H_ij arcsin ρ_ij", "loss/param²",
              positive=True)  # fmt: skip
D_1 = _symbol("D_1", "its slope in B", "loss/param²", real=True)
D_2 = _symbol("D_2", "half its second derivative in B", "loss/param²", real=True)
M_3 = _symbol("M_3", "Σ μ_i r_i³", "loss/param", real=True)
a_n = _symbol("a_n", "n-th Mehler coefficient of a sign", "1", real=True)
a_before = _symbol("a_before", "the Mehler coefficient before it, a_{n−1}", "1", real=True)
n_order = _symbol("n_order", "order n of a Mehler coefficient", "1", positive=True)
T_w = _symbol("T_w", "Σ w_i² H_ii with w_i = exp(−h_i²/2)", "loss/param²", real=True)
K_w = _symbol("K_w", "E[(w∘u)ᵀH(w∘u)] over samples u of unit variance", "loss/param²", real=True)

# Mean fields
B_simple = _symbol("B_simple", "simple noise scale trΣ/|G|²", "samples", positive=True)
N_nu = _symbol("N_nu", "Σ ν_i μ_i of the noiseless update ν", "loss/param", positive=True)
Q_nu = _symbol("Q_nu", "curvature νᵀHν along the noiseless update ν", "loss/param²", positive=True)

# Samples that are not Gaussian
gamma_1 = _symbol("gamma_1", "skewness of a per-sample gradient", "1", real=True)
kappa_4 = _symbol("kappa_4", "excess kurtosis of a per-sample gradient", "1", real=True)
p = _symbol("p", "a probability", "1", positive=True)
chi_abs = _symbol("chi_abs", "modulus of the characteristic function at t", "1", positive=True)
chi_arg = _symbol("chi_arg", "argument of the characteristic function at t", "1", real=True)
T_nu = _symbol("T_nu", "Σ ν_i² H_ii of the noiseless update ν", "loss/param²", positive=True)

# Matrices: a gradient of p × n entries, p ≤ n
R_row = _symbol("R_row", "mean of squared gradients over a row", "loss²/param²", positive=True)
C_col = _symbol("C_col", "mean of squared gradients over a column", "loss²/param²", positive=True)
R_all = _symbol("R_all", "mean of squared gradients over all entries", "loss²/param²",
                positive=True)  # fmt: skip
p_short = _symbol("p_short", "shorter side of a gradient matrix", "1", positive=True)
n_long = _symbol("n_long", "longer side of a gradient matrix", "1", positive=True)
s_k = _symbol("s_k", "a singular value of the mean gradient matrix", "loss/param", positive=True)
s_l = _symbol("s_l", "another of its singular values", "loss/param", positive=True)
a_t = _symbol("a_t", "t and the self-energy of the rows", "loss/param", positive=True)
b_t = _symbol("b_t", "t and the self-energy of the columns", "loss/param", positive=True)

# Scales of a law
eps_max = _symbol("epsilon_max", "largest optimal learning rate", "as ε", positive=True)
alpha = _symbol("alpha", "exponent of a power law", "1", positive=True)
dL_max = _symbol("DeltaL_max", "largest expected decrease of the loss", "loss", positive=True)
B_noise = _symbol("B_noise", "noise scale", "samples", positive=True)
B_new = _symbol("B_new", "another batch size", "samples", positive=True)

# Whole runs on a quadratic, along one eigenvector or coordinate
lambda_k = _symbol("lambda_k", "an eigenvalue of the Hessian", "loss/param²", positive=True)
m_k = _symbol("m_k", "mean of a parameter", "param", real=True)
P_k = _symbol("P_k", "variance of a parameter over runs", "param²", positive=True)
a_k = _symbol("a_k", "slope of E[V] in the mean of its argument", "param/loss", positive=True)
v_e = _symbol("v_e", "variance of V that no linear function of its argument explains", "1",
              positive=True)  # fmt: skip
N_steps = _symbol("N_steps", "steps of a run", "steps", positive=True, integer=True)
N_v = _symbol("N_v", "descent Gᵀv along a direction v", "loss", positive=True)
K_G = _symbol("K_G", "a quadratic form GᵀKG of the gradient", "1", positive=True)
K_v = _symbol("K_v", "GᵀKHv, half the rate at which it falls along v", "1", real=True)
p_t = _symbol("p_t", "exponent of a loss that falls as t^(−p_t)", "1", positive=True)
lambda_max = _symbol("lambda_max", "largest eigenvalue of the Hessian", "loss/param²",
                     positive=True)  # fmt: skip
lambda_min = _symbol("lambda_min", "smallest eigenvalue of the Hessian", "loss/param²",
                     positive=True)  # fmt: skip
a_s = _symbol("a_s", "exponent of a spectrum λ_k = k^(−a_s)", "1", positive=True)
b_s = _symbol("b_s", "exponent of a start θ_k² = k^(−b_s)", "1", real=True)

# Steps against samples
steps = _symbol("S_steps", "optimizer steps to a given loss", "steps", positive=True)
S_min = _symbol("S_min", "fewest steps, at infinite batch", "steps", positive=True)
samples = _symbol("E_samples", "samples to a given loss", "samples", positive=True)
E_min = _symbol("E_min", "fewest samples, at the smallest batch", "samples", positive=True)

# Whole runs of language models
N_par = _symbol("N_par", "parameters of a model, without embeddings", "params", positive=True)
D_tok = _symbol("D_tok", "tokens of a whole run", "tokens", positive=True)
B_tok = _symbol("B_tok", "tokens of a batch", "tokens", positive=True)
C_flop = _symbol("C_flop", "floating-point operations of a whole run", "FLOP", positive=True)
lambda_wd = _symbol("lambda_wd", "weight decay", "1", positive=True)
k_0 = _symbol("k_0", "constant factor of a fitted power law", "1", positive=True)
e_N = _symbol("e_N", "exponent of the parameters", "1", real=True)
e_D = _symbol("e_D", "exponent of the tokens", "1", real=True)
e_L = _symbol("e_L", "exponent of the loss", "1", positive=True)

# Parameters of update rules
beta_1 = _symbol("beta_1", "decay of the average of gradients (momentum)", "1", positive=True)
beta_2 = _symbol("beta_2", "decay of the average of squared gradients", "1", positive=True)
eps_A = _symbol("epsilon_A", "softening of a sign: V = ĝ/√(ĝ² + ε_A²)", "loss/param", positive=True)
c = _symbol("c", "factor by which averaging shrinks the noise variance", "1", positive=True)
t_steps = _symbol("t_steps", "steps since the accumulator was zero", "steps", positive=True)
K_steps = _symbol("K_steps", "consecutive steps whose updates are summed", "steps", positive=True)
A_K = _symbol("A_K", "Σ_{k=1}^{K−1} (1 − k/K) arcsin β1ᵏ", "1", positive=True)
lambda_H = _symbol("lambda_H", "an eigenvalue of the Hessian", "loss/param²", positive=True)

# V = Σ a_k g_k/√(Σ w_k g_k²) of the last gradients, in units of their deviation s, with Σa = Σw = 1
A_t = _symbol("A_t", "½ Σ_k ln(1 + 2t w_k)", "1", positive=True)
C_t = _symbol("C_t", "Σ_k w_k/(1 + 2t w_k)", "1", positive=True)
D_a = _symbol("D_a", "Σ_k a_k/(1 + 2t w_k)", "1", positive=True)
D_aa = _symbol("D_aa", "Σ_k a_k²/(1 + 2t w_k)", "1", positive=True)
s_aa = _symbol("s_aa", "Σ_k a_k²", "1", positive=True)
s_aw = _symbol("s_aw", "Σ_k a_k w_k", "1", positive=True)
s_ww = _symbol("s_ww", "Σ_k w_k²", "1", positive=True)
s_aaw = _symbol("s_aaw", "Σ_k a_k² w_k", "1", positive=True)

# Variables of integration, of a limit or of a proof
x = _symbol("x", "a real variable", "1", real=True)
y = _symbol("y", "a second real variable", "1", real=True)
z = _symbol("z", "a standard normal value", "1", real=True)
u = _symbol("u", "artanh of a correlation", "1", real=True)
t = _symbol("t", "a positive variable", "1", positive=True)
w = _symbol("w", "a positive mixing variable, of density e^{−w}", "1", positive=True)

# Indexed by coordinate; i and j run from 0
i, j, n, b = sp.symbols("i j n b", integer=True, nonnegative=True)
mu_ = _indexed("mu", "means by coordinate", "loss/param")
sigma_ = _indexed("sigma", "standard deviations by coordinate", "loss/param")
E_ = _indexed("E", "mean signs by coordinate", "1")
V_ = _indexed("V", "one update direction", "1")
theta_ = _indexed("theta", "parameters", "param")
K_ = _indexed("K", "covariance of the update", "1")
Sigma_ = _indexed("Sigma", "covariance of a per-sample gradient", "loss²/param²")
tau_ = _indexed("tau", "noise-free steps spent at each loss", "steps")
beta_ = _indexed("beta", "noise scale at each loss", "samples")
H_ = _indexed("H", "Hessian", "loss/param²")
rho_ = _indexed("rho", "correlations", "1")
a_ = _indexed("a", "weights of the last gradients in an average", "1")
w_ = _indexed("w", "weights of their squares", "1")
