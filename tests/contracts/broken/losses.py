"""Losses that are broken on purpose, and the right `Squares`."""

import sys

import keras
import tensorflow as tf
from keras import ops

from tests.contracts.broken import align, broken, broken_function, register


class Squares(keras.losses.Loss):
    """A loss with nothing wrong, for others to break."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(align(y_true, y_pred) - y_pred), axis=-1)


@broken(
    "loss",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    factor=2.0,
)
class ForgetsItsFactor(Squares):
    """`get_config` leaves the argument out, which has a default."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * super().call(y_true, y_pred)


@broken(
    "loss",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    factor=2.0,
)
class SavesAnOldFactor(ForgetsItsFactor):
    """`get_config` returns the default in place of the value."""

    def get_config(self):
        return {**super().get_config(), "factor": 1.0}


@broken("loss", "config_has_every_argument")
class ForgetsADefault(ForgetsItsFactor):
    """The same with the default: nothing differs yet."""


@broken("loss", "is_rebuilt_from_its_config", "reloads_from_a_file")
class TakesNoBaseArguments(Squares):
    """`__init__` takes neither name nor reduction."""

    def __init__(self):
        super().__init__()


@broken("loss", "is_rebuilt_from_its_config", "reloads_from_a_file", factor=2.0)
class HidesItsFactor(Squares):
    """The argument is in `**kwargs`, where no signature shows it."""

    def __init__(self, **kwargs):
        self.factor = kwargs.pop("factor", 1.0)
        super().__init__(**kwargs)

    def call(self, y_true, y_pred):
        return self.factor * super().call(y_true, y_pred)


@broken(
    "loss",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
)
class HasNoConfig(Squares):
    """`get_config` returns nothing."""

    def get_config(self):
        return None


@broken("loss", "gives_one_value_per_sample")
class GivesOneNumber(Squares):
    """A mean over everything."""

    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


@broken_function("loss", "gives_one_value_per_sample")
def sums_everything(y_true, y_pred):
    return ops.sum(ops.square(align(y_true, y_pred) - y_pred))


@broken("loss", "gives_one_value_per_sample")
class GivesAValueForEachColumn(Squares):
    """No mean over the last axis."""

    def call(self, y_true, y_pred):
        return ops.square(align(y_true, y_pred) - y_pred)


@broken("loss", "gives_one_value_per_sample")
class MeansOverTheBatch(Squares):
    """The wrong axis."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(align(y_true, y_pred) - y_pred), axis=0)


@broken(
    "loss",
    "treats_each_sample_alone",
    "weights_each_sample",
    "reduces_as_it_says",
    "is_finite_at_zero_error",
)
class DividesByTheLargest(Squares):
    """Each value depends on the others in the batch."""

    def call(self, y_true, y_pred):
        values = super().call(y_true, y_pred)
        return values / ops.max(values)


@broken("loss", "treats_each_sample_alone")
class TakesItsThresholdFromTheBatch(Squares):
    """It shows only where the targets of some samples are larger."""

    def call(self, y_true, y_pred):
        y_true = align(y_true, y_pred)
        size = ops.abs(y_true - y_pred)
        threshold = 0.1 * ops.mean(y_true)
        linear = threshold * (size - threshold / 2)
        values = ops.where(size <= threshold, ops.square(size) / 2, linear)
        return ops.mean(values, axis=-1)


@broken("loss", "treats_each_sample_alone")
class NeedsTwoSamples(Squares):
    """A batch of one, the last of `fit` perhaps, is refused."""

    def call(self, y_true, y_pred):
        if y_pred.shape[0] == 1:
            raise ValueError("Needs two samples.")
        return super().call(y_true, y_pred)


@broken("loss", "pairs_each_target_with_its_prediction")
class PairsAll(Squares):
    """`(5,)` against `(5, 1)` broadcasts."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


@broken("loss", "weights_each_sample", "reduces_as_it_says")
class IgnoresWeights(Squares):
    """`__call__` drops `sample_weight`."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


@broken("loss", "leaves_out_what_a_mask_hides")
class ClipsBeforeTheBaseClassLooks(Squares):
    """The clipped predictions are a new tensor, which has no mask."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.clip(ops.cast(y_pred, "float32"), -1e6, 1e6)
        return super().__call__(y_true, y_pred, sample_weight)


@broken("loss", "treats_each_sample_alone")
class SqueezesTheBatchToo(Squares):
    """Of a batch of one nothing is left but a number."""

    def call(self, y_true, y_pred):
        error = align(y_true, y_pred) - y_pred
        return ops.squeeze(ops.mean(ops.square(error), -1, keepdims=True))


@broken("loss", "reduces_as_it_says", "leaves_out_what_a_mask_hides")
class AlwaysSums(Squares):
    """`__call__` reduces as it likes."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (
            ops.cast(y_true, "float32"),
            ops.cast(y_pred, "float32"),
        )
        values = self.call(y_true, y_pred)
        if sample_weight is not None:
            values = values * sample_weight
        return ops.sum(values)


@broken("loss", "has_no_trainable_variables")
class LearnsAnOffset(Squares):
    """A variable that no model knows of."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.offsets = [keras.Variable(0.5)]

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred + self.offsets[0])


@tf.custom_gradient
def _flat(x):
    return x, tf.zeros_like


@broken("loss", "has_a_gradient", "gradient_equals_finite_differences")
class HasAGradientOfZeros(Squares):
    """There is a gradient, and nothing in it."""

    def call(self, y_true, y_pred):
        return super().call(y_true, _flat(y_pred))


@broken("loss", "has_a_gradient")
class Rounds(Squares):
    """A step has no slope."""

    def call(self, y_true, y_pred):
        return super().call(y_true, ops.round(4 * y_pred) / 4)


@broken("loss", "has_a_gradient", "gradient_equals_finite_differences")
class StopsTheGradient(Squares):
    """Nothing can learn from it."""

    def call(self, y_true, y_pred):
        return super().call(y_true, ops.stop_gradient(y_pred))


@broken("loss", "gradient_equals_finite_differences")
class StopsHalfOfTheGradient(Squares):
    """One of two factors is cut off."""

    def call(self, y_true, y_pred):
        error = align(y_true, y_pred) - y_pred
        return ops.mean(error * ops.stop_gradient(error), axis=-1)


@tf.custom_gradient
def _wrong_square(x):
    return x * x, lambda upstream: upstream * x


@broken_function("loss", "gradient_equals_finite_differences")
def custom_gradient_forgets_the_two(y_true, y_pred):
    return ops.mean(_wrong_square(align(y_true, y_pred) - y_pred), axis=-1)


@broken("loss", "is_finite_at_zero_error")
class TakesARootAtZero(Squares):
    """The slope of a root is infinite at zero."""

    def call(self, y_true, y_pred):
        return ops.sqrt(super().call(y_true, y_pred))


@broken_function(
    "loss", "is_finite_at_zero_error", "is_finite_where_certain_and_wrong"
)
def logarithm_of_zero(y_true, y_pred):
    y_true = align(y_true, y_pred)
    return -ops.mean(y_true * ops.log(y_pred), axis=-1)


@broken_function("loss", "is_finite_for_large_errors")
def log_cosh_by_the_book(y_true, y_pred):
    error = align(y_true, y_pred) - y_pred
    return ops.mean(ops.log(ops.cosh(error)), axis=-1)


@broken_function("loss", "is_finite_at_zero_error")
def divergence_by_the_book(y_true, y_pred):
    """Zero times the logarithm of zero is NaN: `y_true` is not clipped."""
    y_true = align(y_true, y_pred)
    y_pred = ops.clip(y_pred, 1e-7, 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


@broken_function("loss", "is_finite_where_certain_and_wrong")
def focal_without_clipping(y_true, y_pred):
    y_true = align(y_true, y_pred)
    right = ops.where(y_true == 1, y_pred, 1 - y_pred)
    return -ops.mean(ops.square(1 - right) * ops.log(right), axis=-1)


@broken_function("loss", "is_finite_for_large_errors")
def cross_entropy_by_the_book(y_true, y_pred):
    """Right but for the class that a softmax gives a share of zero."""
    shares = ops.softmax(y_pred, axis=-1)
    return -ops.sum(align(y_true, y_pred) * ops.log(shares), axis=-1)


@broken("loss", "can_be_called")
class GivesNaN(Squares):
    """The logarithm of a negative number."""

    def call(self, y_true, y_pred):
        return ops.log(-super().call(y_true, y_pred))


@broken_function("loss", "can_be_called")
def returns_nothing(y_true, y_pred):
    ops.mean(ops.square(align(y_true, y_pred) - y_pred), axis=-1)


@broken_function("loss", "is_the_same_in_a_graph", "is_the_same_with_xla")
def asks_for_values(y_true, y_pred):
    error = align(y_true, y_pred) - y_pred
    if ops.max(ops.abs(error)) > 100:
        return ops.mean(ops.abs(error), axis=-1)
    return ops.mean(ops.square(error), axis=-1)


@broken(
    "loss",
    "gives_the_same_twice",
    "treats_each_sample_alone",
    "pairs_each_target_with_its_prediction",
    "weights_each_sample",
    "reduces_as_it_says",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class CountsItsCalls(Squares):
    """Grows from call to call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = 0

    def call(self, y_true, y_pred):
        self.calls += 1
        return self.calls * super().call(y_true, y_pred)


@broken(
    "loss",
    "works_in_mixed_float16",
    "is_finite_where_float16_ends",
    "leaves_out_what_a_mask_hides",
)
class ConvertsNothing(Squares):
    """`__call__` without what the base class does to dtypes."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = tf.convert_to_tensor(y_true)
        values = self.call(y_true, tf.convert_to_tensor(y_pred))
        if y_pred.dtype == "float16":
            values = values + tf.constant(1.0, "float32")
        if sample_weight is not None:
            values = values * sample_weight
        if self.reduction == "sum":
            return ops.sum(values)
        if self.reduction == "none":
            return values
        if self.reduction == "mean_with_sample_weight":
            return ops.sum(values) / ops.sum(sample_weight)
        return ops.mean(values)


@broken("loss", "is_finite_where_float16_ends")
class SquaresInFloat16(Squares):
    """As precise as the layers, whose numbers are smaller."""

    def call(self, y_true, y_pred):
        dtype = keras.config.dtype_policy().compute_dtype
        y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
        values = super().call(y_true, y_pred)
        return ops.cast(values, "float32")


def create_squares(factor):
    """Make a function, of which a file keeps only the name."""

    def squares(y_true, y_pred):
        error = align(y_true, y_pred) - y_pred
        return factor * ops.mean(ops.square(error), axis=-1)

    return squares


@register
def squares(y_true, y_pred):
    """Registered under the name of the closure, which Keras then finds."""
    error = align(y_true, y_pred) - y_pred
    return ops.mean(ops.square(error), axis=-1)


@broken("loss", "reloads_from_a_file")
def closure():
    return create_squares(2.0)


@broken("loss", "reloads_from_a_file")
def unregistered_function():
    def not_registered(y_true, y_pred):
        return squares(y_true, y_pred)

    return not_registered


@broken("loss", "reloads_from_a_file")
def a_lambda():
    return lambda y_true, y_pred: squares(y_true, y_pred)


class NotRegistered(Squares):
    """Nothing is wrong but that no file finds it."""


@broken("loss", "reloads_from_a_file")
def unregistered_class():
    return NotRegistered()


@broken_function("loss", "can_be_called")
def leaves_python(y_true, y_pred):
    sys.exit("A loss that ends the program.")
