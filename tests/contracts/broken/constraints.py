"""Constraints that are broken on purpose, and the right `Clipped`."""

import keras
import numpy as np
from keras import ops

from tests.contracts.broken import broken


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
        return ops.max(super().__call__(weights), axis=0)


@broken("constraint", "keeps_shape_and_dtype", "works_in_mixed_float16")
class ChangesTheDtype(Clipped):
    """Weights become float32 whatever they were."""

    def __call__(self, weights):
        return super().__call__(ops.cast(weights, "float32"))


@broken(
    "constraint",
    "is_the_same_when_applied_twice",
    "allows_columns_of_any_kind",
    "holds_after_a_training_step",
)
class ShrinksEachTime(Clipped):
    """A factor at each step."""

    def __call__(self, weights):
        return self.limit * weights


@broken(
    "constraint", "is_finite_for_weights_of_zero", "allows_columns_of_any_kind"
)
class DividesByTheNorm(Clipped):
    """A norm of zero."""

    def __call__(self, weights):
        norm = ops.sqrt(ops.sum(ops.square(weights), axis=0, keepdims=True))
        return self.limit * weights / norm


@broken("constraint", "allows_columns_of_any_kind")
class SharesOfColumns(Clipped):
    """Shares that add up to one, of columns that are not all below zero."""

    def __call__(self, weights):
        positive = ops.maximum(weights, 0.0)
        total = ops.sum(positive, axis=0, keepdims=True)
        empty = ops.all(weights == 0, axis=0, keepdims=True)
        shares = ops.where(empty, 0.25, positive / ops.where(empty, 1, total))
        return self.limit * shares


@broken("constraint", "uses_every_number")
class IgnoresItsLimit(Clipped):
    """It is kept, saved, loaded and never used."""

    def __call__(self, weights):
        return ops.clip(weights, -0.5, 0.5)


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


@broken("constraint", "holds_after_a_training_step")
class AsksForTheLargest(Clipped):
    """The weights of a layer are a variable: its dtype is a string."""

    def __call__(self, weights):
        limit = min(self.limit, weights.dtype.max)
        return ops.clip(weights, -limit, limit)


@broken("constraint", "works_in_mixed_float16")
class RoundsToAGrid(Clipped):
    """On the way the weights are larger than float16 allows."""

    def __call__(self, weights):
        return ops.round(weights * 1e5) / 1e5


@broken("constraint", "serves_several_layers")
class KeepsItsLimits(Clipped):
    """It remembers which sizes the first weights had."""

    limits = None

    def __call__(self, weights):
        if self.limits is None:
            self.limits = np.full(weights.shape, self.limit)
        limits = ops.cast(self.limits, weights.dtype)
        return ops.clip(weights, -limits, limits)
