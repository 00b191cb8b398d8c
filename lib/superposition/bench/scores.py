"""Scores of how much of the truth a decomposition has found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, real_array
from superposition.sums import Sum

Booleans = NDArray[np.bool_]


def cosines(true: Floats, found: Floats, *, signed: bool = True) -> Floats:
    """Return cosine similarities (J, C) of true rows (J, n) and found rows (C, n).

    signed: whether a found row that points the other way is wrong.

    Rows may be directions, or weight matrices made flat. With signed=False cosines count without
    their sign, for methods that leave signs open. A row of zeros has cosine 0 with all.
    Raises TypeError or ValueError for arrays that are not real or do not fit together.
    """
    sizes: dict[str, int] = {}
    true = real_array("true", true, "true size", sizes)
    found = real_array("found", found, "found size", sizes)
    if not (len(true) and len(found)):
        raise ValueError(f"true, found: wanted at least one of each, got {len(true)}, {len(found)}")
    product = unit_rows(true) @ unit_rows(found).T
    return np.asarray(product if signed else np.abs(product))


def mmcs(true: Floats, found: Floats, *, signed: bool = True, over: str = "true") -> float:
    """Return the mean max cosine similarity of true and found rows.

    Each true row is compared with the found row most like it, and the score is the mean of these
    cosines: (eq-mmcs).

    true: (J, n), the true rows.
    found: (C, n), the found rows.
    signed: whether a found row that points the other way is wrong.
    over: "true", or "found" for the mean over found rows of the true row most like each.

    The score is 1 if every true row is found, up to its length. With over="found" it is 1 if
    nothing wrong is found. The score comes from Sharkey et al. (2022). Braun et al. (2025) take the
    mean over what is true, on columns (`mmcs_columns`); code that compares dictionaries also takes
    the other.
    Raises as `cosines` does, and ValueError for another `over`.

    >>> import numpy
    >>> from superposition.bench import mmcs
    >>> mmcs(true=numpy.eye(2), found=numpy.array([[3.0, 0.0], [3.0, 4.0]]))
    0.9
    """
    if over not in ("true", "found"):
        raise ValueError(f"over: wanted 'true' or 'found', got {over!r}")
    return float(cosines(true, found, signed=signed).max(axis=1 if over == "true" else 0).mean())


def ml2r(true: Floats, found: Floats, *, signed: bool = True) -> float:
    """Return the mean L2 ratio of true and found rows.

    For each true row, the length of the found row most like it is divided by the length of the true
    row. The score is the mean of these ratios, (eq-mmcs), and 1 for components of the right size
    [Braun et al. 2025]. It says nothing of directions, whose length is a convention. Rows are
    matched by cosine, so `mmcs` belongs beside it.

    true: (J, n), the true rows.
    found: (C, n), the found rows.

    Raises as `cosines` does, and ValueError for a true row of zeros.

    >>> import numpy
    >>> from superposition.bench import ml2r
    >>> ml2r(true=numpy.eye(2), found=3 * numpy.eye(2))
    3.0
    """
    best = cosines(true, found, signed=signed).argmax(axis=1)
    lengths = np.linalg.norm(true, axis=1)
    if not lengths.all():
        raise ValueError("true: wanted no row of zeros, which nothing is a share of")
    return float((np.linalg.norm(found, axis=1)[best] / lengths).mean())


def mmcs_columns(target: Floats, components: Floats) -> float:
    """Return the mean max cosine similarity of a weight matrix and components, column by column.

    target: (n, J), the weight matrix.
    components: (C, n, J), the components.

    This is the score published for toy models of superposition [Braun et al. 2025; Bushnaq et al.
    2025]: (1/J) Σ_j max_c cos(P_c[:, j], W[:, j]). A column of a component competes only for the
    same column of the target. Raises as `cosines` does.

    >>> import numpy
    >>> from superposition.bench import mmcs_columns
    >>> target = numpy.eye(2)
    >>> components = numpy.stack(
    ...     [numpy.diag([1.0, 0.0]), numpy.diag([0.0, 1.0])]
    ... )
    >>> mmcs_columns(target, components)
    1.0
    """
    return float(_column_cosines(target, components).max(axis=0).mean())


def ml2r_columns(target: Floats, components: Floats) -> float:
    """Return the mean L2 ratio of a weight matrix and components, column by column.

    target: (n, J), the weight matrix.
    components: (C, n, J), the components.

    The score is (1/J) Σ_j |P_c(j)[:, j]| / |W[:, j]|, where c(j) is the component of largest
    cosine.
    Raises as `cosines` does, and ValueError for a column of zeros.

    >>> import numpy
    >>> from superposition.bench import ml2r_columns
    >>> ml2r_columns(numpy.eye(2), 0.5 * numpy.eye(2)[None])  # half the size
    0.5
    """
    best = _column_cosines(target, components).argmax(axis=0)
    lengths = np.linalg.norm(target, axis=0)
    if not lengths.all():
        raise ValueError("target: wanted no column of zeros, which nothing is a share of")
    found = np.linalg.norm(components, axis=1)[best, np.arange(len(lengths))]
    return float((found / lengths).mean())


def component_scores(matrix: Sum, left: Floats, right: Floats) -> tuple[float, float]:
    """Return MMCS and ML2R of components of one weight matrix, against its true pieces.

    left: (C, D_out, R), the left factors of the components.
    right: (C, R, D_in), their right factors.

    Component c is left[c] @ right[c], of any rank up to R, and is never made dense. The scores are
    those of `mmcs` and `ml2r` for the matrices made flat, and signs count. A true piece that is
    zero is left out. Raises TypeError or ValueError for arrays that do not fit, or a matrix in
    which no circuit has a part.

    >>> import numpy
    >>> from superposition import GatedConstruction, MLPCircuits
    >>> from superposition.bench import component_scores, ground_truth
    >>> rng = numpy.random.default_rng(0)
    >>> circuits = MLPCircuits.random(25, [2, 2, 2], rng)
    >>> large = GatedConstruction().compress(circuits, rng)
    >>> matrix = ground_truth(large)["weights[1]"]
    >>> left, right = zip(*(matrix.factors(circuit) for circuit in range(25)))
    >>> scores = component_scores(matrix, numpy.stack(left), numpy.stack(right))
    >>> [round(score, 6) for score in scores]  # the true components score 1
    [1.0, 1.0]
    """
    sizes = {"out": matrix.shape[0], "in": matrix.shape[1]}
    left = real_array("left", left, "components out rank", sizes)
    right = real_array("right", right, "components rank in", sizes)
    grams = np.einsum("cor,cos->crs", left, left), np.einsum("cri,csi->crs", right, right)
    found = np.sqrt(np.einsum("crs,crs->c", *grams).clip(min=0))
    cosine, ratio = [], []
    for write, read in matrix.pieces():
        size = float(np.sqrt(np.sum((write.T @ write) * (read @ read.T))))
        if not size:
            continue
        # c components, r and t ranks of the two
        products = np.sum((left.transpose(0, 2, 1) @ write) * (right @ read.T), axis=(1, 2))
        like = np.divide(products, found * size, out=np.zeros_like(found), where=found > 0)
        best = int(like.argmax())
        cosine.append(float(like[best]))
        ratio.append(float(found[best] / size))
    if not cosine:
        raise ValueError(f"matrix: wanted one with components, got {matrix.name} without any")
    return float(np.mean(cosine)), float(np.mean(ratio))


def match(similarity: Floats) -> Integers:
    """Match found components to true ones, one to one, with the largest sum of similarities.

    similarity: (J, C), of each true component to each found one.

    Returns (J,), the number of the found component, or −1 for a true one that gets none. This is
    the assignment problem, which SciPy solves. Raises TypeError or ValueError for what is not a
    finite matrix.

    >>> import numpy
    >>> from superposition.bench import match
    >>> match(numpy.array([[0.9, 0.8], [0.9, 0.1], [0.2, 0.2]])).tolist()
    [1, 0, -1]
    """
    from scipy.optimize import linear_sum_assignment

    similarity = real_array("similarity", similarity, "true found", {})
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    which = np.full(len(similarity), -1)
    which[rows] = columns
    return which


@dataclass(frozen=True)
class Active:
    """How well active sets are found.

    precision: the share of circuits named active that are active; 0 where none is named.
    recall: the share of active circuits that are named.
    """

    precision: float
    recall: float


def active_sets_found(found: Booleans, true: Booleans) -> Active:
    """Return precision and recall of active sets over all samples together.

    found: (batch, T), which circuits are named active.
    true: (batch, T), which circuits are active.

    The definitions are the usual ones, micro-averaged as scikit-learn's
    `precision_recall_fscore_support` does.
    Raises TypeError for arrays that are not of true and false, ValueError for shapes that differ,
    or samples in which nothing is active.

    >>> import numpy
    >>> from superposition.bench import active_sets_found
    >>> true = numpy.array([[True, False, False], [False, True, False]])
    >>> named = numpy.array([[True, True, False], [False, False, False]])
    >>> active_sets_found(named, true)
    Active(precision=0.5, recall=0.5)
    """
    for name, array in (("found", found), ("true", true)):
        if not isinstance(array, np.ndarray) or array.dtype != bool:
            raise TypeError(f"{name}: wanted an array of true and false")
    if found.shape != true.shape or found.ndim != 2:
        raise ValueError(f"found: wanted shape {true.shape}, (batch, T), got {found.shape}")
    if not true.any():
        raise ValueError("true: wanted at least one active circuit, got none")
    both, named = float((found & true).sum()), float(found.sum())
    return Active(both / named if named else 0.0, both / float(true.sum()))


def shuffled(true: Booleans, rng: np.random.Generator) -> Booleans:
    """Return the same active sets given to other samples, which no method can have found."""
    return np.asarray(true[generator(rng).permutation(len(true))])


def _column_cosines(target: Floats, components: Floats) -> Floats:
    """Return cosines (C, J) of the same column of each component and of the target."""
    sizes: dict[str, int] = {}
    target = real_array("target", target, "rows columns", sizes)
    components = real_array("components", components, "components rows columns", sizes)
    if not components.size:
        raise ValueError(f"components: wanted no empty axis, got shape {components.shape}")
    products = np.einsum("cij,ij->cj", components, target)
    lengths = np.linalg.norm(components, axis=1) * np.linalg.norm(target, axis=0)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def unit_rows(rows: Floats) -> Floats:
    """Return rows (n, D) scaled to length one; rows of zeros stay."""
    largest = np.abs(rows).max(axis=1, keepdims=True)  # first, since squares may underflow
    scaled = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.divide(scaled, lengths, out=scaled, where=lengths > 0)
