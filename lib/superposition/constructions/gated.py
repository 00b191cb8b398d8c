"""Gated superposition is exact while one circuit is active, at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import (
    Floats,
    Integers,
    generator,
    instance,
    positive_int,
    positive_real,
)
from superposition._memory import check_network
from superposition.circuits import MLPCircuits
from superposition.circuits.bounds import (
    ROUNDED,
    check_longest,
    largest_pre_activations,
    largest_states,
)
from superposition.circuits.inputs import NumberActive
from superposition.circuits.moments import MLPMoments
from superposition.circuits.normal import entering, held, input_bounds, leaving
from superposition.constructions.sizing import OfReLUs, neurons_of_slot, slot_shapes
from superposition.maps import SparseCode, TwoCodes, draw_codes
from superposition.network import mlp_of
from superposition.predict.by_circuit import over_numbers
from superposition.readers import SlotRows
from superposition.sums import Layer, Part, Sum, part_of_rows, placed
from superposition.superposition import Gate, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.gated import Coupling, Crosstalk


LAWS = ("sampled", "derived")


def gated_layers(
    circuits: MLPCircuits,
    two: TwoCodes,
    quiet: bool,
    gates: Floats,
    offsets: Sequence[float],
    owners: Integers,
) -> Iterator[Layer]:
    """Yield the large layers: (eq-gate), (eq-offset).

    gates: (L,), bounds on what a single circuit's weights make of a state, which gates must exceed.
    offsets: (L+1,), what is added to the values of linear layers.
    owners: (T,), the circuit that each of the circuits stands for.
    """
    n = two.n_slots
    for i, (before, after) in enumerate(pairwise(circuits.widths)):
        weight, bias = circuits.weights[i], circuits.biases[i]
        # the last column, read from gates, is the bias, and takes back the offset of what is read
        small = np.dstack([weight, bias - offsets[i] * weight.sum(axis=2)])
        part, times = _part(small, two, i, quiet, owners)
        rows, dtype = after * n, circuits.dtype  # of entries; the gates' come after them
        turned, every = np.arange(2 * n), np.arange(rows)
        close, gate = times * gates[i] + offsets[i + 1], two.gates(i + 1, before).start
        shape = two.size(after), two.size(before)
        rest = placed(
            [
                (rows + turned, before * n + turned, np.full(2 * n, -1.0)),  # g → 1 − g
                (every, gate + every % n, np.full(rows, -close)),
            ],
            shape,
            dtype,
        )
        constant = np.ones(shape[0], dtype)
        constant[:rows] = offsets[i + 1]
        n_circuits = int(owners.max()) + 1
        yield Layer((Sum(shape, (part,), rest, dtype, n_circuits, f"weights[{i}]"),), constant)


def _part(
    small: Floats, two: TwoCodes, layer: int, quiet: bool, owners: Integers
) -> tuple[Part, float]:
    """Return circuits' part, and how much of the largest term a slot not in use can receive.

    small: (T, d', d+1), the circuits' weights, with a column that is read from gates.
    """
    after, before = small.shape[1], small.shape[2] - 1
    if not (quiet and two.redundancy > 1):  # one slot leaves no choice of weights
        part = Part(two.entries(layer + 1, after), small, two.state(layer, before), owners)
        return part, _of_one_slot(two, layer) if quiet else 1.0
    rows = SlotRows.of(two.slots(layer), two.slots(layer + 1), quiet)
    starts = two.n_slots * np.array([*range(before), before + layer % 2])
    shape, blocks = (two.size(after), two.size(before)), two.n_slots * np.arange(after)
    part = part_of_rows(rows, small, blocks, shape, starts, owners)
    return part, rows.loudest_of_others


def _of_one_slot(two: TwoCodes, layer: int) -> float:
    """Return the most circuits on one slot that read a given other slot at once.

    Each circuit has one slot. Codes of a plane have one circuit for each pair of slots. So the
    result is 1, or 0 where no two circuits share a slot.
    """
    read, write = two.sets[layer % 2][:, 0], two.sets[(layer + 1) % 2][:, 0]
    pairs, together = np.unique(write * two.n_slots + read, return_counts=True)
    load = np.bincount(read, minlength=two.n_slots)
    of_others = load[pairs % two.n_slots] > together
    return float((together * of_others).max())


def gated_input(two: TwoCodes, width: int, weights: Floats | None, bound: float) -> InputMap:
    """Return how inputs are written, with gates of both codes: the second says what is closed."""
    return InputMap(two.entries(0, width), weights, gates=gates_of(two, 0, width), bound=bound)


def offsets_of(circuits: MLPCircuits, sizes: Floats) -> tuple[float, ...]:
    """Return what is added to states after 0 … L layers: their sizes where a layer is linear."""
    linear = [False, *(name == "linear" for name in circuits.activations)]
    return tuple(float(size) if on else 0.0 for size, on in zip(sizes, linear, strict=True))


def gates_of(two: TwoCodes, layer: int, width: int) -> tuple[Gate, ...]:
    """Return the gates after a layer: of the code that states are in, and of the code to come."""
    return tuple(
        Gate(two.slots(i), two.gates(i, width), closed=i > layer) for i in (layer, layer + 1)
    )


def check_slots(widths: Sequence[int], dtype: DTypeLike, n_slots: int) -> None:
    """Raise MemoryError for given codes of too many slots."""

    def shapes(slots: int) -> list[tuple[int, int]]:
        return slot_shapes(widths, slots)

    check_network("codes", n_slots, shapes, dtype, fits="codes of {:,} slots".format)


def held_within(
    circuits: MLPCircuits, pairs: Sequence[bool], input_bound: float
) -> tuple[MLPCircuits, Floats]:
    """Return circuits as the network holds them, and bounds on the lengths of states, (L+1,)."""
    check_longest(circuits, ROUNDED * input_bound)
    inner = held(circuits, pairs)
    return inner, largest_states(inner, input_bounds(circuits, ROUNDED * input_bound))


@dataclass(frozen=True)
class GatedConstruction(OfReLUs):
    """The sizes of gated superposition (chapter *Gated superposition*).

    width: the most neurons in the widest layer; None: as many as the circuits need.
    redundancy: r, how many slots hold each entry of a circuit's state.
    input_bound: the largest length |x| of an input; `embed` refuses longer ones.
    headroom: how many times as large as for one active circuit gates and offsets are.
    quiet: whether to use the weights with least crosstalk, (eq-quiet), or equal ones, (eq-plain).

    Raises TypeError or ValueError for sizes or bounds ≤ 0, or a headroom below 1.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits, measure_error
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(121, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> large.network  # 121 circuits of width 2 in 44 neurons
    MLPNetwork(widths 44 → 44 → 44)
    >>> bool(measure_error(large, 1, 100, rng)["worst"].max() < 1e-9)
    True
    """

    width: int | None = None
    redundancy: int = 1
    input_bound: float = 1.0
    headroom: float = 16.0
    quiet: bool = True

    sampled = True

    def __post_init__(self) -> None:
        if self.width is not None:
            positive_int("width", self.width)
        positive_int("redundancy", self.redundancy)
        positive_real("input_bound", self.input_bound)
        if positive_real("headroom", self.headroom) < 1:
            raise ValueError(f"headroom: wanted at least 1, got {self.headroom}")

    def predict_error(
        self, circuits: MLPCircuits, n_active: NumberActive, law: str = "sampled"
    ) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds by layer 0 … L, in a drawing of codes.

        n_active: one number, or shares of samples by number, as of `measure_error`.

        Two laws are known:

        "sampled" follows random active sets through the slots that they use, with the circuits' own
        weights and inputs, in codes that are drawn anew. It holds for circuits of any kind and
        errors of any size. No large network is made, but all circuits on these slots are looked at.

        "derived" is (eq-gated-law), from the geometry of the codes and the circuits' moments. It
        holds while errors are small. Where circuits' weights have a mean in common, it falls short
        of relative errors that are not small: of .1 by a third, of 1 by up to a half.

        The columns are layer, mse, relative_mse and inactive_mse; from samples also low and high,
        between which a measured relative_mse lies in 95 %, and circuit_median, circuit_worst and
        circuit_lost, as of `measure_error`. Errors are zero for one active circuit, of which
        `rounding` is all that is left: an estimate of the root of its relative mean square. Random
        numbers are of one fixed seed.
        Raises ValueError for another law, more circuits than `width` holds, n_active > T.
        """
        instance("circuits", circuits, MLPCircuits)
        if law not in LAWS:
            raise ValueError(f"law: wanted one of {LAWS}, got {law!r}")
        n = circuits.n_circuits
        if isinstance(n_active, Mapping):
            return over_numbers(lambda k: self.predict_error(circuits, k, law), n_active, n)
        n_active = positive_int("n_active", n_active, n, ", the number of circuits")
        prime = self._prime(self._widths(circuits), n)
        table = self._predicted(circuits, prime, n_active, law)
        return table.assign(rounding=self._rounding(circuits))

    def _predicted(
        self, circuits: MLPCircuits, prime: int, n_active: int, law: str
    ) -> pd.DataFrame:
        """Return `predict_error` for one number, in the plane over a prime."""

        import pandas as pd

        from superposition.predict.on_slots import DRAWINGS, gated_errors, samples_of
        from superposition.predict.sampled import NAMES, Sampled, sampled_law

        n = circuits.n_circuits
        if n == 1:  # there are no pairs to measure
            nothing = pd.DataFrame(0.0, range(circuits.n_layers + 1), NAMES[1:])
            return nothing.rename_axis("layer").reset_index()
        if law == "derived" or n_active == 1:
            moments = circuits.moments(np.random.default_rng(0))
            table = self._law(moments, prime, n, n_active)
            return table if law == "derived" else table.reindex(columns=NAMES, fill_value=0.0)

        def sample(rng: np.random.Generator) -> Sampled:
            two = draw_codes(prime, self.redundancy, n, rng)
            return gated_errors(circuits, two, self.quiet, n_active, samples_of(n_active), rng)

        return sampled_law(circuits, sample, DRAWINGS)

    def predicted(self, moments: MLPMoments, n_circuits: int, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer, 0 for one active circuit.

        For circuits that share a mean it is too low, as `predict_error` is. The geometry of codes
        is counted afresh for each number of circuits, so that a capacity takes seconds for 2,000
        circuits and minutes for 10,000.
        """

        from superposition.predict.sequel import last_error

        prime = self._prime(self._widths(moments), n_circuits)
        return last_error(self._law(moments, prime, n_circuits, n_active))

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | None = None,
    ) -> Superposition:
        """Return one large MLP that computes all circuits, exactly while one is active: (eq-gate).

        codes: two codes of width 1 and equal sizes; None: points of the plane drawn with `rng`.

        With given codes the result is exact if no two circuits share a slot in both.
        Raises TypeError for other circuits or codes, ValueError for more circuits than `width`
        holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        if codes is None:
            widths = self._widths(circuits)
            prime = self._prime(widths, circuits.n_circuits)

            def shapes(lines: int) -> list[tuple[int, int]]:
                return slot_shapes(widths, self.redundancy * lines)

            self._check_memory(prime, shapes, circuits.dtype, widths)
            two = draw_codes(prime, self.redundancy, circuits.n_circuits, rng, circuits.dtype)
        else:
            two = self._given(circuits, codes)
            check_slots(self._neurons(circuits, room=True), circuits.dtype, two.n_slots)
        network = mlp_of(self.layers(circuits, two))
        return Superposition(circuits, self, network, tuple(range(circuits.n_layers + 1)), two)

    def layers(self, circuits: MLPCircuits, codes: TwoCodes) -> Iterator[Layer]:
        """Yield the large layers, whose gates close slots not in use: (eq-gate), (eq-offset)."""
        inner, bounds, offsets = self._sizes(circuits, codes)
        gates = self.headroom * largest_pre_activations(inner, bounds)
        owners = np.arange(circuits.n_circuits)
        return gated_layers(inner, codes, self.quiet, gates, offsets, owners)

    def input_map(self, circuits: MLPCircuits, codes: TwoCodes) -> InputMap:
        """Return how inputs are written, with gates of both codes."""
        width, weights = circuits.widths[0], entering(circuits)
        return gated_input(codes, width, weights, self.input_bound)

    def read_map(self, circuits: MLPCircuits, codes: TwoCodes, layer: int) -> ReadMap:
        """Return how states are read: as means over slots, less the offset times the gate."""
        offset = 0.0
        if "linear" in circuits.activations:
            offset = self._sizes(circuits, codes)[2][layer]
        pair = self.pairs(circuits, codes)[layer]
        width = circuits.widths[layer] * (1 + pair)
        return ReadMap(codes.state(layer, width), width, leaving(circuits, layer, pair), offset)

    def gates(self, circuits: MLPCircuits, codes: TwoCodes, layer: int) -> tuple[Gate, ...]:
        """Return the gates after small layer `layer`."""
        width = circuits.widths[layer] * (1 + self.pairs(circuits, codes)[layer])
        return gates_of(codes, layer, width)

    def _sizes(
        self, circuits: MLPCircuits, codes: TwoCodes
    ) -> tuple[MLPCircuits, Floats, tuple[float, ...]]:
        """Return circuits as held, bounds on states, and the offsets of layers, (L+1,) each."""
        pairs = self.pairs(circuits, codes)
        inner, bounds = held_within(circuits, pairs, self.input_bound)
        return inner, bounds, offsets_of(inner, self.headroom * bounds)

    def _plane(self, widths: Sequence[int]) -> tuple[int, int, str]:
        r = self.redundancy
        return 2 * r, r * neurons_of_slot(widths), f"two codes of redundancy {r}"

    def _law(self, moments: MLPMoments, prime: int, n_circuits: int, n_active: int) -> pd.DataFrame:
        # crosstalk does not matter to one active circuit
        from superposition.predict.gated import gated_law

        ways = self.quiet if n_active > 1 else None
        geometry = _crosstalk(prime, self.redundancy, n_circuits, ways)
        return gated_law(moments, *geometry, self.redundancy, n_active)

    def _given(self, circuits: MLPCircuits, codes: tuple[SparseCode, SparseCode]) -> TwoCodes:
        instance("codes", codes, Sequence)
        if len(codes) != 2:
            raise ValueError(f"codes: wanted two, got {len(codes)}")
        for i, code in enumerate(codes):
            instance(f"codes[{i}]", code, SparseCode)
            wanted = (circuits.n_circuits, 1, self.redundancy, codes[0].size)
            got = (code.n_circuits, code.width, code.redundancy, code.size)
            if got != wanted:
                raise ValueError(
                    f"codes[{i}]: wanted (circuits, width, redundancy, size) = {wanted}, got {got}"
                )
        even, odd = (code.slots[:, 0] for code in codes)
        two = TwoCodes((even, odd), codes[0].size, circuits.dtype)
        needs = two.size(max(self._neurons(circuits, room=False)))
        if self.width is not None and needs > self.width:
            raise ValueError(f"codes: wanted at most {self.width} neurons, the width, got {needs}")
        return two


@cache
def _crosstalk(
    prime: int, redundancy: int, n_circuits: int, quiet: bool | None
) -> tuple[Crosstalk, Coupling]:
    """Return crosstalk and coupling of drawn codes, which do not depend on the circuits' places.

    quiet: None for shared slots alone, γ of equal loads, without drawing codes.
    """

    from superposition.predict.gated import Coupling, Crosstalk, coupling, crosstalk
    from superposition.theory import gated, symbols
    from superposition.theory.derivation import evaluate

    if quiet is None:
        sizes = {symbols.T: n_circuits, symbols.r: redundancy, gated.slots: redundancy * prime}
        shared = float(evaluate(gated.slot_shared(), sizes)) if n_circuits > prime else 0.0
        return Crosstalk(shared=shared), Coupling()
    two = draw_codes(prime, redundancy, n_circuits, np.random.default_rng(0))
    return crosstalk(two, quiet), coupling(two, quiet)
