"""How many circuits fit into a network, and how large a network they need, once for all."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import Floats, instance, positive_int, positive_real
from superposition._memory import check_network
from superposition.circuits import MLPCircuits, ResidualCircuits
from superposition.circuits.moments import MLPMoments, Moments
from superposition.maps import GATES, TwoCodes
from superposition.packings import smallest_plane

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = ("worst", "median", "mean")  # of circuits, within tolerance
LARGEST = 2**24  # dimensions or neurons, beyond which no construction is looked for
MOST_CIRCUITS = 2**50
WIDEST = 2**13  # neurons in a layer of an MLP, beyond which none is looked for

_LEAST = 1e-6  # of a tolerance, below which the derived law is asked for no other size
M = TypeVar("M", Moments, MLPMoments)
S = TypeVar("S")
Circuits = MLPCircuits | ResidualCircuits
Meets = Callable[[Any], bool]  # whether a construction holds the circuits, within tolerance


@dataclass(frozen=True)
class Sized(ABC, Generic[M]):
    """A construction whose predicted errors say how many circuits fit, and in which size.

    A construction says how many circuits it `holds`, which error is `predicted`, and by which sizes
    it is `resized`. From these, `capacity` and `size_for` answer the two questions.
    """

    _kind: ClassVar[type] = MLPMoments
    sampled: ClassVar[bool] = False  # whether errors of each circuit are predicted
    # how errors speak of the size, of why no more circuits can be active, of the least tolerance
    # that can be met, and of the largest size that is looked for
    _size: ClassVar[str] = "{0.width} neurons"
    _all: ClassVar[str] = ", all that the width holds"
    _least: ClassVar[str] = "at least {error:.3g}, the relative_mse of {who}"
    _limit: ClassVar[str] = f"{WIDEST} neurons"

    def holds(self, widths: Any, /) -> int | None:
        """Return how many circuits of these widths fit, whatever the error; None for any number."""
        return None

    @abstractmethod
    def predicted(self, moments: M, n_circuits: int, n_active: int) -> float:
        """Return the predicted relative_mse after the last layer, or the chance of a failure."""

    @abstractmethod
    def resized(self, moments: M, n_circuits: int, meets: Meets) -> Self | None:
        """Return the construction in the smallest size that meets the tolerance, or None.

        meets: whether a construction holds the circuits and is predicted to be within tolerance.
        """

    def capacity(
        self, moments: M | Circuits, n_active: int, tolerance: float, *, quantile: str = "worst"
    ) -> int:
        """Return how many circuits fit: the largest T with a predicted error within `tolerance`.

        moments: of circuits, for the derived law of means; or the circuits themselves, each of
            which then counts. The T are drawn from them, and are them again and again where T is
            larger.
        tolerance: the largest relative_mse after the last layer, or failure probability of chains.
        quantile: which circuit's error over its own spread, as `measure_error` has it, is also to
            be within the tolerance: that of the "worst" or the "median" one; "mean": nobody's.

        The result is never more than the construction `holds`, nor more than 2^50.
        Raises TypeError for moments of other circuits, or for circuits where no errors of each are
        predicted. Raises ValueError for a construction without a width, for more active circuits
        than it holds, or where the active circuits alone, without any others, have a larger error.
        """
        check_quantile(quantile)
        n_active, tolerance = self._question(moments, n_active, tolerance)
        most = self.holds(self._neurons(moments, room=False))
        n_active = positive_int("n_active", n_active, most, self._all.format(self))

        def error(n_circuits: int) -> float:
            if isinstance(moments, Circuits):
                return self.error_of(several(moments, n_circuits), n_active, quantile)
            return self.predicted(moments, n_circuits, n_active)

        fit = largest_within(error, tolerance, n_active, most)
        if fit < n_active:
            who = f"{n_active} active circuits with no others in {self._size.format(self)}"
            least = self._least.format(error=error(n_active), who=who)
            raise ValueError(f"tolerance: wanted {least}, got {tolerance}")
        return fit

    def size_for(
        self,
        n_circuits: int,
        moments: M | Circuits,
        n_active: int,
        tolerance: float,
        *,
        quantile: str = "worst",
    ) -> Self:
        """Return the smallest construction in which n_circuits circuits should fit.

        moments: of circuits, for the derived law of means; or the circuits themselves, each of
            which then counts, as of `capacity`. The derived law says sizes, for tolerances that are
            made smaller until sampled errors are within the one that is wanted.
        tolerance: the largest relative_mse after the last layer, or failure probability of chains.
        quantile: which circuit is also to be within the tolerance, as of `capacity`.

        Only the size is chosen, the rest stays as it is here. The smallest is the narrowest or,
        where both dimensions and neurons are chosen, what has the fewest parameters.
        Raises TypeError for moments of other circuits, or for circuits where no errors of each are
        predicted. Raises ValueError for n_active > n_circuits, for more circuits than the largest
        size holds, or a tolerance that no size meets. The largest size is 2^13 neurons in a layer,
        2^13 dimensions of a gated stream, or 2^24 of both in the post's construction.
        """
        check_quantile(quantile)
        n_active, tolerance = self._question(moments, n_active, tolerance)
        n_circuits = positive_int("n_circuits", n_circuits)
        positive_int("n_active", n_active, n_circuits, ", the number of circuits")
        if isinstance(moments, Circuits):
            circuits, given = (
                several(moments, n_circuits),
                moments.moments(np.random.default_rng(0)),
            )
            return self.size_by_circuit(circuits, given, n_active, tolerance, quantile)[0]

        def meets(sized: Self) -> bool:
            try:
                most = sized.holds(sized._neurons(moments, room=False))
            except ValueError:  # too small for its codes
                return False
            room = most is None or most >= n_circuits
            return room and sized.predicted(moments, n_circuits, n_active) <= tolerance

        if (sized := self.resized(moments, n_circuits, meets)) is None:
            met = f"up to {self._limit} can meet"
            raise ValueError(f"tolerance: wanted one that {met}, got {tolerance}")
        return sized

    def size_by_circuit(
        self, circuits: Any, moments: Any, n_active: int, tolerance: float, quantile: str
    ) -> tuple[Self, pd.Series]:
        """Return `size_for` these very circuits, and the errors that samples predict in that size.

        Raises ValueError where no size that the derived law says is enough.
        """
        asked, tried, n = tolerance, None, circuits.n_circuits
        while asked > _LEAST * tolerance:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of a law that samples check
                sized = self.size_for(n, moments, n_active, asked)
            if sized == tried:  # the next smaller tolerance that takes another size is looked for
                asked *= 0.8
                continue
            tried, last = sized, sized.last_errors(circuits, n_active)
            if (error := counted(last, quantile)) <= tolerance:
                return sized, last
            asked *= min(max(tolerance / error, 0.05), 0.8)
        least = f"one that is met by the {quantile} circuit in some size"
        raise ValueError(f"tolerance: wanted {least}, got {tolerance}")

    def error_of(self, circuits: Any, n_active: int, quantile: str) -> float:
        """Return the error of these very circuits, of the mean and a quantile what is larger."""
        return counted(self.last_errors(circuits, n_active), quantile)

    def last_errors(self, circuits: Any, n_active: int) -> pd.Series:
        """Return the errors after the last layer that samples predict."""
        table: pd.DataFrame = cast(Any, self).predict_error(circuits, n_active, law="sampled")
        return table.iloc[-1]

    def _neurons(self, moments: Any, *, room: bool) -> Any:
        """Return how many neurons on a slot hold a state after 0 … L layers, or the most of all.

        room: whether there is room for pairs of neurons.
        """
        return moments.width if self._kind is Moments else moments.widths

    def _question(self, moments: Any, n_active: int, tolerance: float) -> tuple[int, float]:
        """Return n_active and tolerance, or raise an error that names the argument.

        Moments or circuits of another kind are refused, too.
        """
        kind = MLPCircuits if self._kind is MLPMoments else ResidualCircuits
        if not (self.sampled and isinstance(moments, kind)):
            if hasattr(moments, "moments"):
                kinds = f"wanted {self._kind.__name__}, got {type(moments).__name__}"
                raise TypeError(f"moments: {kinds}: pass its moments(rng)")
            instance("moments", moments, self._kind)
        if isinstance(moments, Moments):
            from superposition.predict.post import misleads

            if why := misleads(moments):
                told = f"{why}; errors may be many times as large as predicted: pass the circuits"
                warnings.warn(f"moments: {told} themselves", stacklevel=3)
        return positive_int("n_active", n_active), positive_real("tolerance", tolerance)


@dataclass(frozen=True)
class OnPlane(Sized[M]):
    """A construction whose circuits are points of a plane over a prime, (eq-plane)."""

    _field: ClassVar[str] = "width"  # which sets the size
    _least = "one that {who} meet"

    @abstractmethod
    def _plane(self, widths: Any) -> tuple[int, int, str]:
        """Return the slopes of all codes, how wide one line of each is, and the codes in words."""

    def holds(self, widths: Any) -> int:
        """Return q², (eq-plane), how many circuits of these widths fit, whatever the error.

        Raises ValueError for a construction without a width, or where that is too small for the
        codes.
        """
        if getattr(self, self._field) is None:
            raise ValueError(f"{self._field}: wanted one, to say how many circuits it holds")
        return self._largest_prime(widths) ** 2

    def resized(self, moments: M, n_circuits: int, meets: Meets) -> Self | None:
        """Return the construction over the smallest plane that meets the tolerance, or None."""
        widths = self._neurons(moments, room=False)
        most = replace(self, **{self._field: WIDEST}).holds(widths)
        positive_int("n_circuits", n_circuits, most, f", all that {self._limit} hold")
        sizes, tried = self._planes(widths, n_circuits), 1
        while tried < len(sizes) and not meets(sizes[tried - 1]):
            tried *= 2  # the geometry of larger planes takes longer to count
        return first_of(sizes[:tried], meets)

    def _check_memory(
        self,
        prime: int,
        shapes: Callable[[int], Sequence[tuple[int, int]]],
        dtype: DTypeLike,
        widths: Any,
    ) -> None:
        """Raise MemoryError for slots that are too many, and say how many circuits would fit.

        prime: how many slots a line has.
        shapes: the shapes of all layers' weights by that number.
        """
        name, per_line = self._field, self._plane(widths)[1]
        given = getattr(self, name) is not None

        def fits(lines: int) -> str:
            try:
                sized = replace(self, **{name: lines * per_line})
                circuits = f"{sized.holds(widths):,} circuits"
            except ValueError:  # too small for the codes
                return "no circuit"
            return f"a width of {lines * per_line:,}, for {circuits}," if given else circuits

        check_network(name if given else "circuits", prime, shapes, dtype, fits=fits)

    def _planes(self, widths: Any, n_circuits: int) -> list[Self]:
        """Return the construction over each prime that has enough points and slopes."""
        slopes, per_line, _ = self._plane(widths)
        found = primes(smallest_plane(n_circuits, slopes), WIDEST // per_line)
        return [replace(self, **{self._field: prime * per_line}) for prime in found]

    def _largest_prime(self, widths: Any) -> int:
        """Return the prime of the largest plane that the width has room for."""

        from sympy import prevprime

        slopes, per_line, codes = self._plane(widths)
        width, least = getattr(self, self._field), smallest_plane(1, slopes)
        if width < least * per_line:
            wanted = f"{least * per_line} for {codes}"
            raise ValueError(f"{self._field}: wanted at least {wanted}, got {width}")
        return int(prevprime(width // per_line + 1))

    def _prime(self, widths: Any, n_circuits: int) -> int:
        """Return the prime of the least plane that holds the circuits, or the largest that fits."""
        if getattr(self, self._field) is None:
            return smallest_plane(n_circuits, self._plane(widths)[0])
        prime = self._largest_prime(widths)
        why = f", all that a plane over {prime} holds, in {self._size.format(self)}"
        positive_int("n_circuits", n_circuits, prime**2, why)
        return prime


class OfReLUs(OnPlane[MLPMoments]):
    """A construction of MLP circuits in a network of ReLUs, which may hold states in pairs."""

    input_bound: float

    def _neurons(self, circuits: Any, *, room: bool) -> tuple[int, ...]:
        kept = circuits if isinstance(circuits, MLPMoments) else circuits.form
        return tuple(kept.neurons(self.input_bound, room=room))

    def _widths(self, circuits: Any) -> tuple[int, ...]:
        """Return how many neurons hold states where slots are drawn for a width, or as needed."""
        return self._neurons(circuits, room=getattr(self, self._field) is None)

    def _rounding(self, circuits: MLPCircuits) -> Floats:
        """Return `rounding_estimate` for circuits with the offsets that some layers may need."""
        from superposition.predict.rounding import rounding_estimate

        form, room = circuits.form, getattr(self, self._field) is None
        kept = [not pair for pair in form.pairs(self.input_bound, room=room)]
        return rounding_estimate(circuits, np.array([0.0, *form.offsets]) * kept)

    def pairs(self, circuits: MLPCircuits, two: TwoCodes) -> tuple[bool, ...]:
        """Return whether states after 0 … L layers are held in pairs, on slots of these codes."""
        widest = max(self._neurons(circuits, room=True))
        given = getattr(self, self._field)
        room = given is None or two.size(widest) <= given
        return circuits.form.pairs(self.input_bound, room=room)


def several(circuits: Any, n_circuits: int) -> Any:
    """Return so many of the circuits in random order, and all of them again where more are asked.

    Of fewer, these are among them; the order is of one fixed seed.
    """
    n = circuits.n_circuits
    if n_circuits == n:
        return circuits
    order = np.random.default_rng(0).permutation(n)
    return circuits.take(np.resize(order, n_circuits))


def check_quantile(quantile: str) -> None:
    """Raise ValueError for a quantile that is none of `QUANTILES`."""
    if quantile not in QUANTILES:
        raise ValueError(f"quantile: wanted one of {QUANTILES}, got {quantile!r}")


def counted(last: pd.Series, quantile: str) -> float:
    """Return the larger of `relative_mse` and of a quantile of circuits, where that is known."""
    relative = np.nan_to_num(last["relative_mse"], nan=np.inf, posinf=np.inf)
    of_circuits = last.get(f"circuit_{quantile}", 0.0)  # NaN where the states of none vary
    return float(np.fmax(relative, of_circuits))


def neurons_of_slot(widths: Sequence[int]) -> int:
    """Return the neurons of one slot in the widest layer: one for each entry, and two gates."""
    return max(positive_int("widths", width) for width in widths) + GATES


def slot_shapes(widths: Sequence[int], n_slots: int) -> list[tuple[int, int]]:
    """Return the shapes of layers whose states have so many slots for each entry and gate."""
    sizes = [(width + GATES) * n_slots for width in widths]
    return [(after, before) for before, after in pairwise(sizes)]


def primes(first: int, last: int) -> list[int]:
    """Return all primes from `first` to `last`."""

    from sympy import primerange

    return [int(prime) for prime in primerange(first, last + 1)]


def first_of(sizes: Sequence[S], meets: Callable[[S], bool]) -> S | None:
    """Return the first of the sizes that meets a tolerance, or None; all later ones must, too."""
    least = smallest_true(lambda i: meets(sizes[i]), 0, len(sizes) - 1)
    return None if least is None else sizes[least]


def largest_within(
    error: Callable[[int], float], tolerance: float, low: int, most: int | None = None
) -> int:
    """Return the largest n ≥ low with error(n) ≤ tolerance, at most `most`, or low − 1.

    error: a function that rises with n, and may be infinite.
    most: the largest n; None: `MOST_CIRCUITS`, approached from `low` by factors of 8.
    """
    if most is None:
        most = 8 * low
        while most < MOST_CIRCUITS and error(most) <= tolerance:
            low, most = most, 8 * most
        most = min(most, MOST_CIRCUITS)
    first = smallest_true(lambda n: not error(n) <= tolerance, low, most)  # NaN is not within it
    return most if first is None else first - 1


def smallest_true(holds: Callable[[int], bool], low: int, limit: int) -> int | None:
    """Return the smallest number from `low` to `limit` for which `holds` is true, or None.

    From that number on `holds` must stay true.
    """
    found = low + bisect_left(range(low, limit + 1), True, key=holds)
    return found if found <= limit else None


def fewest_parameters(
    fits: Callable[[int, int], bool], least_width: int, least_neurons: int
) -> tuple[int, int] | None:
    """Return (D, M), D ≥ least_width and M ≥ least_neurons, that fit with the fewest parameters.

    The result is None where nothing fits. A coarse search tries widths D that grow by factors of
    1.5, each with the fewest neurons M. A fine search follows between the best one's neighbours.
    """

    def tried(width: int) -> tuple[float, int, int]:
        neurons = smallest_true(lambda n: fits(width, n), least_neurons, LARGEST)
        if neurons is None:
            return np.inf, width, 0
        return (2 * width + 1) * neurons, width, neurons

    found: list[tuple[float, int, int]] = []
    width = least_width
    # until the last is far past the smallest
    while width <= LARGEST and not (len(found) > 3 and found[-1][0] > 4 * min(found)[0]):
        found.append(tried(width))
        width = max(width + 1, round(1.5 * width))
    parameters, at, _ = best = min(found)
    if not np.isfinite(parameters):
        return None
    from scipy.optimize import minimize_scalar  # slow to load, and seldom needed

    fine = minimize_scalar(
        lambda x: np.log(tried(round(np.exp(x)))[0]),
        bounds=np.log([max(least_width, at / 1.5), min(LARGEST, 1.5 * at)]),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return min(best, tried(round(np.exp(fine.x))))[1:]
