"""What a loss must do, as a class or as a function."""

import functools
import types

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import arguments, extremes, slopes
from helpers.contracts.copies import dtype_policy
from helpers.contracts.explanations import describe
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Stop,
    Subject,
    difference,
    is_finite,
    number,
    tensors,
)

SAMPLES = 6
# Of larger batches no more are computed one by one.
ALONE = 32
MEAN_OVER_THE_LAST_AXIS = (
    "Average over the last axis only: `return ops.mean(values, axis=-1)`."
)
ON_PURPOSE = (
    " If it compares samples on purpose, as contrastive losses do, say so: "
    '`skip={{"{}": "compares samples"}}`.'
)


class LossSubject(Subject):
    """A loss with targets and predictions that suit it."""

    kind = "loss"
    page = "losses"
    input_names = ("y_true", "y_pred")
    cannot_know = (
        "whether the formula is the one that you meant (`against=` compares it "
        "with a known one), and what it does with targets and predictions "
        "unlike those tried (`y_true=` and `y_pred=` try it with yours)."
    )
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
        yield has_no_trainable_variables
        yield has_a_gradient
        yield gradient_equals_finite_differences
        yield extremes.is_finite_at_zero_error
        yield extremes.is_finite_where_certain_and_wrong
        yield extremes.is_finite_for_large_errors

    def precision_rules(self):
        yield works_in_mixed_float16
        yield extremes.is_finite_where_float16_ends

    @functools.cached_property
    def inputs(self):
        """What it is tried with, by name; see `candidates`."""
        random = np.random.default_rng(0)
        shape = (SAMPLES, 3)
        shares = random.uniform(0.05, 0.95, shape).astype("float32")
        targets = random.uniform(0.05, 0.95, shape).astype("float32")
        real = 2 * random.normal(size=(2, *shape)).astype("float32")
        classes = np.array([0, 1, 2, 2, 1, 0])
        distributions = shares / shares.sum(axis=1, keepdims=True)
        return {
            "shares": (targets / targets.sum(axis=1, keepdims=True), shares),
            "real": (
                real[0] - real[0].mean(axis=1, keepdims=True) + 1 / 3,
                real[1],
            ),
            "hard": (np.eye(3, dtype="float32")[classes], distributions),
            "classes": (classes, distributions),
        }

    def candidates(self):
        """Shares first, which suit every loss; then other real numbers.

        The targets of a sample sum to 1, as the gradients of cross-entropies
        take for granted. Then ones and zeros as targets, which some losses for
        shares insist on. Class numbers come last: only a loss that takes none
        of the others is tried with them.
        """
        yield from [self.given] if self.given else self.inputs.values()

    def takes(self, name):
        """Whether it is tried with the inputs of this name."""
        return any(each is self.inputs[name] for each in self.examples)

    def find_examples(self):
        examples = super().find_examples()
        dense = [e for e in examples if np.ndim(e[0]) == np.ndim(e[1])]
        if not self.given and len(dense) > 1 and self.knows_only_shares():
            dense = [e for e in dense if e is not self.inputs["real"]]
        return dense or examples

    def knows_only_shares(self, component=None):
        """Whether predictions below 0 and above 1 are all the same to it.

        It clips them: for other predictions than shares it was not made.
        """
        component = self.fresh() if component is None else component
        y_true = self.inputs["hard"][0]
        certain = np.eye(3, dtype="float32")[[1, 1, 0, 2, 2, 0]]
        outside = certain - np.roll(certain, 1, axis=1)
        try:
            for distance in (1e-3, 1e-2, 0.5):
                near, far = (
                    self.values(
                        component,
                        *tensors((y_true, certain + factor * outside)),
                    )
                    for factor in (distance, 2 * distance)
                )
                if not is_finite(near) or difference(near, far, 1e-6):
                    return False
        except Stop:
            raise
        except Exception:  # the reader's code: it may refuse such numbers
            return False
        return True

    def uneven(self):
        """Inputs whose samples differ in size, which those above do not."""
        if self.given:
            return
        random = np.random.default_rng(2)
        scale = np.logspace(-1, 1.5, SAMPLES)[:, None].astype("float32")
        size = np.linspace(0.1, 1, SAMPLES)[:, None].astype("float32")
        one, other = random.uniform(0.05, 0.95, (2, SAMPLES, 3)).astype(
            "float32"
        )
        if self.takes("shares"):
            yield size * one, other
        if self.takes("real"):
            error = random.normal(size=(SAMPLES, 3)).astype("float32")
            yield scale * one, scale * (one + error)

    def certain_and_wrong(self):
        """Ones and zeros as targets, and the opposite predicted; or None."""
        if self.given:
            y_true, y_pred = self.given
            hard = y_true.shape == y_pred.shape and np.isin(y_true, (0, 1))
            if not np.all(hard) or y_pred.min() < 0 or y_pred.max() > 1:
                return None
        elif self.takes("hard"):
            y_true, y_pred = self.inputs["hard"]
        else:
            return None
        return y_true, 1 - y_true.astype(y_pred.dtype)

    def excuse(self, inputs, text):
        """For losses of shares, soft targets may not be what they are for."""
        if self.given or not self.takes("hard"):
            return
        if not any(map(self.knows_only_shares, (self.fresh(), self.against))):
            return
        hard = tensors(self.inputs["hard"])
        seen, expected = (
            self.compute(component, *hard)
            for component in (self.fresh(), self.reference())
        )
        if difference(seen, expected) is None:
            raise NotApplicable(
                "With targets of 0 and 1, and predictions that sum to 1, it "
                "gives what the reference gives. Elsewhere it does not: "
                f"{text} for {self.describe(inputs)}. If yours are like these, "
                "that is a mistake: pass them as `y_true=` and `y_pred=`."
            )

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
        loss = as_loss(component)(y_true, y_pred)
        return values, ops.cast(loss, values.dtype)

    def of_predictions(self, y_true):
        """Its values as a function of the predictions."""
        component = self.fresh()

        def function(y_pred):
            targets = tf.cast(tf.convert_to_tensor(y_true), y_pred.dtype)
            return self.values(component, targets, y_pred)

        return function

    def differentiable(self, inputs):
        return [1]  # the predictions

    @property
    def computes_in_float16(self):
        """Whether it was told to, by its `dtype`."""
        dtype = getattr(self.component, "dtype", None)
        return str(dtype) in ("float16", "bfloat16")

    def loss(self):
        """A copy, with what `compile` puts around a function."""
        return as_loss(self.fresh())

    def unreduced(self, inputs):
        """The values that weights are multiplied to, without weights.

        Raises:
            Broken: If there are none.
        """
        component = self.loss()
        component.reduction = "none"
        values = component(*inputs)
        if tuple(values.shape) == ():
            values = _together(self, inputs)
        shape = tuple(values.shape)
        if not _are_values_of_samples(shape, inputs[1].shape):
            raise Broken(
                f"Its values have shape {shape}; {len(inputs[1])} weights, one "
                f"for each sample, are for values of shape "
                f"{(len(inputs[1]),)}.",
                MEAN_OVER_THE_LAST_AXIS
                + " A loss of whole batches has no use for weights: say so "
                "with `skip=`.",
            )
        return np.asarray(values, "float64")

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


def _are_values_of_samples(shape, predictions):
    """Whether a shape has one value, or a few, for each sample.

    Of images and sequences a loss may keep some axes, which weights of the
    samples can be multiplied to; of plain predictions it must sum over the
    only one.
    """
    if shape == predictions[:-1]:
        return True
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    if shape[:1] != predictions[:1]:
        return False
    if len(shape) == 1:
        return True
    return len(predictions) > 2 and np.prod(shape) < np.prod(predictions)


def _rounding(subject):
    """How precise it can be: it may have been told to compute in float16."""
    return 2e-2 if subject.computes_in_float16 else 1e-4


def _weights_for(values):
    """Weights from 0 to 2, one a sample, with as many axes as the values."""
    weights = np.linspace(0, 2, len(values)).astype("float32")
    return weights.reshape(-1, *[1] * (values.ndim - 1))


# --- Samples and weights -----------------------------------------------------


def gives_one_value_per_sample(subject):
    """Weights are multiplied to values of samples, so there must be such."""
    for y_true, y_pred in subject.examples:
        shape = tuple(_together(subject, (y_true, y_pred)).shape)
        samples = len(y_pred)
        if shape == ():
            raise Broken(
                f"It gives one number for the {samples} samples together.",
                MEAN_OVER_THE_LAST_AXIS
                + ON_PURPOSE.format("gives_one_value_per_sample"),
            )
        if not _are_values_of_samples(shape, y_pred.shape):
            raise Broken(
                f"Predictions of shape {np.shape(y_pred)} give values of shape "
                f"{shape}; one for each sample is {(samples,)}.",
                MEAN_OVER_THE_LAST_AXIS
                + ON_PURPOSE.format("gives_one_value_per_sample"),
            )
    if len(shape) > 1:
        more = (samples, *[1] * (len(shape) - 1))
        return (
            f"{shape} values for {samples} samples: weights of samples have "
            f"shape {more}."
        )
    return f"{samples} values for {samples} samples."


def treats_each_sample_alone(subject):
    """The loss of a sample must not depend on who else is in the batch."""
    for inputs in subject.examples:
        _compare_with_samples_alone(subject, inputs)
    for inputs in subject.uneven():
        try:
            values = _together(subject, inputs)
        except Stop:
            raise
        except Exception:  # the reader's code: it may refuse such numbers
            continue
        if is_finite(values):
            _compare_with_samples_alone(subject, inputs)


def _together(subject, inputs):
    """The values of a batch, as `call` gives them."""
    return subject.values(
        subject.fresh(), *tensors((np.float32(inputs[0]), inputs[1]))
    )


def _compare_with_samples_alone(subject, inputs):
    together = _together(subject, inputs)
    if tuple(together.shape)[:1] != (len(inputs[1]),):
        raise NotApplicable("It gives no values of single samples.")
    few = range(min(len(inputs[1]), ALONE))
    on_purpose = ON_PURPOSE.format("treats_each_sample_alone")
    try:
        alone = [
            _together(subject, [part[i : i + 1] for part in inputs])[0]
            for i in few
        ]
    except Stop:
        raise
    except Exception as error:
        raise Broken(
            "With a single sample, as the last batch of `fit` may be, it "
            f"raised {describe(error)}",
            "Compute each sample by itself, over the last axis." + on_purpose,
            inputs=[part[:1] for part in inputs],
        ) from None
    if text := subject.difference(together[: len(few)], ops.stack(alone)):
        raise Broken(
            f"In a batch a sample has a loss of {text}, which it has alone.",
            "Sum, average and normalize over the last axis (`axis=-1`), never "
            "over the batch (`axis=0`, or no axis at all)." + on_purpose,
            inputs=inputs,
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
    inputs = y_true[:, 0], y_pred
    if np.size(seen) == 25 and np.size(expected) != 25:
        raise Broken(
            "Targets (5,) and predictions (5, 1) give a (5, 5) of losses.",
            "Give the targets the missing axis first: "
            "`y_true = ops.reshape(y_true, ops.shape(y_pred))`.",
            inputs,
        )
    if text := subject.difference(ops.sum(seen), ops.sum(expected)):
        raise Broken(
            f"With targets (5,) for (5, 1) the sum is {text}: every target "
            "met every prediction.",
            "Give the targets the missing axis first: "
            "`y_true = ops.reshape(y_true, ops.shape(y_pred))`.",
            inputs,
        )


def weights_each_sample(subject):
    """`sample_weight` and `class_weight` must count for their sample only."""
    for inputs in subject.examples:
        values = subject.unreduced(inputs)
        weights = _weights_for(values)
        component = subject.loss()
        component.reduction = "sum"
        seen = component(*inputs, sample_weight=weights)
        expected = (weights * values).sum()
        if text := subject.difference(
            ops.sum(seen), expected, _rounding(subject)
        ):
            raise Broken(
                f"With weights from 0 to 2 the weighted sum is {text} by hand.",
                "Return one value per sample from `call` and leave the weights "
                "to `Loss.__call__`: " + MEAN_OVER_THE_LAST_AXIS,
            )


def reduces_as_it_says(subject):
    """`reduction` makes one number of the values, and the user chooses how."""
    inputs = subject.examples[0]
    values = subject.unreduced(inputs)
    weights = _weights_for(values)
    weighted = weights * values
    by_hand = {
        "sum": weighted.sum(),
        # A loss with several values a sample is averaged over all of them.
        "sum_over_batch_size": weighted.mean(),
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
        if text := subject.difference(seen, expected, _rounding(subject)):
            raise Broken(
                f'With reduction="{reduction}" and weights from 0 to 2 it '
                f"gives {text} by hand.",
                "Write `call`, which returns one value per sample, and leave "
                "`__call__` and `reduction` to the base class.",
            )
    return f"Right for {', '.join(by_hand)}."


# --- What there is to train --------------------------------------------------


def has_no_trainable_variables(subject):
    """`fit` trains the weights of layers; variables of a loss never move."""
    found = dict(_state_of(subject.fresh()))
    for name, value in found.items():
        if not isinstance(value, keras.layers.Layer) and value.trainable:
            raise Broken(
                f"`{name}`, of shape {tuple(value.shape)}, is a trainable "
                "variable, and `fit` never moves it: the weights that it "
                "trains are those of the layers of a model.",
                "Make it a weight of a layer, which computes this loss and "
                "adds it: `self.add_loss(...)` in its `call`. If it should "
                "stay as it is: `keras.Variable(..., trainable=False)`. If a "
                "`train_step` of yours moves it, skip this rule.",
                inputs=(),
            )
    layers = [
        name
        for name, value in found.items()
        if isinstance(value, keras.layers.Layer) and value.trainable_weights
    ]
    if layers:
        raise NotApplicable(
            f"The weights in `{layers[0]}` are trainable, and `fit` never "
            "moves them, which is right for a network that only looks at "
            "things: say it with `trainable = False`."
        )


def _state_of(component):
    """The variables and layers that a loss holds, with their names."""
    seen = set()

    def look(name, value):
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, (keras.Variable, tf.Variable, keras.layers.Layer)):
            yield name, value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from look(f"{name}[{key!r}]", item)
        elif isinstance(value, (list, tuple)):
            for place, item in enumerate(value):
                yield from look(f"{name}[{place}]", item)
        elif isinstance(value, types.FunctionType):
            yield from inside(value.__code__.co_freevars, value.__closure__)
        elif value is component or isinstance(value, keras.losses.Loss):
            prefix = "self" if value is component else name
            for inner, item in getattr(value, "__dict__", {}).items():
                yield from look(f"{prefix}.{inner}", item)

    def inside(names, cells):
        for name, cell in zip(names, cells or (), strict=True):
            try:
                yield from look(name, cell.cell_contents)
            except ValueError:  # an empty cell
                continue

    return look("", component)


# --- Gradients ---------------------------------------------------------------


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


# --- Precision ---------------------------------------------------------------


def works_in_mixed_float16(subject):
    """Under `mixed_float16` a model hands out `float16`, targets do not."""
    y_true, y_pred = subject.examples[0]
    expected = subject.loss()(y_true, y_pred)
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
