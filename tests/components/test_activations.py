"""Do activations and initializers keep their contracts and their precision?"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_POSITIVE,
    NOT_WHOLE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
    "my_softplus": (
        contracts.check_activation,
        made.my_softplus,
        {"against": keras.activations.softplus},
    ),
    "ScaledSoftplus": (
        contracts.check_layer,
        made.ScaledSoftplus(4.0),
        {"input_shape": (None, 3)},
    ),
    "LearnedSwish": (
        contracts.check_layer,
        made.LearnedSwish(),
        {"input_shape": (None, 2, 3)},
    ),
    "my_glorot": (contracts.check_initializer, made.my_glorot, {}),
    "GlorotNormal": (
        contracts.check_initializer,
        made.GlorotNormal(gain=1.5, seed=1),
        {},
    ),
}
NO_CONTRACT = {"compute_fans"}
BAD_ARGUMENTS = [
    (made.ScaledSoftplus, "sharpness", NOT_POSITIVE),
    (made.GlorotNormal, "gain", NOT_POSITIVE),
    (made.GlorotNormal, "seed", NOT_WHOLE),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


# --- Activations -------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [made.ScaledSoftplus(4.0), made.LearnedSwish()], ids=type
)
def test_layer_keeps_the_contract_of_activations_too(layer):
    assert_keeps_contract(contracts.check_activation, layer, {})


def test_softplus_is_exact_in_both_tails_and_has_its_slope_at_zero():
    x = tf.constant([-80.0, -20.0, -1.0, 0.0, 1.0, 20.0, 3e38])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = made.my_softplus(x)
    exact = np.logaddexp(0, x.numpy().astype("float64"))
    slopes = np.exp(-np.logaddexp(0, -x.numpy().astype("float64")))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(value, x), slopes, rtol=1e-6)


def test_softplus_takes_whole_numbers():
    np.testing.assert_allclose(
        made.my_softplus([0, 1]), [0.69314718, 1.31326169], rtol=1e-6
    )


def test_scaled_softplus_becomes_relu():
    x = np.linspace(-3, 3, 13, dtype="float32")
    sharp = made.ScaledSoftplus(sharpness=1000)(x)
    np.testing.assert_allclose(sharp, np.maximum(x, 0), atol=1e-3)


# --- Initializers ------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 3, 4, 5), (24, 30))],
)
def test_fans(shape, fans):
    assert made.compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(400, 200), (3, 3, 64, 32)])
def test_glorot_has_its_standard_deviation_and_is_not_truncated(shape):
    expected = np.sqrt(2 / sum(made.compute_fans(shape)))
    for gain, draw in (
        (1, lambda: made.my_glorot(shape)),
        (1.5, lambda: made.GlorotNormal(1.5, seed=0)(shape)),
    ):
        keras.utils.set_random_seed(0)
        weights = np.asarray(draw()) / (gain * expected)
        assert abs(weights.mean()) < 0.02
        assert 0.98 < weights.std() < 1.02
        assert np.abs(weights).max() > 3


def test_glorot_without_a_seed_draws_anew_at_each_call():
    draw = made.GlorotNormal()
    assert not np.array_equal(draw((3, 3)), draw((3, 3)))
