"""The components that book/activations.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import math

import keras
from keras import ops

from helpers.components.losses import checked_number


@keras.saving.register_keras_serializable(package="made_to_measure")
def my_softplus(x):
    """Softplus: a smooth ReLU that is never negative.

    Formula: `log(1 + exp(x))`, computed as
    `max(x, 0) + log1p(exp(-abs(x)))`, which neither overflows nor loses
    small values.

    Args:
        x: Tensor of any shape. Integers become floats.

    Returns:
        Tensor of the shape and the floating dtype of `x`.

    Reference:
        [Glorot et al., 2011](
        https://proceedings.mlr.press/v15/glorot11a.html)
    """
    x = ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype):
        x = ops.cast(x, keras.config.floatx())
    # At zero both terms take the slope from the left: 0 and 1/2.
    minus_size = ops.where(x > 0, -x, x)
    return ops.relu(x) + ops.log1p(ops.exp(minus_size))


@keras.saving.register_keras_serializable(package="made_to_measure")
class ScaledSoftplus(keras.layers.Layer):
    """Softplus whose bend at zero is as sharp as you like.

    Formula: `softplus(sharpness * x) / sharpness`. It becomes ReLU as the
    sharpness grows.

    Args:
        sharpness: Positive float. Defaults to `1.0`, which is softplus.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        Any.

    Output shape:
        The same.

    Raises:
        ValueError: If `sharpness` is not a positive, finite number.

    Example:
        >>> model.add(keras.layers.Dense(32))
        >>> model.add(ScaledSoftplus(sharpness=4.0))
    """

    def __init__(self, sharpness=1.0, **kwargs):
        super().__init__(**kwargs)
        self.sharpness = checked_number("sharpness", sharpness, above=0)
        self.supports_masking = True

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        minus_size = ops.where(x > 0, -x, x)
        bend = ops.log1p(ops.exp(self.sharpness * minus_size))
        return ops.relu(x) + bend / self.sharpness

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "sharpness": self.sharpness}


@keras.saving.register_keras_serializable(package="made_to_measure")
class LearnedSwish(keras.layers.Layer):
    """Swish with a trained parameter, one for the whole layer.

    Formula: `x * sigmoid(beta * x)`. `beta` starts at 1.

    Args:
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        Any.

    Output shape:
        The same.

    Reference:
        [Ramachandran et al., 2017](https://arxiv.org/abs/1710.05941)
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.beta = self.add_weight(name="beta", shape=(), initializer="ones")

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        return x * ops.sigmoid(self.beta * x)

    def compute_output_shape(self, input_shape):
        return input_shape


def compute_fans(shape):
    """Computes how many inputs and outputs a weight tensor connects.

    Args:
        shape: Tuple of whole numbers: `(inputs, outputs)` for a dense
            kernel, `(..., channels_in, channels_out)` for a convolution. A
            vector has one number for both, a scalar 1.

    Returns:
        Tuple `(fan_in, fan_out)` of whole numbers.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    *window, channels_in, channels_out = shape
    pixels = math.prod(window)
    return pixels * channels_in, pixels * channels_out


@keras.saving.register_keras_serializable(package="made_to_measure")
def my_glorot(shape, dtype=None):
    """Draws weights that keep the size of signals and gradients.

    Formula: a normal distribution, not truncated, with mean 0 and standard
    deviation `sqrt(2 / (fan_in + fan_out))`.

    Args:
        shape: Shape of the weights, a tuple; see `compute_fans`.
        dtype: Floating dtype of the weights. `None` is Keras's default.

    Returns:
        Tensor of this shape and dtype.

    Reference:
        [Glorot and Bengio, 2010](
        https://proceedings.mlr.press/v9/glorot10a.html)
    """
    stddev = math.sqrt(2 / max(1, sum(compute_fans(shape))))
    return keras.random.normal(shape, stddev=stddev, dtype=dtype)


@keras.saving.register_keras_serializable(package="made_to_measure")
class GlorotNormal(keras.initializers.Initializer):
    """Draws weights that keep the size of signals, times a gain.

    Formula: a normal distribution, not truncated, with mean 0 and standard
    deviation `gain * sqrt(2 / (fan_in + fan_out))`.

    Args:
        gain: Positive float. `1.0` suits linear layers and tanh, `2**0.5`
            suits ReLU. Defaults to `1.0`.
        seed: Whole number, with which each call gives the same weights, or
            `None`, with which each call gives others.

    Raises:
        ValueError: If `gain` is not a positive, finite number, or `seed` is
            neither a whole number nor `None`.

    Example:
        >>> keras.layers.Dense(8, kernel_initializer=GlorotNormal(2**0.5))

    Reference:
        [Glorot and Bengio, 2010](
        https://proceedings.mlr.press/v9/glorot10a.html)
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = checked_number("gain", gain, above=0)
        if seed is not None:
            seed = checked_number("seed", seed, whole=True)
        self.seed = seed

    def __call__(self, shape, dtype=None):
        scale = math.sqrt(2 / max(1, sum(compute_fans(shape))))
        return keras.random.normal(
            shape, stddev=self.gain * scale, dtype=dtype, seed=self.seed
        )

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}
