"""Is each broken constraint caught, and does Keras pass?"""

import pytest
from keras import constraints

from helpers import contracts
from tests.contracts.broken import cases
from tests.contracts.broken.constraints import Clipped
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
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
    (constraints.NonNeg(), {}),
    (constraints.UnitNorm(), {}),
]


@pytest.mark.parametrize(("constraint", "skip"), CONSTRAINTS, ids=name_of)
def test_constraints(constraint, skip):
    contracts.check_constraint(constraint, skip=skip).raise_if_failed()
