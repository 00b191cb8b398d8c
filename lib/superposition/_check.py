"""Checks of arguments, whose errors name the argument, what was wanted and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]


def positive_int(name: str, value: object, at_most: int | None = None, because: str = "") -> int:
    """Return `value` as an int ≥ 1 (and ≤ `at_most`), or raise an error that names it."""
    number = whole_number(name, value, 1)
    if at_most is not None and number > at_most:
        raise ValueError(f"{name}: wanted at most {at_most}{because}, got {number}")
    return number


def whole_number(name: str, value: object, at_least: int) -> int:
    """Return `value` as an int ≥ `at_least`, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: wanted a whole number, got {value!r}")
    number = int(value)
    if number < at_least:
        raise ValueError(f"{name}: wanted at least {at_least}, got {number}")
    return number


def positive_real(name: str, value: object) -> float:
    """Return `value` as a finite float above zero, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: wanted a number, got {value!r}")
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name}: wanted a finite number above 0, got {number}")
    return number


def generator(rng: object) -> np.random.Generator:
    """Return `rng` if it is a NumPy Generator; raise TypeError with a hint for a seed."""
    if isinstance(rng, np.random.Generator):
        return rng
    hint = f"; write numpy.random.default_rng({rng})" if isinstance(rng, Integral) else ""
    raise TypeError(f"rng: wanted a numpy.random.Generator, got {type(rng).__name__}{hint}")


def float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` as float32 or float64, or raise TypeError."""
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        wanted = None
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"dtype: wanted float32 or float64, got {dtype!r}")
    return wanted


def real_array(
    name: str, value: object, axes: str, sizes: dict[str, int], dtype: DTypeLike | None = None
) -> Floats:
    """Return `value` as a read-only float array whose axes are called `axes` (words, in order).

    `sizes` maps names of known axes to their lengths. The names of this array are added to it, so
    that a chain of calls finds arrays that do not fit together. Arrays become `dtype`, if given;
    otherwise whole numbers become float64.
    """
    array = _as_array(name, value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: wanted real numbers, got an array of dtype {array.dtype}")
    _fit(name, array.shape, axes.split(), sizes)
    if dtype is None:
        dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
        array = array.astype(dtype, copy=False)
    if not _all_finite(array):
        raise ValueError(f"{name}: wanted finite numbers, got NaN or infinity in {array.dtype}")
    view = array.view()
    view.flags.writeable = False
    return view


def _all_finite(array: Floats) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):  # NaN and infinity never leave a sum
            return True
    return bool(np.isfinite(array).all())


def whole_array(name: str, value: object, axes: str, sizes: dict[str, int], below: int) -> Integers:
    """Return `value` as an integer array of named axes with entries in 0 … `below` − 1."""
    array = _as_array(name, value)
    _fit(name, array.shape, axes.split(), sizes)
    if array.size == 0:
        return array.astype(np.intp)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: wanted whole numbers, got an array of dtype {array.dtype}")
    if array.min() < 0 or array.max() >= below:
        got = f"{array.min()} to {array.max()}" if array.min() < array.max() else array.min()
        raise ValueError(f"{name}: wanted entries from 0 to {below - 1}, got {got}")
    return array.astype(np.intp, copy=False)


def active_sets(active: object, n_circuits: int, sizes: dict[str, int]) -> Integers:
    """Return `active` as an integer array (batch, active), distinct within each row."""
    array = whole_array("active", active, "batch active", sizes, n_circuits)
    ordered = np.sort(array, axis=1)
    repeated = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if repeated.size:
        row = array[repeated[0]].tolist()
        raise ValueError(f"active: wanted distinct circuits within a row, got {row}")
    return array


def layer_arrays(
    weights: Sequence[Floats], biases: Sequence[Floats], more: str = ""
) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Return `weights` and `biases`, one array for each layer, that fit together.

    weights: weights[l] has shape (more, width_l+1, width_l).
    biases: biases[l] has shape (more, width_l+1).
    more: the names of axes before theirs.

    Raises ValueError for an empty axis.
    """
    instance("weights", weights, Sequence)
    instance("biases", biases, Sequence)
    if len(weights) < 1 or len(weights) != len(biases):
        got = f"{len(weights)} and {len(biases)}"
        raise ValueError(f"weights, biases: wanted as many of both, at least 1, got {got}")
    sizes: dict[str, int] = {}
    checked = []
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        after = f"{more} width_{i + 1}"
        large = real_array(f"weights[{i}]", weight, f"{after} width_{i}", sizes)
        checked.append((large, real_array(f"biases[{i}]", bias, after, sizes)))
    no_empty_axis("weights", sizes)
    return tuple(pair[0] for pair in checked), tuple(pair[1] for pair in checked)


def no_empty_axis(name: str, sizes: Mapping[str, int]) -> None:
    """Raise ValueError that names the first axis of length 0, if there is one."""
    for axis, length in sizes.items():
        if length < 1:
            raise ValueError(f"{name}: wanted at least 1 of {axis}, got {length}")


def instance(name: str, value: object, kind: type) -> None:
    """Raise TypeError unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: wanted {kind.__name__}, got {type(value).__name__}")


def _as_array(name: str, value: object) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:  # NumPy's message on ragged lists does not say which argument
        raise ValueError(f"{name}: wanted a rectangular array: {error}") from None


def _fit(name: str, shape: tuple[int, ...], axes: list[str], sizes: dict[str, int]) -> None:
    wanted = _describe(axes, sizes)
    if len(shape) != len(axes):
        raise ValueError(f"{name}: wanted shape {wanted}, got {shape}")
    if any(sizes.get(axis, n) != n for axis, n in zip(axes, shape, strict=True)):
        raise ValueError(f"{name}: wanted shape {wanted}, got {shape}")
    sizes.update(zip(axes, shape, strict=True))


def _describe(axes: list[str], sizes: Mapping[str, int]) -> str:
    return "(" + ", ".join(f"{a} = {sizes[a]}" if a in sizes else a for a in axes) + ")"
