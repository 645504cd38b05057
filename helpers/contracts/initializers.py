"""What an initializer must do: a shape and a dtype in, weights out."""

import contextlib
import math
import random

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.copies import (
    arguments_of,
    copy_of,
    dtype_policy,
    rebuilt,
    twin_of,
)
from helpers.contracts.kernels import (
    SHAPES,
    first_that_suits,
    model_with_kernel,
)
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    difference,
    is_finite,
    number,
    or_not_applicable,
)


class InitializerSubject(Subject):
    """An initializer with shapes of weights; a seed is set if it has one."""

    kind = "initializer"
    page = "activations"
    input_names = ("shape",)
    shape = SHAPES[0]
    repeats = False  # a new number at each call is what it is there for
    runs_in_graphs = False  # see is_the_same_in_graphs
    cannot_know = (
        "whether the numbers are spread as you meant; compare `np.std` of a "
        "large kernel with the formula."
    )
    file_hint = "Return every argument, the seed too, in `get_config`."

    def own_rules(self):
        yield gives_the_shape
        yield gives_the_dtype
        yield gives_finite_numbers
        yield seeds_repeat
        if self.has_seed:
            yield different_seeds_differ
        yield leaves_other_random_numbers_alone
        yield is_not_constant_where_random
        yield counts_the_inputs_of_convolutions
        yield is_the_same_in_graphs

    def precision_rules(self):
        yield works_in_mixed_float16

    @property
    def has_seed(self):
        return self.has_config and "seed" in arguments_of(self.component)

    def with_seed(self, seed):
        """A copy with another seed, also in those in it that have none."""
        return copy_of(
            self.component,
            lambda arguments: _with_seed({**arguments, "seed": None}, seed),
        )

    def describe(self, inputs):
        return f"shape {tuple(map(int, inputs[0]))}"

    def original(self):
        """Without a seed it could not be compared with another one."""
        return self.fresh()

    def fresh(self):
        """With a seed, so that it gives the same as a copy."""
        return self.seeded(7)

    def seeded(self, seed):
        """A copy in which this seed is in the place of None.

        Also in those that it holds.
        """
        if not self.has_config:
            return self.component
        config = self.component.get_config()
        if self.has_seed and "seed" in config and config["seed"] is None:
            return self.with_seed(seed)
        if (others := _with_seed(config, seed)) != config:
            with contextlib.suppress(Exception):
                return rebuilt(self.component, others)
        return twin_of(self.component)

    def candidates(self):
        yield (self.shape,)

    def find_examples(self):
        return first_that_suits(self, super().find_examples)

    def compute(self, component, shape):
        # The seed of all that has none of its own
        keras.utils.set_random_seed(0)
        return component(tuple(map(int, np.asarray(shape))), dtype="float32")

    def outputs(self, component):
        return self.compute(component, self.shape)

    def model_with(self, component, inputs):
        return model_with_kernel(self.shape, kernel_initializer=component)

    def outputs_of(self, model, inputs):
        return self.compute(model.layers[-1].kernel_initializer, self.shape)

    def component_in(self, model):
        return model.layers[-1].kernel_initializer


def _with_seed(config, seed):
    """A config with a seed where it is None, also in the configs within."""
    if not isinstance(config, dict):
        return config
    return {
        key: seed if (key, value) == ("seed", None) else _with_seed(value, seed)
        for key, value in config.items()
    }


def gives_the_shape(subject):
    """The weights must have the shape that the layer asks for."""
    shapes = [subject.shape]
    for shape in ((2, 3, 4), (5,)):
        try:
            subject.compute(subject.fresh(), shape)
            shapes.append(shape)
        except Exception:  # some make matrices only
            continue
    for shape in shapes:
        seen = tuple(subject.compute(subject.fresh(), shape).shape)
        if seen != shape:
            raise Broken(
                f"Asked for shape {shape} it gives {seen}.",
                "Use the shape that is passed: `ops.zeros(shape, dtype)`.",
            )


def gives_the_dtype(subject):
    """Keras says in which dtype it keeps the weights."""
    for dtype in ("float32", "float16", "float64"):
        seen = tf.convert_to_tensor(subject.fresh()(subject.shape, dtype=dtype))
        if seen.dtype.name != dtype:
            raise Broken(
                f"Asked for {dtype} it gives {seen.dtype.name}.",
                "Use the dtype that is passed: `ops.cast(values, dtype)`.",
            )


def gives_finite_numbers(subject):
    """A layer with one NaN among its weights only makes NaN."""
    values = {subject.shape: subject.compute(subject.fresh(), subject.shape)}
    single = (1,) * len(subject.shape)
    with contextlib.suppress(Exception):  # some take blocks of columns only
        values[single] = subject.compute(subject.fresh(), single)
    for shape, numbers in values.items():
        if not is_finite(numbers):
            raise Broken(
                f"Among the weights of shape {shape} are NaN or infinity.",
                "Look for a division by zero or the root of a negative number.",
            )


def seeds_repeat(subject):
    """With the same seed an experiment can be done again. 0 is a seed too."""
    for seed in (3, 0):
        first, again = _values(subject, seed), _values(subject, seed)
        if text := subject.difference(again, first, 1e-6):
            raise Broken(
                f"The same seed, {seed}, gives {text} the second time.",
                "Pass the seed on: `keras.random.normal(shape, dtype=dtype, "
                "seed=self.seed)`."
                if seed
                else "0 is no missing seed: ask `if seed is None`, and not "
                "`seed or ...`.",
            )


def different_seeds_differ(subject):
    """A seed that changes nothing is not used."""
    first = subject.with_seed(3)(subject.shape, dtype="float32")
    other = subject.with_seed(4)(subject.shape, dtype="float32")
    if not difference(other, first, 1e-6):
        raise Broken(
            "Seeds 3 and 4 give the same weights.",
            "Pass the seed on: `keras.random.normal(shape, dtype=dtype, "
            "seed=self.seed)`.",
        )


def leaves_other_random_numbers_alone(subject):
    """Who sets the seed of all, repeats shuffles and splits elsewhere."""
    for what, generator, draw in (
        ("np.random", np.random, np.random.random),
        ("random", random, random.random),
    ):
        drawn = []
        for seed in (1, 2):
            component = subject.fresh()
            generator.seed(seed)
            component(subject.shape, dtype="float32")
            drawn.append(draw())
        if drawn[0] == drawn[1]:
            raise Broken(
                f"After a call `{what}.random()` is {number(drawn[0])}, "
                f"whatever was said by `{what}.seed` before.",
                "Draw from a generator of its own: "
                "`keras.random.normal(..., seed=self.seed)`, or "
                "`np.random.default_rng(self.seed)`.",
            )


def is_not_constant_where_random(subject):
    """Units that start equal get equal gradients, and stay equal for ever."""
    first = _values(subject, 3)
    if not subject.has_seed and not difference(_values(subject, 4), first):
        raise NotApplicable("It is not random.")
    # Some repeat a column on purpose, for a pixel shuffle: not all of many
    with contextlib.suppress(Exception):
        wide = (*subject.shape[:-1], 4 * subject.shape[-1])
        first = _values(subject, 3, wide)
    first = np.reshape(first, (-1, first.shape[-1]))
    for axis, what in ((0, "rows"), (1, "columns")):
        if np.ptp(first, axis=axis).max() == 0:
            raise Broken(
                f"All {what} of the weights are the same.",
                "Draw a number for each weight: `keras.random.normal(shape, "
                "dtype=dtype, seed=self.seed)`.",
            )


def _values(subject, seed, shape=None):
    if subject.has_seed:
        component = subject.with_seed(seed)
    else:
        keras.utils.set_random_seed(seed)
        component = subject.seeded(seed)
    return np.asarray(component(shape or subject.shape, dtype="float32"))


def counts_the_inputs_of_convolutions(subject):
    """A filter of 3 by 3 adds up nine times as many numbers as its inputs.

    Weights that are scaled by the number of inputs, of outputs or of both
    must be so for a convolution, whose kernel has four axes, too.
    """
    dense = [(96, 8), (8, 96), (32, 32)]
    convolution = (3, 3, 32, 64)
    with or_not_applicable("It makes no kernels of dense layers."):
        variances = [_variance(subject, shape) for shape in dense]
    if min(variances) == 0:
        raise NotApplicable("It is not random.")
    if _is_constant(variances):
        raise NotApplicable("Its numbers do not depend on the shape.")
    with or_not_applicable("It makes no kernels of convolutions."):
        seen = _variance(subject, convolution)
    for what, count in (
        ("inputs", lambda fans: fans[0]),
        ("outputs", lambda fans: fans[1]),
        ("inputs and outputs", sum),
    ):
        products = [
            variance * count(_fans(shape))
            for variance, shape in zip(variances, dense, strict=True)
        ]
        if _is_constant(products):
            expected = np.mean(products) / count(_fans(convolution))
            if not _is_constant([seen, expected]):
                size, meant = number(seen**0.5), number(expected**0.5)
                raise Broken(
                    f"In kernels of dense layers the spread follows the number "
                    f"of {what}. For one of shape {convolution} it is "
                    f"{size} instead of {meant}.",
                    "Count as Keras does: the inputs of an output are "
                    "`math.prod(shape[:-1])`, the outputs of an input "
                    "`math.prod(shape[:-2]) * shape[-1]`.",
                    inputs=(),
                )
            return f"Its spread follows the number of {what}."
    raise NotApplicable("It follows no law that is known here.")


def _variance(subject, shape):
    values = np.asarray(subject.compute(subject.fresh(), shape), "float64")
    return float(np.mean(np.square(values)))


def _is_constant(numbers):
    """Whether numbers are equal, up to what chance does to a variance."""
    return max(numbers) < 1.4 * min(numbers)


def _fans(shape):
    """The numbers of inputs and of outputs, as Keras counts them."""
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def is_the_same_in_graphs(subject):
    """Models are also built inside of graphs, where NumPy draws once."""
    eager = subject.compute(subject.fresh(), subject.shape)
    for what, jit_compile in (("tf.function", False), ("XLA", True)):
        component = subject.fresh()
        graph = tf.function(
            lambda component=component: component(
                subject.shape, dtype="float32"
            ),
            autograph=False,
            jit_compile=jit_compile,
        )
        seen = graph()
        if jit_compile or not subject.has_seed:
            # XLA draws other numbers, and so does a graph without a seed.
            seen, eager = tf.zeros(seen.shape), tf.zeros(eager.shape)
        if text := subject.difference(seen, eager):
            raise Broken(
                f"With {what} it gives {text}.",
                "Use `keras.ops`, and `keras.random` with a number as its "
                "seed: NumPy draws once in a graph, and a `SeedGenerator` "
                "draws other numbers each time.",
            )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` weights are still `float32`."""
    with dtype_policy("mixed_float16"):
        model = subject.model_with(subject.fresh(), subject.examples[0])
        seen = model(np.ones((2, *model.input_shape[1:]), "float32"))
    if not is_finite(seen):
        raise Broken(
            "The layer gives NaN or infinity in float16.",
            "Keep the weights small: float16 ends at 65504.",
        )
