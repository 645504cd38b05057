"""Models that are broken on purpose, and the right `Small`."""

import keras
import tensorflow as tf
from keras import ops

from tests.contracts.broken import broken


class Small(keras.Model):
    """A model with nothing wrong, for others to break."""

    shape = (None, 3)

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units)
        self.out = keras.layers.Dense(2)

    def call(self, inputs, training=False):
        return self.out(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken(
    "model",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
    units=5,
)
class ModelForgets(Small):
    """The base class' config."""

    def get_config(self):
        return keras.Model.get_config(self)


@broken("model", "restores_every_weight", "reloads_from_a_file")
class MakesALayerInBuild(keras.Model):
    """The reconstruction model of many textbooks."""

    shape = (None, 3)

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units)

    def build(self, input_shape):
        self.reconstruct = keras.layers.Dense(input_shape[-1])
        super().build(input_shape)

    def call(self, inputs, training=False):
        return self.reconstruct(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken("model", "trains_in_fit")
class TrainsNothing(Small):
    """A training step that forgets to apply the gradients."""

    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(x, y, self(x, training=True))
        return {"loss": loss}


@broken(
    "model",
    "is_deterministic_without_training",
    "reloads_from_a_file",
    "takes_any_batch_size",
    "predicts_what_it_computes",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "works_in_mixed_float16",
)
class DropsAlways(Small):
    """Dropout for ever."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def call(self, inputs, training=False):
        return self.out(self.dropout(self.hidden(inputs), training=True))


@broken("model", "gradient_reaches_every_weight")
class LeavesALayerOut(Small):
    """A layer that is built, and not used."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.unused = keras.layers.Dense(3)

    def call(self, inputs, training=False):
        self.unused(inputs)
        return super().call(inputs)


@broken("model", "tracks_every_weight")
class HidesATemperature(Small):
    """A variable that no file knows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.temperature = tf.Variable(1.5)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs * ops.cast(self.temperature, outputs.dtype)


@broken("model", "predicts_what_it_computes")
class PredictsSomethingElse(Small):
    """Shares in `predict`, and no shares in a call."""

    def predict_step(self, data):
        return ops.softmax(super().predict_step(data))


@broken("model", "works_in_mixed_float16")
class AddsAFloat32(Small):
    """A fixed dtype, which meets float16."""

    def call(self, inputs, training=False):
        return super().call(inputs) + tf.constant([0.5, -0.5])
