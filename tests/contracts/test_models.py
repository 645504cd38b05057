"""Is each broken model caught, and does Keras pass?"""

import keras
import pytest
import tensorflow as tf
from keras import layers, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.models import (
    Absolute,
    Penalized,
    Small,
    Stepping,
    TracksTrainingOnly,
)
from tests.contracts.checks import (
    assert_caught,
    failed,
    report_of,
    rules_that_catch_nothing,
    status_of,
)

# --- Broken on purpose -------------------------------------------------------


@pytest.mark.parametrize("case", cases("model"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("model") == set()


@pytest.mark.parametrize("cls", [Small, Penalized, Stepping])
def test_what_they_break_is_right_but_for_the_registration(cls):
    report = contracts.check_model(cls(), (None, 3))
    assert failed(report) == {"reloads_from_a_file"}, report


# --- Keras's own -------------------------------------------------------------


def functional():
    inputs = keras.Input((3,))
    hidden = layers.Dense(4, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Dropout(0.2)(hidden)))


def two_inputs():
    first, second = keras.Input((3,)), keras.Input((2,))
    both = layers.Concatenate()([first, second])
    return keras.Model(
        [first, second], [layers.Dense(1)(both), layers.Dense(2)(first)]
    )


def regularized():
    inputs = keras.Input((3,))
    hidden = layers.Dense(
        4, "relu", kernel_regularizer="l2", activity_regularizer="l1"
    )(inputs)
    outputs = layers.Dense(2)(layers.BatchNormalization()(hidden))
    return keras.Model(inputs, outputs)


def deep():
    hidden = [layers.Dense(256, "selu") for _ in range(6)]
    return keras.Sequential([*hidden, layers.Dense(1)])


MODELS = [
    (functional, (None, 3)),
    (regularized, (None, 3)),
    (deep, (None, 8)),
    (two_inputs, [(None, 3), (None, 2)]),
    (
        lambda: keras.Sequential(
            [layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)]
        ),
        (None, 3),
    ),
]


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_models(make, shape):
    contracts.check_model(make(), shape).raise_if_failed()


# --- Weights of an added loss ------------------------------------------------


@register
class Reconstructing(keras.Model):
    """Its second layer serves an added loss, and no output."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = keras.layers.Dense(1)
        self.reconstruct = keras.layers.Dense(3)

    def call(self, inputs):
        outputs = self.out(inputs)
        error = self.reconstruct(outputs) - inputs
        self.add_loss(keras.ops.mean(keras.ops.square(error)))
        return outputs


def test_a_weight_that_serves_an_added_loss_has_a_gradient():
    report = contracts.check_model(Reconstructing(), (None, 3))
    assert report.ok, report


def test_a_lost_weight_is_named_without_the_numbers_of_this_process():
    @register
    class Lossy(Reconstructing):
        def build(self, input_shape):
            self.built = True

    report = contracts.check_model(Lossy(), (None, 3))
    found = {result.name: result for result in report.results}
    message = found["restores_every_weight"].message
    assert message.endswith("kernel of dense, bias of dense.")


# --- What might be accused, and is not ---------------------------------------


@register
class PaysInTrainingOnly(Small):
    """An added loss that is there if `training`, without a metric."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if training:
            self.add_loss(ops.mean(ops.square(ops.cast(outputs, "float32"))))
        return outputs


@register
class Contrasting(Small):
    """An added loss that compares samples: twice as many are harder."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        exact = ops.cast(outputs, "float32")
        alike = ops.log_softmax(exact @ ops.transpose(exact))
        self.add_loss(-ops.mean(ops.diagonal(alike)))
        return outputs


@register
class ByTurns(Stepping):
    """It trains one layer in even steps, and the other in odd ones."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.turn = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def apply(self, tape, loss):
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        even = ops.cast(self.turn % 2 == 0, "float32")
        shares = [even, even, 1 - even, 1 - even]
        self.turn.assign_add(1)
        self.optimizer.apply(
            [s * g for s, g in zip(shares, gradients, strict=True)], variables
        )


@register
class MixesSamples(Stepping):
    """Targets of one sample count for another, and weights too."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        x, y = x + 0.3 * x[::-1], y + 0.3 * y[::-1]
        return super().train_step((x, y, weight))


@register
class TracksItsGradient(Stepping):
    """A metric of training alone, which `evaluate` has no use for."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.metrics.Mean(name="gradient_norm")

    def apply(self, tape, loss):
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.norm.update_state(tf.linalg.global_norm(gradients))
        self.optimizer.apply(gradients, variables)


@register
class FollowsItself(Stepping):
    """A copy that lags behind moves without the optimizer, frozen or not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.copy = layers.Dense(4)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.out.build((None, 4))
        self.copy.build(input_shape)
        self.dropout.build((None, 4))

    def call(self, inputs, training=False):
        outputs = super().call(inputs, training=training)
        return outputs + 0 * ops.mean(self.copy(inputs))

    def apply(self, tape, loss):
        variables = [*self.hidden.weights, *self.out.weights]
        variables = [v for v in variables if v.trainable]
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        for slow, fast in zip(
            self.copy.weights, self.hidden.weights, strict=True
        ):
            slow.assign(0.9 * slow + 0.1 * fast)


@register
class CountsByHand(Absolute):
    """The losses of one layer, the only one that has any."""

    def added(self):
        return ops.sum(self.hidden.losses)


@register
class KeepsALayer(Stepping):
    """A frozen layer does not move, and need not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden.trainable = False


@register
class Variational(keras.Model):
    """Its step takes inputs alone, and trains what `call` does not use."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = layers.Dense(2)
        self.spread = layers.Dense(2)
        self.decode = layers.Dense(3)
        self.seed = keras.random.SeedGenerator(1)
        self.total = keras.metrics.Mean(name="loss")
        self.price = keras.metrics.Mean(name="kl_loss")

    def build(self, input_shape):
        self.mean.build(input_shape)
        self.spread.build(input_shape)
        self.decode.build((None, 2))

    @property
    def metrics(self):
        return [self.total, self.price]

    def call(self, inputs):
        return self.decode(self.mean(inputs))

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, spread = self.mean(data), self.spread(data)
            noise = keras.random.normal(ops.shape(mean), seed=self.seed)
            code = mean + ops.exp(spread) * noise
            error = ops.mean(ops.square(self.decode(code) - data))
            price = ops.mean(
                ops.square(mean) + ops.exp(2 * spread) - 1 - 2 * spread
            )
            loss = error + price
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self.total.update_state(loss)
        self.price.update_state(price)
        return self.get_metrics_result()


@register
class TwoPlayers(keras.Model):
    """Two optimizers in `compile`, and steps without a loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = layers.Dense(3)
        self.critic = layers.Dense(1)

    def build(self, input_shape):
        self.generator.build(input_shape)
        self.critic.build((None, 3))

    def compile(self, critic_optimizer, generator_optimizer):
        super().compile()
        self.optimizers = critic_optimizer, generator_optimizer

    def call(self, inputs):
        return self.critic(self.generator(inputs))

    def train_step(self, data):
        raise NotImplementedError("It is not tried without its optimizers.")


@register
class PlaysWithItself(TwoPlayers):
    """The same with optimizers of its own and random inputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.optimizers = keras.optimizers.Adam(), keras.optimizers.Adam()
        self.tracker = keras.metrics.Mean(name="critic_loss")

    compile = keras.Model.compile

    def train_step(self, data):
        real = data[0] if isinstance(data, tuple) else data
        players = self.critic, self.generator
        for sign, player, optimizer in zip(
            (1, -1), players, self.optimizers, strict=True
        ):
            noise = tf.random.normal(ops.shape(real))
            with tf.GradientTape() as tape:
                gap = ops.mean(self(noise)) - ops.mean(self.critic(real))
                loss = sign * gap + ops.mean(ops.square(self(noise)))
            variables = player.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
        self.tracker.update_state(gap)
        return {"critic_loss": self.tracker.result()}


@pytest.mark.parametrize(
    "cls",
    [
        PaysInTrainingOnly,
        Contrasting,
        ByTurns,
        MixesSamples,
        TracksItsGradient,
        Absolute,
        CountsByHand,
        KeepsALayer,
        Variational,
        TwoPlayers,
        PlaysWithItself,
    ],
)
def test_right_model_is_not_accused(cls):
    contracts.check_model(cls(), (None, 3)).raise_if_failed()


@register
class AroundAnother(Stepping):
    """Keras shows no metric of a model in a model, and need not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = TracksTrainingOnly()


@register
class ForgetsItsOptimizer(Stepping):
    """A `compile` of its own, after which nothing can be known."""

    def compile(self, optimizer, loss=None):
        self.way = optimizer


@pytest.mark.parametrize("cls", [AroundAnother, ForgetsItsOptimizer])
def test_model_of_which_little_is_known_is_not_accused(cls):
    contracts.check_model(cls(), (None, 3)).raise_if_failed()


def test_a_copy_that_moves_by_itself_is_not_taken_for_a_frozen_layer():
    report = contracts.check_model(FollowsItself(), (None, 3))
    name = "leaves_a_frozen_layer_alone"
    assert status_of(report, name) == "passed", report


def test_functional_model_with_a_step_of_its_own_is_not_accused():
    @register
    class OwnStep(keras.Model):
        train_step = Stepping.train_step
        apply = Stepping.apply

    inputs = keras.Input((3,))
    hidden = layers.Dropout(0.5)(layers.Dense(4, "relu")(inputs))
    model = OwnStep(inputs, layers.Dense(2, "softmax")(hidden))
    contracts.check_model(model, (None, 3)).raise_if_failed()


# --- Messages ----------------------------------------------------------------


def message_of(name, rule):
    """What is said of a broken model."""
    (case,) = [case for case in cases("model") if str(case).endswith(name)]
    (result,) = [r for r in report_of(case).results if r.name == rule]
    return result.message


def test_messages_say_what_was_tried():
    message = message_of("StepOfATutorial", "uses_the_sample_weights")
    assert message == (
        "With sample weights `train_step` raised ValueError: too many values "
        "to unpack (expected 2)"
    )
    message = message_of("TrainsHalf", "moves_every_weight")
    assert message.endswith("kernel of dense, bias of dense.")
    message = message_of("AddsASum", "adds_no_loss_that_grows_with_the_batch")
    assert message.startswith("Of 4 samples an added loss is ")
