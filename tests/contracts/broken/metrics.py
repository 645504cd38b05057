"""Metrics that are broken on purpose, and the right `MeanError`.

Rules compute with a copy that was reset: what a reset would mend, only a rule
that does not begin with one can see.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tests.contracts.broken import align, broken, broken_function


class MeanError(keras.metrics.Metric):
    """A metric with nothing wrong, for others to break."""

    def __init__(self, name="mean_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def errors(self, y_true, y_pred):
        y_true, y_pred = (
            ops.cast(y_true, self.dtype),
            ops.cast(y_pred, self.dtype),
        )
        return ops.mean(ops.abs(align(y_true, y_pred) - y_pred), axis=-1)

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        weights = ops.ones_like(errors)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, errors)
        self.total.assign_add(ops.sum(weights * errors))
        self.count.assign_add(ops.sum(weights))

    def cast_weights(self, sample_weight, errors):
        weights = ops.cast(sample_weight, errors.dtype)
        return ops.reshape(weights, ops.shape(errors))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@broken("metric", "takes_weights_as_a_column")
class WeighsAllWithAll(MeanError):
    """Weights of shape `(n, 1)` times errors of shape `(n,)` are a square."""

    def cast_weights(self, sample_weight, errors):
        return ops.cast(sample_weight, errors.dtype)


@broken("metric", "takes_fractions_as_weights")
class CountsWholeNumbers(MeanError):
    """A weight of a half is cut to nothing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.samples = self.add_weight(
            name="samples", initializer="zeros", dtype="int32"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        before = self.count + 0.0
        super().update_state(y_true, y_pred, sample_weight)
        self.samples.assign_add(ops.cast(self.count - before, "int32"))

    def result(self):
        return ops.divide_no_nan(self.total, ops.cast(self.samples, "float32"))


@broken("metric", "is_the_same_in_any_batching", "works_in_fit_and_evaluate")
class ChangesItsStateInResult(MeanError):
    """Right at the end of an epoch, unless somebody has asked before."""

    def result(self):
        mean = super().result()
        self.total.assign(mean)
        self.count.assign(ops.minimum(self.count, 1.0))
        return mean


@broken("metric", "heeds_the_mask")
class TakesWeightsForTheMask(MeanError):
    """The mask counts only where there are no weights."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is None:
            sample_weight = getattr(y_pred, "_keras_mask", None)
        super().update_state(y_true, y_pred, sample_weight)


@broken("metric", "is_defined_without_data")
class DividesByNothing(MeanError):
    """NaN until the first batch is there."""

    def result(self):
        return self.total / self.count


@broken("metric", "is_defined_without_data")
class PerfectWithoutData(MeanError):
    """A score of 1 that nobody has earned."""

    def result(self):
        return 1.0 - super().result()


@broken("metric", "is_defined_without_data")
class PoisonedByAnEmptyBatch(MeanError):
    """Adds 0 / 0 where all weights of a batch are 0."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        weights = ops.ones_like(errors)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, errors)
        mean = ops.sum(weights * errors) / ops.sum(weights)
        self.total.assign_add(mean * ops.sum(weights))
        self.count.assign_add(ops.sum(weights))


@broken("metric", "goes_on_for_long")
class ForgetsTheFirst(MeanError):
    """Of more than a thousand samples the older count for less."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        full = ops.cast(self.count > 1000, self.dtype)
        for weight in (self.total, self.count):
            weight.assign(weight / (1.0 + full))


@broken("metric", "goes_on_for_long")
class BeginsAnew(MeanError):
    """After a thousand batches it resets itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.batches = self.add_weight(name="batches", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        goes_on = ops.cast(self.batches < 1000, self.dtype)
        for weight in self.variables:
            weight.assign(goes_on * weight)
        self.batches.assign_add(1.0)
        super().update_state(y_true, y_pred, sample_weight)


@broken("metric", "goes_on_for_long")
class CountsInFloat16(MeanError):
    """The count stands still at 2048."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(
            name="half_count", initializer="zeros", dtype="float16"
        )

    def result(self):
        return ops.divide_no_nan(self.total, ops.cast(self.count, self.dtype))


@broken("metric", "goes_on_for_long", "takes_fractions_as_weights")
class CountsInShortIntegers(MeanError):
    """32767 and 1 are -32768."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(
            name="short_count", initializer="zeros", dtype="int16"
        )

    def result(self):
        return ops.divide_no_nan(self.total, ops.cast(self.count, self.dtype))


@broken("metric", "keeps_its_digits")
class SubtractsLargeSums(MeanError):
    """The variance of the targets: a mean of squares less a square."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.squares = self.add_weight(name="squares", initializer="zeros")

    def errors(self, y_true, y_pred):
        return ops.cast(y_true, self.dtype)[:, 0]

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        values = self.errors(y_true, y_pred)
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, values)
        self.squares.assign_add(ops.sum(weights * ops.square(values)))

    def result(self):
        squares = ops.divide_no_nan(self.squares, self.count)
        return squares - ops.square(super().result())


@broken("metric", "heeds_the_mask")
class CountsWhatIsHidden(MeanError):
    """The mask the wrong way round."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            sample_weight = ops.logical_not(mask)
        super().update_state(y_true, y_pred, sample_weight)


@broken("metric", "heeds_the_mask")
class CountsHiddenSteps(MeanError):
    """Hidden steps add no error, and count."""

    def errors(self, y_true, y_pred):
        errors = super().errors(y_true, y_pred)
        mask = getattr(y_pred, "_keras_mask", None)
        return errors if mask is None else errors * ops.cast(mask, self.dtype)


@broken("metric", "heeds_the_mask")
class RoundsItsMaskAway(keras.metrics.MeanMetricWrapper):
    """What `ops.round` gives has no mask."""

    def __init__(self, name="rounds_its_mask_away", **kwargs):
        super().__init__(keras.metrics.mean_absolute_error, name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.round(ops.cast(y_pred, self.dtype) * 100) / 100
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@broken("metric", "adds_up_beyond_float16")
class AddsUpInFloat16(MeanError):
    """The sum has the dtype of the predictions."""

    def errors(self, y_true, y_pred):
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = align(ops.cast(y_true, y_pred.dtype), y_pred)
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@broken("metric", "honours_sample_weight")
class MedianOfAll(keras.metrics.Metric):
    """A histogram that ignores weights: few notice, as the middle stays."""

    def __init__(self, name="median", **kwargs):
        super().__init__(name=name, **kwargs)
        self.counts = self.add_weight((4,), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred, self.dtype)
        errors = ops.abs(align(ops.cast(y_true, self.dtype), y_pred) - y_pred)
        places = ops.cast(ops.clip(errors[:, 0] * 4, 0, 3), "int32")
        self.counts.assign_add(ops.sum(ops.one_hot(places, 4), axis=0))

    def result(self):
        below = ops.cumsum(self.counts) < ops.sum(self.counts) / 2
        return ops.sum(ops.cast(below, self.dtype)) / 4


@broken_function(
    "metric",
    "gives_one_value_per_sample",
    "is_the_same_in_any_batching",
    "two_halves_merge",
    "honours_sample_weight",
    "works_in_fit_and_evaluate",
)
def root_mean_squared_error(y_true, y_pred):
    error = ops.cast(y_true, y_pred.dtype) - y_pred
    return ops.sqrt(ops.mean(ops.square(error)))


@broken(
    "metric",
    "is_the_same_in_any_batching",
    "works_in_fit_and_evaluate",
)
class AveragesBatches(MeanError):
    """The mean of the means of batches."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        if sample_weight is None:
            sample_weight = ops.ones_like(errors)
        sample_weight = self.cast_weights(sample_weight, errors)
        mean = ops.divide_no_nan(
            ops.sum(errors * sample_weight), ops.sum(sample_weight)
        )
        self.total.assign_add(mean)
        self.count.assign_add(1.0)


@broken(
    "metric",
    "is_the_same_in_any_batching",
    "works_in_fit_and_evaluate",
)
class KnowsTheLastBatchOnly(MeanError):
    """Assigns where it should add."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.reset_state()
        super().update_state(y_true, y_pred, sample_weight)


@broken("metric", "two_halves_merge")
class KeepsTheMean(MeanError):
    """Right on one device: a running mean does not add up."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        before = self.count * self.total
        errors = self.errors(y_true, y_pred)
        weights = ops.ones_like(errors)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, errors)
        self.count.assign_add(ops.sum(weights))
        total = before + ops.sum(weights * errors)
        self.total.assign(ops.divide_no_nan(total, self.count))

    def result(self):
        return ops.convert_to_tensor(self.total)


@broken(
    "metric",
    "reset_clears_everything",
    "works_in_fit_and_evaluate",
    "gives_the_same_twice",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class ResetsHalf(MeanError):
    """`reset_state` forgets the count."""

    def reset_state(self):
        self.total.assign(0.0)


@broken("metric", "reset_clears_everything")
class ResetsNothing(MeanError):
    """`reset_state` does nothing."""

    def reset_state(self):
        pass


@broken(
    "metric",
    "reset_clears_everything",
    "goes_on_for_long",
    "two_halves_merge",
    "works_in_fit_and_evaluate",
)
class StartsAtOne(MeanError):
    """The first value is no zero, and the default reset writes zeros."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight(name="scale", initializer="ones")

    def result(self):
        return super().result() * self.scale


@broken(
    "metric",
    "keeps_state_in_weights",
    "two_halves_merge",
    "honours_sample_weight",
    "counts_in_a_graph",
    "works_in_fit_and_evaluate",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class CountsInPython(MeanError):
    """The count is a Python number."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.samples = 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.samples += len(y_pred)

    def result(self):
        return super().result() + 0.01 * self.samples

    def reset_state(self):
        super().reset_state()
        self.samples = 0


@broken(
    "metric",
    "keeps_state_in_weights",
    "is_defined_without_data",
    "two_halves_merge",
    "counts_in_a_graph",
    "works_in_fit_and_evaluate",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class CollectsInAList(keras.metrics.Metric):
    """All predictions are in a list, and no weight exists."""

    def __init__(self, name="list", **kwargs):
        super().__init__(name=name, **kwargs)
        self.values = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = np.abs(np.asarray(y_true) - np.asarray(y_pred))[:, 0]
        weights = 1 if sample_weight is None else np.asarray(sample_weight)
        weights = weights + 0 * error
        self.values += list(zip(error * weights, weights, strict=True))

    def result(self):
        values, weights = np.transpose(self.values)
        return values.sum() / weights.sum()

    def reset_state(self):
        self.values = []


@broken("metric", "honours_sample_weight")
class IgnoresSampleWeight(MeanError):
    """Takes the weights and does nothing with them."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


@broken(
    "metric",
    "honours_sample_weight",
    "reloads_from_a_file",
    "works_in_fit_and_evaluate",
)
class TakesNoSampleWeight(MeanError):
    """The argument is missing."""

    def update_state(self, y_true, y_pred):
        super().update_state(y_true, y_pred)


@broken("metric", "honours_sample_weight")
class DividesByTheNumber(MeanError):
    """Weights in the sum, and none in the count."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        if sample_weight is not None:
            errors = errors * self.cast_weights(sample_weight, errors)
        self.total.assign_add(ops.sum(errors))
        self.count.assign_add(ops.cast(ops.size(errors), self.dtype))


@broken(
    "metric",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    threshold=0.3,
)
class ForgetsItsThreshold(MeanError):
    """`get_config` leaves the threshold out."""

    def __init__(self, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold

    def errors(self, y_true, y_pred):
        errors = super().errors(y_true, y_pred)
        return ops.where(errors > self.threshold, errors, 0.0)


@broken("metric", "can_be_called")
class UsesTheOldName(MeanError):
    """`reset_states` is gone."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.reset_states()


@broken("metric", "works_in_mixed_float16")
class SubtractsDtypes(MeanError):
    """Subtracts predictions in float16 from targets in float32."""

    def errors(self, y_true, y_pred):
        y_true = tf.convert_to_tensor(y_true)
        return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)


@broken(
    "metric",
    "counts_in_a_graph",
    "works_in_fit_and_evaluate",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class ComputesInNumpy(MeanError):
    """A graph has no values that NumPy could compute with."""

    def errors(self, y_true, y_pred):
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        return super().errors(y_true, y_pred)


@broken("metric", "works_in_fit_and_evaluate")
class CountsByTheShape(MeanError):
    """In `fit` the size of a batch is None, as the last one is smaller."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is None:
            sample_weight = ops.ones(y_pred.shape[0])
        super().update_state(y_true, y_pred, sample_weight)
