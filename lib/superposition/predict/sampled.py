"""Predicted errors of gated networks, from what slots in use make of sampled circuits.

No large network is made: of each layer only the slots of active circuits are looked at, and of the
codes only how these slots read each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers
from superposition._memory import check_memory
from superposition.circuits import MLPCircuits
from superposition.circuits.inputs import sample_active
from superposition.circuits.normal import held_states, scaled
from superposition.maps import TwoCodes
from superposition.network import activate
from superposition.predict.by_circuit import COLUMNS, by_circuit, own_errors
from superposition.readers import reading_weights

if TYPE_CHECKING:
    import pandas as pd

NAMES = ["layer", "mse", "relative_mse", "inactive_mse", "low", "high", *COLUMNS]
_SAMPLES, _FEWEST, _DRAWS = 12_000, 1_000, 4
_NORMAL, _LEAST, _MOST = 1.96, 0.15, 0.5 * np.log(10)  # of intervals: no wider than tenfold
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
    def of(cls, two: TwoCodes, layer: int, quiet: bool) -> Geometry:
        """Return the geometry of the layer after `layer` small layers."""
        read, write = two.slots(layer), two.slots(layer + 1)
        members = write.matrix.tocsc()
        counts = np.diff(members.indptr)
        on = np.zeros((write.size, int(counts.max())), int)
        filled = np.arange(on.shape[1]) < counts[:, None]
        on[filled] = members.indices
        shares = None
        if quiet and two.redundancy > 1:
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
        sets = two.sets[layer % 2], two.sets[(layer + 1) % 2]
        return cls(*sets, on, shares, filled.astype(float))

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


@dataclass(frozen=True, eq=False)
class Sampled:
    """Errors of sampled active sets, in the circuits' own units.

    active: (batch, k), the sets.
    inputs: (batch, k, d_0), what they start from.
    errors: (L+1, batch, k), the squared errors of active circuits.
    sizes: (L+1, batch, k), the squares of their states.
    idle: (L+1,), the mean squares of what inactive circuits read; NaN if none is inactive.
    """

    active: Integers
    inputs: Floats
    errors: Floats
    sizes: Floats
    idle: Floats


def sampled_errors(
    circuits: MLPCircuits,
    two: TwoCodes,
    quiet: bool,
    n_active: int,
    n_samples: int,
    rng: np.random.Generator,
) -> Sampled:
    """Return the errors of random active sets with the circuits' own inputs.

    two: the codes, of as many circuits.

    A slot in use adds up what all circuits on it read of the slots in use before.
    """
    active = sample_active(circuits.n_circuits, n_active, n_samples, rng)
    inputs = circuits.default_inputs(active, rng)
    others = rng.integers(circuits.n_circuits, size=(n_samples, _IDLE))
    layers = [Geometry.of(two, layer, quiet) for layer in (0, 1)]
    largest = max(w[0].size for w in circuits.weights)
    each = n_active * two.redundancy * layers[0].on.shape[1]
    at_once = max(_AT_ONCE // (each * (largest + n_active * two.redundancy)), 1)
    found: list[list[list[Floats]]] = [[[], [], []] for _ in range(circuits.n_layers + 1)]
    for start in range(0, n_samples, at_once):
        part = slice(start, start + at_once)
        rows = _of_part(circuits, layers, active[part], inputs[part], others[part])
        for into, row in zip(found, rows, strict=True):
            for one, value in zip(into, row, strict=True):
                one.append(value)
    errors, sizes, reads = (
        np.array([np.concatenate(layer[i]) for layer in found]) for i in range(3)
    )
    some = ~np.isnan(reads)
    total, count = np.where(some, reads, 0).sum(axis=(1, 2)), some.sum(axis=(1, 2))
    idle = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return Sampled(active, inputs, errors, sizes, idle)


def _of_part(
    circuits: MLPCircuits,
    layers: list[Geometry],
    active: Integers,
    inputs: Floats,
    idle: Integers,
) -> list[list[Floats]]:
    """Return squared errors, sizes and what inactive circuits read, of a part of the samples."""
    kept, truths = scaled(circuits), circuits.run(inputs, active)
    batch = len(active)
    there = layers[0].read[active].reshape(batch, -1)
    first = held_states(circuits, np.asarray(inputs, float), active, 0)
    on = (layers[0].read[active][:, None] == there[:, :, None, None]).any(axis=3)  # batch, s, k
    values = np.einsum("bsu,bud->bsd", on.astype(float), first)
    rows = [_squares(circuits, truths[0], active, values, idle, there, layers[0].read, 0)]
    for i, (weight, bias, name) in enumerate(
        zip(kept.weights, kept.biases, circuits.activations, strict=True)
    ):
        geometry = layers[i % 2]
        slots = geometry.write[active].reshape(batch, -1)
        shares = geometry.received(slots, there, _first_time(there))
        which = geometry.on[slots]
        read = np.einsum("bics,bsd->bicd", shares, values)
        inner = np.einsum("bicjd,bicd->bij", weight[which], read)
        inner += np.einsum("bicj,bic->bij", bias[which], shares.sum(axis=3))
        values, there = activate(inner, name), slots
        truth = truths[i + 1]
        rows.append(_squares(circuits, truth, active, values, idle, there, geometry.write, i + 1))
    return rows


def _first_time(slots: Integers) -> Floats:
    """Return 1 where a slot stands for the first time in its row, else 0."""
    same = slots[:, :, None] == slots[:, None]
    earlier = np.tri(slots.shape[1], k=-1, dtype=bool)
    return np.asarray(~(same & earlier).any(axis=2), float)


def _squares(
    circuits: MLPCircuits,
    truth: Floats,
    active: Integers,
    values: Floats,
    idle: Integers,
    there: Integers,
    sets: Integers,
    layer: int,
) -> list[Floats]:
    """Return squares of errors and of states, and of what inactive circuits read, (batch, .)."""
    r = sets.shape[1]
    mean = values.reshape(*active.shape, r, -1).mean(axis=2)
    longer = 1 / held_states(circuits, np.ones(values.shape[-1]), active, layer)
    wrong = np.square(longer * mean - truth).sum(axis=2)
    own = sets[idle]  # batch, j, r
    reads = (own[..., None] == there[:, None, None]).astype(float)
    reads *= _first_time(there)[:, None, None]
    heard = np.einsum("bjrs,bsd->bjd", reads, values) / r
    longer = 1 / held_states(circuits, np.ones(values.shape[-1]), idle, layer)
    square = np.square(longer * heard).sum(axis=2)
    square[(idle[..., None] == active[:, None]).any(axis=2)] = np.nan
    return [wrong, np.square(np.asarray(truth, float)).sum(axis=2), square]


def sampled_law(
    circuits: MLPCircuits,
    draw: Callable[[np.random.Generator], TwoCodes],
    quiet: bool,
    n_active: int,
) -> pd.DataFrame:
    """Predict errors by layer 0 … L from sampled active sets, in codes drawn several times.

    draw: a function that draws codes.

    The columns are layer, mse, relative_mse, inactive_mse, those of `by_circuit`, and low and high:
    between these a measured relative_mse lies in 95 %. Which circuits share slots with which is
    another matter in each drawing, and counts most where a few circuits are larger than the others.
    """

    import pandas as pd

    rng, n_samples = np.random.default_rng(0), max(_SAMPLES // n_active, _FEWEST) // _DRAWS
    runs = [
        sampled_errors(circuits, draw(rng), quiet, n_active, n_samples, rng) for _ in range(_DRAWS)
    ]
    samples = [(run.inputs, run.active) for run in runs]
    layers = range(circuits.n_layers + 1)
    errors = [np.concatenate([run.errors[i].ravel() for run in runs]) for i in layers]
    rows = []
    for i in layers:
        size = np.mean([run.sizes[i].mean() for run in runs])
        mse = float(errors[i].mean())
        relative = mse / size if size > 0 else np.nan
        far = _spread(runs, i, relative)
        idle = float(np.mean([run.idle[i] for run in runs]))
        rows.append([i, mse, relative, idle, relative / far, relative * far])
    each = by_circuit(own_errors(circuits, samples, errors, circuits.default_inputs))
    return pd.DataFrame(rows, columns=NAMES[:6]).join(each)


def _spread(runs: Sequence[Sampled], layer: int, relative: float) -> float:
    """Return the factor above and below a relative error that holds 95 % of measurements.

    Each circuit in each drawing of codes is one of the independent parts of both means. A
    measurement has the parts of one drawing.
    """
    each, total = [], 0.0
    for run in runs:
        which, place = np.unique(run.active.ravel(), return_inverse=True)
        wrong = run.errors[layer].ravel() - relative * run.sizes[layer].ravel()
        each.append(np.bincount(place, wrong, len(which)))
        total += run.sizes[layer].sum()
    if not relative > 0:
        return 1.0
    share = np.sqrt(np.sum(np.concatenate(each) ** 2)) / total / relative
    return float(np.exp(min(max(_NORMAL * share * np.sqrt(1 + len(runs)), _LEAST), _MOST)))
