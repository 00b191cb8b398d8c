"""Checks that sizes fit into memory before anything is allocated."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

_GROUPS = Path("/sys/fs/cgroup")
# limit, use and the latter's name, of both kinds of control groups; caches do not count as used
_LIMITS = (
    ("memory.max", "memory.stat", "anon"),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss"),
)
_LARGEST = 2**53  # no size beyond is looked at
_SMALL = 2**24  # bytes: to ask what is free would take longer than to make it
_NETWORK = "a network"
_KEPT = 31 * 2**20  # bytes: the C library's own bound, below which it learns


def check_memory(
    name: str,
    size: int,
    needs: Callable[[int], float],
    *,
    fits: Callable[[int], str],
    kind: str = "a size",
    made: str = "",
) -> None:
    """Raise MemoryError where a call needs more memory than there is, with a size that fits.

    name: the argument that decides.
    size: its value.
    needs: bytes at the peak by size, which never fall as the size grows.
    fits: a function that puts a size into words.
    kind: what is to be made, in words.
    made: its shape, in words.
    """
    if (needed := needs(size)) < _SMALL or needed <= (free := free_memory()):
        return
    largest = bisect_right(range(1, min(size, _LARGEST)), free, key=needs)
    would = f"{fits(largest)} would fit" if largest else "not even the smallest would fit"
    raise MemoryError(
        f"{name}: wanted {kind} that fits in {_in_words(free)} of free memory, got one of "
        f"{_in_words(needed)}{f' ({made})' if made else ''}; {would}"
    )


def check_network(
    name: str,
    size: int,
    shapes: Callable[[int], Sequence[tuple[int, int]]],
    dtype: DTypeLike,
    *,
    fits: Callable[[int], str],
    more: int = 1,
) -> None:
    """Raise MemoryError unless all layers fit, and the largest of them once more.

    shapes: the shapes of all layers' weights by size.
    more: how many times the largest layer is needed besides, while layers are made.

    The other arguments are as of `check_memory`.
    """

    def needs(size: int) -> float:
        layers = [float(rows * columns) for rows, columns in shapes(size)]
        return np.dtype(dtype).itemsize * (sum(layers) + more * max(layers))

    layers = shapes(size)
    rows, columns = np.max(layers, axis=0).tolist()
    made = layers_in_words(len(layers), rows, columns, dtype)
    check_memory(name, size, needs, fits=fits, kind=_NETWORK, made=made)


def is_spare(needed: float) -> bool:
    """Return whether so many bytes are a small part of the memory that is free."""
    return needed < _SMALL or 4 * needed <= free_memory()


def check_circuits(n_circuits: int, one: int) -> None:
    """Raise MemoryError unless n_circuits circuits fit, at `one` bytes each."""
    check_memory("n_circuits", n_circuits, lambda n: n * one, fits="{:,} circuits".format)


def free_memory() -> float:
    """Return the bytes that can still be allocated: of the system, and of the control group.

    The result is infinite where neither is known. A reading that is not above zero counts as none.
    """
    return min((reading for reading in (_of_system(), _of_group()) if reading > 0), default=inf)


@cache
def reuse_freed_memory() -> None:
    """Make the C library keep the memory of freed large arrays for the next arrays.

    glibc returns freed memory to the system, and asks for it again page by page, until a block of
    that size has been freed. This function frees such a block, which is never touched. Without it
    half of the time of `measure_error` went into new pages. It acts once in each process.
    """
    np.empty(_KEPT, np.uint8)


def layers_in_words(n_layers: int, rows: int, columns: int, dtype: DTypeLike) -> str:
    """Describe a network's layers for an error message."""
    return f"{n_layers} layers of {rows:,} × {columns:,} {np.dtype(dtype)}"


def _of_system() -> float:
    import psutil  # slow to load

    try:
        return float(psutil.virtual_memory().available)
    except (OSError, RuntimeError):  # a system that does not say
        return inf


def _of_group() -> float:
    for limit, table, used in _LIMITS:
        try:
            numbers = dict(line.split() for line in (_GROUPS / table).read_text().splitlines())
            return int((_GROUPS / limit).read_text()) - int(numbers[used])
        except (OSError, ValueError, KeyError):  # not there, or "max": no limit
            continue
    return inf


def _in_words(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if n_bytes < 999.95:
            return f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.0f} EB"
