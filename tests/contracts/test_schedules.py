"""Is each broken schedule caught, and does Keras pass?"""

import pytest
from keras import ops
from keras.optimizers import schedules

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.schedules import Halving
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    report_of,
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
    # A warm-up that begins at 0, and rates that end at 0
    (schedules.CosineDecay(0.0, 30, warmup_target=1e-5, warmup_steps=33), {}),
    (schedules.PolynomialDecay(0.1, 30, 0.0), {}),
    (schedules.PiecewiseConstantDecay([90_000], [0.0, 0.01]), {}),
]


@pytest.mark.parametrize(("schedule", "skip"), SCHEDULES, ids=name_of)
def test_schedules(schedule, skip):
    contracts.check_schedule(schedule, skip=skip).raise_if_failed()


# --- What might be accused, and is not ---------------------------------------


@register
class InverseRoot(schedules.LearningRateSchedule):
    """The warm-up of a transformer: two curves that meet, none above."""

    def __init__(self, units=64, warmup_steps=50):
        self.units = units
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1
        falling = step**-0.5
        rising = step * self.warmup_steps**-1.5
        return self.units**-0.5 * ops.minimum(falling, rising)

    def get_config(self):
        return {"units": self.units, "warmup_steps": self.warmup_steps}


@register
class InDoublePrecision(schedules.LearningRateSchedule):
    """Two whole numbers, divided: a float64."""

    def __init__(self, steps=1000):
        self.steps = steps

    def __call__(self, step):
        return 0.1 / (1 + step / self.steps)

    def get_config(self):
        return {"steps": self.steps}


@pytest.mark.parametrize("schedule", [InverseRoot(), InDoublePrecision()])
def test_right_schedule_is_not_accused(schedule):
    contracts.check_schedule(schedule).raise_if_failed()


def test_message_names_the_step_that_was_tried():
    (case,) = [c for c in cases("schedule") if "AtTheEnd" in str(c)]
    (result,) = [
        r for r in report_of(case).results if r.name == "is_never_negative"
    ]
    assert result.message == "The learning rate of step 40 is inf."
    assert not result.inputs


def test_hint_for_nan_tells_where_it_comes_from():
    (case,) = [c for c in cases("schedule") if "ByTheBook" in str(c)]
    (result,) = [
        r for r in report_of(case).results if r.name == "is_never_negative"
    ]
    assert "is nan" in result.message
    assert "ops.exp" in result.hint
