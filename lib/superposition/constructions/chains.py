"""Chains compute several active circuits without noise, in networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

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
from superposition.certificate.bounds import ROUNDED, largest_pre_activations, largest_states
from superposition.chain_maps import (
    Booleans,
    ChainCodes,
    bucket_chains,
    bucket_slots,
    check_buckets,
    plane_chains,
)
from superposition.circuits import MLPCircuits
from superposition.circuits.moments import MLPMoments
from superposition.constructions.gated import gated_layer
from superposition.constructions.needs import check_chains, check_gated
from superposition.constructions.sizing import WIDEST, check_question, smallest_true
from superposition.maps import GATES
from superposition.network import MLPNetwork
from superposition.packings import smallest_plane
from superposition.placing import NOWHERE, place
from superposition.superposition import GatedSuperposition, Superposition

if TYPE_CHECKING:
    import pandas as pd


def neurons_of_slot(widths: Sequence[int]) -> int:
    """Return the neurons of one slot in the widest layer: one for each entry, and two gates."""
    return max(positive_int("widths", width) for width in widths) + GATES


def primes(first: int, last: int) -> list[int]:
    """Return all primes from `first` to `last`."""

    from sympy import nextprime

    found = [int(nextprime(first - 1))]
    while found[-1] <= last:
        found.append(int(nextprime(found[-1])))
    return found[:-1]


@dataclass(frozen=True, eq=False, repr=False)
class ChainSuperposition(Superposition):
    """MLP circuits in r chains of one MLP, each chain a gated network with one slot a circuit.

    codes: which slots each circuit has in each chain.
    copies: the same network as a gated one of T·r circuits; t's copy in chain j is circuit t·r + j.
    """

    circuits: MLPCircuits
    network: MLPNetwork
    codes: ChainCodes
    copies: GatedSuperposition

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d_0) of active circuits.

        A local embedding writes each circuit into all chains. Apart from min(1, ·) of gates it is a
        sum of what each circuit writes. A coordinated embedding looks at the whole active set, and
        writes each circuit into the chain where `place` puts it.
        Raises ValueError for a set that cannot be placed, more circuits in a chain than gates are
        made for, or inputs longer than `input_bound`; otherwise as the circuits' own `run` does.
        """
        inputs, active = self.circuits.check_inputs(inputs, active)
        if self._coordinated:
            chains = self.place(active)
            if (nowhere := np.flatnonzero((chains == NOWHERE).any(axis=1))).size:
                row = active[nowhere[0]].tolist()
                raise ValueError(
                    f"active: wanted circuits that can be placed in {self.codes.n_chains} chains "
                    f"without conflict, got {row}"
                )
            copies: Integers = active * self.codes.n_chains + chains
            most = _largest_count(chains)
        else:
            copies, most = self._all_copies(active), active.shape[1]
            inputs = np.repeat(inputs, self.codes.n_chains, axis=1)
        if most > (headroom := self.construction.headroom):
            raise ValueError(
                f"active: wanted at most {headroom:g} in a chain, the headroom, got {most}"
            )
        return self.copies.embed(inputs, copies)

    def place(self, active: Integers) -> Integers:
        """Return the chain into which each of the circuits (batch, k) is embedded, or rows of −1.

        No two circuits of a chain conflict there: (eq-placement). A row is −1 where no placement
        was found.
        """
        return place(self.codes, active, self.construction.silent)

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        """Return what circuits `which` (batch, j) read after small layer `layer`, (batch, j, d_l).

        With a local embedding this is the mean over all chains, disturbed or not. With a
        coordinated one it is the sum over all chains, which is exact if all but one of a circuit's
        slots are silent. Placements with `silent` see to that.
        """
        which = whole_array("which", which, "batch circuits", {}, self.circuits.n_circuits)
        return self._combined(self.copies.read(state, self._all_copies(which), layer))

    def read_all(self, state: Floats, layer: int) -> Floats:
        return self._combined(self.copies.read_all(state, layer))

    def read_undisturbed(self, state: Floats, which: Integers, layer: int) -> Floats:
        """Return what circuits read from the chains that gates show to be undisturbed.

        This map is not linear, because gates of both codes choose the chains, (eq-undisturbed). The
        result is NaN where no chain is left, so that a failure can be recognised. It is always NaN
        for circuits that are not active.
        """
        chosen = self.undisturbed(state, which, layer)[..., None]
        read = self.copies.read(state, self._all_copies(np.asarray(which)), layer)
        parts = read.reshape(*chosen.shape[:3], read.shape[2])
        with np.errstate(invalid="ignore"):  # 0 / 0 where no chain is left
            return np.asarray((parts * chosen).sum(axis=2) / chosen.sum(axis=2, dtype=read.dtype))

    def undisturbed(self, state: Floats, which: Integers, layer: int) -> Booleans:
        """Return in which chains circuits `which` (batch, j) are read exactly, (batch, j, r)."""
        layer = self._layer(layer)
        which = whole_array("which", which, "batch circuits", {}, self.circuits.n_circuits)
        width = self.circuits.widths[layer]
        size = (width + 2) * self.codes.n_slots * self.codes.n_chains
        state = real_array("state", state, "batch size", {"size": size, "batch": len(which)})
        two = self.codes.copies()
        # gates of the code that states are in are 1 on slots in use, the others on all the rest
        gates = [state[:, two.gates(code, width)] > 0.5 for code in (0, 1)]
        gates[(layer + 1) % 2] = ~gates[(layer + 1) % 2]
        blocks = (len(state), self.codes.n_chains, self.codes.n_slots)
        even, odd = (gate.reshape(blocks) for gate in gates)
        return self.codes.undisturbed(even, odd, which)

    def run_undisturbed(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Return the active circuits' states after 0 … L layers, as `read_undisturbed` reads them.

        These are L+1 arrays (batch, k, d_l), with NaN where `read_undisturbed` returns NaN.
        """
        states = self.network.run(self.embed(inputs, active))
        return tuple(
            self.read_undisturbed(state, active, layer) for layer, state in enumerate(states)
        )

    @property
    def _coordinated(self) -> bool:
        return bool(self.construction.embedding == "coordinated")

    def _all_copies(self, which: Integers) -> Integers:
        """Return the copies of circuits (batch, j) in all chains, (batch, j·r)."""
        chains = np.arange(self.codes.n_chains)
        copies = which[..., None] * len(chains) + chains
        return copies.reshape(len(which), which.shape[1] * len(chains))

    def _combined(self, read: Floats) -> Floats:
        chains = self.codes.n_chains
        parts = read.reshape(len(read), read.shape[1] // chains, chains, read.shape[2])
        return parts.sum(axis=2) if self._coordinated else parts.mean(axis=2)


def _largest_count(chains: Integers) -> int:
    """Return the largest number of circuits that a row has in one chain."""
    return int((chains[..., None] == chains[:, None]).sum(axis=1).max(initial=0))


EMBEDDINGS = ("coordinated", "local")


@dataclass(frozen=True)
class ChainConstruction:
    """The sizes of r gated networks side by side (chapter *Chains*).

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
    >>> bool(measure_error(large, n_active=2, n_samples=50, rng=rng)["worst"].max() < 1e-9)
    True
    """

    n_chains: int
    width: int | None = None
    embedding: str = "coordinated"
    input_bound: float = 1.0
    headroom: float = 16.0
    buckets: int | None = None
    silent: bool = True

    def __post_init__(self) -> None:
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

        from sympy import prevprime

        if self.width is None:
            raise ValueError("width: wanted one, to say how many circuits it holds")
        slots = self.width // (self.n_chains * neurons_of_slot(widths))
        if self.buckets is not None:
            circuits = self.buckets * (slots // self.buckets) ** 2
            least = self.buckets
        else:
            circuits = int(prevprime(slots + 1)) ** 2 if slots >= 2 else 0
            least = smallest_plane(1, 2 * self.n_chains)
        if circuits < least ** (2 if self.buckets is None else 1):
            raise ValueError(
                f"width: wanted at least {least * self.n_chains * neurons_of_slot(widths)} for "
                f"{self.n_chains} chains, got {self.width}"
            )
        return circuits

    def draw(self, n_circuits: int, widths: Sequence[int], rng: np.random.Generator) -> ChainCodes:
        """Draw codes for n_circuits circuits, in a plane as large as `width` has room for.

        Raises ValueError for more circuits than `width` holds, or codes that do not exist.
        """
        n = self._room(n_circuits, widths)
        if self.buckets is not None:
            return bucket_chains(self.buckets, self.n_chains, n, rng)
        return plane_chains(self._prime(n, widths), self.n_chains, n, rng)

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
        prime = self._prime(n_circuits, widths) if self.buckets is None else None
        if self.embedding == "coordinated":
            sizes = prime, self.buckets, self.n_chains, n_circuits, n_active
            return unplaced(*sizes, self.silent)
        if prime is not None:
            return no_chain_left(prime, self.n_chains, n_circuits, n_active)
        return no_bucket_left(self.buckets or 1, self.n_chains, n_circuits, n_active)

    def predict_error(self, circuits: MLPCircuits, n_active: int) -> pd.DataFrame:
        """Predict errors of circuits read from undisturbed chains, and how often there is none.

        The columns are layer; mse and relative_mse, which are 0 by the theorem of the chapter; and
        failure_probability, from the method of that name. There is no prediction of what the mean
        over all chains reads with a local embedding. Raises as `failure_probability` does.
        """

        import pandas as pd

        instance("circuits", circuits, MLPCircuits)
        chance = self.failure_probability(circuits.n_circuits, n_active, circuits.widths)
        layers = np.arange(circuits.n_layers + 1)
        return pd.DataFrame(
            {"layer": layers, "mse": 0.0, "relative_mse": 0.0, "failure_probability": chance}
        )

    def capacity(self, moments: MLPMoments, n_active: int, tolerance: float) -> int:
        """Return how many circuits fit, with `failure_probability` within `tolerance`.

        There is no other error, and of moments only the widths count.
        Raises ValueError without a `width`, or where the active circuits alone fail more often.
        """
        n_active, tolerance = check_question(moments, n_active, tolerance, MLPMoments)
        most = self.holds(moments.widths)
        n_active = positive_int("n_active", n_active, most, ", all that the width holds")

        def exceeds(n_circuits: int) -> bool:
            return self.failure_probability(n_circuits, n_active, moments.widths) > tolerance

        first = smallest_true(exceeds, n_active, most)
        if first == n_active:
            raise ValueError(
                f"tolerance: wanted one that {n_active} active circuits with no others in "
                f"{self.width} neurons meet, got {tolerance}"
            )
        return most if first is None else first - 1

    def size_for(
        self, n_circuits: int, moments: MLPMoments, n_active: int, tolerance: float
    ) -> ChainConstruction:
        """Return the narrowest construction in which n_circuits circuits fail within `tolerance`.

        In a plane the prime is chosen, otherwise the number of buckets. All else stays as it is
        here.
        Raises ValueError for n_active > n_circuits, or a tolerance that no width up to 2^13 meets.
        """
        n_active, tolerance = check_question(moments, n_active, tolerance, MLPMoments)
        n_circuits = positive_int("n_circuits", n_circuits)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        sizes = self._sizes(n_circuits, moments.widths)

        def meets_tolerance(i: int) -> bool:
            return sizes[i].failure_probability(n_circuits, n_active, moments.widths) <= tolerance

        if (least := smallest_true(meets_tolerance, 0, len(sizes) - 1)) is None:
            raise ValueError(
                f"tolerance: wanted one that up to {WIDEST} neurons can meet, got {tolerance}"
            )
        return sizes[least]

    def compress(
        self,
        circuits: MLPCircuits,
        rng: np.random.Generator,
        *,
        codes: ChainCodes | None = None,
    ) -> ChainSuperposition:
        """Return one large MLP of r chains, exact for undisturbed active circuits: (eq-chain).

        codes: the slots of the circuits; None: slots drawn with `rng`.

        Raises TypeError for other circuits or codes, ValueError for more circuits than `width`
        holds, or codes that do not fit; MemoryError for a network that does not fit.
        """
        instance("circuits", circuits, MLPCircuits)
        generator(rng)
        if codes is None:
            slots = self._slots(circuits.n_circuits, circuits.widths)
            check_chains(circuits, self.width, slots, self.n_chains, self.buckets)
            codes = self.draw(circuits.n_circuits, circuits.widths, rng)
        else:
            self._check(codes, circuits)
            check_gated(circuits, "codes", codes.n_chains * codes.n_slots)
        two = codes.copies(circuits.dtype)
        copies = circuits.take(np.repeat(np.arange(codes.n_circuits), codes.n_chains))
        bounds = largest_states(circuits, ROUNDED * self.input_bound)
        linear = [False, *(name == "linear" for name in circuits.activations)]
        offsets = tuple(float(size) if on else 0.0 for size, on in zip(bounds, linear, strict=True))
        sizes = self.headroom * largest_pre_activations(circuits, self._largest(circuits, bounds))
        large = [
            gated_layer(copies, two, i, False, sizes[i], offsets) for i in range(circuits.n_layers)
        ]
        network = MLPNetwork([layer[0] for layer in large], [layer[1] for layer in large])
        states = tuple(two.state(i, width) for i, width in enumerate(circuits.widths))
        input_map, checkpoints = two.input_map(circuits.widths[0]), tuple(range(len(states)))
        parts = GatedSuperposition(copies, self, network, checkpoints, states, input_map, offsets)
        return ChainSuperposition(circuits, self, network, checkpoints, codes, parts)

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
        needs = codes.n_chains * codes.n_slots * neurons_of_slot(circuits.widths)
        if self.width is not None and needs > self.width:
            raise ValueError(f"codes: wanted at most {self.width} neurons, the width, got {needs}")

    def _slots(self, n_circuits: int, widths: Sequence[int]) -> int:
        """Return the slots of one chain, in either code."""
        self._room(n_circuits, widths)
        if self.buckets is not None:
            return self.buckets * bucket_slots(n_circuits, self.buckets)
        return self._prime(n_circuits, widths)

    def _room(self, n_circuits: int, widths: Sequence[int]) -> int:
        """Return n_circuits, or raise ValueError if there is no room for so many."""
        most = None if self.width is None else self.holds(widths)
        if self.buckets is not None:
            check_buckets(self.buckets, self.n_chains)
        return positive_int("n_circuits", n_circuits, most, f", all that {self.width} neurons hold")

    def _prime(self, n_circuits: int, widths: Sequence[int]) -> int:
        from sympy import prevprime

        if self.width is None:
            return smallest_plane(n_circuits, 2 * self.n_chains)
        return int(prevprime(self.width // (self.n_chains * neurons_of_slot(widths)) + 1))

    def _sizes(self, n_circuits: int, widths: Sequence[int]) -> list[ChainConstruction]:
        """Return constructions with ever fewer conflicts, each the narrowest of its kind."""
        each = self.n_chains * neurons_of_slot(widths)
        if self.buckets is None:
            first = smallest_plane(n_circuits, 2 * self.n_chains)
            return [replace(self, width=q * each) for q in primes(first, WIDEST // each)]
        found: list[ChainConstruction] = []
        for number in (1, *primes(max(self.n_chains, 2), WIDEST // each)):
            width = number * bucket_slots(n_circuits, number) * each
            # more buckets of fewer slots may be narrower
            while found and (found[-1].width or 0) >= width:
                found.pop()
            if width <= WIDEST:
                found.append(replace(self, width=width, buckets=number))
        return found


def copies_of_one(n_copies: int, **other: Any) -> ChainConstruction:
    """Return k copies of a gated network for one active circuit each, as chains with one bucket.

    other: further fields of `ChainConstruction`.

    Each active circuit enters any copy that no other one takes. No active set is refused, and all
    circuits are exact when they are read where their gates say.
    """
    return ChainConstruction(n_copies, buckets=1, silent=False, **other)
