"""What an initializer must do: a shape and a dtype in, weights out."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.copies import (
    arguments_of,
    copy_of,
    dtype_policy,
    twin_of,
)
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    difference,
    is_finite,
)

SHAPE = (4, 3)


class InitializerSubject(Subject):
    """An initializer with shapes of weights; a seed is set if it has one."""

    kind = "initializer"
    page = "activations"
    input_names = ("shape",)
    repeats = False  # a new number at each call is what it is there for
    runs_in_graphs = False  # see is_the_same_in_graphs
    file_hint = "Return every argument, the seed too, in `get_config`."

    def own_rules(self):
        yield gives_the_shape
        yield gives_the_dtype
        yield gives_finite_numbers
        yield seeds_repeat
        if self.has_seed:
            yield different_seeds_differ
        yield is_not_constant_where_random
        yield is_the_same_in_graphs

    def precision_rules(self):
        yield works_in_mixed_float16

    @property
    def has_seed(self):
        return self.has_config and "seed" in arguments_of(self.component)

    def with_seed(self, seed):
        """A copy with another seed."""
        return copy_of(
            self.component, lambda arguments: {**arguments, "seed": seed}
        )

    def original(self):
        """Without a seed it could not be compared with another one."""
        return self.fresh()

    def fresh(self):
        """With a seed, so that it gives the same as a copy."""
        if self.has_seed:
            config = self.component.get_config()
            if "seed" in config and config["seed"] is None:
                return self.with_seed(7)
        return twin_of(self.component)

    def candidates(self):
        yield (SHAPE,)

    def compute(self, component, shape):
        # The seed of all that has none of its own
        keras.utils.set_random_seed(0)
        return component(tuple(map(int, np.asarray(shape))), dtype="float32")

    def outputs(self, component):
        return self.compute(component, SHAPE)

    def model_with(self, component, inputs):
        dense = keras.layers.Dense(
            SHAPE[1], use_bias=False, kernel_initializer=component
        )
        return keras.Sequential([keras.Input((SHAPE[0],)), dense])

    def outputs_of(self, model, inputs):
        return self.compute(model.layers[-1].kernel_initializer, SHAPE)

    def component_in(self, model):
        return model.layers[-1].kernel_initializer


def gives_the_shape(subject):
    """The weights must have the shape that the layer asks for."""
    shapes = [SHAPE]
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
        seen = tf.convert_to_tensor(subject.fresh()(SHAPE, dtype=dtype))
        if seen.dtype.name != dtype:
            raise Broken(
                f"Asked for {dtype} it gives {seen.dtype.name}.",
                "Use the dtype that is passed: `ops.cast(values, dtype)`.",
            )


def gives_finite_numbers(subject):
    """A layer with one NaN among its weights only makes NaN."""
    for shape in (SHAPE, (1, 1)):
        if not is_finite(subject.compute(subject.fresh(), shape)):
            raise Broken(
                f"Among the weights of shape {shape} are NaN or infinity.",
                "Look for a division by zero or the root of a negative number.",
            )


def seeds_repeat(subject):
    """With the same seed an experiment can be done again."""
    if subject.has_seed:
        first = subject.with_seed(3)(SHAPE, dtype="float32")
        again = subject.with_seed(3)(SHAPE, dtype="float32")
    else:
        keras.utils.set_random_seed(3)
        first = subject.fresh()(SHAPE, dtype="float32")
        keras.utils.set_random_seed(3)
        again = subject.fresh()(SHAPE, dtype="float32")
    if text := subject.difference(again, first, 1e-6):
        raise Broken(
            f"The same seed gives {text} the second time.",
            "Pass the seed on: `keras.random.normal(shape, dtype=dtype, "
            "seed=self.seed)`.",
        )


def different_seeds_differ(subject):
    """A seed that changes nothing is not used."""
    first = subject.with_seed(3)(SHAPE, dtype="float32")
    other = subject.with_seed(4)(SHAPE, dtype="float32")
    if not difference(other, first, 1e-6):
        raise Broken(
            "Seeds 3 and 4 give the same weights.",
            "Pass the seed on: `keras.random.normal(shape, dtype=dtype, "
            "seed=self.seed)`.",
        )


def is_not_constant_where_random(subject):
    """Units that start equal get equal gradients, and stay equal for ever."""
    first = _values(subject, 3)
    if not subject.has_seed and not difference(_values(subject, 4), first):
        raise NotApplicable("It is not random.")
    for axis, what in ((0, "rows"), (1, "columns")):
        if np.ptp(first, axis=axis).max() == 0:
            raise Broken(
                f"All {what} of the weights are the same.",
                "Draw a number for each weight: `keras.random.normal(shape, "
                "dtype=dtype, seed=self.seed)`.",
            )


def _values(subject, seed):
    if subject.has_seed:
        return np.asarray(subject.with_seed(seed)(SHAPE, dtype="float32"))
    keras.utils.set_random_seed(seed)
    return np.asarray(subject.fresh()(SHAPE, dtype="float32"))


def is_the_same_in_graphs(subject):
    """Models are also built inside of graphs, where NumPy draws once."""
    eager = subject.compute(subject.fresh(), SHAPE)
    for what, jit_compile in (("tf.function", False), ("XLA", True)):
        component = subject.fresh()
        graph = tf.function(
            lambda component=component: component(SHAPE, dtype="float32"),
            autograph=False,
            jit_compile=jit_compile,
        )
        seen = graph()
        if jit_compile or not subject.has_seed:
            # XLA draws other numbers, and so does a graph without a seed.
            seen, eager = tf.zeros(seen.shape), tf.zeros(SHAPE)
        if text := subject.difference(seen, eager):
            raise Broken(
                f"With {what} it gives {text}.",
                "Use `keras.ops` and `keras.random` rather than NumPy.",
            )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` weights are still `float32`."""
    with dtype_policy("mixed_float16"):
        model = subject.model_with(subject.fresh(), subject.examples[0])
        seen = model(np.ones((2, SHAPE[0]), "float32"))
    if not is_finite(seen):
        raise Broken(
            "The layer gives NaN or infinity in float16.",
            "Keep the weights small: float16 ends at 65504.",
        )
