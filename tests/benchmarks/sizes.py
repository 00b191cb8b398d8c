"""What is measured, at full size and in a quick version for the tests."""

from __future__ import annotations

from dataclasses import dataclass

# An earlier run of the published code of *Rotations in Superposition* on a machine with two cores:
# seconds for 557 inputs, every circuit read at every layer; bytes of memory at the peak.
PUBLISHED_SECONDS = (8.6, 10.5)
PUBLISHED_PEAK = 0.74e9
# r and L of that network.
REDUNDANCY = 6
N_LAYERS = 5


@dataclass(frozen=True)
class Task:
    """One thing that a process of its own measures.

    kind:       a key of `child.KINDS`.
    n_circuits: T.
    width:      D, for those constructions that are given one.
    seconds:    runs are repeated until they have taken so long together, twice to five times.
    """

    kind: str
    n_circuits: int
    width: int = 0
    seconds: float = 1.0


@dataclass(frozen=True)
class Sizes:
    """One version of the benchmark.

    n_circuits, width:      T and D of the published network; there are as many inputs as circuits.
    repeats:                rounds in which times are taken.
    n_sweep, sweep_repeats: measurements in a sweep; rounds.
    series:                 by name, tasks of growing size.
    together:               whether tasks share one process, and so have no peaks of their own.
    """

    n_circuits: int
    width: int
    repeats: int
    n_sweep: int
    sweep_repeats: int
    series: dict[str, tuple[Task, ...]]
    together: bool = False


def _load(width: int) -> int:
    """T at 0.85 times the published network's load, T / D² = 557 / 1000²."""
    return round(0.85 * 557 * (width / 1000) ** 2)


def _planes(kind: str, *primes: int) -> tuple[Task, ...]:
    """As many circuits as the plane over each prime has points."""
    return tuple(Task(kind, prime**2) for prime in primes)


FULL = Sizes(
    n_circuits=557,
    width=1000,
    repeats=40,
    n_sweep=6,
    sweep_repeats=3,
    series={
        "gated, r = 1": _planes("gated", 101, 149, 211, 317, 467, 683, 1009),
        "gated, r = 3, quiet": _planes("quiet", 11, 17, 29, 43, 67, 97),
        "sequel's, T ∝ D²": tuple(
            Task("sequel", _load(width), width)
            for width in (600, 900, 1300, 2000, 3000, 4300, 6000)
        ),
        "sequel's, D = 4000": tuple(
            Task("sequel", n, 4000) for n in (80, 170, 370, 800, 1700, 3700, 8000)
        ),
    },
)

QUICK = Sizes(
    n_circuits=60,
    width=400,
    repeats=2,
    n_sweep=2,
    sweep_repeats=1,
    series={
        "gated, r = 1": _planes("gated", 3, 5, 7),
        "gated, r = 3, quiet": _planes("quiet", 5, 7, 11),
        "sequel's, T ∝ D²": tuple(Task("sequel", _load(w), w) for w in (200, 300, 400)),
        "sequel's, D = 400": tuple(Task("sequel", n, 400) for n in (10, 20, 40)),
    },
    together=True,
)
