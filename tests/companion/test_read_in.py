"""One layer's error, taken apart: its terms add up."""

import pytest

from companion import read_in


def test_the_terms_of_an_error_are_about_what_is_measured(rng):
    terms = read_in.error_terms(200, 1, 2, "orthonormal", rng)
    assert terms.drop(columns="measured").sum(axis=1).item() == pytest.approx(
        terms["measured"].item(), rel=0.5
    )
