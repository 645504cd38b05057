"""Models that are broken on purpose, and the right `Small`."""

import keras
import tensorflow as tf
from keras import ops

from tests.contracts.broken import broken, register


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


# --- Losses and metrics from inside ------------------------------------------


class Penalized(Small):
    """A model that adds a loss and tracks it, with nothing wrong."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.tracker = keras.metrics.Mean(name="penalty")

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        self.add(ops.square(ops.cast(outputs, "float32")), training)
        return outputs

    def add(self, penalties, training):
        self.add_loss(0.1 * ops.mean(penalties))
        self.tracker.update_state(penalties)


@broken("model", "adds_no_loss_that_grows_with_the_batch")
class AddsASum(Penalized):
    """A price for each sample, in place of their mean."""

    def add(self, penalties, training):
        self.add_loss(ops.sum(penalties))
        self.tracker.update_state(penalties)


@broken("model", "adds_no_loss_that_grows_with_the_batch")
class ComputesASum(Small):
    """The same in `compute_loss`, beside a mean."""

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + 0.01 * ops.sum(ops.square(y_pred))


@register
class Absolute(Small):
    """A loss of its own with what its layers add, for others to break."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden.kernel_regularizer = keras.regularizers.L2(0.1)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        losses = ops.mean(ops.abs(y - y_pred), axis=-1)
        if sample_weight is not None:
            losses = losses * sample_weight
        return ops.mean(losses) + self.added()

    def added(self):
        return ops.sum(self.losses)


@broken("model", "counts_the_losses_of_its_layers")
class ForgetsItsRegularizer(Absolute):
    """The penalty has no effect."""

    def added(self):
        return 0.0


@broken("model", "counts_the_losses_of_its_layers")
class ForgetsWhatItAdds(Small):
    """What `call` adds has no effect."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        self.add_loss(ops.mean(ops.square(ops.cast(outputs, "float32"))))
        return outputs

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return ops.mean(ops.abs(y - y_pred))


@broken("model", "updates_its_metrics_in_evaluation_too")
class TracksTrainingOnly(Penalized):
    """A metric that `evaluate` reports as 0."""

    def add(self, penalties, training):
        self.add_loss(0.1 * ops.mean(penalties))
        if training:
            self.tracker.update_state(penalties)


# --- Training steps ----------------------------------------------------------


class Stepping(Small):
    """A model whose training step has nothing wrong, for others to break."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def call(self, inputs, training=False):
        hidden = self.dropout(self.hidden(inputs), training=training)
        return self.out(hidden)

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        self.apply(tape, scaled)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, weight)

    def apply(self, tape, loss):
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)


@broken("model", "trains_in_fit")
class TrainsNothing(Stepping):
    """A training step that forgets to apply the gradients."""

    def apply(self, tape, loss):
        tape.gradient(loss, self.trainable_variables)


@broken("model", "brings_the_loss_down")
class ClimbsInItsStep(Stepping):
    """The gradient of what should grow."""

    def apply(self, tape, loss):
        variables = self.trainable_variables
        gradients = [-slope for slope in tape.gradient(loss, variables)]
        self.optimizer.apply(gradients, variables)


@broken("model", "moves_every_weight")
class TrainsHalf(Stepping):
    """The last layer alone."""

    def apply(self, tape, loss):
        variables = self.out.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)


@broken("model", "leaves_a_frozen_layer_alone")
class RemembersWhatItTrains(Stepping):
    """A list that knows nothing of what is frozen later."""

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((None, self.units))
        self.dropout.build((None, self.units))
        self._to_train = tuple(self.trainable_variables)

    def apply(self, tape, loss):
        variables = list(self._to_train)
        self.optimizer.apply(tape.gradient(loss, variables), variables)


@broken("model", "scales_its_loss_for_float16")
class ClipsBeforeItDivides(Stepping):
    """It clips the gradients of the loss that was multiplied."""

    def apply(self, tape, loss):
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 0.5)
        self.optimizer.apply(gradients, variables)


@broken("model", "uses_the_sample_weights", "scales_its_loss_for_float16")
class StepOfATutorial(Stepping):
    """`x, y = data`, which breaks where there are weights."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred)
        self.apply(tape, loss)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred)


@broken("model", "uses_the_sample_weights")
class EvaluatesWithoutWeights(Stepping):
    """The weights are unpacked, and forgotten."""

    def test_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, training=False)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred)


@broken("model", "tells_its_layers_when_it_trains")
class TrainsWithoutDropout(Stepping):
    """A call as in a prediction."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x)
            loss = self.compute_loss(x, y, y_pred, weight)
            scaled = self.optimizer.scale_loss(loss)
        self.apply(tape, scaled)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, weight)


@broken("model", "reports_its_metrics")
class ReportsTheLossOnly(Stepping):
    """What `compile` was asked for is in no log."""

    def train_step(self, data):
        logs = super().train_step(data)
        return {"loss": logs["loss"]}


@broken("model", "reports_its_metrics")
class KeepsAMetricToItself(Stepping):
    """An evaluation that keeps its metrics to itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.tracker = keras.metrics.Mean(name="largest")

    def test_step(self, data):
        logs = super().test_step(data)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.tracker.update_state(ops.max(self(x, training=False)))
        return {name: logs[name] for name in logs if name != "largest"}


@broken("model", "resets_its_metrics")
class CountsThroughAllEpochs(Stepping):
    """A metric that `metrics` leaves out, so that Keras does not reset it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.tracker = keras.metrics.Mean(name="largest")

    @property
    def metrics(self):
        return [m for m in super().metrics if m is not self.tracker]

    def train_step(self, data):
        logs = super().train_step(data)
        self.tracker.update_state(ops.max(self(data[0], training=False)))
        return {**logs, "largest": self.tracker.result()}
