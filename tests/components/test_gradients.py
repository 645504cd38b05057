"""Are the gradients right, and does the check of gradients find wrong ones?"""

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
    "exact_softplus": (
        contracts.check_activation,
        made.exact_softplus,
        {"against": keras.activations.softplus},
    ),
    "straight_through_sign": (
        contracts.check_activation,
        made.straight_through_sign,
        {
            "skip": {
                "gradient_equals_finite_differences": "an estimator",
                "has_its_slope_at_zero": "an estimator",
            },
        },
    ),
    "BinaryDense": (
        contracts.check_layer,
        made.BinaryDense(4, activation="tanh"),
        {"input_shape": (None, 2, 3)},
    ),
}
NO_CONTRACT = {
    "as_doubles",
    "as_float_tensor",
    "check_gradient",
    "in_words",
    "names_of",
    "rounding_of",
    "slopes_near",
    "tape_gradients",
    "weighted_sum",
    "wrong_places",
}


def checked_square(**options):
    """A gradient check of which one option is given."""
    return made.check_gradient(tf.square, np.ones(2), **options)


BAD_ARGUMENTS = [
    (made.BinaryDense, "units", [*NOT_WHOLE, None, 0, -5]),
    (checked_square, "tolerance", NOT_POSITIVE),
    (checked_square, "most", [*NOT_WHOLE, None, 0, -5]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


# --- Functions and a layer with gradients of their own -----------------------


def derivatives(function, x):
    """The value and two derivatives of a function of one number each."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = function(x)
        slope = inner.gradient(value, x)
    return value, slope, outer.gradient(slope, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_softplus_is_exact_with_both_derivatives(dtype):
    x = tf.constant([-80.0, -20, -1, 0, 1, 20, 99, 1e30], dtype)
    value, slope, bend = derivatives(made.exact_softplus, x)
    exact = x.numpy().astype("float64")
    sigmoid = np.exp(-np.logaddexp(0, -exact))
    other = np.exp(-np.logaddexp(0, exact))
    np.testing.assert_allclose(value, np.logaddexp(0, exact), rtol=1e-6)
    np.testing.assert_allclose(slope, sigmoid, rtol=1e-6)
    np.testing.assert_allclose(bend, sigmoid * other, rtol=1e-5, atol=1e-8)


def test_exact_softplus_multiplies_by_what_comes_after():
    made.check_gradient(
        lambda x: made.exact_softplus(3 * x) ** 2, np.linspace(-2, 2, 5)
    )


def test_straight_through_sign_passes_the_gradient_near_zero():
    x = tf.constant([-1.5, -1.0, -0.2, 0.0, 0.7, 1.0, 1.1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        signs = made.straight_through_sign(x)
        total = tf.reduce_sum(3 * signs)
    np.testing.assert_array_equal(signs, [-1, -1, -1, 1, 1, 1, 1])
    np.testing.assert_array_equal(
        tape.gradient(total, x), [0, 3, 3, 3, 3, 3, 0]
    )


def test_straight_through_sign_hides_no_nan():
    seen = made.straight_through_sign(tf.constant([np.nan, -0.0, -3.0, 3.0]))
    np.testing.assert_array_equal(seen, [np.nan, 1, -1, 1])


@pytest.mark.parametrize("name", ["exact_softplus", "straight_through_sign"])
def test_function_with_its_own_gradient_works_in_a_functional_model(name):
    function = getattr(made, name)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, function(inputs))
    x = np.float32([[-2.0, 0.5, 3.0]])
    np.testing.assert_array_equal(model(x), function(x))


def test_binary_dense_computes_its_formula():
    layer = made.BinaryDense(4, activation="relu")
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    layer(x)
    layer.bias.assign([0.5, -0.5, 1.0, 0.0])
    signs = np.where(layer.kernel.numpy() >= 0, 1, -1)
    expected = np.maximum(x @ signs / np.sqrt(3) + layer.bias.numpy(), 0)
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


def test_binary_dense_learns_which_sign_is_right():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    wanted = np.where(np.arange(8) % 2, 1.0, -1.0).astype("float32")
    model = keras.Sequential([keras.Input((8,)), made.BinaryDense(1)])
    model.compile(keras.optimizers.Adam(0.05), loss="mse")
    model.fit(x, x @ wanted / np.sqrt(8), epochs=20, verbose=0)
    signs = np.sign(model.layers[0].kernel.numpy()[:, 0])
    np.testing.assert_array_equal(signs, wanted)


def test_binary_dense_without_features_has_its_bias_left():
    outputs = made.BinaryDense(2)(np.ones((3, 0), "float32"))
    np.testing.assert_array_equal(outputs, np.zeros((3, 2)))


# --- The check of gradients --------------------------------------------------

ROWS = np.random.default_rng(0).normal(size=(3, 4))


RIGHT = {
    "power": lambda x: x**3,
    "softmax": tf.nn.softmax,
    "steep": lambda x: tf.sin(300 * x),
    "large": lambda x: 1e6 * x**2 + 1e8,
    "small": lambda x: 1e-9 * tf.exp(x),
    "float32 inside": lambda x: tf.cast(tf.cast(x, "float32") ** 3, x.dtype),
    "float32 kernel": lambda x: x @ tf.ones((4, 2)),
    "corner": lambda x: tf.nn.relu(x - ROWS),
    "near a corner": lambda x: tf.abs(x - ROWS + 3e-5),
    "a step": lambda x: tf.sign(x),
    "dense": keras.layers.Dense(3, "gelu"),
    "norm": keras.layers.LayerNormalization(),
    "two outputs": lambda x: {"a": x**2, "b": [tf.sin(x)]},
    "scalar": tf.reduce_logsumexp,
    "far from zero": lambda x: tf.sin(x + 1e4),
    "nearly saturated": lambda x: tf.nn.softmax(tf.cast(4 * x, "float32")),
    "does nothing": lambda x: tf.nn.relu(tf.cast(x, "float32") - 9),
}


@pytest.mark.parametrize("name", RIGHT)
def test_check_gradient_accuses_nobody_without_reason(name):
    made.check_gradient(RIGHT[name], ROWS)


def test_check_gradient_takes_several_arguments_and_lists():
    made.check_gradient(
        keras.layers.MultiHeadAttention(2, 3),
        *np.random.default_rng(1).normal(size=(2, 2, 4, 3)),
    )
    made.check_gradient(keras.losses.Huber(), ROWS, ROWS[::-1])
    made.check_gradient(lambda x, y: x * y, [1.0, 2.0], 3)


@pytest.mark.parametrize("size", [13.0, 28.0])
def test_check_gradient_trusts_no_slope_below_the_rounding(size):
    def loss(logits):
        logits = tf.cast(logits, "float32")
        return tf.nn.softmax_cross_entropy_with_logits([1.0, 0, 0], logits)

    with pytest.raises(AssertionError) as caught:
        made.check_gradient(loss, [size, 0.0, -size])
    lines = str(caught.value).splitlines()
    assert all(line.endswith(": cannot tell") for line in lines)


def test_check_gradient_returns_the_doubt_that_is_left():
    assert made.check_gradient(tf.sin, ROWS) < 1e-6
    coarse = made.check_gradient(lambda x: tf.sin(tf.cast(x, "float32")), ROWS)
    assert 1e-6 < coarse < 0.05


@tf.custom_gradient
def doubled(x):
    return x * 2, lambda upstream: upstream * 2.1


@tf.custom_gradient
def forgetful(x):
    return x * 2, lambda upstream: tf.fill(tf.shape(x), tf.cast(2, x.dtype))


def with_gradient(function, gradient):
    """A function with a gradient of its own; in float32."""
    own = tf.custom_gradient(lambda x: (function(x), lambda u: u * gradient(x)))
    return lambda x: own(tf.cast(x, "float32"))


UNCLEAR = {
    "a jump": (
        with_gradient(tf.sign, lambda x: 1000.0),
        np.zeros(1),
        "gradient 1137, slope .* give or take .*: cannot tell",
    ),
    "saturated": (
        lambda x: tf.nn.softmax(tf.cast(40 * x, "float32")),
        ROWS,
        "cannot tell",
    ),
    "a large sum": (
        with_gradient(lambda x: 1000 + tf.sin(x), lambda x: 1.1 * tf.cos(x)),
        np.array([0.3, 1.0]),
        "cannot tell",
    ),
    "stairs": (
        lambda x: tf.cast(x, "float32") + 1e4,
        np.array([0.3, 1.0]),
        "cannot tell",
    ),
    "nothing moves": (
        with_gradient(lambda x: 1e8 + x, lambda x: 0.0),
        np.array([0.3, 1.0]),
        "gradient 0, slope 0 give or take .*: cannot tell",
    ),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_check_gradient_says_where_it_cannot_tell(name):
    function, place, message = UNCLEAR[name]
    with pytest.raises(AssertionError, match=message):
        made.check_gradient(function, place)


def test_check_gradient_finds_a_small_slope_that_is_doubled():
    @tf.custom_gradient
    def twice(x):
        sizes = tf.constant([1.0, 1e-4], x.dtype)
        return sizes * x, lambda u: u * sizes * [1.0, 2.0]

    with pytest.raises(
        AssertionError, match=r"^`x` at \(1,\): gradient 0.0001"
    ):
        made.check_gradient(twice, np.ones(2))


WRONG = {
    "None": (tf.round, "`[a-z]+`: the gradient is None"),
    "constant": (lambda x: tf.ones(3), "`x`: the gradient is None"),
    "NumPy": (
        lambda x: tf.constant(np.square(x)),
        "`x`: the gradient is None",
    ),
    "five percent": (doubled, r"`x` at \(0, 0\): gradient"),
    "upstream": (forgetful, r"`x` at \(0, 0\): gradient 2, slope"),
    "NaN": (
        lambda x: tf.where(x > 9, tf.sqrt(x - 9), x) * 0 + x**0.5 * 0 + 1,
        "not finite",
    ),
    "NaN through where": (
        lambda x: tf.where(x > 9, (x - 9) ** 0.5, x),
        r"`x` at \(0, 0\): gradient nan, slope",
    ),
    "part": (
        lambda x: x * tf.stop_gradient(x),
        r"`x` at \(0, 0\): gradient .*, slope",
    ),
    "sign": (made.straight_through_sign, r"`x` at .*slope 0"),
    "NaN outputs": (lambda x: tf.sqrt(-tf.abs(x)), "not finite"),
    "random": (lambda x: x * tf.random.uniform(()), "from call to call"),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_gradient_names_the_argument_the_place_and_the_numbers(name):
    function, message = WRONG[name]
    with pytest.raises(AssertionError, match=message):
        made.check_gradient(function, ROWS)


def test_check_gradient_names_the_second_argument():
    with pytest.raises(AssertionError) as caught:
        made.check_gradient(
            lambda x, scale: x * tf.stop_gradient(scale) + 0 * scale,
            np.ones(2),
            np.full(2, 3.0),
        )
    lines = str(caught.value).splitlines()
    assert [line[:12] for line in lines] == ["`scale` at (", "`scale` at ("]


def test_check_gradient_finds_one_wrong_place_among_many():
    def one_wrong(x):
        first = tf.stop_gradient(x[:1]) * 2 - x[:1]
        return tf.concat([first, x[1:]], axis=0)

    with pytest.raises(AssertionError, match=r"at \(0,\): gradient -"):
        made.check_gradient(one_wrong, np.ones(40), most=40)


@tf.custom_gradient
def root_with_a_wrong_gradient(x):
    return tf.sqrt(x), lambda upstream: upstream * 7


@pytest.mark.parametrize("place", [0.0, 1e-12])
def test_check_gradient_says_where_a_function_ends(place):
    with pytest.raises(AssertionError, match=r"gradient 7.*, slope"):
        made.check_gradient(root_with_a_wrong_gradient, [place])


def test_check_gradient_refuses_half_precision():
    layer = keras.layers.Dense(3, dtype="mixed_float16")
    with pytest.raises(ValueError, match="Received: outputs in float16"):
        made.check_gradient(layer, ROWS)


def test_check_gradient_needs_an_array():
    with pytest.raises(ValueError, match="`arrays` must"):
        made.check_gradient(tf.square)
    with pytest.raises(ValueError, match=r"none of them empty.*\[2, 0\]"):
        made.check_gradient(tf.add, np.ones(2), np.zeros((0, 3)))
