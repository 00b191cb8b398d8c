"""Write the networks of `companion.watch` to a file that a page can hold.

`python book/tools/watched.py` writes book/_static/explore/watch.safetensors: for each network,
load and layer the sum over circuits that its weights are (slots and small matrices), and what is
left, as runs along diagonals. A page adds them up: book/_static/explore/sums.js.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from companion.watch import HALF, LOADS, START, WORDS, watched
from superposition.certificate.slots import two_codes
from superposition.circuits.conditional import on_neurons
from superposition.circuits.rotations import rotation_step
from superposition.constructions.gated import with_bias
from superposition.maps import SparseCode
from superposition.network import MLPNetwork
from superposition.readers import mean_apart
from superposition.sums import CircuitSum, superpose
from superposition.superposition import GatedSuperposition, MLPSuperposition

FILE = Path(__file__).parents[1] / "_static/explore/watch.safetensors"
Array = NDArray[Any]
_ROUNDING = 1e-9
# of what circuits read, the rotation's vector and its indicator: `rotation_vector`, `on_indicator`
_VECTOR, _ON = [[-1, 1, 1, 0], [-1, 1, 0, 1]], [1, -1, 0, 0]


class Store:
    """Arrays by name, each once; of one that another begins with, there is only the longer."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def add(self, array: Array) -> str:
        """The name of an array that begins like this one, in uint16 or float32."""
        kind = np.uint16 if np.issubdtype(array.dtype, np.integer) else np.float32
        kept = np.ascontiguousarray(array, kind)
        for name, known in self.arrays.items():
            if known.dtype == kind and np.array_equal(known[: len(kept)], kept):
                return name
        self.arrays[name := f"a{len(self.arrays)}"] = kept
        return name


def file() -> bytes:
    """The file: arrays, and as metadata a description of the networks that names them."""
    store = Store()
    networks: dict[str, dict[int, Any]] = {name: {} for name in WORDS}
    for load in reversed(LOADS):  # the largest first: its arrays begin with those of others
        both = watched(load)
        for name, each in networks.items():
            each[load] = described(getattr(both, name), store)
    about = {"loads": LOADS, "start": START, "half": HALF, "words": WORDS, "networks": networks}
    return bytes(save(store.arrays, {"about": json.dumps(about)}))


def described(superposition: MLPSuperposition | GatedSuperposition, store: Store) -> dict[str, Any]:
    """A network and its doors, in words and names of arrays."""
    network = superposition.network
    layers = range(network.n_layers)
    return {
        "widths": network.widths,
        "activations": network.activations,
        "layers": [layer(superposition, i, store) for i in layers],
        **_doors(superposition, store),
    }


def layer(
    superposition: MLPSuperposition | GatedSuperposition, i: int, store: Store
) -> dict[str, Any]:
    """One layer's weights as a sum and what is left, and its biases as runs."""
    network = superposition.network
    assert isinstance(network, MLPNetwork)
    left, parts = network.weights[i].copy(), dict[str, Any]()
    own, mean, shared = _parts(superposition, i)
    if own is not None:
        left -= superpose(*own)
        parts["sum"] = _sum(own, mean, store)
    if shared is not None:
        block = np.kron(mean, shared)
        left[: len(block), : block.shape[1]] -= block
        parts["shared"] = {"mean": mean.tolist(), "on": shared.max(), "off": shared.min()}
    parts["left"] = diagonals(left)
    parts["bias"] = [run[1:] for run in diagonals(np.diag(network.biases[i]))]
    return parts


def _parts(
    superposition: MLPSuperposition | GatedSuperposition, i: int
) -> tuple[CircuitSum | None, Array, Array | None]:
    """Circuits' own sum; the mean taken off their weights; and how that is shared, if it is."""
    circuits, nothing = superposition.circuits, np.zeros(())
    if isinstance(superposition, GatedSuperposition):
        two, (before, after) = two_codes(superposition), circuits.widths[i : i + 2]
        small = with_bias(circuits, i, superposition.offsets[i])
        return CircuitSum(two.entries(i + 1, after), small, two.state(i, before)), nothing, None
    if i == 0:  # only adds the bias
        return None, nothing, None
    codes, suppression = superposition.codes, superposition.construction.suppression
    return mean_apart(circuits.weights[i], codes[i], codes[i - 1], suppression)


def _sum(own: CircuitSum, mean: Array, store: Store) -> dict[str, Any]:
    """Circuits' weights before their mean is taken off, which depends on the load."""
    write, read = own.write, own.read
    assert isinstance(write, SparseCode)
    assert isinstance(read, SparseCode)
    places = {"write": place(write, store), "read": place(read, store)}
    return {**places, "small": store.add(own.weights + mean), "share": 1 / read.redundancy}


def place(code: SparseCode, store: Store) -> dict[str, Any]:
    """Where entries are: circuits' slots of the first, and how much further those of others."""
    first, starts = code.slots[:, 0], code.slots[0, :, 0] - code.slots[0, 0, 0]
    assert np.array_equal(code.slots, first[:, None] + starts[:, None])
    return {"slots": store.add(first), "starts": starts.tolist()}


def diagonals(matrix: Array) -> list[list[float]]:
    """Row, column, length and value of each run of equal entries along a diagonal, but zeros."""
    matrix = np.where(np.abs(matrix) > _ROUNDING, matrix, 0)
    runs = []
    for offset in np.unique(np.subtract(*np.nonzero(matrix)[::-1])):
        values = matrix.diagonal(offset)
        at = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
        for start, end in pairwise(at):
            if values[start]:
                row, column = start - min(offset, 0), start + max(offset, 0)
                runs.append([int(row), int(column), int(end - start), float(values[start])])
    return runs


def _doors(superposition: MLPSuperposition | GatedSuperposition, store: Store) -> dict[str, Any]:
    """Where vectors x (2,) of circuits are written, as small · x + constant; and where read."""
    circuits, layers = superposition.circuits, range(1, superposition.network.n_layers + 1)
    if isinstance(superposition, GatedSuperposition):
        two = two_codes(superposition)
        n, gates = two.n_slots, [two.gates(i, circuits.widths[0]).start for i in range(2)]
        return {
            "door": place(two.entries(0, circuits.widths[0]), store),
            "gates": [
                {"slots": store.add(two.sets[i]), "start": gates[i], "size": n, "inverted": i == 1}
                for i in range(2)
            ],
            "read": [
                {
                    **place(superposition.codes[i], store),
                    "vector": [
                        [1, 0, -superposition.offsets[i]],
                        [0, 1, -superposition.offsets[i]],
                    ],
                }
                for i in layers
            ],
        }
    on = on_neurons(*rotation_step(circuits))
    first = circuits.weights[0]
    return {
        "door": {
            **place(superposition.codes[0], store),
            "small": store.add(first[:, :, 2:]),
            "constant": store.add(first @ [*on, 1, 1]),
        },
        "gates": [],
        "read": [
            {**place(code, store), "vector": _VECTOR, "on": _ON} for code in superposition.codes
        ],
    }


if __name__ == "__main__":
    FILE.write_bytes(file())
