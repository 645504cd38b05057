"""The components that book/saving.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import keras
from keras import ops

from helpers.components.losses import checked_number


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
        self.loss = loss
        self.cap = checked_number("cap", cap, above=0)

    def call(self, y_true, y_pred):
        return ops.minimum(self.loss.call(y_true, y_pred), self.cap)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        own = {"dtype": self.dtype, "loss": loss, "cap": self.cap}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})
