"""Which circuits are active, as far as a single state tells it to one who knows the codes."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from superposition._check import Floats
from superposition.certificate.slots import two_codes
from superposition.constructions import ChainSuperposition
from superposition.superposition import (
    GatedResidualSuperposition,
    GatedSuperposition,
    Superposition,
)


@singledispatch
def known_activity(superposition: Superposition, state: Floats, layer: int) -> Floats:
    """Return how active each circuit seems from states (batch, D) after a small layer, (batch, T).

    This is the length of what the circuit reads. Where there are gates, it is the smaller share,
    over the two codes, of the circuit's slots that gates show to be in use.
    """
    return np.asarray(np.linalg.norm(superposition.read_all(state, layer), axis=2))


@known_activity.register
def _gated(superposition: GatedSuperposition, state: Floats, layer: int) -> Floats:
    two, width = two_codes(superposition), superposition.circuits.widths[layer]
    in_use = state[:, two.gates(layer, width)]
    to_come = 1 - state[:, two.gates(layer + 1, width)]
    both = (two.slots(layer), in_use), (two.slots(layer + 1), to_come)
    own, other = (code.decode_all(np.ascontiguousarray(gates))[..., 0] for code, gates in both)
    return np.minimum(own, other)


@known_activity.register
def _chains(superposition: ChainSuperposition, state: Floats, layer: int) -> Floats:
    each = known_activity(superposition.copies, state, layer)
    return np.asarray(each.reshape(len(state), -1, superposition.codes.n_chains).max(axis=2))


@known_activity.register
def _gated_residual(superposition: GatedResidualSuperposition, state: Floats, layer: int) -> Floats:
    codes = superposition.codes
    of_stream, of_neurons = codes.gates(superposition.circuits.width)
    in_use = np.ascontiguousarray(state[:, of_stream])
    own = codes.stream.decode_all(in_use)[..., 0]
    other = codes.neurons.decode_all(1 - state[:, of_neurons])[..., 0]
    return np.minimum(own, other)
