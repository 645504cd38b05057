"""What a learning rate schedule must do: a step in, a learning rate out."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.copies import arguments_of, attribute
from helpers.contracts.subject import Broken, Subject, difference, number

STEPS = (0, 1, 2, 3, 7, 10, 25, 60, 100, 250, 1_000, 10_000, 10_000_000)


class ScheduleSubject(Subject):
    """A schedule with steps from the first to far beyond any training."""

    kind = "schedule"
    page = "optimizers"
    input_names = ("step",)
    takes_functions = False
    cannot_know = (
        "whether the learning rate goes where you meant, and stays there after "
        "its end; plot it, or compare it with a known one by `against=`."
    )

    def own_rules(self):
        yield gives_one_floating_point_number
        yield is_never_negative
        yield is_above_zero_at_some_step
        yield is_followed_in_training

    def candidates(self):
        # An optimizer counts its steps in a whole number.
        for step in STEPS:
            yield (np.asarray(step, "int64"),)

    def compute(self, component, step):
        return component(step)

    def model_with(self, component, inputs):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(component), loss="mse")
        return model

    def outputs_of(self, model, inputs):
        return self.outputs(self.component_in(model))

    def component_in(self, model):
        return model.optimizer._learning_rate


def gives_one_floating_point_number(subject):
    """The optimizer multiplies gradients of every shape by it."""
    for (step,) in subject.examples:
        rate = tf.convert_to_tensor(
            subject.compute(subject.fresh(), tf.constant(step))
        )
        if rate.shape != () or not rate.dtype.is_floating:
            raise Broken(
                f"For step {step} it gives {rate.dtype.name} of shape "
                f"{tuple(rate.shape)}.",
                'Begin with `step = ops.cast(step, "float32")`, and return '
                "one number.",
            )


def is_never_negative(subject):
    """A negative learning rate climbs, and NaN destroys every weight."""
    steps = _telling_steps(subject.component)
    for step, rate in _rates(subject, steps):
        if not (np.isfinite(rate) and rate >= 0):
            raise Broken(
                f"The learning rate of step {step} is {number(rate)}.",
                "NaN comes of 0 / 0, and of inf / inf where `ops.exp` gets "
                "more than 88: write `ops.sigmoid`, or "
                "`ops.exp(ops.minimum(x, 80.0))`."
                if np.isnan(rate)
                else "Hold the step between the first and the last one of the "
                "schedule: `ops.clip(step, 0, last)`. `ops.where` computes "
                "both halves: keep both of them finite.",
                inputs=(),
            )
    return f"Tried {len(steps)} steps, up to step {steps[-1]:,}."


def is_above_zero_at_some_step(subject):
    """A learning rate that is always 0 trains nothing, without an error."""
    steps = _telling_steps(subject.component)
    if not any(rate > 0 for _, rate in _rates(subject, steps)):
        raise Broken(
            f"The learning rate is 0 at all {len(steps)} steps that were "
            "tried.",
            'Compute with real numbers: `step = ops.cast(step, "float32")`; '
            "a learning rate that becomes a whole number is 0.",
            inputs=(),
        )


def _rates(subject, steps):
    """Pairs of a step and the largest number that it gives for it."""
    for step in steps:
        rate = subject.compute(subject.fresh(), tf.constant(step, "int64"))
        yield step, np.max(rate)


def _telling_steps(component):
    """The usual steps, and those around the ends of what it was given.

    A warm-up ends, and a decay begins, at a whole number among the arguments,
    or at the sum of two.
    """
    values = [attribute(component, name) for name in arguments_of(component)]
    ends = [
        int(value)
        for value in tf.nest.flatten(values)
        if type(value) in (int, float)
        and float(value).is_integer()
        and 0 < value < STEPS[-1]
    ][:6]
    sums = [sum(pair) for pair in itertools.combinations(ends, 2)]
    around = [end + near for end in ends + sums for near in (-1, 0, 1)]
    return sorted({*STEPS, *around})


def is_followed_in_training(subject):
    """The optimizer asks for the learning rate of its own step, in a graph."""
    optimizer = keras.optimizers.SGD(subject.fresh())
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    train = tf.function(
        lambda: optimizer.apply([tf.constant(1.0)], [weight]), autograph=False
    )
    for step in range(5):
        before = weight.numpy()
        train()
        moved = before - weight.numpy()
        expected = subject.compute(subject.fresh(), tf.constant(step, "int64"))
        if text := difference(moved, expected, 1e-3):
            subject.must_repeat()
            raise Broken(
                f"At step {step} of a compiled training its learning rate is "
                f"{text}, which a call gives.",
                "Compute from the `step` that `__call__` is given; count "
                "nothing yourself.",
                inputs=(),
            )
