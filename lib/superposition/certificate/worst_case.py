"""A search for the active set and the inputs with which a gated circuit errs most."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from superposition._check import Floats, Integers, generator, positive_int
from superposition.certificate.certificate import CrosstalkBounds
from superposition.certificate.slots import SlotWeights, gated_codes, slot_weights_of
from superposition.circuits.bounds import value_bounds
from superposition.circuits.normal import held_states, input_bounds, scaled
from superposition.superposition import Superposition

_SETS, _STARTS = 160, 4  # active sets, and inputs to start from in each
_STEPS = 40
_TINY = np.finfo(float).tiny
_EXTRA_PARTNERS = 3  # partners that are tried besides those that seem worst


@dataclass(frozen=True, eq=False)
class WorstCase:
    """The result of a search: a real error, of a real input.

    error: ‖δ‖ of the first active circuit.
    active: (k,), the active circuits, of which the first one errs.
    inputs: (k, d_0), the inputs of these circuits.
    """

    error: float
    active: Integers
    inputs: Floats


def search_worst(
    superposition: Superposition, n_active: int, layer: int, rng: np.random.Generator
) -> WorstCase:
    """Return the largest ‖δ‖ after small layer `layer` that gradient ascent finds.

    The search takes partners with most crosstalk, by the weights, and inputs within the
    construction's bound. The result is no bound, since errors may be larger. It is an error of
    `superposition.run`.
    Raises TypeError for another kind of superposition, or an `rng` that is no Generator; ValueError
    for n_active > T, a layer that does not exist, or a network with other gates.
    """
    gated_codes(superposition)
    circuits, rng = superposition.circuits, generator(rng)
    n_active = positive_int("n_active", n_active, circuits.n_circuits, ", the number of circuits")
    layer = positive_int("layer", layer, circuits.n_layers, ", the last")
    layers = [slot_weights_of(superposition, i) for i in range(layer)]
    active = _candidates(superposition, layers, n_active)
    inputs = _ascend(_in_use(superposition, layers, active), rng)
    # found on the slots in use alone; what counts is the network itself
    flat, both = inputs.reshape(-1, *inputs.shape[2:]), np.repeat(active, _STARTS, axis=0)
    wrong = superposition.run(flat, both)[layer] - circuits.run(flat, both)[layer]
    sizes = np.linalg.norm(wrong[:, 0], axis=1)
    best = int(sizes.argmax())
    return WorstCase(float(sizes[best]), both[best], flat[best])


def _candidates(superposition: Superposition, layers: list[SlotWeights], n_active: int) -> Integers:
    """Return active sets (sets, k) with the largest crosstalk on their first circuit."""
    circuits = superposition.circuits
    inputs = input_bounds(circuits, superposition.construction.input_bound)
    sizes = value_bounds(scaled(circuits), inputs)
    crosstalk = np.sum(
        [
            _mean_crosstalk(CrosstalkBounds(layer, sizes[i], None, 2)) / sizes[i + 1].max()
            for i, layer in enumerate(layers)
        ],
        axis=0,
    )
    np.fill_diagonal(crosstalk, -np.inf)
    n_partners = min(n_active - 1 + _EXTRA_PARTNERS, circuits.n_circuits - 1)
    partners = np.argsort(-crosstalk, axis=1)[:, :n_partners]
    chosen = np.array(list(combinations(range(n_partners), n_active - 1)), int)
    sets = partners[:, chosen]  # t, which, k - 1
    total = np.take_along_axis(crosstalk, partners, 1)[:, chosen].sum(axis=2)
    first = np.unravel_index(np.argsort(-total, axis=None)[:_SETS], total.shape)
    return np.column_stack([first[0], sets[first]])


def _mean_crosstalk(crosstalk: CrosstalkBounds) -> Floats:
    """Return about how much circuit [t, .]'s slots receive from [., u], (T, T)."""
    write = crosstalk.layer.write
    matrices = crosstalk.matrices[write].mean(axis=1)
    alike = np.linalg.norm(matrices, axis=(2, 3)) * crosstalk.sizes
    alike += np.linalg.norm(crosstalk.biases[write].mean(axis=1), axis=2)
    each = crosstalk.norms * crosstalk.sizes + np.linalg.norm(crosstalk.biases, axis=2)
    return alike + each[write].mean(axis=1)


class _Layer(NamedTuple):
    """One layer of several networks at once, which maps states (sets, starts, .) to the next."""

    weights: Floats
    constant: Floats
    linear: bool
    offset: float


@dataclass(frozen=True, eq=False)
class _InUse:
    """Networks of the slots in use, and of the first circuit alone, one for each active set.

    enter: (sets, 1, k, d_0), by what inputs are multiplied before they are written.
    leave: (sets, 1, d), by what the first circuit's entries are multiplied to be states.
    written: (sets, k·r, k), which circuits' inputs each slot holds.
    large: the layers of slots; neurons are (circuit, slot, entry), flat.
    small: the first circuit's own layers.
    bound: the largest length of inputs.

    Slots that two circuits share are read once.
    """

    enter: Floats
    leave: Floats
    written: Floats
    large: list[_Layer]
    small: list[_Layer]
    bound: float

    def errors(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Return ‖δ‖ of first circuits, (sets, starts), and its gradient (sets, starts, k, d)."""
        inputs = inputs * self.enter
        batch, r = inputs.shape[:2], self.written.shape[1] // self.written.shape[2]
        slots = np.einsum("psu,pnuj->pnsj", self.written, inputs).reshape(*batch, -1)
        state, on = _forward(self.large, slots)
        truth, own_on = _forward(self.small, inputs[:, :, 0])
        mine = slice(0, r * truth.shape[2])
        wrong = (state[..., mine].reshape(*batch, r, -1).mean(axis=2) - truth) * self.leave
        size = np.linalg.norm(wrong, axis=2)
        unit = wrong / np.maximum(size, _TINY)[..., None] * self.leave
        back = np.zeros_like(state)
        back[..., mine] = np.tile(unit / r, r)
        slots = _backward(self.large, on, back).reshape(*batch, -1, inputs.shape[3])
        gradient = np.einsum("psu,pnsj->pnuj", self.written, slots)
        gradient[:, :, 0] -= _backward(self.small, own_on, unit)
        return size, gradient * self.enter


def _in_use(superposition: Superposition, layers: list[SlotWeights], active: Integers) -> _InUse:
    circuits, n_sets = scaled(superposition.circuits), len(active)
    slots = layers[0].read[active]  # sets, k, r
    there = slots.reshape(n_sets, -1)[:, :, None, None] == slots[:, None]
    large, small = [], []
    for i, layer in enumerate(layers):
        offset = superposition.read_maps[i + 1].offset
        large.append(_Layer(*_large(layer, active), layer.signed, offset))
        first, linear = active[:, 0], circuits.activations[i] == "linear"
        small.append(_Layer(circuits.weights[i][first], circuits.biases[i][first], linear, 0.0))
    bound = superposition.construction.input_bound
    written = there.any(axis=3).astype(float)
    given, ones = superposition.circuits, np.ones((n_sets, len(active[0]), circuits.widths[0]))
    enter = held_states(given, ones, active, 0)[:, None]
    ones = np.ones((n_sets, 1, circuits.widths[len(layers)]))
    leave = 1 / held_states(given, ones, active[:, :1], len(layers))
    return _InUse(enter, leave, written, large, small, bound)


def _large(layer: SlotWeights, active: Integers) -> tuple[Floats, Floats]:
    """Return weights (sets, k·r·d', k·r·d) and constants (sets, k·r·d')."""
    n_sets = len(active)
    read, write = (which[active].reshape(n_sets, -1) for which in (layer.read, layer.write))
    earlier = np.tri(read.shape[1], k=-1, dtype=bool)
    once = ~((read[:, :, None] == read[:, None]) & earlier).any(axis=2)
    pairs = write[:, :, None], read[:, None]
    weights = layer.weights[pairs] * once[:, None, :, None, None]
    constant = layer.constant[write] + np.einsum("pisj,ps->pij", layer.gates[pairs], once)
    _, i, s, j, m = weights.shape  # slots after and before, entries after and before
    together = weights.transpose(0, 1, 3, 2, 4).reshape(n_sets, i * j, s * m)
    return together, constant.reshape(n_sets, -1)


def _forward(layers: list[_Layer], state: Floats) -> tuple[Floats, list[Floats]]:
    """Return the last state, and which neurons were on in each layer."""
    on = []
    for layer in layers:
        state = state @ layer.weights.swapaxes(1, 2) + layer.constant[:, None]
        on.append(np.asarray((state > 0) | layer.linear, float))
        state = state * on[-1] - layer.offset
    return state, on


def _backward(layers: list[_Layer], on: list[Floats], gradient: Floats) -> Floats:
    for layer, mask in zip(reversed(layers), reversed(on), strict=True):
        gradient = (gradient * mask) @ layer.weights
    return gradient


def _ascend(networks: _InUse, rng: np.random.Generator) -> Floats:
    """Return inputs (sets, starts, k, d) of the largest errors on the way uphill."""
    n_sets, _, k = networks.written.shape
    width = networks.small[0].weights.shape[2]
    inputs = rng.standard_normal((n_sets, _STARTS, k, width))
    inputs *= networks.bound / np.linalg.norm(inputs, axis=-1, keepdims=True)
    best, largest = inputs, np.full((n_sets, _STARTS), -1.0)
    for step in range(_STEPS):
        size, gradient = networks.errors(inputs)
        better = size > largest
        best, largest = np.where(better[..., None, None], inputs, best), np.maximum(size, largest)
        stride = networks.bound * (1 - step / _STEPS)
        length = np.linalg.norm(gradient, axis=-1, keepdims=True)
        inputs = inputs + stride * gradient / np.maximum(length, _TINY)
        inputs *= networks.bound / np.maximum(
            np.linalg.norm(inputs, axis=-1, keepdims=True), networks.bound
        )
    return best
