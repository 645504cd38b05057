"""What a loss, a metric, a layer ... must do, as checks that explain.

Each check takes one component, tries it on small inputs and answers with a
`Report`, a line for each rule:

    check_activation(fn)             check_initializer(initializer)
    check_regularizer(regularizer)   check_constraint(constraint)
    check_loss(loss)                 check_metric(metric)
    check_layer(layer, input_shape)  check_model(model, input_shape)
    check_optimizer(optimizer)       check_schedule(schedule)

The rules of a kind are in the module of its name, those that hold for all in
`everything`; `runner` runs them and `report` shows what they found.
"""

import inspect

import keras
import numpy as np

from helpers.contracts import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    schedules,
)
from helpers.contracts.report import ContractError, Report, Result
from helpers.contracts.runner import run

__all__ = [
    "ContractError",
    "Report",
    "Result",
    "check_activation",
    "check_constraint",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_optimizer",
    "check_regularizer",
    "check_schedule",
]

# The bases of Keras, to notice a layer where a loss is expected.
BASES = {
    "layer": keras.layers.Layer,
    "loss": keras.losses.Loss,
    "metric": keras.metrics.Metric,
    "regularizer": keras.regularizers.Regularizer,
    "initializer": keras.initializers.Initializer,
    "constraint": keras.constraints.Constraint,
    "optimizer": keras.optimizers.Optimizer,
    "schedule": keras.optimizers.schedules.LearningRateSchedule,
}


def check_activation(activation, against=None, skip=None):
    """Check what an activation must do.

    Args:
        activation: Function of a tensor, or an object that is called so.
        against: Another activation that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_activation(keras.activations.relu).ok
        True
    """
    _check_components("activation", activation, against)
    subject = activations.ActivationSubject(activation, against)
    return run(subject, activations.rules_for(subject), skip)


def check_constraint(constraint, against=None, skip=None):
    """Check what a constraint must do.

    Args:
        constraint: `keras.constraints.Constraint`, or a function of weights.
        against: Another constraint that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_constraint(keras.constraints.NonNeg()).ok
        True
    """
    _check_components("constraint", constraint, against)
    subject = constraints.ConstraintSubject(constraint, against)
    return run(subject, constraints.rules_for(subject), skip)


def check_initializer(initializer, against=None, skip=None):
    """Check what an initializer must do.

    Args:
        initializer: `keras.initializers.Initializer`, or a function of a
            shape and a `dtype`.
        against: Another initializer that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_initializer(keras.initializers.HeNormal(seed=1)).ok
        True
    """
    _check_components("initializer", initializer, against)
    subject = initializers.InitializerSubject(initializer, against)
    return run(subject, initializers.rules_for(subject), skip)


def check_regularizer(regularizer, against=None, skip=None):
    """Check what a regularizer must do.

    Args:
        regularizer: `keras.regularizers.Regularizer`, or a function of
            weights.
        against: Another regularizer that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_regularizer(keras.regularizers.L2(0.1)).ok
        True
    """
    _check_components("regularizer", regularizer, against)
    subject = regularizers.RegularizerSubject(regularizer, against)
    return run(subject, regularizers.rules_for(subject), skip)


def check_loss(loss, against=None, skip=None, y_true=None, y_pred=None):
    """Check what a loss must do.

    It is tried with shares between 0 and 1 and with other real numbers; a
    loss that takes neither is tried with class numbers as targets.

    Args:
        loss: `keras.losses.Loss`, or a function of `y_true` and `y_pred`.
        against: Another loss that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.
        y_true: Targets to try it with instead, if those do not suit it.
        y_pred: Predictions for these targets.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `y_true` and `y_pred` do not belong together.

    Example:
        >>> check_loss(keras.losses.MeanSquaredError()).ok
        True
    """
    _check_components("loss", loss, against)
    y_true, y_pred = _checked_example(y_true, y_pred)
    subject = losses.LossSubject(loss, against, y_true, y_pred)
    return run(subject, losses.rules_for(subject), skip)


def check_metric(metric, against=None, skip=None, y_true=None, y_pred=None):
    """Check what a metric must do.

    It is tried with shares, with classes as ones and zeros, with class
    numbers and with other real numbers, until something suits it.

    Args:
        metric: `keras.metrics.Metric`, or a function of `y_true` and `y_pred`
            that gives one value per sample.
        against: Another metric that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.
        y_true: Targets to try it with instead, if those do not suit it.
        y_pred: Predictions for these targets.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `y_true` and `y_pred` do not belong together.

    Example:
        >>> check_metric(keras.metrics.Precision()).ok
        True
    """
    _check_components("metric", metric, against)
    y_true, y_pred = _checked_example(y_true, y_pred)
    subject = metrics.MetricSubject(metric, against, y_true, y_pred)
    return run(subject, metrics.rules_for(subject), skip)


def check_layer(layer, input_shape, against=None, skip=None):
    """Check what a layer must do.

    Args:
        layer: `keras.layers.Layer` that is not built yet. It stays so: rules
            work on copies.
        input_shape: Tuple with None for the batch, such as `(None, 3)`, or a
            list of such tuples for several inputs.
        against: Another layer that must give the same numbers with the same
            weights.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `input_shape` does not begin with None.

    Example:
        >>> check_layer(keras.layers.Dense(2), (None, 3)).ok
        True
    """
    _check_instances("layer", layer, against)
    if isinstance(layer, keras.Model):
        raise TypeError(
            "`layer` is a model: use `check_model`. "
            f"Received: {type(layer).__name__}"
        )
    _check_input_shape(input_shape)
    subject = layers.LayerSubject(layer, input_shape, against)
    return run(subject, layers.rules_for(subject), skip)


def check_model(model, input_shape, against=None, skip=None):
    """Check what a model must do.

    Args:
        model: `keras.Model`; a subclassed one is not built yet. Rules work on
            copies.
        input_shape: Tuple with None for the batch, such as `(None, 3)`, or a
            list of such tuples for several inputs.
        against: Another model that must give the same numbers with the same
            weights.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `input_shape` does not begin with None.

    Example:
        >>> model = keras.Sequential([keras.layers.Dense(2)])
        >>> check_model(model, (None, 3)).ok
        True
    """
    for name, value in (("model", model), ("against", against)):
        if name == "model" or value is not None:
            _check_instance("layer", value, name)
            if not isinstance(value, keras.Model):
                raise TypeError(
                    f"`{name}` must be a `keras.Model`; for a layer use "
                    f"`check_layer`. Received: {type(value).__name__}"
                )
    _check_input_shape(input_shape)
    subject = models.ModelSubject(model, input_shape, against)
    return run(subject, models.rules_for(subject), skip)


def check_optimizer(optimizer, against=None, skip=None):
    """Check what an optimizer must do.

    Args:
        optimizer: `keras.optimizers.Optimizer`. It stays as it is: rules work
            on copies.
        against: Another optimizer that must make the same steps.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_optimizer(keras.optimizers.SGD(0.1)).ok
        True
    """
    _check_instances("optimizer", optimizer, against)
    subject = optimizers.OptimizerSubject(optimizer, against)
    return run(subject, optimizers.rules_for(subject), skip)


def check_schedule(schedule, against=None, skip=None):
    """Check what a learning rate schedule must do.

    Args:
        schedule: `keras.optimizers.schedules.LearningRateSchedule`.
        against: Another schedule that must give the same learning rates.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> decay = keras.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5)
        >>> check_schedule(decay).ok
        True
    """
    _check_instances("schedule", schedule, against)
    subject = schedules.ScheduleSubject(schedule, against)
    return run(subject, schedules.rules_for(subject), skip)


# ---- Arguments --------------------------------------------------------------


def _check_components(kind, component, against):
    """Raise unless the component, and the reference if any, is of a kind."""
    _check_component(kind, component)
    if against is not None:
        _check_component(kind, against, "against")


def _check_component(kind, value, argument=None):
    """Raise unless it is an object or a function that can be called."""
    argument = argument or kind
    _refuse_class(argument, value)
    for other, base in BASES.items():
        if other != kind and isinstance(value, base):
            instead = "model" if isinstance(value, keras.Model) else other
            raise TypeError(
                f"`{argument}` must be a {kind}; for a {instead} use "
                f"`check_{instead}`. Received: {type(value).__name__}"
            )
    called = callable(value) or isinstance(value, BASES.get(kind, ()))
    if not called:
        raise TypeError(
            f"`{argument}` must be a {kind} object or a function. "
            f"Received: {value!r}"
        )


def _check_instances(kind, component, against):
    """Raise unless the component, and the reference if any, is an instance."""
    _check_instance(kind, component, kind)
    if against is not None:
        _check_instance(kind, against, "against")


def _check_instance(kind, value, argument):
    """Raise unless it is an object of the base class of a kind."""
    _refuse_class(argument, value)
    base = BASES[kind]
    if not isinstance(value, base):
        raise TypeError(
            f"`{argument}` must be a Keras `{base.__name__}`. "
            f"Received: {value!r}"
        )


def _refuse_class(argument, value):
    if inspect.isclass(value):
        raise TypeError(
            f"`{argument}` must be an object, such as {value.__name__}(...), "
            f"not its class. Received: {value!r}"
        )


def _check_input_shape(input_shape):
    shapes = input_shape if isinstance(input_shape, list) else [input_shape]
    for shape in shapes or [None]:
        if not isinstance(shape, tuple) or not all(
            size is None or (isinstance(size, int) and size > 0)
            for size in shape
        ):
            raise TypeError(
                "`input_shape` must be a tuple such as (None, 3), or a list "
                f"of them. Received: {input_shape!r}"
            )
        if not shape or shape[0] is not None:
            raise ValueError(
                "`input_shape` must begin with None, which stands for the "
                f"batch. Received: {input_shape!r}"
            )


def _checked_example(y_true, y_pred):
    if y_true is None and y_pred is None:
        return None, None
    if y_true is None or y_pred is None:
        missing = "y_true" if y_true is None else "y_pred"
        raise ValueError(
            f"`y_true` and `y_pred` belong together; `{missing}` is missing."
        )
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if not y_true.shape or y_true.shape[:1] != y_pred.shape[:1]:
        raise ValueError(
            "`y_true` and `y_pred` must have the same number of samples. "
            f"Received shapes: {y_true.shape} and {y_pred.shape}"
        )
    if len(y_true) < 2:
        raise ValueError(
            "`y_true` and `y_pred` must have two samples or more. "
            f"Received: {len(y_true)}"
        )
    return _not_double(y_true), _not_double(y_pred)


def _not_double(array):
    return array.astype("float32") if array.dtype == "float64" else array
