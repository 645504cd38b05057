"""The components that book/models.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import keras

from helpers.components.layers import (
    MyDense,
    ResidualBlock,
    build_in_turn,
    last_size,
)
from helpers.components.losses import checked_number


def table_spec(input_shape):
    """Says which inputs fit a model that was built for a table.

    Args:
        input_shape: Tuple `(batch, features)`. The batch may be `None`.

    Returns:
        A `keras.layers.InputSpec` of two axes and this number of features.

    Raises:
        ValueError: If there are not two axes, or the last size is not known,
            or this is not the shape of one tensor.
    """
    size = last_size(input_shape)
    if len(input_shape) != 2:
        raise ValueError(
            "`inputs` must have the shape (batch, features). "
            f"Received: input_shape={input_shape!r}"
        )
    return keras.layers.InputSpec(ndim=2, axes={-1: size})


def call_in_turn(layers, inputs):
    """Calls layers of which each gets what the one before gives.

    Args:
        layers: Sequence of layers.
        inputs: Tensor, what the first one gets.

    Returns:
        What the last layer gives.
    """
    for layer in layers:
        inputs = layer(inputs)
    return inputs


@keras.saving.register_keras_serializable(package="made_to_measure")
class ResidualRegressor(keras.Model):
    """Regressor of residual blocks, one prediction for each sample.

    Formula: `out(norm(block(...block(stem(inputs)))))`, where `stem` and `out`
    are dense layers without activation, each block is a `ResidualBlock` with
    one hidden layer, and `norm` is a `LayerNormalization`.

    Args:
        units: Whole number from 1 up. The size of each layer but the last.
        depth: Whole number from 1 up. How many blocks. Defaults to 2.
        **kwargs: `name`, `dtype` and `trainable`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If `units` or `depth` is not a whole number from 1 up, or
            the inputs have not two axes, the last one of known size.

    Example:
        >>> model = ResidualRegressor(16, depth=4)
        >>> model.build((None, 10))
        >>> model.compile("adam", loss="mse")

    Reference:
        [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(self, units, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.depth = checked_number("depth", depth, least=1, whole=True)
        same = {"dtype": self.dtype_policy}
        self.stem = MyDense(units, name="stem", **same)
        names = [f"block_{number}" for number in range(self.depth)]
        self.blocks = [ResidualBlock(units, 1, name=n, **same) for n in names]
        self.norm = keras.layers.LayerNormalization(name="norm", **same)
        self.out = MyDense(1, name="out", **same)

    def build(self, input_shape):
        self.input_spec = table_spec(input_shape)
        build_in_turn(self.chain(), input_shape)

    def chain(self):
        return [self.stem, *self.blocks, self.norm, self.out]

    def call(self, inputs):
        return call_in_turn(self.chain(), inputs)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        config = {"units": self.units, "depth": self.depth}
        return {**super().get_config(), **config}
