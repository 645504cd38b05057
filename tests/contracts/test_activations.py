"""Is each broken activation caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what an activation is for.
"""

import numpy as np
import pytest
from keras import activations, layers, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.activations import LearnedSoftplus
from tests.contracts.checks import (
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    with_skips,
)


@pytest.mark.parametrize("case", cases("activation"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("activation") == set()


OVERFLOWS = "It grows like exp(x), by definition."
CORNER = "Keras 3.15 on TensorFlow adds the slopes of both sides: 2, not 1."
ACTIVATIONS = [
    (activations.celu, {"has_its_slope_at_zero": CORNER}),
    (activations.elu, {}),
    (activations.exponential, {"is_finite_for_large_inputs": OVERFLOWS}),
    (activations.gelu, {}),
    (activations.hard_sigmoid, {}),
    (activations.hard_tanh, {}),
    (activations.leaky_relu, {}),
    (activations.linear, {}),
    (activations.log_softmax, {}),
    (activations.mish, {}),
    (activations.relu, {}),
    (activations.relu6, {}),
    (activations.selu, {}),
    (activations.sigmoid, {}),
    (activations.silu, {}),
    (activations.softmax, {}),
    (activations.softplus, {}),
    (activations.softsign, {}),
    (activations.squareplus, {}),
    (activations.tanh, {}),
]


@pytest.mark.parametrize(("activation", "skip"), ACTIVATIONS, ids=name_of)
def test_activations(activation, skip):
    contracts.check_activation(activation, skip=skip).raise_if_failed()


@pytest.mark.parametrize(
    ("activation", "skip"), with_skips(ACTIVATIONS), ids=name_of
)
def test_a_skip_is_a_real_deviation(activation, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_activation(activation)
    assert failed(report) == set(skip), report


LAYERS = [
    layers.ELU(),
    layers.LeakyReLU(),
    layers.PReLU(),
    layers.ReLU(6.0),
    layers.Softmax(),
    LearnedSoftplus(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=name_of)
def test_layers_that_serve_as_activations(layer):
    contracts.check_activation(layer).raise_if_failed()


def test_a_layer_is_checked_with_the_weights_it_has():
    layer = LearnedSoftplus()
    layer.build((None, 4))
    layer.set_weights([np.array([0.5, 2.0, -1.0, 3.0])])
    contracts.check_activation(layer).raise_if_failed()
    assert layer.get_weights()[0][3] == 3


def test_half_of_the_last_axis_is_one_mistake():
    report = contracts.check_activation(activations.glu)
    assert failed(report) == {"keeps_the_shape"}, report


def test_sparsemax_of_keras_is_wrong():
    """A find of the checker: in Keras 3.15 the outputs do not add up to 1."""
    report = contracts.check_activation(activations.sparsemax)
    assert not report.ok


# --- What might be accused, and is not ---------------------------------------


@register
def snake(x):
    """A wave on a line: far out, float16 does not know where on the wave."""
    return x + ops.square(ops.sin(1.1 * x)) / 1.1


@register
def fast_wave(x):
    return ops.sin(29.7 * x)


@pytest.mark.parametrize("activation", [snake, fast_wave], ids=name_of)
def test_waves_are_not_accused_in_half_precision(activation):
    contracts.check_activation(activation).raise_if_failed()


def test_hint_says_which_weakness_of_half_precision_it_is():
    @register
    def cancels(x):
        return (x + 1000.0) - 1000.0

    @register
    def overflows(x):
        return ops.tanh(x * 1e6 * 1e-6) * ops.tanh(ops.exp(x) * 1e-3)

    for activation, word in ((cancels, "digits"), (overflows, "65504")):
        report = contracts.check_activation(activation)
        (result,) = [
            r for r in report.results if r.name == "works_in_mixed_float16"
        ]
        assert word in result.hint, report
