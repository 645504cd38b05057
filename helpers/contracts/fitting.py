"""What a model must do in `fit` and `evaluate`: its losses, metrics and steps.

Rules run steps one by one, eagerly; a `Training` repeats them from the same
weights, so that two can be compared.
"""

import functools
import inspect

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import common, layers
from helpers.contracts.explanations import describe
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    arrays_of,
    difference,
    is_finite,
    number,
    tensors,
)

STEPS = 5
KERAS_TRAINS = "Its `train_step` and `test_step` are those of Keras."


class Training:
    """A compiled copy of a model, whose steps all begin at the same place.

    Args:
        subject: `ModelSubject`.
        optimizer: Optimizer; gradient descent by default.
        metrics: List for `compile`, or `None`.
        like: Another `Training`, whose values it begins with.
    """

    def __init__(self, subject, optimizer=None, metrics=None, like=None):
        self.subject = subject
        self.loss_was_used = False
        self.model = subject.fresh()
        outputs = subject.call(self.model, tensors(subject.examples[0]))
        self._compile(optimizer or keras.optimizers.SGD(0.1), outputs, metrics)
        if like is not None:
            for variable, (_, value) in zip(
                self.model.variables, like.start, strict=False
            ):
                variable.assign(value)
        self.start = [
            (variable, variable.numpy())
            for variable in (
                *self.model.variables,
                *self.model.optimizer.variables,
            )
        ]

    def compile_again(self, optimizer):
        """Compile, and leave it to the steps to build the optimizer."""
        self._compile(optimizer, self.outputs, None, build=False)

    def _compile(self, optimizer, outputs, metrics, build=True):
        def error(y_true, y_pred):
            self.loss_was_used = True
            return keras.losses.mean_squared_error(y_true, y_pred)

        self.outputs = outputs
        options = {"loss": tf.nest.map_structure(lambda _: error, outputs)}
        if metrics:
            options["metrics"] = metrics
        own = self.subject.has_its_own("compile")
        if not own:
            options["jit_compile"] = False
        try:
            inspect.signature(self.model.compile).bind(optimizer, **options)
            self.model.compile(optimizer, **options)
            if build:
                self.model.optimizer.build(self.model.trainable_variables)
        except Exception:
            if not own:
                raise
            raise NotApplicable(
                "Its `compile` takes other arguments than that of Keras."
            ) from None

    def back(self):
        """Begin again."""
        for variable, value in self.start:
            variable.assign(value)
        self.model.reset_metrics()

    def run(self, name, data, steps=1):
        """The logs of the last of some steps from the start."""
        self.back()
        for _ in range(steps):
            logs = getattr(self.model, name)(data)
        return logs

    def moved(self, data, steps=1):
        """How far some training steps move each trainable weight."""
        self.run("train_step", data, steps)
        first = {id(variable): value for variable, value in self.start}
        return [
            variable.numpy() - first[id(variable)]
            for variable in self.model.trainable_variables
        ]

    def repeated(self, data):
        """The same for one step, if a second one from there is the same.

        Raises:
            NotApplicable: If it is not, or nothing is left to compare.
        """
        first = self.moved(data)
        if difference(self.moved(data), first, 1e-4):
            raise NotApplicable(
                "Its training steps differ from run to run, so that they "
                "cannot be compared."
            )
        if not is_finite(first) or not any(map(np.any, first)):
            raise NotApplicable("Its training steps move no weight.")
        return first

    def total_loss(self, data, training):
        """The loss of a call, with what is added to it."""
        x, y = data
        inputs = x if isinstance(x, list) else [x]
        y_pred = self.subject.call(self.model, inputs, training)
        return self.model._compute_loss(x, y, y_pred, None, training)


# --- Losses and metrics from inside ------------------------------------------


@common.on_page("internals")
def adds_no_loss_that_grows_with_the_batch(subject):
    """A sum makes the price depend on the size of the batch; a mean does not.

    The same samples twice have the same mean, and twice the sum.
    """
    if subject.has_its_own("compute_loss"):
        _compare_own_loss(subject)
    return layers.adds_no_loss_that_grows_with_the_batch(subject)


def _compare_own_loss(subject):
    """The same for what `compute_loss` adds, or computes."""
    data = subject.data()
    if not subject.takes_targets:
        return
    training = Training(subject)
    losses = []
    for count in (1, 1, 2):
        x, y = tf.nest.map_structure(
            lambda array, count=count: tf.concat([array] * count, axis=0), data
        )
        total = float(training.total_loss((x, y), False))
        inputs = x if isinstance(x, list) else [x]
        y_pred = subject.call(training.model, inputs)
        of_compile = float(training.model._compile_loss(y, y_pred))
        losses.append((total, total - of_compile))
    for first, again, twice in zip(*losses, strict=True):
        if difference(first, again, 1e-5) is None:
            layers.refuse_growth(first, twice, "what `compute_loss` adds")


@common.on_page("internals")
def updates_its_metrics_in_evaluation_too(subject):
    """A metric of training alone is 0 in `evaluate`: a perfect score."""
    if not subject.ready().metrics:
        raise NotApplicable("It has no metrics of its own.")
    if subject.has_its_own("train_step"):
        raise NotApplicable(
            "Its `train_step` may have metrics that evaluation does without."
        )
    training = Training(subject)
    in_training, in_evaluation = (
        _updated_metrics(training, step) for step in ("train_step", "test_step")
    )
    for name in in_training:
        if name not in in_evaluation:
            raise Broken(
                f"Training updates the metric {name!r}, and `evaluate` "
                "reports it as it is after a reset.",
                "Update it in both: without `if training`, or in "
                "`compute_metrics`.",
            )
    return f"{', '.join(in_evaluation) or 'None'} in evaluation."


def _updated_metrics(training, step):
    """The names of the metrics of its own that a step updates."""
    training.run(step, training.subject.data())
    return [
        metric.name
        for metric in _shown_metrics(training.model)
        if _is_updated(metric)
    ]


def _own_metrics(model):
    """Metrics that it made itself, also those it does not tell Keras of."""
    found = {}
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            values = [value]
            if isinstance(value, (list, tuple)):
                values = list(value)
            elif isinstance(value, dict):
                values = list(value.values())
            for each in values:
                if isinstance(each, keras.Metric):
                    found[id(each)] = each
    of_compile = model._loss_tracker, model._compile_metrics
    return [
        metric
        for metric in found.values()
        if not any(metric is each for each in of_compile)
    ]


def _shown_metrics(model):
    """Those of them that Keras shows; not those of a model in the model."""
    shown = {id(metric) for metric in model.metrics}
    return [metric for metric in _own_metrics(model) if id(metric) in shown]


def _is_updated(metric):
    """Whether it differs from a metric that was just reset, and reset it."""
    before = [variable.numpy() for variable in metric.variables]
    metric.reset_state()
    after = [variable.numpy() for variable in metric.variables]
    return bool(difference(before, after, 1e-9))


def _is_reported(metric, logs):
    """Whether a log has its name or its value."""
    if metric.name in logs:
        return True
    try:
        value = float(metric.result())
        values = [float(each) for each in logs.values()]
    except Exception:  # several values, or one that is not a number
        return True
    return value != 0 and bool(np.isclose(values, value).any())


@common.on_page("internals")
def resets_its_metrics(subject):
    """What is never reset goes on counting through all epochs."""
    if not _own_metrics(Training(subject).model):
        raise NotApplicable("It has no metrics of its own.")
    data = subject.data()
    for step in subject.steps_that_take_data():
        training = Training(subject)
        logs = training.run(step, data)
        if not isinstance(logs, dict):
            continue
        reported = [
            metric
            for metric in _own_metrics(training.model)
            if _is_reported(metric, logs)
        ]
        training.model.reset_metrics()
        for metric in reported:
            if _is_updated(metric):
                raise Broken(
                    f"`{step}` reports {metric.name!r}, and `reset_metrics`, "
                    "which begins an epoch, does not reset it.",
                    "Keep it as an attribute of the model, and let `metrics` "
                    "return it: `[*super().metrics, self.tracker]`.",
                )


@common.on_page("internals")
def reports_its_metrics(subject):
    """`fit` and `evaluate` show what a step returns, and nothing else."""
    data = subject.data()
    for step in subject.own_steps():
        outputs = subject.call(subject.ready(), tensors(subject.examples[0]))
        known = "mean_absolute_error"
        single = tf.is_tensor(outputs)
        training = Training(subject, metrics=[known] if single else None)
        logs = training.run(step, data)
        if not isinstance(logs, dict):
            raise Broken(
                f"`{step}` returns a {type(logs).__name__}.",
                "Return a dictionary of metrics: `self.compute_metrics(x, y, "
                "y_pred, sample_weight)`.",
            )
        missing = [
            metric.name
            for metric in _shown_metrics(training.model)
            if not _is_reported(metric, logs) and _is_updated(metric)
        ]
        # Others among the logs may be computed from those that are missing.
        names = {"loss", *(m.name for m in _own_metrics(training.model))}
        if logs.keys() - names - {known}:
            missing = []
        if single and training.loss_was_used and known not in logs:
            missing.append(known)
        if missing:
            raise Broken(
                f"`{step}` returns {_listed(logs)}; {_listed(missing)}, of "
                "the model or of `compile(metrics=...)`, is not among them.",
                "End with `return self.compute_metrics(x, y, y_pred, "
                "sample_weight)`, or with `self.get_metrics_result()` after "
                "all metrics are updated.",
            )


def _listed(names):
    return ", ".join(map(repr, names)) or "nothing"


# --- Training steps of its own -----------------------------------------------


def _own_train_step(subject, optimizer=None):
    """A training whose `train_step` is the model's own."""
    if not subject.has_its_own("train_step"):
        raise NotApplicable(KERAS_TRAINS)
    subject.data()  # or say why there is none
    return Training(subject, optimizer)


def _refuse_another_loss(training, data):
    """Raise unless the loss of `compile` is the one that it trains with."""
    training.run("train_step", data)
    if not training.loss_was_used or not training.subject.takes_targets:
        raise NotApplicable(
            "Its steps have a loss of their own, which is not known."
        )


@common.on_page("training")
def brings_the_loss_down(subject):
    """A step with the wrong sign makes a model worse, without an error."""
    for rate in (1e-2, 1e-3, 1e-4):
        adam = keras.optimizers.Adam(rate)
        training = _own_train_step(subject, adam)
        data = subject.data()
        before, after = _losses_around(training, data)
        if not before:
            raise NotApplicable("Its `train_step` reports no loss.")
        if any(after[name] < before[name] for name in before):
            name = min(before, key=lambda name: after[name] - before[name])
            return (
                f"With Adam({rate:g}) {STEPS} steps bring {name} from "
                f"{number(before[name])} to {number(after[name])}."
            )
        training.repeated(data)  # else it may be chance
    seen = [
        f"{name} from {number(before[name])} to {number(after[name])}"
        for name in before
    ]
    raise Broken(
        f"{STEPS} steps on one batch do not lower the loss, whether with "
        f"Adam(0.01), Adam(0.001) or Adam({rate:g}), which bring "
        f"{', '.join(seen)}.",
        "Let the optimizer go down the gradient of the loss: "
        "`self.optimizer.apply(tape.gradient(loss, variables), variables)`.",
    )


def _losses_around(training, data):
    """Losses before and after some steps on one batch, by their names."""

    def losses(logs):
        found = {}
        if isinstance(logs, dict) and "loss" in logs:
            found["the reported loss"] = float(logs["loss"])
        if training.loss_was_used and training.subject.takes_targets:
            for mode in (True, False):
                found[f"the loss with training={mode}"] = float(
                    training.total_loss(data, mode)
                )
        return found

    before = training.run("train_step", data)
    training.back()
    before = losses(before)
    training.run("train_step", data, STEPS)
    training.model.reset_metrics()
    return before, losses(training.model.train_step(data))


@common.on_page("training")
def moves_every_weight(subject):
    """A weight that the optimizer is not given is never trained."""
    training, data = _own_train_step(subject), subject.data()
    _refuse_another_loss(training, data)
    moved = training.moved(data, STEPS)
    if not any(map(np.any, moved)):
        raise NotApplicable("Its training steps move no weight.")
    training.back()
    weights = training.model.trainable_variables
    with tf.GradientTape() as tape:
        loss = training.total_loss(data, True)
    slopes = [
        0.0 if slope is None else np.max(np.abs(tf.convert_to_tensor(slope)))
        for slope in tape.gradient(loss, [w.value for w in weights])
    ]
    left = [
        layers._place_of(weight)
        for weight, slope, change in zip(weights, slopes, moved, strict=True)
        if slope > 1e-3 * max(slopes) and not np.any(change)
    ]
    if left:
        raise Broken(
            f"{STEPS} training steps leave {len(left)} of {len(weights)} "
            "trainable weights as they are, though the loss depends on them: "
            f"{', '.join(left)}.",
            "Give all to the optimizer: `self.optimizer.apply(gradients, "
            "self.trainable_variables)`; set `trainable = False` for a layer "
            "that is to stay as it is.",
        )
    return f"{len(weights)} trainable weights."


@common.on_page("training")
def leaves_a_frozen_layer_alone(subject):
    """Fine-tuning freezes layers after they were built, and compiles again."""
    training, data = _own_train_step(subject), subject.data()
    moved = {
        id(variable)
        for variable, change in zip(
            training.model.trainable_variables,
            training.moved(data),
            strict=True,
        )
        if np.any(change)
    }
    movable = [
        layer
        for layer in training.model.layers
        if any(id(variable) in moved for variable in layer.trainable_variables)
    ]
    if len(movable) < 2:
        raise NotApplicable("Fewer than two of its layers are trained.")
    frozen = movable[0]
    weights = [v for v in frozen.trainable_variables if id(v) in moved]
    training.back()
    frozen.trainable = False
    optimizer = keras.optimizers.SGD(0.1)
    before = [weight.numpy() for weight in weights]
    try:
        training.compile_again(optimizer)
        training.model.train_step(data)
    except Exception as error:
        raise NotApplicable(
            f"With a frozen layer a step raised {describe(error)}"
        ) from None
    after = [weight.numpy() for weight in weights]
    # What it moves by itself, such as a copy that lags behind, is meant.
    given = {id(variable) for variable in optimizer._trainable_variables}
    if difference(after, before, 1e-9) and all(id(w) in given for w in weights):
        names = ", ".join(map(layers._place_of, weights))
        raise Broken(
            "After `layer.trainable = False` and `compile` a training step "
            f"moves {names} of the frozen layer all the same.",
            "Ask for `self.trainable_variables` in each `train_step`: a list "
            "that `build` or `__init__` makes does not follow.",
        )


PRICE = 1000.0


@common.on_page("internals")
def counts_the_losses_of_its_layers(subject):
    """Regularizers and `add_loss` put a price in `losses`, for the loss."""
    if not subject.has_its_own("compute_loss"):
        raise NotApplicable("Its `compute_loss` is that of Keras.")
    data = subject.data()
    if not subject.takes_targets:
        raise NotApplicable("Its steps do without `compute_loss`.")
    training = Training(subject)
    model, (x, y) = training.model, data
    y_pred = subject.call(model, x if isinstance(x, list) else [x], True)
    regularized = [v for v in model.trainable_variables if v.regularizer]
    adding = [each for each in model._flatten_layers() if each._losses]
    if not regularized and not adding:
        raise NotApplicable("Its layers have no losses.")

    def total():
        loss = model._compute_loss(x, y, y_pred, None, True)
        return float(tf.reduce_sum(loss))

    before = total()
    if regularized:
        weight, what = regularized[0], "The penalty of a regularizer"
        penalty = weight.regularizer
        weight.regularizer = lambda value: penalty(value) + PRICE
    else:
        what = "What a layer adds with `add_loss`"
        adding[0]._losses.append(tf.constant(PRICE))
    if difference(total(), before, 1e-6) is None:
        raise Broken(
            f"{what} was {number(PRICE)} larger, and `compute_loss` gave "
            f"{number(before)} as before.",
            "Add them: `loss + sum(self.losses)`, or begin with "
            "`super().compute_loss(x, y, y_pred, sample_weight)`.",
        )


@common.on_page("training")
def uses_the_sample_weights(subject):
    """`fit(sample_weight=...)` and `class_weight` reach a step as data."""
    data = subject.data()
    weights = tf.constant([0.5, 1.0, 2.0, 0.25])
    asked = []
    for step in subject.own_steps():
        training = Training(subject)
        outcome = functools.partial(_outcome, training, step)
        plain = outcome(data)
        if not training.loss_was_used or not subject.takes_targets:
            continue
        if plain is None or difference(outcome(data), plain, 1e-6):
            continue
        asked.append(step)
        try:
            weighted = outcome((*data, weights))
        except Exception as error:
            raise Broken(
                f"With sample weights `{step}` raised {describe(error)}",
                "Begin with `x, y, weight = "
                "keras.utils.unpack_x_y_sample_weight(data)`.",
            ) from None
        if not difference(weighted, plain, 1e-6):
            raise Broken(
                f"With the sample weights 0.5, 1, 2 and 0.25 `{step}` does the "
                "same as without.",
                "Pass them on: `self.compute_loss(x, y, y_pred, "
                "sample_weight)`.",
            )
    if not asked:
        raise NotApplicable(
            "Its steps have a loss of their own, which is not known, or do "
            "not repeat."
        )


def _outcome(training, step, data):
    """What weights must change: the training steps, or the reported loss."""
    if step == "train_step":
        moved = training.moved(data)
        finite = is_finite(moved) and any(map(np.any, moved))
        return moved if finite else None
    logs = training.run(step, data)
    return logs.get("loss") if isinstance(logs, dict) else None


@common.on_page("training")
def tells_its_layers_when_it_trains(subject):
    """`Dropout` and `BatchNormalization` do nothing unless they are told."""
    steps, data = subject.own_steps(), subject.data()
    model, inputs = subject.ready(), tensors(subject.examples[0])
    in_training, without = (
        subject.call(model, inputs, training) for training in (True, False)
    )
    if not difference(arrays_of(in_training), arrays_of(without), 1e-6):
        raise NotApplicable("Its outputs in training are the same.")
    for step in steps:
        told = _told(subject, step, data)
        if step == "train_step" and told and not any(told):
            raise Broken(
                "`train_step` calls the model without training=True, which "
                "changes its outputs.",
                "Write `y_pred = self(x, training=True)` in `train_step`.",
            )
        if step == "test_step" and told and all(told):
            raise Broken(
                "`test_step` calls the model with training=True, which "
                "changes its outputs.",
                "Write `y_pred = self(x, training=False)` in `test_step`.",
            )


def _told(subject, step, data):
    """What `training` is in the calls of the model that a step makes."""
    model, told = Training(subject).model, []
    call = model.call
    signature = inspect.signature(call)

    def watched(*args, **kwargs):
        arguments = signature.bind(*args, **kwargs).arguments
        told.append(bool(arguments.get("training")))
        return call(*args, **kwargs)

    model.call = watched
    getattr(model, step)(data)
    return told


@common.on_page("training")
def scales_its_loss_for_float16(subject):
    """Under `mixed_float16` the optimizer divides gradients by a scale.

    Where the loss was not multiplied by it, weights hardly move. A scale of
    16 shows that in `float32`.
    """
    plain, data = _own_train_step(subject), subject.data()
    expected = plain.repeated(data)
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=16.0
    )
    seen = Training(subject, optimizer, like=plain).moved(data)
    if text := difference(seen, expected, 1e-2):
        raise Broken(
            "With a `LossScaleOptimizer` of scale 16 a step moves a weight by "
            f"{text}, which it is without.",
            "Take the gradients of `self.optimizer.scale_loss(loss)`, and "
            "leave clipping to the optimizer, which divides by the scale "
            "first: `keras.optimizers.SGD(0.1, global_clipnorm=1.0)`.",
        )
