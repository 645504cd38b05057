"""The components that book/internals.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import keras
from keras import ops

from helpers.components.layers import build_in_turn, last_size
from helpers.components.losses import checked_number
from helpers.components.models import table_spec


@keras.saving.register_keras_serializable(package="made_to_measure")
class SeluRegressor(keras.Model):
    """Regressor with five hidden SELU layers, LeCun initialization, 1 output.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`, any number of features. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If `units` is not an integer from 1 up; when it is built or
            called, if the inputs have another shape.

    Reference:
        [Klambauer et al., 2017](https://arxiv.org/abs/1706.02515)
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        selu = {"activation": "selu", "kernel_initializer": "lecun_normal"}
        selu["dtype"] = self.dtype_policy
        self.hidden = [keras.layers.Dense(units, **selu) for _ in range(5)]
        self.out = keras.layers.Dense(1, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.input_spec = table_spec(input_shape)
        build_in_turn([*self.hidden, self.out], input_shape)

    def encode(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return inputs

    def call(self, inputs):
        return self.out(self.encode(inputs))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="made_to_measure")
class Reconstruction(keras.layers.Layer):
    """Rebuilds inputs from a hidden layer, and adds the error to the loss.

    Formula: `weight * mean(square(rebuilt - inputs))`, added at each call. A
    metric, `reconstruction_error`, tracks the error without the weight.

    Args:
        weight: Float, zero or above. The price of an error of 1, in the unit
            of the loss. Defaults to `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Call arguments:
        hidden: Tensor of shape `(batch, units)`.
        inputs: Tensor of shape `(batch, features)`.

    Output shape:
        That of `inputs`: it returns what it has rebuilt.

    Raises:
        ValueError: If `weight` is negative or not finite, or a shape is wrong.
    """

    def __init__(self, weight=0.05, **kwargs):
        super().__init__(**kwargs)
        self.weight = checked_number("weight", weight, least=0)
        self.tracker = keras.metrics.Mean(name="reconstruction_error")

    def build(self, hidden_shape, inputs_shape):
        self.input_spec = table_spec(hidden_shape)
        features = last_size(inputs_shape)
        self.dense = keras.layers.Dense(features, dtype=self.dtype_policy)
        self.dense.build(hidden_shape)

    def call(self, hidden, inputs):
        shape, expected = tuple(inputs.shape), f"(batch, {self.dense.units})"
        if len(shape) != 2 or shape[1] not in (None, self.dense.units):
            raise ValueError(f"`inputs` must be {expected}. Received: {shape}")
        rebuilt = self.dense(hidden)
        exact = self.variable_dtype  # float32 if we compute in float16
        errors = ops.cast(rebuilt, exact) - ops.cast(inputs, exact)
        errors = ops.mean(ops.square(errors), axis=-1)
        self.tracker.update_state(errors)
        self.add_loss(self.weight * ops.mean(errors))
        return rebuilt

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="made_to_measure")
class ReconstructingRegressor(SeluRegressor):
    """`SeluRegressor` whose last hidden layer must also rebuild the inputs.

    In training and in evaluation the loss grows by the reconstruction error;
    a prediction does not compute it. Inside another model, which calls no
    `compute_loss` but its own, only training does.

    Formula: `loss + reconstruction_weight * mean(square(rebuilt - inputs))`,
    with a mean over all samples, whatever their sample weights.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        reconstruction_weight: Float, zero or above. The price of a
            reconstruction error of 1, in the unit of the loss. Defaults to
            `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`, any number of features. Integers become floats.

    Output shape:
        `(batch, 1)`.

    Raises:
        ValueError: If an argument is out of its bounds; when it is built or
            called, if the inputs have another shape.

    Example:
        >>> model = ReconstructingRegressor(16, reconstruction_weight=1.0)
        >>> model.compile("adam", loss="mse")
    """

    def __init__(self, units, reconstruction_weight=0.05, **kwargs):
        super().__init__(units, **kwargs)
        weight = checked_number(
            "reconstruction_weight", reconstruction_weight, least=0
        )
        self.reconstruction = Reconstruction(weight, dtype=self.dtype_policy)

    def build(self, input_shape):
        super().build(input_shape)
        self.reconstruction.build((None, self.units), input_shape)

    def call(self, inputs, training=False):
        hidden = self.encode(inputs)
        if training:
            self.reconstruction(hidden, inputs)
        return self.out(hidden)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        if not training:  # in training, `call` has added it
            self.reconstruction(self.encode(x), x)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self):
        weight = self.reconstruction.weight
        return {**super().get_config(), "reconstruction_weight": weight}


@keras.saving.register_keras_serializable(package="made_to_measure")
class ComputeLossRegressor(ReconstructingRegressor):
    """`ReconstructingRegressor` that adds all of its loss in `compute_loss`.

    The arguments, the shapes and the numbers are the same. It runs its hidden
    layers twice in each step of training.

    Args:
        units: Integer from 1 up. Size of each hidden layer.
        reconstruction_weight: Float, zero or above. Defaults to `0.05`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Raises:
        ValueError: As `ReconstructingRegressor`.
    """

    def call(self, inputs, training=False):
        return self.out(self.encode(inputs))

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        # With `training=False` the parent adds it here, and not in `call`.
        return super().compute_loss(x, y, y_pred, sample_weight, False)


@keras.saving.register_keras_serializable(package="made_to_measure")
class ActivationPenalty(keras.layers.Layer):
    """Passes its inputs on, and adds a price for their size to the loss.

    Formula: `factor * mean(sum(abs(inputs)))`, with the sum over all axes but
    the first and the mean over the samples.

    Args:
        factor: Float, zero or above. The price of an activation of 1, in the
            unit of the loss. Defaults to `0.01`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        `(batch, ...)`.

    Output shape:
        The same.

    Raises:
        ValueError: If `factor` is negative, or not a finite number.
    """

    def __init__(self, factor=0.01, **kwargs):
        super().__init__(**kwargs)
        self.factor = checked_number("factor", factor, least=0)
        self.supports_masking = True

    def call(self, inputs):
        sizes = ops.abs(ops.cast(inputs, self.variable_dtype))
        samples = ops.maximum(ops.shape(inputs)[0], 1)  # none gives 0
        price = ops.sum(sizes) / ops.cast(samples, sizes.dtype)
        self.add_loss(self.factor * price)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="made_to_measure")
class DeadUnits(keras.metrics.Metric):
    """Share of units that were above zero for no sample.

    Formula: `1 - mean(any(activations > 0))`, with `any` over all samples
    since the last reset. Before the first sample it is 1.

    Args:
        units: Integer from 1 up. Size of the last axis of the activations.
        name: Name of the metric.
        **kwargs: `dtype`, as for every `keras.metrics.Metric`.

    `update_state` takes activations of shape `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not an integer from 1 up; in `update_state`,
            if the activations have another last axis.
    """

    def __init__(self, units, name="dead_units", **kwargs):
        super().__init__(name=name, **kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.alive = self.add_weight(
            shape=(self.units,), initializer="zeros", name="alive"
        )

    def update_state(self, activations):
        activations = ops.cast(activations, self.dtype)
        shape = tuple(activations.shape)
        if not shape or shape[-1] not in (None, self.units):
            raise ValueError(
                "`activations` must have the shape "
                f"(batch, ..., {self.units}). Received: shape={shape}"
            )
        active = ops.reshape(activations > 0, (-1, self.units))
        active = ops.cast(ops.any(active, axis=0), self.alive.dtype)
        self.alive.assign(ops.maximum(self.alive, active))

    def result(self):
        return 1 - ops.mean(self.alive)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="made_to_measure")
class WatchedClassifier(keras.Model):
    """Classifier with one ReLU layer, that reports its share of dead units.

    The outputs are logits, one for each class. A unit is dead if, in an epoch,
    it was above zero for no sample; see `DeadUnits`. Inside another model
    nobody counts: Keras asks only the outermost model for its metrics.

    Args:
        units: Integer from 1 up. Size of the hidden layer.
        classes: Integer from 2 up. Number of classes. Defaults to `10`.
        factor: Float, zero or above. The price of an activation of 1; see
            `ActivationPenalty`. Defaults to `0.0`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input shape:
        `(batch, features)`. Integers become floats.

    Output shape:
        `(batch, classes)`.

    Raises:
        ValueError: If an argument is out of its bounds, or the inputs have
            another shape.
    """

    def __init__(self, units, classes=10, factor=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.classes = checked_number("classes", classes, least=2, whole=True)
        same = {"dtype": self.dtype_policy}
        self.hidden = keras.layers.Dense(self.units, "relu", **same)
        self.penalty = ActivationPenalty(factor, **same)
        self.out = keras.layers.Dense(self.classes, **same)
        self.dead_units = DeadUnits(self.units)
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def encode(self, inputs):
        return self.hidden(inputs)

    def call(self, inputs):
        return self.out(self.penalty(self.encode(inputs)))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.dead_units.update_state(self.encode(x))
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self):
        own = {"units": self.units, "classes": self.classes}
        factor = self.penalty.factor
        return {**super().get_config(), **own, "factor": factor}
