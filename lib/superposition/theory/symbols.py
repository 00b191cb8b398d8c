"""The symbols of all derivations; capital and small letters are the post's."""

import sympy as sp

D, M, T, k, m, d, r = sp.symbols("D M T k m d r", positive=True)
w2, sum2, a2, tolerance = sp.symbols(r"|w|^{2} |Σw|^{2} |a|^{2} nu", positive=True)
h1, h2 = sp.symbols(r"\overline{h} \overline{h^{2}}", positive=True)
n_vectors = sp.symbols("n", positive=True)

# What definitions leave open and assumptions fix.
entry_mean, entry_variance = sp.symbols(r"\mu s^{2}")
entry_covariance, dimension_covariance = sp.symbols(r"c q")
carrying_probability, carrier_covariance = sp.symbols(r"p \kappa")
third_moment, circuit_covariance = sp.symbols(r"\tau g")
