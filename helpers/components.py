"""The components of the book, each as its chapter ends up writing it.

Made by `make components` from the cells tagged `component`: change the chapter
and not this file.
"""

import numbers

import keras
from keras import ops


# From the chapter Losses: book/losses.ipynb
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


# From the chapter Losses: book/losses.ipynb
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


# From the chapter Losses: book/losses.ipynb
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


# From the chapter Losses: book/losses.ipynb
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
        number = isinstance(threshold, numbers.Real)
        if not number or not 0 < threshold < float("inf"):
            raise ValueError(
                "`threshold` must be a positive, finite number. "
                f"Received: threshold={threshold!r}"
            )
        self.threshold = float(threshold)

    def call(self, y_true, y_pred):
        return create_huber(self.threshold)(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


# From the chapter Saving: book/saving.ipynb
@keras.saving.register_keras_serializable(package="made_to_measure")
class CappedLoss(keras.losses.Loss):
    """Wraps a loss and caps the cost of each sample.

    Formula: `minimum(loss(y_true, y_pred), cap)`.

    Args:
        loss: A `keras.losses.Loss`. Its own reduction is not used.
        cap: Positive float. The most that one sample can cost.
        name: Name of the loss.
        **kwargs: `reduction` and `dtype`, as for every `keras.losses.Loss`.

    Raises:
        ValueError: If `loss` is not a loss object, or `cap` is not positive.

    Example:
        >>> model.compile("adam", loss=CappedLoss(HuberLoss(0.5), cap=2.0))
    """

    def __init__(self, loss, cap, name="capped_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if not isinstance(loss, keras.losses.Loss):
            raise ValueError(
                f"`loss` must be a keras.losses.Loss. Received: loss={loss!r}"
            )
        if not isinstance(cap, numbers.Real) or not cap > 0:
            raise ValueError(
                f"`cap` must be a positive number. Received: cap={cap!r}"
            )
        self.loss = loss
        self.cap = float(cap)

    def call(self, y_true, y_pred):
        return ops.minimum(self.loss.call(y_true, y_pred), self.cap)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "cap": self.cap}

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})
