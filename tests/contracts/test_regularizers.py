"""Is each broken regularizer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a regularizer is for.
"""

import numpy as np
import pytest
from keras import ops, regularizers

from helpers import contracts
from tests.contracts.broken import cases, register
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
    "regularizer",
    [
        regularizers.L1L2(0.0, 0.0),
        regularizers.L2(0.0),
        SumOfSquares(0),
        SumOfSquares(np.float32(0)),
    ],
)
def test_a_factor_of_zero_is_allowed(regularizer):
    skip = {"reloads_from_a_file": "It is not registered."}
    if not isinstance(regularizer, SumOfSquares):
        skip = None
    report = contracts.check_regularizer(regularizer, skip=skip)
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


# --- What might be accused, and is not ---------------------------------------


@register
def angles(weights):
    """Small where columns are at right angles, whatever their length."""
    columns = ops.reshape(weights, (-1, weights.shape[-1]))
    squares = ops.sum(ops.square(columns), axis=0, keepdims=True)
    units = columns / ops.sqrt(ops.maximum(squares, 1e-6))
    cosines = ops.matmul(ops.transpose(units), units)
    return 0.1 * ops.sum(ops.square(cosines - ops.diag(ops.diag(cosines))))


@register
def length_of_one(weights):
    """Weights that are too small are pulled up."""
    squares = ops.sum(ops.square(weights), axis=0)
    return 0.1 * ops.sum(ops.square(ops.sqrt(squares + 1e-6) - 1))


@register
def decided(weights):
    """The entropy of the choice that each row makes falls as weights grow."""
    shares = ops.softmax(weights)
    return -0.1 * ops.sum(shares * ops.log_softmax(weights))


@pytest.mark.parametrize("regularizer", [angles, length_of_one, decided])
def test_what_does_not_measure_size_is_not_accused(regularizer):
    report = contracts.check_regularizer(regularizer)
    assert report.ok, report
    assert status_of(report, "grows_with_the_weights") == "skipped", report


@register
def beyond_a_ball(weights):
    """Free up to a size, as a hinge is meant to be."""
    return 0.1 * ops.square(ops.relu(ops.mean(ops.square(weights)) - 1.0))


def test_a_hinge_is_not_accused():
    report = contracts.check_regularizer(beyond_a_ball)
    assert report.ok, report
    for rule in ("has_a_gradient", "is_counted_in_training"):
        assert status_of(report, rule) == "passed", report


@register
def symmetric(weights):
    """For the square kernels of recurrent layers."""
    return 0.1 * ops.sum(ops.square(weights + ops.transpose(weights)))


@register
def smooth_filters(weights):
    """For the four axes of convolutions."""
    down = weights[1:, :, :, :] - weights[:-1, :, :, :]
    return 0.1 * ops.sum(ops.square(down))


@pytest.mark.parametrize(
    ("regularizer", "shape"),
    [(symmetric, "(4, 4)"), (smooth_filters, "(3, 3, 2, 4)")],
)
def test_kernels_of_other_layers_are_tried(regularizer, shape):
    report = contracts.check_regularizer(regularizer)
    assert report.ok, report
    assert f"tried with shape {shape}" in report.cannot_know


def test_all_numbers_that_may_be_negative_are_named():
    @register
    class OfTwoParts(SumOfSquares):
        def __init__(self, one=0.1, two=0.1):
            self.one, self.two = one, two

        def __call__(self, weights):
            sizes = ops.abs(weights)
            return ops.sum(self.one * sizes + self.two * sizes * sizes)

        def get_config(self):
            return {"one": self.one, "two": self.two}

    report = contracts.check_regularizer(OfTwoParts(0.01, 0.01))
    (result,) = [r for r in report.results if r.status == "failed"]
    assert "one=-0.3 (" in result.message
    assert "two=-0.3 (" in result.message
    assert "`one >= 0` and `two >= 0`" in result.hint
