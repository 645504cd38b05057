"""Activations that are broken on purpose."""

import keras
from keras import ops

from tests.contracts.broken import broken, broken_function


@broken_function(
    "activation",
    "keeps_the_shape",
    "has_a_gradient",
    "gradient_equals_finite_differences",
    "has_its_slope_at_zero",
)
def drops_the_last_axis(x):
    return ops.max(x, axis=-1)


@broken_function("activation", "treats_each_sample_alone")
def softmax_over_the_batch(x):
    return ops.softmax(x, axis=0)


@broken_function("activation", "is_finite_for_large_inputs")
def softplus_by_the_book(x):
    return ops.log(1.0 + ops.exp(x))


@broken_function("activation", "is_finite_for_large_inputs")
def gradient_of_where_is_nan(x):
    return ops.where(x > 0, x, ops.exp(x) - 1.0)


@broken_function("activation", "has_a_gradient")
def step(x):
    return ops.cast(x > 0, x.dtype)


@broken_function("activation", "gradient_equals_finite_differences")
def straight_through(x):
    return x + ops.stop_gradient(ops.tanh(x) - x)


@broken_function("activation", "has_its_slope_at_zero")
def corners_of_two_sides(x):
    return ops.maximum(x, 0) + ops.log1p(ops.exp(-ops.abs(x)))


@broken_function("activation", "works_in_mixed_float16")
def always_float32(x):
    return ops.tanh(ops.cast(x, "float32"))


@broken_function(
    "activation",
    "is_the_same_in_a_graph",
    "treats_each_sample_alone",
    "is_the_same_with_xla",
)
def asks_for_the_sign(x):
    if ops.max(x) > 0:
        return ops.tanh(x)
    return x


@broken_function(
    "activation",
    "gives_the_same_twice",
    "has_its_slope_at_zero",
    "reloads_from_a_file",
    "treats_each_sample_alone",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "works_in_mixed_float16",
)
def adds_noise(x):
    return ops.tanh(x) + keras.random.normal(ops.shape(x), dtype=x.dtype)


@broken("activation", "reloads_from_a_file")
def leaky_closure():
    slope = 0.2

    def leaky(x):
        return ops.where(x > 0, x, slope * x)

    return leaky
