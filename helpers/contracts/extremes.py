"""Whether losses are finite where numbers end: the extremes of their inputs."""

import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import slopes
from helpers.contracts.copies import dtype_policy
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    arrays_of,
    difference,
    is_finite,
    number,
)

LARGEST_FLOAT16 = 65504
NOT_WITH_YOURS = "Tried only with inputs of our own."


def is_finite_at_zero_error(subject):
    """A perfect prediction is the goal, and a NaN there ends the training."""
    if subject.given:
        raise NotApplicable(NOT_WITH_YOURS)
    for inputs in _perfect_predictions(subject):
        _refuse_what_is_not_finite(
            subject,
            inputs,
            "where predictions equal targets",
            "Keep divisions, logarithms and roots away from zero: "
            "`ops.sqrt(x + keras.config.epsilon())`, and the same below a "
            "fraction.",
        )


def _perfect_predictions(subject):
    y_true, y_pred = subject.examples[0]
    if np.ndim(y_true) < np.ndim(y_pred):
        yield y_true, np.eye(y_pred.shape[1], dtype="float32")[y_true]
        return
    yield y_pred, y_pred
    if _targets_may_be_zero(subject):
        hot = np.eye(3, dtype="float32")[np.arange(len(y_pred)) % 3]
        yield hot, hot


def _targets_may_be_zero(subject):
    """Whether the loss has a limit as targets go to zero.

    Where it divides by them it has none, and is made for positive targets.
    """
    if subject.takes("hard"):
        return True
    y_true, y_pred = subject.inputs["hard"]
    try:
        small, smaller = (
            subject.of_predictions(np.maximum(y_true, least))(
                tf.constant(y_pred)
            )
            for least in np.float32((1e-4, 1e-6))
        )
    except Exception:  # the reader's code: it may refuse such numbers
        return False
    return difference(smaller, small, 1e-2) is None


def _refuse_what_is_not_finite(subject, inputs, where, hint):
    function = subject.of_predictions(inputs[0])
    values = function(tf.constant(inputs[1]))
    for what, numbers in (
        ("loss", values),
        ("gradient", slopes.gradient_of(function, inputs[1])),
    ):
        if numbers is not None and not is_finite(numbers):
            raise Broken(
                f"The {what} is {not_finite(numbers)} {where}.", hint, inputs
            )


def not_finite(values):
    """What they are instead."""
    nan = any(np.isnan(array).any() for array in arrays_of(values))
    return "NaN" if nan else "infinite"


def is_finite_where_certain_and_wrong(subject):
    """A sigmoid gives exactly 0 and 1, and sometimes for the wrong class.

    In float32 it is 1 from a logit of 17 on.
    """
    inputs = subject.certain_and_wrong()
    if inputs is None and subject.given:
        raise NotApplicable("Your targets are not all 0 and 1.")
    if inputs is None:
        raise NotApplicable("It takes no ones and zeros as targets.")
    _refuse_what_is_not_finite(
        subject,
        inputs,
        "for predictions of exactly 0 where the target is 1, and of 1 where "
        "it is 0",
        "Clip first: `epsilon = keras.config.epsilon()` and `y_pred = "
        "ops.clip(y_pred, epsilon, 1 - epsilon)`; or compute from logits, "
        "with `ops.log_sigmoid` or `ops.log_softmax`.",
    )


def is_finite_for_large_errors(subject):
    """One outlier must not turn the whole batch into infinity."""
    if subject.given:
        raise NotApplicable(NOT_WITH_YOURS)
    if not subject.takes("real"):
        raise NotApplicable("Its predictions are shares, never large.")
    hard = subject.inputs["hard"][0]
    sign = 2 * hard - 1
    for y_true, y_pred, where in (
        (0 * hard, 200 + 0 * hard, "for targets of 0 and predictions of 200"),
        (0 * hard, 0 * hard - 200, "for targets of 0 and predictions of -200"),
        (hard, 200 * sign, "where the right class has 200, the others -200"),
        (hard, -200 * sign, "where the right class has -200, the others 200"),
    ):
        _refuse_formulas_that_grow(subject, y_true, y_pred)
        _refuse_what_is_not_finite(
            subject,
            (y_true, y_pred),
            where,
            "Rewrite what grows too fast: of `exp`, `cosh` and the like take "
            "the logarithm by hand, for example with `ops.softplus`, "
            "`ops.log_softmax` or `ops.logsumexp`. `ops.where` computes both "
            "halves: give the half that is not taken a harmless input, "
            "`ops.minimum(x, 20.0)`, or its gradient is NaN.",
        )


def _refuse_formulas_that_grow(subject, y_true, y_pred):
    """No other way to compute it keeps an exponential function finite."""
    function = subject.of_predictions(y_true)
    for factor in (0.2, 0.4):
        values = arrays_of(function(tf.constant(np.float32(factor) * y_pred)))
        for array in values:
            largest = np.max(np.abs(array), initial=0)
            if np.isfinite(largest) and largest > 1e15:
                raise NotApplicable(
                    f"By its formula it grows to {number(largest)} for a "
                    f"prediction of {abs(factor * y_pred.flat[0]):.0f}: then "
                    "no way to compute it keeps it finite. Clip the "
                    "predictions if they can be so large."
                )


def is_finite_where_float16_ends(subject):
    """Beyond 65504 `float16` knows infinity only, and training ends there.

    Keras's own losses are finite: the base class converts to `float32`.
    """
    if subject.computes_in_float16:
        raise NotApplicable("It was told to compute in float16.")
    tried = False
    for y_true, y_pred, where in _where_float16_ends(subject):
        component = subject.loss()
        try:
            expected = _loss_and_gradient(component, y_true, y_pred)
        except Exception:  # the reader's code: it may refuse such shapes
            continue
        if not is_finite(expected):
            continue
        tried = True
        with dtype_policy("mixed_float16"):
            seen = _loss_and_gradient(
                subject.loss(), y_true, y_pred.astype("float16")
            )
        _compare_in_float16(subject, (y_true, y_pred), seen, expected, where)
    if not tried:
        raise NotApplicable(
            NOT_WITH_YOURS
            if subject.given
            else "None of the large numbers that we try suits it."
        )


def _where_float16_ends(subject):
    if not subject.given and subject.takes("real"):
        many = np.ones((2, 600), "float32")
        hard = 0 * subject.inputs["hard"][0]
        yield hard, hard + 300, "for errors of 300"
        yield 0 * many, 20 * many, "for 600 errors of 20 in each sample"
    if inputs := subject.certain_and_wrong():
        yield *inputs, "for predictions of exactly 0 and 1 that are wrong"


def _loss_and_gradient(component, y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = ops.mean(component(y_true, y_pred))
    return loss, tape.gradient(loss, y_pred, unconnected_gradients="zero")


def _compare_in_float16(subject, inputs, seen, expected, where):
    hint = (
        'Compute in float32: `y_pred = ops.cast(y_pred, "float32")`, or leave '
        "`__call__` to the base class, which does so."
    )
    inputs = inputs[0], inputs[1].astype("float16")
    for what, one, other in zip(
        ("loss", "gradient"), seen, expected, strict=True
    ):
        # What is too large for float16 comes back as infinity from any loss.
        fits = what == "loss" or np.max(np.abs(other)) < LARGEST_FLOAT16 / 2
        if fits and not is_finite(one):
            raise Broken(
                f"With predictions in float16 the {what} is "
                f"{not_finite(one)} {where}; in float32 it is finite.",
                hint,
                inputs,
            )
    if text := subject.difference(seen[0], expected[0], 2e-2):
        raise Broken(
            f"With predictions in float16 the loss is {text} {where}.",
            hint,
            inputs,
        )
