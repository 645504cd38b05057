"""Regularizers that are broken on purpose, and the right `SumOfSquares`."""

import keras
from keras import ops

from tests.contracts.broken import broken


class SumOfSquares(keras.regularizers.Regularizer):
    """A regularizer with nothing wrong, for others to break."""

    def __init__(self, factor=0.1):
        if factor < 0:
            raise ValueError(f"`factor` must be at least 0: {factor!r}")
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


@broken(
    "regularizer",
    "grows_with_the_weights",
    "has_a_gradient",
    "is_counted_in_training",
)
class CountsTheWeights(SumOfSquares):
    """There are as many of them, whatever they are."""

    def __call__(self, weights):
        ones = ops.ones_like(weights)
        return self.factor * ops.sum(ones)


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


@broken("regularizer", "is_counted_in_training", "reloads_from_a_file")
class AsksForTheElements(SumOfSquares):
    """The weights of a layer are a variable, which has no `get_shape`."""

    def __call__(self, weights):
        elements = weights.get_shape().num_elements()
        return super().__call__(weights) / elements


@broken("regularizer", "uses_every_number")
class IgnoresItsFactor(SumOfSquares):
    """It is kept, saved, loaded and never used."""

    def __call__(self, weights):
        return 0.1 * ops.sum(ops.square(weights))


@broken("regularizer", "is_never_negative")
class TakesANegativeFactor(SumOfSquares):
    """A slip of a minus sign would go unnoticed."""

    def __init__(self, factor=0.1):
        self.factor = factor


@broken("regularizer", "leaves_the_given_config_alone")
class EmptiesTheConfig(SumOfSquares):
    """Right once: the second object from the same config has defaults."""

    @classmethod
    def from_config(cls, config):
        return cls(config.pop("factor", 0.1))
