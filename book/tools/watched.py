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
from superposition.circuits.conditional import on_neurons
from superposition.circuits.rotations import rotation_step
from superposition.maps import SparseCode
from superposition.sums import Part
from superposition.superposition import Superposition

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


def described(superposition: Superposition, store: Store) -> dict[str, Any]:
    """A network and its ends, in words and names of arrays."""
    network = superposition.network
    layers = range(network.n_layers)
    return {
        "widths": network.widths,
        "activations": network.activations,
        "layers": [layer(superposition, i, store) for i in layers],
        **_ends(superposition, store),
    }


def layer(superposition: Superposition, i: int, store: Store) -> dict[str, Any]:
    """One layer's weights as a sum and what is left, and its biases as runs."""
    one, network = superposition.sums[i], superposition.network
    left, parts = np.zeros(one.shape), dict[str, Any]()
    own = [part for part in one.parts if part.owners is not None]
    every = [part for part in one.parts if part.owners is None]
    mean = every[0].weights[0] if every else np.zeros(())
    if own:
        parts["sum"] = _sum(own[0], mean, store)
    if every:
        shared = every[0].read.weights  # type: ignore[union-attr]
        parts["shared"] = {"mean": mean.tolist(), "on": shared.max(), "off": shared.min()}
    if one.rest is not None:
        left += one.rest.toarray()
    parts["left"] = diagonals(left)
    parts["bias"] = [run[1:] for run in diagonals(np.diag(network.biases[i]))]
    return parts


def _sum(own: Part, mean: Array, store: Store) -> dict[str, Any]:
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


def _ends(superposition: Superposition, store: Store) -> dict[str, Any]:
    """Where vectors x (2,) of circuits are written, as small · x + constant; and where read."""
    circuits, layers = superposition.circuits, range(1, superposition.network.n_layers + 1)
    written, reads = superposition.input_map, [superposition.read_maps[i] for i in layers]
    if written.gates:
        gates = [
            {"slots": store.add(gate.code.slots[:, 0]), "start": gate.place.start,
             "size": gate.code.size, "inverted": gate.closed}
            for gate in written.gates
        ]  # fmt: skip
        return {
            "door": place(written.code, store),
            "gates": gates,
            "read": [
                {**place(each.code, store), "vector": [[1, 0, -each.offset], [0, 1, -each.offset]]}
                for each in reads
            ],
        }
    on = on_neurons(*rotation_step(circuits))
    first = circuits.weights[0]
    return {
        "door": {
            **place(written.code, store),
            "small": store.add(first[:, :, 2:]),
            "constant": store.add(first @ [*on, 1, 1]),
        },
        "gates": [],
        "read": [{**place(each.code, store), "vector": _VECTOR, "on": _ON} for each in reads],
    }


if __name__ == "__main__":
    FILE.write_bytes(file())
