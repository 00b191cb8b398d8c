"""All derivations use these symbols; capital and small letters are the post's."""

from __future__ import annotations

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
pair_probability, no_other_choice, loss_covariance = sp.symbols(r"p_2 P_0 \ell")
# Of one circuit's two different small neurons, on two different large ones.
cross_covariance = sp.symbols(r"\kappa_2")
# P_j: probability that a large neuron carries j of the active small neurons; F_j and G_j: mean
# square and mean of its activation then.
carried_active, square_when, mean_when = (sp.IndexedBase(name) for name in ("P", "F", "G"))
pre_mean = sp.symbols(r"\mu_p", real=True)
pre_variance, margin = sp.symbols(r"s_p^{2} beta", positive=True)
MOST = 8  # active small neurons on one large neuron: more are left out

# Over the layers: squared lengths of what an inactive circuit holds (garbage), of an active one's
# error (delta2) and state with its error (state2), all of them together in the stream (content);
# an error's product with the truth (drift). Weights without the indicator's entry are "bare".
garbage, delta2, state2, content = sp.symbols(r"|g|^{2} |\delta|^{2} |s|^{2} G", nonnegative=True)
drift, feedback, self_feedback = sp.symbols(r"a{\cdot}\delta \chi \chi_0", real=True)
bare_w2, bare_sum2, write2 = sp.symbols(r"|w_0|^{2} |Σw_0|^{2} |w'|^{2}", positive=True)
# One neuron: its own input, the input of a carrier, and what carriers make of it.
wanted, carrier_input = sp.symbols("x y", real=True)
noise, common_noise, jump_variance = sp.symbols(r"v v_{\text{com}} s_c^{2}", positive=True)
jump_mean, others, chance = sp.symbols(r"\mu_c n_{\text{act}} \eta", positive=True)
collisions, collision_chance = sp.symbols("j P_j", nonnegative=True)
firing_share, mean_activation, square_activation = sp.symbols(r"P_+ R_1 R_2", nonnegative=True)
# Two carriers of one small neuron: the chance that both carry a given other active one; mean and
# mean square of the activation that it then causes on both; the mean without it.
both_chance, both_mean, both_square, alone_mean = sp.symbols(
    r"\eta_2 B_1 B_2 R_{1|0}", nonnegative=True
)
activation, estimate_square, squared_error, error_product = sp.symbols(
    r"h H \varepsilon \varepsilon_h", real=True
)
