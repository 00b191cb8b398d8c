"""Gated residual circuits disturb each other if several are active (chapter *Gated superposition*).

A circuit has r slots of the stream and r' slots of neurons. The slots are lines of different slopes
of one plane, so the circuits on a slot, γ and ϱ are those of `gating` for every slope. An active
circuit reaches neurons of slots in use, through the circuits that these share with slots of the
stream. It also reaches slots of the stream, through the circuits that these share with slots of
neurons.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.gated import chance, shared
from superposition.theory.symbols import a2, d, h2, k, m, r, w2, write2

stream, neurons = r, sp.Symbol("r'", positive=True)
# mean numbers of slots, of the r or r' of a circuit, that a slot of the other code meets
met_stream, met_neurons = sp.symbols("N N'", positive=True)
# of one neuron: what a third circuit's weights and bias make of an active one's state, squared;
# the share that fires; what a pre-activation changes on top of another one
third2, joined2 = (
    sp.Symbol(name, positive=True)
    for name in (r"(w_{x}a_{u}+b_{x})^{2}", r"(h_{t} \to h_{t+u})^{2}")
)
firing = sp.Symbol("p_+", positive=True)
# mean products of what arrives through the weights of two different circuits
third_product, written_product = sp.symbols("w_x{\\cdot}w_x' w'_x{\\cdot}w_x''", real=True)

MEET = Assumption(
    "a slot of neurons and one of the stream have another circuit in common with chance ϱ",
    {met_stream: stream * chance, met_neurons: neurons * chance},
)
UNRELATED = Assumption(
    "weights of different circuits have no mean in common",
    {third_product: sp.S.Zero, written_product: sp.S.Zero},
)


@cache
def written_by_others() -> Derivation:
    """Derive the mean square that one other circuit adds to a state in a layer: (eq-through).

    Weights are equal, and the two circuits share no slot. A neuron's slot reads N of the r slots of
    the other's state, w/r of each. A share p₊ of m neurons passes that on to the mean over r'
    slots, and w' to the state. A slot of the stream reads N' of the other's r' slots of neurons,
    w'/r' of each. The state is the mean over r slots.
    """
    one_slot = met_stream * third2 / stream**2
    in_neurons = second_moment_of_sum(neurons, one_slot, third_product) / neurons**2
    one_entry = met_neurons * m * write2 * h2 / neurons**2
    in_stream = second_moment_of_sum(stream, one_entry, written_product) / stream**2
    general = m * write2 * firing * in_neurons + in_stream
    return Derivation(r"\mathrm{E}|\delta|^{2}_{x}", general, (MEET, UNRELATED))


@cache
def new_error() -> sp.Expr:
    """Return the mean square that k − 1 others add to a state in a layer: (eq-residual-noise).

    Where no slot is shared, they add through third circuits (`written_by_others`). Where a slot of
    neurons is shared, they add what the other's pre-activations change. Where a slot of the stream
    is shared, they add what neurons read of the other's state.
    """
    read = firing * w2 / d * a2 / stream
    through = sp.Symbol(written_by_others().quantity, positive=True)
    here = m * write2 * (joined2 / neurons + read)
    return (k - 1) * ((1 - 2 * shared) * through + shared * here)
