"""Layers that are broken on purpose, and the right `Linear`."""

import keras
import numpy as np
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
)
class TakesNoName(Linear):
    """`__init__` without `**kwargs`."""

    def __init__(self, units=2):
        super().__init__(units)


@broken("layer", "promises_the_right_shape")
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


@broken("layer", "builds_its_children")
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


@broken("layer", "is_deterministic_without_training")
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


@broken(
    "layer",
    "makes_its_weights_in_build",
    "reloads_from_a_file",
)
class MakesAWeightAtFirst(keras.layers.Layer):
    """Keras calls it to build what is in it, as it has no `build`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add = keras.layers.Add()
        self.scale = None

    def call(self, inputs):
        if self.scale is None:
            self.scale = self.add_weight(shape=(3,), name="scale")
        return self.add([inputs, inputs]) * self.scale


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


# --- Randomness in training --------------------------------------------------


class Noisy(Linear):
    """Noise as it should be, for others to break."""

    def __init__(self, units=2, **kwargs):
        super().__init__(units, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs + self.noise(outputs) if training else outputs

    def noise(self, outputs):
        return keras.random.normal(
            ops.shape(outputs), dtype=outputs.dtype, seed=self.seed_generator
        )


@broken("layer", "draws_new_numbers_in_training")
class DrawsTheSame(Noisy):
    """A whole number as seed has no memory."""

    def noise(self, outputs):
        return keras.random.normal(
            ops.shape(outputs), dtype=outputs.dtype, seed=1
        )


@broken("layer", "draws_new_numbers_in_training")
class DrawsOneOfTwo(Noisy):
    """Half of its noise is always the same."""

    def noise(self, outputs):
        fixed = tf.random.stateless_uniform((self.units,), seed=(1, 2))
        return super().noise(outputs) * ops.cast(fixed, outputs.dtype)


@broken("layer", "draws_new_numbers_in_training")
class DrawsWithNumPy(Noisy):
    """Drawn when the graph is made."""

    def noise(self, outputs):
        noise = np.random.normal(size=outputs.shape[1:])
        return ops.cast(noise, outputs.dtype)


@broken("layer", "draws_new_numbers_in_training")
class TossesOneCoin(Noisy):
    """Tossed for the whole batch, and by NumPy: once for each graph."""

    def call(self, inputs, training=False):
        outputs = Linear.call(self, inputs)
        if training and np.random.random() < 0.5:
            return ops.zeros_like(outputs)
        return outputs


@broken("layer", "draws_new_numbers_in_training")
class RefusesGraphsInTraining(Noisy):
    """NumPy wants numbers, and a graph has none."""

    def noise(self, outputs):
        return np.sign(outputs) * super().noise(outputs)


# --- Weights -----------------------------------------------------------------


class Experts(keras.layers.Layer):
    """Two kernels, of which each is drawn anew, for others to break."""

    def build(self, input_shape):
        self.kernels = [
            self.add_weight(
                shape=(input_shape[-1], 2),
                initializer=initializer,
                name=f"kernel_{place}",
            )
            for place, initializer in enumerate(self.initializers())
        ]

    def initializers(self):
        return [keras.initializers.HeNormal() for _ in range(2)]

    def call(self, inputs):
        return sum(ops.tanh(ops.matmul(inputs, each)) for each in self.kernels)


@broken("layer", "starts_with_different_weights")
class StartsTwice(Experts):
    """One initializer, which gives the same numbers twice."""

    def initializers(self):
        return [keras.initializers.HeNormal()] * 2


# --- Masks -------------------------------------------------------------------


class Average(keras.layers.Layer):
    """The mean over the steps that are real, for others to break."""

    shape = (None, 4, 3)

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)[..., None]
        return self.average(inputs, weights)

    def average(self, inputs, weights):
        total = ops.sum(weights, 1)
        return ops.sum(inputs * weights, 1) / ops.where(total > 0, total, 1)

    def compute_mask(self, inputs, mask=None):
        return None


@broken("layer", "ignores_hidden_steps")
class DividesByAllSteps(Average):
    """The mean of all steps, although there is a mask."""

    def call(self, inputs, mask=None):
        return ops.mean(inputs, axis=1)


@broken("layer", "ignores_hidden_steps")
class AveragesThePadding(Average):
    """The mask the wrong way round."""

    def average(self, inputs, weights):
        return super().average(inputs, 1 - weights)


@broken("layer", "ignores_hidden_steps")
class LooksAtItsNeighbours(keras.layers.Layer):
    """Works on each step and both its neighbours, and knows no mask."""

    shape = (None, 4, 3)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return inputs + ops.roll(inputs, 1, axis=1) + ops.roll(inputs, -1, 1)


@broken("layer", "ignores_hidden_steps")
class CentresWithPadding(Linear):
    """Padded steps count in training only."""

    shape = (None, 4, 3)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if training:
            outputs -= ops.mean(outputs, axis=(0, 1), keepdims=True)
        return outputs


@broken("layer", "its_mask_fits_its_output")
class KeepsTheMaskOfItsSteps(Average):
    """The steps are gone, and their mask goes on."""

    def compute_mask(self, inputs, mask=None):
        return mask


@broken("layer", "its_mask_fits_its_output")
class PassesOnAllSteps(Linear):
    """Half of the steps, and the mask of all."""

    shape = (None, 4, 3)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return super().call(inputs[:, ::2])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2, self.units)


@broken("layer", "passes_the_mask_on")
class InvertsTheMask(Linear):
    """What is padding counts, and what counts is hidden."""

    shape = (None, 4, 3)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.logical_not(mask)


class Pools(keras.layers.Layer):
    """A softmax over the real steps, for others to break."""

    shape = (None, 4, 3)
    hidden = -1e4

    def call(self, inputs, mask=None):
        scores = ops.sum(inputs, axis=-1, keepdims=True)
        if mask is not None:
            scores = ops.where(mask[..., None], scores, self.hidden)
        return ops.sum(ops.softmax(scores, axis=1) * inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


@broken("layer", "is_finite_for_a_hidden_sample")
class HidesWithInfinity(Pools):
    """Where all steps are hidden, it is NaN."""

    hidden = -np.inf


@broken("layer", "works_behind_a_mask")
class WantsAMaskForEachNumber(Average):
    """A mask has no last axis."""

    def call(self, inputs, mask=None):
        if mask is not None:
            inputs = inputs * ops.cast(mask, inputs.dtype)
        return ops.mean(inputs, axis=1)


# --- Numbers -----------------------------------------------------------------


@broken("layer", "stays_finite_in_mixed_float16")
class GrowsTooFast(Linear):
    """A softplus as in the textbook."""

    def call(self, inputs):
        return ops.log(1 + ops.exp(super().call(inputs)))


@broken("layer", "is_the_same_with_xla")
class RootOfTheOtherHalf(Linear):
    """With XLA the half that is not chosen has a gradient too."""

    def call(self, inputs):
        x = super().call(inputs)
        return ops.where(x > 0, ops.sqrt(x), 0.0)


@broken("layer", "adds_no_loss_that_grows_with_the_batch")
class AddsASumOfActivations(Linear):
    """A price for each sample, in place of their mean."""

    def call(self, inputs):
        outputs = super().call(inputs)
        self.add_loss(0.01 * ops.sum(ops.square(outputs)))
        return outputs
