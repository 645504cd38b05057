"""Is each broken schedule caught, and does Keras pass?"""

import pytest
from keras.optimizers import schedules

from helpers import contracts
from tests.contracts.broken import cases
from tests.contracts.broken.schedules import Halving
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
)


@pytest.mark.parametrize("case", cases("schedule"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("schedule") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_schedule(Halving())
    assert failed(report) == {"reloads_from_a_file"}, report


SCHEDULES = [
    (schedules.CosineDecay(0.1, 100), {}),
    (
        schedules.CosineDecay(
            0.0, 100, alpha=0.1, warmup_target=0.1, warmup_steps=10
        ),
        {},
    ),
    (schedules.CosineDecayRestarts(0.1, 20), {}),
    (schedules.ExponentialDecay(0.1, 10, 0.5), {}),
    (schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True), {}),
    (schedules.InverseTimeDecay(0.1, 10, 0.5), {}),
    (schedules.PiecewiseConstantDecay([3, 60], [0.1, 0.05, 0.01]), {}),
    (schedules.PolynomialDecay(0.1, 100, 0.01, power=2.0), {}),
    (schedules.PolynomialDecay(0.1, 100, cycle=True), {}),
]


@pytest.mark.parametrize(("schedule", "skip"), SCHEDULES, ids=name_of)
def test_schedules(schedule, skip):
    contracts.check_schedule(schedule, skip=skip).raise_if_failed()
