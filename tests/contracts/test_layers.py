"""Is each broken layer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a layer is for.
"""

import keras
import pytest
from keras import layers

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.layers import Linear
from tests.contracts.broken.models import Small
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
    with_skips,
)

# --- Broken on purpose -------------------------------------------------------


@pytest.mark.parametrize("case", cases("layer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("layer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_layer(Linear(), (None, 3))
    assert failed(report) == {"reloads_from_a_file"}, report


@register
class LayerWithOneMistake(Linear):
    """Everything is right but the promised shape."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 7)


def test_a_layer_that_promises_a_wrong_shape_fails_the_rules_about_that_only():
    report = contracts.check_layer(LayerWithOneMistake(), (None, 3))
    assert failed(report) == {
        "promises_the_right_shape",
        "is_the_same_symbolically",
    }, report


# --- Keras's own -------------------------------------------------------------

SEQUENCE = (None, 4, 2)
PAIR = [(None, 4, 6), (None, 4, 6)]
CUDNN = {"config_has_every_argument": NOT_IN_CONFIG.format("use_cudnn")}
LAYERS = [
    (layers.Activation("tanh"), (None, 3), {}),
    (layers.ActivityRegularization(0.1), (None, 3), {}),
    (layers.Add(), [(None, 3), (None, 3)], {}),
    (layers.AdditiveAttention(), PAIR, {}),
    (layers.AlphaDropout(0.2), (None, 3), {}),
    (layers.Attention(), PAIR, {}),
    (layers.BatchNormalization(), (None, 3), {}),
    (layers.Bidirectional(layers.LSTM(2)), SEQUENCE, {}),
    (layers.Concatenate(), [(None, 3), (None, 2)], {}),
    (layers.Conv1D(3, 2), SEQUENCE, {}),
    (layers.Conv1DTranspose(2, 2), SEQUENCE, {}),
    (layers.Conv2D(3, 2), (None, 6, 6, 2), {}),
    (layers.Cropping1D(1), SEQUENCE, {}),
    (layers.Dense(4, activation="relu"), (None, 3), {}),
    (layers.Dense(2, use_bias=False), (None, None, 3), {}),
    (layers.DepthwiseConv1D(2), SEQUENCE, {}),
    (layers.Dot(1), [(None, 3), (None, 3)], {}),
    (layers.Dropout(0.5), (None, 3), {}),
    (layers.ELU(), (None, 3), {}),
    (
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 4)),
        SEQUENCE,
        {"passes_the_mask_on": "Keras cannot know which axis has the steps."},
    ),
    (layers.Embedding(5, 3), (None, 4), {}),
    (layers.Flatten(), SEQUENCE, {}),
    (layers.GRU(3, return_sequences=True), SEQUENCE, CUDNN),
    (layers.GaussianNoise(0.1), (None, 3), {}),
    (layers.GlobalAveragePooling1D(), SEQUENCE, {}),
    (layers.GroupNormalization(1), (None, 4), {}),
    (layers.Identity(), (None, 3), {}),
    (layers.LSTM(3), SEQUENCE, CUDNN),
    (layers.LayerNormalization(), (None, 3), {}),
    (layers.LeakyReLU(), (None, 3), {}),
    (layers.Masking(), SEQUENCE, {}),
    (layers.MaxPooling2D(), (None, 4, 4, 2), {}),
    (layers.MultiHeadAttention(2, 3), PAIR, {}),
    (layers.PReLU(), (None, 3), {}),
    (layers.Permute((2, 1)), SEQUENCE, {}),
    (layers.RMSNormalization(), (None, 3), {}),
    (layers.Rescaling(2.0), (None, 3), {}),
    (layers.Reshape((8,)), SEQUENCE, {}),
    (layers.SeparableConv1D(3, 2), SEQUENCE, {}),
    (layers.SimpleRNN(3), SEQUENCE, {}),
    (layers.Softmax(), (None, 3), {}),
    (layers.SpatialDropout1D(0.2), SEQUENCE, {}),
    (layers.TimeDistributed(layers.Dense(2)), SEQUENCE, {}),
    (layers.UnitNormalization(), (None, 3), {}),
    (layers.UpSampling1D(), SEQUENCE, {}),
    (layers.ZeroPadding1D(), SEQUENCE, {}),
]


@pytest.mark.parametrize(("layer", "shape", "skip"), LAYERS, ids=name_of)
def test_layers(layer, shape, skip):
    was_built = layer.built
    contracts.check_layer(layer, shape, skip=skip).raise_if_failed()
    assert layer.built == was_built


@pytest.mark.parametrize(
    ("layer", "shape", "skip"), with_skips(LAYERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(layer, shape, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_layer(layer, shape)
    assert failed(report) == set(skip), report


# --- Against another one -----------------------------------------------------


def test_layers_and_models_are_compared_with_equal_weights():
    same = contracts.check_layer(
        Linear(4), (None, 3), against=keras.layers.Dense(4, use_bias=False)
    )
    assert status_of(same, "equals_the_reference") == "passed"
    other = contracts.check_layer(
        Linear(4), (None, 3), against=keras.layers.Dense(4, "relu")
    )
    assert status_of(other, "equals_the_reference") == "failed"
    model = contracts.check_model(Small(4), (None, 3), against=Small(4))
    assert status_of(model, "equals_the_reference") == "passed"
