"""Derived formulas: what they are, what they need, and what is measured."""

import numpy as np
import pytest
import sympy as sp
from sympy.stats import Normal

from superposition import GaussianCode, ResidualCircuits, ResidualConstruction, theory
from superposition.circuits import with_indicator
from superposition.measure import read_in_interference, sample_active, unit_inputs


def test_second_moment_of_a_sum_by_enumeration():
    """Three independent fair coins with values 0 and 1: E[S²] over all eight outcomes."""
    outcomes = [(a + b + c) ** 2 for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    half = sp.Rational(1, 2)
    assert theory.second_moment_of_sum(3, half, half) == sp.Rational(sum(outcomes), 8)


def test_overlap_variance_is_derived_from_the_entries():
    assert sp.simplify(theory.overlap_variance() - 1 / theory.D) == 0


def test_the_derivation_breaks_where_entries_have_a_mean(monkeypatch):
    """With entries of mean 1 overlaps no longer have variance 1/D: mean zero is an assumption."""
    monkeypatch.setattr(theory, "Normal", lambda name, mean, sd: Normal(name, mean + 1, sd))
    assert sp.simplify(theory.overlap_variance() - 1 / theory.D) != 0


def test_overlap_variance_is_measured(rng):
    directions = GaussianCode.draw(80, 3, 50, rng, orthonormal=False).directions
    overlaps = np.einsum("tia,uja->tuij", directions, directions)[~np.eye(80, dtype=bool)]
    predicted = theory.evaluate(theory.overlap_variance(), {theory.D: 50})
    assert np.mean(overlaps**2) == pytest.approx(float(predicted), rel=0.05)


def test_read_in_capacity_inverts_the_variance():
    at_capacity = theory.leading_read_in_variance().subs(theory.T, theory.read_in_capacity())
    assert sp.simplify(at_capacity - theory.tolerance) == 0


def test_leading_order_is_the_posts_random_walk():
    """k·T·m·r/M terms of variance |w|²|a|²/D each."""
    T, m, r, k, D, M = (getattr(theory, name) for name in "TmrkDM")
    wanted = k * (T * m * r / M) * theory.w2 * theory.a2 / D
    assert sp.simplify(theory.leading_read_in_variance() - wanted) == 0


def test_carried_weights_by_enumeration():
    """Two small neurons, p = r/M = 1/4: |v|² over the four ways to carry them."""
    u, w = np.array([1.0, 2.0]), np.array([0.5, -3.0])
    ways = {(0, 0): 9, (1, 0): 3, (0, 1): 3, (1, 1): 1}
    wanted = sum(n / 16 * np.sum((c * u + e * w) ** 2) for (c, e), n in ways.items())
    values = {theory.m: 2, theory.r: 1, theory.M: 4}
    values |= {theory.w2: (u @ u + w @ w) / 2, theory.sum2: (u + w) @ (u + w)}
    assert theory.evaluate(theory.carried_weights(), values) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("T", "d", "m", "r", "D", "M", "k", "margin", "orthonormal"),
    [
        (100, 4, 8, 7, 512, 1024, 1, 1.0, True),
        (300, 2, 12, 3, 256, 700, 3, 0.5, False),
        (60, 8, 4, 12, 1024, 256, 5, 2.0, True),
        (1500, 4, 8, 7, 256, 512, 3, 1.0, True),
    ],
)
def test_read_in_variance_is_measured(T, d, m, r, D, M, k, margin, orthonormal, rng):
    """Measured / predicted within 3 %; the mean of 16 networks is known to about 1 %.

    With entries N(0, 1/D) a circuit also disturbs itself, which this formula leaves out: there,
    only neurons that carry no active circuit are measured, which hear T − k others, not T − 1.
    """
    ratios = []
    for _ in range(16):
        circuits = ResidualCircuits.random(T, d, m, 1, rng)
        construction = ResidualConstruction(D, M, r, margin, orthonormal=orthonormal)
        superposition = construction.compress(circuits, rng)
        active = sample_active(T, k, 100, rng)
        noise = read_in_interference(superposition, unit_inputs(d)(active, rng), active)
        carried = superposition.neuron_codes[0].encode(np.ones((100, k, m)), active) > 0
        measured = np.ones_like(carried) if orthonormal else ~carried
        weights = with_indicator(circuits, margin).read_in[0]
        predicted = theory.evaluate(
            theory.read_in_variance(),
            {
                theory.T: T if orthonormal else T - k + 1,
                theory.m: m,
                theory.r: r,
                theory.k: k,
                theory.D: D,
                theory.M: M,
                theory.w2: np.mean(np.sum(weights**2, axis=-1)),
                theory.a2: 2,
                theory.sum2: np.mean(np.sum(weights.sum(axis=1) ** 2, axis=-1)),
            },
        )
        ratios.append(np.mean(noise[measured] ** 2) / predicted)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_interference_is_what_is_left_of_the_pre_activation(make_circuits, rng):
    """Pre-activations recomputed neuron by neuron, minus what is wanted there."""
    circuits = make_circuits()
    superposition = ResidualConstruction(40, 30, 3).compress(circuits, rng)
    active = sample_active(6, 2, 4, rng)
    inputs = unit_inputs(3)(active, rng)
    noise = read_in_interference(superposition, inputs, active)
    states = superposition.embed(inputs, active)
    for sample, row in enumerate(active):
        heard = superposition.network.read_in[0] @ states[sample]
        for t, x in zip(row, inputs[sample], strict=True):
            for i, slots in enumerate(superposition.neuron_codes[0].slots[t]):
                # margin + bias on the indicator: w·x + b + margin
                heard[slots] -= circuits.read_in[0, t, i] @ x + circuits.bias[0, t, i] + 1.0
        np.testing.assert_allclose(noise[sample], heard, atol=1e-12)


def test_a_symbol_without_a_value_is_refused():
    with pytest.raises(ValueError, match="values: wanted one for each symbol, got none for D"):
        theory.evaluate(theory.overlap_variance(), {})
