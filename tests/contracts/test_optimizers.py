"""Is each broken optimizer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what an optimizer is for.
"""

import pytest
from keras import ops, optimizers
from keras.optimizers import schedules

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.optimizers import GoesHalfWayBack, Momentum
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
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


# --- What might be accused, and is not ---------------------------------------


@register
class SignDescent(optimizers.Optimizer):
    """Steps of one length: at the bottom it goes back and forth."""

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * ops.sign(gradient))


@register
class Cautious(Momentum):
    """It decays as the base class does, and only where it may."""

    def _apply_weight_decay(self, variables):
        if self.weight_decay is None:
            return
        for variable in filter(self._use_weight_decay, variables):
            shrunk = 1 - self.learning_rate * self.weight_decay
            self.assign(variable, variable * ops.cast(shrunk, variable.dtype))


@register
class CountsForItself(Momentum):
    """A counter of its own for each variable."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.counts = [
            self.add_variable((), dtype="int32", name="count")
            for _ in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        count = self.counts[self._get_variable_index(variable)]
        self.assign_add(count, 1)
        root = ops.sqrt(ops.cast(count, variable.dtype))
        super().update_step(gradient / root, variable, learning_rate)


@register
class LooksAhead(GoesHalfWayBack):
    """Its copy of the weights begins where they are."""

    def start_of(self, copy, here):
        return ops.where(self.iterations == 0, here, copy)


WARM_UP = schedules.CosineDecay(0.0, 9, warmup_target=0.1, warmup_steps=9)
RIGHT = [
    SignDescent(0.1),
    SignDescent(learning_rate=30.0),
    Cautious(0.1, weight_decay=0.5),
    CountsForItself(),
    LooksAhead(),
    LooksAhead(weight_decay=0.1),
    # The given learning rate is useless, and yet the optimizer is right.
    optimizers.SGD(1e4),
    optimizers.Adadelta(1e-3),
    # No step at first
    optimizers.Adam(WARM_UP),
    optimizers.LossScaleOptimizer(optimizers.SGD(0.1, loss_scale_factor=None)),
]


@pytest.mark.parametrize("optimizer", RIGHT, ids=name_of)
def test_right_optimizer_is_not_accused(optimizer):
    inner = isinstance(optimizer, optimizers.LossScaleOptimizer)
    rules = "follows_the_learning_rate", "takes_the_options_of_the_base_class"
    skip = dict.fromkeys(rules, INNER) if inner else None
    contracts.check_optimizer(optimizer, skip=skip).raise_if_failed()


# --- Against a known one -----------------------------------------------------


@register
class Tires(Momentum):
    """It stops after 30 steps, when a check of five is long over."""

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.where(self.iterations < 30, learning_rate, 0.0)
        super().update_step(gradient, variable, rate)


@pytest.mark.parametrize("cls", [Momentum, Tires])
def test_late_differences_from_a_known_optimizer_are_seen(cls):
    report = contracts.check_optimizer(
        cls(0.1, momentum=0.7), against=optimizers.SGD(0.1, momentum=0.7)
    )
    found = status_of(report, "equals_the_reference_after_many_steps")
    assert found == ("failed" if cls is Tires else "passed"), report
    assert status_of(report, "equals_the_reference") == "passed", report
