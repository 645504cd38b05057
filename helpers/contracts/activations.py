"""What an activation must do: a function, or an object that is called."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import slopes
from helpers.contracts.copies import copy_of
from helpers.contracts.subject import (
    Broken,
    Subject,
    is_finite,
    number,
)

LARGEST = 65504.0  # in float16


class ActivationSubject(Subject):
    """An activation with numbers around zero, in two and in three axes.

    It may be a layer, as one that learns its shape must be. Copies of it get
    the weights that the first one made, or those of the given one.
    """

    kind = "activation"
    page = "activations"
    input_names = ("x",)
    cannot_know = (
        "whether the formula is the one you meant; `against=` compares it "
        "with one that is known to be right."
    )

    def __init__(self, activation, against=None):
        super().__init__(activation, against)
        self.is_layer = isinstance(activation, keras.layers.Layer)
        # A layer has a rule of its own for numbers used in training only
        self.shows_its_numbers = not self.is_layer
        self.weights = {}
        if self.is_layer and activation.built:
            self._remember(activation)

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

    def find_examples(self):
        examples = super().find_examples()
        return examples[:1] if self.is_layer else examples  # built for one

    def telling_inputs(self):
        x = self.examples[0][0]
        return [(x,), (100 * x,)]

    def fresh(self):
        return copy_of(self.component) if self.is_layer else super().fresh()

    def in_half_precision(self):
        """A copy that computes in float16."""
        if not self.is_layer:
            return self.fresh()
        return copy_of(
            self.component,
            lambda arguments: {**arguments, "dtype": "mixed_float16"},
        )

    def outputs(self, component):
        if isinstance(component, keras.layers.Layer) and component.built:
            component.set_weights(self._remember(component))
        return super().outputs(component)

    def _remember(self, layer):
        """The weights for a layer of these shapes, at first its own."""
        shapes = tuple(tuple(weight.shape) for weight in layer.weights)
        return self.weights.setdefault(shapes, layer.get_weights())

    def compute(self, component, x):
        if isinstance(component, keras.layers.Layer) and not component.built:
            component(x)
            component.set_weights(self._remember(component))
        return component(x)

    def as_function(self, component):
        """The activation as a function of `x` alone, also if it is a layer."""
        return lambda x: self.compute(component, x)

    def model_with(self, component, inputs):
        x = keras.Input(np.shape(inputs[0])[1:])
        if not self.is_layer:
            component = keras.layers.Activation(component)
        return keras.Model(x, component(x))

    def outputs_of(self, model, inputs):
        return model(inputs[0])

    def component_in(self, model):
        layer = model.layers[-1]
        return layer if self.is_layer else layer.activation


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
        x = tf.fill((2, 4), size)
        component = subject.as_function(subject.fresh())
        values, gradient = component(x), slopes.gradient_of(component, x)
        for what, seen in (("output", values), ("gradient", gradient)):
            if seen is not None and not is_finite(seen):
                raise Broken(
                    f"The {what} is not finite for inputs of {size:g}.",
                    "Limit what grows too fast, for example "
                    "`ops.exp(-ops.abs(x))`, or use `ops.softplus` and "
                    "`ops.sigmoid`, which are written for it.",
                    inputs=(),
                )


def has_a_gradient(subject):
    """Where the gradient is zero everywhere, the layers below never learn."""
    for (x,) in subject.examples:
        gradient = slopes.gradient_of(_weighted(subject), x)
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


def _weighted(subject, component=None):
    """The activation times fixed numbers: a plain sum of softmax is 1."""
    component = subject.as_function(component or subject.fresh())

    def weighted(x):
        values = component(x)
        weights = np.random.default_rng(2).uniform(0.5, 1.5, values.shape)
        return values * tf.cast(weights, values.dtype)

    return weighted


def gradient_equals_finite_differences(subject):
    """The gradient must be the slope: move an input and look."""
    x = subject.examples[0][0]
    subject.must_repeat()
    wrong = slopes.wrong_slope(_weighted(subject), x)
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
    subject.must_repeat()
    wrong = slopes.gradient_outside_its_slopes(_weighted(subject), x)
    if wrong is not None:
        gradient, left, right = map(number, wrong)
        raise Broken(
            f"At zero the gradient says {gradient}. The slope is {left} to "
            f"the left and {right} to the right.",
            "Where two terms have a corner at zero, take the same side in "
            "both: `ops.maximum` takes the right, `ops.relu` the left, "
            "`ops.abs` the middle.",
            inputs=(),
        )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` activations get `float16` and must keep it.

    It ends at 65504, and squares and exponentials are soon there.
    """
    seen = subject.compute(
        subject.in_half_precision(), tf.cast(subject.examples[0][0], "float16")
    )
    if seen.dtype != tf.float16:
        raise Broken(
            f"Inputs in float16 give outputs in {seen.dtype.name}.",
            "Convert nothing to a fixed dtype: `ops.cast(limit, x.dtype)`.",
        )
    subject.must_repeat()
    for size in (2.0, 7.0, 13.0, 20.0, 100.0):
        x = size * np.array([[1, -1, 0.5, -0.25], [-1, 1, 1, 1]], "float32")
        half, single = subject.in_half_precision(), subject.fresh()
        seen = _values_and_gradient(subject, half, x.astype("float16"))
        expected = _values_and_gradient(subject, single, x)
        # What float16 rounds on the way is as if x were a little different.
        near = [
            _values_and_gradient(subject, single, x * np.float32(1 + change))
            for change in (2**-10, 2**-11, -(2**-11), -(2**-10))
        ]
        for place, what in enumerate(("it gives", "its gradient is")):
            wrong = _lost_in_half(
                seen[place], expected[place], [each[place] for each in near]
            )
            if wrong is None:
                continue
            one, other = wrong
            raise Broken(
                f"In float16 {what} {number(one)} instead of {number(other)}, "
                "as in float32.",
                "Keep what is computed on the way small enough: float16 "
                "ends at 65504, which `ops.exp(x)` passes at x=11.1, and "
                "knows nothing between 0 and 6e-8."
                if one == 0 or not np.isfinite(one)
                else "Compute in float32 what loses its digits, and return "
                "`ops.cast(result, x.dtype)`.",
                inputs=(x,),
            )


def _values_and_gradient(subject, component, x):
    weighted = _weighted(subject, component)
    return weighted(x), slopes.gradient_of(weighted, x)


def _lost_in_half(seen, expected, near):
    """Both numbers where float16 is off by more than rounding, or None."""
    if seen is None or expected is None:
        return None
    seen, expected = (np.asarray(x, "float64") for x in (seen, expected))
    changes = [np.abs(np.asarray(x, "float64") - expected) for x in near]
    rounding = np.nan_to_num(np.max(changes, axis=0), posinf=0)
    allowed = 2e-2 + 2e-2 * np.abs(expected) + 2 * rounding
    close = (np.abs(seen - expected) <= allowed) | (
        np.isnan(seen) & np.isnan(expected)
    )
    wrong = ~close & (np.abs(expected) < LARGEST)
    if not wrong.any():
        return None
    place = np.flatnonzero(wrong)[0]
    return seen.flat[place], expected.flat[place]
