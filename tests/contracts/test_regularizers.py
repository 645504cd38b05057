"""Is each broken regularizer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a regularizer is for.
"""

import pytest
from keras import regularizers

from helpers import contracts
from tests.contracts.broken import cases
from tests.contracts.broken.regularizers import SumOfSquares
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
    with_skips,
)


@pytest.mark.parametrize("case", cases("regularizer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("regularizer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_regularizer(SumOfSquares())
    assert failed(report) == {"reloads_from_a_file"}, report


@pytest.mark.parametrize(
    "regularizer", [regularizers.L1L2(0.0, 0.0), regularizers.L2(0.0)]
)
def test_a_factor_of_zero_is_allowed(regularizer):
    report = contracts.check_regularizer(regularizer)
    assert report.ok, report
    assert status_of(report, "grows_with_the_weights") == "skipped"
    (reason,) = {
        result.message
        for result in report.results
        if result.name in ("has_a_gradient", "is_counted_in_training")
    }
    assert "=0.0 there is no penalty" in reason


REGULARIZERS = [
    (regularizers.L1(0.1), {}),
    (regularizers.L2(), {}),
    (regularizers.L1L2(0.1, 0.2), {}),
    (regularizers.L1L2(0.1, 0.0), {}),
    (
        regularizers.OrthogonalRegularizer(),
        {
            "grows_with_the_weights": "It measures angles, not sizes.",
            "works_in_mixed_float16": "Its factor is a float32 tensor.",
        },
    ),
]


@pytest.mark.parametrize(("regularizer", "skip"), REGULARIZERS, ids=name_of)
def test_regularizers(regularizer, skip):
    contracts.check_regularizer(regularizer, skip=skip).raise_if_failed()


@pytest.mark.parametrize(
    ("regularizer", "skip"), with_skips(REGULARIZERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(regularizer, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_regularizer(regularizer)
    assert failed(report) == set(skip), report
