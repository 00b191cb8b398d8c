"""Superpositions as trees of plain values with their arrays beside them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superposition import circuits, codes, constructions, inputs, network
from superposition.circuits import convert, rotations, stages
from superposition.codes import chains, stream
from superposition.constructions import compiled, gated_graph, graph_codes, recomputed
from superposition.interop.rows import RowInputs

Tree = Any  # None, numbers, strings, lists, and dictionaries that say what they stand for

# all that is ever made from a file
KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        circuits.CircuitGraph,
        circuits.MLPCircuits,
        circuits.ResidualCircuits,
        stages.Stage,
        stages.Edges,
        inputs.UnitInputs,
        convert.SwitchedInputs,
        rotations.PlaneDirections,
        rotations.RotationInputs,
        RowInputs,
        codes.GaussianCode,
        codes.SparseCode,
        chains.ChainCodes,
        stream.StreamCodes,
        graph_codes.GraphCodes,
        network.MLPNetwork,
        network.ResidualNetwork,
        constructions.ChainConstruction,
        constructions.GatedConstruction,
        constructions.GatedResidualConstruction,
        constructions.MLPConstruction,
        constructions.ResidualConstruction,
        recomputed.RecomputedGates,
        constructions.ChainSuperposition,
        constructions.GatedResidualSuperposition,
        constructions.GatedSuperposition,
        constructions.MLPSuperposition,
        constructions.ResidualSuperposition,
        compiled.GraphSuperposition,
        gated_graph.GatedGraphSuperposition,
        recomputed.RecomputedSuperposition,
    )
}


def packed(value: Any, label: str, arrays: dict[str, NDArray[Any]]) -> Tree:
    """Return `value` as a tree, and add its arrays to `arrays`.

    Each array is added once, under the label that it has first.

    Raises TypeError for what cannot be kept, by label: "superposition.circuits.sampler".
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"kind": "array", **_stored(value, label, arrays)}
    if isinstance(value, np.dtype):
        return {"kind": "dtype", "name": value.name}
    if isinstance(value, type) and issubclass(value, np.floating):
        return {"kind": "dtype", "name": np.dtype(value).name}
    if isinstance(value, slice) and value.step is None:
        return {"kind": "slice", "items": [value.start, value.stop]}
    if isinstance(value, (tuple, list)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        items = [packed(item, f"{label}.{i}", arrays) for i, item in enumerate(value)]
        return {"kind": kind, "items": items}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        named = {key: packed(item, f"{label}.{key}", arrays) for key, item in value.items()}
        return {"kind": "dict", "items": named}
    return _dataclass(value, label, arrays)


def unpacked(tree: Tree, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value of a tree; raise KeyError, TypeError or ValueError for other trees."""
    if not isinstance(tree, dict):
        return tree
    kind = tree["kind"]
    if kind == "array":
        return arrays[tree["name"]].transpose(np.argsort(tree["axes"]))
    if kind == "dtype":
        return np.dtype(tree["name"])
    if kind == "slice":
        return slice(*tree["items"])
    if kind in ("tuple", "list"):
        items = [unpacked(item, arrays) for item in tree["items"]]
        return tuple(items) if kind == "tuple" else items
    if kind == "dict":
        return {key: unpacked(item, arrays) for key, item in tree["items"].items()}
    if kind not in KINDS:
        raise ValueError(f"wanted one of {sorted(KINDS)}, got {kind!r}")
    return KINDS[kind](**{name: unpacked(item, arrays) for name, item in tree["fields"].items()})


def _dataclass(value: Any, label: str, arrays: dict[str, NDArray[Any]]) -> Tree:
    kind = type(value).__name__
    if KINDS.get(kind) is not type(value) or not is_dataclass(value):
        more = ""
        if label.endswith("sampler"):
            more = "; give the circuits a sampler of the library, or None, before compressing them"
        raise TypeError(f"{label}: wanted something of the library's, got {kind}{more}")
    parts = {
        field.name: packed(getattr(value, field.name), f"{label}.{field.name}", arrays)
        for field in fields(value)
    }
    return {"kind": kind, "fields": parts}


def _stored(value: NDArray[Any], label: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return an array's name, and its axes in the order of memory, on which rounding depends."""
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{label}: wanted numbers, got an array of dtype {value.dtype}")
    axes = sorted(range(value.ndim), key=lambda axis: -value.strides[axis])
    stored = np.ascontiguousarray(value.transpose(axes))
    for name, known in arrays.items():
        same = known.ctypes.data == stored.ctypes.data and known.dtype == stored.dtype
        if same and known.shape == stored.shape:
            return {"name": name, "axes": axes}
    arrays[label] = stored
    return {"name": label, "axes": axes}
