"""Is each broken initializer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what an initializer is for.
"""

import keras
import numpy as np
import pytest
from keras import initializers, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.initializers import Normal
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
    with_skips,
)


@pytest.mark.parametrize("case", cases("initializer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("initializer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_initializer(Normal())
    assert failed(report) == {"reloads_from_a_file"}, report


def test_one_that_wraps_another_without_a_seed_is_not_accused():
    @register
    class ScaledInitializer(initializers.Initializer):
        def __init__(self, initializer, gain=1.0):
            self.initializer = initializers.get(initializer)
            self.gain = gain

        def __call__(self, shape, dtype=None):
            return self.gain * self.initializer(shape, dtype=dtype)

        def get_config(self):
            inside = initializers.serialize(self.initializer)
            return {"initializer": inside, "gain": self.gain}

    for inside in ("he_normal", initializers.RandomUniform(seed=3)):
        contracts.check_initializer(
            ScaledInitializer(inside, 2.0)
        ).raise_if_failed()


@register
class Sparse(initializers.Initializer):
    """Another, of which it forgets some: both need a seed."""

    def __init__(self, initializer="he_normal", share=0.5, seed=None):
        self.initializer = initializers.get(initializer)
        self.share = share
        self.seed = seed

    def __call__(self, shape, dtype=None):
        values = self.initializer(shape, dtype=dtype)
        drawn = keras.random.uniform(shape, seed=self.seed)
        return values * ops.cast(drawn > self.share, values.dtype)

    def get_config(self):
        inside = initializers.serialize(self.initializer)
        return {"initializer": inside, "share": self.share, "seed": self.seed}


@register
class FromNumpy(Normal):
    """NumPy's numbers, of a generator of its own."""

    def __call__(self, shape, dtype=None):
        values = np.random.default_rng(self.seed).normal(size=shape)
        return ops.cast(self.scale * values, dtype)


@register
def of_the_generator_of_all(shape, dtype=None):
    """It draws, and sets no seed."""
    return ops.cast(np.random.normal(0, 0.1, shape), dtype)


@register
def turns(shape, dtype=None):
    """For the square kernels of recurrent layers."""
    rows, columns = shape
    if rows != columns:
        raise ValueError(f"The kernel must be square: {shape}")
    return ops.roll(ops.eye(rows, dtype=dtype), 1, axis=0)


@register
def averages(shape, dtype=None):
    """For the four axes of convolutions."""
    height, width, _, filters = shape
    return ops.ones((*shape[:3], filters), dtype) / (height * width)


@register
class EvenlySpread(initializers.Initializer):
    """Logarithms, whose sum is brought to 0 as precisely as it says."""

    def __init__(self, scale=0.1, eps_sum=1e-3):
        self.scale = scale
        self.eps_sum = eps_sum

    def __call__(self, shape, dtype=None):
        values = np.log(1 + np.arange(np.prod(shape)))
        while abs(values.sum()) > self.eps_sum:
            values = values - values.mean()
        return ops.cast(self.scale * values.reshape(shape), dtype)

    def get_config(self):
        return {"scale": self.scale, "eps_sum": self.eps_sum}


@register
class OneAxisMore(initializers.Initializer):
    """Gives another shape, and the same in graphs."""

    def __call__(self, shape, dtype=None):
        return ops.ones((1, *shape), dtype)

    def get_config(self):
        return {}


def test_wrong_shape_is_not_blamed_on_the_graph():
    report = contracts.check_initializer(OneAxisMore())
    assert status_of(report, "gives_the_shape") == "failed", report
    assert status_of(report, "is_the_same_in_graphs") == "passed", report


@register
class ForPixelShuffle(initializers.Initializer):
    """Four equal columns for the four pixels that become one."""

    def __init__(self, seed=None):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        if shape[-1] % 4:
            raise ValueError(f"{shape[-1]} is no multiple of 4")
        columns = initializers.HeNormal(self.seed)(
            (*shape[:-1], shape[-1] // 4), dtype
        )
        return ops.repeat(columns, 4, axis=-1)

    def get_config(self):
        return {"seed": self.seed}


RIGHT = [
    ForPixelShuffle(1),
    EvenlySpread(),
    Sparse(),
    Sparse(seed=3),
    Sparse(initializers.HeNormal(seed=2)),
    FromNumpy(),
    of_the_generator_of_all,
    turns,
    averages,
]


@pytest.mark.parametrize("initializer", RIGHT, ids=name_of)
def test_right_initializer_is_not_accused(initializer):
    contracts.check_initializer(initializer).raise_if_failed()


INITIALIZERS = [
    (initializers.Constant(0.3), {}),
    (initializers.GlorotNormal(), {}),
    (initializers.GlorotUniform(seed=1), {}),
    (initializers.HeNormal(), {}),
    (
        initializers.Identity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("gain")},
    ),
    (initializers.LecunUniform(), {}),
    (initializers.Ones(), {}),
    (initializers.Orthogonal(gain=2.0), {}),
    (initializers.RandomNormal(stddev=0.3), {}),
    (initializers.RandomUniform(), {}),
    (initializers.TruncatedNormal(), {}),
    (initializers.VarianceScaling(2.0), {}),
    (initializers.VarianceScaling(0.5, "fan_out", "uniform"), {}),
    (initializers.VarianceScaling(0.5, "fan_avg"), {}),
    (initializers.Zeros(), {}),
]


@pytest.mark.parametrize(("initializer", "skip"), INITIALIZERS, ids=name_of)
def test_initializers(initializer, skip):
    contracts.check_initializer(initializer, skip=skip).raise_if_failed()


@pytest.mark.parametrize(
    ("initializer", "skip"), with_skips(INITIALIZERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(initializer, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_initializer(initializer)
    assert failed(report) == set(skip), report
