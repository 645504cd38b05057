"""Does the model keep its contract, at any depth and in any dtype?"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_WHOLE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
    "ResidualRegressor": (
        contracts.check_model,
        made.ResidualRegressor(8, depth=3),
        {"input_shape": (None, 5)},
    ),
}
NO_CONTRACT = {"call_in_turn", "table_spec"}
BAD_ARGUMENTS = [(made.ResidualRegressor, "units", [*NOT_WHOLE, None, 0, -5])]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


def regressor_in_numpy(model, x):
    """Return what a `ResidualRegressor` must predict, in float64."""

    def dense(layer, x):
        return x @ np.float64(layer.kernel) + np.float64(layer.bias)

    hidden = dense(model.stem, np.float64(x))
    for block in model.blocks:
        change = np.maximum(dense(block.hidden[0], hidden), 0)
        hidden = hidden + dense(block.last, change)
    centred = hidden - hidden.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    normal = centred / np.sqrt(variance + model.norm.epsilon)
    scaled = normal * np.float64(model.norm.gamma) + model.norm.beta
    return dense(model.out, scaled)


def filled_regressor(dtype="float32", units=4, depth=3):
    """Return a built model in which no weight is what it began with."""
    model = made.ResidualRegressor(units, depth=depth, dtype=dtype)
    model.build((None, 5))
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape, scale=0.5))
    return model


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        ("float64", 1e-12),
        ("float32", 1e-5),
        ("mixed_float16", 2e-2),
        ("mixed_bfloat16", 2e-1),
    ],
)
def test_regressor_computes_its_formula_in_each_dtype(dtype, tolerance):
    model = filled_regressor(dtype)
    x = np.random.default_rng(2).normal(size=(7, 5))
    found = model(x)
    assert found.dtype == model.compute_dtype
    assert {layer.compute_dtype for layer in model.layers} == {found.dtype.name}
    found = np.asarray(tf.cast(found, "float64"))
    expected = regressor_in_numpy(model, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_regressor_takes_whole_numbers_and_one_sample():
    model = filled_regressor()
    whole = np.arange(5, dtype="int32")[None]
    np.testing.assert_array_equal(model(whole), model(whole.astype("float32")))
    assert model(whole).shape == (1, 1)


@pytest.mark.parametrize("depth", [*NOT_WHOLE, None, 0, -5])
def test_bad_depth_is_named_with_its_value(depth):
    regressor = functools.partial(made.ResidualRegressor, 4)
    assert_named_with_its_value(regressor, "depth", depth)


@pytest.mark.parametrize(
    "shape", [(5,), (None, None), (None, 2, 5), [(None, 5), (None, 5)]]
)
def test_regressor_refuses_other_shapes_when_it_is_built(shape):
    model = made.ResidualRegressor(4)
    with pytest.raises(ValueError, match=r"^`inputs` must"):
        model.build(shape)
    assert not model.weights


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 5)])
def test_built_regressor_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="incompatible with the layer"):
        filled_regressor()(np.ones(shape, "float32"))


@pytest.mark.parametrize("called", [True, False])
def test_regressor_is_restored_with_its_optimizer(called, tmp_path):
    model = filled_regressor()
    x = np.random.default_rng(3).normal(size=(8, 5)).astype("float32")
    if called:
        model.compile("adam", loss="mse")
        model.fit(x, x[:, :1], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.units, loaded.depth) == (4, 3)
    pairs = list(zip(model.variables, loaded.variables, strict=True))
    if called:
        states = model.optimizer.variables, loaded.optimizer.variables
        pairs += zip(*states, strict=True)
    for before, after in pairs:
        np.testing.assert_array_equal(before.value, after.value)
    np.testing.assert_array_equal(model(x), loaded(x))


def test_regressor_keeps_the_gradient_in_size_however_deep_it_is():
    x = np.random.default_rng(4).normal(size=(64, 5)).astype("float32")
    for depth in (2, 40):
        keras.utils.set_random_seed(0)
        model = made.ResidualRegressor(16, depth=depth)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - x[:, :1]))
        kernels = [w.value for w in model.weights if w.name == "kernel"]
        norms = [float(tf.norm(g)) for g in tape.gradient(loss, kernels)]
        assert min(norms) > 0.01 and max(norms) < 100


def test_layer_of_a_class_that_extends_it_is_not_slipped_into_the_chain():
    class Extended(made.ResidualRegressor):
        def __init__(self, units, **kwargs):
            super().__init__(units, **kwargs)
            self.aside = keras.layers.Rescaling(2.0)

    x = np.random.default_rng(5).normal(size=(4, 5)).astype("float32")
    plain, extended = made.ResidualRegressor(4), Extended(4)
    for model in (plain, extended):
        model.build((None, 5))
    extended.set_weights(plain.get_weights())
    np.testing.assert_array_equal(extended(x), plain(x))
    assert extended.aside in extended.layers
