"""What an activation must do: a function, or an object that is called."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import slopes
from helpers.contracts.subject import (
    Broken,
    Subject,
    arrays_of,
    is_finite,
    number,
)


class ActivationSubject(Subject):
    """An activation with numbers around zero, in two and in three axes."""

    kind = "activation"
    page = "activations"
    input_names = ("x",)

    def own_rules(self):
        yield keeps_the_shape
        yield treats_each_sample_alone
        yield is_finite_for_large_inputs
        yield has_a_gradient
        yield gradient_equals_finite_differences
        yield has_its_slope_at_zero

    def precision_rules(self):
        yield works_in_mixed_float16

    def candidates(self):
        random = np.random.default_rng(0)
        for shape in ((5, 4), (3, 2, 4)):
            yield ((2 * random.normal(size=shape)).astype("float32"),)

    def compute(self, component, x):
        return component(x)

    def model_with(self, component, inputs):
        x = keras.Input(np.shape(inputs[0])[1:])
        return keras.Model(x, keras.layers.Activation(component)(x))

    def outputs_of(self, model, inputs):
        return model(inputs[0])

    def component_in(self, model):
        return model.layers[-1].activation


def keeps_the_shape(subject):
    """A layer promises its shape before the activation is applied."""
    for (x,) in subject.examples:
        seen = tuple(subject.compute(subject.fresh(), tf.constant(x)).shape)
        if seen != x.shape:
            raise Broken(
                f"Inputs of shape {x.shape} give outputs of shape {seen}.",
                "Compute number by number, or keep the axis: "
                "`ops.sum(x, axis=-1, keepdims=True)`.",
            )


def treats_each_sample_alone(subject):
    """What one sample becomes must not depend on the others in the batch."""
    x = subject.examples[0][0]
    component = subject.fresh()
    together = subject.compute(component, tf.constant(x))
    for i in range(len(x)):
        alone = subject.compute(component, tf.constant(x[i : i + 1]))
        if text := subject.difference(together[i : i + 1], alone):
            raise Broken(
                f"In a batch a sample becomes {text}, which it becomes alone.",
                "Sum, average and normalize over the last axis (`axis=-1`), "
                "never over the batch (`axis=0`, or no axis at all).",
            )


def is_finite_for_large_inputs(subject):
    """One large number must not turn the model into NaN."""
    for size in (1000.0, -1000.0):
        x = tf.fill((2, 3), size)
        component = subject.fresh()
        values = subject.compute(component, x)
        gradient = slopes.gradient_of(component, x)
        for what, seen in (("output", values), ("gradient", gradient)):
            if seen is not None and not is_finite(seen):
                raise Broken(
                    f"The {what} is not finite for inputs of {size:g}.",
                    "Limit what grows too fast, for example "
                    "`ops.exp(-ops.abs(x))`, or use `ops.softplus` and "
                    "`ops.sigmoid`, which are written for it.",
                )


def has_a_gradient(subject):
    """Where the gradient is zero everywhere, the layers below never learn."""
    for (x,) in subject.examples:
        gradient = _sensitivity(subject, x)
        if gradient is None or not np.any(gradient):
            raise Broken(
                "The gradient is "
                + ("missing." if gradient is None else "zero everywhere."),
                "Use smooth functions of `keras.ops`: no `round`, `sign`, "
                "comparison, NumPy or `stop_gradient`.",
            )
        if not np.all(np.isfinite(gradient)):
            raise Broken(
                "The gradient is not finite for ordinary inputs.",
                "Look for a division or a root near zero, also in the half of "
                "`ops.where` that is not chosen.",
            )


def _weighted(subject, shape):
    """The activation times fixed numbers: a plain sum of softmax is 1."""
    component = subject.fresh()
    weights = np.random.default_rng(2).uniform(0.5, 1.5, shape)
    return lambda x: component(x) * tf.cast(weights, x.dtype)


def _sensitivity(subject, x):
    return slopes.gradient_of(_weighted(subject, x.shape), x)


def gradient_equals_finite_differences(subject):
    """The gradient must be the slope: move an input and look."""
    x = subject.examples[0][0]
    wrong = slopes.wrong_slope(_weighted(subject, x.shape), x)
    if wrong is not None:
        gradient, slope = wrong
        raise Broken(
            f"The gradient says {number(gradient)} where the slope is "
            f"{number(slope)}.",
            "Look for `stop_gradient`, for a custom gradient, and for values "
            "that pass through NumPy.",
        )


def has_its_slope_at_zero(subject):
    """Biases start at zero and inputs are often blank: many sums are zero."""
    x = np.zeros((2, 4))
    wrong = slopes.gradient_outside_its_slopes(_weighted(subject, x.shape), x)
    if wrong is not None:
        gradient, left, right = map(number, wrong)
        raise Broken(
            f"At zero the gradient says {gradient}. The slope is {left} to "
            f"the left and {right} to the right.",
            "Where two terms have a corner at zero, take the same side in "
            "both: `ops.maximum` takes the right, `ops.relu` the left, "
            "`ops.abs` the middle.",
        )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` activations get `float16` and must keep it."""
    x = subject.examples[0][0].astype("float16")
    expected = subject.compute(subject.fresh(), tf.cast(x, "float32"))
    seen = subject.compute(subject.fresh(), tf.constant(x))
    if seen.dtype != tf.float16:
        raise Broken(
            f"Inputs in float16 give outputs in {seen.dtype.name}.",
            "Convert nothing to a fixed dtype: `ops.cast(limit, x.dtype)`.",
        )
    if text := subject.difference(arrays_of(seen), arrays_of(expected), 1e-2):
        raise Broken(
            f"In float16 it gives {text}.",
            "Keep numbers small enough for float16, which ends at 65504 and "
            "knows nothing between 0 and 6e-8.",
        )
