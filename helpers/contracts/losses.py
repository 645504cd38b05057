"""What a loss must do, as a class or as a function."""

import functools
import types

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import arguments, extremes, gradients
from helpers.contracts.copies import dtype_policy
from helpers.contracts.explanations import describe
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    difference,
    is_finite,
    or_not_applicable,
    tensors,
)

SAMPLES = 6
# Of larger batches no more are computed one by one.
ALONE = 32
MEAN_OVER_THE_LAST_AXIS = (
    "Average over the last axis only: `return ops.mean(values, axis=-1)`."
)
YOURS = (
    " If it is for images or pairs, pass such ones as `y_true=` and `y_pred=`."
)
MISSING_AXIS = (
    "Give the targets the missing axis first: "
    "`y_true = ops.reshape(y_true, ops.shape(y_pred))`."
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
            yield leaves_out_what_a_mask_hides
        yield has_no_trainable_variables
        yield gradients.has_a_gradient
        yield gradients.gradient_equals_finite_differences
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
        return component(*as_compile_aligns(y_true, y_pred))

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
            NotApplicable: If `call` gives none, which has its own rule.
            Broken: If `__call__` makes others of them.
        """
        component = self.loss()
        component.reduction = "none"
        values = component(*inputs)
        if tuple(values.shape) == ():
            values = _together(self, inputs)
        shape = tuple(values.shape)
        if not _are_values_of_samples(shape, inputs[1].shape):
            by_call = tuple(_together(self, inputs).shape)
            if not _are_values_of_samples(by_call, inputs[1].shape):
                raise NotApplicable("It gives no values of single samples.")
            raise Broken(
                f"Its values have shape {shape}; {len(inputs[1])} weights, one "
                f"for each sample, are for values of shape "
                f"{(len(inputs[1]),)}.",
                "Leave `__call__` to the base class: `call` gives one value "
                "per sample.",
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
        return self.function(*as_compile_aligns(y_true, y_pred))


def as_compile_aligns(y_true, y_pred):
    """What `compile` does for functions, and for no object of a class.

    Where one of both lacks a last axis of one column, it brings them together.
    """
    if y_pred.shape[-1:] != (1,) or len(y_true.shape) != len(y_pred.shape) - 1:
        return y_true, y_pred
    if len(y_true.shape) == 1:
        return ops.expand_dims(y_true, -1), y_pred
    return y_true, ops.squeeze(y_pred, -1)


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
    hint = MEAN_OVER_THE_LAST_AXIS + _on_purpose(
        subject, "gives_one_value_per_sample"
    )
    for y_true, y_pred in subject.examples:
        shape = tuple(_together(subject, (y_true, y_pred)).shape)
        samples = len(y_pred)
        if shape == ():
            raise Broken(
                f"It gives one number for the {samples} samples together, and "
                "weights of samples have nothing to be multiplied to.",
                hint,
            )
        if not _are_values_of_samples(shape, y_pred.shape):
            raise Broken(
                f"Predictions of shape {np.shape(y_pred)} give values of shape "
                f"{shape}; one for each sample is {(samples,)}, to which "
                "weights of samples are multiplied.",
                hint,
            )
    if len(shape) > 1:
        more = (samples, *[1] * (len(shape) - 1))
        return (
            f"{shape} values for {samples} samples: weights of samples have "
            f"shape {more}."
        )
    return f"{samples} values for {samples} samples."


def _on_purpose(subject, rule):
    """What else may be the reason that values of samples go wrong."""
    return ON_PURPOSE.format(rule) + ("" if subject.given else YOURS)


def treats_each_sample_alone(subject):
    """The loss of a sample must not depend on who else is in the batch."""
    for inputs in subject.examples:
        _compare_with_samples_alone(subject, inputs)
    for inputs in subject.uneven():
        try:
            values = _together(subject, inputs)
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
    on_purpose = _on_purpose(subject, "treats_each_sample_alone")
    try:
        alone = [
            _together(subject, [part[i : i + 1] for part in inputs])
            for i in few
        ]
    except Exception as error:
        raise Broken(
            "With a single sample, as the last batch of `fit` may be, it "
            f"raised {describe(error)}",
            "Compute each sample by itself, over the last axis." + on_purpose,
            inputs=[part[:1] for part in inputs],
        ) from None
    shape = tuple(alone[0].shape)
    if shape[:1] != (1,):
        raise Broken(
            f"A single sample, as the last batch of `fit` may be, gives values "
            f"of shape {shape}; {len(inputs[1])} samples give "
            f"{tuple(together.shape)}.",
            "Name the axis that is to go, as a batch of one has two such: "
            "`ops.squeeze(values, axis=-1)`; or leave `squeeze` out, if there "
            "is one value per sample without it." + on_purpose,
            inputs=[part[:1] for part in inputs],
        )
    alone = ops.concatenate(alone)
    if text := subject.difference(together[: len(few)], alone):
        raise Broken(
            f"In a batch a sample has a loss of {text}, which it has alone.",
            "Sum, average and normalize over the last axis (`axis=-1`), never "
            "over the batch (`axis=0`, or no axis at all)." + on_purpose,
            inputs=inputs,
        )


def pairs_each_target_with_its_prediction(subject):
    """Labels often lack the last axis, and then broadcasting pairs all."""
    y_true, y_pred = _single_column(subject)
    samples = len(y_pred)
    flat, column = (samples,), (samples, 1)
    component = subject.fresh()
    # Not as `compile` calls a function, but as a `train_step` would
    values = getattr(component, "call", component)
    with or_not_applicable("It takes no single column."):
        expected = values(*tensors((y_true, y_pred)))
    try:
        seen = values(*tensors((y_true[:, 0], y_pred)))
    except Exception:
        return f"Targets of shape {flat} are refused, not paired wrongly."
    text = subject.difference(ops.sum(seen), ops.sum(expected))
    if np.size(seen) == samples**2 and np.size(expected) != samples**2:
        shape = samples, samples
        text = (
            f"Targets {flat} and predictions {column} give a {shape} of losses."
        )
    elif text:
        other = values(*tensors((y_true, 0.5 * y_pred)))
        if not subject.difference(other, expected, 1e-6):
            raise NotApplicable(
                "A single column of predictions is all the same to it, as to "
                "what compares the columns."
            )
        text = (
            f"For predictions {column} the sum is {text}: the first with "
            f"targets {flat}, the second with {column}."
        )
    if text and not isinstance(component, keras.losses.Loss):
        raise NotApplicable(
            "`compile` gives the targets of a function the axis that they "
            f"lack. Where you call it yourself they keep it off. {text} "
            f"{MISSING_AXIS}"
        )
    if text:
        raise Broken(text, MISSING_AXIS, (y_true[:, 0], y_pred))


def _single_column(subject):
    """Targets and predictions of shape `(n, 1)`; the reader's, if given."""
    if not subject.given:
        random = np.random.default_rng(1)
        return random.uniform(0.1, 0.9, (2, 5, 1)).astype("float32")
    y_true, y_pred = subject.given
    if np.ndim(y_pred) == 1:
        y_pred = np.reshape(y_pred, (-1, 1))
    if np.shape(y_pred) != (len(y_pred), 1) or np.size(y_true) != len(y_pred):
        raise NotApplicable("Your predictions are not a single column.")
    if len(y_pred) == 1:
        raise NotApplicable("Your example is a single sample.")
    return np.float32(y_true).reshape(-1, 1), y_pred


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


def leaves_out_what_a_mask_hides(subject):
    """Padding is no sample: `y_pred` brings a mask, which `__call__` heeds."""
    y_true, y_pred = _series(subject)
    other = y_pred.copy()
    other[:, -1] = y_pred[:, 0]
    mask = np.ones(y_pred.shape[:2], bool)
    mask[:, -1] = False
    component = subject.loss()
    with or_not_applicable("It takes no series."):
        values = [_together(subject, (y_true, y)) for y in (y_pred, other)]
        component(y_true, y_pred)
    if any(tuple(each.shape) != mask.shape for each in values):
        raise NotApplicable("It gives no values of single steps.")
    if difference(*(each[:, :-1] for each in values)):
        raise NotApplicable("Its value of a step depends on other steps.")
    if not difference(*values):
        raise NotApplicable("No step was found that makes a difference.")
    seen = []
    for each in (y_pred, other):
        each = tf.convert_to_tensor(each)
        each._keras_mask = tf.constant(mask)
        seen.append(ops.sum(component(y_true, each)))
    if text := subject.difference(*seen[::-1], _rounding(subject)):
        raise Broken(
            "`y_pred._keras_mask` hides the last step of each sequence, and "
            f"other predictions there change the loss: {text}.",
            "Compute in `call`, and hand `y_pred` to `super().__call__` as it "
            "came: a new tensor, such as `2 * y_pred`, has no `_keras_mask`.",
            (y_true, y_pred),
        )
    return "Hidden steps do not count."


def _series(subject):
    """An example as two sequences; the reader's own, if it is of such."""
    inputs = subject.examples[0]
    samples, *axes = inputs[1].shape
    if len(axes) == 2:
        return inputs
    if samples < 4 or len(axes) != 1:
        raise NotApplicable("It takes no series.")
    return [
        part[: samples // 2 * 2].reshape(2, -1, *part.shape[1:])
        for part in inputs
    ]


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
