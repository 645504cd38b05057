"""What `check_*` accept: a clear error for everything else."""

import inspect

import keras
import numpy as np

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


def check_component(kind, argument, value):
    """Raise unless a value is an object or a function that can be called.

    Args:
        kind: What it must be, such as `"loss"`.
        argument: Name of the argument, for the message.
        value: What was passed for it.

    Raises:
        TypeError: If it is something else, or belongs to another check.
    """
    _refuse_class(argument, value)
    if kind == "activation" and _is_plain_layer(value):
        return  # a layer may serve as one
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


def _is_plain_layer(value):
    return isinstance(value, keras.layers.Layer) and not isinstance(
        value, keras.Model
    )


def check_instance(kind, argument, value):
    """Raise unless a value is an object of the base class of a kind.

    Args:
        kind: What it must be, such as `"layer"`.
        argument: Name of the argument, for the message.
        value: What was passed for it.

    Raises:
        TypeError: If it is something else.
    """
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


def check_input_shape(input_shape):
    """Raise unless it is a shape that begins with None, or a list of such."""
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


def checked_example(y_true, y_pred):
    """The targets and predictions to try it with, as arrays, or `None`."""
    if y_true is None and y_pred is None:
        return None
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
