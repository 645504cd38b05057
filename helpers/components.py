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
