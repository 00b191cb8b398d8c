"""Errors of gated networks, from what slots in use make of sampled circuits.

No large network is made: of each layer only the slots of active circuits are looked at, and of the
codes only how these slots read each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory
from superposition.circuits import MLPCircuits, ResidualCircuits
from superposition.circuits.inputs import in_turn
from superposition.circuits.normal import held_states, scaled
from superposition.maps import SparseCode, StreamCodes, TwoCodes
from superposition.network import activate
from superposition.predict.sampled import Sampled
from superposition.readers import reading_weights

DRAWINGS = 4  # of codes, for one prediction
_SAMPLES, _FEWEST = 12_000, 1_000  # in all of them
_AT_ONCE = 2**22  # numbers of one kind that are looked at together
_IDLE = 8  # inactive circuits that are read for each sample


@dataclass(frozen=True, eq=False)
class Geometry:
    """How slots of one layer read those before it: all that is asked of codes.

    read: (T, r), the slots of each circuit that are read.
    write: (T, r), the slots of each circuit that are written.
    on: (n, c), the circuits on each slot that is written, filled with 0.
    shares: (n, c, n), what a slot reads of the slots before it for each circuit on it; 0 for what
        is filled. None: 1/r on the circuit's own slots.
    filled: (n, c), whether there is a circuit.
    """

    read: Integers
    write: Integers
    on: Integers
    shares: Floats | None
    filled: Floats

    @classmethod
    def of(cls, read: SparseCode, write: SparseCode, quiet: bool) -> Geometry:
        """Return the geometry of a layer that reads one code and writes another, of width 1."""
        members = write.matrix.tocsc()
        counts = np.diff(members.indptr)
        on = np.zeros((write.size, int(counts.max())), int)
        filled = np.arange(on.shape[1]) < counts[:, None]
        on[filled] = members.indices
        shares = None
        if quiet and read.redundancy > 1:
            needed = 8.0 * on.size * read.size / read.n_circuits**2  # loads grow with circuits
            check_memory(
                "circuits",
                read.n_circuits,
                lambda n: needed * n**2,
                fits='{:,} circuits, or any with law="derived",'.format,
                kind="a geometry",
            )
            shares = np.zeros((*on.shape, read.size))
            for slot, which, weights in reading_weights(read, write, quiet):
                shares[slot, : len(which)] = weights.T
        return cls(read.slots[:, 0], write.slots[:, 0], on, shares, filled.astype(float))

    def received(self, slots: Integers, there: Integers, once: Floats) -> Floats:
        """Return by how much circuits on slots read the slots in use, (batch, i, c, s).

        slots: (batch, i), the slots that are written.
        there: (batch, s), the slots in use before the layer.
        once: (batch, s), 1 where a slot stands for the first time, else 0.
        """
        if self.shares is not None:
            circuits = np.arange(self.on.shape[1])
            found = self.shares[slots[:, :, None, None], circuits[:, None], there[:, None, None]]
        else:
            own = self.read[self.on[slots]]  # batch, i, c, r
            found = (own[..., None] == there[:, None, None, None]).sum(axis=3) / own.shape[3]
            found = found * self.filled[slots][..., None]
        return np.asarray(found * once[:, None, None])


def samples_of(n_active: int) -> int:
    """Return how many active sets are sampled in each drawing of codes."""
    return max(_SAMPLES // n_active, _FEWEST) // DRAWINGS


def gated_errors(
    circuits: MLPCircuits,
    two: TwoCodes,
    quiet: bool,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
) -> Sampled:
    """Return the errors of random active sets with the circuits' own inputs, in a gated network.

    two: the codes, of as many circuits.

    A slot in use adds up what all circuits on it read of the slots in use before.
    """
    layers = [Geometry.of(two.slots(i), two.slots(i + 1), quiet) for i in (0, 1)]
    kept, names = scaled(circuits), circuits.activations

    def run(inputs: Floats, active: Integers, idle: Integers) -> Iterator[tuple[_Held, Floats]]:
        held = _written(layers[0].read, held_states(circuits, inputs, active, 0), active)
        yield held, _heard(held, idle)
        for i, (weight, bias, name) in enumerate(
            zip(kept.weights, kept.biases, names, strict=True)
        ):
            held = _computed(layers[i % 2], held, active, weight, bias, name)
            yield held, _heard(held, idle)

    def own_units(which: Integers, layer: int) -> Floats:
        ones = np.ones(circuits.widths[layer])
        return 1 / held_states(circuits, ones, which, layer)

    largest = max(w[0].size for w in circuits.weights)
    return _sampled(circuits, layers, largest, n_active, n_samples, rng, run, own_units)


def gated_residual_errors(
    circuits: ResidualCircuits,
    codes: StreamCodes,
    quiet: bool,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
) -> Sampled:
    """Return the errors of random active sets with the circuits' own inputs, in a gated stream.

    codes: the codes, of as many circuits.

    A neuron's slot in use adds up what all circuits on it read of the stream's slots in use, and a
    slot of the stream what all circuits on it read of the neurons'.
    """
    reading = Geometry.of(codes.stream, codes.neurons, quiet)
    writing = Geometry.of(codes.neurons, codes.stream, quiet)

    def run(inputs: Floats, active: Integers, idle: Integers) -> Iterator[tuple[_Held, Floats]]:
        held = _written(reading.read, inputs, active)
        yield held, _heard(held, idle)
        for weight, bias, back in zip(
            circuits.read_in, circuits.bias, circuits.write_out, strict=True
        ):
            fired = _computed(reading, held, active, weight, bias, "relu")
            added = _computed(writing, fired, active, back, None, "linear")
            beside = _computed(writing, fired, idle, back, None, "linear").means(idle)
            heard = _heard(held, idle) + beside  # slots that are not in use are cleaned later
            held = _Held(held.values + added.values, held.slots, held.sets)
            yield held, heard

    largest = circuits.width * circuits.n_neurons
    layers = [reading, writing]
    return _sampled(
        circuits, layers, largest, n_active, n_samples, rng, run, lambda which, layer: np.ones(1)
    )


class _Held(NamedTuple):
    """What slots in use hold.

    values: (batch, k·r, d), by slot.
    slots: (batch, k·r), their numbers, those of the first active circuit first.
    sets: (T, r), the slots of each circuit.
    """

    values: Floats
    slots: Integers
    sets: Integers

    def means(self, circuits: Integers) -> Floats:
        """Return the means over the slots of circuits (batch, k), in their order, (batch, k, d)."""
        shape = (*circuits.shape, self.sets.shape[1], -1)
        return np.asarray(self.values.reshape(shape).mean(axis=2))


def _written(sets: Integers, states: Floats, active: Integers) -> _Held:
    """Return what slots hold on which active circuits' states (batch, k, d) were written."""
    slots = sets[active].reshape(len(active), -1)
    on = (sets[active][:, None] == slots[:, :, None, None]).any(axis=3)  # batch, slots, k
    return _Held(np.einsum("bsu,bud->bsd", on.astype(float), states), slots, sets)


def _computed(
    geometry: Geometry,
    before: _Held,
    active: Integers,
    weight: Floats,
    bias: Floats | None,
    name: str,
) -> _Held:
    """Return what slots of circuits hold after a layer."""
    slots = geometry.write[active].reshape(len(active), -1)
    shares = geometry.received(slots, before.slots, _first_time(before.slots))
    which = geometry.on[slots]
    read = np.einsum("bics,bsd->bicd", shares, before.values)
    inner = np.einsum("bicjd,bicd->bij", weight[which], read)
    if bias is not None:
        inner += np.einsum("bicj,bic->bij", bias[which], shares.sum(axis=3))
    return _Held(activate(inner, name), slots, geometry.write)


def _sampled(
    circuits: MLPCircuits | ResidualCircuits,
    layers: Sequence[Geometry],
    largest: int,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
    run: Callable[[Floats, Integers, Integers], Iterator[tuple[_Held, Floats]]],
    own_units: Callable[[Integers, int], Floats],
) -> Sampled:
    """Return the errors of random active sets, in which all circuits take turns.

    largest: how many weights a circuit has in its largest layer.
    run: a function of inputs, active sets and inactive circuits, what slots in use hold after
        0 … L layers, and what the inactive circuits read.
    own_units: a function of circuits and a layer, by how much their states are longer than held.
    """
    active = in_turn(circuits.n_circuits, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    others = rng.integers(circuits.n_circuits, size=(len(active), _IDLE))
    used = n_active * max(geometry.read.shape[1] for geometry in layers)
    each = used * max(geometry.on.shape[1] for geometry in layers)
    at_once = max(_AT_ONCE // (each * (largest + used)), 1)
    found: list[list[list[Floats]]] = [[[], [], []] for _ in range(circuits.n_layers + 1)]
    for start in range(0, len(active), at_once):
        part = slice(start, start + at_once)
        which, idle, given = active[part], others[part], np.asarray(inputs[part], float)
        truths = circuits.run(inputs[part], which)
        for layer, (held, heard) in enumerate(run(given, which, idle)):
            truth = np.asarray(truths[layer], float)
            wrong = own_units(which, layer) * held.means(which) - truth
            squares = [np.square(x).sum(axis=2) for x in (wrong, truth)]
            read = np.square(own_units(idle, layer) * heard).sum(axis=2)
            read[(idle[..., None] == which[:, None]).any(axis=2)] = np.nan
            for one, value in zip(found[layer], [*squares, read], strict=True):
                one.append(value)
    errors, sizes, reads = (
        np.array([np.concatenate(layer[i]) for layer in found]) for i in range(3)
    )
    some = ~np.isnan(reads)
    total, count = np.where(some, reads, 0).sum(axis=(1, 2)), some.sum(axis=(1, 2))
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return Sampled(active, inputs, errors, sizes, means)


def _first_time(slots: Integers) -> Floats:
    """Return 1 where a slot stands for the first time in its row, else 0."""
    same = slots[:, :, None] == slots[:, None]
    earlier = np.tri(slots.shape[1], k=-1, dtype=bool)
    return np.asarray(~(same & earlier).any(axis=2), float)


def _heard(held: _Held, idle: Integers) -> Floats:
    """Return what inactive circuits (batch, j) read of slots in use, (batch, j, d)."""
    own = held.sets[idle]  # batch, j, r
    reads = (own[..., None] == held.slots[:, None, None]).astype(float)
    reads *= _first_time(held.slots)[:, None, None]
    return np.asarray(np.einsum("bjrs,bsd->bjd", reads, held.values) / own.shape[2])
