"""Do layers for sequences keep their contracts, and let nothing masked in?"""

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
    "HideMissing": (
        contracts.check_layer,
        made.HideMissing(),
        {"input_shape": (None, 4, 3)},
    ),
    "MaskedAverage": (
        contracts.check_layer,
        made.MaskedAverage(),
        {
            "input_shape": (None, 4, 3),
            "against": keras.layers.GlobalAveragePooling1D(),
        },
    ),
    "LayerNorm": (
        contracts.check_layer,
        made.LayerNorm(0.01),
        {
            "input_shape": (None, 4, 3),
            "against": keras.layers.LayerNormalization(epsilon=0.01),
        },
    ),
    "LeakyCell": (
        contracts.check_layer,
        keras.layers.RNN(made.LeakyCell(4, leak=0.3), return_sequences=True),
        {"input_shape": (None, 5, 3)},
    ),
    "DotAttention": (
        contracts.check_layer,
        made.DotAttention(scale=1.0),
        {
            "input_shape": [(None, 3, 4), (None, 5, 4)],
            "against": keras.layers.Attention(),
        },
    ),
}
NO_CONTRACT = {"attention_shape", "attention_weights", "hide_steps", "widened"}


def leaky_cell(units=4, leak=0.3):
    """A cell of which one argument is given."""
    return made.LeakyCell(units, leak)


BAD_ARGUMENTS = [
    (made.LayerNorm, "epsilon", NOT_POSITIVE),
    (leaky_cell, "units", [*NOT_WHOLE, None, 0, -5]),
    (leaky_cell, "leak", [*NOT_POSITIVE, 1.01]),
    (
        made.DotAttention,
        "scale",
        [n for n in NOT_POSITIVE if n is not None],
    ),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


def random_series(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_average_ends_the_mask_and_the_others_pass_it_on():
    x = keras.layers.Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]], "float32"))
    assert not hasattr(made.MaskedAverage()(x), "_keras_mask")
    cell = made.LeakyCell(2, leak=0.3)
    query = x[:, :1]  # arithmetic: no mask
    for layer, inputs, steps in (
        (made.LayerNorm(), x, 2),
        (keras.layers.RNN(cell, return_sequences=True), x, 2),
        (made.DotAttention(), [x, x], 2),
        (made.DotAttention(), [query, x], None),
    ):
        mask = getattr(layer(inputs), "_keras_mask", None)
        if steps is None:
            assert mask is None
        else:
            np.testing.assert_array_equal(mask, [[True, False]])


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 5), (3, 4), (2, 4, 1)])
def test_mask_of_another_shape_is_refused(shape):
    x, mask = np.ones((2, 4, 3), "float32"), np.ones(shape, "bool")
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.MaskedAverage()(x, mask=mask)
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.attention_weights(x, x, mask=mask)


# --- Missing steps -----------------------------------------------------------


def test_steps_with_something_missing_are_hidden_and_the_rest_is_kept():
    x = random_series(2, 4, 3)
    x[0, 1, 2] = x[1, 3] = np.nan
    y = made.HideMissing()(x)
    np.testing.assert_array_equal(y, np.nan_to_num(x, nan=0))
    np.testing.assert_array_equal(
        y._keras_mask, [[True, False, True, True], [True, True, True, False]]
    )


def test_what_was_hidden_before_stays_hidden():
    x = random_series(1, 4, 2)
    x[0, 0, 1], x[0, 3] = np.nan, -1
    y = made.HideMissing()(keras.layers.Masking(-1.0)(x))
    np.testing.assert_array_equal(y._keras_mask, [[False, True, True, False]])
    average = made.MaskedAverage()(y)
    np.testing.assert_allclose(average, x[:, 1:3].mean(axis=1), atol=1e-6)


def test_a_functional_model_hands_both_masks_on_of_series_of_any_length():
    inputs = keras.Input((None, 2))
    hidden = made.HideMissing()(keras.layers.Masking(-1.0)(inputs))
    model = keras.Model(inputs, made.MaskedAverage()(hidden))
    x = np.array([[[1, 2], [np.nan, 9], [3, 4], [-1, -1]]], "float32")
    np.testing.assert_array_equal(model(x), [[2, 3]])


def test_hiding_takes_whole_numbers_and_refuses_tables():
    assert made.HideMissing()(np.array([[[1], [2]]])).dtype == "float32"
    with pytest.raises(ValueError, match="expected ndim=3"):
        made.HideMissing()(random_series(4, 2))


# --- Averages ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_average_is_that_of_numpy_over_the_real_steps(dtype):
    x = random_series(4, 6, 2, 3)
    lengths = np.array([6, 3, 1, 0])
    mask = np.arange(6) < lengths[:, None]
    x[~mask] = np.nan  # must not matter
    layer = made.MaskedAverage(dtype=dtype)
    seen = layer(x, mask=mask)
    expected = [
        x[i, :n].mean(axis=0) if n else 0 * x[0, 0]
        for i, n in enumerate(lengths)
    ]
    assert seen.dtype == dtype
    tolerance = 1e-6 if dtype in ("float32", "float64") else 1e-2
    np.testing.assert_allclose(
        np.asarray(seen).astype("float64"), expected, atol=tolerance
    )


def test_average_without_a_mask_takes_whole_numbers_and_long_series():
    average = made.MaskedAverage()
    assert average(np.array([[[1], [2]]]))[0, 0] == 1.5
    many = np.ones((1, 70_000, 1), "float16")
    assert made.MaskedAverage(dtype="float16")(many)[0, 0] == 1


def test_gradient_of_the_average_is_finite_without_a_real_step():
    x = tf.Variable(random_series(1, 3, 2))
    with tf.GradientTape() as tape:
        y = made.MaskedAverage()(x, mask=np.zeros((1, 3), "bool"))
    np.testing.assert_array_equal(tape.gradient(y, x), np.zeros((1, 3, 2)))


def test_sums_in_half_precision_see_the_input_as_it_is():
    x = np.array([[[1e5], [-1e5], [3.0]]], "float32")
    average = made.MaskedAverage(dtype="mixed_float16")(x)
    np.testing.assert_allclose(average, [[1.0]], rtol=1e-3)


# --- Normalization -----------------------------------------------------------


@pytest.mark.parametrize("mean", [0, 100, 1e4, 1e6])
def test_layer_norm_is_that_of_float64(mean):
    x = random_series(50, 16) + np.float32(mean)
    wide = x.astype("float64")
    expected = wide - wide.mean(axis=-1, keepdims=True)
    expected /= np.sqrt(wide.var(axis=-1, keepdims=True) + 1e-3)
    tolerance = max(1e-6, 3e-7 * mean)
    seen = made.LayerNorm()(x)
    np.testing.assert_allclose(seen, expected, rtol=0, atol=tolerance)
    mixed = made.LayerNorm(dtype="mixed_float16")(x)
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=2e-3 + tolerance)


def test_layer_norm_of_equal_numbers_is_the_offset_with_a_finite_slope():
    x = tf.Variable(np.full((2, 4), 3.0, "float32"))
    with tf.GradientTape() as tape:
        y = made.LayerNorm(1e-6)(x)
        last = y[:, -1]
    np.testing.assert_array_equal(y, np.zeros((2, 4)))
    assert np.isfinite(tape.gradient(last, x)).all()


def test_layer_norm_takes_whole_numbers_and_float64():
    whole = made.LayerNorm()(np.array([[1, 2, 3]]))
    np.testing.assert_allclose(whole, [[-1.2238, 0, 1.2238]], atol=1e-4)
    x = np.random.default_rng(0).normal(size=(3, 8)) + 1e8
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(
        x.var(-1, keepdims=True) + 1e-3
    )
    seen = made.LayerNorm(dtype="float64")(x)
    np.testing.assert_allclose(seen, expected, atol=1e-6)


# --- Cells -------------------------------------------------------------------


def test_cell_with_leak_1_is_that_of_simple_rnn():
    x = random_series(3, 7, 2)
    ours = keras.layers.RNN(made.LeakyCell(5, leak=1), return_sequences=True)
    theirs = keras.layers.SimpleRNN(5, return_sequences=True)
    for layer in (ours, theirs):
        layer.build(x.shape)
    weights = [random_series(*weight.shape) for weight in ours.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=0, atol=1e-6)


def test_cell_follows_its_formula():
    cell = made.LeakyCell(3, leak=0.3)
    x, before = random_series(4, 2), random_series(4, 3)
    cell.build(x.shape)
    cell.set_weights([random_series(*w.shape) for w in cell.weights])
    kernel, recurrent_kernel, bias = cell.get_weights()
    output, states = cell(x, [before])
    new = np.tanh(x @ kernel + before @ recurrent_kernel + bias)
    expected = 0.7 * before + 0.3 * new
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6)
    assert len(states) == 1
    np.testing.assert_array_equal(states[0], output)


def test_padding_in_front_or_behind_changes_no_state():
    x = random_series(3, 5, 2)
    rnn = keras.layers.RNN(made.LeakyCell(4, leak=0.3))
    masking = keras.layers.Masking(-9.0)
    expected = rnn(x)
    for widths in ((0, 3), (3, 0)):
        padded = np.pad(x, [(0, 0), widths, (0, 0)], constant_values=-9)
        np.testing.assert_allclose(rnn(masking(padded)), expected, atol=1e-6)


def test_cell_works_in_all_that_rnn_offers():
    x = random_series(2, 6, 3)
    cell = made.LeakyCell(4, leak=0.3)
    rnn = keras.layers.RNN
    expected = rnn(cell)(x)
    for options in ({"unroll": True}, {"stateful": True}):
        np.testing.assert_allclose(rnn(cell, **options)(x), expected, atol=1e-6)
    stateful = rnn(cell, stateful=True)
    stateful(x[:, :4])
    np.testing.assert_allclose(stateful(x[:, 4:]), expected, atol=1e-6)
    output, state = rnn(cell, return_state=True)(x)
    np.testing.assert_array_equal(output, state)
    stacked = rnn([made.LeakyCell(4, leak=0.3), made.LeakyCell(2, leak=1)])
    assert stacked(x).shape == (2, 2)
    assert keras.layers.Bidirectional(rnn(cell))(x).shape == (2, 8)
    assert (
        rnn(made.LeakyCell(4, leak=0.3))(np.array([[[1], [2]]])).shape[1] == 4
    )
    half = rnn(made.LeakyCell(4, leak=0.3, dtype="float16"), dtype="float16")
    assert half(x).dtype == "float16"


# --- Attention ---------------------------------------------------------------


@pytest.mark.parametrize("scale", [None, 0.3, 2.0])
def test_attention_is_that_of_numpy(scale):
    query, value, key = (
        random_series(2, 3, 4),
        random_series(2, 5, 6),
        random_series(2, 5, 4)[::-1],
    )
    scores = query @ np.swapaxes(key, 1, 2) * (scale or 0.5)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    seen = made.DotAttention(scale)([query, value, key])
    np.testing.assert_allclose(seen, weights @ value, rtol=0, atol=1e-5)


def test_attention_treats_masks_as_keras_does():
    query, value = random_series(2, 3, 4), random_series(2, 5, 4)
    masks = [
        np.array([[1, 1, 0], [1, 0, 0]], "bool"),
        np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], "bool"),
    ]
    ours, theirs = made.DotAttention(1.0), keras.layers.Attention()
    for mask in (masks, [None, masks[1]], [masks[0], None], None):
        pair = [layer([query, value], mask=mask) for layer in (ours, theirs)]
        np.testing.assert_allclose(*pair, rtol=0, atol=1e-6)


def test_attention_with_nothing_to_look_at_is_zero_with_finite_slopes():
    value = tf.constant(random_series(1, 3, 2))
    mask = np.zeros((1, 3), "bool")
    with tf.GradientTape() as tape:
        tape.watch(value)
        y = made.DotAttention()([value, value], mask=[None, mask])
    np.testing.assert_array_equal(y, np.zeros((1, 3, 2)))
    slopes = tf.convert_to_tensor(tape.gradient(y, value))
    np.testing.assert_array_equal(slopes, np.zeros((1, 3, 2)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_attention_in_half_precision_takes_large_scores(dtype):
    x = 300 * random_series(2, 4, 8)
    mask = [None, np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "bool")]
    y = made.DotAttention(1.0, dtype=dtype)([x, x], mask=mask)
    assert y.dtype == dtype
    assert np.isfinite(np.asarray(y).astype("float32")).all()


def test_weights_of_a_query_sum_to_1_over_the_steps_that_are_seen():
    query, key = random_series(2, 3, 4), random_series(2, 5, 4)
    mask = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], "bool")
    weights = made.attention_weights(query, key, 2.0, mask).numpy()
    np.testing.assert_allclose(weights.sum(axis=-1), np.ones((2, 3)), atol=1e-6)
    assert (weights[~np.broadcast_to(mask[:, None], (2, 3, 5))] == 0).all()


ONE = np.ones((2, 5, 4), "float32")


BAD_ATTENTION = [
    ONE,  # its two samples are no query and no value
    [ONE],
    [ONE] * 4,
    [ONE, ONE[:, :, :2]],
    [ONE, ONE, ONE[:, :3]],
    [ONE, ONE[:1]],
    [ONE[0], ONE[0]],
]


@pytest.mark.parametrize("inputs", BAD_ATTENTION)
@pytest.mark.parametrize("symbolic", [False, True])
def test_attention_refuses_what_does_not_fit(inputs, symbolic):
    if symbolic:
        inputs = keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape), inputs
        )
    with pytest.raises(ValueError, match="`inputs` must be a list of query"):
        made.DotAttention()(inputs)


def test_attention_refuses_a_mask_that_is_no_pair():
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.DotAttention()([ONE, ONE], mask=np.ones((2, 5), "bool"))


def test_attention_lets_nothing_hidden_through_not_even_nan():
    mask = np.array([[True, False, True]])
    x = np.array([[[1, 2], [3, 4], [3, 1]]], "float32")
    spoiled = tf.Variable(np.where(mask[..., None], x, np.nan))
    with tf.GradientTape() as tape:
        y = made.DotAttention()([spoiled, spoiled], mask=[mask, mask])
    slope = tape.gradient(y, spoiled).numpy()
    np.testing.assert_array_equal(y, made.DotAttention()([x, x], [mask, mask]))
    assert np.isfinite(slope).all() and not slope[0, 1].any()


def test_attention_weights_sum_to_one_however_low_the_scores_are():
    low = np.array([[[-1e5], [-1e5], [1.0]]], "float32")
    mask = np.array([[True, True, False]])
    weights = made.attention_weights(-low[:, :1], low, 1.0, mask)
    np.testing.assert_allclose(weights[0, 0], [0.5, 0.5, 0])
