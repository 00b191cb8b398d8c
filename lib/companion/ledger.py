"""The claims ledger: what is measured for each claim, and a verdict that follows from it.

Measuring and judging are apart. A measurement is a table of numbers, at several sizes where they
matter. `verdict` is a function of that table and of the claim's ranges in `book/data/claims.toml`.
`python -m companion ledger book/data/ledger.csv` measures everything again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion import construction, digits, how_many, introduction, neurons, rotations, survives
from companion._study import data
from companion.embedding import overlaps
from companion.generalising import Calculator
from companion.implications import activities
from companion.survives import ENTRIES, WIDTH
from superposition.circuits import ResidualCircuits
from superposition.circuits.graph import sample_paths
from superposition.constructions import ResidualConstruction
from superposition.results import atomic_write, check_writable, read_table
from superposition.sweep import sweep

Claim = Mapping[str, Any]
Numbers = Mapping[str, Any]
VERDICTS = ("holds", "holds with a correction", "fails")
COLUMNS = ["quantity", "size", "at", "number"]
BLOCK = WIDTH / ENTRIES  # D/d
_SEED = 15


def load_claims(path: str | Path | None = None) -> list[Claim]:
    """Load the claims as they are written down, in order."""
    with Path(path or data("claims.toml")).open("rb") as file:
        return list(tomllib.load(file)["claim"])


def verdict(claim: Claim, found: pd.DataFrame) -> str:
    """Return the verdict on a claim that follows from the numbers found, a table of `COLUMNS`.

    The claim holds if all numbers are in the ranges `holds`, and holds with a correction if they
    are in the ranges `corrected`. A claim with `turns` may hold on one side of a size: that is said
    if it holds at all sizes up to some number, or from some number on. Else it fails. `in_range`
    replaces the word "holds" where being in the range is no evidence for the claim.
    """
    if within(claim["holds"], found):
        return str(claim.get("in_range", VERDICTS[0]))
    if "corrected" in claim and within(claim["corrected"], found):
        return VERDICTS[1]
    if "turns" in claim:
        return _turn(claim, found)
    return VERDICTS[2]


def within(ranges: Mapping[str, list[float]], found: pd.DataFrame) -> bool:
    """Tell whether every quantity that has a range was found, and only inside.

    The range of a "trend of …" is that of the exponent with which the quantity changes with size.
    A number that is not a number lies in no range.
    """
    for name, (low, high) in ranges.items():
        quantity = name.removeprefix("trend of ")
        rows = found[found["quantity"] == quantity]
        values = rows["number"].to_numpy(float)
        if quantity != name and len(values):
            values = np.polyfit(np.log(rows["at"].to_numpy(float)), np.log(values), 1)[:1]
        if not (len(values) and np.all((low <= values) & (values <= high))):
            return False
    return True


def _turn(claim: Claim, found: pd.DataFrame) -> str:
    """Return at which size a claim that does not hold at all of them begins, or ceases, to hold."""
    sized = found["size"] == claim["turns"]
    sizes = sorted(found["at"][sized].unique())
    good = [within(claim["holds"], found[~sized | (found["at"] == at)]) for at in sizes]
    n = sum(good)
    if n and all(good[:n]):
        return f"holds up to {claim['turns']} = {sizes[n - 1]:,.0f}, fails above"
    if n and all(good[-n:]):
        return f"holds from {claim['turns']} = {sizes[-n]:,.0f} on, fails below"
    return VERDICTS[2]


def least_move(claim: Claim, found: pd.DataFrame) -> int | None:
    """Return by how many percent one bound must move for another verdict, or None above 50.

    The number is one of 1, 2, 5, 10, 20 and 50.
    """
    now = verdict(claim, found)
    for percent in (1, 2, 5, 10, 20, 50):
        if any(verdict(moved, found) != now for moved in _moved(claim, 1 + percent / 100)):
            return percent
    return None


def _moved(claim: Claim, factor: float) -> Iterator[Claim]:
    """Yield the claim with one bound after the other multiplied and divided by a factor."""
    for name in ("holds", "corrected"):
        for quantity, (low, high) in claim.get(name, {}).items():
            for by in (factor, 1 / factor):
                for bounds in ([low * by, high], [low, high * by]):
                    yield {**claim, name: {**claim[name], quantity: bounds}}


def judge(claims: list[Claim], table: pd.DataFrame) -> pd.Series:
    """Return the verdict on each claim, by its `id`, from a table as `measure_all` writes it."""
    by_claim = dict(list(table.groupby("id")))
    return pd.Series({c["id"]: verdict(c, by_claim[c["id"]]) for c in claims}, name="verdict")


def assess(claims: list[Claim]) -> pd.DataFrame:
    """Measure every claim's numbers now; the columns are `id` and `COLUMNS`."""
    tables = {c["id"]: globals()[c["number"]](**c.get("given", {})) for c in claims}
    return pd.concat(tables, names=["id"]).reset_index("id")


def _by(size: str, numbers: Numbers) -> pd.DataFrame:
    """Return a table of `COLUMNS` from each quantity's number, or from its numbers by size."""
    rows = [
        [name, size if np.ndim(found) or isinstance(found, Mapping) else "", at, number]
        for name, found in numbers.items()
        for at, number in pd.Series(found, dtype=float).items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _ends(values: pd.Series) -> tuple[float, float]:
    """Return the ends of the 95 % confidence interval of the mean."""
    from scipy import stats  # slow to load, and seldom needed

    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return float(values.mean() - half), float(values.mean() + half)


def kept_accuracy() -> pd.DataFrame:
    """Return the share of accuracy above guessing that digit networks keep, by k."""
    brief = digits.digits_summary()
    kept = {k: brief[f"kept_{k}"] / 100 for k in (1, 2, 3)}
    return _by("k", {"kept": kept, "private neurons": brief["n_private"] / digits.N_TASKS})


def growth_exponent() -> pd.DataFrame:
    """Return the exponent of T in the large layer's parameters, by tolerance, with its interval.

    Circuits of four layers stand beside those of one.
    """
    table, rows = read_table(data("claim.csv"))[0], {}
    for tolerance in (0.1, 0.25, 0.5):
        found = introduction.growth_exponents(table, tolerance)
        rows[tolerance] = [found[1].mean(), _ends(found[1])[0], _ends(found[4])[1]]
    names = ["exponent", "its low end", "high end for four layers"]
    return _by("tolerance", pd.DataFrame(rows, names).T)


def width_exponents() -> pd.DataFrame:
    """Return the ends of the interval of T's exponent in D, for circuits of one and four layers."""
    found = how_many.exponents().query("size == 'stream_width'").set_index("n_layers")
    ends = {1: "one layer", 4: "four layers"}
    return _by("", {f"{ends[n]}, {e}": found[e][n] for n in ends for e in ("low", "high")})


def shape_exponents() -> pd.DataFrame:
    """Return the exponents of T in d and in m: measured, and predicted for 256 times the size."""
    found = how_many.exponents().set_index(["size", "n_layers"])["measured"]
    far = {n: how_many.far_exponents(256, n, None) for n in (1, 4)}
    sizes = {"d": "width", "m": "small_neurons"}
    measured = {f"{s}, measured": found[name] for s, name in sizes.items()}
    predicted = {f"{s}, far": {n: far[n][name] for n in far} for s, name in sizes.items()}
    return _by("L", measured | predicted)


def averaging_gain() -> pd.DataFrame:
    """Return the noise on one of r carriers and in the mean of all r, by r."""
    settings = [{"n_circuits": 150, "redundancy": r} for r in (1, 2, 4, 8)]
    noise = _interference(settings).groupby("redundancy")[["one_carrier", "carrier_mean"]].mean()
    one, mean = noise["one_carrier"], noise["carrier_mean"]
    return _by("r", {"one carrier": one, "mean": mean, "mean / one": mean / one})


def overlap_size() -> pd.DataFrame:
    """Return the mean squared overlap of different circuits' directions, times D, by D."""
    rng = np.random.default_rng(_SEED)
    rows = {n: overlaps(n, "gaussian", rng).iloc[0] for n in (64, 256, 1024)}
    squares = {n: row["square"] / row["predicted"] for n, row in rows.items()}
    return _by("D", {"squared overlap times D": squares})


def needed_redundancy() -> pd.DataFrame:
    """Return the smallest safe redundancy with three active at a time, over ln M, by M."""
    sizes = 2 ** np.array([12, 14, 16, 18])
    found = {int(n): neurons.safe_redundancy(int(n), 3) / np.log(n) for n in sizes}
    return _by("M", {"carriers / ln M": found})


def largest_load() -> pd.DataFrame:
    """Return by how much the largest load exceeds T m ln M / M, as a share of it, by T."""
    rng, excess = np.random.default_rng(_SEED), {}
    for n in (100, 400, 1600, 6400):
        largest = np.mean([neurons.loads(n, 7, rng)["largest"].item() for _ in range(4)])
        excess[n] = largest / (n * 8 * np.log(1024) / 1024) - 1
    return _by("T", {"excess": excess})


def random_walk() -> pd.DataFrame:
    """Return read-in variance over that of a random walk, by M, and its exponents in T and k."""
    sizes = [{"n_neurons": n} for n in (64, 128, 256, 512, 1024, 2048)]
    noise = _interference([{"n_circuits": 400, **size} for size in sizes], 4)
    ratio = (noise["measured"] / noise["leading"]).groupby(noise["n_neurons"]).mean()
    slopes = {f"exponent in {s}": _noise_exponent(s, 1) for s in ("T", "k")}
    return _by("M", {"measured / random walk": ratio, **slopes})


def noise_exponents() -> pd.DataFrame:
    """Return the exponents of the noise's size in T, k, D and M / ln M, each varied alone."""
    return _by("", {f"in {size}": _noise_exponent(size, 0.5) for size in _VARIED})


_VARIED: dict[str, tuple[str, tuple[int, ...]]] = {
    "T": ("n_circuits", (100, 400, 1600)),
    "k": ("n_active", (1, 3, 9)),
    "D": ("stream_width", (256, 512, 1024)),
    "M / ln M": ("n_neurons", (512, 1024, 2048)),
}


@cache
def _noise_exponent(size: str, power: float) -> float:
    """Return the exponent of the read-in variance, to a power, in one of the sizes `_VARIED`."""
    name, values = _VARIED[size]
    noise = _interference([{"n_circuits": 400} | {name: n} for n in values], 3)
    x = noise[name] / np.round(np.log(noise[name])) if "ln" in size else noise[name]
    return power * float(np.polyfit(np.log(x), np.log(noise["measured"]), 1)[0])


def _interference(settings: list[dict[str, Any]], n_seeds: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(_SEED)
    return sweep(construction.interference, settings, n_seeds, rng, progress=False)


def kept_when_quiet() -> pd.DataFrame:
    """Return what digit networks keep of their accuracy, by noise, with one task active.

    Noise is the predicted error of an entry that the second layer reads, in units of the noise that
    was added to it in training.
    """
    scores = read_table(data("digit_sizes.csv"))[0].query("n_active == 1 and stream_width > 512")
    accuracy = scores.groupby("stream_width")["balanced_accuracy"].mean()
    kept = (accuracy - 0.5) / (digits.digit_scores()["alone"].mean() - 0.5)
    networks = digits.load_circuits(data("digit_networks.npz"))
    kept.index = pd.Index([_noise_in_training(networks, int(n)) for n in kept.index])
    below = kept.index <= 1
    return _by("noise", {"kept at less": kept[below], "kept at more": kept[~below]})


def _noise_in_training(networks: ResidualCircuits, stream_width: int) -> float:
    errors = ResidualConstruction(stream_width, 2 * stream_width).predict_error(networks, 1)
    return float(np.sqrt(errors["mse"][1] / networks.width) / digits.Training().noise)


@cache
def deep_errors(n_circuits: int) -> pd.DataFrame:
    """Return errors over four layers (D = 512, M = 1024), by layer: medians over eight networks."""
    rng = np.random.default_rng(_SEED)
    measure = partial(construction.depth_errors, dtype=np.float32)
    table = sweep(measure, [{"n_circuits": n_circuits}], 8, rng, progress=False)
    return table.groupby("layer").median()


def inactive_share() -> pd.DataFrame:
    """Return an inactive circuit's squared reading after four layers, over a state's, by T."""
    last = {n: deep_errors(n).loc[4] for n in _DEEP}
    shares = {n: row["inactive_mse"] * row["relative_mse"] / row["mse"] for n, row in last.items()}
    return _by("T", {"read by inactive": shares})


def error_growth() -> pd.DataFrame:
    """Return relative_mse after four layers, divided by relative_mse after one, by T."""
    errors = {n: deep_errors(n)["relative_mse"] for n in _DEEP}
    return _by("T", {"growth": {n: error[4] / error[1] for n, error in errors.items()}})


_DEEP = (100, 200, 300, 400, 500)


def chain_answers() -> pd.DataFrame:
    """Return the share of right answers of a calculator's last adders, by D."""
    return _by("D", {"right": {width: _right_answers(width) for width in (512, 2048)}})


def _right_answers(stream_width: int) -> float:
    right, rng = [], np.random.default_rng(_SEED)
    for _ in range(2):
        calculator = Calculator.draw(50, 50, 5, rng, fan_in=2, tolerance=0)
        construction = ResidualConstruction(stream_width, 2 * stream_width)
        large = construction.compress(calculator.graph, rng)
        paths = sample_paths(calculator.graph, 300, rng)
        operands = rng.integers(5, size=(300, 1, 3))
        said = calculator.read_answers(large.run(calculator.inputs(paths, operands), paths))
        right.append((said == calculator.answers(paths, operands))[:, -1].mean())
    return float(np.mean(right))


def neuron_purity() -> pd.DataFrame:
    """Return how far one large neuron of the digits network tells which circuit is active.

    It is the mean `purity` of the first layer's neurons, on eight images. Each task is active
    alone. A neuron's purity is the share of its squared activity that comes with the task for which
    it is most active.
    """
    found, _ = activities(digits.digits_superposition(), digits.load_tasks().test_inputs[:8])
    return _by("", {"purity": found.purity.mean()})


def load_exponent() -> pd.DataFrame:
    """Return the exponent of D in the T ln T at a given error after three layers, by that error."""
    loads = {error: rotations.largest_loads(3, error) for error in (0.02, 0.05, 0.1)}
    grown = {e: found["n_circuits"] * np.log(found["n_circuits"]) for e, found in loads.items()}
    logs = {e: (np.log(loads[e]["width"]), np.log(grown[e])) for e in loads}
    return _by("error", {"exponent": {e: np.polyfit(*xy, 1)[0] for e, xy in logs.items()}})


def quiet_reads() -> pd.DataFrame:
    """Return inactive circuits' mean squared read-out at layer 1 over k (d/D) E|a|², by k and T."""
    reads = _means()["inactive_share"].xs(1, level="layer") * BLOCK
    sizes = rotations.scaling().query("layer == 1 and n_active == 1 and width == @WIDTH")
    by_load = sizes.set_index("n_circuits")["inactive_share"] * BLOCK
    by_active = _by("k", {"measured / claimed": reads / reads.index})
    return pd.concat([by_active, _by("T", {"measured / claimed, k = 1": by_load})])


def assumptions_dropped() -> pd.DataFrame:
    """Return the factor by which errors grow as each of the sequel's assumptions is dropped."""
    table = survives.assumptions(np.random.default_rng(_SEED))
    return _by("", dict(zip(table["case"], table["factor"], strict=True)))


def depths(error: str, claimed: list[int]) -> pd.DataFrame:
    """Return the layers whose error is below 1, less the claimed number for k = 1, 2, 3.

    error: "mse_x", the mean error, or "worst_x", the worst of a network's samples. Both are means
        over networks.
    """
    layers = _first_layers(_means()[error].unstack("layer") < 1)
    return _by("k", {"layers more than claimed": layers - np.array(claimed)})


def depth_exponent() -> pd.DataFrame:
    """Return the low end of the interval of the error's exponent in l − 1, layers 2 to 5, by k.

    An error that grows linearly from layer 1 on has at most the exponent 1.
    """
    table, names = rotations.at_published_size(), ["n_active", "seed"]
    errors = table.pivot(index=names, columns="layer", values="mse_x")
    exponents = np.log(errors[5] / errors[2]) / np.log(4)
    return _by("k", {"low end": exponents.groupby("n_active").agg(lambda e: _ends(e)[0])})


def indicator_cap() -> pd.DataFrame:
    """Return the largest error of any on-indicator, active or not, in any network, by D."""
    worst = rotations.measured().groupby("width")[["worst_on", "inactive_worst_on"]].max()
    return _by("D", {"largest error": worst.max(axis=1)})


def exact_layers() -> pd.DataFrame:
    """Return the number of layers through which active on-indicators are exact, by k."""
    return _by("k", {"exact layers": _first_layers(_means()["mse_on"].unstack("layer") < 1e-12)})


def _first_layers(good: pd.DataFrame) -> pd.Series:
    """Return the number of layers, one a column, before the first that is not good."""
    return good.cumprod(axis=1).sum(axis=1)


def undershoot() -> pd.DataFrame:
    """Return measured over predicted errors with one active circuit, by layer.

    At layer 1 active circuits' error is predicted to be 0, and inactive circuits' is compared.
    """
    means = _means().loc[[1]]
    law = rotations.published_law(means.reset_index()).set_index(["n_active", "layer"])
    ratio = (means[_ERRORS] / law[_ERRORS].where(law > 0)).loc[1]
    early = {1: ratio["inactive_x"][1], 2: ratio["mse_x"][2]}
    return _by("layer", {"early": early, "active": ratio["mse_x"][1:]})


def first_to_seize() -> pd.DataFrame:
    """Return how far inactive indicators exceed their prediction at layer 2, over vectors', by k.

    The number is the indicators' error as a multiple of its prediction, divided by the same
    multiple for vectors, active or inactive, whichever is larger. It is the low end of an interval.
    """
    table = rotations.at_published_size().query("layer == 2")
    ratio = table[_ERRORS] / rotations.published_law(table)[_ERRORS]
    ahead = ratio["inactive_on"] / ratio[["mse_x", "inactive_x"]].max(axis=1)
    return _by("k", {"low end": ahead.groupby(table["n_active"]).agg(lambda e: _ends(e)[0])})


def inactive_smaller() -> pd.DataFrame:
    """Return inactive vectors' error over that of active ones, by k and layer, layers 1 to 4."""
    means = _means().query("layer < 5")
    ratio = means["inactive_x"] / means["mse_x"]
    return _by("layer", {f"k = {k}": ratio.loc[k] for k in (1, 2, 3)})


def circuits_per_block() -> pd.DataFrame:
    """Return T in units of D/d at which the mean error after four layers is 0.1, by D, with k = 1.

    Beside it stands the error that tuned settings leave at the published T and D.
    """
    loads = rotations.largest_loads(4, 0.1).set_index("width")["n_circuits"]
    blocks = loads / loads.index * ENTRIES
    tuned = rotations.tuned().query("variant == 'all' and n_active == 1 and layer == 4")
    at_size = {"as published": blocks[WIDTH], "error if tuned": tuned["mean"].item()}
    return pd.concat([_by("", at_size), _by("D", {"at other widths": blocks})])


_ERRORS = ["mse_x", "inactive_x", "inactive_on"]


def _means() -> pd.DataFrame:
    """Return means over networks, by k and layer."""
    return rotations.at_published_size().groupby(["n_active", "layer"]).mean(numeric_only=True)


def measure_all(path: str | Path) -> None:
    """Measures the numbers of every claim, and writes them to `path` (.csv)."""
    check_writable(path)
    table = assess(load_claims())
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    with atomic_write(path) as out:
        out.write(text.encode())


MADE = {"ledger": measure_all}
