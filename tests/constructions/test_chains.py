"""Chains: rectangles by hand and by loops, undisturbed means exact, placements, words, chances."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from math import comb

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from companion.chains import codes_of
from superposition import ChainConstruction, MLPCircuits, measure_error
from superposition.chain_maps import (
    ChainCodes,
    bucket_chains,
    bucket_slots,
    n_digits,
    plane_chains,
)
from superposition.circuits.bounds import ROUNDED, largest_pre_activations, state_bounds
from superposition.circuits.inputs import UnitInputs, sample_active
from superposition.constructions.chains import (
    copies_of_one,
    read_undisturbed,
    run_undisturbed,
    undisturbed,
)
from superposition.placing import NOWHERE, place
from superposition.predict.chains import no_chain_left
from superposition.theory import chains as theory
from superposition.theory import symbols
from superposition.theory.derivation import evaluate

SEEDS = st.integers(0, 2**32)
NAMES = st.sampled_from(["relu", "linear"])
EMBEDDINGS = st.sampled_from(["local", "coordinated"])
# kind, size, chains
DESIGNS = st.sampled_from(
    [("plane", 5, 3), ("plane", 11, 1), ("plane", 13, 4), ("buckets", 1, 3), ("buckets", 5, 4)]
)
HAND = ChainCodes(np.array([[0], [1], [2], [0]]), np.array([[0], [1], [2], [2]]), 3)


def drawn(design, share, rng):
    kind, size, n_chains = design
    most = size**2 if kind == "plane" else 60
    return codes_of(kind, size, n_chains, max(1, round(share * most)), rng)


def mixed(n_circuits, widths, names, rng, scale=1.0, bias=1.0):
    """Random circuits with biases of both signs."""
    layers = list(pairwise(widths))
    weights = [scale * rng.standard_normal((n_circuits, b, a)) for a, b in layers]
    biases = [bias * rng.standard_normal((n_circuits, b)) for _, b in layers]
    return MLPCircuits(weights, biases, list(names[: len(layers)]))


def loud(n_circuits, n_layers, rng, size=1.0):
    """Circuits of one entry and positive weights, whose every disturbance is heard to the end."""
    weights = [size * rng.uniform(0.5, 1.5, (n_circuits, 1, 1)) for _ in range(n_layers)]
    biases = [rng.uniform(0.1, 1.0, (n_circuits, 1)) for _ in range(n_layers)]
    return MLPCircuits(weights, biases)


def slow_conflict(codes, chain, t, u):
    """One circuit after another: does any have a slot of t and the other slot of u?"""
    even, odd = codes.even[:, chain], codes.odd[:, chain]
    corners = [(even[t], odd[u]), (even[u], odd[t])]
    return any((even[v], odd[v]) in corners for v in range(codes.n_circuits))


# codes


def test_a_conflict_by_hand():
    """Circuits on (0, 0), (1, 1), (2, 2), (0, 2) of three by three slots.

    Circuit 3 is the corner (0, 2) of circuits 0 and 2. It shares slots with both. Circuit 1 has
    a row and a column for itself.
    """
    wanted = np.zeros((4, 4), bool)
    wanted[[0, 2, 0, 3, 2, 3], [2, 0, 3, 0, 3, 2]] = True
    np.testing.assert_array_equal(HAND.conflicts([[0, 1, 2, 3]])[0, 0], wanted)
    np.testing.assert_array_equal(HAND.crowded([[0, 1, 2, 3]])[0, :, 0], [1, 0, 1, 1])
    np.testing.assert_array_equal(HAND.crowded([[0, 1, 2]]), np.zeros((1, 3, 1)))


def test_gates_tell_by_hand_who_is_undisturbed():
    """Of the same four: alone, with a stranger, with another whose corner circuit 3 is."""
    gates = np.zeros((3, 1, 3), bool)
    for row, slots in enumerate(([1], [0, 1], [0, 2])):
        gates[row, 0, slots] = True
    found = HAND.undisturbed(gates, gates, np.array([[0, 1, 2, 3]] * 3))
    wanted = [[False, True, False, False], [True, True, False, False], [False] * 4]
    assert found[..., 0].tolist() == wanted
    assert HAND.disturbed([[0, 1, 2, 3]])[0, :, 0].tolist() == [True, False, True, True]
    assert HAND.joined.astype(int).tolist() == [[[1, 0, 1], [0, 1, 0], [0, 0, 1]]]
    assert (HAND.n_circuits, HAND.n_chains, HAND.n_slots) == (4, 1, 3)
    for call in (HAND.conflicts, HAND.crowded):
        with pytest.raises(
            ValueError, match=r"^active: wanted distinct circuits within a row, got \["
        ):
            call([[1, 1]])
        with pytest.raises(ValueError, match=r"^active: wanted entries from 0 to 3, got 4$"):
            call([[4]])


def test_copies_by_hand():
    """Two circuits in two chains of three slots: copies 0 and 1 are of circuit 0, 2 and 3 of 1."""
    codes = ChainCodes(np.array([[0, 1], [2, 0]]), np.array([[1, 1], [0, 2]]), np.int8(3))
    assert type(codes.n_slots) is int
    two = codes.copies()
    assert [sets.tolist() for sets in two.sets] == [[[0], [4], [2], [3]], [[1], [4], [0], [5]]]
    assert two.n_slots == 6
    assert two.dtype == np.float64
    assert codes.copies(np.float32).dtype == np.float32


def test_chain_codes_are_refused_word_for_word(rng):
    one = np.array([[0], [1]])
    for name, arrays in (("even", (one[:0], one[:0])), ("odd", (one, one[:, :0]))):
        with pytest.raises(ValueError, match=rf"^{name}: wanted (no empty axis|shape)"):
            ChainCodes(*arrays, 3)
    with pytest.raises(ValueError, match=r"^even: wanted no empty axis, got shape \(0, 1\)$"):
        ChainCodes(one[:0], one[:0], 3)
    with pytest.raises(ValueError, match=r"^even: wanted shape \(circuits, chains\), got \(2,\)$"):
        ChainCodes(one[:, 0], one, 3)
    match = r"wanted shape \(circuits = 2, chains = 1\), got \(1, 1\)$"
    with pytest.raises(ValueError, match=rf"^odd: {match}"):
        ChainCodes(one, one[:1], 3)
    with pytest.raises(ValueError, match=rf"^buckets: {match}"):
        ChainCodes(one, one, 3, one[:1])
    for name, arrays in (("even", (one + 2, one)), ("odd", (one, one + 2))):
        with pytest.raises(ValueError, match=rf"^{name}: wanted entries from 0 to 2, got 2 to 3$"):
            ChainCodes(*arrays, 3)
    with pytest.raises(ValueError, match=r"^buckets: wanted entries from 0 to 2, got 3 to 4$"):
        ChainCodes(one, one, 3, one + 3)
    with pytest.raises(ValueError, match=r"^n_slots: wanted at least 1, got 0$"):
        ChainCodes(one, one, 0)
    message = "even, odd: wanted no two circuits with both slots of a chain, got some in chain 1"
    with pytest.raises(ValueError, match=f"^{message}$"):
        ChainCodes(np.array([[0, 1], [1, 1]]), np.array([[0, 2], [0, 2]]), 3)
    with pytest.raises(ValueError, match=r"got some in chain 0$"):
        ChainCodes(np.array([[0], [1], [1]]), np.array([[0], [1], [1]]), 3)
    assert ChainCodes(one, one, 3, [[0], [1]]).buckets.dtype == np.intp
    for make in (plane_chains, bucket_chains):
        with pytest.raises(ValueError, match=r"^n_chains: wanted at least 1, got 0$"):
            make(3, 0, 1, rng)
        with pytest.raises(ValueError, match=r"^n_circuits: wanted at least 1, got 0$"):
            make(3, 1, 0, rng)
    with pytest.raises(
        ValueError, match=r"^n_circuits: wanted at most 9, the points of the plane ove"
    ):
        plane_chains(3, 1, 10, rng)
    assert plane_chains(3, 2, 9, rng).buckets is None
    with pytest.raises(
        ValueError, match=r"^n_slopes: wanted at most 4, the slopes of the plane over"
    ):
        plane_chains(3, 3, 1, rng)
    with pytest.raises(ValueError, match=r"^n_buckets: wanted 1 or a prime, got 4$"):
        bucket_chains(4, 1, 1, rng)
    with pytest.raises(ValueError, match=r"^n_buckets: wanted at least 1, got 0$"):
        bucket_chains(0, 1, 1, rng)
    with pytest.raises(
        ValueError, match=r"^n_chains: wanted at most 3, the values of 3 buckets, got"
    ):
        bucket_chains(3, 4, 1, rng)
    assert bucket_chains(3, 3, 1, rng).n_chains == bucket_chains(1, 3, 1, rng).n_chains == 3


@given(seed=SEEDS, design=DESIGNS, share=st.floats(0, 1), n_active=st.integers(1, 5))
def test_conflicts_are_those_that_loops_find(seed, design, share, n_active):
    rng = np.random.default_rng(seed)
    codes = drawn(design, share, rng)
    active = sample_active(codes.n_circuits, min(n_active, codes.n_circuits), 3, rng)
    found, crowded = codes.conflicts(active), codes.crowded(active)
    for row, which in enumerate(active):
        for i, j in product(range(len(which)), repeat=2):
            for chain in range(codes.n_chains):
                wanted = i != j and slow_conflict(codes, chain, which[i], which[j])
                assert found[row, chain, i, j] == wanted
                if codes.buckets is not None and i != j:
                    buckets = codes.buckets[which, chain]
                    assert wanted == (buckets[i] == buckets[j])
        for i, chain in product(range(len(which)), range(codes.n_chains)):
            others = np.delete(which, i)
            shared = [slots[others, chain] == slots[which[i], chain] for slots in (codes.even,)]
            shared += [codes.odd[others, chain] == codes.odd[which[i], chain]]
            assert crowded[row, i, chain] == np.any(shared)


@given(seed=SEEDS, plane=st.sampled_from([(3, 2), (5, 2), (5, 3), (7, 4)]))
def test_two_circuits_of_a_plane_share_at_most_one_slot_over_all_chains(seed, plane):
    q, n_chains = plane
    codes = plane_chains(q, n_chains, q * q, np.random.default_rng(seed))
    both = np.hstack([codes.even, codes.odd])
    shared = (both[:, None] == both[None]).sum(axis=2)
    assert (shared[~np.eye(q * q, dtype=bool)] <= 1).all()
    assert codes.joined.all()


@given(
    seed=SEEDS,
    n_buckets=st.sampled_from([2, 3, 5, 7]),
    n_chains=st.integers(1, 7),
    n_circuits=st.integers(2, 150),
)
def test_words_agree_in_fewer_places_than_they_have_digits(seed, n_buckets, n_chains, n_circuits):
    n_chains = min(n_chains, n_buckets)
    codes = bucket_chains(n_buckets, n_chains, n_circuits, np.random.default_rng(seed))
    agree = (codes.buckets[:, None] == codes.buckets[None]).sum(axis=2)
    others = agree[~np.eye(n_circuits, dtype=bool)]
    assert others.max() <= min(n_chains, n_digits(n_circuits, n_buckets) - 1)
    for chain in codes.buckets.T:
        loads = np.bincount(chain, minlength=n_buckets)
        assert loads.max() - loads.min() <= 1
    assert codes.n_slots == n_buckets * bucket_slots(n_circuits, n_buckets)
    for slots in (codes.even, codes.odd):
        assert (slots // bucket_slots(n_circuits, n_buckets) == codes.buckets).all()


def test_buckets_are_as_small_as_they_can_be():
    assert [bucket_slots(n, 1) for n in (1, 2, 4, 5, 9, 10)] == [1, 2, 2, 3, 3, 4]
    assert bucket_slots(557, 5) == 11
    assert [n_digits(n, 5) for n in (1, 5, 6, 25, 26, 557)] == [1, 1, 2, 2, 3, 4]
    assert [n_digits(n, 2) for n in (2, 3, 4, 5)] == [1, 2, 2, 3]
    assert n_digits(10**6, 1) == 1


def test_any_two_of_557_circuits_are_apart_in_one_of_four_chains(rng):
    """220 slots; all 154,846 pairs."""
    codes = bucket_chains(5, 4, 557, rng)
    assert codes.n_slots * codes.n_chains == 220
    same = (codes.buckets[:, None] == codes.buckets[None]).all(axis=2)
    assert np.count_nonzero(same) == 557


def test_any_three_circuits_have_a_chain_each_if_words_differ_enough(rng):
    """Degree below 2 over 5 elements: 25 circuits, 3 chains, all 2,300 sets."""
    codes = bucket_chains(5, 3, 25, rng)
    active = np.array(list(combinations(range(25), 3)))
    assert not codes.disturbed(active).all(axis=2).any()
    four = np.array(list(combinations(range(25), 4)))
    assert codes.disturbed(four).all(axis=2).any()


# undisturbed means exact


@given(
    seed=SEEDS,
    design=DESIGNS,
    share=st.floats(0, 1),
    n_active=st.integers(1, 6),
    n_layers=st.integers(2, 5),
)
def test_a_chain_is_undisturbed_where_every_layer_is_exact_and_only_there(
    seed, design, share, n_active, n_layers
):
    """By running each chain: loud circuits are right after all layers, or wrong for a reason.

    The gates alone say which, after every layer; they agree with the rectangles.
    """
    rng = np.random.default_rng(seed)
    codes = drawn(design, share, rng)
    n, r = codes.n_circuits, codes.n_chains
    circuits = loud(n, n_layers, rng)
    superposition = ChainConstruction(r, embedding="local").compress(circuits, rng, codes=codes)
    active = sample_active(n, min(n_active, n), 4, rng)
    inputs = rng.uniform(0.5, 1.0, (*active.shape, 1))
    truth = circuits.run(inputs, active)
    states = superposition.network.run(superposition.embed(inputs, active))
    copies = (active[..., None] * r + np.arange(r)).reshape(len(active), -1)
    right = np.ones((*active.shape, r), bool)
    for layer, (state, wanted) in enumerate(zip(states, truth, strict=True)):
        read = superposition.read_maps[layer].copies.read(state, copies).reshape(right.shape)
        right &= np.abs(read - wanted) < 1e-11 * wanted
    alone = ~codes.disturbed(active)
    np.testing.assert_array_equal(right, alone)
    for layer, state in enumerate(states):
        np.testing.assert_array_equal(undisturbed(superposition, state, active, layer), alone)


@given(
    seed=SEEDS,
    design=DESIGNS,
    embedding=EMBEDDINGS,
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=6),
    names=st.lists(NAMES, min_size=5, max_size=5),
    share=st.floats(0, 1),
    n_active=st.integers(1, 5),
    scale=st.floats(0.1, 10),
    bias=st.sampled_from([0.0, 0.1, 1.0, 10.0]),
)
def test_what_is_read_is_exact(
    seed, design, embedding, widths, names, share, n_active, scale, bias
):
    """Relative to the longest state; of a placed set everything is read, and by a sum if silent."""
    rng = np.random.default_rng(seed)
    codes = drawn(design, share, rng)
    circuits = mixed(codes.n_circuits, widths, names, rng, scale, bias)
    construction = ChainConstruction(codes.n_chains, embedding=embedding)
    superposition = construction.compress(circuits, rng, codes=codes)
    active = sample_active(codes.n_circuits, min(n_active, codes.n_circuits), 8, rng)
    if embedding == "coordinated":
        active = active[place(superposition.codes, active, True)[:, 0] != NOWHERE]
    inputs = UnitInputs(widths[0])(active, rng)
    truth, read = circuits.run(inputs, active), run_undisturbed(superposition, inputs, active)
    none = codes.disturbed(active).all(axis=2)
    for a, b in zip(truth, read, strict=True):
        size = np.abs(np.concatenate([np.ravel(state) for state in truth])).max(initial=0)
        left = ~np.isnan(b).any(axis=2)
        assert np.abs(a - b)[left].max(initial=0) <= 1e-10 * max(size, scale, bias)
        assert left.all() if embedding == "coordinated" else (left == ~none).all()
    if embedding == "coordinated":
        for a, b in zip(truth, superposition.run(inputs, active), strict=True):
            assert np.abs(a - b).max(initial=0) <= 1e-10 * max(size, scale, bias)


@pytest.mark.parametrize("embedding", ["local", "coordinated"])
def test_inactive_circuits_have_no_chain(embedding, rng):
    """Even where both slots are in use by others: the gates say who is active."""
    circuits = loud(300, 2, rng)
    construction = ChainConstruction(3, 23 * 3 * 3, embedding)
    superposition = construction.compress(circuits, rng)
    active = sample_active(300, 4, 30, rng)
    active = active[place(superposition.codes, active, True)[:, 0] != NOWHERE]
    state = superposition.embed(np.ones((*active.shape, 1)), active)
    everybody = np.broadcast_to(np.arange(300), (len(active), 300))
    read = read_undisturbed(superposition, state, everybody, 0)[..., 0]
    inactive = np.ones(read.shape, bool)
    np.put_along_axis(inactive, active, False, axis=1)
    assert np.isnan(read[inactive]).all()
    assert (read[~inactive] == 1)[~np.isnan(read[~inactive])].all()
    both = (superposition.read_all(state, 0) != 0)[..., 0] & inactive
    assert both.any()  # whom a sum or mean would read something


def test_gates_hold_while_disturbed_circuits_feed_each_other(rng):
    """Ten active in a small plane, weights of about 3, eight layers: a few are left, and exact."""
    circuits = loud(300, 8, rng, size=3.0)
    construction = ChainConstruction(1, 61 * 3, "local")
    superposition = construction.compress(circuits, rng)
    active = sample_active(300, 8, 100, rng)
    inputs = np.ones((*active.shape, 1))
    truth, read = circuits.run(inputs, active), run_undisturbed(superposition, inputs, active)
    left = ~np.isnan(read[-1])
    assert 50 < left.sum() < 700
    assert (np.abs(read[-1] / truth[-1] - 1)[left] < 1e-12).all()
    disturbed = superposition.run(inputs, active)[-1]
    assert (disturbed / truth[-1])[~left].max() > 50


def test_measured_errors_are_as_predicted(rng):
    circuits = MLPCircuits.random(300, [3] * 4, rng)
    construction = ChainConstruction(4, buckets=7)
    measured = measure_error(construction.compress(circuits, rng), 2, 100, rng)
    predicted = construction.predict_error(circuits, 2)
    assert (measured["relative_mse"] < 1e-28).all()
    assert predicted["mse"].tolist() == predicted["failure_probability"].tolist() == [0.0] * 4
    assert predicted["layer"].tolist() == [0, 1, 2, 3]


def test_float32_circuits_stay_float32(rng):
    circuits = MLPCircuits.random(60, [3] * 4, rng).astype(np.float32)
    for embedding in ("local", "coordinated"):
        superposition = ChainConstruction(3, buckets=5, embedding=embedding).compress(circuits, rng)
        active = np.array([[1, 2]])
        read = run_undisturbed(superposition, np.full((1, 2, 3), 0.1, np.float32), active)
        assert {a.dtype for a in read} == {np.dtype(np.float32)}


# placements


def slow_placements(codes, which, silent):
    """Every one of r^k ways, by the definition."""
    found = []
    for chains in product(range(codes.n_chains), repeat=len(which)):
        pairs = list(combinations(range(len(which)), 2))
        fine = not any(
            chains[i] == chains[j] and slow_conflict(codes, chains[i], which[i], which[j])
            for i, j in pairs
        )
        if silent:
            fine &= not any(
                slots[which[i], chains[i]] == slots[which[j], chains[i]]
                for i, j in permutations(range(len(which)), 2)
                for slots in (codes.even, codes.odd)
            )
        found += [chains] if fine else []
    return found


@given(
    seed=SEEDS,
    design=st.sampled_from(
        [("plane", 5, 3), ("plane", 7, 2), ("buckets", 2, 2), ("buckets", 3, 3)]
    ),
    share=st.floats(0.1, 1),
    n_active=st.integers(1, 5),
    silent=st.booleans(),
)
def test_a_placement_is_found_if_there_is_one(seed, design, share, n_active, silent):
    rng = np.random.default_rng(seed)
    codes = drawn(design, share, rng)
    active = sample_active(codes.n_circuits, min(n_active, codes.n_circuits), 3, rng)
    for which, chains in zip(active, place(codes, active, silent), strict=True):
        possible = slow_placements(codes, which, silent)
        if possible:
            assert tuple(chains) in possible
        else:
            assert (chains == NOWHERE).all()


def test_copies_are_exact_whoever_enters_which(rng):
    """Three of a full plane's circuits, in all six orders; by the gates of the copies."""
    circuits = MLPCircuits.random(49, [2] * 4, rng)
    superposition = copies_of_one(3).compress(circuits, rng)
    active = sample_active(49, 3, 20, rng)
    inputs = UnitInputs(2)(active, rng)
    truth = circuits.run(inputs, active)
    assert superposition.network.widths[0] == 3 * 7 * 4
    for order in permutations(range(3)):
        start = superposition.input_map.copies.write(inputs, active * 3 + np.array(order))
        for layer, state in enumerate(superposition.network.run(start)):
            read = read_undisturbed(superposition, state, active, layer)
            np.testing.assert_allclose(read, truth[layer], atol=1e-12)


def test_search_is_given_up_and_says_so(rng, monkeypatch):
    codes = plane_chains(23, 3, 150, rng)
    active = sample_active(150, 9, 40, rng)
    found = place(codes, active, False)[:, 0] != NOWHERE
    monkeypatch.setattr("superposition.placing.STEPS", 5)
    fewer = place(codes, active, False)[:, 0] != NOWHERE
    assert fewer.sum() < found.sum()
    assert not (fewer & ~found).any()


# chances


@pytest.mark.parametrize(("q", "n_circuits"), [(2, 2), (2, 3), (3, 2), (3, 4), (3, 7)])
def test_the_chance_of_a_conflict_by_enumeration(q, n_circuits):
    """All sets of so many of q² points, all pairs of each."""
    grid = list(product(range(q), repeat=2))
    conflicts = [
        bool({(t[0], u[1]), (u[0], t[1])} & set(points))
        for points in combinations(grid, n_circuits)
        for t, u in combinations(points, 2)
    ]
    chance = theory.conflict().subs({symbols.T: n_circuits, theory.side: q})
    assert chance == sp.Rational(sum(conflicts), len(conflicts))


def test_inclusion_and_exclusion_by_enumeration():
    """Three chains with independent chances to be undisturbed: all eight outcomes."""
    chance = sp.symbols("x")
    alone = {theory.apart[i]: chance**i for i in (1, 2, 3)} | {
        theory.clear[i]: 1 for i in (1, 2, 3)
    }
    none = theory.no_chain_left(3).general.xreplace(alone)
    assert sp.expand(none - (1 - chance) ** 3) == 0


def test_a_full_plane_always_conflicts_and_a_large_one_never():
    full = theory.conflict().subs(symbols.T, theory.side**2)
    assert sp.simplify(full) == 1
    assert sp.limit(theory.conflict().subs(symbols.T, 10), theory.side, sp.oo) == 0


@pytest.mark.parametrize(
    ("q", "n_chains", "n_circuits", "n_active"),
    [(83, 3, 557, 2), (127, 2, 557, 3), (61, 4, 557, 4), (31, 2, 400, 2), (83, 1, 557, 5)],
)
def test_no_chain_left_is_as_often_as_derived(q, n_chains, n_circuits, n_active, rng):
    construction = ChainConstruction(n_chains, q * n_chains * 3, "local")
    chance = construction.failure_probability(n_circuits, n_active, [1, 1])
    failing = []
    for _ in range(8):
        codes = construction.draw(n_circuits, [1, 1], rng)
        assert codes.n_slots == q
        active = sample_active(n_circuits, n_active, 5000, rng)
        failing.append(codes.disturbed(active).all(axis=2).mean())
    error = np.std(failing) / np.sqrt(8)
    assert np.mean(failing) == pytest.approx(chance, abs=4 * error + 0.02 * chance)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("q", "n_chains", "n_circuits"), [(7, 3, 20), (5, 2, 25)])
def test_no_chain_is_left_by_whole_numbers(q, n_chains, n_circuits):
    """For any number of active circuits, also where more are chosen than there are."""

    def chosen(n, m):
        return comb(n, m) if n >= 0 else 0

    last = 0
    for k in range(2, n_circuits + 1):
        none, others, rest = Fraction(1), q**2 - 1, q**2 - k
        for i in range(1, n_chains + 1):
            apart = Fraction(chosen(others - 2 * i * (q - 1), k - 1), chosen(others, k - 1))
            corners = rest - 2 * i * (k - 1)
            clear = Fraction(chosen(corners, n_circuits - k), chosen(rest, n_circuits - k))
            none += (-1) ** i * comb(n_chains, i) * apart * clear
        found = no_chain_left(q, n_chains, n_circuits, k)
        assert found == pytest.approx(float(none), rel=1e-9)
        assert found >= last - 1e-12
        last = found


def test_buckets_have_the_fewest_conflicts_that_equal_loads_allow(rng):
    """A corner is taken as often in any codes of equal loads; in buckets both are, or none."""
    corner = theory.corner_taken()
    sizes = {symbols.T: 72, theory.side: 12}
    least = float(evaluate(corner, sizes))
    squares = bucket_chains(2, 1, 72, rng)
    assert squares.n_slots == 12
    every = np.array(list(combinations(range(72), 2)))
    shares = {}
    for name, codes in {"buckets": squares, "turns": turning(12, 6)}.items():
        even, odd = codes.even[:, 0], codes.odd[:, 0]
        assert (np.bincount(even) == 6).all()
        assert (np.bincount(odd) == 6).all()
        taken = codes.joined[0][even[:, None], odd]
        assert (taken.sum() - 72) / (72 * 71) == pytest.approx(least)
        shares[name] = codes.conflicts(every)[:, 0, 0, 1].mean()
    assert shares["buckets"] == pytest.approx(least)
    assert shares["turns"] > 1.2 * least
    assert float(evaluate(theory.same_bucket(), {symbols.T: 72, theory.buckets: 2})) == (
        pytest.approx(least)
    )


def turning(side, load):
    """Every even slot has the next `load` odd slots, counted around."""
    even, step = np.divmod(np.arange(side * load), load)
    return ChainCodes(even[:, None], ((even + step) % side)[:, None], side)


@pytest.mark.parametrize(("n_buckets", "n_active"), [(7, 5), (11, 3), (23, 8)])
def test_no_bucket_left_is_at_most_as_often_as_estimated(n_buckets, n_active, rng):
    construction = ChainConstruction(2, buckets=n_buckets, embedding="local")
    chance = construction.failure_probability(500, n_active, [1, 1])
    active = sample_active(500, n_active, 20_000, rng)
    codes = construction.draw(500, [1, 1], rng)
    found = codes.disturbed(active).all(axis=2).mean()
    assert 0.6 * chance < found < 1.05 * chance


def test_failing_never_is_said_only_where_words_guarantee_it():
    local = ChainConstruction(4, buckets=5, embedding="local")
    assert local.failure_probability(557, 2, [1, 1]) == 0
    assert local.failure_probability(557, 3, [1, 1]) > 0.01
    assert local.failure_probability(625, 2, [1, 1]) == 0
    assert local.failure_probability(626, 2, [1, 1]) > 0
    assert (
        ChainConstruction(3, buckets=5, embedding="local").failure_probability(25, 3, [1, 1]) == 0
    )
    assert ChainConstruction(3, buckets=5, embedding="local").failure_probability(25, 4, [1, 1]) > 0
    assert ChainConstruction(2, buckets=1, embedding="local").failure_probability(9, 2, [1, 1]) == 1
    assert ChainConstruction(2, buckets=1, embedding="local").failure_probability(9, 1, [1, 1]) == 0
    assert ChainConstruction(2, embedding="local").failure_probability(9, 1, [1, 1]) == 0


@pytest.mark.parametrize(("n_chains", "n_active"), [(2, 3), (3, 4), (1, 3)])
def test_the_mean_number_of_placements_by_enumeration(n_chains, n_active):
    wanted = sum(
        (1 - theory.pair) ** sum(a == b for a, b in combinations(chains, 2))
        for chains in product(range(n_chains), repeat=n_active)
    )
    assert sp.expand(theory.placements(n_chains, n_active) - wanted) == 0


def test_coordinated_failures_are_counted():
    assert ChainConstruction(4, 61 * 4 * 6).failure_probability(557, 6, [4, 4]) <= 0.003
    silent = ChainConstruction(2, buckets=23)
    assert 0.05 < silent.failure_probability(557, 10, [4, 4]) < 0.25
    loud_too = ChainConstruction(2, buckets=23, silent=False)
    assert loud_too.failure_probability(557, 10, [4, 4]) < 0.01
    assert copies_of_one(3).failure_probability(2209, 3, [4, 4]) == 0
    assert copies_of_one(2).failure_probability(2209, 3, [4, 4]) == 1


# sizes


def test_what_a_width_holds():
    """Widths of 4 take 6 neurons a slot: in 1,476, four chains of 61 slots, or 3 of 82."""
    assert ChainConstruction(4, 1476).holds([4, 4]) == 61**2
    assert ChainConstruction(3, 1476).holds([4, 2]) == 79**2
    assert ChainConstruction(4, 1476, buckets=5).holds([2, 4]) == 5 * 12**2
    assert ChainConstruction(4, 4 * 7 * 6).holds([4, 4]) == 49
    assert ChainConstruction(4, 4 * 5 * 6, buckets=5).holds([4, 4]) == 5


def test_capacity_is_the_last_that_fails_within_the_tolerance():
    moments = MLPCircuits.random(3, [4, 4], np.random.default_rng(0)).moments(
        np.random.default_rng(0)
    )
    plane = ChainConstruction(3, 83 * 3 * 6, "local")
    most = plane.capacity(moments, 2, 0.01)
    assert (
        plane.failure_probability(most, 2, [4, 4])
        <= 0.01
        < plane.failure_probability(most + 1, 2, [4, 4])
    )
    assert 600 < most < 1000
    never = ChainConstruction(4, 1476, "local", buckets=5)
    assert never.capacity(moments, 2, 1e-9) == 5**4
    copies = copies_of_one(2, width=2 * 10 * 6)
    assert copies.capacity(moments, 2, 1e-9) == 100
    with pytest.raises(ValueError, match=r"tolerance: wanted one that 3 active .* meet, got 0.5"):
        copies.capacity(moments, 3, 0.5)


def test_sizes_are_the_narrowest_that_fail_within_the_tolerance():
    moments = MLPCircuits.random(3, [4, 4], np.random.default_rng(0)).moments(
        np.random.default_rng(0)
    )
    plane = ChainConstruction(3, embedding="local").size_for(557, moments, 2, 0.01)
    smaller = ChainConstruction(3, 73 * 3 * 6, "local")
    assert plane == ChainConstruction(3, 79 * 3 * 6, "local")
    assert (
        plane.failure_probability(557, 2, [4, 4])
        <= 0.01
        < smaller.failure_probability(557, 2, [4, 4])
    )
    never = ChainConstruction(4, embedding="local", buckets=1).size_for(557, moments, 2, 1e-9)
    assert never == ChainConstruction(4, 4 * 55 * 6, "local", buckets=5)
    # 281 buckets of two slots would do, too, but a slot for each circuit is narrower
    one = ChainConstruction(1, embedding="local", buckets=1)
    assert replace(one, buckets=281).failure_probability(557, 2, [4, 4]) < 0.00178
    private = one.size_for(557, moments, 2, 0.00178)
    assert private == ChainConstruction(1, 557 * 6, "local", buckets=557)
    placed = ChainConstruction(3, buckets=2, silent=False).size_for(557, moments, 10, 0.001)
    assert placed == ChainConstruction(3, placed.width, buckets=placed.buckets, silent=False)
    assert placed.failure_probability(557, 10, [4, 4]) <= 0.001
    assert placed.width < 10 * 24 * 6
    placed.compress(
        MLPCircuits.random(557, [4, 4], np.random.default_rng(1)), np.random.default_rng(1)
    )


MOMENTS = MLPCircuits.random(3, [4, 4], np.random.default_rng(0)).moments(np.random.default_rng(0))
SMALL = MLPCircuits.random(9, [2, 3], np.random.default_rng(0))
LOCAL = ChainConstruction(2, 3 * 2 * 5, "local", headroom=2).compress(
    SMALL, np.random.default_rng(0)
)
PLACED = ChainConstruction(2, 3 * 2 * 5, silent=False).compress(SMALL, np.random.default_rng(0))
STATE = LOCAL.embed([[[0.5, 0.5]]], [[3]])
RNG = np.random.default_rng(0)
REFUSED = [
    (lambda: ChainConstruction(-1), ValueError, "n_chains: wanted at least 1, got -1"),
    (
        lambda: ChainConstruction(),
        ValueError,
        "n_chains: wanted at least 1, got 0; write "
        r"ChainConstruction\(3\) for example, with at least as many chains as circuits are active",
    ),
    (lambda: ChainConstruction(2, 0), ValueError, "width: wanted at least 1"),
    (lambda: ChainConstruction(2, buckets=0), ValueError, "buckets: wanted at least 1"),
    (lambda: ChainConstruction(2, 9, "all"), ValueError, "embedding: wanted one of .* got 'all'"),
    (lambda: ChainConstruction(2, input_bound=0), ValueError, "input_bound: wanted a finite"),
    (lambda: ChainConstruction(2, headroom=0.5), ValueError, "headroom: wanted at least 1, got"),
    (lambda: ChainConstruction(2).holds([4]), ValueError, "width: wanted one, to say how many"),
    (
        lambda: ChainConstruction(3, 89).holds([4, 4]),
        ValueError,
        "width: wanted at least 90 for 3 chains, got 89",
    ),
    (
        lambda: ChainConstruction(3, 89, buckets=5).holds([4, 4]),
        ValueError,
        "width: wanted at least 90 for 3 chains, got 89",
    ),
    (
        lambda: ChainConstruction(2).failure_probability(3, 4, [2]),
        ValueError,
        "n_active: wanted at most 3",
    ),
    (
        lambda: ChainConstruction(2).compress(SMALL, RNG, codes=LOCAL.codes.even),
        TypeError,
        "codes: wanted ChainCodes, got ndarray",
    ),
    (
        lambda: ChainConstruction(3).compress(SMALL, RNG, codes=LOCAL.codes),
        ValueError,
        r"codes: wanted \(circuits, chains\) = \(9, 3\), got \(9, 2\)",
    ),
    (
        lambda: ChainConstruction(2, 29).compress(SMALL.take([0]), RNG, codes=ONE),
        ValueError,
        "codes: wanted at most 29 neurons, the width, got 30",
    ),
    (lambda: ChainConstruction(2, 99).capacity(SMALL, 1, 1), TypeError, "moments: wanted MLPM"),
    (lambda: ChainConstruction(2, 99).capacity(MOMENTS, 1, 0), ValueError, "tolerance: wanted a"),
    (lambda: ChainConstruction(2, 99).capacity(MOMENTS, 0, 1), ValueError, "n_active: wanted at"),
    (
        lambda: ChainConstruction(2, 99).capacity(MOMENTS, 50, 1),
        ValueError,
        "n_active: wanted at most 49, all that the width holds, got 50",
    ),
    (lambda: ChainConstruction(2).size_for(0, MOMENTS, 1, 1), ValueError, "n_circuits: wanted at"),
    (lambda: ChainConstruction(2).size_for(3, MOMENTS, 4, 1), ValueError, "n_active: wanted at m"),
    (
        lambda: ChainConstruction(2, embedding="local").size_for(9, MOMENTS, 2, 1e-9),
        ValueError,
        "tolerance: wanted one that up to 8192 neurons can meet, got 1e-09",
    ),
    (
        lambda: LOCAL.embed([[[0.1, 0.1]] * 3], [[1, 2, 3]]),
        ValueError,
        "active: wanted at most 2 in a chain, the headroom, got 3",
    ),
    (
        lambda: PLACED.embed([[[0.1, 0.1]] * 3], [[1, 2, 3]]),
        ValueError,
        r"active: wanted circuits that can be placed in 2 chains without conflict, got \[1, 2, 3\]",
    ),
    (lambda: read_undisturbed(LOCAL, STATE, [[9]], 0), ValueError, "which: wanted entries from 0"),
    (lambda: undisturbed(LOCAL, STATE, [[1]], 1), ValueError, "state: wanted shape .*size = 30"),
    (lambda: undisturbed(LOCAL, STATE, [[1], [2]], 0), ValueError, "state: wanted shape .*batch"),
    (lambda: undisturbed(LOCAL, STATE, [[1]], 2), ValueError, "layer: wanted entries from 0 to 1"),
    (lambda: plane_chains(4, 2, 3, RNG), ValueError, "q: wanted a prime, got 4"),
    (lambda: plane_chains(3, 3, 3, RNG), ValueError, "n_slopes: wanted at most 4"),
    (lambda: plane_chains(3, 2, 10, RNG), ValueError, "n_circuits: wanted at most 9, the points"),
    (lambda: plane_chains(3, 0, 9, RNG), ValueError, "n_chains: wanted at least 1"),
    (lambda: bucket_chains(4, 2, 9, RNG), ValueError, "n_buckets: wanted 1 or a prime, got 4"),
    (
        lambda: ChainConstruction(2, buckets=4).failure_probability(9, 2, (1, 1)),
        ValueError,
        "n_buckets: wanted 1 or a prime, got 4",
    ),
    (lambda: bucket_chains(3, 4, 9, RNG), ValueError, "n_chains: wanted at most 3, the values of"),
    (lambda: bucket_chains(3, 2, 0, RNG), ValueError, "n_circuits: wanted at least 1"),
    (
        lambda: ChainCodes([[0], [1], [0]], [[1], [0], [1]], 2),
        ValueError,
        "even, odd: wanted no two circuits with both slots of a chain, got some in chain 0",
    ),
    (lambda: ChainCodes([[0], [2]], [[1], [0]], 2), ValueError, "even: wanted entries from 0 to 1"),
    (lambda: ChainCodes([[0], [1]], [[1]], 2), ValueError, r"odd: wanted shape \(circuits = 2"),
    (lambda: ChainCodes(np.zeros((0, 2), int), [], 2), ValueError, "even: wanted no empty axis"),
    (lambda: ChainCodes([[0]], [[1]], 2, [[2]]), ValueError, "buckets: wanted entries from 0 to 1"),
    (lambda: ChainCodes([[0]], [[1]], 0), ValueError, "n_slots: wanted at least 1"),
    (lambda: HAND.conflicts([[1, 1]]), ValueError, "active: wanted distinct circuits"),
    (lambda: HAND.crowded([[4]]), ValueError, "active: wanted entries from 0 to 3"),
    (lambda: codes_of("cubes", 3, 2, 9, RNG), ValueError, "kind: wanted one of .* got 'cubes'"),
]
ONE = ChainCodes([[0, 0]], [[0, 0]], 3)


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_gates_are_for_inputs_as_long_as_are_taken(rng):
    circuits = MLPCircuits.random(9, [2, 2], rng)
    exact = ChainConstruction(1, input_bound=1 / ROUNDED, headroom=1.0)
    network = exact.compress(circuits, rng).network
    heard = largest_pre_activations(circuits, state_bounds(circuits, 1.0).max(axis=1))
    assert network.weights[0].min() == pytest.approx(-heard[0], rel=1e-12)
