"""The components that book/layers.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import numbers

import keras
from keras import ops

from helpers.components.losses import checked_number


@keras.saving.register_keras_serializable(package="made_to_measure")
class Exponential(keras.layers.Layer):
    """Exponential of each number, for outputs that differ by factors.

    Formula: `exp(inputs)`. It is infinite for inputs above 88.7 in `float32`,
    and above 11.09 in `float16`.

    Args:
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        Any.

    Output shape:
        The same. Integers become floats.

    Example:
        >>> model.add(keras.layers.Dense(1))
        >>> model.add(Exponential())
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return ops.exp(ops.cast(inputs, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return input_shape


def last_size(input_shape):
    """Finds the size of the last axis, which must be known.

    Args:
        input_shape: Tuple `(batch, ..., features)`. Unknown sizes are `None`.

    Returns:
        Whole number.

    Raises:
        ValueError: If there are fewer than two axes, or the last size is not
            known, or this is not the shape of one tensor.
    """
    is_shape = isinstance(input_shape, (tuple, list)) and len(input_shape) > 1
    size = input_shape[-1] if is_shape else None
    if not isinstance(size, numbers.Integral):
        raise ValueError(
            "`inputs` must be one tensor with a batch axis and a last axis of "
            f"known size. Received: input_shape={input_shape!r}"
        )
    return int(size)


@keras.saving.register_keras_serializable(package="made_to_measure")
class MyDense(keras.layers.Layer):
    """Connects each input with each unit.

    Formula: `activation(inputs @ kernel + bias)`.

    Args:
        units: Whole number from 1 up. The size of the output.
        activation: Function, name of one of Keras's activations, or `None`
            for none. A function of your own is saved if it is registered.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not a whole number from 1 up, `activation`
            is not known, or the last axis of the input is not.

    Example:
        >>> MyDense(4, activation="relu")(keras.ops.ones((2, 3))).shape
        TensorShape([2, 4])
    """

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.activation = keras.activations.get(activation)
        self.supports_masking = True

    def build(self, input_shape):
        size = last_size(input_shape)
        shape = (size, self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape)
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer="zeros"
        )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        return self.activation(ops.add(ops.matmul(x, self.kernel), self.bias))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        config = {"units": self.units, "activation": activation}
        return {**super().get_config(), **config}


def broadcast_samples(first, second):
    """Finds the shape of two tensors combined sample by sample.

    Axes that the shorter one lacks are added behind the batch axis. Sizes of
    1 are stretched.

    Args:
        first: Tuple `(batch, ...)`. Unknown sizes are `None`.
        second: The same.

    Returns:
        Tuple of the sizes.

    Raises:
        ValueError: If there is no batch axis, or two sizes do not fit.
    """
    rank = max(len(first), len(second), 1)
    longer = [
        (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])
        for shape in (first, second)
    ]
    pairs = list(zip(*longer, strict=False))
    fits = all(1 in p or None in p or p[0] == p[1] for p in pairs)
    if not first or not second or not fits:
        raise ValueError(
            "`inputs` must have a batch axis and sizes that are equal or 1. "
            f"Received: shapes {tuple(first)} and {tuple(second)}"
        )
    # Of a 1 and another size the other, of an unknown and a known the known.
    return tuple(b if a == 1 or (a is None and b != 1) else a for a, b in pairs)


@keras.saving.register_keras_serializable(package="made_to_measure")
class MyMultiLayer(keras.layers.Layer):
    """Sum, product and quotient of two inputs, sample by sample.

    Formula: `first + second`, `first * second`, and `first / second`, which
    is 0 wherever `second` is 0. A divisor near zero gives a large number.

    Args:
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        List of two shapes `(batch, ...)` that `broadcast_samples` combines.

    Output shape:
        Tuple of three times the combined shape. Masks are not passed on.

    Raises:
        ValueError: If there are not two inputs, or their shapes do not fit.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = [keras.layers.InputSpec() for _ in range(2)]

    def call(self, inputs):
        rank = len(broadcast_samples(*(tuple(x.shape) for x in inputs)))
        first, second = (ops.cast(x, self.compute_dtype) for x in inputs)
        while len(first.shape) < rank:
            first = ops.expand_dims(first, axis=1)
        while len(second.shape) < rank:
            second = ops.expand_dims(second, axis=1)
        quotient = ops.divide_no_nan(first, second)
        return first + second, first * second, quotient

    def compute_output_shape(self, input_shape):
        return (broadcast_samples(*map(tuple, input_shape)),) * 3


@keras.saving.register_keras_serializable(package="made_to_measure")
class AddGaussianNoise(keras.layers.Layer):
    """Adds normal noise in training, and nothing otherwise.

    Formula: `inputs + stddev * normal(0, 1)`.

    Args:
        stddev: Float, zero or above. Standard deviation of the noise, in the
            unit of the inputs.
        seed: Whole number, for noise that is the same in each run of the
            program, or `None`. Each call draws other noise in both cases.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        Any.

    Output shape:
        The same. Integers become floats.

    Raises:
        ValueError: If `stddev` is negative or not finite, or `seed` is
            neither a whole number nor `None`.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = checked_number("stddev", stddev, least=0)
        if seed is not None:
            seed = checked_number("seed", seed, whole=True)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        x = ops.cast(inputs, self.compute_dtype)
        if not training:
            return x
        draw = {"dtype": x.dtype, "seed": self.seed_generator}
        return x + self.stddev * keras.random.normal(ops.shape(x), **draw)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"stddev": self.stddev, "seed": self.seed}
        return {**super().get_config(), **config}


def masked_mean(x, mask=None):
    """Computes the mean of each feature, over all that the mask lets through.

    Args:
        x: Floating tensor of shape `(batch, ..., features)`.
        mask: Tensor of booleans with the first axes of `x`, as many of them as
            you like, or `None`.

    Returns:
        Tuple of the means, shape `(features,)`, which are 0 where nothing was
        let through, and of the number of values that each is made of. Both are
        `float32`, or the dtype of `x` if that is more exact.
    """
    x = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    weights = ops.ones_like(x[..., :1])
    if mask is not None:
        mask = ops.cast(mask, x.dtype)
        while len(mask.shape) < len(x.shape):
            mask = ops.expand_dims(mask, axis=-1)
        weights = weights * mask
    axes = tuple(range(len(x.shape) - 1))
    count = ops.sum(weights, axes)
    kept = ops.where(weights > 0, x, 0)
    return ops.sum(kept, axes) / ops.maximum(count, 1), count


@keras.saving.register_keras_serializable(package="made_to_measure")
class RunningCenter(keras.layers.Layer):
    """Subtracts a running mean of each feature.

    Formula: `inputs - mean`. In training first
    `mean = momentum * mean + (1 - momentum) * batch_mean`, over all axes but
    the last and over the steps that the mask lets through. A layer with
    `trainable=False` leaves its mean alone. The mean starts at 0.

    Args:
        momentum: Float from 0 up, below 1. Defaults to `0.99`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`. A mask has the shape `(batch, ...)`, without
        the features.

    Output shape:
        The same.

    Raises:
        ValueError: If `momentum` is not from 0 up and below 1, or the last
            axis of the input is not known.
    """

    def __init__(self, momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        self.momentum = checked_number("momentum", momentum, least=0, below=1)
        self.supports_masking = True

    def build(self, input_shape):
        size = last_size(input_shape)
        fixed = {"trainable": False, "autocast": False}
        self.mean = self.add_weight(
            name="mean", shape=(size,), initializer="zeros", **fixed
        )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs, training=False, mask=None):
        if training and self.trainable:
            mean, count = masked_mean(inputs, mask)
            step = (1 - self.momentum) * ops.cast(count > 0, mean.dtype)
            self.mean.assign(self.mean + step * (mean - self.mean))
        x = ops.cast(inputs, self.compute_dtype)
        return x - ops.cast(self.mean, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


def build_in_turn(chain, input_shape):
    """Builds layers of which each is called with what the one before gives.

    Args:
        chain: Sequence of layers.
        input_shape: Tuple, the shape that the first one will see.
    """
    for layer in chain:
        layer.build(input_shape)
        input_shape = layer.compute_output_shape(input_shape)


@keras.saving.register_keras_serializable(package="made_to_measure")
class ResidualBlock(keras.layers.Layer):
    """Adds to its input what a few dense layers make of it.

    Formula: `inputs + last(hidden(...hidden(inputs)))`, where the hidden
    layers have ReLU and the last one has no activation.

    Args:
        units: Whole number from 1 up. The size of each hidden layer.
        depth: Whole number from 1 up. How many hidden layers. Defaults to 2.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        The same.

    Raises:
        ValueError: If `units` or `depth` is not a whole number from 1 up, or
            the last axis of the input is not known.

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(self, units, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.depth = checked_number("depth", depth, least=1, whole=True)
        same = {"dtype": self.dtype_policy}
        self.hidden = [MyDense(units, "relu", **same) for _ in range(depth)]
        self.supports_masking = True

    def build(self, input_shape):
        self.last = MyDense(last_size(input_shape), dtype=self.dtype_policy)
        build_in_turn([*self.hidden, self.last], input_shape)

    def call(self, inputs):
        x = change = ops.cast(inputs, self.compute_dtype)
        for layer in [*self.hidden, self.last]:
            change = layer(change)
        return x + change

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"units": self.units, "depth": self.depth}
        return {**super().get_config(), **config}
