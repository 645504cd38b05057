"""Do the layers keep their contracts, and refuse what does not fit?"""

import keras
import numpy as np
import pytest

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
    "Exponential": (
        contracts.check_layer,
        made.Exponential(),
        {"input_shape": (None, 3)},
    ),
    "MyDense": (
        contracts.check_layer,
        made.MyDense(4, activation="tanh"),
        {
            "input_shape": (None, 3),
            "against": keras.layers.Dense(4, activation="tanh"),
        },
    ),
    "MyMultiLayer": (
        contracts.check_layer,
        made.MyMultiLayer(),
        {"input_shape": [(None, 3), (None, 3)]},
    ),
    "AddGaussianNoise": (
        contracts.check_layer,
        made.AddGaussianNoise(0.5),
        {"input_shape": (None, 3)},
    ),
    "RunningCenter": (
        contracts.check_layer,
        made.RunningCenter(0.9),
        {"input_shape": (None, 3)},
    ),
    "ResidualBlock": (
        contracts.check_layer,
        made.ResidualBlock(4, depth=2),
        {"input_shape": (None, 4)},
    ),
}
NO_CONTRACT = {"broadcast_samples", "build_in_turn", "last_size", "masked_mean"}
BAD_ARGUMENTS = [
    (made.MyDense, "units", [*NOT_WHOLE, None, 0, -5]),
    (made.AddGaussianNoise, "stddev", NOT_POSITIVE[1:-1]),
    (made.RunningCenter, "momentum", [*NOT_POSITIVE[1:-1], 1.0]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


@pytest.mark.parametrize(
    "shape", [None, {"a": (None, 3)}, [(None, 3), (None, 3)], (3,), (2, None)]
)
def test_what_is_not_one_shape_with_a_last_size_is_refused(shape):
    with pytest.raises(ValueError, match="`inputs` must be one tensor"):
        made.last_size(shape)


def test_last_size_is_a_plain_number():
    assert type(made.last_size((None, np.int64(3)))) is int


def test_multi_layer_combines_sample_by_sample():
    random = np.random.default_rng(0)
    series = random.normal(size=(3, 3, 2)).astype("float32")
    samples = np.array([[1, 0], [2, 4], [3, -1]], "float32")
    wide = samples[:, None]
    total, product, quotient = made.MyMultiLayer()([series, samples])
    np.testing.assert_allclose(total, series + wide)
    np.testing.assert_allclose(product, series * wide)
    divisor = np.where(wide == 0, np.inf, wide)
    np.testing.assert_allclose(quotient, series / divisor, rtol=1e-6)


@pytest.mark.parametrize("shapes", [[(2, 3), (3, 3)], [(2, 3), (2, 4, 5)]])
def test_multi_layer_refuses_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="`inputs` must have a batch axis"):
        made.MyMultiLayer()([np.zeros(shape) for shape in shapes])


def test_noise_has_its_stddev_and_is_new_at_each_call():
    zeros = np.zeros((200, 200), "float32")
    layer = made.AddGaussianNoise(0.3, seed=5)
    first, second = (layer(zeros, training=True).numpy() for _ in range(2))
    assert abs(first.mean()) < 0.01
    assert first.std() == pytest.approx(0.3, rel=0.02)
    assert not np.array_equal(first, second)
    again = made.AddGaussianNoise(0.3, seed=5)(zeros, training=True)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(layer(zeros), zeros)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_center_follows_the_mean_as_batch_normalization_does(dtype):
    ours = made.RunningCenter(0.9, dtype=dtype)
    theirs = keras.layers.BatchNormalization(momentum=0.9)
    random = np.random.default_rng(0)
    for _ in range(5):
        x = random.normal(3, 1, (20, 4, 2)).astype("float32")
        ours(x, training=True)
        theirs(x, training=True)
    exact = {"float16": 1e-2, "bfloat16": 5e-2}.get(dtype, 1e-5)
    mean = ours.mean.numpy().astype("float32")
    np.testing.assert_allclose(mean, theirs.moving_mean, rtol=exact)
    np.testing.assert_allclose(
        np.asarray(ours(x)).astype("float32"), x - mean, rtol=0, atol=exact
    )


def test_center_leaves_out_what_is_masked_and_what_is_frozen():
    x = np.array([[[1.0], [np.nan]], [[3.0], [5.0]]], "float32")
    mask = np.array([[True, False], [True, False]])
    center = made.RunningCenter(0.5)
    center(x, training=True, mask=mask)
    assert float(center.mean[0]) == 1  # half of (1 + 3) / 2
    center(x, training=True, mask=np.zeros((2, 2), bool))
    assert float(center.mean[0]) == 1
    center.trainable = False
    center(x, training=True)
    assert float(center.mean[0]) == 1
    whole = made.RunningCenter(0.0)
    ones = np.ones((2, 4, 3), "float32")
    whole(ones, training=True, mask=ones > 0)
    np.testing.assert_array_equal(whole.mean.numpy(), [1, 1, 1])


def test_block_adds_a_change_and_works_in_time():
    block = made.ResidualBlock(5, depth=2)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    y = block(x)
    change = x
    for layer in block.hidden:
        change = np.maximum(change @ layer.kernel + layer.bias, 0)
    change = change @ block.last.kernel + block.last.bias
    np.testing.assert_allclose(y, x + change, rtol=1e-5, atol=1e-6)
    wrapped = keras.layers.TimeDistributed(block)
    np.testing.assert_allclose(wrapped(x), y, rtol=1e-5, atol=1e-6)
