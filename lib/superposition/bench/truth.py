"""What is true of a superposition: each circuit's part of every weight, and who is active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, instance, whole_array
from superposition._memory import check_memory
from superposition.bench.scores import unit_rows
from superposition.circuits.inputs import active_mask, sample_active
from superposition.sums import Sum
from superposition.superposition import Superposition


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """Labelled inputs of a large network.

    active: (batch, k), the numbers of the active circuits.
    on: (batch, T), whether each circuit is active.
    inputs: (batch, k, d_0), the inputs of the active circuits.
    first: (batch, D), the network's first state.
    states: L+1 arrays (batch, k, d_l), the true states of the active circuits.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> batch = ground_truth(large).batch(n_active=1, n_samples=6, rng=rng)
    >>> batch.active.shape, batch.on.shape, batch.first.shape
    ((6, 1), (6, 25), (6, 20))
    """

    active: Integers
    on: NDArray[np.bool_]
    inputs: Floats
    first: Floats
    states: tuple[Floats, ...]

    def __repr__(self) -> str:
        (batch, k), width = self.active.shape, self.first.shape[1]
        return f"Batch({batch} samples, {k} of {self.on.shape[1]} circuits active, width {width})"


@dataclass(frozen=True, eq=False, repr=False)
class GroundTruth:
    """What a decomposition of a superposition's network should find.

    superposition: the network, its circuits, and the maps in and out.
    matrices: the network's weight matrices in the order of its layers, as sums over circuits.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> truth = ground_truth(large)
    >>> [matrix.name for matrix in truth.matrices]
    ['weights[0]', 'weights[1]']
    >>> truth.directions(layer=1).shape  # 25 circuits, 2 entries, 20 dimensions
    (25, 2, 20)
    """

    superposition: Superposition
    matrices: tuple[Sum, ...]

    def __repr__(self) -> str:
        return f"GroundTruth({self.n_circuits} circuits in {len(self.matrices)} matrices)"

    @property
    def n_circuits(self) -> int:
        """The number of circuits, T."""
        return self.superposition.circuits.n_circuits

    @property
    def scored(self) -> tuple[Sum, ...]:
        """The matrices in which circuits have parts; in others there is nothing to find."""
        return tuple(matrix for matrix in self.matrices if len(matrix.owners))

    def __getitem__(self, name: str) -> Sum:
        """Return the matrix of that name. Raises KeyError that lists the names there are."""
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise KeyError(f"{name!r}: wanted one of {[matrix.name for matrix in self.matrices]}")

    def batch(self, n_active: int, n_samples: int, rng: np.random.Generator) -> Batch:
        """Return `n_samples` labelled inputs on which `n_active` random circuits are active.

        Inputs are the circuits' own, by default random unit vectors. Raises TypeError or ValueError
        for counts below 1 or above T, and as `embed` does.
        """
        circuits, rng = self.superposition.circuits, generator(rng)
        active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
        inputs = circuits.default_inputs(active, rng).astype(circuits.dtype)
        on, first = (
            active_mask(active, circuits.n_circuits),
            self.superposition.embed(inputs, active),
        )
        return Batch(active, on, inputs, first, tuple(circuits.run(inputs, active)))

    def directions(self, layer: int) -> Floats:
        """Return the directions along which circuits' states are read after small layer `layer`.

        The shape is (T, d_l, D). Entry i of circuit t is the state's product with [t, i], which is
        not of unit length. Raises ValueError for a layer that does not exist, MemoryError for more
        than fits.
        """
        large = self.superposition
        layer = int(whole_array("layer", layer, "", {}, len(large.checkpoints)))
        unit = np.eye(self.width(layer), dtype=large.circuits.dtype)
        return np.ascontiguousarray(large.read_all(unit, layer).transpose(1, 2, 0))

    def width(self, layer: int) -> int:
        """Return D, the width of the large state after small layer `layer`."""
        large = self.superposition
        return large.network.widths[large.checkpoints[layer]]

    def overlaps(self, layer: int) -> Floats:
        """Return cosines between all directions after small layer `layer`, (T · d_l, T · d_l).

        A direction of no length has cosine 0 with all. Raises as `directions` does.
        """
        unit = unit_rows(self.directions(layer).reshape(-1, self.width(layer)))
        check_memory("layer", len(unit), lambda n: 8 * n**2, fits="{:,} directions".format)
        return np.asarray(unit @ unit.T)


def ground_truth(superposition: Superposition) -> GroundTruth:
    """Return the components of every weight matrix, and what else is known of the network.

    Biases of the large network are shared or stand in for gates, and belong to no circuit. The
    circuits' own biases are columns of their pieces, which are read from indicators or gates.
    Raises TypeError for what is not a superposition.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> truth = ground_truth(large)
    >>> truth.n_circuits, truth["weights[0]"].component(3).shape
    (25, (20, 20))
    """
    instance("superposition", superposition, Superposition)
    return GroundTruth(superposition, superposition.sums)
