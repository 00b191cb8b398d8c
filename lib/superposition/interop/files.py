"""Superpositions in safetensors files: trees of plain values, with their arrays beside them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superposition._check import instance, whole_number
from superposition._memory import check_memory
from superposition.constructions import ChainConstruction, GatedConstruction
from superposition.constructions.graphs import GraphCodes
from superposition.constructions.post import PostCodes
from superposition.constructions.stages import as_graph
from superposition.interop.rows import RowInputs
from superposition.maps import TwoCodes
from superposition.network import mlp_of
from superposition.results import atomic_write, check_writable, named
from superposition.superposition import Superposition

Tree = Any  # None, numbers, strings, lists, and dictionaries that say what they stand for


def _kinds() -> dict[str, type]:
    """Return the library's public dataclasses of circuits, codes, networks and superpositions."""
    from superposition import circuits, constructions

    packages = (circuits, constructions)
    names = [f"{p.__name__}.{m.name}" for p in packages for m in iter_modules(p.__path__)]
    names += [
        f"superposition.{name}" for name in ("maps", "chain_maps", "network", "superposition")
    ]
    found: dict[str, type] = {RowInputs.__name__: RowInputs}
    for module in map(import_module, names):
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and name[0] != "_":
                found |= {name: value} if is_dataclass(value) else {}
    del found["NetworkInFactors"]  # it follows from the rest
    return found


# all that is ever made from a file
KINDS = _kinds()


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
    if kind not in KINDS and kind not in _FIRST_VERSION:
        raise ValueError(f"wanted one of {sorted(KINDS)}, got {kind!r}")
    fields = {name: unpacked(item, arrays) for name, item in tree["fields"].items()}
    if kind in _FIRST_VERSION:
        same = ("circuits", "construction", "network", "checkpoints")
        kept = {name: fields[name] for name in same}
        return Superposition(**kept, codes=_FIRST_VERSION[kind](fields))
    return KINDS[kind](**fields)


def _two_codes(fields: Mapping[str, Any]) -> TwoCodes:
    even, odd = (code.slots[:, 0] for code in fields["codes"][:2])
    door = fields["door"]
    return TwoCodes((even, odd), door.size // door.width, door.dtype)


def _one_stage(fields: Mapping[str, Any]) -> GraphCodes:
    return GraphCodes(as_graph(fields["circuits"]), {"circuits": fields["codes"]}, ())


# version 0.1 had a class for each kind of superposition: what its fields are as codes
_FIRST_VERSION: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    **dict.fromkeys(
        ("ResidualSuperposition", "GraphSuperposition"),
        lambda fields: PostCodes(fields["stream_code"], fields["neuron_codes"]),
    ),
    **dict.fromkeys(
        ("MLPSuperposition", "ChainSuperposition", "GatedGraphSuperposition"),
        lambda fields: fields["codes"],
    ),
    "GatedSuperposition": _two_codes,
    "GatedResidualSuperposition": _one_stage,
    "RecomputedSuperposition": lambda fields: fields["gated"],
}


def _held(old: Superposition) -> Superposition:
    """Return a superposition of format 1 with states held as they are now.

    Its networks held states of linear layers with an offset, and all entries as large as they are.
    Circuits that are held otherwise now are compressed again, with the same codes.
    """
    circuits, construction = old.circuits, old.construction
    if isinstance(old.codes, Superposition):
        return old if _held(old.codes) is old.codes else construction.rebuild(_held(old.codes))
    if not isinstance(construction, (GatedConstruction, ChainConstruction)):
        return old
    two = old.codes if isinstance(old.codes, TwoCodes) else old.codes.copies(circuits.dtype)
    if circuits.exponents is None and not any(construction.pairs(circuits, two)):
        return old
    return replace(old, network=mlp_of(construction.layers(circuits, old.codes)))


def _dataclass(value: Any, label: str, arrays: dict[str, NDArray[Any]]) -> Tree:
    kind = type(value).__name__
    if KINDS.get(kind) is not type(value) or not is_dataclass(value):
        more = ""
        if label.endswith("sampler"):
            more = "; give the circuits a sampler of the library, or None, before compressing them"
        if kind == "NetworkInFactors":
            more = "; save the dense superposition, and call `in_factors` after loading it"
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


FORMAT = "superposition"
FORMAT_VERSION = 2
_KEY = "superposition"  # of the file's metadata

Arrays = dict[str, NDArray[Any]]


def save(
    path: str | Path, superposition: Superposition, *, seed: int | None = None, note: str = ""
) -> None:
    """Write a superposition to one safetensors file, whole or not at all.

    path: the file; folders are made.
    seed: a whole number to keep with the superposition, or None.
    note: a text to keep with the superposition.

    The file holds all of it: circuits, construction, codes, network, checkpoints. The file's
    metadata holds, as JSON, what is not an array, with the `seed` and `note` given, the versions
    that wrote it and a SHA-256 digest of everything. Other programs can open the file as
    safetensors.
    Raises TypeError for what is not a superposition, or holds something that is not kept, such as a
    sampler of inputs that is a function: the message says which, and how to go on. OSError where
    the file cannot be written; a file that was there stays.

    >>> import numpy, pathlib, tempfile
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.interop import save
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/large.safetensors", large, seed=0)
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['large.safetensors']
    """
    from safetensors.numpy import save as serialized

    instance("superposition", superposition, Superposition)
    if seed is not None:
        seed = whole_number("seed", seed, 0)
    instance("note", note, str)
    check_writable(path)
    arrays: Arrays = {}
    tree = packed(superposition, "superposition", arrays)
    size = sum(array.nbytes for array in arrays.values())
    check_memory("superposition", size, lambda n: 2 * n, fits="one of {:,} bytes".format)
    about = {"format": FORMAT, "version": FORMAT_VERSION, "seed": seed, "note": note}
    about |= {**_summary(superposition), "written_by": _versions(), "tree": tree}
    about["text_digest"] = _digest(about, {})
    about["digest"] = _digest(about, arrays)
    with atomic_write(path) as out:
        out.write(serialized(arrays, {_KEY: json.dumps(about)}))


def load(path: str | Path) -> Superposition:
    """Return the superposition in a file of `save`, which runs as the saved one, bit for bit.

    Nothing in the file is executed: only classes of this library are made, by name. The digest
    shows whether a file was damaged. It is no signature, so it does not tell who wrote the file.
    Raises OSError where the file cannot be read, ValueError for a file that is truncated, altered,
    of another kind, or written by a newer version of this library; MemoryError for more than fits.

    >>> import numpy, tempfile
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.interop import load, save
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/large.safetensors", large)
    ...     again = load(f"{folder}/large.safetensors")
    >>> again.network
    MLPNetwork(widths 20 → 20 → 20)
    """
    path = Path(path)
    with named(path, "read"):
        size = path.stat().st_size
    check_memory("path", size, lambda n: 2 * n, fits="a file of {:,} bytes".format)
    about, arrays = _read(path)
    if _digest(about, arrays) != about.get("digest"):
        raise ValueError(f"path: wanted a file as it was written, got an altered one: {path}")
    try:
        superposition = unpacked(about["tree"], arrays)
        instance("superposition", superposition, Superposition)
        superposition = _held(superposition) if about["version"] < FORMAT_VERSION else superposition
        circuits = superposition.circuits  # its parts fit together if it runs
        inputs = np.zeros((1, 1, circuits.widths[0]), circuits.dtype)
        states = superposition.run(inputs, np.zeros((1, 1), int))
        if len(states) != circuits.n_layers + 1:
            raise ValueError(f"checkpoints: wanted {circuits.n_layers + 1}, got {len(states)}")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        text = f"path: wanted a superposition, got something else in {path}: {error}"
        raise ValueError(text) from error
    return superposition


def describe(path: str | Path) -> dict[str, Any]:
    """Return what a file of `save` says of itself, without reading its arrays.

    The dictionary has the keys circuits and network (their kind, number, sizes, parameters),
    construction (its kind and parameters), seed, note, written_by (versions), version (of the
    format) and digest. Raises as `load` does, but does not look at arrays.

    >>> import numpy, tempfile
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.interop import describe, save
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/large.safetensors", large, note="25 random circuits")
    ...     about = describe(f"{folder}/large.safetensors")
    >>> about["note"], about["construction"]["kind"]
    ('25 random circuits', 'GatedConstruction')
    """
    about, _ = _read(Path(path), arrays=False)
    construction = about["tree"]["fields"]["construction"]
    parameters = {"kind": construction["kind"], **construction["fields"]}
    left_out = ("tree", "format", "text_digest")
    rest = {name: value for name, value in about.items() if name not in left_out}
    return {"construction": parameters, **rest}


def _summary(superposition: Superposition) -> dict[str, Any]:
    circuits, network = superposition.circuits, superposition.network
    return {
        "circuits": {
            "kind": type(circuits).__name__,
            "n_circuits": circuits.n_circuits,
            "widths": circuits.widths,
            "n_parameters": circuits.n_parameters,
            "dtype": str(circuits.dtype),
        },
        "network": {
            "kind": type(network).__name__,
            "n_layers": network.n_layers,
            "n_parameters": network.n_parameters,
        },
    }


def _read(path: Path, arrays: bool = True) -> tuple[dict[str, Any], Arrays]:
    """Return metadata and arrays of a file of `save`. Raises ValueError for any other file."""
    from safetensors import SafetensorError, safe_open

    with named(path, "read"), path.open("rb"):
        pass
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            about = _about(path, metadata)
            names = file.keys() if arrays else []
            found = {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        text = f"path: wanted a whole file of superposition.interop.save, got {path}: {error}"
        raise ValueError(text) from error
    return about, found


def _about(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        about = json.loads(metadata[_KEY])
        known = about["format"] == FORMAT and isinstance(about["version"], int)
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError):
        known = False
    if not known:
        raise ValueError(f"path: wanted a file of superposition.interop.save, got another: {path}")
    if about["version"] > FORMAT_VERSION:
        raise ValueError(
            f"path: wanted a file of format {FORMAT_VERSION} or older, got {about['version']}, "
            f"written by {about.get('written_by', {})}: {path}; a newer superposition reads it"
        )
    if missing := [name for name in ("tree", "digest", "text_digest") if name not in about]:
        raise ValueError(f"path: wanted a file as it was written, got {path} without {missing}")
    if _digest(about, {}) != about["text_digest"]:
        raise ValueError(f"path: wanted a file as it was written, got an altered one: {path}")
    checked: dict[str, Any] = about
    return checked


def _digest(about: dict[str, Any], arrays: Arrays) -> str:
    """Return SHA-256 of everything but the digests themselves."""
    digest = hashlib.sha256()
    digests = ("digest", "text_digest")
    rest = {name: value for name, value in about.items() if name not in digests}
    digest.update(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    names = ("numpy", "safetensors")
    return {
        "python": platform.python_version(),
        "superposition": version("circuits-in-superposition"),
        **{name: version(name) for name in names},
    }
