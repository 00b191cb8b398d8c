"""Loads of large neurons, collisions between small ones, and carriers that are lost."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from companion._study import row
from superposition.maps import SparseCode
from superposition.theory import neurons as theory
from superposition.theory import symbols
from superposition.theory.derivation import evaluate


def loads(n_circuits: int, redundancy: int, rng: np.random.Generator) -> pd.DataFrame:
    """Count small neurons (m = 8) on each of 1,024 large ones: (eq-load), (eq-load-variance)."""
    load = SparseCode.draw("random", n_circuits, 8, 1024, redundancy, rng).load
    values = {symbols.T: n_circuits, symbols.m: 8, symbols.M: 1024, symbols.r: redundancy}
    return row(
        mean=load.mean(),
        predicted_mean=evaluate(theory.load_mean(), values),
        variance=load.var(),
        predicted_variance=evaluate(theory.load_variance(), values),
        largest=load.max(),
    )


def collisions(n_active: int, rng: np.random.Generator) -> pd.DataFrame:
    """Count the other neurons on a carrier of an active small neuron.

    The sizes are T = 200, m = 8, M = 512 and r = 6. The columns `own`, `active` and `inactive`
    count neurons of the same circuit, of other active circuits and of inactive circuits. Their
    predictions are (eq-own-collisions), (eq-active-collisions) and (eq-inactive-collisions).
    """
    slots = SparseCode.draw("random", 200, 8, 512, 6, rng).slots
    carried = np.zeros((200, 512))
    np.add.at(carried, (np.arange(200)[:, None, None], slots), 1)
    first = carried[:, slots[0].ravel()]  # on the carriers of circuit 0, an active one
    values = {symbols.T: 200, symbols.m: 8, symbols.M: 512, symbols.r: 6, symbols.k: n_active}
    return row(
        own=first[0].mean() - 1,
        active=first[1:n_active].sum(axis=0).mean(),
        inactive=first[n_active:].sum(axis=0).mean(),
        predicted_own=evaluate(theory.own_collisions(), values),
        predicted_active=evaluate(theory.active_collisions(), values),
        predicted_inactive=evaluate(theory.inactive_collisions(), values),
    )


def lost_carriers(n_active: int, redundancy: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure how many carriers of active small neurons are shared, and how many neurons lose all.

    The shares are taken over 20,000 codes for k circuits each, with m = 8 and M = 256. Their
    predictions are (eq-carrier-lost) and (eq-all-lost).
    """
    slots = SparseCode.draw("random", 20000 * n_active, 8, 256, redundancy, rng).slots
    # each code on separate neurons
    slots = slots.reshape(20000, -1, redundancy) + 256 * np.arange(20000)[:, None, None]
    shared = np.bincount(slots.ravel())[slots] > 1
    values = {symbols.m: 8, symbols.M: 256, symbols.r: redundancy, symbols.k: n_active}
    return row(
        one=shared.mean(),
        predicted_one=evaluate(theory.carrier_lost(), values),
        all=shared.all(axis=-1).mean(),
        predicted_all=evaluate(theory.all_carriers_lost(), values),
    )


def safe_redundancy(n_neurons: int, n_active: int) -> float:
    """Return the least r at which no small neuron loses all carriers in any pass.

    That is so with a probability of 99 %. The result is NaN if there is no such r. The network
    holds T = M²/200 circuits with m = 8. A small neuron counts once for each of the (T − 1 choose k
    − 1) sets of circuits with which it can be active.
    """
    n_circuits = n_neurons**2 // 200
    cases = n_circuits * 8 * math.comb(n_circuits - 1, n_active - 1)
    try:
        return theory.smallest_redundancy(n_neurons, 8 * n_active, cases, 0.99)
    except ValueError:
        return np.nan
