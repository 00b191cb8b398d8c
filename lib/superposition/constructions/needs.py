"""How much memory compressing needs, which is checked before anything is drawn or made.

The need is the weights of all layers, and the largest of what exists while they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from superposition._memory import check_memory, layers_in_words
from superposition.circuits import CircuitGraph, MLPCircuits, ResidualCircuits
from superposition.constructions.stages import Step
from superposition.maps import GATES

_NETWORK = "a network"


def check_residual(graph: CircuitGraph, steps: Sequence[Step], width: int, neurons: int) -> None:
    """Raise MemoryError for a stream of `width` dimensions and `neurons` neurons that does not fit.

    The message names a smaller stream, with neurons in proportion, that fits.
    """
    item, n_layers = graph.dtype.itemsize, len(steps)
    entries = graph.n_circuits * (graph.width + 1)
    spread = max(step.n_circuits * step.n_neurons for step in steps)  # each is read in the stream

    def beside(stream: int) -> int:
        return -(-neurons * stream // width)

    def needs(stream: int) -> float:
        matrix, directions = beside(stream) * stream, entries * stream
        made = item * ((2 * n_layers + 1) * matrix + directions + spread * stream)
        return max(
            made, 3 * 8 * directions
        )  # directions are drawn in float64, then made orthonormal

    def fits(stream: int) -> str:
        return f"a stream width of {stream:,} with {beside(stream):,} neurons"

    made = layers_in_words(n_layers, 2 * neurons, width, graph.dtype)
    name = "stream_width, n_neurons"
    check_memory(name, width, needs, fits=fits, kind=_NETWORK, made=made)


def check_mlp(circuits: MLPCircuits, width: int) -> None:
    """Raise MemoryError unless L layers fit, and two more while one of them is made."""
    item, layers = circuits.dtype.itemsize, circuits.n_layers

    def needs(size: int) -> float:
        return item * (layers + 2 * (layers > 1)) * size**2

    made = layers_in_words(layers, width, width, circuits.dtype)
    check_memory("width", width, needs, fits="a width of {:,}".format, kind=_NETWORK, made=made)


def check_plane(circuits: MLPCircuits, width: int | None, prime: int, redundancy: int) -> None:
    """Raise MemoryError for a gated network over a plane that is too large."""
    per_slot = max(circuits.widths) + GATES

    def fits(n_slots: int) -> str:
        lines = n_slots // redundancy
        return _plane_in_words(width, lines, 2 * redundancy, redundancy * per_slot)

    check_gated(circuits, _deciding("width", width), redundancy * prime, fits)


def check_chains(
    circuits: MLPCircuits, width: int | None, slots: int, n_chains: int, buckets: int | None
) -> None:
    """Raise MemoryError for too many slots of each of the chains, over planes or in buckets."""
    per_slot = n_chains * (max(circuits.widths) + GATES)

    def fits(n_slots: int) -> str:
        if buckets is None:
            return _plane_in_words(width, n_slots // n_chains, 2 * n_chains, per_slot)
        of_one = n_slots // n_chains // buckets
        return _room_in_words(width, buckets * of_one**2, buckets * of_one * per_slot)

    check_gated(circuits, _deciding("width", width), n_chains * slots, fits)


def check_gated(
    circuits: MLPCircuits,
    name: str,
    n_slots: int,
    fits: Callable[[int], str] = "codes of {:,} slots".format,
) -> None:
    """Raise MemoryError for codes of too many slots.

    name: the argument that decides.
    fits: a function that puts a number of slots into words.

    The need is all layers, and the largest of them once more.
    """
    item, sizes = circuits.dtype.itemsize, [width + GATES for width in circuits.widths]
    layers = [after * before for before, after in pairwise(sizes)]

    def needs(slots: int) -> float:
        return item * (sum(layers) + max(layers)) * slots**2

    widest = max(sizes) * n_slots
    made = layers_in_words(len(layers), widest, widest, circuits.dtype)
    check_memory(name, n_slots, needs, fits=fits, kind=_NETWORK, made=made)


def check_stream_plane(
    circuits: ResidualCircuits, cleaners: int, width: int | None, plane: tuple[int, int, int]
) -> None:
    """Raise MemoryError for a gated stream over a plane that is too large.

    plane: its prime, and how many slopes the codes of the stream and of neurons have.
    """
    prime, read, written = plane
    per_line = read * (circuits.width + 1) + written

    def fits(n_slots: int) -> str:
        return _plane_in_words(width, n_slots // read, read + written, per_line)

    slots = read * prime, written * prime
    check_stream(circuits, cleaners, slots, _deciding("stream_width", width), fits)


def check_stream(
    circuits: ResidualCircuits,
    cleaners: int,
    slots: tuple[int, int],
    name: str = "codes",
    fits: Callable[[int], str] = "codes of {:,} slots of the stream".format,
) -> None:
    """Raise MemoryError for codes of too many slots.

    cleaners: how many neurons clean a slot.
    slots: the slots of the stream and of neurons, which shrink in proportion.
    name: the argument that decides.
    fits: a function that puts a number of slots into words.

    The need is 2L − 1 layers, and one more while one is made.
    """
    item, layers, many = circuits.dtype.itemsize, 2 * circuits.n_layers - 1, slots[0]

    def sizes(n: int) -> tuple[int, int]:
        carrying = -(-slots[1] * n // many)
        neurons = max(circuits.n_neurons * carrying, cleaners * n)
        return 2 * neurons, (circuits.width + 1) * n + carrying

    def needs(n: int) -> float:
        rows, columns = sizes(n)
        return item * (layers + 1) * rows * columns

    made = layers_in_words(layers, *sizes(many), circuits.dtype)
    check_memory(name, many, needs, fits=fits, kind=_NETWORK, made=made)


def _deciding(width_name: str, width: int | None) -> str:
    """Return the argument that decides a gated network's size: its width, if that is given."""
    return "circuits" if width is None else width_name


def _plane_in_words(width: int | None, lines: int, slopes: int, per_line: int) -> str:
    """Describe what the largest plane of at most so many lines holds, and in which width."""

    from sympy import prevprime

    prime = int(prevprime(lines + 1)) if lines >= 2 else 0
    return _room_in_words(width, prime**2 if prime + 1 >= slopes else 0, prime * per_line)


def _room_in_words(width: int | None, n_circuits: int, needed: int) -> str:
    """Describe circuits that fit or, where a width was asked for, the width that holds them."""
    if n_circuits < 1:
        return "no circuit"
    circuits = f"{n_circuits:,} circuits"
    return circuits if width is None else f"a width of {needed:,}, for {circuits},"
