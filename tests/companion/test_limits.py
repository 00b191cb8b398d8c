"""What any construction must pay: bounds by brute force, where they are met, and what escapes."""

from itertools import pairwise, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import gated, limits
from companion._places import Places, copies_needed, unplaced_bound
from superposition import GatedConstruction, MLPCircuits, measure_error, readers
from superposition.maps import SparseCode, TwoCodes, draw_codes
from superposition.theory import evaluate, symbols
from superposition.theory import gated as gated_theory
from superposition.theory import limits as theory

SEEDS = st.integers(0, 2**32 - 1)


def floor(formula, n_circuits, neurons, width=1, n_active=2):
    sizes = {symbols.T: n_circuits, symbols.D: neurons, symbols.M: neurons}
    sizes |= {symbols.d: width, symbols.m: width, symbols.k: n_active}
    return float(evaluate(formula, sizes))


def mean_over_others(heard, n_circuits):
    """Mean |K_tu|² over pairs of different circuits; heard (T d, T d)."""
    blocks = heard.reshape(n_circuits, -1, n_circuits, len(heard) // n_circuits)
    squares = (blocks**2).sum(axis=(1, 3))
    return (squares.sum() - squares.trace()) / (n_circuits * (n_circuits - 1))


@given(SEEDS, st.integers(3, 9), st.integers(1, 3), st.integers(0, 5))
def test_no_linear_reading_beats_the_floor(seed, n_circuits, width, more):
    """Random encoders and decoders, each circuit reading itself exactly."""
    rng, neurons = np.random.default_rng(seed), width + more
    encoders = rng.standard_normal((n_circuits, neurons, width))
    free = rng.standard_normal((n_circuits, width, neurons))
    decoders = free + (np.eye(width) - free @ encoders) @ np.linalg.pinv(encoders)
    heard = decoders.reshape(-1, neurons) @ np.hstack(list(encoders))
    own = heard.reshape(n_circuits, width, n_circuits, width)
    assert np.allclose(own[range(n_circuits), :, range(n_circuits)], np.eye(width))
    least = floor(theory.read_floor(), n_circuits, neurons, width)
    assert mean_over_others(heard, n_circuits) / width >= least * (1 - 1e-9)


def test_a_tight_frame_meets_it():
    """Three directions at 120° in the plane overlap by −1/2."""
    angles = 2 * np.pi * np.arange(3) / 3
    frame = np.column_stack([np.cos(angles), np.sin(angles)])
    found = mean_over_others(frame @ frame.T, 3)
    assert found == pytest.approx(1 / 4)
    assert floor(theory.read_floor(), 3, 2) == pytest.approx(found)


@given(SEEDS, st.integers(3, 9), st.integers(1, 4), st.integers(2, 3))
def test_reading_less_than_all_of_oneself_gains_no_more_than_derived(seed, n, neurons, n_active):
    rng = np.random.default_rng(seed)
    heard = rng.standard_normal((n, neurons)) @ rng.standard_normal((neurons, n)) / neurons
    error = np.mean((np.diag(heard) - 1) ** 2) + (n_active - 1) * mean_over_others(heard, n)
    others = max(floor(theory.read_floor(), n, neurons, n_active=n_active), 0)
    assert error >= float(theory.shrunk().subs(theory.crosstalk, others)) * (1 - 1e-9)


def test_the_best_share_of_oneself_is_kept_by_a_tight_frame():
    angles = 2 * np.pi * np.arange(3) / 3
    frame = np.column_stack([np.cos(angles), np.sin(angles)])
    heard = frame @ frame.T
    errors = [np.mean((x - 1) ** 2 + 2 * x**2 * 0.25) for x in np.linspace(0, 1, 1001)]
    assert mean_over_others(heard, 3) == pytest.approx(0.25)
    assert min(errors) == pytest.approx(float(theory.shrunk().subs(theory.crosstalk, 0.5)), 1e-5)


def constrained(written, read, wanted):
    """Least |F W Eᵀ|² with the wanted diagonal: by the null space of the constraints."""
    maps = np.einsum("ti,uj->tuij", written, read).reshape(len(written) ** 2, -1)
    diagonal = maps[:: len(written) + 1]
    start = np.linalg.lstsq(diagonal, wanted, rcond=None)[0]
    assert np.allclose(diagonal @ start, wanted)
    free = np.linalg.svd(diagonal)[2][np.linalg.matrix_rank(diagonal) :]
    step = np.linalg.lstsq(maps @ free.T, -maps @ start, rcond=None)[0]
    return ((maps @ (start + free.T @ step)) ** 2).sum()


def test_least_that_is_heard_with_given_codes_by_brute_force(rng):
    two = draw_codes(3, 2, 8, rng)
    read, written = (two.slots(i).matrix.toarray().astype(float) for i in (0, 1))
    inverse = np.linalg.inv(limits.code_shares(two))
    for wanted in (rng.standard_normal(8), np.ones(8)):
        assert constrained(written, read, wanted) == pytest.approx(wanted @ inverse @ wanted)


@given(SEEDS, st.integers(3, 5), st.integers(6, 9))
def test_no_codes_beat_the_floor_of_a_layer(seed, neurons, n_circuits):
    rng = np.random.default_rng(seed)
    spans = [
        np.linalg.qr(rng.standard_normal((n_circuits, neurons)))[0] for _ in ("read", "written")
    ]
    gram = np.prod([span @ span.T for span in spans], axis=0)
    least = np.linalg.inv(gram).trace() / n_circuits
    found = (least - 1) / (n_circuits - 1)
    assert found >= floor(theory.layer_floor(), n_circuits, neurons)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_one_slot_of_equal_load_meets_the_floor(times, rng):
    two = draw_codes(5, 1, 5 * times, rng)
    squares = limits.squared_crosstalk(two, quiet=False)[0]
    found = (squares / (5 * times) - 1) / (5 * times - 1)
    assert found == pytest.approx(floor(theory.layer_floor(), 5 * times, 5))


@pytest.mark.parametrize("quiet", [True, False])
def test_what_is_heard_is_the_square_of_all_that_weights_do(quiet, rng):
    """By loops over circuits, whose weight alone is 1; and with all of them 1."""
    two = draw_codes(5, 2, 12, rng)
    read = two.slots(0).matrix.toarray()
    total, same = 0.0, np.zeros((12, 12))
    for circuit in range(12):
        heard = np.zeros((12, 12))
        for _slot, on, weights in readers.reading_weights(two.slots(0), two.slots(1), quiet):
            if circuit in on:
                parts = read @ weights[:, list(on).index(circuit)] / 2
                for listener in on:
                    heard[listener] += parts
        assert heard[circuit, circuit] == pytest.approx(1)
        total, same = total + (heard**2).sum(), same + heard
    assert limits.squared_crosstalk(two, quiet) == pytest.approx([total, (same**2).sum()])


def test_equal_weights_are_as_derived_and_quiet_ones_in_between():
    table = limits.crosstalk_beside_floors(23, 4, [100, 300])
    for n_circuits, row in table.iterrows():
        sizes = {symbols.T: n_circuits, symbols.k: 2, symbols.r: 4, gated_theory.slots: 92}
        derived = float(evaluate(theory.equal_weights(), sizes))
        assert row["own", "equal"] == pytest.approx(derived, rel=0.03)
        for kind in ("own", "mean"):
            assert row[kind].floor < row[kind].codes < row[kind].quiet < row[kind].equal


def test_two_codes_of_all_points_hear_a_shared_mean_in_full(rng):
    """And one code of few hears hardly more than Welch's bound."""
    full = np.linalg.inv(limits.code_shares(draw_codes(5, 2, 25, rng)))
    assert full.sum() == pytest.approx(25**2)
    two = draw_codes(5, 2, 15, rng)
    same = TwoCodes((two.sets[0], two.sets[0]), two.n_slots)
    rank = np.linalg.matrix_rank(two.slots(0).matrix.toarray())
    best = (np.linalg.inv(limits.code_shares(same)).sum() / 15 - 1) / 14
    assert 1 <= best / floor(theory.read_floor(), 15, rank) < 1.1


@pytest.mark.parametrize("redundancy", [1, 4])
def test_a_network_is_no_better_than_the_floor(redundancy, rng):
    """One linear layer, two active, from embedding to reading; with one slot it is met."""
    circuits = limits.linear_circuits(400, 3, rng)
    large = GatedConstruction(redundancy=redundancy, quiet=redundancy > 1)
    prime = {1: 89, 4: 23}[redundancy]  # 89 and 92 slots
    two = draw_codes(prime, redundancy, 400, rng)
    codes = [SparseCode(slots[:, None], two.n_slots) for slots in two.sets]
    large = large.compress(circuits, rng, codes=(codes[0], codes[1]))
    found = measure_error(large, 2, 20_000, rng)["relative_mse"][1]
    least = floor(theory.layer_floor(), 400, two.n_slots)
    assert found > 0.95 * least
    heard = limits.squared_crosstalk(two, redundancy > 1)[0]
    assert found == pytest.approx((heard / 400 - 1) / 399, rel=0.1)
    assert (found < 1.1 * least) == (redundancy == 1)


def test_one_code_hears_less_of_a_shared_mean(rng):
    circuits = gated.with_mean(MLPCircuits.random(300, [4] * 4, rng), 0.5)
    table = limits.one_code_or_two(circuits, 23, 4, 2, rng)
    assert table["one code"][3] < table["two codes"][3] / 3


def states_at(parameters, widths, inputs):
    """All states of one circuit with these parameters, as one vector."""
    states, start = inputs, 0
    found = []
    for before, after in pairwise(widths):
        size = after * (before + 1)
        both = parameters[start : start + size].reshape(after, before + 1)
        start += size
        states = np.maximum(states @ both[:, :-1].T + both[:, -1], 0)
        found.append(states.ravel())
    return np.concatenate(found)


@pytest.mark.parametrize(("widths", "all_count"), [((3, 3, 2), True), ((2, 3, 2), False)])
def test_states_tell_all_parameters_unless_widths_grow(widths, all_count, rng):
    size = sum(b * (a + 1) for a, b in pairwise(widths))
    parameters, inputs = rng.uniform(0.5, 1.5, size), rng.uniform(0.5, 1.5, (9, widths[0]))
    steps = 1e-4 * np.eye(size)
    change = [
        (states_at(parameters + s, widths, inputs) - states_at(parameters - s, widths, inputs))
        for s in steps
    ]
    assert (np.linalg.matrix_rank(np.array(change) / 2e-4, tol=1e-6) == size) == all_count


def test_price_of_one_is_that_of_a_network(rng):
    circuits = MLPCircuits.random(49, [3, 3, 3], rng)
    large = GatedConstruction(redundancy=1).compress(circuits, rng).network
    sizes = {symbols.T: 49, symbols.d: 3}
    found = large.n_parameters / circuits.n_parameters
    assert found == pytest.approx(float(evaluate(theory.price_of_one(), sizes)))


def test_prices_by_width_are_counted_derived_and_above_the_bound(rng):
    table = limits.price_by_width(9, (1, 3), rng)
    assert table["width"].tolist() == [1, 3]
    np.testing.assert_allclose(table["measured"], table["derived"])
    assert (table["derived"] > table["bound"]).all()


def test_most_circuits_is_the_posts_law():
    T, D, M, k, m, d = symbols.T, symbols.D, symbols.M, symbols.k, symbols.m, symbols.d
    assert theory.most_circuits() == symbols.tolerance * M * D / ((k - 1) * m * d)
    at = {T: 1e9, D: 300, M: 500, k: 3, m: 2, d: 4}
    leading = float(evaluate(theory.layer_floor(), at))
    assert leading == pytest.approx(1e9 * 2 * 2 * 4 / (300 * 500), rel=1e-6)


@given(SEEDS, st.integers(1, 3), st.integers(2, 5))
def test_as_many_as_can_be_are_placed(seed, copies, n_active):
    """Against all ways to give active circuits a copy each."""
    places = Places.draw(6, 5, copies, np.random.default_rng(seed))
    found = places.assign(np.arange(n_active)[None])[0]
    taken = found[found >= 0]
    assert len(set(taken)) == len(taken)
    assert all(found[t] in {-1, *places.table[t]} for t in range(n_active))
    best = max(
        sum(place in places.table[t] for t, place in enumerate(order))
        for order in permutations(range(5), n_active)
    )
    assert len(taken) == best


def test_drawn_places_fail_no_more_often_than_bounded(rng):
    """One copy, two active: fails if two of 4 circuits have the same of 8 places."""
    fails = []
    for _ in range(400):
        places = Places.draw(4, 8, 1, rng)
        pairs = np.array([(t, u) for t in range(4) for u in range(t)])
        fails.append((places.assign(pairs) < 0).any())
    assert np.mean(fails) == pytest.approx(1 - 7 * 6 * 5 / 8**3, abs=0.08)
    assert unplaced_bound(4, 8, 1, 2) == pytest.approx(6 / 8)
    assert unplaced_bound(10**6, 400, 1, 100) == 1


@pytest.mark.parametrize(("n_circuits", "n_places", "n_active"), [(2209, 64, 16), (10**6, 800, 99)])
def test_fewer_copies_than_active_circuits_will_do(n_circuits, n_places, n_active):
    copies = copies_needed(n_circuits, n_places, n_active)
    sizes = {symbols.T: n_circuits, symbols.k: n_active, theory.places: n_places}
    enough = float(evaluate(theory.enough_copies(), sizes))
    assert copies <= np.ceil(enough) < n_active
    bracket = np.e**2 * n_circuits / n_active * (n_active / n_places) ** (enough - 1)
    assert bracket == pytest.approx(1 / 2)
    assert unplaced_bound(n_circuits, n_places, copies - 1, n_active) == 1
    assert copies_needed(n_circuits, n_places, 1) == 1


def test_placed_circuits_are_exact(rng):
    circuits = MLPCircuits.random(200, [3, 3, 3], rng)
    found = limits.placed_errors(circuits, Places.draw(200, 20, 3, rng), 5, 100, rng)
    assert found["unplaced"] == 0
    assert found["error"] < 1e-13
    one = limits.placed_errors(circuits, Places.draw(200, 5, 1, rng), 5, 100, rng)
    assert one["unplaced"] > 0.3
    assert one["error"] < 1e-13
    assert one["parameters"] < found["parameters"]


def test_places_are_refused():
    with pytest.raises(ValueError, match="table: wanted distinct places for each circuit, got"):
        Places(np.array([[1, 1]]), 3)
    with pytest.raises(ValueError, match=r"table: wanted entries from 0 to 2, got 1 to 3"):
        Places(np.array([[1, 3]]), 3)
    with pytest.raises(ValueError, match=r"copies: wanted .* the number of places"):
        Places.draw(3, 2, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"n_active: wanted .* the number of places"):
        copies_needed(100, 5, 6)
    with pytest.raises(ValueError, match=r"n_active: wanted .* the number of circuits"):
        unplaced_bound(4, 5, 2, 6)


def test_places_by_hand():
    """Three circuits, two copies each: 0 and 1, 0 and 1, 1 and 2."""
    places = Places(np.array([[0, 1], [1, 0], [1, 2]], np.uint8), np.int8(4))
    assert type(places.n_places) is int
    assert [places.members(place).tolist() for place in range(4)] == [[0, 1], [0, 1, 2], [2], []]
    found = places.assign([[0, 1, 2], [2, 1, 0]])
    assert found.dtype.kind == "i"
    assert found[0, 2] == found[1, 0] == 2
    assert sorted(found[0]) == sorted(found[1]) == [0, 1, 2]
    crowded = Places(np.array([[0], [0], [0]]), 2).assign(np.array([[0, 1, 2], [2, 1, 0]]))
    assert np.sort(crowded).tolist() == [[-1, -1, 0]] * 2
    with pytest.raises(
        ValueError, match=r"^active: wanted distinct circuits within a row, got \[1, "
    ):
        places.assign([[1, 1]])
    with pytest.raises(ValueError, match=r"^active: wanted entries from 0 to 2, got 0 to 3$"):
        places.assign([[0, 3]])


def test_places_are_drawn_distinct_and_uniform(rng):
    places = Places.draw(3000, 5, 2, rng)
    assert places.n_places == 5
    assert places.table.shape == (3000, 2)
    counts = np.bincount(places.table.ravel(), minlength=5)
    np.testing.assert_allclose(counts, 1200, atol=4.5 * np.sqrt(3000 * 0.4 * 0.6))
    assert sorted(Places.draw(1, 3, 3, rng).table[0]) == [0, 1, 2]
    for name in ("n_circuits", "n_places", "copies"):
        sizes = {"n_circuits": 2, "n_places": 3, "copies": 1, name: 0}
        with pytest.raises(ValueError, match=rf"^{name}: wanted at least 1, got 0$"):
            Places.draw(**sizes, rng=rng)
    with pytest.raises(ValueError, match=r"^copies: wanted at most 3, the number of places, got 4"):
        Places.draw(2, 3, 4, rng)
    with pytest.raises(TypeError, match=r"^rng: wanted"):
        Places.draw(2, 3, 1, 7)
    assert Places([[0, 1]], 2).table.dtype == np.intp
    with pytest.raises(ValueError, match=r"^n_places: wanted at least 1, got 0$"):
        Places(np.array([[0]]), 0)
    with pytest.raises(ValueError, match=r"^table: wanted shape \(circuits, copies\), got \(1,\)$"):
        Places([0], 1)
    with pytest.raises(
        ValueError, match=r"^table: wanted distinct places for each circuit, got a re"
    ):
        Places([[0, 1], [2, 2]], 3)
    with pytest.raises(
        ValueError, match=r"^table: wanted distinct places for each circuit, got a r"
    ):
        Places([[0, 1, 1]], 3)


def test_the_bound_on_failures_by_hand():
    """Σ_s C(T, s) C(G, s − 1) [C(s − 1, r) / C(G, r)]^s over r < s ≤ k."""

    def term(s, T, G, r):
        return comb(T, s) * comb(G, s - 1) * (comb(s - 1, r) / comb(G, r)) ** s

    for T, G, r, k in ((20, 30, 2, 5), (3, 40, 1, 3), (8, 50, 3, 4)):
        wanted = sum(term(s, T, G, r) for s in range(r + 1, k + 1))
        assert 0 < wanted < 1
        assert unplaced_bound(T, G, r, k) == pytest.approx(wanted, rel=1e-10)
    assert unplaced_bound(8, 50, 4, 4) == 0  # four circuits with four places each
    assert unplaced_bound(3, 2, 1, 3) == 1
    for sizes, message in {
        (3, 5, 2, 4): "^n_active: wanted at most 3, the number of circuits, got 4$",
        (3, 5, 6, 2): "^copies: wanted at most 5, the number of places, got 6$",
        (3, 5, 0, 2): "^copies: wanted at least 1, got 0$",
        (3, 5, 1, 0): "^n_active: wanted at least 1, got 0$",
    }.items():
        with pytest.raises(ValueError, match=message):
            unplaced_bound(*sizes)


def test_the_fewest_copies_are_the_first_whose_bound_is_below_one():
    for T, G, k in ((20, 6, 5), (20, 30, 5), (5, 5, 5), (1, 1, 1)):
        copies = copies_needed(T, G, k)
        assert unplaced_bound(T, G, copies, k) < 1
        assert all(unplaced_bound(T, G, r, k) == 1 for r in range(1, copies))
    with pytest.raises(
        ValueError, match=r"^n_active: wanted at most 5, the number of places, got 6$"
    ):
        copies_needed(100, 5, 6)


def test_the_floor_is_at_the_tolerance_where_it_says():
    at = {symbols.D: 50, symbols.M: 70, symbols.d: 2, symbols.m: 3, symbols.k: 4}
    most = evaluate(theory.most_under_floor(), {**at, symbols.tolerance: 0.2})
    assert most > np.sqrt(50 * 70 / 6)  # neurons of their own, without noise
    floor = evaluate(theory.layer_floor(), {**at, symbols.T: most})
    assert floor == pytest.approx(0.2)


def test_what_is_gained_is_most_circuits_over_private_ones():
    """By numbers: as many weights for each as there are, by circuits that fit."""
    sizes = {symbols.D: 4096, symbols.M: 9000, symbols.d: 8, symbols.m: 30, symbols.k: 5}
    sizes[symbols.tolerance] = 0.2
    most = float(evaluate(theory.most_circuits(), sizes))
    assert evaluate(theory.gain_over_private(), sizes) == pytest.approx(most / (9000 / 30))
    each = float(evaluate(theory.weights_per_weight(), sizes))
    assert each == pytest.approx(2 * 4096 * 9000 / (most * 2 * 8 * 30))
    assert each == pytest.approx(4 / 0.2)


@pytest.mark.parametrize("n_active", [2, 30, 400])
def test_the_gain_in_full_is_what_the_floor_allows(n_active):
    """Where D/d = M/m, and never less than private neurons."""
    sizes = {symbols.M: 7 * 10**5, symbols.m: 7, symbols.D: 10**5, symbols.d: 1}
    sizes |= {symbols.k: n_active, symbols.tolerance: 0.2}
    g = float(evaluate(theory.gain_over_private(), sizes))
    most = float(evaluate(theory.most_under_floor(), sizes))
    found = float(evaluate(theory.gain_in_full(), {theory.leading_gain: g}))
    assert found == pytest.approx(most / 10**5, rel=1e-3)
    assert found >= 1
