"""Is each broken layer caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a layer is for.
"""

import keras
import pytest
import tensorflow as tf
from keras import layers, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.layers import (
    Average,
    Experts,
    Linear,
    Noisy,
    Pools,
)
from tests.contracts.broken.models import Small
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    report_of,
    rules_that_catch_nothing,
    status_of,
    with_skips,
)

# --- Broken on purpose -------------------------------------------------------


@pytest.mark.parametrize("case", cases("layer"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("layer") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_layer(Linear(), (None, 3))
    assert failed(report) == {"reloads_from_a_file"}, report


@register
class LayerWithOneMistake(Linear):
    """Everything is right but the promised shape."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 7)


def test_a_layer_that_promises_a_wrong_shape_fails_the_rule_about_that_only():
    report = contracts.check_layer(LayerWithOneMistake(), (None, 3))
    assert failed(report) == {"promises_the_right_shape"}, report
    assert status_of(report, "is_the_same_symbolically") == "skipped"


# --- Keras's own -------------------------------------------------------------

SEQUENCE = (None, 4, 2)
PICTURE = (None, 4, 4, 3)
PAIR = [(None, 4, 6), (None, 4, 6)]
NO_MASK = "Keras 3.15 does not say `supports_masking`, so that masks end."
CUDNN = {"config_has_every_argument": NOT_IN_CONFIG.format("use_cudnn")}
LAYERS = [
    (layers.Activation("tanh"), (None, 3), {}),
    (layers.ActivityRegularization(0.1), (None, 3), {}),
    (layers.Add(), [(None, 3), (None, 3)], {}),
    (layers.AdditiveAttention(), PAIR, {}),
    (layers.AlphaDropout(0.2), (None, 3), {}),
    (layers.Attention(), PAIR, {}),
    (layers.BatchNormalization(), (None, 3), {}),
    (layers.BatchNormalization(), SEQUENCE, {}),
    (layers.Bidirectional(layers.LSTM(2)), SEQUENCE, {}),
    (layers.Concatenate(), [(None, 3), (None, 2)], {}),
    (layers.Conv1D(3, 2), SEQUENCE, {}),
    (layers.Conv1DTranspose(2, 2), SEQUENCE, {}),
    (layers.Conv2D(3, 2), (None, 6, 6, 2), {}),
    (layers.Cropping1D(1), SEQUENCE, {}),
    (layers.Dense(4, activation="relu"), (None, 3), {}),
    (layers.Dense(2, use_bias=False), (None, None, 3), {}),
    (layers.DepthwiseConv1D(2), SEQUENCE, {}),
    (layers.Dot(1), [(None, 3), (None, 3)], {}),
    (layers.Dense(3, "sigmoid"), (None, 64), {}),
    (layers.Discretization([0.0, 0.5]), (None, 3), {}),
    (layers.Dropout(0.5), (None, 3), {}),
    (layers.Dropout(0.5), PICTURE, {}),
    (layers.ELU(), (None, 3), {}),
    (
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 4)),
        SEQUENCE,
        {"passes_the_mask_on": "Keras cannot know which axis has the steps."},
    ),
    (layers.Embedding(5, 3), (None, 4), {}),
    (layers.Flatten(), SEQUENCE, {}),
    (layers.GRU(3, return_sequences=True), SEQUENCE, CUDNN),
    (layers.GaussianNoise(0.1), (None, 3), {}),
    (
        layers.GlobalAveragePooling1D(),
        SEQUENCE,
        {"is_finite_for_a_hidden_sample": "Keras 3.15 divides by no steps."},
    ),
    (layers.GroupNormalization(1), (None, 4), {}),
    (
        layers.GroupNormalization(1),
        SEQUENCE,
        {"ignores_hidden_steps": "Keras 3.15 takes the mean of all steps."},
    ),
    (layers.Identity(), (None, 3), {}),
    (layers.LSTM(3), SEQUENCE, CUDNN),
    (layers.LayerNormalization(), (None, 3), {}),
    (layers.LayerNormalization(), SEQUENCE, {}),
    (layers.LayerNormalization(), PICTURE, {}),
    (layers.LeakyReLU(), (None, 3), {}),
    (layers.Masking(), SEQUENCE, {}),
    (layers.MaxPooling2D(), (None, 4, 4, 2), {}),
    (layers.MaxPooling3D(), (None, 4, 4, 4, 2), {}),
    (layers.MultiHeadAttention(2, 3), PAIR, {}),
    (layers.PReLU(), (None, 3), {}),
    (layers.Permute((2, 1)), SEQUENCE, {}),
    (layers.RMSNormalization(), (None, 3), {}),
    (layers.RMSNormalization(), SEQUENCE, {"passes_the_mask_on": NO_MASK}),
    (layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)]), SEQUENCE, {}),
    (layers.RandomContrast(0.2), PICTURE, {}),
    (layers.RandomFlip(), PICTURE, {}),
    (layers.Rescaling(2.0), (None, 3), {}),
    (layers.Reshape((8,)), SEQUENCE, {}),
    (layers.SeparableConv1D(3, 2), SEQUENCE, {}),
    (layers.SimpleRNN(3), SEQUENCE, {}),
    (layers.Softmax(), (None, 3), {}),
    (layers.Softmax(), SEQUENCE, {}),
    (layers.SpatialDropout1D(0.2), SEQUENCE, {}),
    (layers.TimeDistributed(layers.Dense(2)), SEQUENCE, {}),
    (layers.UnitNormalization(), (None, 3), {}),
    (layers.UnitNormalization(), SEQUENCE, {}),
    (layers.UpSampling1D(), SEQUENCE, {}),
    (layers.ZeroPadding1D(), SEQUENCE, {}),
]


@pytest.mark.parametrize(("layer", "shape", "skip"), LAYERS, ids=name_of)
def test_layers(layer, shape, skip):
    was_built = layer.built
    contracts.check_layer(layer, shape, skip=skip).raise_if_failed()
    assert layer.built == was_built


@pytest.mark.parametrize(
    ("layer", "shape", "skip"), with_skips(LAYERS), ids=name_of
)
def test_a_skip_is_a_real_deviation(layer, shape, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_layer(layer, shape)
    assert failed(report) == set(skip), report


# --- Against another one -----------------------------------------------------


def test_layers_and_models_are_compared_with_equal_weights():
    same = contracts.check_layer(
        Linear(4), (None, 3), against=keras.layers.Dense(4, use_bias=False)
    )
    assert status_of(same, "equals_the_reference") == "passed"
    other = contracts.check_layer(
        Linear(4), (None, 3), against=keras.layers.Dense(4, "relu")
    )
    assert status_of(other, "equals_the_reference") == "failed"
    model = contracts.check_model(Small(4), (None, 3), against=Small(4))
    assert status_of(model, "equals_the_reference") == "passed"


# --- Right, and not accused --------------------------------------------------


@register
class Sampling(layers.Layer):
    """Two tensors, no weights and no `build`: as in a VAE."""

    shape = ((None, 2), (None, 2))

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, mean, log_variance, training=False):
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return mean + ops.exp(log_variance / 2) * noise


@register
class TwoReaders(layers.Layer):
    """Two tensors and sub-layers, and no `build`: Keras builds them."""

    shape = ((None, 3), (None, 2))

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(2)
        self.second = layers.Dense(2)

    def call(self, x, condition):
        return self.first(x) + self.second(condition)


@register
class DropsRarely(Linear):
    """The whole batch, so that calls in training seldom differ."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if not training:
            return outputs
        chance = keras.random.uniform((), seed=self.seed_generator)
        return outputs * ops.cast(chance > 0.01, outputs.dtype)


@register
class ScalesInTraining(Linear):
    """Another formula in training, and no chance."""

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        return outputs * 2 if training else outputs


@register
class ProjectsByChance(Linear):
    """A fixed seed, in training and without: a matrix like any other."""

    def call(self, inputs, training=False):
        fixed = tf.random.stateless_normal(
            (self.units, 2), seed=(1, 2), alg="philox"
        )
        return ops.matmul(super().call(inputs), ops.cast(fixed, inputs.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


@register
class FlattensWithMask(layers.Layer):
    """The padding stays where it was, in one row."""

    shape = (None, 4, 3)

    def call(self, inputs):
        return ops.reshape(inputs, (ops.shape(inputs)[0], 12))

    def compute_mask(self, inputs, mask=None):
        return None


@register
class EndsTheMask(Linear):
    """On purpose: behind it all steps are real."""

    shape = (None, 4, 3)

    def compute_mask(self, inputs, mask=None):
        return None


@register
class HidesMore(Linear):
    """A mask of its own, which takes no notice of the other, as `Masking`."""

    shape = (None, 4, 3)

    def compute_mask(self, inputs, mask=None):
        return ops.any(inputs > -9, axis=-1)


@register
class FillsThePadding(Linear):
    """Padding becomes a number that is learnt, and is real from then on."""

    shape = (None, 4, 3)

    def build(self, input_shape):
        super().build(input_shape)
        self.token = self.add_weight(shape=(self.units,), name="token")

    def call(self, inputs, mask=None):
        outputs = super().call(inputs)
        if mask is None:
            return outputs
        return ops.where(mask[..., None], outputs, self.token)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.ones_like(mask)


@register
class RefusesMasks(Linear):
    """It says so itself, where others would be silent."""

    shape = (None, 4, 3)

    def call(self, inputs, mask=None):
        if mask is not None:
            raise ValueError("Masks are not supported.")
        return super().call(inputs)


@register
class LooksBack(layers.Layer):
    """Causal: padding comes last, and no real step looks at it."""

    shape = (None, 4, 3)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return ops.cumsum(inputs, axis=1)


@register
class TurnsRound(layers.Layer):
    """The last step first, and its mask too."""

    shape = (None, 4, 3)

    def call(self, inputs):
        return ops.flip(inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.flip(mask, axis=1)


@register
class Attends(layers.Layer):
    """Hidden steps are looked at by no other, and look at others."""

    shape = (None, 4, 3)

    def call(self, inputs, mask=None):
        scores = ops.matmul(inputs, ops.transpose(inputs, (0, 2, 1)))
        if mask is not None:
            scores = ops.where(mask[:, None, :], scores, -1e4)
        return ops.matmul(ops.softmax(scores), inputs)


@register
class OpensAGate(layers.Layer):
    """With large weights the gate would be saturated."""

    shape = (None, 64)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gate = layers.Dense(1, "sigmoid")

    def build(self, input_shape):
        self.gate.build(input_shape)

    def call(self, inputs):
        return self.gate(ops.square(inputs)) * inputs


@register
class LeavesAnAddUnbuilt(Linear):
    """A sub-layer without weights has nothing to lose."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add = layers.Add()
        self.flatten = layers.Flatten()

    def call(self, inputs):
        outputs = super().call(inputs)
        return self.flatten(self.add([outputs, outputs]))


@register
class OneClassMore(layers.Layer):
    """Its output is wider than its input."""

    def call(self, inputs):
        return ops.concatenate([inputs, inputs[..., :1]], axis=-1)


@register
class GrowsSafely(Linear):
    """Numbers that float16 cannot hold are no fault of the formula."""

    def call(self, inputs):
        return ops.exp(super().call(inputs))


@register
class NamesNoWeight(layers.Layer):
    """Keras counts them in each process: `variable_7`."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones")
        self.shift = self.add_weight((input_shape[-1],))

    def call(self, inputs):
        return inputs * self.scale + self.shift


@register
class Positions(layers.Layer):
    """The same for all samples, for a sum."""

    shape = (None, 4, 3)

    def call(self, inputs):
        return ops.ones((1, ops.shape(inputs)[1], 3), self.compute_dtype)


@register
class AttendsAfterANorm(layers.Layer):
    """It mixes steps, and what all of a step gains is taken away first."""

    shape = (None, 4, 3)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.attend = layers.MultiHeadAttention(1, 2)

    def build(self, input_shape):
        for layer, shapes in (
            (self.norm, [input_shape]),
            (self.attend, [input_shape, input_shape]),
        ):
            if not layer.built:
                layer.build(*shapes)

    def call(self, inputs):
        x = self.norm(inputs)
        return inputs + self.attend(x, x)


@register
class SeesTheNextStep(layers.Layer):
    """No step depends on those before it, and it knows no mask."""

    shape = (None, 4, 3)

    def call(self, inputs):
        return ops.flip(ops.cumsum(ops.flip(inputs, 1), axis=1), 1)


@register
class TrainableByName(Linear):
    """An argument of its own, under a name that Keras uses too."""

    def __init__(self, trainable=False, **kwargs):
        super().__init__(**kwargs)
        self._learns = trainable

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight((), "ones", trainable=self._learns)

    def call(self, inputs):
        return super().call(inputs) * self.scale

    def get_config(self):
        return {**super().get_config(), "trainable": self._learns}


@register
class TakesObjects(Linear):
    """Keras hands `from_config` a dictionary in place of the object."""

    def __init__(self, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner or keras.regularizers.L2(0.1)

    def get_config(self):
        return {**super().get_config(), "inner": self.inner}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        inner = config.pop("inner")["config"]
        return cls(keras.regularizers.L2.from_config(inner), **config)


@register
class KeepsADictionary(Linear):
    """What `from_config` gives it, `add_weight` takes as well."""

    def __init__(self, initializer=None, **kwargs):
        super().__init__(**kwargs)
        if initializer is None:
            initializer = keras.initializers.Constant(0.5)
        self.initializer = initializer

    def build(self, input_shape):
        self.scale = self.add_weight(
            shape=(1,), initializer=self.initializer, name="scale"
        )
        super().build(input_shape)

    def call(self, inputs):
        return super().call(inputs) * self.scale

    def get_config(self):
        made = keras.initializers.serialize(self.initializer)
        return {**super().get_config(), "initializer": made}


@register
class TwoTables(Experts):
    """Equal on purpose: what has a seed is meant."""

    def initializers(self):
        return [keras.initializers.HeNormal(seed=1)] * 2


@register
class StartsWithOnes(Experts):
    """Equal, and not random."""

    def initializers(self):
        return ["ones", "ones"]


@register
class TossesItsCoin(Noisy):
    """One coin for all, with a generator of Keras."""

    def call(self, inputs, training=False):
        outputs = Linear.call(self, inputs)
        if not training:
            return outputs
        coin = keras.random.uniform((), seed=self.seed_generator) < 0.5
        return outputs * ops.cast(coin, outputs.dtype)


RIGHT = [
    *(NamesNoWeight, AttendsAfterANorm, SeesTheNextStep, TossesItsCoin, Pools),
    *(TrainableByName, TakesObjects, KeepsADictionary, Experts, TwoTables),
    *(StartsWithOnes, Noisy, Average, Sampling, TwoReaders, DropsRarely),
    *(ScalesInTraining, ProjectsByChance, FlattensWithMask, EndsTheMask),
    *(HidesMore, FillsThePadding, RefusesMasks, LooksBack, TurnsRound, Attends),
    *(OpensAGate, LeavesAnAddUnbuilt, OneClassMore, GrowsSafely),
]


@pytest.mark.parametrize("cls", RIGHT)
def test_a_right_layer_is_not_accused(cls):
    shape = getattr(cls, "shape", (None, 3))
    shape = list(shape) if shape[0] else shape
    report = contracts.check_layer(register(cls)(), shape)
    assert report.ok, report


@pytest.mark.parametrize(
    ("cls", "rule", "words"),
    [
        (EndsTheMask, "passes_the_mask_on", "every step as real"),
        (HidesMore, "passes_the_mask_on", "6 of 6 hidden steps as real"),
        (RefusesMasks, "works_behind_a_mask", "Masks are not supported."),
        (FillsThePadding, "passes_the_mask_on", "a mask of its own"),
    ],
)
def test_what_is_unusual_is_said(cls, rule, words):
    report = contracts.check_layer(cls(), cls.shape)
    (result,) = (result for result in report.results if result.name == rule)
    assert result.status == "skipped"
    assert words in result.message


# --- Randomness --------------------------------------------------------------


def test_what_is_random_without_training_fails_one_rule_and_skips_the_others():
    (case,) = (
        c for c in cases("layer") if str(c) == "layer-DropsWhenPredicting"
    )
    report = report_of(case)
    assert failed(report) == {"is_deterministic_without_training"}
    skipped = {
        r.name for r in report.results if "change from call" in r.message
    }
    assert skipped >= {
        "takes_any_batch_size",
        "is_the_same_in_a_graph",
        "is_the_same_with_xla",
        "follows_the_dtype_policy",
        "stays_finite_in_mixed_float16",
    }


# --- One mistake, one accusation ---------------------------------------------


def test_no_mask_is_asked_of_an_output_without_samples():
    report = contracts.check_layer(Positions(), (None, 4, 3))
    assert failed(report) == {"takes_any_batch_size"}, report


@register
class AddsOneInFloat32(Linear):
    """A fixed dtype, which meets float16."""

    def call(self, inputs):
        return super().call(inputs) + tf.constant([0.5, -0.5])


def test_what_float16_stops_is_told_once():
    report = contracts.check_layer(AddsOneInFloat32(), (None, 3))
    assert failed(report) == {"follows_the_dtype_policy"}, report


# --- What the config of a layer forgets --------------------------------------


@register
class ForgetsItsShape(layers.Layer):
    """Kept as `_shape`, where a copy must find it."""

    def __init__(self, shape=None, **kwargs):
        super().__init__(**kwargs)
        self._shape = shape

    def build(self, input_shape):
        self._shape = self._shape or tuple(input_shape)
        self.scale = self.add_weight(self._shape, name="scale")

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        return super().get_config()


def test_one_lost_argument_is_one_mistake():
    report = contracts.check_layer(ForgetsItsShape((3,)), (None, 3))
    assert failed(report) <= {
        "config_has_every_argument",
        "is_rebuilt_from_its_config",
        "reloads_from_a_file",
        "restores_every_weight",
    }, report


@register
class FromAll(Linear):
    """`from_config` of its own, and a config that lacks the units."""

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)

    def get_config(self):
        return layers.Layer.get_config(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_what_cannot_be_rebuilt_leaves_no_config_changed():
    report = contracts.check_layer(FromAll(2), (None, 3))
    assert status_of(report, "leaves_the_given_config_alone") == "skipped"
    assert status_of(report, "config_has_every_argument") == "failed"


# --- Layers in layers --------------------------------------------------------


@register
class Holds(layers.Layer):
    """A layer that is given as an argument, and built in `build`."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape):
        if not self.inner.built:
            self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner, **config)


@register
class BuildsTwice(Holds):
    """What comes from a file is built already."""

    def build(self, input_shape):
        self.inner.build(input_shape)


@register
class BuildsNever(Holds):
    """What it is given must build itself."""

    def build(self, input_shape):
        pass


def test_the_advice_for_a_layer_in_a_layer_mends_it():
    for cls, rule in (
        (BuildsTwice, "reloads_from_a_file"),
        (BuildsNever, "builds_its_children"),
    ):
        report = contracts.check_layer(cls(register(Noisy)(4)), (None, 3))
        assert failed(report) == {rule}, report
        (hint,) = (r.hint for r in report.results if r.name == rule)
        assert "if not self.inner.built: self.inner.build(" in hint
    assert contracts.check_layer(Holds(Noisy(4)), (None, 3)).ok


@register
class Stacks(layers.Layer):
    """Two layers, of which the second is not used."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Holds(layers.Dense(3)), Holds(layers.Dense(3))]

    def build(self, input_shape):
        for block in self.blocks:
            block.build(input_shape)

    def call(self, inputs):
        return self.blocks[0](inputs)


def test_a_weight_is_named_by_the_way_that_leads_to_it():
    report = contracts.check_layer(Stacks(), (None, 3))
    assert failed(report) == {"gradient_reaches_every_weight"}, report
    (result,) = (r for r in report.results if r.status == "failed")
    assert result.message == (
        "No gradient reaches blocks[1].inner.kernel, blocks[1].inner.bias."
    )
