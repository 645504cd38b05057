"""What a learning rate schedule must do: a step in, a learning rate out."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.subject import (
    Broken,
    Subject,
    number,
)

STEPS = (0, 1, 2, 3, 7, 10, 25, 60, 100, 250, 1_000, 10_000, 10_000_000)


class ScheduleSubject(Subject):
    """A schedule with steps from the first to far beyond any training."""

    kind = "schedule"
    page = "optimizers"
    input_names = ("step",)
    takes_functions = False

    def own_rules(self):
        yield gives_one_floating_point_number
        yield is_never_negative
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
    for step in STEPS:
        rate = np.max(subject.compute(subject.fresh(), tf.constant(step)))
        if not (np.isfinite(rate) and rate >= 0):
            raise Broken(
                f"The learning rate of step {step} is {number(rate)}.",
                "Hold the step between the first and the last one of the "
                "schedule: `ops.clip(step, 0, last)`.",
            )
    return f"Tried up to step {STEPS[-1]:,}."


def is_followed_in_training(subject):
    """The optimizer asks for the learning rate of its own step, in a graph."""
    optimizer = keras.optimizers.SGD(subject.fresh())
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    train = tf.function(
        lambda: optimizer.apply([tf.constant(1.0)], [weight]), autograph=False
    )
    moved = []
    for _ in range(5):
        before = weight.numpy()
        train()
        moved.append(before - weight.numpy())
    expected = [
        float(subject.compute(subject.fresh(), tf.constant(step)))
        for step in range(5)
    ]
    if text := subject.difference(moved, expected, 1e-3):
        raise Broken(
            f"In training a step is {text}.",
            "Compute from the `step` that `__call__` is given; count nothing "
            "yourself.",
        )
