"""What a loss must do, as a class or as a function."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import arguments, slopes
from helpers.contracts.copies import dtype_policy
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    is_finite,
    number,
    tensors,
)

SAMPLES = 6
MEAN_OVER_THE_LAST_AXIS = (
    "Average over the last axis only: `return ops.mean(values, axis=-1)`."
)


class LossSubject(Subject):
    """A loss with targets and predictions that suit it."""

    kind = "loss"
    page = "losses"
    input_names = ("y_true", "y_pred")
    file_hint = (
        "Return every argument in `get_config`; of a function a file keeps "
        "only the name."
    )

    def __init__(self, component, against=None, y_true=None, y_pred=None):
        super().__init__(component, against)
        self.given = arguments.checked_example(y_true, y_pred)

    def own_rules(self):
        yield gives_one_value_per_sample
        yield treats_each_sample_alone
        yield pairs_each_target_with_its_prediction
        yield weights_each_sample
        if isinstance(self.component, keras.losses.Loss):
            yield reduces_as_it_says
        yield has_a_gradient
        yield gradient_equals_finite_differences
        yield is_finite_at_zero_error
        yield is_finite_for_large_errors

    def precision_rules(self):
        yield works_in_mixed_float16

    def candidates(self):
        """Shares first, which suit every loss; then other real numbers.

        The targets of a sample sum to 1, as the gradients of cross-entropies
        take for granted. Class numbers as targets come last: only a loss that
        takes neither of the others is tried with them.
        """
        if self.given:
            yield self.given
            return
        random = np.random.default_rng(0)
        shape = (SAMPLES, 3)
        shares = random.uniform(0.05, 0.95, shape).astype("float32")
        targets = random.uniform(0.05, 0.95, shape).astype("float32")
        yield targets / targets.sum(axis=1, keepdims=True), shares
        real = 2 * random.normal(size=(2, *shape)).astype("float32")
        yield real[0] - real[0].mean(axis=1, keepdims=True) + 1 / 3, real[1]
        classes = np.array([0, 1, 2, 2, 1, 0][:SAMPLES])
        yield classes, shares / shares.sum(axis=1, keepdims=True)

    def find_examples(self):
        examples = super().find_examples()
        dense = [e for e in examples if np.ndim(e[0]) == np.ndim(e[1])]
        return dense or examples

    def values(self, component, y_true, y_pred):
        """What it gives for each sample, before any reduction."""
        if isinstance(component, keras.losses.Loss):
            return component.call(y_true, y_pred)
        return component(y_true, y_pred)

    def compute(self, component, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        values = self.values(component, y_true, y_pred)
        if values is None:
            return None
        return values, as_loss(component)(y_true, y_pred)

    def differentiable(self, inputs):
        return [1]  # the predictions

    def one_at_a_time(self, inputs):
        """The loss of each sample, as if it were alone in the world."""
        component = as_loss(self.fresh())
        component.reduction = "sum"
        return np.array(
            [
                float(component(*(part[i : i + 1] for part in inputs)))
                for i in range(len(inputs[0]))
            ]
        )

    def model_with(self, component, inputs):
        model = identity(inputs[1])
        model.compile("sgd", loss=component, run_eagerly=True)
        return model

    def outputs_of(self, model, inputs):
        return self.outputs(model.loss)

    def component_in(self, model):
        return model.loss


class _AsLoss(keras.losses.Loss):
    """A function with what `compile` puts around it."""

    def __init__(self, function):
        super().__init__(name="loss")
        self.function = function

    def call(self, y_true, y_pred):
        return self.function(y_true, y_pred)


def as_loss(component):
    if isinstance(component, keras.losses.Loss):
        return component
    return _AsLoss(component)


def identity(y_pred):
    """A model that answers with its inputs, which are the predictions."""
    inputs = keras.Input(np.shape(y_pred)[1:])
    return keras.Model(inputs, keras.layers.Identity()(inputs))


# --- The rules ---------------------------------------------------------------


def gives_one_value_per_sample(subject):
    """Weights are multiplied to values of samples, so there must be such."""
    for y_true, y_pred in subject.examples:
        values = subject.values(
            subject.fresh(), *tensors((np.float32(y_true), y_pred))
        )
        shape, samples = tuple(values.shape), len(y_pred)
        if shape == ():
            raise Broken(
                f"It gives one number for the {samples} samples together.",
                MEAN_OVER_THE_LAST_AXIS,
            )
        if shape != np.shape(y_pred)[:-1] and shape != (samples,):
            raise Broken(
                f"Predictions of shape {np.shape(y_pred)} give values of shape "
                f"{shape}; one for each sample is {(samples,)}.",
                MEAN_OVER_THE_LAST_AXIS,
            )
    return f"{samples} values for {samples} samples."


def treats_each_sample_alone(subject):
    """The loss of a sample must not depend on who else is in the batch."""
    for inputs in subject.examples:
        component = subject.fresh()
        y_true, y_pred = tensors((np.float32(inputs[0]), inputs[1]))
        together = subject.values(component, y_true, y_pred)
        if tuple(together.shape)[:1] != (len(y_pred),):
            raise NotApplicable("It gives no values of single samples.")
        alone = [
            subject.values(component, y_true[i : i + 1], y_pred[i : i + 1])[0]
            for i in range(len(y_pred))
        ]
        if text := subject.difference(together, ops.stack(alone)):
            raise Broken(
                f"In a batch a sample has a loss of {text}, which it has "
                "alone.",
                "Sum, average and normalize over the last axis (`axis=-1`), "
                "never over the batch (`axis=0`, or no axis at all).",
            )


def weights_each_sample(subject):
    """`sample_weight` and `class_weight` must count for their sample only."""
    for inputs in subject.examples:
        component = as_loss(subject.fresh())
        component.reduction = "sum"
        weights = np.linspace(0, 2, len(inputs[0])).astype("float32")
        seen = component(*inputs, sample_weight=weights)
        expected = (weights * subject.one_at_a_time(inputs)).sum()
        if text := subject.difference(ops.sum(seen), expected):
            raise Broken(
                f"The weighted sum is {text} by hand.",
                "Return one value per sample from `call` and leave the weights "
                "to `Loss.__call__`: " + MEAN_OVER_THE_LAST_AXIS,
            )


def reduces_as_it_says(subject):
    """`reduction` makes one number of the values, and the user chooses how."""
    inputs = subject.examples[0]
    alone = subject.one_at_a_time(inputs)
    weights = np.linspace(0, 2, len(alone)).astype("float32")
    weighted = alone * weights
    # A loss with several values a sample is averaged over all of them.
    per_sample = np.prod(np.shape(inputs[1])[1:-1], initial=1)
    by_hand = {
        "sum": weighted.sum(),
        "sum_over_batch_size": weighted.mean() / per_sample,
        "mean_with_sample_weight": weighted.sum() / weights.sum(),
        "none": weighted,
    }
    for reduction, expected in by_hand.items():
        component = subject.fresh()
        component.reduction = reduction
        seen = component(*inputs, sample_weight=weights)
        if reduction == "none" and tuple(seen.shape) == ():
            raise Broken(
                'One number although reduction is "none".',
                "Do not reduce in `call`: return one value per sample, and "
                "leave the rest to `Loss.__call__`.",
            )
        if reduction == "none" and len(seen.shape) > 1:
            seen = ops.sum(seen, axis=tuple(range(1, len(seen.shape))))
        if text := subject.difference(seen, expected):
            raise Broken(
                f'With reduction="{reduction}" it gives {text} by hand.',
                "Write `call`, which returns one value per sample, and leave "
                "`__call__` and `reduction` to the base class.",
            )
    return f"Right for {', '.join(by_hand)}."


def has_a_gradient(subject):
    """Without a gradient nothing learns: rounding and argmax have none."""
    for y_true, y_pred in subject.examples:
        function = _of_predictions(subject, y_true)
        gradient = slopes.gradient_of(function, y_pred)
        moves = _changes_with_predictions(function, y_pred)
        if gradient is None or (moves and not np.any(gradient)):
            raise Broken(
                "The loss changes with the predictions, and its gradient is "
                + ("missing." if gradient is None else "zero everywhere."),
                "Use smooth functions of `keras.ops` from predictions to loss: "
                "no `round`, `argmax`, comparison, NumPy or `stop_gradient`.",
            )
        if not np.all(np.isfinite(gradient)):
            raise Broken(
                "The gradient is not finite for ordinary predictions.",
                "Look for a division or a root near zero, and add "
                "`keras.config.epsilon()` inside.",
            )


def _of_predictions(subject, y_true):
    component = subject.fresh()

    def function(y_pred):
        targets = tf.cast(tf.convert_to_tensor(y_true), y_pred.dtype)
        return subject.values(component, targets, y_pred)

    return function


def _changes_with_predictions(function, y_pred):
    values = [float(tf.reduce_sum(function(tf.constant(y_pred))))]
    for factor in (0.3, 0.6):
        moved = tf.constant(y_pred * np.float32(factor))
        values.append(float(tf.reduce_sum(function(moved))))
    return max(values) - min(values) > 1e-4 * max(map(abs, values))


def gradient_equals_finite_differences(subject):
    """The gradient must be the slope: move a prediction and look."""
    for y_true, y_pred in subject.examples:
        function = _of_predictions(subject, y_true)
        if (wrong := slopes.wrong_slope(function, y_pred)) is not None:
            gradient, slope = wrong
            raise Broken(
                f"The gradient says {number(gradient)} where the loss has a "
                f"slope of {number(slope)}.",
                "Look for `stop_gradient`, for a custom gradient, and for "
                "values that pass through NumPy.",
            )


def is_finite_at_zero_error(subject):
    """A perfect prediction is the goal, and a NaN there ends the training."""
    if subject.given:
        raise NotApplicable("Tried only with inputs of our own.")
    for y_true, y_pred in _perfect_predictions(subject):
        function = _of_predictions(subject, y_true)
        gradient = slopes.gradient_of(function, y_pred)
        for what, values in (
            ("The loss", function(tf.constant(y_pred))),
            ("The gradient", gradient),
        ):
            if values is not None and not is_finite(values):
                raise Broken(
                    f"{what} is not finite where predictions equal targets.",
                    "Keep roots, logarithms and divisions away from zero: "
                    "`ops.sqrt(x + keras.config.epsilon())`.",
                )


def _perfect_predictions(subject):
    y_true, y_pred = subject.examples[0]
    if np.ndim(y_true) < np.ndim(y_pred):
        yield y_true, np.eye(y_pred.shape[1], dtype="float32")[y_true]
        return
    yield y_pred, y_pred
    hot = np.eye(3, dtype="float32")[np.arange(len(y_pred)) % 3]
    yield hot, hot


def is_finite_for_large_errors(subject):
    """One outlier must not turn the whole batch into infinity."""
    if subject.given or len(subject.examples) < 2:
        raise NotApplicable("Its predictions are shares, never large.")
    y_true = np.zeros((SAMPLES, 3), "float32")
    for size in (200.0, -200.0):
        y_pred = np.full((SAMPLES, 3), size, "float32")
        function = _of_predictions(subject, y_true)
        gradient = slopes.gradient_of(function, y_pred)
        for what, values in (
            ("loss", function(tf.constant(y_pred))),
            ("gradient", gradient),
        ):
            if values is not None and not is_finite(values):
                raise Broken(
                    f"The {what} is not finite for an error of {-size:g}.",
                    "Rewrite what grows too fast: of `exp`, `cosh` and the "
                    "like take the logarithm by hand, for example with "
                    "`ops.softplus`.",
                )


def pairs_each_target_with_its_prediction(subject):
    """Labels often lack the last axis, and then broadcasting pairs all."""
    random = np.random.default_rng(1)
    y_true, y_pred = random.uniform(0.1, 0.9, (2, 5, 1)).astype("float32")
    component = subject.fresh()
    try:
        expected = subject.values(component, *tensors((y_true, y_pred)))
    except Exception:
        raise NotApplicable("It takes no single column.") from None
    try:
        seen = subject.values(component, *tensors((y_true[:, 0], y_pred)))
    except Exception:
        return "Targets of shape (5,) are refused, not paired wrongly."
    if 25 in (tf.size(seen).numpy(), np.size(seen)):
        raise Broken(
            "Targets (5,) and predictions (5, 1) give a (5, 5) of losses.",
            "Give the targets the missing axis first: "
            "`y_true = ops.reshape(y_true, ops.shape(y_pred))`.",
        )
    if text := subject.difference(ops.sum(seen), ops.sum(expected)):
        raise Broken(
            f"With targets (5,) for (5, 1) the sum is {text}: every target "
            "met every prediction.",
            "Give the targets the missing axis first: "
            "`y_true = ops.reshape(y_true, ops.shape(y_pred))`.",
        )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` a model hands out `float16`, targets do not."""
    y_true, y_pred = subject.examples[0]
    expected = as_loss(subject.fresh())(y_true, y_pred)
    with dtype_policy("mixed_float16"):
        inputs = keras.Input(np.shape(y_pred)[1:])
        scale = keras.layers.Rescaling(1.0)  # in float16
        model = keras.Model(inputs, scale(inputs))
        model.compile("sgd", loss=subject.fresh(), run_eagerly=True)
        seen = model.test_on_batch(y_pred, y_true)
    if text := subject.difference(seen, ops.mean(expected), 2e-2):
        raise Broken(
            f"With predictions in float16 it gives {text}.",
            "Convert both first: `y_true = ops.cast(y_true, y_pred.dtype)`.",
        )
