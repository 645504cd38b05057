"""Is each broken optimizer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what an optimizer is for.
"""

import pytest
from keras import optimizers
from keras.optimizers import schedules

from helpers import contracts
from tests.contracts.broken import cases
from tests.contracts.broken.optimizers import Momentum
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    with_skips,
)


@pytest.mark.parametrize("case", cases("optimizer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("optimizer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_optimizer(Momentum())
    assert failed(report) == {"reloads_from_a_file"}, report


INNER = "The learning rate and the options are those of the inner optimizer."
SINGLE = "Keras 3.15 multiplies by a float32 whatever the dtype of the weights."
OPTIMIZERS = [
    (optimizers.Adadelta(0.1), {}),
    (optimizers.Adafactor(0.1), {}),
    (optimizers.Adagrad(0.1), {}),
    (optimizers.Adam(0.1), {}),
    (optimizers.Adam(0.1, amsgrad=True), {}),
    (optimizers.AdamW(0.1), {}),
    (optimizers.Adamax(0.1), {}),
    (optimizers.Ftrl(0.1), {}),
    (optimizers.Lamb(0.1), {}),
    (optimizers.Lion(0.1), {}),
    (
        optimizers.LossScaleOptimizer(optimizers.SGD(0.1)),
        {
            "follows_the_learning_rate": INNER,
            "takes_the_options_of_the_base_class": INNER,
        },
    ),
    (optimizers.Muon(0.1), {"takes_variables_in_float64": SINGLE}),
    (optimizers.Nadam(0.1), {}),
    (optimizers.RMSprop(0.1), {}),
    (optimizers.RMSprop(0.1, momentum=0.5, centered=True), {}),
    (optimizers.SGD(0.1), {}),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5), {}),
    (optimizers.SGD(0.1, global_clipnorm=0.1), {}),
    (optimizers.SGD(0.1, weight_decay=0.1, use_ema=True), {}),
    (optimizers.SGD(0.1, gradient_accumulation_steps=2), {}),
    (optimizers.SGD(schedules.ExponentialDecay(0.1, 3, 0.5)), {}),
]


@pytest.mark.parametrize(("optimizer", "skip"), OPTIMIZERS, ids=name_of)
def test_optimizers(optimizer, skip):
    was_built = optimizer.built
    contracts.check_optimizer(optimizer, skip=skip).raise_if_failed()
    assert optimizer.built == was_built


@pytest.mark.parametrize(
    ("optimizer", "skip"), with_skips(OPTIMIZERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(optimizer, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_optimizer(optimizer)
    assert failed(report) == set(skip), report
