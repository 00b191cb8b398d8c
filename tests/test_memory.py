"""Sizes that cannot fit are refused before anything large is allocated, and told what would fit."""

import re
import tracemalloc
from dataclasses import replace
from unittest import mock

import numpy as np
import pandas  # noqa: F401 - loaded where it is used, which would count as memory
import psutil
import pytest
from sympy import nextprime

from companion._places import Places
from superposition import (
    ChainConstruction,
    GatedConstruction,
    GatedResidualConstruction,
    GaussianCode,
    MLPCircuits,
    MLPConstruction,
    ResidualCircuits,
    ResidualConstruction,
    SparseCode,
    _memory,
    measure_error,
    rotation_circuits,
    superpose,
)
from superposition.chain_maps import plane_chains
from superposition.maps import draw_codes, draw_stream_codes
from superposition.packings import packing, plane_lines
from superposition.readers import reading_weights

MB = 10**6
RNG = np.random.default_rng(0)
MLPS = MLPCircuits.random(40, [4, 3, 5, 4], RNG)
ROTATIONS = rotation_circuits(30, 3, RNG)
RESIDUAL = ResidualCircuits.random(30, 4, 6, 3, RNG)
LARGE = GatedConstruction().compress(MLPCircuits.random(500, [2, 2], RNG), RNG)


@pytest.fixture(autouse=True)
def _what_is_small_is_checked_too(monkeypatch):
    monkeypatch.setattr(_memory, "_SMALL", 0)
    _memory.reuse_freed_memory()  # once per process: not to be counted in what a call allocates


def free(megabytes):
    """While only so much is free."""
    return mock.patch.object(_memory, "free_memory", return_value=megabytes * MB)


def rng():
    return np.random.default_rng(1)


def mlps(n):
    return MLPCircuits.random(n, [4, 3, 4], rng())


def residual(n):
    return ResidualCircuits.random(n, 4, 6, 2, rng())


def compressed(construction):
    return lambda circuits: construction.compress(circuits, rng())


# What is made of a size beforehand, what is called with that, and a size that is far too large.
SIZES = {
    "mlp": (int, lambda n: MLPConstruction(n, 3).compress(ROTATIONS, rng()), 10**6),
    "mlp, a layer": (
        int,
        lambda n: MLPConstruction(n, 3).compress(rotation_circuits(9, 1, rng()), rng()),
        10**6,
    ),
    "gated": (mlps, compressed(GatedConstruction(quiet=False)), 10**4),
    "gated, redundant": (mlps, compressed(GatedConstruction(redundancy=3)), 10**4),
    "gated, float32": (
        lambda n: mlps(n).astype(np.float32),
        compressed(GatedConstruction(redundancy=2)),
        10**4,
    ),
    "chains": (mlps, compressed(ChainConstruction(2)), 10**4),
    "chains of buckets": (mlps, compressed(ChainConstruction(2, buckets=5)), 10**4),
    "streams": (residual, compressed(GatedResidualConstruction()), 10**4),
    "streams, redundant": (residual, compressed(GatedResidualConstruction(None, 2, 3)), 10**4),
    "streams, sparing": (residual, compressed(GatedResidualConstruction(sparing=True)), 10**4),
    "mlp circuits": (int, lambda n: MLPCircuits.random(n, [4, 6, 2], rng()), 10**12),
    "residual circuits": (int, lambda n: ResidualCircuits.random(n, 4, 8, 3, rng()), 10**12),
    "rotations": (int, lambda n: rotation_circuits(n, 4, rng()), 10**12),
    "gaussian": (int, lambda n: GaussianCode.draw(n, 5, 100, rng()), 10**12),
    "gaussian, free": (
        int,
        lambda n: GaussianCode.draw(n, 5, 100, rng(), orthonormal=False),
        10**9,
    ),
    "random": (int, lambda n: SparseCode.draw("random", n, 5, 1000, 4, rng()), 10**12),
    "private": (int, lambda n: SparseCode.private(n, 5, 4), 10**12),
    "places": (int, lambda n: Places.draw(n, 50, 4, rng()), 10**12),
    "runs": (int, lambda n: packing("prime_step", n, 4), 10**12),
    "runs of five": (int, lambda n: packing("prime_step", n, 5), 10**12),
    "runs of two": (int, lambda n: packing("prime_step", n, 2), 10**12),
    "runs of one": (int, lambda n: packing("prime_step", n, 1), 10**12),
    "errors": (int, lambda n: measure_error(LARGE, 2, n, rng()), 10**12),
    "moments": (int, lambda n: MLPS.moments(rng(), n_samples=n), 10**12),
    "residual moments": (int, lambda n: RESIDUAL.moments(rng(), n_samples=n), 10**12),
}


def refused(call, *arguments):
    """The message; next to nothing was allocated."""
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError) as error:
            call(*arguments)
        assert tracemalloc.get_traced_memory()[1] < MB / 5
    finally:
        tracemalloc.stop()
    return str(error.value)


def peak(call, *arguments):
    """Bytes allocated at once."""
    tracemalloc.start()
    try:
        call(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def suggested(message):
    """The last number of the message."""
    form = r"[\w, ]+: wanted .* free memory, got one of .*; (.*) would fit"
    numbers = re.findall(r"[\d,]*\d", re.fullmatch(form, message)[1])
    return int(numbers[-1].replace(",", ""))


@pytest.mark.parametrize("name", SIZES)
def test_what_would_fit_does_and_one_more_does_not(name):
    """And what is counted is what is allocated, about."""
    make, call, size = SIZES[name]
    far_too_large = make(size)
    with free(2):
        fits = suggested(refused(call, far_too_large))
    assert 1 < fits < size
    allowed, too_large = make(fits), make(fits + 1)
    with free(2):
        assert 0.5 < peak(call, allowed) / (2 * MB) < 1.5
        assert suggested(refused(call, too_large)) == fits


WITHIN = {
    "gated": (mlps, lambda n: GatedConstruction(n, 2), "width"),
    "chains": (mlps, lambda n: ChainConstruction(2, n), "width"),
    "streams": (residual, lambda n: GatedResidualConstruction(n, 2), "stream_width"),
}


@pytest.mark.parametrize("name", WITHIN)
def test_of_a_width_that_does_not_fit_the_largest_that_does_is_named(name):
    make, sized, argument = WITHIN[name]
    few = make(20)
    with free(2):
        message = refused(sized(50_000).compress, few, rng())
        found = re.match(rf"{argument}: .*; a width of ([\d,]+), for ([\d,]+) circ", message)
        width, holds = (int(number.replace(",", "")) for number in found.groups())
        sized(width).compress(few, rng())
        widths = few.width if name == "streams" else few.widths
        assert sized(width).holds(widths) == holds
        larger = nextprime(round(holds**0.5)) * sized(width)._plane(widths)[1]
        assert f"a width of {width:,}, for" in refused(sized(larger).compress, few, rng())
        sized(larger - 1).compress(few, rng())


def test_buckets_name_a_width_that_does():
    many, construction = mlps(3000), ChainConstruction(2, 3000, buckets=5)
    with free(2):
        message = refused(construction.compress, many, rng())
        width, holds = (int(n) for n in re.findall(r"width of (\d+), for (\d+) circ", message)[0])
        least = replace(construction, width=width)
        assert least.holds(many.widths) == holds
        least.compress(mlps(holds), rng())
        refused(construction.compress, mlps(holds + 1), rng())


def test_streams_and_neurons_shrink_in_proportion():
    circuits = residual(30)
    with free(10):
        message = refused(ResidualConstruction(10**6, 2 * 10**6, 3).compress, circuits, rng())
        width = suggested(message) // 2
        assert f"a stream width of {width} with {2 * width} neurons would fit" in message
        allowed, too_wide = (ResidualConstruction(n, 2 * n, 3) for n in (width, width + 1))
        assert 0.8 < peak(allowed.compress, circuits, rng()) / (10 * MB) < 1.2
        assert suggested(refused(too_wide.compress, circuits, rng())) == 2 * width


def test_many_circuits_need_more_than_a_narrow_network():
    """Their directions, before and while they are made orthonormal."""
    circuits, narrow = residual(20_000), ResidualConstruction(30, 40, 3)
    with free(50):
        message = refused(narrow.compress, circuits, rng())
        assert message.endswith("a stream width of 20 with 27 neurons would fit")
        ResidualConstruction(20, 27, 3).compress(circuits.take(np.arange(10)), rng())
    code = 20_000 * 5 * 20 * 8
    assert 3 * code <= 50 * MB < 3 * code * 21 / 20


def test_neurons_that_many_circuits_read_with_are_counted_by_hand():
    """5 matrices; 3 entries and 16 neurons of each circuit read the stream."""
    circuits = ResidualCircuits.random(5_000, 2, 16, 2, rng())
    with free(4):
        message = refused(ResidualConstruction(40, 40, 3).compress, circuits, rng())
    width = suggested(message)

    def needs(width):
        return 8 * (5 * width**2 + 5_000 * (3 + 16) * width)

    assert needs(width) <= 4 * MB < needs(width + 1)
    with free(4):
        message = refused(ResidualConstruction(1000, 500, 3).compress, circuits.take([0]), rng())
    assert message == (
        "stream_width, n_neurons: wanted a network that fits in 4.0 MB of free memory, got one of "
        "20.2 MB (2 layers of 1,000 × 1,000 float64); a stream width of 442 with 221 neurons would "
        "fit"
    )
    with free(4):
        single = circuits.take([0]).astype(np.float32)
        message = refused(ResidualConstruction(1000, 500, 3).compress, single, rng())
    assert "10.1 MB (2 layers of 1,000 × 1,000 float32)" in message
    assert 8 * (5 * 442 * 221 + 19 * 442) <= 4 * MB < 8 * (5 * 443 * 222 + 19 * 443)


def test_an_mlps_layers_are_counted_by_hand():
    """Of two layers two more are made at once; numbers of single precision take half."""
    circuits = rotation_circuits(9, 2, rng())
    with free(2):
        double = suggested(refused(MLPConstruction(10**5, 3).compress, circuits, rng()))
        circuits = circuits.astype(np.float32)
        single = suggested(refused(MLPConstruction(10**5, 3).compress, circuits, rng()))
    for item, width in ((8, double), (4, single)):
        assert item * (2 + 2) * width**2 <= 2 * MB < item * (2 + 2) * (width + 1) ** 2


def test_given_codes_are_counted_too():
    """Nothing has to be drawn to see that they take too much."""
    few, stacks = mlps(20), residual(20)
    two = draw_codes(101, 1, 20, rng())
    codes = two.slots(0), two.slots(1)
    streams = draw_stream_codes(101, 1, 1, 20, rng())
    both, chained = (streams.stream, streams.neurons), plane_chains(101, 2, 20, rng())
    with free(2):
        message = refused(lambda: GatedConstruction().compress(few, rng(), codes=codes))
        assert re.search(r"^codes: .*\(2 layers of 606 × 606 float64\); codes of 52 slots", message)
        message = refused(lambda: ChainConstruction(2).compress(few, rng(), codes=chained))
        assert re.search(r"^codes: .*2 layers of 1,212 × 1,212.*; codes of 52 slots", message)
        message = refused(lambda: GatedResidualConstruction().compress(stacks, rng(), codes=both))
        assert re.search(r"^codes: .*; codes of 25 slots of the stream would", message)
    # 2 layers of 5 · 6 n² weights, and one more; 3 + 4 of 2 M D, where M = 8 n and D = 6 n
    assert 8 * (2 * 30 + 30) * 52**2 <= 2 * MB < 8 * (2 * 30 + 30) * 53**2
    assert 8 * 7 * 2 * 8 * 6 * 19**2 <= 2 * MB < 8 * 7 * 2 * 8 * 6 * 20**2


OTHERS = {
    "superpose": lambda: superpose(WIDE, np.ones((30, 4, 4)), WIDE),
    "superpose, dense": lambda: superpose(WIDE, np.ones((30, 4, 4)), DENSE),
    "superpose, into dense": lambda: superpose(DENSE, np.ones((30, 4, 4)), WIDE),
    "plane": lambda: plane_lines(10007, 3),
    "points": lambda: packing("finite_plane", 10**6, 3),
    "read": lambda: MANY.decode_all(STATES),
    "read, dense": lambda: MANY_DENSE.decode_all(STATES),
    "weights": lambda: next(reading_weights(SLOTS, SLOTS, True)),
}
WIDE = SparseCode.draw("random", 30, 4, 2000, 3, RNG)
SLOTS = SparseCode.draw("random", 30, 1, 2000, 3, RNG)
DENSE = GaussianCode.draw(30, 4, 2000, RNG)
MANY = SparseCode.draw("random", 500, 4, 50, 3, RNG)
MANY_DENSE = GaussianCode.draw(500, 4, 50, RNG)
STATES = np.ones((200, 50))


@pytest.mark.parametrize("name", OTHERS)
def test_matrices_and_reads_that_do_not_fit_are_refused(name):
    with free(2):
        assert refused(OTHERS[name]).endswith("would fit")


def test_sums_name_a_size_that_fits():
    """2,000 rows of as many numbers; 120 dense rows beside them, or 120 numbers in each."""
    small = np.ones((30, 4, 4))
    for write, read, rows, beside in (
        (WIDE, WIDE, 250, 0),
        (WIDE, DENSE, 130, 120 * 2000),
        (DENSE, WIDE, 235, 0),
        (DENSE, DENSE, 130, 120 * 2000),
    ):
        with free(4):
            assert suggested(refused(superpose, write, small, read)) == rows
        each = 2000 + (120 if write is DENSE and read is WIDE else 0)
        assert 8 * (rows * each + beside) <= 4 * MB < 8 * ((rows + 1) * each + beside)


def test_planes_and_reads_name_sizes_that_fit():
    with free(2):
        largest = suggested(refused(plane_lines, 10007, 3))
        assert largest == 176
        assert 0.5 < peak(plane_lines, 173, 3) / (2 * MB) < 1.5
        for code in (MANY, MANY_DENSE):
            fits = suggested(refused(code.decode_all, STATES))
            assert fits == 2 * MB // (500 * 4 * 8)
            code.decode_all(STATES[:fits])


def test_the_message_says_what_was_asked_and_what_there_is():
    with free(10):
        message = refused(MLPConstruction(10**6, 6).compress, ROTATIONS, rng())
    assert message == (
        "width: wanted a network that fits in 10.0 MB of free memory, got one of 40.0 TB "
        "(3 layers of 1,000,000 × 1,000,000 float64); a width of 500 would fit"
    )


def test_where_nothing_fits_none_is_suggested():
    few = mlps(10)
    with free(0.01):
        message = refused(GatedConstruction(None, 3).compress, few, rng())
        assert message.endswith("no circuit would fit")
    with free(1e-4):
        message = refused(GatedConstruction(None, 3).compress, few, rng())
        assert message.endswith("not even the smallest would fit")
        message = refused(GaussianCode.draw, 10, 5, 100, rng())
        assert message.endswith("not even the smallest would fit")


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [(12, "12.0 bytes"), (999.95, "1.0 kB"), (999.9e3, "999.9 kB"), (999.96e3, "1.0 MB"),
     (8e12, "8.0 TB"), (1e17, "100.0 PB"), (2.5e22, "25,000 EB")],
)  # fmt: skip
def test_bytes_in_words(n_bytes, words):
    assert _memory._in_words(n_bytes) == words


def system(available):
    return mock.patch.object(psutil, "virtual_memory", return_value=mock.Mock(available=available))


LIMITED = {"memory.max": "5000\n", "memory.stat": "anon 1000\nfile 3500\n"}
OLDER = {
    "memory/memory.limit_in_bytes": "700\n",
    "memory/memory.stat": "cache 600\ntotal_rss 100\n",
}
UNLIMITED = LIMITED | {"memory.max": "max\n"}


@pytest.mark.parametrize(
    ("available", "files", "free_bytes"),
    [
        (9000, {}, 9000),
        (9000, UNLIMITED, 9000),
        (9000, LIMITED, 4000),
        (3000, LIMITED, 3000),
        (9000, OLDER, 600),
        (9000, {"memory.max": "what?"}, 9000),
        (9000, {**LIMITED, "memory.stat": "file 3500\n"}, 9000),
        (9000, {**LIMITED, "memory.max": "0\n"}, 9000),
        (0, LIMITED, 4000),
        (0, {**LIMITED, "memory.max": "0\n"}, np.inf),
        (1, LIMITED, 1),
        (0, {}, np.inf),
        (-1, UNLIMITED, np.inf),
    ],
)
def test_free_is_what_system_and_group_leave(tmp_path, available, files, free_bytes):
    """Caches can be given back; readings that cannot be are none."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with system(available), mock.patch.object(_memory, "_GROUPS", tmp_path):
        assert _memory.free_memory() == free_bytes


def test_a_system_that_does_not_say_refuses_nothing(tmp_path):
    silent = mock.patch.object(psutil, "virtual_memory", mock.Mock(side_effect=OSError))
    with silent, mock.patch.object(_memory, "_GROUPS", tmp_path):
        assert _memory.free_memory() == np.inf
        MLPCircuits.random(3, [2, 2], rng())


def test_there_is_memory_here():
    assert 0 < _memory.free_memory() <= psutil.virtual_memory().total


# what decides, what is to be made, its bytes (and shape), what would fit, where 2 MB are free
MESSAGES = {
    "mlp": (
        "width",
        "a network",
        "40.0 TB (3 layers of 1,000,000 × 1,000,000 float64)",
        "a width of 223 would fit",
    ),
    "mlp, a layer": (
        "width",
        "a network",
        "8.0 TB (1 layers of 1,000,000 × 1,000,000 float64)",
        "a width of 500 would fit",
    ),
    "gated": (
        "circuits",
        "a network",
        "7.3 MB (2 layers of 606 × 606 float64)",
        "2,209 circuits would fit",
    ),
    "gated, redundant": (
        "circuits",
        "a network",
        "66.1 MB (2 layers of 1,818 × 1,818 float64)",
        "289 circuits would fit",
    ),
    "gated, float32": (
        "circuits",
        "a network",
        "14.7 MB (2 layers of 1,212 × 1,212 float32)",
        "1,369 circuits would fit",
    ),
    "chains": (
        "circuits",
        "a network",
        "29.4 MB (2 layers of 1,212 × 1,212 float64)",
        "529 circuits would fit",
    ),
    "chains of buckets": (
        "circuits",
        "a network",
        "145.8 MB (2 layers of 2,700 × 2,700 float64)",
        "125 circuits would fit",
    ),
    "streams": (
        "circuits",
        "a network",
        "31.3 MB (3 layers of 1,616 × 606 float64)",
        "529 circuits would fit",
    ),
    "streams, redundant": (
        "circuits",
        "a network",
        "152.8 MB (3 layers of 3,636 × 1,313 float64)",
        "121 circuits would fit",
    ),
    "streams, sparing": (
        "circuits",
        "a network",
        "23.5 MB (3 layers of 1,212 × 606 float64)",
        "841 circuits would fit",
    ),
    "mlp circuits": ("n_circuits", "a size", "592.0 TB", "3,378 circuits would fit"),
    "residual circuits": ("n_circuits", "a size", "2.5 PB", "801 circuits would fit"),
    "rotations": ("n_circuits", "a size", "160.0 TB", "12,500 circuits would fit"),
    "gaussian": ("n_circuits", "a size", "12.0 PB", "166 circuits would fit"),
    "gaussian, free": ("n_circuits", "a size", "8.0 TB", "250 circuits would fit"),
    "random": ("n_circuits", "a size", "320.0 TB", "6,250 circuits would fit"),
    "private": ("n_circuits", "a size", "320.0 TB", "6,250 circuits would fit"),
    "places": ("n_circuits", "a size", "800.0 TB", "2,500 circuits would fit"),
    "runs": ("n_slots", "a size", "2,370,370 EB", "912 slots would fit"),
    "runs of five": ("n_slots", "a size", "1,333,333 EB", "1,216 slots would fit"),
    "runs of two": ("n_slots", "a size", "16,000,000 EB", "347 slots would fit"),
    "runs of one": ("n_slots", "a size", "24.0 TB", "83,325 slots would fit"),
    "errors": ("n_samples", "a size", "160.0 TB", "82 samples would fit"),
    "moments": ("n_samples", "a size", "1.9 PB", "1,041 samples would fit"),
    "residual moments": ("n_samples", "a size", "960.0 TB", "2,083 samples would fit"),
    "superpose": ("write", "a size", "32.0 MB", "a code of 125 slots would fit"),
    "superpose, dense": ("write", "a size", "33.9 MB", "a code of 5 slots would fit"),
    "superpose, into dense": ("write", "a size", "33.9 MB", "a code of 117 slots would fit"),
    "plane": ("q", "a size", "6.4 GB", "up to 176 would fit"),
    "points": ("q", "a size", "7.1 TB", "up to 176 would fit"),
    "read": ("state", "a size", "3.2 MB", "a batch of 125 would fit"),
    "read, dense": ("state", "a size", "3.2 MB", "a batch of 125 would fit"),
    "weights": ("code", "a size", "96.0 MB", "a code of 288 slots would fit"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_refusals_word_for_word(name):
    what, kind, got, fits = MESSAGES[name]
    if name in OTHERS:
        call, arguments = OTHERS[name], ()
    else:
        make, call, size = SIZES[name]
        arguments = (make(size),)
    with free(2):
        message = refused(call, *arguments)
    wanted = f"{what}: wanted {kind} that fits in 2.0 MB of free memory, got one of {got}; {fits}"
    assert message == wanted


def test_what_is_small_is_not_asked_about(monkeypatch):
    """Reading is an inner loop: below 16 MiB, nobody asks how much is free."""
    monkeypatch.setattr(_memory, "_SMALL", 500 * 4 * 8 * 100)
    with free(0.001):
        MANY.decode_all(STATES[:99])
        with pytest.raises(MemoryError, match=r"^state: wanted a size"):
            MANY.decode_all(STATES[:100])


def test_a_prediction_that_does_not_fit_names_the_law_that_does():
    """Which slot reads which, for each circuit on it, is kept while samples are followed."""
    circuits, words = (
        mlps(3000),
        r'^circuits: wanted a geometry .*, or any with law="derived", would',
    )
    with free(15), pytest.raises(MemoryError, match=words):
        GatedConstruction(redundancy=4).predict_error(circuits, 2)
