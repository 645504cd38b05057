"""Is each broken model caught, and does Keras pass?"""

import keras
import pytest
from keras import layers

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.models import Small
from tests.contracts.checks import (
    assert_caught,
    failed,
    rules_that_catch_nothing,
)

# --- Broken on purpose -------------------------------------------------------


@pytest.mark.parametrize("case", cases("model"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("model") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_model(Small(), (None, 3))
    assert failed(report) == {"reloads_from_a_file"}, report


# --- Keras's own -------------------------------------------------------------


def functional():
    inputs = keras.Input((3,))
    hidden = layers.Dense(4, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Dropout(0.2)(hidden)))


def two_inputs():
    first, second = keras.Input((3,)), keras.Input((2,))
    both = layers.Concatenate()([first, second])
    return keras.Model(
        [first, second], [layers.Dense(1)(both), layers.Dense(2)(first)]
    )


MODELS = [
    (functional, (None, 3)),
    (two_inputs, [(None, 3), (None, 2)]),
    (
        lambda: keras.Sequential(
            [layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)]
        ),
        (None, 3),
    ),
]


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_models(make, shape):
    contracts.check_model(make(), shape).raise_if_failed()


# --- Weights of an added loss ------------------------------------------------


@register
class Reconstructing(keras.Model):
    """Its second layer serves an added loss, and no output."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = keras.layers.Dense(1)
        self.reconstruct = keras.layers.Dense(3)

    def call(self, inputs):
        outputs = self.out(inputs)
        error = self.reconstruct(outputs) - inputs
        self.add_loss(keras.ops.mean(keras.ops.square(error)))
        return outputs


def test_a_weight_that_serves_an_added_loss_has_a_gradient():
    report = contracts.check_model(Reconstructing(), (None, 3))
    assert report.ok, report


def test_a_lost_weight_is_named_without_the_numbers_of_this_process():
    @register
    class Lossy(Reconstructing):
        def build(self, input_shape):
            self.built = True

    report = contracts.check_model(Lossy(), (None, 3))
    found = {result.name: result for result in report.results}
    message = found["restores_every_weight"].message
    assert message.endswith("kernel of dense, bias of dense.")
