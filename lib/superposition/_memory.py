"""Memory: sizes that cannot fit are refused before anything is allocated."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from math import inf
from pathlib import Path

import numpy as np

_GROUPS = Path("/sys/fs/cgroup")
# limit, use and the latter's name, of both kinds of control groups; caches do not count as used
_LIMITS = (
    ("memory.max", "memory.stat", "anon"),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss"),
)
_LARGEST = 2**53  # no size beyond is looked at
_SMALL = 2**24  # bytes: to ask what is free would take longer than to make it
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
    """MemoryError where a call would need more than there is, and which size would fit.

    name, size: the argument that decides. needs: bytes at the peak by size, never falling. fits:
    words for a size. kind, made: what is to be made, and of what shape.
    """
    if (needed := needs(size)) < _SMALL or needed <= (free := free_memory()):
        return
    largest = bisect_right(range(1, min(size, _LARGEST)), free, key=needs)
    would = f"{fits(largest)} would fit" if largest else "not even the smallest would fit"
    raise MemoryError(
        f"{name}: wanted {kind} that fits in {_in_words(free)} of free memory, got one of "
        f"{_in_words(needed)}{f' ({made})' if made else ''}; {would}"
    )


def check_circuits(n_circuits: int, one: int) -> None:
    """`check_memory` for so many circuits that take `one` bytes each."""
    check_memory("n_circuits", n_circuits, lambda n: n * one, fits="{:,} circuits".format)


def free_memory() -> float:
    """Bytes that can still be allocated: what the system has, and what the control group allows.

    Infinite where neither is known; a reading that is not above zero counts as none.
    """
    return min((reading for reading in (_of_system(), _of_group()) if reading > 0), default=inf)


@cache
def reuse_freed_memory() -> None:
    """Have the C library keep the memory of large arrays for the next, where it can learn to.

    glibc hands back to the system what is freed, and asks for it again page by page, until it has
    seen a block of that size freed: this one, which is never touched. Half of the time of
    `measure_error` went into new pages before. Once per process.
    """
    np.empty(_KEPT, np.uint8)


def layers_in_words(n_layers: int, rows: int, columns: int, dtype: object) -> str:
    """What a network is made of, for the message."""
    return f"{n_layers} layers of {rows:,} × {columns:,} {dtype}"


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
