"""What a regularizer must do: weights in, a penalty out."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import slopes
from helpers.contracts.copies import numbers_of, with_number
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    is_finite,
    number,
    tensors,
)


class RegularizerSubject(Subject):
    """A regularizer with a kernel of a dense layer."""

    kind = "regularizer"
    page = "regularizers"
    input_names = ("weights",)
    cannot_know = (
        "whether the penalty is the one you meant; `against=` compares it "
        "with one that is known to be right."
    )

    def own_rules(self):
        yield gives_one_number
        yield is_never_negative
        yield grows_with_the_weights
        yield has_a_gradient
        yield gradient_equals_finite_differences
        yield is_counted_in_training

    def precision_rules(self):
        yield works_in_mixed_float16

    def candidates(self):
        kernel = np.random.default_rng(0).normal(size=(4, 3))
        yield (kernel.astype("float32"),)

    def telling_inputs(self):
        (kernel,) = self.examples[0]
        return [(size * kernel,) for size in np.float32([0.01, 1, 100])]

    def compute(self, component, kernel):
        return component(kernel)

    def must_penalize(self):
        """Raise unless there is a penalty: its factor may be 0.

        Raises:
            NotApplicable: If all that it gives is 0, and it has a number that
                is 0 and gives a penalty if it is not.
        """
        inputs = tensors(self.examples[0])
        if np.any(self.compute(self.fresh(), *inputs)):
            return
        for name, value in numbers_of(self.component).items():
            if value == 0:
                other = with_number(self.component, name, 1.0)
                if np.any(self.compute(other, *inputs)):
                    raise NotApplicable(
                        f"With {name}=0.0 there is no penalty, as there should "
                        "not be: check it with a number above 0 as well."
                    )

    def model_with(self, component, inputs):
        kernel = inputs[0]
        dense = keras.layers.Dense(
            kernel.shape[1], use_bias=False, kernel_regularizer=component
        )
        model = keras.Sequential([keras.Input((kernel.shape[0],)), dense])
        dense.set_weights([kernel])
        return model

    def outputs_of(self, model, inputs):
        return model.losses

    def component_in(self, model):
        return model.layers[-1].kernel_regularizer


def gives_one_number(subject):
    """The penalty is added to the loss, which is one number."""
    (kernel,) = subject.examples[0]
    shape = tuple(subject.compute(subject.fresh(), tf.constant(kernel)).shape)
    if shape != ():
        raise Broken(
            f"Weights of shape {kernel.shape} give a penalty of shape {shape}.",
            "Add up everything: `return self.factor * ops.sum(...)`.",
        )


def is_never_negative(subject):
    """A negative penalty is a reward, and training would run after it."""
    (kernel,) = subject.examples[0]
    for weights in (kernel, -np.abs(kernel), np.abs(kernel), 0 * kernel):
        value = np.min(subject.compute(subject.fresh(), tf.constant(weights)))
        if value < 0:
            raise Broken(
                f"The penalty can be {number(value)}.",
                "Add up sizes, which have no sign: `ops.abs(weights)` or "
                "`ops.square(weights)`.",
                inputs=(weights,),
            )
    for name in numbers_of(subject.component):
        other = with_number(subject.component, name, -0.3)
        if other is None:
            continue
        value = np.min(subject.compute(other, tf.constant(kernel)))
        if value < 0:
            raise Broken(
                f"{name}=-0.3 is accepted, and makes the penalty "
                f"{number(value)}.",
                f"Raise a `ValueError` in `__init__` unless `{name} >= 0`.",
            )


def grows_with_the_weights(subject):
    """A penalty that does not grow does not hold large weights back."""
    (kernel,) = subject.examples[0]
    subject.must_penalize()
    seen = [
        float(
            np.sum(subject.compute(subject.fresh(), tf.constant(kernel * size)))
        )
        for size in (np.float32(0), np.float32(1), np.float32(3))
    ]
    if not seen[0] < seen[1] < seen[2]:
        raise Broken(
            f"Weights that are 0, 1 and 3 times as large give "
            f"{', '.join(map(number, seen))}.",
            "Let the penalty depend on the size of the weights: "
            "`self.factor * ops.sum(ops.square(weights))`.",
        )
    return f"{', '.join(map(number, seen))} for 0, 1 and 3 times the weights."


def has_a_gradient(subject):
    """The penalty acts through its gradient, and through nothing else."""
    (kernel,) = subject.examples[0]
    subject.must_penalize()
    component = subject.fresh()
    gradient = slopes.gradient_of(component, kernel)
    if gradient is None or not np.any(gradient):
        raise Broken(
            "The gradient is "
            + ("missing." if gradient is None else "zero everywhere."),
            "Use smooth functions of `keras.ops`: no `round`, comparison, "
            "NumPy or `stop_gradient`.",
        )
    at_zero = slopes.gradient_of(component, 0 * kernel)
    if not is_finite(gradient) or not is_finite(at_zero):
        raise Broken(
            "The gradient is not finite"
            + (" for weights of 0." if is_finite(gradient) else "."),
            "Keep roots away from zero: "
            "`ops.sqrt(x + keras.config.epsilon())`.",
        )


def gradient_equals_finite_differences(subject):
    """The gradient must be the slope: move a weight and look."""
    (kernel,) = subject.examples[0]
    subject.must_repeat()
    wrong = slopes.wrong_slope(subject.fresh(), kernel)
    if wrong is not None:
        gradient, slope = wrong
        raise Broken(
            f"The gradient says {number(gradient)} where the slope is "
            f"{number(slope)}.",
            "Look for `stop_gradient`, for a custom gradient, and for values "
            "that pass through NumPy.",
        )


def is_counted_in_training(subject):
    """A step must feel the penalty: the loss has it, the weights follow."""
    (kernel,) = subject.examples[0]
    model = subject.model_with(subject.fresh(), subject.examples[0])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    x = np.zeros((2, kernel.shape[0]), "float32")
    logs = model.train_on_batch(x, np.zeros((2, kernel.shape[1]), "float32"))
    penalty = subject.compute(subject.fresh(), tf.constant(kernel))
    if text := subject.difference(logs, tf.reduce_sum(penalty)):
        raise Broken(
            f"A model without any other loss reports {text}.",
            "Return the penalty as one number, and change nothing else.",
        )
    subject.must_penalize()
    if not np.any(model.get_weights()[0] - kernel):
        raise Broken(
            "A training step on the penalty alone leaves the weights as they "
            "are.",
            "Compute the penalty from the weights it is given.",
        )


def works_in_mixed_float16(subject):
    """The penalty has the dtype of the weights, or it cannot be added."""
    (kernel,) = subject.examples[0]
    expected = subject.compute(subject.fresh(), tf.constant(kernel))
    for dtype in ("float16", "float64"):
        seen = subject.compute(subject.fresh(), tf.cast(kernel, dtype))
        if seen.dtype.name != dtype:
            raise Broken(
                f"Weights in {dtype} give a penalty in {seen.dtype.name}.",
                "Convert nothing to a fixed dtype: "
                "`ops.cast(self.factor, weights.dtype)`.",
            )
        if text := subject.difference(seen, expected, 1e-2):
            raise Broken(
                f"For weights in {dtype} it gives {text}.",
                "Compute with the weights as they are, without NumPy.",
            )
