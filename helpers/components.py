"""The components of the book, each as its chapter ends up writing it.

Made by `make components` from the cells tagged `component`: change the chapter
and not this file.
"""

import math
import numbers
import operator

import keras
from keras import ops


# From the chapter Losses: book/losses.ipynb
def align(y_true, y_pred):
    """Makes targets and predictions tensors of one dtype and one shape.

    Args:
        y_true: True values, shape `(batch, ..., features)`; the last axis may
            be missing when there is one feature.
        y_pred: Predictions, shape `(batch, ..., features)`.

    Returns:
        Both as tensors of the shape and the dtype of `y_pred`.

    Raises:
        ValueError: If the shapes do not fit.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not keras.backend.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, keras.config.floatx())
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    known = zip(y_true.shape, y_pred.shape, strict=False)
    same = all(None in pair or pair[0] == pair[1] for pair in known)
    if len(y_true.shape) != len(y_pred.shape) or not same:
        raise ValueError(
            "`y_true` must have the shape of `y_pred`. Received: "
            f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}"
        )
    return y_true, y_pred


# From the chapter Losses: book/losses.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
def huber_fn(y_true, y_pred):
    """Computes the Huber loss with a threshold of 1.

    Formula: `error**2 / 2` where `abs(error) <= 1`, else `abs(error) - 1/2`.

    Args:
        y_true: True values, shape `(batch, ..., features)`; see `align`.
        y_pred: Predictions, shape `(batch, ..., features)`.

    Returns:
        Tensor of one loss for each sample, shape `(batch, ...)`.

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """
    y_true, y_pred = align(y_true, y_pred)
    error = y_true - y_pred
    size = ops.abs(error)
    losses = ops.where(size <= 1, ops.square(error) / 2, size - 0.5)
    return ops.mean(losses, axis=-1)


# From the chapter Losses: book/losses.ipynb
def create_huber(threshold=1.0):
    """Makes a Huber loss function.

    Use `HuberLoss` for a model that you save: a file keeps only the name of
    the function made here, not its threshold.

    Args:
        threshold: Positive float. Where the loss turns from quadratic to
            linear, in the unit of the targets.

    Returns:
        Function of `y_true` and `y_pred` as `huber_fn`.
    """

    def huber_fn(y_true, y_pred):
        y_true, y_pred = align(y_true, y_pred)
        error = y_true - y_pred
        size = ops.abs(error)
        linear = threshold * (size - threshold / 2)
        losses = ops.where(size <= threshold, ops.square(error) / 2, linear)
        return ops.mean(losses, axis=-1)

    return huber_fn


# From the chapter Losses: book/losses.ipynb
def checked_number(
    name, value, above=None, least=None, below=None, most=None, whole=False
):
    """Checks that an argument is a finite number within bounds.

    Args:
        name: Name of the argument, for the message.
        value: What was passed for it.
        above: Number that it must be larger than, or `None`.
        least: Smallest number allowed, or `None`.
        below: Number that it must be smaller than, or `None`.
        most: Largest number allowed, or `None`.
        whole: Whether it must be a whole number.

    Returns:
        The number as a `float`, or as an `int` if it must be whole.

    Raises:
        ValueError: If it is no such number, or out of bounds.
    """
    kind = numbers.Integral if whole else numbers.Real
    fits = isinstance(value, kind) and not isinstance(value, bool)
    fits = fits and (whole or math.isfinite(value))
    expected = "a whole number" if whole else "a finite number"
    bounds = []
    for bound, words, holds in (
        (above, "above", operator.gt),
        (least, "at least", operator.ge),
        (below, "below", operator.lt),
        (most, "at most", operator.le),
    ):
        if bound is not None:
            bounds.append(f" {words} {bound}")
            fits = fits and holds(value, bound)
    if not fits:
        expected += " and".join(bounds)
        raise ValueError(
            f"`{name}` must be {expected}. Received: {name}={value!r}"
        )
    return int(value) if whole else float(value)


# From the chapter Losses: book/losses.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class HuberLoss(keras.losses.Loss):
    """Huber loss: quadratic for small errors, linear for large ones.

    Formula: `error**2 / 2` where `abs(error) <= threshold`, else
    `threshold * (abs(error) - threshold / 2)`.

    Args:
        threshold: Positive float. Where the loss turns from quadratic to
            linear, in the unit of the targets. Defaults to `1.0`.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype`, as for every `keras.losses.Loss`.

    Raises:
        ValueError: If `threshold` is not a positive, finite number.

    Example:
        >>> model.compile("adam", loss=HuberLoss(threshold=0.5))

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """

    def __init__(self, threshold=1.0, name="huber_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = checked_number("threshold", threshold, above=0)

    def call(self, y_true, y_pred):
        return create_huber(self.threshold)(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# From the chapter Saving: book/saving.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class CappedLoss(keras.losses.Loss):
    """Wraps a loss and caps the cost of each sample.

    Formula: `minimum(loss(y_true, y_pred), cap)`.

    Args:
        loss: A `keras.losses.Loss`. Its own reduction is not used.
        cap: Positive float. The most that one sample can cost.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype`, as for every `keras.losses.Loss`.

    Raises:
        ValueError: If `loss` is not a loss object, or `cap` is not positive.

    Example:
        >>> model.compile("adam", loss=CappedLoss(HuberLoss(0.5), cap=2.0))
    """

    def __init__(self, loss, cap, name="capped_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if not isinstance(loss, keras.losses.Loss):
            raise ValueError(
                f"`loss` must be a keras.losses.Loss. Received: loss={loss!r}"
            )
        self.loss = loss
        self.cap = checked_number("cap", cap, above=0)

    def call(self, y_true, y_pred):
        return ops.minimum(self.loss.call(y_true, y_pred), self.cap)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "cap": self.cap}

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})


# From the chapter Activations and initializers: book/activations.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
def my_softplus(x):
    """Softplus: a smooth ReLU, positive everywhere.

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


# From the chapter Activations and initializers: book/activations.ipynb
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
        return my_softplus(self.sharpness * inputs) / self.sharpness

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "sharpness": self.sharpness}


# From the chapter Activations and initializers: book/activations.ipynb
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
        return inputs * ops.sigmoid(self.beta * inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


# From the chapter Activations and initializers: book/activations.ipynb
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
    stddev = math.sqrt(2 / sum(compute_fans(shape)))
    return keras.random.normal(shape, stddev=stddev, dtype=dtype)


# From the chapter Activations and initializers: book/activations.ipynb
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
        stddev = self.gain * math.sqrt(2 / sum(compute_fans(shape)))
        return keras.random.normal(
            shape, stddev=stddev, dtype=dtype, seed=self.seed
        )

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}


# From the chapter Regularizers and constraints: book/regularizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
def my_l1(weights):
    """Computes an L1 penalty with a factor of 0.1.

    Formula: `0.1 * sum(abs(weights))`.

    Args:
        weights: Tensor of weights, of any shape.

    Returns:
        Scalar tensor of the dtype of `weights`.
    """
    return 0.1 * ops.sum(ops.abs(weights))


# From the chapter Regularizers and constraints: book/regularizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class L1Regularizer(keras.regularizers.Regularizer):
    """L1 penalty: the price of a weight is in proportion to its size.

    Formula: `factor * sum(abs(weights))`.

    Args:
        factor: Float, zero or above. The price of a weight of 1, in the unit
            of the loss. `0.0` is no penalty. Defaults to `0.01`.

    Raises:
        ValueError: If `factor` is negative, or not a finite number.

    Example:
        >>> keras.layers.Dense(1, kernel_regularizer=L1Regularizer(0.1))

    Reference:
        [Tibshirani, 1996](https://doi.org/10.1111/j.2517-6161.1996.tb02080.x)
    """

    def __init__(self, factor=0.01):
        self.factor = checked_number("factor", factor, least=0)

    def __call__(self, weights):
        """Computes the penalty.

        Args:
            weights: Tensor of weights, of any shape.

        Returns:
            Scalar tensor of the dtype of `weights`.
        """
        return self.factor * ops.sum(ops.abs(weights))

    def get_config(self):
        return {"factor": self.factor}


# From the chapter Regularizers and constraints: book/regularizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class PositiveWeights(keras.constraints.Constraint):
    """Keeps weights at zero or above.

    Formula: `max(weights, 0)`.

    Example:
        >>> keras.layers.Dense(1, kernel_constraint=PositiveWeights())
    """

    def __call__(self, weights):
        """Returns the nearest allowed weights.

        Args:
            weights: Tensor of weights, of any shape.

        Returns:
            Tensor of the shape and the dtype of `weights`.
        """
        return ops.maximum(weights, 0)


# From the chapter Regularizers and constraints: book/regularizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class NormLimit(keras.constraints.Constraint):
    """Keeps the norm of weights at a limit or below.

    Formula: `weights * limit / max(norm, limit)`, where `norm` is the root of
    the sum of squares along `axis`.

    Args:
        limit: Positive float. The largest norm. Defaults to `2.0`.
        axis: Int or tuple of ints. Along which axes to measure the norm: `0`
            for the kernel of a `Dense` layer, `(0, 1, 2)` for that of a
            `Conv2D` layer, which gives one norm for each unit or filter.
            Defaults to `0`.

    Raises:
        ValueError: If `limit` is not a positive, finite number, or `axis` is
            not an int or a tuple of ints.

    Example:
        >>> keras.layers.Dense(64, kernel_constraint=NormLimit(3.0))

    Reference:
        [Hinton et al., 2012](https://arxiv.org/abs/1207.0580)
    """

    def __init__(self, limit=2.0, axis=0):
        self.limit = checked_number("limit", limit, above=0)
        axes = axis if isinstance(axis, (tuple, list)) else (axis,)
        whole = all(isinstance(a, numbers.Integral) for a in axes)
        if not axes or not whole or any(isinstance(a, bool) for a in axes):
            raise ValueError(
                "`axis` must be an int or a tuple of ints. "
                f"Received: axis={axis!r}"
            )
        self.axis = tuple(map(int, axes)) if axes is axis else int(axis)

    def __call__(self, weights):
        """Returns the nearest allowed weights.

        Args:
            weights: Tensor of weights that has the axes.

        Returns:
            Tensor of the shape and the dtype of `weights`.
        """
        norm = ops.sqrt(ops.sum(ops.square(weights), self.axis, keepdims=True))
        return weights * (self.limit / ops.maximum(norm, self.limit))

    def get_config(self):
        return {**super().get_config(), "limit": self.limit, "axis": self.axis}
