"""Components that are broken on purpose, each with the rule that catches it.

`also` are the rules that may fail as well, because the same mistake breaks
them too; no other rule may.
"""

import dataclasses
import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers import contracts

register = keras.saving.register_keras_serializable(package="broken")


@dataclasses.dataclass(frozen=True)
class Case:
    """One broken component."""

    kind: str
    make: Callable
    caught_by: str
    also: tuple = ()
    name: str = ""

    def __str__(self):
        return self.name or f"{self.kind}-{self.make.__name__}"

    def check(self):
        """Check it."""
        check = getattr(contracts, f"check_{self.kind}")
        component = self.make()
        if self.kind in ("layer", "model"):
            return check(component, getattr(component, "shape", (None, 3)))
        return check(component)


CASES = []


def broken(kind, caught_by, *also, **arguments):
    """Put a class, or what a function makes, on the list."""

    def put(thing):
        if isinstance(thing, type):
            register(thing)

            def make():
                return thing(**arguments)

            make.__name__ = thing.__name__
        else:
            make = thing
        CASES.append(Case(kind, make, caught_by, tuple(also)))
        return thing

    return put


def broken_function(kind, caught_by, *also):
    """Put a registered function on the list."""

    def put(function):
        register(function)
        CASES.append(
            Case(
                kind,
                lambda: function,
                caught_by,
                tuple(also),
                f"{kind}-{function.__name__}",
            )
        )
        return function

    return put


# ---- Losses -----------------------------------------------------------------


class Squares(keras.losses.Loss):
    """A loss with nothing wrong, for others to break."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(align(y_true, y_pred) - y_pred), axis=-1)


def align(y_true, y_pred):
    """Targets with the shape of the predictions."""
    return ops.reshape(y_true, ops.shape(y_pred))


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


@broken(
    "loss",
    "gives_one_value_per_sample",
    "weights_each_sample",
    "reduces_as_it_says",
)
class GivesOneNumber(Squares):
    """A mean over everything."""

    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


@broken_function("loss", "gives_one_value_per_sample", "weights_each_sample")
def sums_everything(y_true, y_pred):
    return ops.sum(ops.square(align(y_true, y_pred) - y_pred))


@broken(
    "loss",
    "gives_one_value_per_sample",
    "weights_each_sample",
    "reduces_as_it_says",
)
class GivesAValueForEachColumn(Squares):
    """No mean over the last axis."""

    def call(self, y_true, y_pred):
        return ops.square(align(y_true, y_pred) - y_pred)


@broken(
    "loss",
    "gives_one_value_per_sample",
    "weights_each_sample",
    "reduces_as_it_says",
)
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


@broken("loss", "pairs_each_target_with_its_prediction")
class PairsAll(Squares):
    """`(5,)` against `(5, 1)` broadcasts."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


@broken_function("loss", "pairs_each_target_with_its_prediction")
def pairs_all(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@broken("loss", "weights_each_sample", "reduces_as_it_says")
class IgnoresWeights(Squares):
    """`__call__` drops `sample_weight`."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


@broken("loss", "reduces_as_it_says")
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


@broken_function("loss", "is_finite_at_zero_error")
def logarithm_of_zero(y_true, y_pred):
    y_true = align(y_true, y_pred)
    return -ops.mean(y_true * ops.log(y_pred), axis=-1)


@broken_function("loss", "is_finite_for_large_errors")
def log_cosh_by_the_book(y_true, y_pred):
    error = align(y_true, y_pred) - y_pred
    return ops.mean(ops.log(ops.cosh(error)), axis=-1)


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


@broken("loss", "works_in_mixed_float16")
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


# ---- Metrics ----------------------------------------------------------------


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
            weights = ops.cast(sample_weight, errors.dtype)
        self.total.assign_add(ops.sum(weights * errors))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@broken_function(
    "metric",
    "is_the_same_in_any_batching",
    "two_halves_merge",
    "honours_sample_weight",
    "works_in_fit_and_evaluate",
)
def root_mean_squared_error(y_true, y_pred):
    error = ops.cast(y_true, y_pred.dtype) - y_pred
    return ops.sqrt(ops.mean(ops.square(error)))


@broken("metric", "is_the_same_in_any_batching", "works_in_fit_and_evaluate")
class AveragesBatches(MeanError):
    """The mean of the means of batches."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        if sample_weight is None:
            sample_weight = ops.ones_like(errors)
        sample_weight = ops.cast(sample_weight, errors.dtype)
        mean = ops.sum(errors * sample_weight) / ops.sum(sample_weight)
        self.total.assign_add(mean)
        self.count.assign_add(1.0)


@broken("metric", "is_the_same_in_any_batching", "works_in_fit_and_evaluate")
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
            weights = ops.cast(sample_weight, errors.dtype)
        self.count.assign_add(ops.sum(weights))
        self.total.assign((before + ops.sum(weights * errors)) / self.count)

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
            errors = errors * ops.cast(sample_weight, errors.dtype)
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


# ---- Activations ------------------------------------------------------------


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


# ---- Regularizers -----------------------------------------------------------


class SumOfSquares(keras.regularizers.Regularizer):
    """A regularizer with nothing wrong, for others to break."""

    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, weights):
        return self.factor * ops.sum(ops.square(weights))

    def get_config(self):
        return {"factor": self.factor}


@broken("regularizer", "gives_one_number")
class OneForEachColumn(SumOfSquares):
    """A penalty for each column."""

    def __call__(self, weights):
        return self.factor * ops.sum(ops.square(weights), axis=0)


@broken("regularizer", "is_never_negative")
class RewardsNegativeWeights(SumOfSquares):
    """A sum without absolute values."""

    def __call__(self, weights):
        return self.factor * ops.sum(weights)


@broken("regularizer", "grows_with_the_weights")
class Shrinks(SumOfSquares):
    """Large weights are cheap."""

    def __call__(self, weights):
        return self.factor / (1.0 + ops.sum(ops.square(weights)))


@broken("regularizer", "has_a_gradient", "is_counted_in_training")
class CountsLargeWeights(SumOfSquares):
    """A count has no slope."""

    def __call__(self, weights):
        large = ops.cast(ops.abs(weights) > 0.5, weights.dtype)
        return self.factor * ops.sum(large)


@broken("regularizer", "has_a_gradient")
class NormWithoutEpsilon(SumOfSquares):
    """The root of zero has no slope."""

    def __call__(self, weights):
        return self.factor * ops.sqrt(ops.sum(ops.square(weights)))


@broken("regularizer", "works_in_mixed_float16")
class AlwaysFloat32(SumOfSquares):
    """The penalty has a dtype of its own."""

    def __call__(self, weights):
        return super().__call__(ops.cast(weights, "float32"))


@broken(
    "regularizer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    factor=0.3,
)
class RegularizerForgets(SumOfSquares):
    """An empty config."""

    def get_config(self):
        return {}


@broken("regularizer", "gradient_equals_finite_differences")
class StopsHalf(SumOfSquares):
    """One of two factors is cut off."""

    def __call__(self, weights):
        return self.factor * ops.sum(weights * ops.stop_gradient(weights))


# ---- Constraints ------------------------------------------------------------


class Clipped(keras.constraints.Constraint):
    """A constraint with nothing wrong, for others to break."""

    def __init__(self, limit=0.5):
        self.limit = limit

    def __call__(self, weights):
        return ops.clip(weights, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


@broken(
    "constraint",
    "keeps_shape_and_dtype",
    "is_the_same_when_applied_twice",
    "holds_after_a_training_step",
)
class DropsAnAxis(Clipped):
    """The largest of each column."""

    def __call__(self, weights):
        return ops.max(weights, axis=0)


@broken("constraint", "keeps_shape_and_dtype", "works_in_mixed_float16")
class ChangesTheDtype(Clipped):
    """Weights become float32 whatever they were."""

    def __call__(self, weights):
        return super().__call__(ops.cast(weights, "float32"))


@broken(
    "constraint",
    "is_the_same_when_applied_twice",
    "holds_after_a_training_step",
)
class ShrinksEachTime(Clipped):
    """A factor at each step."""

    def __call__(self, weights):
        return 0.5 * weights


@broken("constraint", "is_finite_for_weights_of_zero")
class DividesByTheNorm(Clipped):
    """A norm of zero."""

    def __call__(self, weights):
        norm = ops.sqrt(ops.sum(ops.square(weights), axis=0, keepdims=True))
        return weights / norm


@broken(
    "constraint",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    limit=0.1,
)
class ConstraintForgets(Clipped):
    """An empty config."""

    def get_config(self):
        return {}


# ---- Initializers -----------------------------------------------------------


class Normal(keras.initializers.Initializer):
    """An initializer with nothing wrong, for others to break."""

    def __init__(self, scale=0.1, seed=None):
        self.scale = scale
        self.seed = seed

    def __call__(self, shape, dtype=None):
        return keras.random.normal(
            shape, stddev=self.scale, dtype=dtype, seed=self.seed
        )

    def get_config(self):
        return {"scale": self.scale, "seed": self.seed}


@broken(
    "initializer",
    "gives_the_shape",
    "reloads_from_a_file",
    "is_the_same_in_graphs",
    "works_in_mixed_float16",
)
class Transposes(Normal):
    """The shape from behind."""

    def __call__(self, shape, dtype=None):
        return super().__call__(shape[::-1], dtype)


@broken("initializer", "gives_the_dtype")
class IgnoresTheDtype(Normal):
    """Always float32."""

    def __call__(self, shape, dtype=None):
        return super().__call__(shape, "float32")


@broken("initializer", "can_be_called")
class TakesNoDtype(Normal):
    """Keras passes a dtype."""

    def __call__(self, shape):
        return super().__call__(shape)


@broken(
    "initializer",
    "seeds_repeat",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "is_the_same_in_graphs",
)
class DrawsWithoutASeed(Normal):
    """NumPy's generator without a seed."""

    def __call__(self, shape, dtype=None):
        values = np.random.default_rng().normal(size=shape)
        return ops.cast(values, dtype)


@broken("initializer", "different_seeds_differ")
class FixesTheSeed(Normal):
    """A seed of its own, whatever it is given."""

    def __call__(self, shape, dtype=None):
        return keras.random.normal(shape, dtype=dtype, seed=1)


@broken("initializer", "is_not_constant_where_random")
class DrawsOnce(Normal):
    """One number for all weights."""

    def __call__(self, shape, dtype=None):
        one = keras.random.normal((), dtype=dtype, seed=self.seed)
        return ops.broadcast_to(one, shape)


@broken(
    "initializer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    scale=3.0,
)
class InitializerForgets(Normal):
    """The scale is not in the config."""

    def get_config(self):
        return {"seed": self.seed}


@broken("initializer", "gives_finite_numbers")
class DividesByOneLess(Normal):
    """A layer with one input makes it divide by zero."""

    def __call__(self, shape, dtype=None):
        rows = ops.cast(shape[0], dtype)
        return super().__call__(shape, dtype) / ops.log(rows)


# ---- Layers -----------------------------------------------------------------


class Linear(keras.layers.Layer):
    """A layer with nothing wrong, for others to break."""

    shape = (None, 3)

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), name="kernel"
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken(
    "layer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
    units=4,
)
class LayerForgets(Linear):
    """`get_config` of the base class only."""

    def get_config(self):
        return keras.layers.Layer.get_config(self)


@broken(
    "layer",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
)
class TakesNoName(Linear):
    """`__init__` without `**kwargs`."""

    def __init__(self, units=2):
        super().__init__(units)


@broken("layer", "promises_the_right_shape", "is_the_same_symbolically")
class PromisesOneMore(Linear):
    """`compute_output_shape` is off by one."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


@broken("layer", "can_be_called")
class CountsOnTensorShape(Linear):
    """`as_list` is gone."""

    def build(self, input_shape):
        super().build(input_shape.as_list())


@broken(
    "layer",
    "promises_the_right_shape",
    "reloads_from_a_file",
    "restores_every_weight",
    "is_the_same_symbolically",
)
class OldOutputShape(Linear):
    """`as_list` is gone, and only symbolic calls need the shape."""

    def compute_output_shape(self, input_shape):
        return tf.TensorShape([*input_shape.as_list()[:-1], self.units])


@broken("layer", "can_be_called")
class MakesAWeightInCall(Linear):
    """A weight at each call."""

    def call(self, inputs):
        bias = self.add_weight(shape=(self.units,), name="bias")
        return super().call(inputs) + bias


@broken(
    "layer",
    "makes_no_weights_in_call",
    "tracks_every_weight",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class MakesAVariableInCall(Linear):
    """A variable at each call, which nothing keeps."""

    def call(self, inputs):
        bias = tf.Variable(tf.ones((self.units,)))
        return super().call(inputs) + ops.cast(bias, inputs.dtype)


@broken("layer", "tracks_every_weight")
class HidesAVariable(Linear):
    """A plain TensorFlow variable."""

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = tf.Variable(tf.zeros((self.units,)))

    def call(self, inputs):
        return super().call(inputs) + ops.cast(self.bias, inputs.dtype)


@broken("layer", "makes_its_weights_in_build", "builds_its_children")
class BuildsNoChild(keras.layers.Layer):
    """The sub-layer builds itself when it is called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def build(self, input_shape):
        pass

    def call(self, inputs):
        return self.dense(inputs)


@broken("layer", "gradient_reaches_every_weight")
class UsesNoBias(Linear):
    """A weight that `call` forgets."""

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = self.add_weight(shape=(self.units,), name="bias")


@broken("layer", "gradient_reaches_every_weight")
class StopsAtItsKernel(Linear):
    """The kernel counts as a constant."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.stop_gradient(self.kernel))


@broken("layer", "gradient_reaches_every_weight")
class RoundsItsKernel(Linear):
    """A rounded number does not follow a small move: its slope is 0."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.round(self.kernel))


@broken("layer", "takes_any_batch_size")
class NormalizesTheBatch(Linear):
    """The mean of the batch, also when it predicts."""

    def call(self, inputs):
        outputs = super().call(inputs)
        return outputs - ops.mean(outputs, axis=0, keepdims=True)


@broken("layer", "takes_any_batch_size")
class MovesTheBatch(Linear):
    """A reshape that swallows the batch."""

    def call(self, inputs):
        return ops.reshape(super().call(inputs), (1, -1))

    def compute_output_shape(self, input_shape):
        return (1, None)


@broken(
    "layer",
    "is_deterministic_without_training",
    "reloads_from_a_file",
    "takes_any_batch_size",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "follows_the_dtype_policy",
)
class DropsWhenPredicting(Linear):
    """Dropout that does not ask for `training`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def build(self, input_shape):
        super().build(input_shape)
        self.dropout.build((None, self.units))

    def call(self, inputs):
        return self.dropout(super().call(inputs), training=True)


@broken("layer", "follows_the_dtype_policy")
class LayerInFloat32(Linear):
    """A fixed dtype."""

    def call(self, inputs):
        return ops.cast(super().call(inputs), "float32")


@broken("layer", "follows_the_dtype_policy")
class TrainsInFloat32(Linear):
    """A fixed dtype, in training only."""

    def call(self, inputs, training=False):
        y = super().call(inputs)
        if training:
            y = y * tf.where(y > 0, 0.9, 1.1)
        return y


@broken("layer", "passes_the_mask_on")
class LosesTheMask(Linear):
    """Works on each step, and keeps no mask."""

    shape = (None, 4, 3)


@broken(
    "layer",
    "is_the_same_in_a_graph",
    "gradient_reaches_every_weight",
    "is_the_same_with_xla",
)
class ReadsValues(Linear):
    """Reads the values of the input."""

    def call(self, inputs):
        return ops.convert_to_tensor(inputs.numpy() @ self.kernel.numpy())


@broken("layer", "can_be_called", "config_has_every_argument")
class ForgetsSuper(keras.layers.Layer):
    """No `super().__init__()`."""

    def __init__(self):
        self.units = 2

    def call(self, inputs):
        return inputs


@broken(
    "layer",
    "is_the_same_in_a_graph",
    "reloads_from_a_file",
    "takes_any_batch_size",
    "is_deterministic_without_training",
    "is_the_same_with_xla",
)
class RemembersCalls(Linear):
    """A Python number that grows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._calls = 0

    def call(self, inputs):
        self._calls += 1
        return super().call(inputs) * self._calls


# ---- Models -----------------------------------------------------------------


class Small(keras.Model):
    """A model with nothing wrong, for others to break."""

    shape = (None, 3)

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units)
        self.out = keras.layers.Dense(2)

    def call(self, inputs, training=False):
        return self.out(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken(
    "model",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
    units=5,
)
class ModelForgets(Small):
    """The base class' config."""

    def get_config(self):
        return keras.Model.get_config(self)


@broken("model", "restores_every_weight", "reloads_from_a_file")
class MakesALayerInBuild(keras.Model):
    """The reconstruction model of many textbooks."""

    shape = (None, 3)

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units)

    def build(self, input_shape):
        self.reconstruct = keras.layers.Dense(input_shape[-1])
        super().build(input_shape)

    def call(self, inputs, training=False):
        return self.reconstruct(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken("model", "trains_in_fit")
class TrainsNothing(Small):
    """A training step that forgets to apply the gradients."""

    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(x, y, self(x, training=True))
        return {"loss": loss}


@broken(
    "model",
    "is_deterministic_without_training",
    "reloads_from_a_file",
    "takes_any_batch_size",
    "predicts_what_it_computes",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "works_in_mixed_float16",
)
class DropsAlways(Small):
    """Dropout for ever."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def call(self, inputs, training=False):
        return self.out(self.dropout(self.hidden(inputs), training=True))


@broken("model", "gradient_reaches_every_weight")
class LeavesALayerOut(Small):
    """A layer that is built, and not used."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.unused = keras.layers.Dense(3)

    def call(self, inputs, training=False):
        self.unused(inputs)
        return super().call(inputs)


@broken("model", "tracks_every_weight")
class HidesATemperature(Small):
    """A variable that no file knows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.temperature = tf.Variable(1.5)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs * ops.cast(self.temperature, outputs.dtype)


# ---- Optimizers -------------------------------------------------------------


class Momentum(keras.optimizers.Optimizer):
    """An optimizer with nothing wrong, for others to break."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, self.momentum * velocity - rate * gradient)
        self.assign_add(variable, velocity)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@broken("optimizer", "can_be_called")
class DividesByZero(Momentum):
    """A gradient of 0 divided by a velocity of 0."""

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign_sub(variable, (gradient - gradient) / velocity)


@broken(
    "optimizer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "resumes_from_a_file",
    momentum=0.9,
)
class OptimizerForgets(Momentum):
    """`get_config` of the base class, which knows no momentum."""

    def get_config(self):
        return super(Momentum, self).get_config()


@broken(
    "optimizer",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "resumes_from_a_file",
    momentum=0.9,
)
class OptimizerForgetsInSilence(OptimizerForgets):
    """The same, and no signature says that there is a momentum."""

    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)


@broken("optimizer", "resumes_from_a_file")
class StateOutOfReach(Momentum):
    """Variables that Keras does not know, so no file keeps them."""

    def build(self, variables):
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.velocities = [
            tf.Variable(tf.zeros(v.shape, v.dtype)) for v in variables
        ]


@broken("optimizer", "keeps_a_state_for_each_variable")
class OneStateForAll(Momentum):
    """A velocity that all variables share: the mean of their gradients."""

    def build(self, variables):
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.velocity = self.add_variable(
            (), dtype=variables[0].dtype, name="velocity"
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        step = self.momentum * self.velocity - rate * ops.mean(gradient)
        self.assign(self.velocity, step)
        self.assign_add(variable, ops.broadcast_to(step, variable.shape))


@broken("optimizer", "moves_every_variable", "follows_the_learning_rate")
class ComputesInVain(Momentum):
    """The result is assigned to nothing."""

    def update_step(self, gradient, variable, learning_rate):
        return variable - ops.cast(learning_rate, variable.dtype) * gradient


@broken("optimizer", "follows_the_learning_rate", "resumes_from_a_file")
class RateOfItsOwn(Momentum):
    """The learning rate of the first step, for ever."""

    def build(self, variables):
        super().build(variables)
        self.first_rate = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first_rate)


@broken("optimizer", "takes_the_options_of_the_base_class")
class StepsAroundTheBaseClass(Momentum):
    """Its own `apply` forgets all that the one of the base class does."""

    def apply(self, gradients, variables):
        self.build(variables)
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, self.learning_rate)
        self.iterations.assign_add(1)


@broken("optimizer", "takes_variables_in_float64")
class OptimizerInFloat32(Momentum):
    """A learning rate in float32, whatever the weights are."""

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, tf.cast(learning_rate, "float32") * gradient)


@broken(
    "optimizer",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "resumes_from_a_file",
    "keeps_a_state_for_each_variable",
)
class StepsInPython(Momentum):
    """An attribute that the graph reads once."""

    steps = 0

    def update_step(self, gradient, variable, learning_rate):
        self.steps += 1
        super().update_step(gradient, variable, learning_rate / self.steps)


@broken("optimizer", "is_the_same_with_xla")
class OptimizerInNumpy(Momentum):
    """A graph can call NumPy, but XLA cannot."""

    def update_step(self, gradient, variable, learning_rate):
        values = tf.numpy_function(np.copy, [gradient], gradient.dtype)
        values = tf.ensure_shape(values, gradient.shape)
        super().update_step(values, variable, learning_rate)


# ---- Schedules --------------------------------------------------------------


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule with nothing wrong, for others to break."""

    def __init__(self, rate=0.1, steps=10.0):
        self.rate = rate
        self.steps = steps

    def __call__(self, step):
        return self.rate * 0.5 ** (ops.cast(step, "float32") / self.steps)

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps}


@broken("schedule", "can_be_called", "config_has_every_argument")
class RateIsInfinite(Halving):
    """A logarithm of 0, and no config either."""

    def __call__(self, step):
        return -ops.log(0.0 * ops.cast(step, "float32"))

    def get_config(self):
        return {}


@broken(
    "schedule",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    steps=3.0,
)
class ScheduleForgets(Halving):
    """The steps are back at their default."""

    def get_config(self):
        return {"rate": self.rate}


@broken(
    "schedule", "gives_one_floating_point_number", "is_followed_in_training"
)
class OneInAList(Halving):
    """A vector of one number, which broadcasts without a word."""

    def __call__(self, step):
        return ops.reshape(super().__call__(step), (1,))


@broken("schedule", "is_never_negative")
class FallsForEver(Halving):
    """A line that does not stop at 0."""

    def __call__(self, step):
        return self.rate * (1 - ops.cast(step, "float32") / self.steps)


@broken("schedule", "is_never_negative", "is_followed_in_training")
class RootOfTheStep(Halving):
    """At step 0 it divides by zero."""

    def __call__(self, step):
        return self.rate / ops.sqrt(ops.cast(step, "float32"))


@broken(
    "schedule",
    "gives_the_same_twice",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class RateFallsWhenAsked(Halving):
    """How often it is asked, and not which step it is."""

    calls = 0

    def __call__(self, step):
        self.calls += 1
        return super().__call__(self.calls)


@broken(
    "schedule",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "is_followed_in_training",
)
class DecidesInPython(Halving):
    """A graph has no value to decide on."""

    def __call__(self, step):
        if step < 5:
            return ops.cast(self.rate, "float32")
        return super().__call__(step)


@broken("schedule", "is_followed_in_training")
class AsksForTheDtype(Halving):
    """The step of an optimizer is a variable: its dtype is a string."""

    def __call__(self, step):
        if step.dtype.is_integer:
            step = tf.cast(step, "float32")
        return super().__call__(step)


@broken("schedule", "is_the_same_with_xla")
class ScheduleInNumpy(Halving):
    """A graph can call NumPy, but XLA cannot."""

    def __call__(self, step):
        rate = super().__call__(step)
        rate = tf.numpy_function(np.copy, [rate], "float32")
        return tf.ensure_shape(rate, ())
