"""Is each broken component caught, by the right rule and for that alone?"""

import functools

import keras
import pytest
from keras import ops

from helpers import contracts
from tests.broken_components import (
    CASES,
    Clipped,
    Halving,
    Linear,
    MeanError,
    Momentum,
    Normal,
    Squares,
    SumOfSquares,
    register,
)


@functools.cache
def report_of(case):
    return case.check()


def failed(report):
    return {
        result.name for result in report.results if result.status == "failed"
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    report = report_of(case)
    assert case.caught_by in failed(report), report
    assert failed(report) <= {case.caught_by, *case.also}, report
    for result in report.results:
        if result.status == "failed":
            assert result.message, result
            assert result.hint.endswith((".", "`.")), result
            assert result.link.startswith("book/"), result


def test_there_are_enough_of_every_kind():
    kinds = [case.kind for case in CASES]
    assert len(kinds) >= 60
    for kind in (
        "activation",
        "constraint",
        "initializer",
        "layer",
        "loss",
        "metric",
        "model",
        "optimizer",
        "regularizer",
        "schedule",
    ):
        assert kinds.count(kind) >= 5, kind


def test_each_rule_catches_something():
    """A rule that nothing breaks might as well not be there."""
    caught = {case.caught_by for case in CASES}
    caught |= {name for case in CASES for name in case.also}
    rules = {
        result.name for case in CASES for result in report_of(case).results
    }
    assert rules - caught == set()


@pytest.mark.parametrize(
    "good",
    [Squares, MeanError, Clipped, Normal, SumOfSquares, Momentum, Halving],
    ids=lambda good: good.__name__,
)
def test_what_they_break_is_right_but_for_the_registration(good):
    kind = good.__mro__[1].__name__.lower().removeprefix("learningrate")
    report = getattr(contracts, f"check_{kind}")(good())
    assert failed(report) == {"reloads_from_a_file"}, report


# ---- One mistake, one complaint ---------------------------------------------


@register
class RightWithOneMistake(Squares):
    """Everything is right but the values, of which there is only one."""

    def __init__(self, power=2.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        error = ops.abs(ops.reshape(y_true, ops.shape(y_pred)) - y_pred)
        return ops.mean(error**self.power)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@register
class LayerWithOneMistake(Linear):
    """Everything is right but the promised shape."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 7)


def test_a_loss_that_is_a_scalar_fails_the_rules_about_that_only():
    report = contracts.check_loss(RightWithOneMistake(3.0))
    assert failed(report) == {
        "gives_one_value_per_sample",
        "weights_each_sample",
        "reduces_as_it_says",
    }, report


def test_a_layer_that_promises_a_wrong_shape_fails_the_rules_about_that_only():
    report = contracts.check_layer(LayerWithOneMistake(), (None, 3))
    assert failed(report) == {
        "promises_the_right_shape",
        "is_the_same_symbolically",
    }, report


def test_the_two_together_have_nothing_in_common():
    assert isinstance(RightWithOneMistake(), keras.losses.Loss)
    config = RightWithOneMistake(3.0).get_config()
    assert RightWithOneMistake.from_config(config).power == 3.0
