"""The components that book/metrics.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import keras
from keras import ops

from helpers.components.losses import align, checked_number, create_huber


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


def mark_unless_shares(weights, scores):
    """Makes the weight of each score NaN that is not from 0 to 1.

    Logits or percentages, counted like shares, give a result that looks right.
    With a NaN among the weights each sum of them is NaN, in a graph as well.

    Args:
        weights: Tensor of weights. Where one is 0 it stays 0: what is padded
            or left out may have any score.
        scores: Tensor of scores, of the shape of `weights`. What rounding
            puts a little outside, up to 0.01, is let through.

    Returns:
        The weights, or NaN in their place.
    """
    shares = ops.abs(scores - 0.5) <= 0.51  # false for NaN as well
    heeded = ops.logical_or(shares, weights == 0)
    return ops.where(heeded, weights, float("nan"))


@keras.saving.register_keras_serializable(package="made_to_measure")
class StreamingPrecision(keras.metrics.Metric):
    """Share of right ones among all that is predicted positive.

    Formula: `true_positives / (true_positives + false_positives)`, each the
    sum of the weights of its samples. Without predicted positives it is 0.
    After a score that is not from 0 to 1, such as a logit, it is NaN.

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
        weights = mark_unless_shares(weights, y_pred)
        # A product and no `where`: NaN times 0 is NaN.
        weights = weights * ops.cast(y_pred > self.threshold, weights.dtype)
        right = ops.where(y_true != 0, weights, 0)
        self.true_positives.assign_add(ops.sum(right))
        self.false_positives.assign_add(ops.sum(weights - right))

    def result(self):
        positives = self.true_positives + self.false_positives
        return ops.divide_no_nan(self.true_positives, positives)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def count_in_bins(counts, scores, weights):
    """Adds the weight of each score to the bin that it falls into.

    Args:
        counts: Variable of shape `(bins,)`, for scores from 0 to 1. What lies
            outside is added to the first or the last bin, NaN to the first.
        scores: Tensor of scores, of any shape.
        weights: Tensor of the shape of `scores`.
    """
    bins = counts.shape[0]
    scores = ops.nan_to_num(ops.ravel(scores))  # NaN is in no bin, and is lost
    # A score on an edge belongs to the lower bin, as for `score > threshold`.
    places = ops.ceil(scores * bins) - 1
    places = ops.cast(ops.clip(places, 0, bins - 1), "int32")
    counts.assign_add(ops.segment_sum(ops.ravel(weights), places, bins))


def as_shares(*counts):
    """Divides each tensor of counts by its sum, or leaves it at zero."""
    return [ops.divide_no_nan(each, ops.sum(each)) for each in counts]


@keras.saving.register_keras_serializable(package="made_to_measure")
class HistogramAUC(keras.metrics.Metric):
    """Area under the ROC curve, from histograms of the scores.

    Formula: the share of pairs of a positive and a negative sample of which
    the positive one has the higher bin; pairs in one bin count half. After a
    score that is not from 0 to 1, such as a logit, it is NaN.

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
        weights = mark_unless_shares(weights, y_pred)
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
        return 1 - ops.sum(positives * (ops.sum(negatives) - negatives / 2))

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}
