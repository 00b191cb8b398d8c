"""The superposition that chains return, and the two ways to read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers, real_array, whole_array
from superposition.circuits import MLPCircuits
from superposition.codes.chains import Booleans, ChainCodes
from superposition.constructions.compiled import GatedSuperposition, Superposition
from superposition.constructions.placing import NOWHERE, place
from superposition.network import MLPNetwork


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
