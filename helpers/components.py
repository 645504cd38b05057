"""The components of the book, each as its chapter ends up writing it.

Made by `make components` from the cells tagged `component`: change the chapter
and not this file.
"""

import functools
import inspect
import itertools
import json
import math
import numbers
import operator
import os
import re
from pathlib import Path
from zipfile import BadZipFile

import IPython
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.explore import explore
from helpers.plotting import BLUE, GREEN, INK, VERMILLION, draw_png


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
    kind, convert = (numbers.Integral, int) if whole else (numbers.Real, float)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    number = convert(value) if fits else math.nan
    fits = abs(number) < math.inf  # false for NaN as well
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
            fits = fits and holds(number, bound)
    if not fits:
        raise ValueError(
            f"`{name}` must be {expected}{' and'.join(bounds)}. "
            f"Received: {name}={value!r}"
        )
    return number


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
        x = ops.cast(inputs, self.compute_dtype)
        minus_size = ops.where(x > 0, -x, x)
        bend = ops.log1p(ops.exp(self.sharpness * minus_size))
        return ops.relu(x) + bend / self.sharpness

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
        x = ops.cast(inputs, self.compute_dtype)
        return x * ops.sigmoid(self.beta * x)

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
    stddev = math.sqrt(2 / max(1, sum(compute_fans(shape))))
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
        scale = math.sqrt(2 / max(1, sum(compute_fans(shape))))
        return keras.random.normal(
            shape, stddev=self.gain * scale, dtype=dtype, seed=self.seed
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
        several = isinstance(axis, (tuple, list))  # a file has lists only
        axes = tuple(axis) if several else (axis,)
        whole = all(isinstance(a, numbers.Integral) for a in axes)
        if not axes or not whole or any(isinstance(a, bool) for a in axes):
            raise ValueError(
                "`axis` must be an int or a tuple of ints. "
                f"Received: axis={axis!r}"
            )
        axes = tuple(int(a) for a in axes)
        self.axis = axes if several else axes[0]

    def __call__(self, weights):
        """Returns the nearest allowed weights.

        Args:
            weights: Tensor of weights that has the axes.

        Returns:
            Tensor of the shape and the dtype of `weights`, in which the
            limit and the squares of the weights must be finite.
        """
        norm = ops.sqrt(ops.sum(ops.square(weights), self.axis, keepdims=True))
        return weights * (self.limit / ops.maximum(norm, self.limit))

    def get_config(self):
        return {**super().get_config(), "limit": self.limit, "axis": self.axis}


# From the chapter Metrics: book/metrics.ipynb
def align_weights(sample_weight, values, mask=None):
    """Makes sample weights a tensor of the shape and dtype of the values.

    Weights of shape `(batch,)` hold for all steps of their sample, weights of
    shape `(batch, steps)` for all that follows.

    Args:
        sample_weight: Weights, of shape `(batch,)`, `(batch, 1)`, or with more
            of the axes of `values`; a number; or `None`, for weights of 1.
        values: Tensor of values, shape `(batch, ...)`.
        mask: Tensor of booleans, shaped as weights are, or `None`. Where it
            is false the weight is 0.

    Returns:
        Tensor of the shape and the dtype of `values`.
    """
    if sample_weight is None:
        weights = ops.ones_like(values)
    else:
        weights = ops.cast(sample_weight, values.dtype)
        missing = len(values.shape) - len(weights.shape)
        if missing == -1:
            weights = ops.squeeze(weights, axis=-1)
        for _ in range(missing):
            weights = ops.expand_dims(weights, axis=-1)
        weights = ops.broadcast_to(weights, ops.shape(values))
    if mask is not None:
        weights = weights * align_weights(mask, values)
    return weights


# From the chapter Metrics: book/metrics.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class HuberMetric(keras.metrics.Metric):
    """Mean Huber loss over all samples, with `total` and `count`.

    Formula: `sum(sample_weight * huber) / sum(sample_weight)`, where `huber`
    is `error**2 / 2` if `abs(error) <= threshold`, else
    `threshold * (abs(error) - threshold / 2)`, averaged over the last axis.
    Without any samples the result is 0.

    Args:
        threshold: Positive float. Where Huber turns from quadratic to linear,
            in the unit of the targets. Defaults to `1.0`.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    `update_state` takes targets and predictions of shape
    `(batch, ..., features)` and weights as `align_weights`.

    Raises:
        ValueError: If `threshold` is not a finite number above 0.

    Example:
        >>> metric = HuberMetric(threshold=1.0)
        >>> metric.update_state([[0.0], [0.0]], [[1.0], [3.0]])
        >>> float(metric.result())
        1.5

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """

    def __init__(self, threshold=1.0, name="huber_metric", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = checked_number("threshold", threshold, above=0)
        zero = {"shape": (), "initializer": "zeros", "dtype": self.dtype}
        self.total = self.add_weight(name="total", **zero)
        self.count = self.add_weight(name="count", **zero)

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = ops.cast(y_pred, self.dtype)
        values = create_huber(self.threshold)(y_true, y_pred)
        weights = align_weights(sample_weight, values, mask)
        self.total.assign_add(ops.sum(weights * values))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# From the chapter Metrics: book/metrics.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class MeanHuber(keras.metrics.Mean):
    """Mean Huber loss over all samples, as a kind of `keras.metrics.Mean`.

    The same numbers as `HuberMetric`, whose formula and shapes it has.

    Args:
        threshold: Positive float. Where Huber turns from quadratic to linear,
            in the unit of the targets. Defaults to `1.0`.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    Raises:
        ValueError: If `threshold` is not a finite number above 0.

    Example:
        >>> model.compile("adam", loss="mse", metrics=[MeanHuber(0.5)])

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """

    def __init__(self, threshold=1.0, name="mean_huber", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = checked_number("threshold", threshold, above=0)

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = ops.cast(y_pred, self.dtype)
        values = create_huber(self.threshold)(y_true, y_pred)
        weights = align_weights(sample_weight, values, mask)
        super().update_state(values, sample_weight=weights)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# From the chapter Metrics: book/metrics.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class StreamingPrecision(keras.metrics.Metric):
    """Share of right ones among all that is predicted positive.

    Formula: `true_positives / (true_positives + false_positives)`, each the
    sum of the weights of its samples. Without predicted positives it is 0.

    Args:
        threshold: Float from 0 to 1. A score above it is predicted positive.
            Defaults to `0.5`.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    `update_state` takes targets of 0 and 1 and scores from 0 to 1, both of
    shape `(batch, ...)`, and weights as `align_weights`.

    Raises:
        ValueError: If `threshold` is not a number from 0 to 1.

    Example:
        >>> metric = StreamingPrecision(threshold=0.5)
        >>> metric.update_state([[1], [0]], [[0.9], [0.6]])
        >>> float(metric.result())
        0.5
    """

    def __init__(self, threshold=0.5, name="streaming_precision", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = checked_number("threshold", threshold, least=0, most=1)
        zero = {"shape": (), "initializer": "zeros", "dtype": self.dtype}
        self.true_positives = self.add_weight(name="true_positives", **zero)
        self.false_positives = self.add_weight(name="false_positives", **zero)

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = align(y_true, ops.cast(y_pred, self.dtype))
        weights = align_weights(sample_weight, y_pred, mask)
        weights = ops.where(y_pred > self.threshold, weights, 0)
        right = ops.where(y_true != 0, weights, 0)
        self.true_positives.assign_add(ops.sum(right))
        self.false_positives.assign_add(ops.sum(weights - right))

    def result(self):
        positives = self.true_positives + self.false_positives
        return ops.divide_no_nan(self.true_positives, positives)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# From the chapter Metrics: book/metrics.ipynb
def count_in_bins(counts, scores, weights):
    """Adds the weight of each score to the bin that it falls into.

    Args:
        counts: Variable of shape `(bins,)`, for scores from 0 to 1. What lies
            outside is added to the first or the last bin.
        scores: Tensor of scores, of any shape.
        weights: Tensor of the shape of `scores`.
    """
    bins = counts.shape[0]
    # A score on an edge belongs to the lower bin, as for `score > threshold`.
    places = ops.ceil(ops.ravel(scores) * bins) - 1
    places = ops.cast(ops.clip(places, 0, bins - 1), "int32")
    counts.assign_add(ops.segment_sum(ops.ravel(weights), places, bins))


def as_shares(*counts):
    """Divides each tensor of counts by its sum, or leaves it at zero."""
    return [ops.divide_no_nan(each, ops.sum(each)) for each in counts]


# From the chapter Metrics: book/metrics.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class HistogramAUC(keras.metrics.Metric):
    """Area under the ROC curve, from histograms of the scores.

    Formula: the share of pairs of a positive and a negative sample of which
    the positive one has the higher bin; pairs in one bin count half.

    Args:
        bins: Integer from 2 up. Number of bins, of equal width, for scores
            from 0 to 1. Defaults to `200`.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    `update_state` takes targets of 0 and 1 and scores from 0 to 1, both of
    shape `(batch, ...)`, and weights as `align_weights`.

    Raises:
        ValueError: If `bins` is not an integer from 2 up.

    Reference:
        [Hanley, McNeil, 1982](https://doi.org/10.1148/radiology.143.1.7063747)
    """

    def __init__(self, bins=200, name="histogram_auc", **kwargs):
        super().__init__(name=name, **kwargs)
        self.bins = checked_number("bins", bins, least=2, whole=True)
        zero = {"initializer": "zeros", "dtype": self.dtype}
        self.positives = self.add_weight((self.bins,), name="positives", **zero)
        self.negatives = self.add_weight((self.bins,), name="negatives", **zero)

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = align(y_true, ops.cast(y_pred, self.dtype))
        weights = align_weights(sample_weight, y_pred, mask)
        count_in_bins(self.positives, y_pred, ops.where(y_true, weights, 0))
        count_in_bins(self.negatives, y_pred, ops.where(y_true, 0, weights))

    def result(self):
        positives, negatives = as_shares(self.positives, self.negatives)
        return ops.sum(positives * (ops.cumsum(negatives) - negatives / 2))

    def largest_error(self):
        """Returns a bound for the distance from the exact AUC.

        It is 1 as long as one of the two classes is missing.
        """
        positives, negatives = as_shares(self.positives, self.negatives)
        known = ops.sum(positives) * ops.sum(negatives)
        return ops.sum(positives * negatives) / 2 + (1 - known)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Layers: book/layers.ipynb
def build_in_turn(layers, input_shape):
    """Builds layers of which each is called with what the one before gives.

    Args:
        layers: Sequence of layers.
        input_shape: Tuple, the shape that the first one will see.
    """
    for layer in layers:
        layer.build(input_shape)
        input_shape = layer.compute_output_shape(input_shape)


# From the chapter Layers: book/layers.ipynb
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


# From the chapter Sequences: book/sequences.ipynb
def widened(x, dtype="float32"):
    """Casts a tensor to `float32` at least, where sums have room.

    Args:
        x: Tensor of any dtype, or what can be made one.
        dtype: Another dtype that must fit in.

    Returns:
        Tensor of `float32`, or of `float64` if `x` or `dtype` is that.
    """
    x = ops.convert_to_tensor(x)
    return ops.cast(x, keras.backend.result_type(x.dtype, dtype, "float32"))


# From the chapter Sequences: book/sequences.ipynb
def hide_steps(x, mask):
    """Puts zeros where a mask hides a step, whatever was there.

    Args:
        x: Tensor of shape `(batch, steps, ...)`.
        mask: Tensor of booleans of shape `(batch, steps)`, or `None`.

    Returns:
        Tensor of the shape and the dtype of `x`.

    Raises:
        ValueError: If the mask has not two axes, or other steps than `x`.
    """
    if mask is None:
        return x
    mask, known = ops.cast(mask, "bool"), tuple(x.shape[:2])
    shape = tuple(mask.shape)
    pairs = zip(shape, known, strict=False)
    fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if len(shape) != 2 or not fits:
        raise ValueError(
            "`mask` must have the shape (batch, steps), here "
            f"{known}. Received: mask of shape {shape}"
        )
    while len(mask.shape) < len(x.shape):
        mask = ops.expand_dims(mask, axis=-1)
    return ops.where(mask, x, 0)


# From the chapter Sequences: book/sequences.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class MaskedAverage(keras.layers.Layer):
    """Averages over the steps that the mask lets through.

    Formula: `sum(inputs * mask) / sum(mask)` over the steps, and 0 for a
    sample without any. What is in the other steps does not matter.

    Args:
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        `(batch, steps, ..., features)`. A mask has the shape
        `(batch, steps)`; without one all steps count.

    Output shape:
        `(batch, ..., features)`, without a mask. Integers become floats.

    Raises:
        ValueError: If the input has fewer than three axes, or the mask has
            another shape.

    Example:
        >>> x = keras.ops.convert_to_tensor([[[1.0], [3.0], [9.0]]])
        >>> mask = keras.ops.convert_to_tensor([[True, True, False]])
        >>> float(MaskedAverage()(x, mask=mask)[0, 0])
        2.0
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False
        self.input_spec = keras.layers.InputSpec(min_ndim=3)

    def call(self, inputs, mask=None):
        x = widened(inputs)
        total = ops.sum(hide_steps(x, mask), axis=1)
        count = ops.sum(hide_steps(ops.ones_like(x), mask), axis=1)
        return ops.cast(total / ops.maximum(count, 1), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *input_shape[2:])


# From the chapter Sequences: book/sequences.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class LayerNorm(keras.layers.Layer):
    """Brings the features of each step to mean 0 and spread 1.

    Formula: `scale * (inputs - mean) / sqrt(variance + epsilon) + offset`,
    with mean and variance over the last axis.

    Args:
        epsilon: Float above 0, in the unit of a variance. Defaults to `1e-3`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        The same. Integers become floats. The sums are made in `float32` in
        half precision too.

    Raises:
        ValueError: If `epsilon` is not above 0, or the last axis of the input
            is not known.

    Reference:
        [Ba et al., 2016](https://arxiv.org/abs/1607.06450)
    """

    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = checked_number("epsilon", epsilon, above=0)
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape):
        size = last_size(input_shape)
        own = {"shape": (size,), "autocast": False}
        self.scale = self.add_weight(name="scale", initializer="ones", **own)
        self.offset = self.add_weight(name="offset", initializer="zeros", **own)
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs):
        x = widened(inputs, self.variable_dtype)
        centered = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
        normal = centered * ops.rsqrt(variance + self.epsilon)
        scale, offset = (ops.cast(w, x.dtype) for w in self.weights)
        return ops.cast(normal * scale + offset, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


# From the chapter Sequences: book/sequences.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class LeakyCell(keras.layers.Layer):
    """One step of a recurrent layer that forgets at a rate of your choice.

    Formula: `h = (1 - leak) * h + leak * tanh(x @ kernel +
    h @ recurrent_kernel + bias)`. The output is the state. It starts at 0.

    Args:
        units: Whole number from 1 up. The size of the state.
        leak: Float above 0, at most 1. The share of the state that a step
            replaces. With 1 it is `keras.layers.SimpleRNN`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, features)`, and a list of one state `(batch, units)`.

    Output shape:
        `(batch, units)`, and a list of one state of that shape.

    Raises:
        ValueError: If `units` is not a whole number from 1 up, `leak` is not
            above 0 and at most 1, or the last axis of the input is not known.

    Example:
        >>> rnn = keras.layers.RNN(LeakyCell(4, leak=0.5))
        >>> rnn(keras.ops.ones((2, 7, 3))).shape
        TensorShape([2, 4])

    Reference:
        [Jaeger et al., 2007](https://doi.org/10.1016/j.neunet.2007.04.016)
    """

    def __init__(self, units, leak, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.leak = checked_number("leak", leak, above=0, most=1)
        self.state_size = self.output_size = self.units

    def build(self, input_shape):
        size, units = last_size(input_shape), self.units
        self.kernel = self.add_weight((size, units), name="kernel")
        self.recurrent_kernel = self.add_weight(
            (units, units), "orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((units,), "zeros", name="bias")

    def call(self, inputs, states):
        x = ops.cast(inputs, self.compute_dtype)
        sums = ops.add(ops.matmul(x, self.kernel), self.bias)
        new = ops.tanh(sums + ops.matmul(states[0], self.recurrent_kernel))
        state = (1 - self.leak) * states[0] + self.leak * new
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "leak": self.leak}


# From the chapter Sequences: book/sequences.ipynb
def attention_weights(query, key, scale=None, mask=None):
    """Computes how much each query looks at each step.

    Formula: `softmax(scale * query @ transpose(key))` over the steps, in
    `float32` at least. Steps that the mask hides get 0.

    Args:
        query: Tensor of shape `(batch, queries, size)`.
        key: Tensor of shape `(batch, steps, size)`.
        scale: Positive float, or `None` for `1 / sqrt(size)`.
        mask: Tensor of booleans of shape `(batch, steps)`, or `None`.

    Returns:
        Tensor of shape `(batch, queries, steps)`. The weights of a query sum
        to 1, or are all 0 if the mask hides all steps.

    Raises:
        ValueError: If the mask has another shape.
    """
    query, key = widened(query), hide_steps(widened(key), mask)
    if scale is None:
        scale = last_size(tuple(key.shape)) ** -0.5
    scores = scale * ops.matmul(query, ops.swapaxes(key, -2, -1))
    if mask is None:
        return ops.softmax(scores, axis=-1)
    mask = ops.expand_dims(ops.cast(mask, "bool"), axis=1)
    weights = ops.softmax(ops.where(mask, scores, -3e38), axis=-1)
    return ops.where(mask, weights, 0)


# From the chapter Sequences: book/sequences.ipynb
def attention_shape(input_shape):
    """Finds the shape of the output of attention, and checks the inputs.

    Args:
        input_shape: List of the shapes of query, value, and key if there is
            one. Unknown sizes are `None`.

    Returns:
        Tuple `(batch, queries, features)`.

    Raises:
        ValueError: If these are not two or three shapes that fit.
    """
    several = isinstance(input_shape, (list, tuple))
    several = several and all(isinstance(s, (list, tuple)) for s in input_shape)
    fits = several and len(input_shape) in (2, 3)
    fits = fits and all(len(shape) == 3 for shape in input_shape)
    if fits:
        query, value, key = [*input_shape, input_shape[1]][:3]
        pairs = [(query[2], key[2]), (value[1], key[1])]
        pairs += [(query[0], value[0]), (query[0], key[0])]
        fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if not fits:
        raise ValueError(
            "`inputs` must be a list of query (batch, queries, size), value "
            "(batch, steps, features) and, if wanted, key (batch, steps, "
            f"size). Received: shapes {input_shape}"
        )
    return (*query[:2], value[2])


# From the chapter Sequences: book/sequences.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class DotAttention(keras.layers.Layer):
    """Answers each query with a mean of values, weighted by fitting keys.

    Formula: `softmax(scale * query @ transpose(key)) @ value`. Without a key
    the value is the key. `attention_weights` gives the weights alone.

    Args:
        scale: Positive float, or `None` for `1 / sqrt(size)`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        List of query `(batch, queries, size)`, value
        `(batch, steps, features)`, and perhaps key `(batch, steps, size)`.
        Steps that the mask of the value hides get no weight; where it hides
        all, the answer is 0. Queries that their mask hides are answered by 0.

    Output shape:
        `(batch, queries, features)`, with the mask of the query.

    Raises:
        ValueError: If `scale` is not positive, or the inputs are not two or
            three tensors whose shapes fit.

    Reference:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(self, scale=None, **kwargs):
        super().__init__(**kwargs)
        given = scale is not None
        self.scale = checked_number("scale", scale, above=0) if given else None
        self.supports_masking = True
        self.autocast = False

    def call(self, inputs, mask=None):
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
        attention_shape(shapes)
        query, value, key = [*inputs, inputs[1]][:3]
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        query = hide_steps(query, query_mask)
        weights = attention_weights(query, key, self.scale, value_mask)
        outputs = ops.matmul(weights, hide_steps(widened(value), value_mask))
        return ops.cast(hide_steps(outputs, query_mask), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape):
        return attention_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


# From the chapter Models: book/models.ipynb
def table_spec(input_shape):
    """Says which inputs fit a model that was built for a table.

    Args:
        input_shape: Tuple `(batch, features)`. The batch may be `None`.

    Returns:
        A `keras.layers.InputSpec` of two axes and this number of features.

    Raises:
        ValueError: If there are not two axes, or the last size is not known,
            or this is not the shape of one tensor.
    """
    size = last_size(input_shape)
    if len(input_shape) != 2:
        raise ValueError(
            "`inputs` must have the shape (batch, features). "
            f"Received: input_shape={input_shape!r}"
        )
    return keras.layers.InputSpec(ndim=2, axes={-1: size})


# From the chapter Models: book/models.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class ResidualRegressor(keras.Model):
    """Regressor of residual blocks, one prediction for each sample.

    Formula: `out(norm(block(...block(stem(inputs)))))`, where `stem` and `out`
    are dense layers without activation, each block is a `ResidualBlock` with
    one hidden layer, and `norm` is a `LayerNormalization`.

    Args:
        units: Whole number from 1 up. The size of each layer but the last.
        depth: Whole number from 1 up. How many blocks. Defaults to 2.
        **kwargs: `name`, `dtype` and `trainable`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If `units` or `depth` is not a whole number from 1 up, or
            the inputs have not two axes, the last one of known size.

    Example:
        >>> model = ResidualRegressor(16, depth=4)
        >>> model.build((None, 10))
        >>> model.compile("adam", loss="mse")

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(self, units, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.depth = checked_number("depth", depth, least=1, whole=True)
        same = {"dtype": self.dtype_policy}
        self.stem = MyDense(units, name="stem", **same)
        names = [f"block_{number}" for number in range(self.depth)]
        self.blocks = [ResidualBlock(units, 1, name=n, **same) for n in names]
        self.norm = keras.layers.LayerNormalization(name="norm", **same)
        self.out = MyDense(1, name="out", **same)

    def build(self, input_shape):
        self.input_spec = table_spec(input_shape)
        build_in_turn(self.layers, input_shape)

    def call(self, inputs):
        for layer in self.layers:  # in the order in which they were made
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        config = {"units": self.units, "depth": self.depth}
        return {**super().get_config(), **config}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class SeluRegressor(keras.Model):
    """Regressor with five hidden SELU layers, LeCun initialization, 1 output.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`, any number of features. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If `units` is not an integer from 1 up; when it is built or
            called, if the inputs have another shape.

    Reference:
        [Klambauer et al., 2017](https://arxiv.org/abs/1706.02515)
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        selu = {"activation": "selu", "kernel_initializer": "lecun_normal"}
        selu["dtype"] = self.dtype_policy
        self.hidden = [keras.layers.Dense(units, **selu) for _ in range(5)]
        self.out = keras.layers.Dense(1, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.input_spec = table_spec(input_shape)
        build_in_turn([*self.hidden, self.out], input_shape)

    def encode(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return inputs

    def call(self, inputs):
        return self.out(self.encode(inputs))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class Reconstruction(keras.layers.Layer):
    """Rebuilds inputs from a hidden layer, and adds the error to the loss.

    Formula: `weight * mean(square(rebuilt - inputs))`, added at each call. A
    metric, `reconstruction_error`, tracks the error without the weight.

    Args:
        weight: Float, zero or above. The price of an error of 1, in the unit
            of the loss. Defaults to `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Call arguments:
        hidden: Tensor of shape `(batch, units)`.
        inputs: Tensor of shape `(batch, features)`.

    Output shape:
        That of `inputs`: it returns what it has rebuilt.

    Raises:
        ValueError: If `weight` is negative or not finite, or a shape is wrong.
    """

    def __init__(self, weight=0.05, **kwargs):
        super().__init__(**kwargs)
        self.weight = checked_number("weight", weight, least=0)
        self.tracker = keras.metrics.Mean(name="reconstruction_error")

    def build(self, hidden_shape, inputs_shape):
        self.input_spec = table_spec(hidden_shape)
        features = last_size(inputs_shape)
        self.dense = keras.layers.Dense(features, dtype=self.dtype_policy)
        self.dense.build(hidden_shape)

    def call(self, hidden, inputs):
        shape, expected = tuple(inputs.shape), f"(batch, {self.dense.units})"
        if len(shape) != 2 or shape[1] not in (None, self.dense.units):
            raise ValueError(f"`inputs` must be {expected}. Received: {shape}")
        rebuilt = self.dense(hidden)
        exact = self.variable_dtype  # float32 if we compute in float16
        errors = ops.cast(rebuilt, exact) - ops.cast(inputs, exact)
        errors = ops.mean(ops.square(errors), axis=-1)
        self.tracker.update_state(errors)
        self.add_loss(self.weight * ops.mean(errors))
        return rebuilt

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class ReconstructingRegressor(SeluRegressor):
    """`SeluRegressor` whose last hidden layer must also rebuild the inputs.

    In training and in evaluation the loss grows by the reconstruction error;
    a prediction does not compute it. Inside another model, which calls no
    `compute_loss` but its own, only training does.

    Formula: `loss + reconstruction_weight * mean(square(rebuilt - inputs))`,
    with a mean over all samples, whatever their sample weights.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        reconstruction_weight: Float, zero or above. The price of a
            reconstruction error of 1, in the unit of the loss. Defaults to
            `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`, any number of features. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its bounds; when it is built or
            called, if the inputs have another shape.

    Example:
        >>> model = ReconstructingRegressor(16, reconstruction_weight=1.0)
        >>> model.compile("adam", loss="mse")
    """

    def __init__(self, units, reconstruction_weight=0.05, **kwargs):
        super().__init__(units, **kwargs)
        weight = checked_number(
            "reconstruction_weight", reconstruction_weight, least=0
        )
        self.reconstruction = Reconstruction(weight, dtype=self.dtype_policy)

    def build(self, input_shape):
        super().build(input_shape)
        self.reconstruction.build((None, self.units), input_shape)

    def call(self, inputs, training=False):
        hidden = self.encode(inputs)
        if training:
            self.reconstruction(hidden, inputs)
        return self.out(hidden)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        if not training:  # in training, `call` has added it
            self.reconstruction(self.encode(x), x)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self):
        weight = self.reconstruction.weight
        return {**super().get_config(), "reconstruction_weight": weight}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class ComputeLossRegressor(ReconstructingRegressor):
    """`ReconstructingRegressor` that adds all of its loss in `compute_loss`.

    The arguments, the shapes and the numbers are the same. It runs its hidden
    layers twice in each step of training.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        reconstruction_weight: Float, zero or above. Defaults to `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Raises:
        ValueError: As `ReconstructingRegressor`.
    """

    def call(self, inputs, training=False):
        return self.out(self.encode(inputs))

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        # With `training=False` the parent adds it here, and not in `call`.
        return super().compute_loss(x, y, y_pred, sample_weight, False)


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class ActivationPenalty(keras.layers.Layer):
    """Passes its inputs on, and adds a price for their size to the loss.

    Formula: `factor * mean(sum(abs(inputs)))`, with the sum over all axes but
    the first and the mean over the samples.

    Args:
        factor: Float, zero or above. The price of an activation of 1, in the
            unit of the loss. Defaults to `0.01`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        `(batch, ...)`.

    Output shape:
        The same.

    Raises:
        ValueError: If `factor` is negative, or not a finite number.
    """

    def __init__(self, factor=0.01, **kwargs):
        super().__init__(**kwargs)
        self.factor = checked_number("factor", factor, least=0)
        self.supports_masking = True

    def call(self, inputs):
        sizes = ops.abs(ops.cast(inputs, self.variable_dtype))
        samples = ops.maximum(ops.shape(inputs)[0], 1)  # none gives 0
        price = ops.sum(sizes) / ops.cast(samples, sizes.dtype)
        self.add_loss(self.factor * price)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class DeadUnits(keras.metrics.Metric):
    """Share of units that were above zero for no sample.

    Formula: `1 - mean(any(activations > 0))`, with `any` over all samples
    since the last reset. Before the first sample it is 1.

    Args:
        units: Integer from 1 up. Size of the last axis of the activations.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    `update_state` takes activations of shape `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not an integer from 1 up; in `update_state`,
            if the activations have another last axis.
    """

    def __init__(self, units, name="dead_units", **kwargs):
        super().__init__(name=name, **kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.alive = self.add_weight(
            shape=(self.units,), initializer="zeros", name="alive"
        )

    def update_state(self, activations):
        activations = ops.cast(activations, self.dtype)
        shape = tuple(activations.shape)
        if not shape or shape[-1] not in (None, self.units):
            raise ValueError(
                "`activations` must have the shape "
                f"(batch, ..., {self.units}). Received: shape={shape}"
            )
        active = ops.reshape(activations > 0, (-1, self.units))
        active = ops.cast(ops.any(active, axis=0), self.alive.dtype)
        self.alive.assign(ops.maximum(self.alive, active))

    def result(self):
        return 1 - ops.mean(self.alive)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# From the chapter Losses from inside the model: book/internals.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class WatchedClassifier(keras.Model):
    """Classifier with one ReLU layer, that reports its share of dead units.

    The outputs are logits, one for each class. A unit is dead if, in an epoch,
    it was above zero for no sample; see `DeadUnits`. Inside another model
    nobody counts: Keras asks only the outermost model for its metrics.

    Args:
        units: Integer from 1 up. Size of the hidden layer.
        classes: Integer from 2 up. Number of classes. Defaults to `10`.
        factor: Float, zero or above. The price of an activation of 1; see
            `ActivationPenalty`. Defaults to `0.0`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`. Integers become floats.

    Output shape:
        `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of its bounds, or the inputs have
            another shape.
    """

    def __init__(self, units, classes=10, factor=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.classes = checked_number("classes", classes, least=2, whole=True)
        same = {"dtype": self.dtype_policy}
        self.hidden = keras.layers.Dense(self.units, "relu", **same)
        self.penalty = ActivationPenalty(factor, **same)
        self.out = keras.layers.Dense(self.classes, **same)
        self.dead_units = DeadUnits(self.units)
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def encode(self, inputs):
        return self.hidden(inputs)

    def call(self, inputs):
        return self.out(self.penalty(self.encode(inputs)))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.dead_units.update_state(self.encode(x))
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self):
        own = {"units": self.units, "classes": self.classes}
        factor = self.penalty.factor
        return {**super().get_config(), **own, "factor": factor}


# From the chapter Gradients: book/gradients.ipynb
def weighted_sum(outputs):
    """Sums outputs, each times its own fixed number, in float64.

    Args:
        outputs: Tensor, or a structure of tensors.

    Raises:
        ValueError: If an output has fewer than 32 bits.
    """
    random = np.random.default_rng(0)
    total = tf.zeros((), "float64")
    for output in map(tf.convert_to_tensor, tf.nest.flatten(outputs)):
        if output.dtype.size < 4:  # too coarse for small moves
            raise ValueError(
                "`function` must compute in float32 or float64. "
                f"Received: outputs in {output.dtype.name}"
            )
        output = tf.cast(output, "float64")
        weights = random.uniform(0.5, 1.5, output.shape)
        total += tf.reduce_sum(weights * output)
    return total


# From the chapter Gradients: book/gradients.ipynb
def rounding_of(outputs):
    """Estimates what rounding does to a sum of outputs, and to each number.

    Args:
        outputs: Tensor, or a structure of tensors.

    Returns:
        The error of the sum, and the relative error of a single number.
    """
    outputs = [tf.convert_to_tensor(o) for o in tf.nest.flatten(outputs)]
    outputs = [output for output in outputs if output.dtype.is_floating]
    errors = [np.finfo(o.dtype.as_numpy_dtype).eps for o in outputs]
    norms = [np.linalg.norm(tf.cast(o, "float64")) for o in outputs]
    of_sum = np.linalg.norm(np.multiply(errors, norms))
    return of_sum, max(errors, default=0.0)


# From the chapter Gradients: book/gradients.ipynb
def slopes_near(total_at, array, place, rounding):
    """Finds the slope at one place of an array by moving that number.

    Args:
        total_at: Function of an array that returns a float.
        array: Array of floats.
        place: Index of the number to move.
        rounding: What `rounding_of` returns.

    Returns:
        The slope; how far to trust it, infinite if there is none; the lowest
        and the highest slope to one side.
    """
    size = max(1.0, abs(float(array[place])))
    here, central, one_sided = total_at(array), [], []
    steps = size * 10.0 ** -np.arange(2, 8)
    for step in steps:
        moves, changes = [], []
        for move in (-step, step):
            moved = array.copy()
            moved[place] += move
            moves.append(float(moved[place]) - float(array[place]))
            changes.append(total_at(moved) - here)
        with np.errstate(all="ignore"):
            central.append(0 + np.subtract(*changes) / np.subtract(*moves))
            one_sided.append(np.divide(changes, moves))
    of_sum, relative = rounding
    with np.errstate(all="ignore"):
        gaps = relative * size * (1 + np.abs(central[1:])) + of_sum
        gaps = np.abs(np.diff(central)) + gaps / steps[1:]
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    best = 1 + gaps.argmin()
    lowest, highest = min(one_sided[best]), max(one_sided[best])
    return central[best], gaps[best - 1], lowest, highest


# From the chapter Gradients: book/gradients.ipynb
def tape_gradients(function, arrays):
    """Computes the gradients of the weighted sum of what a function returns.

    Args:
        function: Function of arrays that returns tensors.
        arrays: List of arrays of floats.

    Returns:
        The list of gradients, arrays or `None`.
    """
    tensors = [tf.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = weighted_sum(function(*tensors))
    again = weighted_sum(function(*tensors))
    if not (np.isfinite(total) and np.isfinite(again)):
        raise AssertionError(f"The outputs are not finite: {total}")
    if not np.isclose(total, again, rtol=1e-5):
        raise AssertionError("The outputs differ from call to call")
    found = tape.gradient(total, tensors)
    return [g if g is None else tf.convert_to_tensor(g).numpy() for g in found]


# From the chapter Gradients: book/gradients.ipynb
def as_doubles(function, arrays):
    """Makes arrays float64, or float32 where the function insists on it."""
    sizes = [np.size(array) for array in arrays]
    if not sizes or 0 in sizes:
        raise ValueError(
            "`arrays` must be one or more, none of them empty. "
            f"Received: arrays of {sizes} numbers"
        )
    doubles = [np.array(array, "float64") for array in arrays]
    try:
        function(*map(tf.convert_to_tensor, doubles))
    except (TypeError, ValueError, tf.errors.InvalidArgumentError):
        return [array.astype("float32") for array in doubles]
    return doubles


# From the chapter Gradients: book/gradients.ipynb
def names_of(function, arrays):
    """Lists the names of the arguments that arrays are passed for."""
    is_layer = isinstance(function, keras.layers.Layer)
    try:
        target = function.call if is_layer else function
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # some built-in functions have none
        names = []
    return [*names, *(f"argument {n}" for n in range(len(names), len(arrays)))]


# From the chapter Gradients: book/gradients.ipynb
def wrong_places(total_at, array, gradient, rounding, tolerance, most):
    """Lists where a gradient is not the slope, or there is no slope.

    Args:
        total_at: Function of an array that returns a float.
        array: Array of floats.
        gradient: Array of its shape.
        rounding: What `rounding_of` returns.
        tolerance: Positive float, relative.
        most: How many numbers to move.

    Returns:
        List of `(place, gradient, slope)`; without a slope it is NaN.
    """
    places = list(np.ndindex(array.shape))
    chosen = np.random.default_rng(0).permutation(len(places))[:most]
    chosen = [places[i] for i in sorted(chosen)]
    rows = [(p, *slopes_near(total_at, array, p, rounding)) for p in chosen]
    largest = max([abs(row[1]) for row in rows if np.isfinite(row[2])] + [0.0])
    wrong = []
    for place, slope, gap, lowest, highest in rows:
        found = gradient[place]
        if np.isinf(gap):
            wrong.append((place, found, np.nan))
            continue
        slack = tolerance * (abs(slope) + 0.1 * largest) + 5 * gap
        if not lowest - slack <= found <= highest + slack:
            wrong.append((place, found, slope))
    return wrong


# From the chapter Gradients: book/gradients.ipynb
def check_gradient(function, *arrays, tolerance=1e-3, most=30):
    """Compares the gradients of a tape with slopes found by moving inputs.

    Args:
        function: Function of one or more tensors, or a layer. It must give
            the same outputs each time.
        *arrays: Arrays or tensors of floats, one for each argument.
        tolerance: Positive float. The relative error that is let pass.
            Defaults to `1e-3`.
        most: Whole number from 1 up. How many numbers of each array are
            moved; of a larger array as many, drawn at random. Defaults to
            `30`.

    Raises:
        AssertionError: If a gradient is `None`, not finite or not the slope,
            or if there is no slope, because the function ends there. The
            message has the argument, the place and both numbers.
        ValueError: If there are no arrays or an empty one, an option is out of
            bounds, or the outputs have fewer than 32 bits.

    Example:
        >>> check_gradient(keras.layers.Dense(2), np.ones((3, 4)))
    """
    tolerance = checked_number("tolerance", tolerance, above=0)
    most = checked_number("most", most, least=1, whole=True)
    arrays = as_doubles(function, arrays)
    gradients = tape_gradients(function, arrays)
    rounding = rounding_of(function(*map(tf.convert_to_tensor, arrays)))
    lines = []
    for n, name in enumerate(names_of(function, arrays)[: len(arrays)]):

        def total_at(moved, n=n):
            inputs = [*arrays[:n], moved, *arrays[n + 1 :]]
            tensors = map(tf.convert_to_tensor, inputs)
            return float(weighted_sum(function(*tensors)))

        if gradients[n] is None:
            lines.append(f"`{name}`: the gradient is None")
            continue
        options = arrays[n], gradients[n], rounding, tolerance, most
        for place, found, slope in wrong_places(total_at, *options):
            lines.append(
                f"`{name}` at {place}: gradient {found:.4g}, slope {slope:.4g}"
            )
    if lines:
        raise AssertionError("\n".join(lines))


# From the chapter Gradients: book/gradients.ipynb
def as_float_tensor(x):
    """Makes a tensor; integers and booleans become Keras's default float."""
    x = tf.convert_to_tensor(x)  # of a variable, too: `ops` would keep it
    if not keras.backend.is_float_dtype(x.dtype):
        x = ops.cast(x, keras.config.floatx())
    return x


@keras.saving.register_keras_serializable(package="made_to_measure")
def exact_softplus(x):
    """Softplus that is exact in its value and in its derivatives.

    Formula: `log(1 + exp(x))`. Its gradient is `sigmoid(x)`, said outright.

    Args:
        x: Tensor of any shape. Integers become floats.

    Returns:
        Tensor of the shape and the floating dtype of `x`.

    Reference:
        [Glorot et al., 2011](
        https://proceedings.mlr.press/v15/glorot11a.html)
    """
    if isinstance(x, keras.KerasTensor):  # in a functional model
        return keras.layers.Activation(exact_softplus)(x)

    @tf.custom_gradient
    def softplus(x):
        def gradient(upstream):
            return upstream * ops.sigmoid(x)

        value = ops.relu(x) + ops.log1p(ops.exp(-ops.abs(x)))
        return value, gradient

    return softplus(as_float_tensor(x))


# From the chapter Gradients: book/gradients.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
def straight_through_sign(x):
    """Sign, with the gradient of the identity near zero.

    Formula: `1` where `x >= 0`, else `-1`; NaN stays NaN. The gradient is that
    of the result where `abs(x) <= 1`, else zero.

    Args:
        x: Tensor of any shape. Integers become floats.

    Returns:
        Tensor of -1 and 1, of the shape and the floating dtype of `x`.

    Reference:
        [Bengio et al., 2013](https://arxiv.org/abs/1308.3432),
        [Hubara et al., 2016](https://arxiv.org/abs/1602.02830)
    """
    if isinstance(x, keras.KerasTensor):  # in a functional model
        return keras.layers.Activation(straight_through_sign)(x)

    @tf.custom_gradient
    def sign(x):
        def gradient(upstream):
            return ops.where(ops.abs(x) <= 1, upstream, 0)

        up, down = ops.ones_like(x), -ops.ones_like(x)
        return ops.where(x >= 0, up, ops.where(x < 0, down, x)), gradient

    return sign(as_float_tensor(x))


# From the chapter Gradients: book/gradients.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class BinaryDense(MyDense):
    """Connects each input with each unit by a weight of one bit, its sign.

    Formula: `activation(inputs @ sign(kernel) / sqrt(features) + bias)`. In
    training the kernel is kept in full and moved by the gradient of its sign;
    see `straight_through_sign`.

    Args:
        units: Whole number from 1 up. The size of the output.
        activation: Function, name of one of Keras's activations, or `None`.
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
        >>> BinaryDense(4, activation="relu")(keras.ops.ones((2, 3))).shape
        TensorShape([2, 4])
    """

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        signs = straight_through_sign(self.kernel)
        sums = ops.matmul(x, signs) / max(1, self.kernel.shape[0]) ** 0.5
        return self.activation(ops.add(sums, self.bias))


# From the chapter Training loops: book/training.ipynb
def checked_bounds(bounds):
    """Checks that bounds are `None`, or a lower and a higher number."""
    if bounds is None:
        return None
    try:
        low, high = (checked_number("bounds", bound) for bound in bounds)
    except (TypeError, ValueError):
        low, high = 0, 0
    if not low < high:
        raise ValueError(
            "`bounds` must be a lower and a higher number. "
            f"Received: bounds={bounds!r}"
        )
    return low, high


# From the chapter Training loops: book/training.ipynb
def move_uphill(loss_of, inputs, amount, bounds=None):
    """Moves inputs by one step of equal size towards a larger loss.

    Formula: `clip(inputs + amount * sign(gradient), *bounds)`.

    Args:
        loss_of: Function from inputs to their loss. In float16 scale it:
            where a slope vanishes, nothing is moved.
        inputs: Array or tensor of floats, of any shape.
        amount: Float, zero or above. How far each number moves.
        bounds: Tuple of the lowest and the highest value, or `None`.

    Returns:
        Tensor like `inputs`, through which no gradient flows back.

    Raises:
        ValueError: If `amount` is negative, `bounds` are not a lower and a
            higher number, `inputs` are not floats, or the loss does not
            depend on them.

    Reference:
        [Goodfellow et al., 2015](https://arxiv.org/abs/1412.6572)
    """
    amount = checked_number("amount", amount, least=0)
    bounds = checked_bounds(bounds)
    inputs = tf.convert_to_tensor(inputs)
    slopes = None
    if inputs.dtype.is_floating:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.convert_to_tensor(loss_of(inputs))
        slopes = tape.gradient(loss, inputs)
    if slopes is None:
        raise ValueError(
            "`inputs` must be floats that the loss depends on. "
            f"Received: {inputs.dtype.name} of shape {inputs.shape}"
        )
    moved = tf.stop_gradient(inputs + amount * tf.sign(slopes))
    return moved if bounds is None else tf.clip_by_value(moved, *bounds)


# From the chapter Training loops: book/training.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class ModelShell(keras.Model):
    """A model around another one, to be extended with steps of its own.

    Args:
        model: A `keras.Model`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`.

    Raises:
        ValueError: If `model` is not a model.
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`model` must be a keras.Model. Received: model={model!r}"
            )
        self.model = model

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.model.compute_output_shape(input_shape)

    def get_config(self):
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


# From the chapter Training loops: book/training.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class AttackedModel(ModelShell):
    """Reports the loss of a model on inputs moved to harm it.

    Formula: `attacked_loss = loss(move_uphill(x))`, in evaluations.

    Args:
        model: A `keras.Model` with one input, of floats, one output, and any
            loss.
        amount: Float, zero or above. How far each input is moved.
        bounds: Tuple of the lowest and the highest input, or `None`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(self, model, amount, bounds=None, **kwargs):
        super().__init__(model, **kwargs)
        self.amount = checked_number("amount", amount, least=0)
        self.bounds = checked_bounds(bounds)
        self.attacked_loss = keras.metrics.Mean(name="attacked_loss")

    def loss_under_attack(self, x, y, weight, training=False):
        def loss_of(inputs, training=False):
            y_pred = self(inputs, training=training)
            return self.compute_loss(inputs, y, y_pred, weight, training)

        def scaled(inputs):  # in float16 small slopes would vanish
            return self.optimizer.scale_loss(loss_of(inputs))

        moved = move_uphill(scaled, x, self.amount, self.bounds)
        loss = loss_of(moved, training)
        self.attacked_loss.update_state(loss, sample_weight=tf.shape(x)[0])
        return loss

    def test_step(self, data):
        self.loss_under_attack(*keras.utils.unpack_x_y_sample_weight(data))
        return super().test_step(data)

    def get_config(self):
        own = {"amount": self.amount, "bounds": self.bounds}
        return {**super().get_config(), **own}


# From the chapter Training loops: book/training.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class AdversarialModel(AttackedModel):
    """Trains a model on its inputs, and on inputs moved to harm it.

    Formula: `(1 - weight) * loss(x) + weight * loss(move_uphill(x))`. A
    metric, `attacked_loss`, tracks the second loss.

    Args:
        model: A `keras.Model` with one input, of floats, one output, and any
            loss.
        amount: Float, zero or above. How far each input is moved.
        weight: Float from 0 to 1. Share of the second loss. With 0 training
            is that of `model`. Defaults to `0.5`.
        bounds: Tuple of the lowest and the highest input, or `None`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`. If `weight` is above 0, layers with state, such as
        `BatchNormalization`, see each batch twice.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> model = AdversarialModel(classifier, 0.1, bounds=(0, 1))

    Reference:
        [Goodfellow et al., 2015](https://arxiv.org/abs/1412.6572)
    """

    def __init__(self, model, amount, weight=0.5, bounds=None, **kwargs):
        super().__init__(model, amount, bounds, **kwargs)
        self.weight = checked_number("weight", weight, least=0, most=1)

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight, training=True)
            hard = self.loss_under_attack(x, y, weight, self.weight > 0)
            if self.weight:
                loss = (1 - self.weight) * loss + self.weight * hard
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, weight)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


# From the chapter Training loops: book/training.ipynb
def checked_rows(arrays):
    """Checks that arrays are a tuple, and have equally many rows."""
    if not isinstance(arrays, (tuple, list)):
        kind = type(arrays).__name__
        raise ValueError(f"`arrays` must be a tuple. Received: {kind}")
    arrays = tuple(np.asarray(array) for array in arrays)
    shapes = [array.shape for array in arrays]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(
            "`arrays` must have equally many rows, one or more. "
            f"Received: arrays of shapes {shapes}"
        )
    return arrays


# From the chapter Training loops: book/training.ipynb
class ShuffledBatches(keras.utils.PyDataset):
    """Batches in an order that follows from a seed and the epoch.

    Each epoch has every row once. `set_epoch` begins an epoch; call it in a
    loop, or from a callback of `fit(..., shuffle=False)`. With
    `steps_per_epoch` an epoch would begin in the middle of the last one's.

    Args:
        arrays: Tuple of arrays with equally many rows.
        batch_size: Integer from 1 up. The last batch may be smaller.
        seed: Integer, zero or above.
        **kwargs: `workers` and others, as for every `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> batches = ShuffledBatches((x, y), 32, seed=1)
        >>> batches.set_epoch(3)
        >>> for x_batch, y_batch in batches: ...
    """

    def __init__(self, arrays, batch_size, seed, **kwargs):
        super().__init__(**kwargs)
        self.arrays = checked_rows(arrays)
        self.rows = len(self.arrays[0])
        size = checked_number("batch_size", batch_size, least=1, whole=True)
        seed = checked_number("seed", seed, least=0, whole=True)
        self.batch_size, self.seed = size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch):
        random = np.random.default_rng([self.seed, epoch])
        self.order = random.permutation(self.rows)

    def __len__(self):
        return -(-self.rows // self.batch_size)  # rounded up

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        chosen = self.order[index * self.batch_size :][: self.batch_size]
        return tuple(array[chosen] for array in self.arrays)


# From the chapter Training loops: book/training.ipynb
def accumulate_gradients(parts):
    """Averages the gradients of parts of a batch, by their weights.

    Formula: `sum(weight * gradient) / sum(weight)`, for each variable.

    Args:
        parts: Iterable of pairs: the list of gradients of a part, and its
            weight. That is its number of rows if the loss is a mean over
            rows, and its sum of sample weights if the loss divides by that.
            A generator needs memory for one part only. A gradient is `None`
            for a variable without influence, in all parts alike. A part of
            weight 0 does not count, whatever its gradients are.

    Returns:
        List of tensors, and of `None`.

    Raises:
        ValueError: If there are no parts, their weights sum to 0, or they
            are not alike.

    Example:
        >>> accumulate_gradients([([tf.ones(2)], 32), ([tf.zeros(2)], 32)])
    """
    total, means = 0.0, None
    for gradients, weight in parts:
        weight = checked_number("weight", weight, least=0)
        if weight == 0:
            continue
        new = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        kinds = [g if g is None else (g.shape, g.dtype) for g in new]
        if means is None:
            first = kinds
            means = [g if g is None else tf.zeros_like(g) for g in new]
        if kinds != first:
            raise ValueError("`parts` must be alike in shapes and dtypes.")
        total += weight
        share = weight / total  # a running mean: a sum could overflow
        for place, gradient in enumerate(new):
            if gradient is not None:
                old = means[place]
                means[place] = (1 - share) * old + share * gradient
    if means is None:
        raise ValueError("`parts` must have a weight in sum above 0.")
    return means


# From the chapter Training loops: book/training.ipynb
def count_anew(names):
    """Begins the counters in names at 0: `dense_7`, `dense_9` say 0 and 1.

    Keras counts all layers of a process, so the same model has other names
    the next time. Only the order of the counters stays.
    """
    counter = r"_(\d+)(?=[/_]|$)"
    bare = [re.sub(counter, "", name) for name in names]
    counts = [[int(n) for n in re.findall(counter, name)] for name in names]
    pairs = list(zip(bare, counts, strict=True))
    return [
        f"{name} {sorted(c for n, c in pairs if n == name).index(count)}"
        for name, count in pairs
    ]


def checkpoint_arrays(parts):
    """Lists the values of variables, and `[name, shape, dtype]` of each."""
    arrays, described = [], []
    for part, owner in parts.items():
        if not getattr(owner, "built", True):
            raise ValueError(f"`parts` must be built. {part!r} is not.")
        names = count_anew([variable.path for variable in owner.variables])
        for name, variable in zip(names, owner.variables, strict=True):
            value = keras.ops.convert_to_numpy(variable)
            arrays.append(value)
            dtype = keras.backend.standardize_dtype(variable.dtype)
            described.append([f"{part}: {name}", list(value.shape), dtype])
    return arrays, described


# From the chapter Training loops: book/training.ipynb
def save_checkpoint(path, parts, progress):
    """Writes all variables of some parts to a file, and how far we are.

    Args:
        path: Path of the file. An old one is replaced at the very end.
        parts: Dictionary of names and built objects with `variables`: models
            with their random states, and optimizers.
        progress: Dictionary for JSON, such as the epoch.

    Raises:
        ValueError: If a part is not built, and so has no variables yet.
    """
    arrays, described = checkpoint_arrays(parts)
    text = json.dumps({"variables": described, "progress": progress})
    unfinished = Path(path).with_name(Path(path).name + ".unfinished")
    with open(unfinished, "wb") as file:
        np.savez(file, *arrays, text=np.array(text))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


# From the chapter Training loops: book/training.ipynb
def restore_checkpoint(path, parts):
    """Reads what `save_checkpoint` wrote into parts of the same structure.

    Args:
        path: Path of the file.
        parts: Dictionary as for `save_checkpoint`. Nothing is changed unless
            all shapes, dtypes and names are those of the file, in order.
            Of numbers in names only the order counts.

    Returns:
        The dictionary `progress`.

    Raises:
        ValueError: If it is no such file, a part is not built, or the
            variables are others than those of the file.
    """
    own, described = checkpoint_arrays(parts)
    wrong = EOFError, KeyError, NotImplementedError, TypeError, ValueError
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = json.loads(str(file["text"]))
            count = len(stored["variables"])
            arrays = [file[f"arr_{n}"] for n in range(count)]
    except (*wrong, BadZipFile) as error:
        wanted = "`path` must be a file of `save_checkpoint`."
        raise ValueError(f"{wanted} Received: path={path}") from error
    for found, wanted in itertools.zip_longest(stored["variables"], described):
        if found != wanted:
            raise ValueError(
                "`parts` must have the variables of the file. "
                f"The file has {found}, and `parts` has {wanted}"
            )
    variables = [v for owner in parts.values() for v in owner.variables]
    for variable, old, value in zip(variables, own, arrays, strict=True):
        variable.assign(value.view(old.dtype))  # NumPy knows no bfloat16
    return stored["progress"]


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
def checked_rate(learning_rate):
    """Checks that a learning rate is a schedule, or a number from 0 up.

    Args:
        learning_rate: What was passed for it.

    Returns:
        The schedule, or the number as a `float`.

    Raises:
        ValueError: If it is neither.
    """
    schedules = keras.optimizers.schedules
    if isinstance(learning_rate, schedules.LearningRateSchedule):
        return learning_rate
    try:
        return checked_number("learning_rate", learning_rate, least=0)
    except ValueError as error:
        message = str(error).replace("must be", "must be a schedule or", 1)
        raise ValueError(message) from None


def checked_boolean(name, value):
    """Checks that an argument is True or False, not a word that means it."""
    if not isinstance(value, (bool, np.bool_)):
        wanted = f"`{name}` must be True or False."
        raise ValueError(f"{wanted} Received: {name}={value!r}")
    return bool(value)


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class MomentumSGD(keras.optimizers.Optimizer):
    """Gradient descent that remembers its direction.

    Formula: `velocity = momentum * velocity - learning_rate * gradient`, then
    `variable += velocity`, or with Nesterov's momentum
    `variable += momentum * velocity - learning_rate * gradient`.

    Args:
        learning_rate: Float from 0 up, or a
            `keras.optimizers.schedules.LearningRateSchedule`.
        momentum: Float from 0 to below 1. Defaults to `0.9`.
        nesterov: Boolean, whether to use Nesterov's form. Defaults to `False`.
        **kwargs: `name`, `clipnorm`, `weight_decay`, `use_ema` and the
            others, as for every `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If an argument is out of its bounds.

    Example:
        >>> model.compile(MomentumSGD(0.1, momentum=0.8), loss="mse")

    Reference:
        [Sutskever et al., 2013](https://proceedings.mlr.press/v28/sutskever13)
    """

    def __init__(self, learning_rate, momentum=0.9, nesterov=False, **kwargs):
        super().__init__(checked_rate(learning_rate), **kwargs)
        self.momentum = checked_number("momentum", momentum, least=0, below=1)
        self.nesterov = checked_boolean("nesterov", nesterov)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        momentum = ops.cast(self.momentum, dtype)
        rate = ops.cast(learning_rate, dtype)
        change = ops.multiply(ops.cast(gradient, dtype), -rate)
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, ops.add(momentum * velocity, change))
        ahead = ops.add(momentum * velocity, change)
        self.assign_add(variable, ahead if self.nesterov else velocity)

    def get_config(self):
        arguments = {"momentum": self.momentum, "nesterov": self.nesterov}
        return {**super().get_config(), **arguments}


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises along a line and falls along a cosine.

    Formula: `peak * step / warmup_steps` up to `warmup_steps`; then
    `peak * (final_share + (1 - final_share) * (1 + cos(pi * part)) / 2)`, where
    `part` is the share of `decay_steps` that is over, at most 1.

    Args:
        peak: Positive float. The largest learning rate.
        warmup_steps: Integer from 0 up. Steps until the peak.
        decay_steps: Integer from 1 up. Steps from the peak to the end.
        final_share: Float from 0 to 1. The last learning rate as a share of
            the peak. Defaults to `0.0`.

    Raises:
        ValueError: If an argument is out of its bounds.

    Example:
        >>> MomentumSGD(WarmupCosine(0.1, warmup_steps=25, decay_steps=75))

    Reference:
        [Loshchilov and Hutter, 2017](https://arxiv.org/abs/1608.03983)
    """

    def __init__(self, peak, warmup_steps, decay_steps, final_share=0.0):
        self.peak = checked_number("peak", peak, above=0)
        checked = functools.partial(checked_number, whole=True)
        self.warmup_steps = checked("warmup_steps", warmup_steps, least=0)
        self.decay_steps = checked("decay_steps", decay_steps, least=1)
        self.final_share = checked_number(
            "final_share", final_share, least=0, most=1
        )

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = step / max(self.warmup_steps, 1)
        part = (step - self.warmup_steps) / self.decay_steps
        cosine = (1 + ops.cos(math.pi * ops.clip(part, 0, 1))) / 2
        falling = self.final_share + (1 - self.final_share) * cosine
        return self.peak * ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
            "final_share": self.final_share,
        }


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
def find_in_logs(logs, name):
    """Finds a number in the logs of an epoch.

    Args:
        logs: Dictionary from names to numbers, as a callback is given it.
        name: Name of a loss or metric.

    Returns:
        The number, a `float`.

    Raises:
        ValueError: If there is none of this name. The message lists those that
            there are.
    """
    if not isinstance(name, str) or name not in (logs or {}):
        hint = ""
        if str(name).startswith("val_"):
            hint = " Give `fit` validation data, used in each epoch."
        there = ", ".join(map(repr, logs or {})) or "none"
        raise ValueError(
            f"`monitor` must be a name in the logs of an epoch. There are: "
            f"{there}.{hint} Received: monitor={name!r}"
        )
    return float(logs[name])


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
def show_live(handle, draw, alt, last=False):
    """Shows a figure in a notebook, in the place of the one before.

    Args:
        handle: What the call before returned, or `None` the first time.
        draw: Function that draws on axes.
        alt: What the figure shows, in words, the same each time.
        last: Whether no other will follow.

    Returns:
        A handle for the next call, or `None` outside a notebook.
    """
    if getattr(IPython.get_ipython(), "kernel", None) is None:
        return None
    picture = {"text/plain": f"Figure: {alt}"}
    picture["image/png"] = draw_png(draw, 1, (5.2, 3.3))
    if handle is None:
        show = IPython.display.display
        handle = show(picture, raw=True, display_id=True)
    if last:
        handle.update(explore(draw, alt=alt))
    else:
        handle.update(picture, raw=True)
    return handle


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
def draw_curves(ax, values):
    """Draws numbers over the epochs, each with its name.

    Args:
        ax: Axes to draw on.
        values: Dictionary from names to dictionaries from epochs to numbers.
    """
    colours = BLUE, VERMILLION, GREEN, INK
    looks = itertools.cycle(itertools.product(("-", "--", ":"), colours))
    for name, record in values.items():
        style, colour = next(looks)
        look = {"color": colour, "linestyle": style, "label": name}
        marker = "." if len(record) < 2 else ""
        ax.plot(list(record), list(record.values()), marker=marker, **look)
    ax.legend(loc="upper right")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel="value")


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
class LossCurve(keras.callbacks.Callback):
    """Draws losses and metrics while a model trains, in one display.

    Outside a notebook it shows nothing. `values` has a dictionary from epochs
    to numbers for each name, and `draw` draws them on any axes.

    Args:
        *monitor: Names in the logs. Defaults to `"loss"`, and `"val_loss"` if
            there is one.
        every: Integer from 1 up. Epochs from one picture to the next.

    Raises:
        ValueError: If `every` is not such a number, or after an epoch whose
            logs lack a name. So validate in each epoch.

    Example:
        >>> model.fit(x, y, callbacks=[LossCurve()])
    """

    def __init__(self, *monitor, every=1):
        super().__init__()
        self.monitor = monitor
        self.every = checked_number("every", every, least=1, whole=True)
        self.values, self.handle = {}, None

    def on_train_begin(self, logs=None):
        self.values, self.handle = {}, None

    def on_epoch_end(self, epoch, logs=None):
        usual = [name for name in ("loss", "val_loss") if name in (logs or {})]
        for name in self.monitor or usual:
            number = find_in_logs(logs, name)
            self.values.setdefault(name, {})[epoch + 1] = number
        if (epoch + 1) % self.every == 0:
            self.show()

    def on_train_end(self, logs=None):
        self.show(last=True)

    def show(self, last=False):
        alt = f"After each epoch: {', '.join(self.values)}."
        if self.values:
            self.handle = show_live(self.handle, self.draw, alt, last)

    def draw(self, ax):
        draw_curves(ax, self.values)


# From the chapter Optimizers, schedules, callbacks: book/optimizers.ipynb
class StopOnPlateau(keras.callbacks.Callback):
    """Stops a training that gets no better, or that is lost.

    An epoch is better if it improves on the best one by more than
    `min_delta`. The training stops `patience` epochs after the best one, and at
    once when the loss or the monitored value is infinite or NaN.

    Args:
        monitor: Name in the logs. Defaults to `"val_loss"`.
        patience: Integer from 1 up. Epochs to wait for a better one.
        min_delta: Float from 0 up, in the unit of the monitored value.
        mode: `"min"` if less is better, `"max"` if more is.

    Raises:
        ValueError: If an argument is out of its bounds, or after an epoch
            whose logs lack `monitor`. So validate in each epoch.

    Example:
        >>> model.fit(x, y, callbacks=[StopOnPlateau("loss", patience=3)])
    """

    def __init__(self, monitor="val_loss", patience=5, min_delta=0, mode="min"):
        super().__init__()
        if mode not in ("min", "max"):
            raise ValueError(
                f"`mode` must be 'min' or 'max'. Received: mode={mode!r}"
            )
        self.monitor = monitor
        self.sign = 1 if mode == "min" else -1
        wait = checked_number("patience", patience, least=1, whole=True)
        self.patience = wait
        self.min_delta = checked_number("min_delta", min_delta, least=0)

    def on_train_begin(self, logs=None):
        self.best = self.best_epoch = self.stopped_epoch = None

    def on_epoch_end(self, epoch, logs=None):
        value = find_in_logs(logs, self.monitor)
        loss = float(logs.get("loss", value))
        lost = not (math.isfinite(value) and math.isfinite(loss))
        best = self.sign * math.inf if self.best is None else self.best
        if not lost and self.sign * (best - value) > self.min_delta:
            self.best, self.best_epoch = value, epoch
        elif lost or epoch - self.best_epoch >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
