"""The components that book/losses.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import math
import numbers

import keras
from keras import ops


def align(y_true, y_pred):
    """Makes targets and predictions tensors of one dtype and one shape.

    Args:
        y_true: True values, shape `(batch, ..., features)`; the last axis may
            be missing when there is one feature.
        y_pred: Predictions, shape `(batch, ..., features)`.

    Returns:
        Both as tensors of the shape and the dtype of `y_pred`.

    Raises:
        ValueError: If the shapes do not fit.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not keras.backend.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, keras.config.floatx())
    y_true = ops.cast(y_true, y_pred.dtype)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    known = zip(y_true.shape, y_pred.shape, strict=False)
    same = all(None in pair or pair[0] == pair[1] for pair in known)
    if len(y_true.shape) != len(y_pred.shape) or not same:
        raise ValueError(
            "`y_true` must have the shape of `y_pred`. Received: "
            f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}"
        )
    return y_true, y_pred


@keras.saving.register_keras_serializable(package="made_to_measure")
def huber_fn(y_true, y_pred):
    """Computes the Huber loss with a threshold of 1.

    Formula: `error**2 / 2` where `abs(error) <= 1`, else `abs(error) - 1/2`.

    Args:
        y_true: True values, shape `(batch, ..., features)`; see `align`.
        y_pred: Predictions, shape `(batch, ..., features)`.

    Returns:
        Tensor of one loss for each sample, shape `(batch, ...)`.

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """
    y_true, y_pred = align(y_true, y_pred)
    error = y_true - y_pred
    size = ops.abs(error)
    losses = ops.where(size <= 1, ops.square(error) / 2, size - 0.5)
    return ops.mean(losses, axis=-1)


def create_huber(threshold=1.0):
    """Makes a Huber loss function.

    Use `HuberLoss` for a model that you save: a file keeps only the name of
    the function made here, not its threshold.

    Args:
        threshold: Positive float. Where the loss turns from quadratic to
            linear, in the unit of the targets.

    Returns:
        Function of `y_true` and `y_pred` as `huber_fn`.
    """

    def huber_fn(y_true, y_pred):
        y_true, y_pred = align(y_true, y_pred)
        error = y_true - y_pred
        size = ops.abs(error)
        linear = threshold * (size - threshold / 2)
        losses = ops.where(size <= threshold, ops.square(error) / 2, linear)
        return ops.mean(losses, axis=-1)

    return huber_fn


def checked_number(
    name, value, above=None, least=None, below=None, most=None, whole=False
):
    """Checks that an argument is a finite number within bounds.

    Args:
        name: Name of the argument, for the message.
        value: What was passed for it.
        above: Number that it must be larger than, or `None`.
        least: Smallest number allowed, or `None`.
        below: Number that it must be smaller than, or `None`.
        most: Largest number allowed, or `None`.
        whole: Whether it must be a whole number.

    Returns:
        The number as a `float`, or as an `int` if it must be whole.

    Raises:
        ValueError: If it is no such number, or out of bounds.
    """
    kind, convert = (numbers.Integral, int) if whole else (numbers.Real, float)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    number = convert(value) if fits else math.nan
    bounds = {}  # what is asked for, and whether it is so
    if above is not None:
        bounds[f" above {above}"] = number > above
    if least is not None:
        bounds[f" at least {least}"] = number >= least
    if below is not None:
        bounds[f" below {below}"] = number < below
    if most is not None:
        bounds[f" at most {most}"] = number <= most
    finite = abs(number) < math.inf  # false for NaN as well
    if not finite or not all(bounds.values()):
        expected = "a whole number" if whole else "a finite number"
        raise ValueError(
            f"`{name}` must be {expected}{' and'.join(bounds)}. "
            f"Received: {name}={value!r}"
        )
    return number


@keras.saving.register_keras_serializable(package="made_to_measure")
class HuberLoss(keras.losses.Loss):
    """Huber loss: quadratic for small errors, linear for large ones.

    Formula: `error**2 / 2` where `abs(error) <= threshold`, else
    `threshold * (abs(error) - threshold / 2)`.

    Args:
        threshold: Positive float. Where the loss turns from quadratic to
            linear, in the unit of the targets. Defaults to `1.0`.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype`, as for every `keras.losses.Loss`.

    Raises:
        ValueError: If `threshold` is not a positive, finite number.

    Example:
        >>> model.compile("adam", loss=HuberLoss(threshold=0.5))

    Reference:
        [Huber, 1964](https://doi.org/10.1214/aoms/1177703732)
    """

    def __init__(self, threshold=1.0, name="huber_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = checked_number("threshold", threshold, above=0)

    def call(self, y_true, y_pred):
        return create_huber(self.threshold)(y_true, y_pred)

    def get_config(self):
        own = {"dtype": self.dtype, "threshold": self.threshold}
        return {**super().get_config(), **own}
