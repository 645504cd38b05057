"""What a constraint must do: weights in, allowed weights out."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.kernels import KernelSubject
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    difference,
    tensors,
)

SEVERAL_SHAPES = (4, 3), (5, 2), (4, 4), (3, 3, 2, 4), (3,)


class ConstraintSubject(KernelSubject):
    """A constraint with the kernel of a layer, of small and large weights."""

    kind = "constraint"
    page = "regularizers"
    sizes = (3.0, 0.1)
    cannot_know = (
        "whether the weights that it allows are the ones you meant; "
        "`against=` compares it with one that is known to be right."
    )

    def own_rules(self):
        yield keeps_shape_and_dtype
        yield is_the_same_when_applied_twice
        yield is_finite_for_weights_of_zero
        yield allows_columns_of_any_kind
        yield holds_after_a_training_step
        yield serves_several_layers

    def precision_rules(self):
        yield works_in_mixed_float16

    def telling_inputs(self):
        (kernel,) = self.examples[0]
        inputs = [(size * kernel,) for size in np.float32([0.01, 1, 100])]
        component = self.fresh()
        if not any(
            difference(self.compute(component, *tensors(each)), each)
            for each in inputs
        ):
            raise NotApplicable("It changes none of the weights tried.")
        return inputs

    def outputs_of(self, model, inputs):
        return model.layers[-1].kernel_constraint(tf.constant(inputs[0]))


def keeps_shape_and_dtype(subject):
    """The result replaces the weights, so it must fit into their place."""
    (kernel,) = subject.examples[0]
    for dtype in ("float32", "float64"):
        seen = subject.compute(subject.fresh(), tf.cast(kernel, dtype))
        if tuple(seen.shape) != kernel.shape:
            raise Broken(
                f"Weights of shape {kernel.shape} become {tuple(seen.shape)}.",
                "Keep the axis of a norm: `ops.sum(x, axis=0, keepdims=True)`.",
            )
        if seen.dtype.name != dtype:
            raise Broken(
                f"Weights in {dtype} become {seen.dtype.name}.",
                "Convert nothing to a fixed dtype: `ops.cast(limit, w.dtype)`.",
            )


def is_the_same_when_applied_twice(subject):
    """Weights that are allowed stay; else they creep at each step."""
    for (kernel,) in subject.examples:
        component = subject.fresh()
        once = subject.compute(component, tf.constant(kernel))
        twice = subject.compute(component, once)
        if text := subject.difference(twice, once, 1e-3):
            _excuse_small_steps(subject, kernel)
            raise Broken(
                f"Applied again it gives {text}.",
                "Change only what is not allowed: "
                "`ops.where(allowed, w, nearest_allowed)`.",
            )


def _excuse_small_steps(subject, kernel):
    """Raise where weights come closer at each call, as with a `rate`.

    What creeps ends nowhere, or at the same weights wherever it began.

    Raises:
        NotApplicable: If it ends at weights that depend on where it began.
    """
    random = np.random.default_rng(5)
    other = np.std(kernel) * random.normal(size=kernel.shape)
    component, ends = subject.fresh(), []
    for start in (kernel, other.astype("float32")):
        weights = tf.constant(start)
        for _ in range(200):
            before, weights = weights, subject.compute(component, weights)
            if weights.shape != before.shape:
                return
        if difference(weights, before, 1e-4):
            return
        ends.append(weights)
    first, second = ends
    if difference(subject.compute(component, first), kernel, 1e-3) and (
        difference(first, second, 1e-2)
    ):
        raise NotApplicable(
            "It moves weights a part of the way at each call, and many calls "
            "end at weights that stay."
        )


def is_finite_for_weights_of_zero(subject):
    """Weights start at zero in many layers, and a norm of zero divides."""
    zeros = tf.zeros(subject.examples[0][0].shape)
    seen = subject.compute(subject.fresh(), zeros)
    if not np.all(np.isfinite(seen)):
        raise Broken(
            "Weights of 0 become NaN or infinite.",
            "Divide by `ops.maximum(norm, limit)`, or by `norm + "
            "keras.config.epsilon()`.",
            inputs=(),
        )


def allows_columns_of_any_kind(subject):
    """Training makes columns that nobody draws: all negative, zero, huge."""
    (ordinary,) = subject.examples[0]
    columns = np.reshape(ordinary, (-1, ordinary.shape[-1]))
    column = np.abs(columns[:, 0])
    component = subject.fresh()
    for what, each in (
        ("positive", column),
        ("negative", -column),
        ("zero", 0 * column),
        ("huge", 1e6 * column),
        ("small", 1e-3 * column),
        ("equal", np.ones_like(column)),
    ):
        # Between two ordinary columns, as a mistake may be in any
        kernel = np.copy(columns)
        kernel[:, :3] = np.stack([column[::-1], each, -column], axis=1)
        kernel = np.reshape(kernel, ordinary.shape)
        once = subject.compute(component, tf.constant(kernel))
        if tuple(once.shape) != kernel.shape:
            raise NotApplicable("It changes the shape.")
        hint = (
            "Try your steps by hand on this column: look for a division by "
            "what may be 0 or below, and for a sum over weights that were "
            "all cut off."
        )
        if not np.all(np.isfinite(once)):
            raise Broken(
                f"A column of weights that are all {what} becomes NaN or "
                "infinite.",
                hint,
                inputs=(kernel,),
            )
        twice = subject.compute(component, once)
        for again, first in zip(
            np.moveaxis(np.asarray(twice), -1, 0),
            np.moveaxis(np.asarray(once), -1, 0),
            strict=True,
        ):
            if text := subject.difference(again, first, 1e-3):
                _excuse_small_steps(subject, kernel)
                raise Broken(
                    f"With a column of weights that are all {what} it gives "
                    f"{text} when it is applied again.",
                    hint,
                    inputs=(kernel,),
                )


def holds_after_a_training_step(subject):
    """The optimizer moves the weights first; the constraint comes last."""
    inputs = subject.examples[0]
    model = subject.model_with(subject.fresh(), inputs)
    model.compile(keras.optimizers.SGD(0.5), loss="mse", run_eagerly=True)
    random = np.random.default_rng(3)
    x, y = (
        random.normal(size=(5, *shape[1:])).astype("float32")
        for shape in (model.input_shape, model.output_shape)
    )
    model.train_on_batch(x, y)
    (trained,) = model.get_weights()
    allowed = subject.compute(subject.fresh(), tf.constant(trained))
    if text := subject.difference(trained, allowed, 1e-3):
        _excuse_small_steps(subject, trained)
        raise Broken(
            f"After a training step a weight is {text}.",
            "Return the allowed weights from `__call__`; change nothing in "
            "place.",
        )


def serves_several_layers(subject):
    """One object may be given to two layers, and their shapes differ."""
    one, tried = subject.fresh(), []
    hint = (
        "Compute everything from the weights of this call, and keep nothing "
        "of them in `self`."
    )
    random = np.random.default_rng(2)
    for shape in SEVERAL_SHAPES:
        kernel = random.normal(size=shape).astype("float32")
        try:
            expected = subject.compute(subject.fresh(), tf.constant(kernel))
        except Exception:  # not for weights of this shape
            continue
        where = f"After weights of shape {', '.join(map(str, tried))} it"
        try:
            seen = subject.compute(one, tf.constant(kernel))
        except Exception as error:
            raise Broken(
                f"{where} raised {type(error).__name__}, which a copy that "
                "has seen no others does not.",
                hint,
                inputs=(kernel,),
            ) from None
        if text := subject.difference(seen, expected):
            raise Broken(
                f"{where} gives {text}, which a copy gives that has seen no "
                "others.",
                hint,
                inputs=(kernel,),
            )
        tried.append(shape)
    if len(tried) < 2:
        raise NotApplicable("It is for weights of one shape.")


def works_in_mixed_float16(subject):
    """In half precision the weights come in `float16`."""
    (kernel,) = subject.examples[0]
    expected = subject.compute(subject.fresh(), tf.constant(kernel))
    seen = subject.compute(subject.fresh(), tf.cast(kernel, "float16"))
    if seen.dtype != tf.float16:
        raise Broken(
            f"Weights in float16 become {seen.dtype.name}.",
            "Convert nothing to a fixed dtype: `ops.cast(limit, w.dtype)`.",
        )
    if text := subject.difference(seen, expected, 1e-2):
        raise Broken(
            f"For weights in float16 it gives {text}.",
            "Keep squares small enough for float16, which ends at 65504.",
        )
