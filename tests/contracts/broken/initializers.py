"""Initializers that are broken on purpose, and the right `Normal`."""

import keras
import numpy as np
from keras import ops

from tests.contracts.broken import broken


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
        return keras.random.normal(
            shape, stddev=self.scale, dtype=dtype, seed=1
        )


@broken("initializer", "is_not_constant_where_random")
class DrawsOnce(Normal):
    """One number for all weights."""

    def __call__(self, shape, dtype=None):
        one = super().__call__((), dtype)
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


@broken("initializer", "is_the_same_in_graphs")
class AsksForValues(Normal):
    """A graph has no values."""

    def __call__(self, shape, dtype=None):
        values = super().__call__(shape, dtype).numpy()
        return ops.convert_to_tensor(values - values.mean())


@broken("initializer", "works_in_mixed_float16", scale=1e6)
class IsTooLarge(Normal):
    """The scale is larger than float16 allows."""


@broken("initializer", "uses_every_number")
class InitializerIgnoresItsScale(Normal):
    """It is kept, saved, loaded and never used."""

    def __call__(self, shape, dtype=None):
        return keras.random.normal(shape, dtype=dtype, seed=self.seed)


@broken("initializer", "counts_the_inputs_of_convolutions")
class AddsUpTheShape(Normal):
    """Right for a dense layer: its shape is its inputs and its outputs."""

    def __call__(self, shape, dtype=None):
        return super().__call__(shape, dtype) / sum(shape) ** 0.5


@broken("initializer", "seeds_repeat")
class TakesZeroForNone(Normal):
    """A seed of 0 is false."""

    def __call__(self, shape, dtype=None):
        seed = self.seed or int(np.random.default_rng().integers(1, 10**6))
        return keras.random.normal(
            shape, stddev=self.scale, dtype=dtype, seed=seed
        )


@broken("initializer", "leaves_other_random_numbers_alone")
class SetsTheSeedOfAll(Normal):
    """From here on everybody else draws the same numbers too."""

    def __call__(self, shape, dtype=None):
        np.random.seed(self.seed)
        values = np.random.normal(0, self.scale, shape)
        return ops.cast(values, dtype)
