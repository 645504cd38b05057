"""What a regularizer must do: weights in, a penalty out."""

import contextlib
import numbers

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import slopes
from helpers.contracts.copies import (
    arguments_of,
    attribute,
    numbers_of,
    with_number,
)
from helpers.contracts.kernels import KernelSubject
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    is_finite,
    number,
    tensors,
)


class RegularizerSubject(KernelSubject):
    """A regularizer with the kernel of a layer."""

    kind = "regularizer"
    page = "regularizers"
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

    def telling_inputs(self):
        (kernel,) = self.examples[0]
        return [(size * kernel,) for size in np.float32([0.01, 1, 100])]

    def must_penalize(self):
        """Raise unless there is a penalty: its factor may be 0.

        Raises:
            NotApplicable: If all that it gives is 0, and it has a number that
                is 0 and gives a penalty if it is not.
        """
        inputs = tensors(self.examples[0])
        if np.any(self.compute(self.fresh(), *inputs)):
            return
        for name in arguments_of(self.component):
            if not _is_zero(attribute(self.component, name)):
                continue
            other = with_number(self.component, name, 1.0)
            if other and np.any(self.compute(other, *inputs)):
                raise NotApplicable(
                    f"With {name}=0.0 there is no penalty, as there should "
                    "not be: check it with a number above 0 as well."
                )

    def penalized(self):
        """Weights with a penalty: a hinge leaves those of some sizes free."""
        (kernel,) = self.examples[0]
        for size in np.float32([1, 3, 10, 0.1]):
            if np.any(self.compute(self.fresh(), tf.constant(size * kernel))):
                return size * kernel
        return kernel

    def outputs_of(self, model, inputs):
        return model.losses


def _is_zero(value):
    """Whether it is the number 0, of whatever type."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and value == 0


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
    accepted = {}
    for name in numbers_of(subject.component):
        other = with_number(subject.component, name, -0.3)
        if other is None:
            continue
        with contextlib.suppress(Exception):  # refused when it is used
            value = np.min(subject.compute(other, tf.constant(kernel)))
            if value < 0:
                accepted[f"{name}=-0.3"] = number(value)
    if accepted:
        values = [f"{name} ({value})" for name, value in accepted.items()]
        limits = " and ".join(
            f"`{name.partition('=')[0]} >= 0`" for name in accepted
        )
        raise Broken(
            "Accepted, although the penalty becomes negative: "
            f"{', '.join(values)}.",
            f"Raise a `ValueError` in `__init__` unless {limits}.",
        )


def grows_with_the_weights(subject):
    """A penalty that does not grow does not hold large weights back.

    Some measure something else, such as angles: they pass over this.
    """
    (kernel,) = subject.examples[0]
    subject.must_penalize()
    hint = (
        "Let the penalty depend on the size of the weights: "
        "`self.factor * ops.sum(ops.square(weights))`."
    )
    seen = _penalties(subject, kernel, (0, 1, 3))
    if seen[0] <= seen[1] < seen[2]:  # a hinge leaves small weights free
        return (
            f"{', '.join(map(number, seen))} for 0, 1 and 3 times the weights."
        )
    sizes = (0.01, 0.1, 1, 10, 100)
    directions = _directions(kernel.shape)
    table = np.array([_penalties(subject, d, sizes) for d in directions])
    if np.allclose(table, table[0, 0], 1e-5, 0):
        raise Broken(
            f"The penalty is {number(seen[1])} for all weights that were "
            "tried, small and large.",
            hint,
        )
    # Of a softmax the entropy falls too, but not where all are equal.
    if np.all(np.diff(table[:, 1:4]) < 0):
        raise Broken(
            "Weights that are 1 and 3 times as large give "
            f"{', '.join(map(number, seen[1:]))}, and it falls likewise for "
            "all others.",
            hint,
        )
    raise NotApplicable(
        "It does not measure size: 0, 1 and 3 times the weights give "
        f"{', '.join(map(number, seen))}."
    )


def _penalties(subject, kernel, sizes):
    return [
        float(
            np.sum(subject.compute(subject.fresh(), tf.constant(size * kernel)))
        )
        for size in np.float32(sizes)
    ]


def _directions(shape):
    """Weights that go different ways, in which each is as large as others."""
    random = np.random.default_rng(1)
    drawn = [random.normal(size=shape) for _ in range(3)]
    equal = [np.ones(shape), -np.ones(shape)]
    return [kernel.astype("float32") for kernel in drawn + equal]


def has_a_gradient(subject):
    """The penalty acts through its gradient, and through nothing else."""
    kernel = subject.penalized()
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
    kernel = subject.penalized()
    model = subject.model_with(subject.fresh(), (kernel,))
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    x, y = (
        np.zeros((2, *shape[1:]), "float32")
        for shape in (model.input_shape, model.output_shape)
    )
    logs = model.train_on_batch(x, y)
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
