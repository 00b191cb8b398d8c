"""Active sets of a graph: random walks along its edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superposition._check import Integers, generator, instance, positive_int
from superposition.circuits.graph import CircuitGraph

_AT_ONCE = 1024  # walks that take a step together


def sample_paths(
    graph: CircuitGraph,
    n_samples: int,
    rng: np.random.Generator,
    *,
    length: int | None = None,
    n_paths: int = 1,
) -> Integers:
    """Draw random walks along edges, in which each circuit feeds the next.

    length: the number of circuits on a walk; None: that of the longest walk.
    n_paths: how many walks a row has; they share no circuit, and no edge connects two of them.

    A walk starts at a circuit that no edge leads to. It continues along any edge after which it can
    still reach its length, and each of these is equally likely. Returns the circuits' numbers,
    (n_samples, n_paths · length), the walks of a row one after the other.
    Raises ValueError where no walk has that length, or a row cannot hold so many separate walks.
    """
    instance("graph", graph, CircuitGraph)
    n_samples, rng = positive_int("n_samples", n_samples), generator(rng)
    n_paths = positive_int("n_paths", n_paths)
    ahead = _ahead(graph)
    longest = len(ahead)
    length = positive_int("length", longest if length is None else length, longest, ", the longest")
    starts = np.flatnonzero(ahead[length - 1] & graph.without_predecessors)
    if n_paths > len(starts):
        raise ValueError(
            f"n_paths: wanted at most {len(starts)}, the first circuits, got {n_paths}"
        )
    walks = _walks(graph, ahead[:length], starts, (n_samples, n_paths), rng)
    for _ in range(100):
        if not (again := _meet(graph, walks, length)).any():
            return walks
        walks[again] = _walks(graph, ahead[:length], starts, (int(again.sum()), n_paths), rng)
    raise ValueError(f"n_paths: wanted so few that they can be apart, got {n_paths}")


def _walks(
    graph: CircuitGraph,
    ahead: list[NDArray[np.bool_]],
    starts: Integers,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Integers:
    now = rng.choice(starts, shape).ravel()
    walk = [now]
    for enough in ahead[-2::-1]:
        parts = [now[i : i + _AT_ONCE] for i in range(0, len(now), _AT_ONCE)]
        now = np.concatenate([_next(graph, part, enough, rng) for part in parts])
        walk.append(now)
    return np.stack(walk, axis=1).reshape(shape[0], -1)


def _next(
    graph: CircuitGraph, now: Integers, enough: NDArray[np.bool_], rng: np.random.Generator
) -> Integers:
    """Draw, for each circuit, one that follows it and from which the walk can reach its length."""
    may = graph.adjacency[now].toarray() * enough
    return np.asarray((rng.random(may.shape) * may).argmax(axis=1))


def _ahead(graph: CircuitGraph) -> list[NDArray[np.bool_]]:
    """Return, for walks of 1, 2, … circuits, whether one starts at each circuit, (T,)."""
    ahead = [np.ones(graph.n_circuits, bool)]
    while (more := graph.adjacency @ ahead[-1].astype(int) > 0).any():
        ahead.append(more)
    return ahead


def _meet(graph: CircuitGraph, walks: Integers, length: int) -> NDArray[np.bool_]:
    """Return whether two of a row's walks share a circuit, or have an edge between them, (n,)."""
    ordered = np.sort(walks, axis=1)
    meet = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    walk = np.arange(walks.shape[1]) // length
    for one, other in np.argwhere(walk[:, None] != walk):
        meet |= np.asarray(graph.adjacency[walks[:, one], walks[:, other]] > 0).ravel()
    return np.asarray(meet)
