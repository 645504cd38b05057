"""Is each broken constraint caught, and does Keras pass?"""

import numpy as np
import pytest
from keras import constraints, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.constraints import Clipped
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
)


@pytest.mark.parametrize("case", cases("constraint"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("constraint") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_constraint(Clipped())
    assert failed(report) == {"reloads_from_a_file"}, report


CONSTRAINTS = [
    (constraints.MaxNorm(1.0), {}),
    (constraints.MinMaxNorm(), {}),
    (constraints.MinMaxNorm(0.0, 1e7, 0.5), {}),
    (constraints.MinMaxNorm(0.2, 1.0, rate=0.5), {}),
    (constraints.NonNeg(), {}),
    (constraints.UnitNorm(), {}),
]


@pytest.mark.parametrize(("constraint", "skip"), CONSTRAINTS, ids=name_of)
def test_constraints(constraint, skip):
    contracts.check_constraint(constraint, skip=skip).raise_if_failed()


# --- What might be accused, and is not ---------------------------------------


@register
class FixedZeros(constraints.Constraint):
    """Of each kernel some weights stay 0, which ones says its shape."""

    def __init__(self, share=0.5):
        self.share = share

    def __call__(self, weights):
        drawn = np.random.default_rng(1).random(tuple(weights.shape))
        return weights * ops.cast(drawn > self.share, weights.dtype)

    def get_config(self):
        return {"share": self.share}


@register
def symmetric_kernel(weights):
    """For the square kernels of recurrent layers."""
    return (weights + ops.transpose(weights)) / 2


@register
def filters_around_zero(weights):
    """For the four axes of convolutions."""
    return weights - ops.mean(weights, axis=(0, 1, 2), keepdims=True)


@pytest.mark.parametrize(
    "constraint",
    [FixedZeros(), symmetric_kernel, filters_around_zero],
    ids=name_of,
)
def test_right_constraint_is_not_accused(constraint):
    contracts.check_constraint(constraint).raise_if_failed()


def test_a_rate_is_no_creeping():
    report = contracts.check_constraint(constraints.MinMaxNorm(0.2, 1.0, 0.5))
    assert status_of(report, "is_the_same_when_applied_twice") == "skipped"


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.95, 0.97, 0.99])
def test_creeping_is_no_rate(rate):
    @register
    def creeps(weights):
        return rate * weights

    report = contracts.check_constraint(creeps)
    assert "is_the_same_when_applied_twice" in failed(report), report
