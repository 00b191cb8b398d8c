"""Two codes from one plane: every step of why one circuit alone is exact, and what others hear."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superposition import MLPCircuits
from superposition.maps import TwoCodes, draw_codes
from superposition.packings import plane_lines
from superposition.predict.gated import coupling, crosstalk, gated_law
from superposition.readers import RIDGE, reading_weights
from superposition.theory import gated, symbols
from superposition.theory.derivation import evaluate

PRIMES = [2, 3, 5, 7]
PLANES = [(q, r) for q in PRIMES for r in range(1, (q + 1) // 2 + 1)]
# loads all alike, few circuits, a full plane, vertical lines among the slots, one slot each
GEOMETRIES = [(13, 3, 130), (29, 6, 377), (17, 2, 102), (7, 4, 49), (11, 3, 121), (23, 1, 230)]
QUIET = pytest.mark.parametrize("quiet", [False, True])


def members(sets, n_slots):
    """0/1, (T, n_slots)."""
    carried = np.zeros((len(sets), n_slots), int)
    carried[np.arange(len(sets))[:, None], sets] = 1
    return carried


def drawn(q, r, n_circuits=None, seed=0):
    return draw_codes(q, r, n_circuits or q * q, np.random.default_rng(seed))


def test_lines_by_hand():
    """Over 3, points in the order of x: slope 0 is y, slope 1 is y − x, the last is x."""
    wanted = [
        [0, 3, 6, 9],
        [1, 4, 7, 9],
        [2, 5, 8, 9],
        [0, 5, 7, 10],
        [1, 3, 8, 10],
        [2, 4, 6, 10],
        [0, 4, 8, 11],
        [1, 5, 6, 11],
        [2, 3, 7, 11],
    ]
    np.testing.assert_array_equal(plane_lines(3, 4), wanted)
    np.testing.assert_array_equal(plane_lines(3, 2), np.array(wanted)[:, :2])


@pytest.mark.parametrize("q", PRIMES)
def test_two_points_are_on_one_common_line_of_all_slopes(q):
    """So of fewer slopes on one at most, and a point's own line of each slope is one of q."""
    lines = plane_lines(q, q + 1)
    assert lines.shape == (q * q, q + 1)
    np.testing.assert_array_equal(lines // q, np.tile(np.arange(q + 1), (q * q, 1)))
    for a, b in combinations(lines.tolist(), 2):
        assert len(set(a) & set(b)) == 1


@pytest.mark.parametrize("q", PRIMES)
def test_lines_of_two_slopes_have_one_point_in_common(q):
    on = members(plane_lines(q, q + 1), q * (q + 1))
    common = on.T @ on
    for line, other in np.ndindex(common.shape):
        if line // q != other // q:
            assert common[line, other] == 1
        elif line != other:
            assert common[line, other] == 0


@pytest.mark.parametrize("q", PRIMES)
def test_the_first_points_load_all_lines_alike(q):
    """But for vertical ones, which they fill one by one."""
    lines = plane_lines(q, q + 1)
    for n in range(1, q * q + 1):
        load = np.bincount(lines[:n].ravel(), minlength=q * (q + 1))
        assert np.ptp(load[:-q]) <= 1
        assert np.count_nonzero(load[-q:] == q) == n // q


@pytest.mark.parametrize(("q", "r"), PLANES)
def test_circuits_that_share_a_slot_where_written_share_none_where_read(q, r):
    """And never two slots: for all numbers of circuits, all their pairs, both ways."""
    for n in range(1, q * q + 1):
        even, odd = drawn(q, r, n, seed=n).sets
        assert even.shape == odd.shape == (n, r)
        shared = [members(sets, r * q) @ members(sets, r * q).T for sets in (even, odd)]
        for one in shared:
            np.testing.assert_array_equal(one.diagonal(), r)
        both = sum(shared) - 2 * r * np.eye(n, dtype=int)
        assert both.max() <= 1


@pytest.mark.parametrize(("q", "r"), PLANES)
def test_slots_of_two_codes_have_one_point_in_common(q, r):
    """In a full plane exactly one; of fewer circuits at most one."""
    even, odd = (members(sets, r * q) for sets in drawn(q, r).sets)
    np.testing.assert_array_equal(even.T @ odd, 1)
    even, odd = (members(sets, r * q) for sets in drawn(q, r, q * q - q + 1).sets)
    assert set(np.unique(even.T @ odd)) <= {0, 1}


@given(
    plane=st.sampled_from([*PLANES, (11, 5), (11, 6), (13, 4)]),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_circuits_are_different_points_and_load_slots_alike(plane, share, seed):
    (q, r), n = plane, max(1, int(share * plane[0] ** 2))
    two = drawn(q, r, n, seed)
    assert len({(*a, *b) for a, b in zip(*(sets.tolist() for sets in two.sets), strict=True)}) == n
    assert two.n_slots == q * r
    for sets in two.sets:
        assert sets.min() >= 0
        load = np.bincount(sets.ravel(), minlength=two.n_slots)
        assert len(load) == two.n_slots
        if 2 * r <= q:
            assert np.ptp(load) <= 1


def test_with_vertical_lines_among_the_slots_points_are_drawn_from_all():
    """The first points would fill vertical lines: ten of 49 with 2r = 8 slopes are anywhere."""
    loads = [np.bincount(drawn(7, 4, 10, seed).sets[1][:, 3] - 21, minlength=7) for seed in (1, 2)]
    assert all(np.count_nonzero(load) > 3 for load in loads)


def test_codes_of_two_draws_differ():
    for n in (20, 49):
        first, second = (drawn(7, 2, n, seed) for seed in (1, 2))
        assert (first.sets[0] != second.sets[0]).any()
        np.testing.assert_array_equal(first.sets[0], drawn(7, 2, n, 1).sets[0])


def test_the_places_of_entries_and_gates_by_hand():
    """Width 2, three slots, one for each of two circuits: blocks 0 and 3, gates at 6 and at 9."""
    two = TwoCodes((np.array([[0], [2]]), np.array([[1], [0]])), 3)
    assert two.size(2) == 12
    assert [two.gates(layer, 2) for layer in range(3)] == [slice(6, 9), slice(9, 12), slice(6, 9)]
    cases = [
        (two.state(0, 2), [[0, 3, 6], [2, 5, 8]]),
        (two.state(1, 2), [[1, 4, 10], [0, 3, 9]]),
        (two.state(2, 2), [[0, 3, 6], [2, 5, 8]]),
        (two.entries(0, 2), [[0, 3], [2, 5]]),
        (two.entries(1, 2), [[1, 4], [0, 3]]),
        (two.input_map(2), [[0, 3, 6, 10], [2, 5, 8, 9]]),
    ]
    for code, wanted in cases:
        np.testing.assert_array_equal(code.slots[..., 0], wanted)
        assert code.size == 12
    np.testing.assert_array_equal(two.slots(3).slots[..., 0], [[1], [0]])
    assert two.slots(3).size == 3


# weights by which slots are read


def test_quiet_weights_by_hand():
    """Circuits {0, 1} and {1, 2}, both on slots 0 and 1 of the other code, nobody elsewhere.

    The shortest weights that read one circuit and not the other: (2, 1, −1)/3 and (−1, 1, 2)/3,
    columns of own^T (own own^T)^-1. Equal ones read half of each other's.
    """
    two = TwoCodes((np.array([[0, 1], [1, 2]]), np.array([[0, 1], [0, 1]])), 4)
    quiet, plain = (
        list(reading_weights(two.slots(0), two.slots(1), quiet)) for quiet in (True, False)
    )
    assert [slot for slot, _, _ in quiet] == [0, 1, 2, 3]
    for slot in (0, 1):
        np.testing.assert_array_equal(quiet[slot][1], [0, 1])
        wanted = np.array([[2, -1], [1, 1], [-1, 2], [0, 0]]) / 3
        np.testing.assert_allclose(quiet[slot][2], wanted, atol=1e-14)
        np.testing.assert_array_equal(plain[slot][2], [[0.5, 0], [0.5, 0.5], [0, 0.5], [0, 0]])
    for slot in (2, 3):
        assert quiet[slot][2].shape == plain[slot][2].shape == (4, 0)


@pytest.mark.parametrize("layer", [0, 1, 4])
@pytest.mark.parametrize(("q", "r", "n"), [(7, 2, 30), (11, 4, 60), (5, 3, 20), (13, 6, 168)])
def test_circuits_on_a_slot_are_read_exactly(q, r, n, layer):
    """own · C = 1, the constraint that makes quiet weights exact, and of plain ones a fact."""
    two = drawn(q, r, n)
    read = members(two.sets[layer % 2], two.n_slots)
    written = members(two.sets[(layer + 1) % 2], two.n_slots)
    for quiet in (False, True):
        for slot, on, weights in reading_weights(two.slots(layer), two.slots(layer + 1), quiet):
            np.testing.assert_array_equal(np.sort(on), np.flatnonzero(written[:, slot]))
            np.testing.assert_allclose(read[on] @ weights, np.eye(len(on)), atol=1e-12)
            if not quiet:
                np.testing.assert_allclose(weights, read[on].T / r)


@pytest.mark.parametrize(("q", "r", "n"), [(7, 2, 30), (11, 4, 60)])
def test_no_other_weights_that_read_exactly_hear_less(q, r, n, rng):
    """Σ over all circuits of what is heard, squared, plus noise: least, in all directions."""
    two = drawn(q, r, n)
    read = members(two.sets[0], two.n_slots).astype(float)
    least = read.T @ read + RIDGE * n / q * np.eye(two.n_slots)  # a slot carries n/q on average

    def heard(weights):
        return np.trace(weights.T @ least @ weights)

    plain = [weights for _, _, weights in reading_weights(two.slots(0), two.slots(1), False)]
    for slot, on, weights in reading_weights(two.slots(0), two.slots(1), True):
        assert heard(weights) < heard(plain[slot])
        free = rng.standard_normal(weights.shape)
        free -= np.linalg.pinv(read[on]) @ read[on] @ free  # leaves what is read as it is
        for size in (-1, -1e-4, 1e-4, 1):
            assert heard(weights + size * free) > heard(weights)


@pytest.mark.parametrize(("q", "r", "n"), [(7, 1, 30), (5, 2, 25), (5, 3, 25)])
def test_with_one_slot_or_in_a_full_plane_equal_weights_are_quiet(q, r, n):
    two = drawn(q, r, n)
    quiet, plain = (
        list(reading_weights(two.slots(1), two.slots(2), quiet)) for quiet in (True, False)
    )
    for a, b in zip(quiet, plain, strict=True):
        np.testing.assert_array_equal(a[2], b[2])


def test_circuits_on_the_same_slots_of_both_codes_cannot_be_told_apart():
    sets = np.array([[0, 1], [2, 3], [0, 1]])
    two = TwoCodes((sets, sets), 4)
    message = "codes: wanted two in which circuits that share a slot can be told apart"
    with pytest.raises(ValueError, match=f"^{message}$"):
        list(reading_weights(two.slots(0), two.slots(1), True))
    for slot, _, _ in reading_weights(two.slots(0), two.slots(1), False):
        assert slot < 4


# what is heard of others


def slow_crosstalk(two, quiet):
    """One slot, one circuit on it, one elsewhere at a time."""
    ways = []
    for layer in (0, 1):
        read, written = (two.sets[i].tolist() for i in (layer, 1 - layer))
        n, r = len(read), len(read[0])
        pairs = [(t, u) for t in range(n) for u in range(n) if t != u]
        common = sum(len(set(written[t]) & set(written[u])) for t, u in pairs)
        sums, averages, spread = np.zeros(4), np.zeros((2, n, n)), 0.0
        for slot, on, weights in reading_weights(two.slots(layer), two.slots(layer + 1), quiet):
            for t in on:
                spread += sum(weights[p, list(on).index(t)] ** 2 for p in read[t]) / (n * r)
                for u in set(range(n)) - set(on.tolist()):
                    parts = [sum(weights[p, i] for p in read[u]) for i in range(len(on))]
                    squares = [weights[p, i] ** 2 for p in read[u] for i in range(len(on))]
                    share = len(set(read[t]) & set(read[u])) / r
                    own = sum(part**2 for v, part in zip(on, parts, strict=True) if v != t)
                    sums += [1, own, (sum(parts) - share) ** 2, sum(squares) - share**2]
                    averages[:, t, u] += [(sum(parts) - share) / r, parts[list(on).index(t)] / r]
            assert slot < two.n_slots
        count, own, mean, noise = sums
        average, itself = r * (averages**2).sum(axis=(1, 2)) / count
        shared = common / (r * len(pairs))
        ways.append(
            [own / count, mean / count, average, itself, noise / count, spread - 1 / r, shared]
        )
    return np.mean(ways, axis=0)


@QUIET
@pytest.mark.parametrize(("q", "r", "n"), [(5, 2, 13), (5, 3, 18), (7, 3, 21), (5, 1, 11)])
def test_crosstalk_is_what_loops_count(q, r, n, quiet):
    two = drawn(q, r, n, seed=3)
    found = list(vars(crosstalk(two, quiet)).values())
    np.testing.assert_allclose(found, slow_crosstalk(two, quiet), rtol=1e-9, atol=1e-13)


def chances(q, r, n):
    values = {symbols.T: n, symbols.r: r, gated.slots: q * r}
    shared = float(evaluate(gated.slot_shared(), values))
    values[gated.shared] = shared
    values[gated.chance] = float(evaluate(gated.slots_meet(), values))
    return values, shared, float(values[gated.chance])


def closed(expression, values, own, mean):
    return float(evaluate(expression, {**values, gated.own2: own, gated.mean2: mean}))


@pytest.mark.parametrize(("q", "r", "n"), GEOMETRIES[:3] + GEOMETRIES[4:])
def test_own_parts_are_heard_as_derived_exactly(q, r, n):
    """ϱ and γ count pairs of slots: no approximation where loads are equal.

    (eq-slots-meet) is for slots shared by neither circuit, a share 1 − 2γ of all pairs of them;
    crosstalk asks only that the slot written to is not: a share 1 − γ.
    """
    values, shared, _ = chances(q, r, n)
    heard = crosstalk(drawn(q, r, n), False)
    slot = closed(gated.slot_crosstalk(), values, 1, 0)
    assert heard.shared == pytest.approx(shared, rel=1e-9)
    assert heard.own == pytest.approx(slot * (1 - 2 * shared) / (1 - shared), rel=1e-9)
    assert heard.noise == pytest.approx(heard.own, rel=1e-9)
    assert heard.itself == pytest.approx(shared / r / (1 - shared), rel=1e-9)
    assert heard.spread == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("q", "r", "n"), GEOMETRIES[:3] + GEOMETRIES[4:])
def test_the_mean_is_heard_as_derived(q, r, n):
    """Within 5 %, from independent meetings; exactly in a full plane and with one slot each.

    Of r² pairs of slots of two circuits that share one where read (or written), r cannot meet;
    so the square over r slots is that of r² pairs, with 1 − 2rγ, or of r² − r.
    """
    values, shared, chance = chances(q, r, n)
    heard = crosstalk(drawn(q, r, n), False)

    def square(pairs):
        return pairs * chance * (1 - chance) + (pairs * chance) ** 2

    assert closed(gated.slot_crosstalk(), values, 0, 1) == pytest.approx(square(r) / r**2)
    assert closed(gated.circuit_crosstalk(), values, 0, 1) == pytest.approx(square(r * r) / r**4)
    past = square(r * r - r) / r**4
    assert closed(gated.crosstalk_past_shared(), values, 0, 1) == pytest.approx(past)
    once = r * shared / (1 - shared)
    slot = ((1 - once) * square(r) + once * square(r - 1)) / r**2
    within = 1e-9 if r == 1 or n == q * q else 0.05
    assert heard.mean == pytest.approx(slot, rel=within)
    average = added(values, 0, 1) / (1 - shared)
    assert heard.mean_average == pytest.approx(average, rel=within)


def added(values, own, mean):
    """(eq-gated-noise) for one other, of which nothing is heard on shared slots."""
    values = values | {symbols.k: 2, gated.own2: own, gated.mean2: mean, gated.joined2: 0}
    values[gated.crosstalk2] = float(evaluate(gated.circuit_crosstalk(), values))
    values[gated.crosstalk_past2] = float(evaluate(gated.crosstalk_past_shared(), values))
    return float(evaluate(gated.new_error(), values))


@pytest.mark.parametrize(("q", "r"), [(7, 4), (7, 2), (11, 6)])
def test_a_mean_is_heard_in_a_full_plane_as_derived_also_where_slopes_are_few(q, r):
    """Every pair of circuits shares a slot of one of q + 1 slopes: 2r of them are used."""
    heard = crosstalk(drawn(q, r, q * q), False)
    values, shared, _ = chances(q, r, q * q)
    assert added(values, 0, 1) == pytest.approx((1 - shared) * heard.mean_average, rel=1e-9)
    assert added(values, 1, 0) == pytest.approx((1 - shared) * heard.own / r, rel=1e-9)


@pytest.mark.parametrize(("q", "r", "n"), [*GEOMETRIES, (19, 4, 300), (11, 5, 60)])
def test_quiet_weights_hear_less(q, r, n):
    """Of others' own parts, and of their mean; at a full plane and with one slot each as much."""
    quiet, plain = (crosstalk(drawn(q, r, n), quiet) for quiet in (True, False))
    assert quiet.own <= plain.own * (1 + 1e-12)
    assert quiet.mean <= plain.mean * (1 + 1e-12)
    assert quiet.shared == plain.shared
    if r > 1 and n < q * q:
        assert quiet.own < 0.95 * plain.own


def test_of_more_than_four_hundred_circuits_some_are_listened_to():
    """Equal loads: the exact count for all of them, within one percent."""
    values, shared, _ = chances(31, 4, 620)
    wanted = closed(gated.slot_crosstalk(), values, 1, 0) * (1 - 2 * shared) / (1 - shared)
    assert crosstalk(drawn(31, 4, 620), False).own == pytest.approx(wanted, rel=0.01)


def test_a_lone_circuit_hears_nothing():
    heard = crosstalk(drawn(5, 2, 1), True)
    assert not any(vars(heard).values())


def test_the_first_layers_law_is_the_derived_one(rng):
    """What comes in is passed on, (eq-gated-noise) is added."""
    moments = MLPCircuits.random(116, [4, 4], rng).moments(rng)
    two = drawn(29, 4, 116)
    heard = crosstalk(two, False), coupling(two, False)
    values, _, _ = chances(29, 4, 116)
    values |= {gated.own2: moments.own2[0], gated.mean2: moments.arrived[1, 2, 2]}
    values |= {gated.crosstalk2: float(evaluate(gated.circuit_crosstalk(), values))}
    values |= {gated.crosstalk_past2: float(evaluate(gated.crosstalk_past_shared(), values))}
    for n_active in (2, 3):
        values |= {symbols.k: n_active, gated.joined2: moments.arrived[1, 0, 0]}
        law = gated_law(moments, *heard, 4, n_active)["mse"]
        added = law[1] - moments.growth[0] * law[0]
        assert added == pytest.approx(float(evaluate(gated.new_error(), values)), rel=0.1)


def slow_coupling(two, quiet):
    """One pair of circuits at a time, from weights between single slots."""
    n, r = len(two.sets[0]), len(two.sets[0][0])
    pairs = [(t, u) for t in range(n) for u in range(n) if t != u]
    small, ways = [{}, {}], []
    for layer in (0, 1):
        read, written = (two.sets[i].tolist() for i in (layer, 1 - layer))
        by_slot = {
            slot: (list(on), w)
            for slot, on, w in reading_weights(two.slots(layer), two.slots(layer + 1), quiet)
        }
        for t, u in pairs:
            through = unheard = own = 0.0
            for i in set(written[t]) - set(written[u]):
                on, weights = by_slot[i]
                for j in read[u]:
                    through += weights[j].sum() / r
                    if j in read[t]:
                        unheard -= weights[j].sum() / r
                    else:
                        own += weights[j, on.index(t)] / r
            shared = len(set(read[t]) & set(read[u])) / r
            small[layer][t, u] = shared, through, unheard, own
    for i in (0, 1):
        rows = []
        for pair in pairs:
            here, there = small[i][pair], small[1 - i][pair]
            rows.append([here[0], here[1], there[1], here[2], there[2], here[3] ** 2])
        ways.append(np.array(rows))
    rows = np.concatenate(ways)
    squares = rows[:, :5].T @ rows[:, :5] / len(rows)
    return squares, rows[:, :5].mean(axis=0), rows[:, 5].mean()


@QUIET
@pytest.mark.parametrize(("q", "r", "n"), [(5, 2, 13), (5, 3, 18), (7, 3, 21), (5, 1, 11)])
def test_coupling_is_what_loops_count(q, r, n, quiet):
    two = drawn(q, r, n, seed=3)
    found, wanted = coupling(two, quiet), slow_coupling(two, quiet)
    np.testing.assert_allclose(found.squares, wanted[0], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found.means, wanted[1], rtol=1e-9, atol=1e-13)
    assert found.own_bias == pytest.approx(wanted[2], rel=1e-9)


def test_of_more_than_four_hundred_circuits_some_are_coupled():
    """Within a few percent: no two of them hear the same, but all are alike."""
    two = drawn(23, 4, 529)
    found = coupling(two, False)
    heard = crosstalk(two, False)
    assert found.squares[0, 0] == pytest.approx(heard.shared / 4, rel=0.05)
    assert found.means[0] == pytest.approx(heard.shared, rel=0.05)


def test_a_lone_circuit_is_coupled_to_nobody():
    found = coupling(drawn(5, 2, 1), True)
    assert not found.squares.any()
    assert not found.means.any()


# refusals

REFUSED = [
    (lambda: plane_lines(4, 2), ValueError, "q: wanted a prime, got 4"),
    (lambda: plane_lines(1, 1), ValueError, "q: wanted a prime, got 1"),
    (lambda: plane_lines(0, 1), ValueError, "q: wanted at least 1, got 0"),
    (lambda: plane_lines(5.0, 2), TypeError, "q: wanted a whole number, got 5.0"),
    (
        lambda: plane_lines(3, 5),
        ValueError,
        "n_slopes: wanted at most 4, the slopes of the plane over 3, got 5",
    ),
    (lambda: plane_lines(3, 0), ValueError, "n_slopes: wanted at least 1, got 0"),
    (
        lambda: drawn(5, 2, 26),
        ValueError,
        "n_circuits: wanted at most 25, the points of the plane over 5, got 26",
    ),
    (lambda: drawn(3, 3, 4), ValueError, "n_slopes: wanted at most 4, .* plane over 3, got 6"),
    (lambda: drawn(5, 0, 4), ValueError, "redundancy: wanted at least 1, got 0"),
    (lambda: drawn(5, 1.5, 4), TypeError, "redundancy: wanted a whole number, got 1.5"),
    (lambda: drawn(5, 1, -1), ValueError, "n_circuits: wanted at least 1, got -1"),
    (lambda: drawn(6, 1, 4), ValueError, "q: wanted a prime, got 6"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_no_plane_offers_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_codes_are_drawn_from_the_plane_word_for_word(rng):
    two = draw_codes(3, 2, 5, rng, np.float32)
    assert two.n_slots == 6
    assert two.dtype == np.float32
    places = two.state(0, 1), two.entries(1, 2), two.input_map(2), two.slots(1)
    assert all(code.dtype == np.float32 for code in places)
    assert [code.size for code in places] == [18, 24, 24, 6]
    assert all(((sets // 3) == [0, 1]).all() for sets in two.sets)
    assert draw_codes(3, 1, 1, rng).dtype == np.float64
    with pytest.raises(
        ValueError, match="n_circuits: wanted at most 9, the points of the plane ov"
    ):
        draw_codes(3, 1, 10, rng)
    with pytest.raises(
        ValueError, match="n_slopes: wanted at most 4, the slopes of the plane over 3"
    ):
        draw_codes(3, 3, 1, rng)
    with pytest.raises(ValueError, match=r"^redundancy: wanted at least 1, got 0$"):
        draw_codes(3, 0, 1, rng)
