"""Chains compute several active circuits without noise, in separate networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from superposition._check import (
    Floats,
    Integers,
    generator,
    instance,
    positive_int,
    positive_real,
    real_array,
    whole_array,
)
from superposition.chain_maps import (
    Booleans,
    ChainCodes,
    bucket_chains,
    bucket_slots,
    check_buckets,
    plane_chains,
)
from superposition.circuits import MLPCircuits
from superposition.circuits.bounds import largest_pre_activations
from superposition.circuits.inputs import NumberActive
from superposition.circuits.moments import MLPMoments
from superposition.circuits.normal import entering, leaving
from superposition.constructions.gated import (
    check_slots,
    gated_input,
    gated_layers,
    gates_of,
    held_within,
    offsets_of,
)
from superposition.constructions.sizing import (
    WIDEST,
    Meets,
    OfReLUs,
    first_of,
    neurons_of_slot,
    primes,
    slot_shapes,
)
from superposition.network import mlp_of
from superposition.placing import NOWHERE, place
from superposition.predict.by_circuit import over_numbers
from superposition.sums import Layer
from superposition.superposition import Gate, InputMap, ReadMap, Superposition

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ChainInput:
    """How inputs enter chains: each active circuit into the chain where it is placed, or all.

    codes: which slots each circuit has in each chain.
    copies: how inputs of circuits' copies enter; t's copy in chain j is circuit t·r + j.
    headroom: how many circuits in one chain gates are made for.
    coordinated: whether circuits are placed, looking at the whole active set.
    silent: as of `place`.

    Apart from min(1, ·) of gates, entering all chains is a sum of what each circuit writes.
    """

    codes: ChainCodes
    copies: InputMap
    headroom: float
    coordinated: bool
    silent: bool

    def write(self, inputs: Floats, active: Integers) -> Floats:
        """Return first states (batch, D) for inputs (batch, k, d_0) of active circuits.

        Raises ValueError for a set that cannot be placed, more circuits in a chain than gates are
        made for, or inputs longer than the bound.
        """
        n_chains, most = self.codes.n_chains, active.shape[1]
        if self.coordinated:
            chains = place(self.codes, active, self.silent)
            if (nowhere := np.flatnonzero((chains == NOWHERE).any(axis=1))).size:
                row = active[nowhere[0]].tolist()
                raise ValueError(
                    f"active: wanted circuits that can be placed in {n_chains} chains without "
                    f"conflict, got {row}"
                )
            most = int((chains[..., None] == chains[:, None]).sum(axis=1).max(initial=0))
            copies: Integers = active * n_chains + chains
        else:
            copies, inputs = all_copies(active, n_chains), np.repeat(inputs, n_chains, axis=1)
        if most > self.headroom:
            raise ValueError(
                f"active: wanted at most {self.headroom:g} in a chain, the headroom, got {most}"
            )
        return self.copies.write(inputs, copies)


@dataclass(frozen=True, eq=False)
class ChainRead:
    """How circuits are read from all their chains, disturbed or not.

    copies: how their copies are read.
    n_chains: r, the copies of each circuit.
    coordinated: whether copies are added up, which is exact if all but one of a circuit's slots
        are silent; else their mean is taken.
    """

    copies: ReadMap
    n_chains: int
    coordinated: bool

    def read(self, state: Floats, which: Integers) -> Floats:
        """Return what circuits `which` (batch, j) read of states (batch, D), (batch, j, d)."""
        return self._combined(self.copies.read(state, all_copies(which, self.n_chains)))

    def read_all(self, state: Floats) -> Floats:
        """Return what every circuit reads of states (batch, D), (batch, T, d)."""
        return self._combined(self.copies.read_all(state))

    def _combined(self, read: Floats) -> Floats:
        n_circuits = read.shape[1] // self.n_chains
        parts = read.reshape(len(read), n_circuits, self.n_chains, read.shape[2])
        return parts.sum(axis=2) if self.coordinated else parts.mean(axis=2)


def all_copies(which: Integers, n_chains: int) -> Integers:
    """Return the copies of circuits (batch, j) in all chains, (batch, j·r)."""
    copies = which[..., None] * n_chains + np.arange(n_chains)
    return copies.reshape(len(which), which.shape[1] * n_chains)


def read_undisturbed(
    superposition: Superposition, state: Floats, which: Integers, layer: int
) -> Floats:
    """Return what circuits of chains read where gates show that they are undisturbed.

    This map is not linear, because gates of both codes choose the chains, (eq-undisturbed). The
    result is NaN where no chain is left, so that a failure can be recognised. It is always NaN for
    circuits that are not active.
    """
    chosen = undisturbed(superposition, state, which, layer)[..., None]
    read = superposition.read_maps[layer]
    copies = all_copies(np.asarray(which), superposition.codes.n_chains)
    parts = read.copies.read(state, copies)
    parts = parts.reshape(*chosen.shape[:3], parts.shape[2])
    with np.errstate(invalid="ignore"):  # 0 / 0 where no chain is left
        return np.asarray((parts * chosen).sum(axis=2) / chosen.sum(axis=2, dtype=parts.dtype))


def undisturbed(
    superposition: Superposition, state: Floats, which: Integers, layer: int
) -> Booleans:
    """Return in which chains circuits `which` (batch, j) are read exactly, (batch, j, r)."""
    instance("superposition.codes", superposition.codes, ChainCodes)
    circuits, codes = superposition.circuits, superposition.codes
    layer = int(whole_array("layer", layer, "", {}, circuits.n_layers + 1))
    which = whole_array("which", which, "batch circuits", {}, circuits.n_circuits)
    width = superposition.read_maps[layer].copies.width
    size = (width + 2) * codes.n_slots * codes.n_chains
    state = real_array("state", state, "batch size", {"size": size, "batch": len(which)})
    two = codes.copies()
    # gates of the code that states are in are 1 on slots in use, the others on all the rest
    gates = [state[:, two.gates(code, width)] > 0.5 for code in (0, 1)]
    gates[(layer + 1) % 2] = ~gates[(layer + 1) % 2]
    blocks = (len(state), codes.n_chains, codes.n_slots)
    even, odd = (gate.reshape(blocks) for gate in gates)
    return codes.undisturbed(even, odd, which)


def run_undisturbed(
    superposition: Superposition, inputs: Floats, active: Integers
) -> tuple[Floats, ...]:
    """Return the active circuits' states after 0 … L layers, as `read_undisturbed` reads them.

    These are L+1 arrays (batch, k, d_l), with NaN where `read_undisturbed` returns NaN.
    """
    states = superposition.network.run(superposition.embed(inputs, active))
    return tuple(
        read_undisturbed(superposition, state, active, layer) for layer, state in enumerate(states)
    )


EMBEDDINGS = ("coordinated", "local")


@dataclass(frozen=True)
class ChainConstruction(OfReLUs):
    """The sizes of r separate gated networks (chapter *Chains*).

    n_chains: r, the networks; each holds every circuit, in one slot of each of two codes.
    width: the most neurons in the widest layer; None: as many as the circuits need.
    embedding: "coordinated": each active circuit enters one chain; "local": it enters all.
    input_bound: the largest length |x| of an input; `embed` refuses longer ones.
    headroom: how many active circuits in one chain the gates are made for.
    buckets: None: chains are slopes of a plane; a number: each chain is that many small networks.
    silent: place circuits so that the sum over chains reads them, (eq-silent); for "coordinated".

    Raises TypeError or ValueError for sizes or bounds ≤ 0, an unknown embedding, or a headroom
    below 1.

    >>> import numpy
    >>> from superposition import ChainConstruction, MLPCircuits, measure_error
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(40, [2, 2, 2], rng)
    >>> large = ChainConstruction(n_chains=4).compress(circuits, rng)
    >>> large.network
    MLPNetwork(widths 112 → 112 → 112)
    >>> errors = measure_error(large, n_active=2, n_samples=50, rng=rng)
    >>> bool(errors["worst"].max() < 1e-9)
    True
    """

    n_chains: int = 0
    width: int | None = None
    embedding: str = "coordinated"
    input_bound: float = 1.0
    headroom: float = 16.0
    buckets: int | None = None
    silent: bool = True

    def __post_init__(self) -> None:
        if self.n_chains == 0:
            raise ValueError(
                "n_chains: wanted at least 1, got 0; write ChainConstruction(3) for example, with "
                "at least as many chains as circuits are active"
            )
        positive_int("n_chains", self.n_chains)
        for name in ("width", "buckets"):
            if (value := getattr(self, name)) is not None:
                positive_int(name, value)
        if self.embedding not in EMBEDDINGS:
            raise ValueError(f"embedding: wanted one of {EMBEDDINGS}, got {self.embedding!r}")
        positive_real("input_bound", self.input_bound)
        if positive_real("headroom", self.headroom) < 1:
            raise ValueError(f"headroom: wanted at least 1, got {self.headroom}")

    def holds(self, widths: Sequence[int]) -> int:
        """Return how many circuits of widths d_0 … d_L fit, however often they conflict.

        A plane holds q² circuits, (eq-plane). A bucket of c slots holds c² circuits.
        Raises ValueError without a `width`, or where it is too small for these chains.
        """
        if self.buckets is None or self.width is None:
            return super().holds(widths)
        _, per_slot, chains = self._plane(widths)
        if self.width < (least := self.buckets * per_slot):
            raise ValueError(f"width: wanted at least {least} for {chains}, got {self.width}")
        return int(self.buckets * (self.width // per_slot // self.buckets) ** 2)

    def draw(self, n_circuits: int, widths: Sequence[int], rng: np.random.Generator) -> ChainCodes:
        """Draw codes for n_circuits circuits, in a plane as large as `width` has room for.

        Raises ValueError for more circuits than `width` holds, or codes that do not exist.
        """
        n = self._room(n_circuits, widths)
        if self.buckets is not None:
            return bucket_chains(self.buckets, self.n_chains, n, rng)
        return plane_chains(self._prime(widths, n), self.n_chains, n, rng)

    def failure_probability(self, n_circuits: int, n_active: int, widths: Sequence[int]) -> float:
        """Return the chance that active circuits cannot be read exactly.

        With a local embedding this is the chance that an active circuit has no undisturbed chain.
        It is derived, (eq-no-chain) or (eq-no-bucket), and 0 where words differ enough, (eq-words).
        With a coordinated embedding it is the chance that an active set has no placement. It is
        counted in 1,000 random sets from one fixed seed, so that 0 means less than about .003.
        Raises ValueError as `draw` does, or for n_active > n_circuits.
        """

        from superposition.predict.chains import no_bucket_left, no_chain_left, unplaced

        n_active = positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        self._room(n_circuits, widths)
        prime = self._prime(widths, n_circuits) if self.buckets is None else None
        if self.embedding == "coordinated":
            sizes = prime, self.buckets, self.n_chains, n_circuits, n_active
            return unplaced(*sizes, self.silent)
        if prime is not None:
            return no_chain_left(prime, self.n_chains, n_circuits, n_active)
        return no_bucket_left(self.buckets or 1, self.n_chains, n_circuits, n_active)

    def predict_error(self, circuits: MLPCircuits, n_active: NumberActive) -> pd.DataFrame:
        """Predict errors of circuits read from undisturbed chains, and how often there is none.

        The columns are layer; mse and relative_mse, which are 0 by the theorem of the chapter;
        failure_probability, from the method of that name; and rounding, an estimate of the root of
        the relative mean square that is left. There is no prediction of what the mean
        over all chains reads with a local embedding. Raises as `failure_probability` does.
        """

        import pandas as pd

        instance("circuits", circuits, MLPCircuits)
        if isinstance(n_active, Mapping):
            each, n = self.predict_error, circuits.n_circuits
            return over_numbers(lambda k: each(circuits, k), n_active, n)
        widths = self._widths(circuits)
        chance = self.failure_probability(circuits.n_circuits, n_active, widths)
        layers = np.arange(circuits.n_layers + 1)
        nothing = {"layer": layers, "mse": 0.0, "relative_mse": 0.0}
        more = {"failure_probability": chance, "rounding": self._rounding(circuits)}
        return pd.DataFrame(nothing | more)

    def predicted(self, moments: MLPMoments, n_circuits: int, n_active: int) -> float:
        """Return `failure_probability`: there is no other error, and only widths count."""
        widths = self._widths(moments)
        return self.failure_probability(n_circuits, n_active, widths)

    def resized(self, moments: MLPMoments, n_circuits: int, meets: Meets) -> Self | None:
        """Return the narrowest construction that meets the tolerance, or None.

        In a plane the prime is chosen, otherwise the number of buckets.
        """
        if self.buckets is None:
            return first_of(self._planes(self._neurons(moments, room=False), n_circuits), meets)
        each = self.n_chains * neurons_of_slot(self._neurons(moments, room=False))
        found: list[tuple[int, int]] = []
        for number in (1, *primes(max(self.n_chains, 2), WIDEST // each)):
            width = number * bucket_slots(n_circuits, number) * each
            # more buckets of fewer slots may be narrower
            while found and found[-1][0] >= width:
                found.pop()
            if width <= WIDEST:
                found.append((width, number))
        return first_of([replace(self, width=w, buckets=number) for w, number in found], meets)

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: ChainCodes | None = None,
    ) -> Superposition:
        """Return one large MLP of r chains, exact for undisturbed active circuits: (eq-chain).

        codes: the slots of the circuits; None: slots drawn with `rng`.

        Raises TypeError for other circuits or codes, ValueError for more circuits than `width`
        holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        widths = self._widths(circuits)
        if codes is None:
            slots = self._slots(circuits.n_circuits, widths)

            def shapes(of_one: int) -> list[tuple[int, int]]:
                return slot_shapes(widths, self.n_chains * of_one)

            self._check_memory(slots, shapes, circuits.dtype, widths)
            codes = self.draw(circuits.n_circuits, widths, rng)
        else:
            self._check(codes, circuits)
            check_slots(widths, circuits.dtype, codes.n_chains * codes.n_slots)
        network = mlp_of(self.layers(circuits, codes))
        return Superposition(circuits, self, network, tuple(range(circuits.n_layers + 1)), codes)

    def layers(self, circuits: MLPCircuits, codes: ChainCodes) -> Iterator[Layer]:
        """Yield the large layers, those of a gated network of all circuits' copies."""
        owners = np.repeat(np.arange(codes.n_circuits), codes.n_chains)
        two = codes.copies(circuits.dtype)
        inner, bounds = held_within(circuits, self.pairs(circuits, two), self.input_bound)
        sizes = self.headroom * largest_pre_activations(inner, self._largest(inner, bounds))
        offsets = offsets_of(inner, bounds)
        return gated_layers(inner.take(owners), two, False, sizes, offsets, owners)

    def input_map(self, circuits: MLPCircuits, codes: ChainCodes) -> ChainInput:
        """Return how inputs are written, into the chain where a circuit is placed, or into all."""
        two, weights = codes.copies(circuits.dtype), _repeated(entering(circuits), codes)
        copies = gated_input(two, circuits.widths[0], weights, self.input_bound)
        coordinated = self.embedding == "coordinated"
        return ChainInput(codes, copies, self.headroom, coordinated, self.silent)

    def read_map(self, circuits: MLPCircuits, codes: ChainCodes, layer: int) -> ChainRead:
        """Return how states are read: a mean over all chains, or a sum where circuits are placed.

        A sum is exact if all but one of a circuit's slots are silent. Placements with `silent` see
        to that.
        """
        two, offset = codes.copies(circuits.dtype), 0.0
        pairs = self.pairs(circuits, two)
        if "linear" in circuits.activations:
            offset = offsets_of(*held_within(circuits, pairs, self.input_bound))[layer]
        width = circuits.widths[layer] * (1 + pairs[layer])
        weights = _repeated(leaving(circuits, layer, pairs[layer]), codes)
        copies = ReadMap(two.state(layer, width), width, weights, offset)
        return ChainRead(copies, codes.n_chains, self.embedding == "coordinated")

    def gates(self, circuits: MLPCircuits, codes: ChainCodes, layer: int) -> tuple[Gate, ...]:
        """Return the gates of circuits' copies after small layer `layer`."""
        two = codes.copies(circuits.dtype)
        return gates_of(two, layer, circuits.widths[layer] * (1 + self.pairs(circuits, two)[layer]))

    def _largest(self, circuits: MLPCircuits, alone: Floats) -> Floats:
        """Return bounds on what a slot in use holds after each layer, (L+1,): (eq-chain-bound).

        alone: (L+1,), bounds on states.

        Where all active circuits are in each chain, a slot may receive `headroom` other circuits in
        every layer, and again in the next.
        """
        if self.embedding == "coordinated":
            return alone
        held = [self.headroom * alone[0]]
        for layer in zip(circuits.weights, circuits.biases, alone[1:], strict=True):
            norms = np.linalg.norm(layer[0], 2, axis=(1, 2)) * held[-1]
            largest = float((norms + np.linalg.norm(layer[1], axis=1)).max())
            held.append(max(self.headroom * largest, float(layer[2])))
        return np.array(held)

    def _check(self, codes: ChainCodes, circuits: MLPCircuits) -> None:
        instance("codes", codes, ChainCodes)
        wanted, got = (circuits.n_circuits, self.n_chains), (codes.n_circuits, codes.n_chains)
        if got != wanted:
            raise ValueError(f"codes: wanted (circuits, chains) = {wanted}, got {got}")
        needs = (
            codes.n_chains * codes.n_slots * neurons_of_slot(self._neurons(circuits, room=False))
        )
        if self.width is not None and needs > self.width:
            raise ValueError(f"codes: wanted at most {self.width} neurons, the width, got {needs}")

    def _slots(self, n_circuits: int, widths: Sequence[int]) -> int:
        """Return the slots of one chain, in either code."""
        self._room(n_circuits, widths)
        if self.buckets is not None:
            return self.buckets * bucket_slots(n_circuits, self.buckets)
        return self._prime(widths, n_circuits)

    def _room(self, n_circuits: int, widths: Sequence[int]) -> int:
        """Return n_circuits, or raise ValueError if there is no room for so many."""
        most = None if self.width is None else self.holds(widths)
        if self.buckets is not None:
            check_buckets(self.buckets, self.n_chains)
        return positive_int("n_circuits", n_circuits, most, f", all that {self.width} neurons hold")

    def _plane(self, widths: Sequence[int]) -> tuple[int, int, str]:
        r = self.n_chains
        return 2 * r, r * neurons_of_slot(widths), f"{r} chains"


def _repeated(weights: Floats | None, codes: ChainCodes) -> Floats | None:
    """Return circuits' matrices once for each of their copies, next to each other."""
    return None if weights is None else np.repeat(weights, codes.n_chains, axis=0)


def copies_of_one(n_copies: int, **other: Any) -> ChainConstruction:
    """Return k copies of a gated network for one active circuit each, as chains with one bucket.

    other: further fields of `ChainConstruction`.

    Each active circuit enters any copy that no other one takes. No active set is refused, and all
    circuits are exact when they are read where their gates say.
    """
    return ChainConstruction(n_copies, buckets=1, silent=False, **other)
