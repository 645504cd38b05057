"""Schedules that are broken on purpose, and the right `Halving`."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tests.contracts.broken import broken


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


@broken("schedule", "is_never_negative")
class DividesAtTheEndOfItsWarmup(Halving):
    """Both halves of a `where` meet at a step that divides by 0."""

    def __init__(self, peak=0.1, warmup_steps=40):
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = self.peak * step / self.warmup_steps
        falling = self.peak / ops.sqrt(ops.abs(step - self.warmup_steps))
        return ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@broken("schedule", "is_never_negative")
class FallsByTheBook(Halving):
    """The exponential of a late step is infinite, and inf / inf is NaN."""

    def __call__(self, step):
        late = ops.exp(ops.cast(step, "float32") / (1000 * self.steps) - 3)
        return self.rate * (1 - late / (1 + late))


@broken("schedule", "is_above_zero_at_some_step", "uses_every_number")
class RateBecomesAWholeNumber(Halving):
    """A rate of 0.1 in the dtype of the step."""

    def __call__(self, step):
        rate = ops.cast(self.rate, "int64")
        return super().__call__(step) * ops.cast(rate, "float32")


@broken("schedule", "is_never_negative", "is_followed_in_training")
class RootOfTheStep(Halving):
    """At step 0 it divides by zero."""

    def __call__(self, step):
        return self.rate / ops.sqrt(ops.cast(step, "float32") / self.steps)


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
