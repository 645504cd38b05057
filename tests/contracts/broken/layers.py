"""Layers that are broken on purpose, and the right `Linear`."""

import keras
import tensorflow as tf
from keras import ops

from tests.contracts.broken import broken


class Linear(keras.layers.Layer):
    """A layer with nothing wrong, for others to break."""

    shape = (None, 3)

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), name="kernel"
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@broken(
    "layer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
    units=4,
)
class LayerForgets(Linear):
    """`get_config` of the base class only."""

    def get_config(self):
        return keras.layers.Layer.get_config(self)


@broken(
    "layer",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "restores_every_weight",
)
class TakesNoName(Linear):
    """`__init__` without `**kwargs`."""

    def __init__(self, units=2):
        super().__init__(units)


@broken("layer", "promises_the_right_shape", "is_the_same_symbolically")
class PromisesOneMore(Linear):
    """`compute_output_shape` is off by one."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


@broken("layer", "can_be_called")
class CountsOnTensorShape(Linear):
    """`as_list` is gone."""

    def build(self, input_shape):
        super().build(input_shape.as_list())


@broken(
    "layer",
    "promises_the_right_shape",
    "reloads_from_a_file",
    "restores_every_weight",
    "is_the_same_symbolically",
)
class OldOutputShape(Linear):
    """`as_list` is gone, and only symbolic calls need the shape."""

    def compute_output_shape(self, input_shape):
        return tf.TensorShape([*input_shape.as_list()[:-1], self.units])


@broken("layer", "can_be_called")
class MakesAWeightInCall(Linear):
    """A weight at each call."""

    def call(self, inputs):
        bias = self.add_weight(shape=(self.units,), name="bias")
        return super().call(inputs) + bias


@broken(
    "layer",
    "makes_no_weights_in_call",
    "tracks_every_weight",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
)
class MakesAVariableInCall(Linear):
    """A variable at each call, which nothing keeps."""

    def call(self, inputs):
        bias = tf.Variable(tf.ones((self.units,)))
        return super().call(inputs) + ops.cast(bias, inputs.dtype)


@broken("layer", "tracks_every_weight")
class HidesAVariable(Linear):
    """A plain TensorFlow variable."""

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = tf.Variable(tf.zeros((self.units,)))

    def call(self, inputs):
        return super().call(inputs) + ops.cast(self.bias, inputs.dtype)


@broken("layer", "makes_its_weights_in_build", "builds_its_children")
class BuildsNoChild(keras.layers.Layer):
    """The sub-layer builds itself when it is called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def build(self, input_shape):
        pass

    def call(self, inputs):
        return self.dense(inputs)


@broken("layer", "gradient_reaches_every_weight")
class UsesNoBias(Linear):
    """A weight that `call` forgets."""

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = self.add_weight(shape=(self.units,), name="bias")


@broken("layer", "gradient_reaches_every_weight")
class StopsAtItsKernel(Linear):
    """The kernel counts as a constant."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.stop_gradient(self.kernel))


@broken("layer", "gradient_reaches_every_weight")
class RoundsItsKernel(Linear):
    """A rounded number does not follow a small move: its slope is 0."""

    def call(self, inputs):
        return ops.matmul(inputs, ops.round(self.kernel))


@broken("layer", "takes_any_batch_size")
class NormalizesTheBatch(Linear):
    """The mean of the batch, also when it predicts."""

    def call(self, inputs):
        outputs = super().call(inputs)
        return outputs - ops.mean(outputs, axis=0, keepdims=True)


@broken("layer", "takes_any_batch_size")
class MovesTheBatch(Linear):
    """A reshape that swallows the batch."""

    def call(self, inputs):
        return ops.reshape(super().call(inputs), (1, -1))

    def compute_output_shape(self, input_shape):
        return (1, None)


@broken(
    "layer",
    "is_deterministic_without_training",
    "reloads_from_a_file",
    "takes_any_batch_size",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "follows_the_dtype_policy",
)
class DropsWhenPredicting(Linear):
    """Dropout that does not ask for `training`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def build(self, input_shape):
        super().build(input_shape)
        self.dropout.build((None, self.units))

    def call(self, inputs):
        return self.dropout(super().call(inputs), training=True)


@broken("layer", "follows_the_dtype_policy")
class LayerInFloat32(Linear):
    """A fixed dtype."""

    def call(self, inputs):
        return ops.cast(super().call(inputs), "float32")


@broken("layer", "follows_the_dtype_policy")
class TrainsInFloat32(Linear):
    """A fixed dtype, in training only."""

    def call(self, inputs, training=False):
        y = super().call(inputs)
        if training:
            y = y * tf.where(y > 0, 0.9, 1.1)
        return y


@broken("layer", "passes_the_mask_on")
class LosesTheMask(Linear):
    """Works on each step, and keeps no mask."""

    shape = (None, 4, 3)


@broken(
    "layer",
    "is_the_same_in_a_graph",
    "gradient_reaches_every_weight",
    "is_the_same_with_xla",
)
class ReadsValues(Linear):
    """Reads the values of the input."""

    def call(self, inputs):
        return ops.convert_to_tensor(inputs.numpy() @ self.kernel.numpy())


@broken("layer", "can_be_called", "config_has_every_argument")
class ForgetsSuper(keras.layers.Layer):
    """No `super().__init__()`."""

    def __init__(self):
        self.units = 2

    def call(self, inputs):
        return inputs


@broken("layer", "is_deterministic_without_training")
class RemembersCalls(Linear):
    """A Python number that grows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._calls = 0

    def call(self, inputs):
        self._calls += 1
        return super().call(inputs) * self._calls


@broken("layer", "builds_its_children")
class LeavesAChildUnbuilt(Linear):
    """The sub-layer has no weights that anyone would miss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add = keras.layers.Add()

    def call(self, inputs):
        outputs = super().call(inputs)
        return self.add([outputs, outputs])


@broken("layer", "is_the_same_symbolically")
class GivesAClass(keras.layers.Layer):
    """Where a shape is promised, Keras takes the dtype for granted."""

    def call(self, inputs):
        return ops.argmax(inputs, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


@broken("layer", "restores_every_weight")
class SavesItsKernelOnly(Linear):
    """What it counts is not in the file."""

    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight(name="count", trainable=False)

    def save_own_variables(self, store):
        store["kernel"] = self.kernel

    def load_own_variables(self, store):
        self.kernel.assign(store["kernel"])
