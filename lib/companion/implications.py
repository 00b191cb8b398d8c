"""A single unit of a large network tells something about which circuit is active.

The chapter *Implications and future work* uses it. Units are large neurons, or circuits' readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, real_array
from superposition.superposition import Superposition


@dataclass(frozen=True, eq=False)
class Activity:
    """This is the squared activity of units while each circuit is active alone, summed over inputs.

    `units` (T, U) is the squared activity of each unit, by active circuit. `right` is the share of
    runs on other inputs whose most active unit belongs to the active circuit: no other circuit
    makes that unit more active. `pattern` is the share of the same runs whose units together are
    most similar to the mean of their circuit.
    """

    units: Floats
    right: float
    pattern: float

    @property
    def purity(self) -> Floats:
        """Return the largest share of each unit's activity that comes with a single circuit.

        Units that are never active are left out.
        """
        total = self.units.sum(axis=0)
        return np.asarray(self.units.max(axis=0)[total > 0] / total[total > 0])

    @property
    def n_circuits(self) -> Floats:
        """Return the number of circuits with which each unit is active."""
        return np.asarray((self.units > 0).sum(axis=0))


def activities(superposition: Superposition, inputs: Floats) -> tuple[Activity, Activity]:
    """Return the activity of the first layer's neurons, and that of circuits' last readings.

    `inputs` (n, d_0) are at least 2; every circuit is run on each of them, one circuit at a time.
    Every other input decides to which circuit a unit belongs, and the rest test it. A circuit's
    reading counts by the square of its change since the input. Raises ValueError for fewer than two
    inputs.
    """
    circuits = superposition.circuits
    inputs = real_array("inputs", inputs, "inputs width", {"width": circuits.widths[0]})
    if len(inputs) < 2:
        raise ValueError(f"inputs: wanted at least 2, got {len(inputs)}")
    n, last = circuits.n_circuits, circuits.n_layers
    each = np.arange(n)[:, None]
    neurons, reads = [], []
    for one in inputs:
        state = superposition.embed(np.broadcast_to(one, (n, 1, len(one))), each)
        neurons.append(superposition.network.step(state, 0)[1] ** 2)
        end = superposition.network.run(state)[superposition.checkpoints[-1]]
        change = superposition.read_all(end, last) - superposition.read_all(state, 0)
        reads.append(np.sum(change**2, axis=-1))
    return _activity(np.array(neurons)), _activity(np.array(reads))


def _activity(squares: Floats) -> Activity:
    """Summarise `squares`, (inputs, T, U); every other input decides to whom a unit belongs."""
    known, fresh = squares[::2], squares[1::2]
    units = known.sum(axis=0)
    circuits, n_runs = np.arange(len(units)), fresh.shape[0] * fresh.shape[1]
    owner, most = units.argmax(axis=0), fresh.argmax(axis=2)
    means, runs = np.sqrt(known).mean(axis=0), np.sqrt(fresh).reshape(n_runs, -1)
    lengths = np.linalg.norm(means, axis=1)
    like = runs @ np.divide(means.T, lengths, out=np.zeros_like(means.T), where=lengths > 0)
    nearest = like.argmax(axis=1).reshape(fresh.shape[:2])
    right, pattern = (float(np.mean(found == circuits)) for found in (owner[most], nearest))
    return Activity(squares.sum(axis=0), right, pattern)
