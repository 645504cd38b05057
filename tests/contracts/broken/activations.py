"""Activations that are broken on purpose."""

import keras
from keras import ops

from tests.contracts.broken import broken, broken_function, register


@broken_function("activation", "keeps_the_shape")
def drops_the_last_axis(x):
    return ops.max(x, axis=-1)


@broken_function("activation", "treats_each_sample_alone")
def softmax_over_the_batch(x):
    return ops.softmax(x, axis=0)


@broken_function(
    "activation", "is_finite_for_large_inputs", "works_in_mixed_float16"
)
def softplus_by_the_book(x):
    return ops.log(1.0 + ops.exp(x))


@broken_function(
    "activation", "is_finite_for_large_inputs", "works_in_mixed_float16"
)
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


@broken_function("activation", "works_in_mixed_float16")
def right_only_up_to_88(x):
    """In float32 both halves are large numbers where it is cut off."""
    return ops.where(x > 20, x, ops.log1p(ops.exp(ops.where(x > 20, 0.0, x))))


@broken_function("activation", "is_the_same_with_xla")
def root_of_what_is_not_chosen(x):
    """Eagerly TensorFlow forgives it: the gradient is 0."""
    return ops.where(x > 0, ops.sqrt(x), 0.0) + 0.1 * x


class Scaled:
    """An object that is called, with nothing wrong."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def __call__(self, x):
        return self.scale * ops.tanh(x)

    def get_config(self):
        return {"scale": self.scale}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@broken("activation", "uses_every_number")
class ActivationIgnoresItsScale(Scaled):
    """It is kept, saved, loaded and never used."""

    def __call__(self, x):
        return ops.tanh(x)


@register
class LearnedSoftplus(keras.layers.Layer):
    """An activation that is a layer, with nothing wrong."""

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale", shape=input_shape[-1:], initializer="ones"
        )

    def call(self, inputs):
        return self.scale * ops.softplus(inputs)


@broken("activation", "is_finite_for_large_inputs", "works_in_mixed_float16")
class LearnedSoftplusByTheBook(LearnedSoftplus):
    """As a layer it overflows just the same."""

    def call(self, inputs):
        return self.scale * ops.log(1.0 + ops.exp(inputs))


@broken("activation", "has_its_slope_at_zero")
class LearnedCorners(LearnedSoftplus):
    """Two terms with a corner at zero take different sides."""

    def call(self, inputs):
        smooth = ops.log1p(ops.exp(-ops.abs(inputs)))
        return self.scale * (ops.maximum(inputs, 0) + smooth)


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
