"""Whether losses have gradients, and whether these are their slopes."""

import numpy as np
import tensorflow as tf

from helpers.contracts import extremes, slopes
from helpers.contracts.subject import Broken, NotApplicable, number


def has_a_gradient(subject):
    """Without a gradient nothing learns: rounding and argmax have none."""
    has_one = False
    for inputs in subject.examples:
        y_true, y_pred = inputs
        function = subject.of_predictions(y_true)
        gradient = slopes.gradient_of(function, y_pred)
        if gradient is None:
            raise Broken(
                "No gradient leads from the loss to the predictions.",
                "Use smooth functions of `keras.ops` from predictions to loss: "
                "no `round`, `argmax`, comparison, NumPy or `stop_gradient`.",
            )
        if not np.all(np.isfinite(gradient)):
            raise Broken(
                f"The gradient is {extremes.not_finite(gradient)} for ordinary "
                "predictions.",
                "Look for a division or a root near zero, and add "
                "`keras.config.epsilon()` inside; both halves of `ops.where` "
                "have gradients.",
            )
        if np.any(gradient) or _at_a_slope(function, inputs) is not None:
            has_one = True
        elif _changes(function, inputs):
            raise Broken(
                "The loss changes when the predictions come closer to the "
                "targets, and wherever we looked its gradient is zero.",
                "Use smooth functions of `keras.ops` from predictions to loss: "
                "no `round`, `argmax`, comparison, NumPy or `stop_gradient`.",
            )
    if not has_one:
        raise NotApplicable(
            "The loss is the same for all errors that were tried. Pass "
            "`y_true=` and `y_pred=` where it is not."
        )


def _at_other_scales(y_true, y_pred):
    """The predictions, then with other errors: none may be in reach."""
    yield y_pred
    if np.ndim(y_true) != np.ndim(y_pred):
        for factor in (0.6, 0.3):
            yield y_pred * np.float32(factor)
        return
    y_true = np.asarray(y_true, y_pred.dtype)
    for factor in (0.6, 0.3, 0.1, 0.01, 1e-3, 3):
        yield y_true + np.asarray(factor, y_pred.dtype) * (y_pred - y_true)


def _at_a_slope(function, inputs):
    """Predictions where the gradient is not zero, if any are."""
    for y_pred in _at_other_scales(*inputs):
        gradient = slopes.gradient_of(function, y_pred)
        if gradient is not None and np.any(gradient[np.isfinite(gradient)]):
            return y_pred
    return None


def _changes(function, inputs):
    """Whether the loss depends on how large the errors are."""
    totals = [
        float(tf.reduce_sum(function(tf.constant(y_pred))))
        for y_pred in _at_other_scales(*inputs)
    ]
    totals = [total for total in totals if np.isfinite(total)]
    return np.ptp(totals) > 1e-4 * np.max(np.abs(totals))


def gradient_equals_finite_differences(subject):
    """The gradient must be the slope: move a prediction and look."""
    subject.must_repeat()
    for inputs in subject.examples:
        function = subject.of_predictions(inputs[0])
        y_pred = _at_a_slope(function, inputs)
        y_pred = inputs[1] if y_pred is None else y_pred
        if (wrong := slopes.wrong_slope(function, y_pred)) is not None:
            gradient, slope = wrong
            raise Broken(
                f"The gradient says {number(gradient)} where the loss has a "
                f"slope of {number(slope)}.",
                "Look for `stop_gradient`, for a custom gradient, and for "
                "values that pass through NumPy.",
                (inputs[0], y_pred),
            )
