"""Is each broken initializer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what an initializer is for.
"""

import pytest
from keras import initializers

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.initializers import Normal
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    with_skips,
)


@pytest.mark.parametrize("case", cases("initializer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("initializer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_initializer(Normal())
    assert failed(report) == {"reloads_from_a_file"}, report


def test_one_that_wraps_another_without_a_seed_is_not_accused():
    @register
    class Scaled(initializers.Initializer):
        def __init__(self, initializer, gain=1.0):
            self.initializer = initializers.get(initializer)
            self.gain = gain

        def __call__(self, shape, dtype=None):
            return self.gain * self.initializer(shape, dtype=dtype)

        def get_config(self):
            inside = initializers.serialize(self.initializer)
            return {"initializer": inside, "gain": self.gain}

    for inside in ("he_normal", initializers.RandomUniform(seed=3)):
        contracts.check_initializer(Scaled(inside, 2.0)).raise_if_failed()


INITIALIZERS = [
    (initializers.Constant(0.3), {}),
    (initializers.GlorotNormal(), {}),
    (initializers.GlorotUniform(seed=1), {}),
    (initializers.HeNormal(), {}),
    (
        initializers.Identity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("gain")},
    ),
    (initializers.LecunUniform(), {}),
    (initializers.Ones(), {}),
    (initializers.Orthogonal(gain=2.0), {}),
    (initializers.RandomNormal(stddev=0.3), {}),
    (initializers.RandomUniform(), {}),
    (initializers.TruncatedNormal(), {}),
    (initializers.VarianceScaling(2.0), {}),
    (initializers.VarianceScaling(0.5, "fan_out", "uniform"), {}),
    (initializers.VarianceScaling(0.5, "fan_avg"), {}),
    (initializers.Zeros(), {}),
]


@pytest.mark.parametrize(("initializer", "skip"), INITIALIZERS, ids=name_of)
def test_initializers(initializer, skip):
    contracts.check_initializer(initializer, skip=skip).raise_if_failed()


@pytest.mark.parametrize(
    ("initializer", "skip"), with_skips(INITIALIZERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(initializer, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_initializer(initializer)
    assert failed(report) == set(skip), report
