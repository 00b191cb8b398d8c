"""What a single unit of a large network says about which circuit is active.

For the chapter *Implications and future work*: units are large neurons, or what circuits read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, real_array
from superposition.constructions.compiled import Superposition


@dataclass(frozen=True, eq=False)
class Activity:
    """Squared activity of units while each circuit is active alone, summed over inputs.

    units: (T, U), of each unit, by active circuit. right: share of all runs in which the unit that
    is most active is one that this circuit makes more active than any other circuit does.
    """

    units: Floats
    right: float

    @property
    def purity(self) -> Floats:
        """Of each unit that is ever active, the share that comes with the circuit of most."""
        total = self.units.sum(axis=0)
        return np.asarray(self.units.max(axis=0)[total > 0] / total[total > 0])

    @property
    def n_circuits(self) -> Floats:
        """With how many circuits each unit is active."""
        return np.asarray((self.units > 0).sum(axis=0))


def activities(superposition: Superposition, inputs: Floats) -> tuple[Activity, Activity]:
    """Of the first layer's neurons, and of what circuits read in the end beyond their inputs.

    inputs: (n, d_0), each of which every circuit is run on, one circuit at a time. A circuit's
    read-out counts by the square of how much it has changed.
    """
    circuits = superposition.circuits
    inputs = real_array("inputs", inputs, "inputs width", {"width": circuits.widths[0]})
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
    """squares: (inputs, T, U)."""
    units = squares.sum(axis=0)
    owner, most = units.argmax(axis=0), squares.argmax(axis=2)
    return Activity(units, float(np.mean(owner[most] == np.arange(units.shape[0]))))
