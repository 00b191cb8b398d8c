"""Gated superposition is exact while one circuit is active, at any depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, generator, instance, positive_int, positive_real
from superposition.certificate.bounds import ROUNDED, largest_pre_activations, largest_states
from superposition.circuits import MLPCircuits
from superposition.circuits.moments import MLPMoments
from superposition.constructions.needs import check_gated, check_plane
from superposition.constructions.sizing import WIDEST, check_question, smallest_true
from superposition.maps import GATES, SparseCode, TwoCodes, draw_codes
from superposition.network import MLPNetwork
from superposition.packings import smallest_plane
from superposition.readers import least_crosstalk
from superposition.sums import superpose
from superposition.superposition import GatedSuperposition

if TYPE_CHECKING:
    import pandas as pd

    from superposition.predict.gated import Coupling, Crosstalk


def gated_layer(
    circuits: MLPCircuits,
    two: TwoCodes,
    layer: int,
    quiet: bool,
    size: float,
    offsets: Sequence[float],
) -> tuple[Floats, Floats]:
    """Return weights and biases of one large layer: (eq-gate), (eq-offset).

    size: a bound on what a single circuit's weights make of a state, which gates must exceed.
    offsets: (L+1,), what is added to the values of linear layers.
    """
    before, after = circuits.widths[layer : layer + 2]
    small = with_bias(circuits, layer, offsets[layer])
    large, times = _large(small, two, layer, quiet)
    rows = after * two.n_slots  # of entries; the gates' come after them
    np.fill_diagonal(large[rows:, before * two.n_slots :], -1)  # g → 1 − g
    gates = large[:rows, two.gates(layer + 1, before)]
    _close(gates, times * size + offsets[layer + 1])
    constant = np.ones(len(large), large.dtype)
    constant[:rows] = offsets[layer + 1]
    return large, constant


def with_bias(circuits: MLPCircuits, layer: int, offset: float) -> Floats:
    """Return small weights (T, d', d + 1), whose last column is read from gates.

    That column holds the bias, and takes back the offset of what is read.
    """
    weight, bias = circuits.weights[layer], circuits.biases[layer]
    return np.dstack([weight, bias - offset * weight.sum(axis=2)])


def _large(small: Floats, two: TwoCodes, layer: int, quiet: bool) -> tuple[Floats, float]:
    """Return large weights, and how much of the largest term a slot not in use can receive.

    small: (T, d', d+1), the circuits' weights, with the column of `with_bias`.
    """
    if quiet and two.redundancy > 1:
        return _quiet(small, two, layer)
    # one slot leaves no choice of weights: quiet ones are equal ones
    return _plain(small, two, layer), _of_one_slot(two, layer) if quiet else 1.0


def _plain(small: Floats, two: TwoCodes, layer: int) -> Floats:
    """Return the weights of (eq-plain)."""
    after, both = small.shape[1:]
    return superpose(two.entries(layer + 1, after), small, two.state(layer, both - 1))


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


def _quiet(small: Floats, two: TwoCodes, layer: int) -> tuple[Floats, float]:
    """Return the weights of (eq-quiet), and the same factor."""
    after, both = small.shape[1:]
    n, reads = two.n_slots, two.slots(layer).matrix
    large = np.zeros((two.size(after), two.size(both - 1)), small.dtype)
    gate = two.gates(layer, both - 1).start
    columns = np.concatenate([np.arange((both - 1) * n), np.arange(gate, gate + n)])
    times = 0.0
    for slot, on, weights in least_crosstalk(two, layer, quiet=True):
        rows = slot + n * np.arange(after)
        values = np.einsum("tij,st->ijs", small[on], weights)  # i, j entries, s slots
        large[rows[:, None], columns] = values.reshape(after, -1)
        of_one = np.abs(reads @ weights).sum(axis=1)  # what arrives from each circuit alone
        of_one[on] = 0  # whose slot this is
        times = max(times, float(of_one.max()))
    return large, times


def _close(columns: Floats, size: float) -> None:
    """Set the weight −size by which gates close each neuron of slots not in use.

    columns: the weights from gates, which are 1 on slots not in use.
    """
    neurons = np.arange(len(columns))
    columns[neurons, neurons % columns.shape[1]] = -size


@dataclass(frozen=True)
class GatedConstruction:
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

    def __post_init__(self) -> None:
        if self.width is not None:
            positive_int("width", self.width)
        positive_int("redundancy", self.redundancy)
        positive_real("input_bound", self.input_bound)
        if positive_real("headroom", self.headroom) < 1:
            raise ValueError(f"headroom: wanted at least 1, got {self.headroom}")

    def holds(self, widths: Sequence[int]) -> int:
        """Return q², (eq-plane), how many circuits of widths d_0 … d_L fit, whatever the error.

        Raises ValueError without a `width`, or where it is too small for two codes.
        """
        if self.width is None:
            raise ValueError("width: wanted one, to say how many circuits it holds")
        return self._largest_prime(widths) ** 2

    def predict_error(self, circuits: MLPCircuits, n_active: int) -> pd.DataFrame:
        """Predict the errors that `measure_error` finds by layer 0 … L, while they are small.

        The columns are layer, mse, relative_mse and inactive_mse: (eq-gated-law). They follow from
        the geometry of the codes and the circuits' moments, sampled from one fixed seed. They are
        zero for one active circuit. Where circuits' weights have a mean in common, the law falls
        short of relative errors that are not small: of .1 by a third, of 1 by up to a half.
        Raises ValueError for more circuits than `width` holds, n_active > T.
        """

        import pandas as pd

        instance("circuits", circuits, MLPCircuits)
        n = circuits.n_circuits
        n_active = positive_int("n_active", n_active, n, ", the number of circuits")
        prime = self._prime(circuits.widths, n)
        if n == 1:  # there are no pairs to measure
            names = ["mse", "relative_mse", "inactive_mse"]
            nothing = pd.DataFrame(0.0, range(circuits.n_layers + 1), names)
            return nothing.rename_axis("layer").reset_index()
        moments = circuits.moments(np.random.default_rng(0))
        return self._law(moments, prime, n, n_active)

    def capacity(self, moments: MLPMoments, n_active: int, tolerance: float) -> int:
        """Return how many circuits fit: the largest T with a predicted error within `tolerance`.

        tolerance: the largest relative_mse after the last layer.

        For one active circuit this is all that `width` holds. For circuits that share a mean it is
        as much too large as `predict_error` is too low. The geometry of codes is counted afresh for
        each T tried, which takes seconds for 2,000 circuits and minutes for 10,000.
        Raises ValueError without a `width`, or where the active circuits alone have a larger error.
        """

        from superposition.predict.sequel import last_error

        n_active, tolerance = check_question(moments, n_active, tolerance, MLPMoments)
        most = self.holds(moments.widths)
        n_active = positive_int("n_active", n_active, most, ", all that the width holds")
        prime = self._prime(moments.widths, 1)

        def exceeds(n_circuits: int) -> bool:
            return last_error(self._law(moments, prime, n_circuits, n_active)) > tolerance

        first = smallest_true(exceeds, n_active, most)
        if first == n_active:
            raise ValueError(
                f"tolerance: wanted one that {n_active} active circuits with no others in "
                f"{self.width} neurons meet, got {tolerance}"
            )
        return most if first is None else first - 1

    def size_for(
        self, n_circuits: int, moments: MLPMoments, n_active: int, tolerance: float
    ) -> GatedConstruction:
        """Return the narrowest construction in which n_circuits circuits fit, by `predict_error`.

        All but its width stays as it is here. This is as slow as `capacity`, and as optimistic for
        circuits that share a mean.
        Raises ValueError for n_active > n_circuits, more circuits than fit in a width of 2^13, or a
        tolerance that no width up to that meets.
        """

        from sympy import nextprime

        from superposition.predict.sequel import last_error

        n_active, tolerance = check_question(moments, n_active, tolerance, MLPMoments)
        n_circuits = positive_int("n_circuits", n_circuits)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        most = replace(self, width=WIDEST).holds(moments.widths)
        positive_int("n_circuits", n_circuits, most, f", all that {WIDEST} neurons hold")
        widest = self.redundancy * (max(moments.widths) + GATES)
        primes = [smallest_plane(n_circuits, 2 * self.redundancy)]
        while (larger := int(nextprime(primes[-1]))) * widest <= WIDEST:
            primes.append(larger)

        def meets_tolerance(i: int) -> bool:
            return last_error(self._law(moments, primes[i], n_circuits, n_active)) <= tolerance

        if (least := smallest_true(meets_tolerance, 0, len(primes) - 1)) is None:
            raise ValueError(
                f"tolerance: wanted one that up to {WIDEST} neurons can meet, got {tolerance}"
            )
        return replace(self, width=primes[least] * widest)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: tuple[SparseCode, SparseCode] | None = None,
    ) -> GatedSuperposition:
        """Return one large MLP that computes all circuits, exactly while one is active: (eq-gate).

        codes: two codes of width 1 and equal sizes; None: points of the plane drawn with `rng`.

        With given codes the result is exact if no two circuits share a slot in both.
        Raises TypeError for other circuits or codes, ValueError for more circuits than `width`
        holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        if codes is None:
            prime = self._prime(circuits.widths, circuits.n_circuits)
            check_plane(circuits, self.width, prime, self.redundancy)
            two = draw_codes(prime, self.redundancy, circuits.n_circuits, rng, circuits.dtype)
        else:
            two = self._given(circuits, codes)
            check_gated(circuits, "codes", two.n_slots, "codes of {:,} slots".format)
        bounds = largest_states(circuits, ROUNDED * self.input_bound)
        gates, bounds = (
            self.headroom * largest_pre_activations(circuits, bounds),
            self.headroom * bounds,
        )
        linear = [False, *(name == "linear" for name in circuits.activations)]
        offsets = tuple(float(size) if on else 0.0 for size, on in zip(bounds, linear, strict=True))
        large = [
            gated_layer(circuits, two, i, self.quiet, gates[i], offsets)
            for i in range(circuits.n_layers)
        ]
        network = MLPNetwork([layer[0] for layer in large], [layer[1] for layer in large])
        states = tuple(two.state(i, width) for i, width in enumerate(circuits.widths))
        input_map, checkpoints = two.input_map(circuits.widths[0]), tuple(range(len(states)))
        return GatedSuperposition(circuits, self, network, checkpoints, states, input_map, offsets)

    def _largest_prime(self, widths: Sequence[int]) -> int:
        """Return the prime of the largest plane that `width` neurons hold."""

        from sympy import prevprime

        widest = max(positive_int("widths", width) for width in widths) + GATES
        slots = (self.width or 0) // (self.redundancy * widest)
        prime = prevprime(slots + 1) if slots >= 2 else 0
        if prime < (least := smallest_plane(1, 2 * self.redundancy)):
            raise ValueError(
                f"width: wanted at least {least * self.redundancy * widest} for two codes of "
                f"redundancy {self.redundancy}, got {self.width}"
            )
        return int(prime)

    def _prime(self, widths: Sequence[int], n_circuits: int) -> int:
        """Return the prime of the least plane that holds the circuits, or the largest that fits."""
        if self.width is None:
            return smallest_plane(n_circuits, 2 * self.redundancy)
        prime = self._largest_prime(widths)
        why = f", all that a plane over {prime} holds, in {self.width} neurons"
        positive_int("n_circuits", n_circuits, prime**2, why)
        return prime

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
        needs = max(two.size(width) for width in circuits.widths)
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
