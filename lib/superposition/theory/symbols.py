"""The symbols of all derivations; capital and small letters are the post's."""

import sympy as sp

D, M, T, k, m, d, r = sp.symbols("D M T k m d r", positive=True)
w2, sum2, a2, tolerance = sp.symbols(r"|w|^{2} |Σw|^{2} |a|^{2} nu", positive=True)
h2 = sp.symbols(r"\overline{h^{2}}", positive=True)
n_vectors = sp.symbols("n", positive=True)

# What definitions leave open and assumptions fix.
entry_mean, entry_variance = sp.symbols(r"\mu s^{2}")
entry_covariance, dimension_covariance = sp.symbols(r"c q")
carrying_probability, carrier_covariance = sp.symbols(r"p \kappa")
third_moment, circuit_covariance = sp.symbols(r"\tau g")
# Two given large neurons both carry a given small one; none of the others chooses a large neuron;
# what losing one carrier says about losing another.
pair_probability, nobody, loss_covariance = sp.symbols(r"p_2 P_0 \ell")
# P_j: probability that a large neuron carries j of the active small neurons; F_j and G_j: mean
# square and mean of its activation then.
carried_active, square_when, mean_when = (sp.IndexedBase(name) for name in ("P", "F", "G"))
pre_mean = sp.symbols(r"\mu_p", real=True)
pre_variance, margin = sp.symbols(r"s_p^{2} beta", positive=True)
MOST = 8  # active small neurons on one large neuron: more are left out
