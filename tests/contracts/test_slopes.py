"""Are gradients and slopes told apart, also at corners and where none are?"""

import numpy as np
import pytest
import tensorflow as tf

from helpers.contracts import slopes

X = np.array([[0.5, -2.0], [3.0, 1.5]])


@tf.custom_gradient
def forgets_the_two(x):
    return tf.square(x), lambda upstream: upstream * x


@tf.custom_gradient
def steep_at_zero(x):
    return tf.abs(x), lambda upstream: 5 * upstream


def test_gradient_and_slopes_of_a_smooth_function_are_the_same():
    assert slopes.gradient_of(tf.square, X) == pytest.approx(2 * X)
    assert slopes.slopes_of(tf.square, X) == pytest.approx(2 * X, rel=1e-3)
    assert slopes.wrong_slope(tf.square, X) is None


def test_function_without_a_gradient_has_none():
    assert slopes.gradient_of(lambda x: tf.constant(x.numpy()), X) is None


def test_at_a_corner_there_is_no_slope_and_nothing_is_wrong():
    at_corner = np.array([0.0, 1.0])
    found = slopes.slopes_of(tf.abs, at_corner)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1, rel=1e-3)
    assert slopes.wrong_slope(tf.abs, at_corner) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wrong_gradient_is_told_with_the_slope_where_they_differ_most(dtype):
    gradient, slope = slopes.wrong_slope(forgets_the_two, X.astype(dtype))
    assert (gradient, slope) == pytest.approx((3, 6), rel=1e-2)


def test_missing_gradient_counts_as_zero():
    gradient, slope = slopes.wrong_slope(
        lambda x: tf.stop_gradient(tf.square(x)), X
    )
    assert (gradient, slope) == pytest.approx((0, 6), abs=0.1)


def test_at_a_corner_any_gradient_between_its_slopes_is_right():
    zero = np.zeros(2)
    assert slopes.gradient_outside_its_slopes(tf.abs, zero) is None
    assert slopes.gradient_outside_its_slopes(tf.nn.relu, zero) is None
    found = slopes.gradient_outside_its_slopes(steep_at_zero, zero)
    assert found == pytest.approx((5, -1, 1), rel=1e-2)


def test_function_that_insists_on_float32_is_tried_in_it():
    weights = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert slopes.wrong_slope(lambda x: weights * x, X) is None


def adds_a_hundred_in_float32(x):
    return 100 + tf.cast(x * x, "float32")


def rounds_to_float32_inside(x):
    return tf.cast(adds_a_hundred_in_float32(x), x.dtype)


@pytest.mark.parametrize(
    "function", [adds_a_hundred_in_float32, rounds_to_float32_inside]
)
def test_function_that_computes_in_float32_is_not_accused(function):
    """A step for `float64` would drown in what is rounded off."""
    assert slopes.wrong_slope(function, X) is None
    assert slopes.gradient_outside_its_slopes(function, X) is None


def test_what_is_rounded_off_a_large_number_is_no_slope():
    small = np.linspace(0.1, 1, 40, dtype="float32")
    for largest in (1e3, 1e5):
        assert (
            slopes.wrong_slope(
                lambda x, largest=largest: largest + tf.cast(x * x, "float32"),
                small,
            )
            is None
        )


def test_of_many_numbers_some_are_moved():
    calls = []

    def square(x):
        calls.append(x)
        return tf.square(x)

    many = np.linspace(1, 2, 10_000).reshape(100, 100)
    found = slopes.slopes_of(square, many)
    moved = np.isfinite(found)
    assert moved.sum() == slopes.MOVED
    assert found[moved] == pytest.approx(2 * many[moved], rel=1e-3)
    assert len(calls) < 5 * slopes.MOVED
    assert slopes.wrong_slope(tf.square, many) is None
    assert slopes.wrong_slope(forgets_the_two, many) is not None
