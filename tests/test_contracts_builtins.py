"""Does Keras pass its own contract? Where it does not, the reason is here.

Each skip is a real deviation of Keras 3.15, or of what the component is for.
"""

import keras
import pytest
from keras import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from keras.optimizers import schedules

from helpers import contracts

NOT_IN_CONFIG = "Keras 3.15 leaves {} out of the config: it is lost in a file."
WHOLE_BATCH = "It compares whole batches, and gives one number for them."
OVERFLOWS = "It grows like exp(x), by definition."
CORNER = "Keras 3.15 on TensorFlow adds the slopes of both sides: 2, not 1."
HALF = "`in_top_k` of TensorFlow knows no float16."
HYPERSPHERE = "It compares each sample with all others in the batch."

LOSSES = [
    (losses.BinaryCrossentropy(), {}),
    (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), {}),
    (losses.BinaryFocalCrossentropy(gamma=3), {}),
    (losses.CategoricalCrossentropy(), {}),
    (losses.CategoricalCrossentropy(from_logits=True), {}),
    (losses.CategoricalFocalCrossentropy(), {}),
    (losses.CategoricalHinge(), {}),
    (
        losses.Circle(),
        {
            "treats_each_sample_alone": HYPERSPHERE,
            "weights_each_sample": HYPERSPHERE,
            "reduces_as_it_says": HYPERSPHERE,
        },
    ),
    (
        losses.CosineSimilarity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("axis")},
    ),
    (
        losses.Dice(),
        {
            "gives_one_value_per_sample": WHOLE_BATCH,
            "weights_each_sample": WHOLE_BATCH,
            "reduces_as_it_says": WHOLE_BATCH,
        },
    ),
    (losses.Hinge(), {}),
    (
        losses.Huber(0.3),
        {
            "config_has_every_argument": NOT_IN_CONFIG.format("delta"),
            "is_rebuilt_from_its_config": NOT_IN_CONFIG.format("delta"),
            "reloads_from_a_file": NOT_IN_CONFIG.format("delta"),
        },
    ),
    (losses.KLDivergence(), {}),
    (losses.LogCosh(), {}),
    (losses.MeanAbsoluteError(), {}),
    (losses.MeanAbsolutePercentageError(), {}),
    (losses.MeanSquaredError(reduction="sum"), {}),
    (losses.MeanSquaredLogarithmicError(), {}),
    (losses.Poisson(), {}),
    (
        losses.SparseCategoricalCrossentropy(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("axis")},
    ),
    (losses.SquaredHinge(), {}),
    (
        losses.Tversky(),
        {
            "gives_one_value_per_sample": WHOLE_BATCH,
            "weights_each_sample": WHOLE_BATCH,
            "reduces_as_it_says": WHOLE_BATCH,
        },
    ),
    (losses.mean_squared_error, {}),
    (losses.huber, {}),
    (losses.sparse_categorical_crossentropy, {}),
    (
        losses.kl_divergence,
        {
            "pairs_each_target_with_its_prediction": "Alone among Keras's "
            "functions it does not align (n,) with (n, 1); `compile` does."
        },
    ),
]

METRICS = [
    (metrics.AUC(), {}),
    (metrics.Accuracy(), {}),
    (metrics.BinaryAccuracy(), {}),
    (metrics.BinaryCrossentropy(), {}),
    (metrics.BinaryIoU(), {}),
    (metrics.CategoricalAccuracy(), {}),
    (metrics.CategoricalCrossentropy(), {}),
    (metrics.CategoricalHinge(), {}),
    (metrics.ConcordanceCorrelation(), {}),
    (
        metrics.CosineSimilarity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("axis")},
    ),
    (metrics.F1Score(average="macro"), {}),
    (metrics.FBetaScore(average="micro", beta=2.0), {}),
    (metrics.FalseNegatives(), {}),
    (metrics.FalsePositives(0.3), {}),
    (metrics.Hinge(), {}),
    (metrics.IoU(num_classes=2, target_class_ids=[0]), {}),
    (metrics.KLDivergence(), {}),
    (metrics.LogCoshError(), {}),
    (metrics.Mean(), {}),
    (metrics.MeanAbsoluteError(), {}),
    (metrics.MeanIoU(num_classes=2), {}),
    (metrics.MeanSquaredError(), {}),
    (metrics.MeanSquaredLogarithmicError(), {}),
    (metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 1]), {}),
    (metrics.OneHotMeanIoU(num_classes=3), {}),
    (metrics.PearsonCorrelation(), {}),
    (metrics.Poisson(), {}),
    (metrics.Precision(), {}),
    (metrics.PrecisionAtRecall(0.5, num_thresholds=20), {}),
    (metrics.R2Score(), {}),
    (metrics.Recall(thresholds=0.4), {}),
    (metrics.RootMeanSquaredError(), {}),
    (metrics.SensitivityAtSpecificity(0.5, num_thresholds=20), {}),
    (metrics.SparseCategoricalAccuracy(), {}),
    (metrics.SparseCategoricalCrossentropy(), {}),
    (metrics.Sum(), {}),
    (
        metrics.TopKCategoricalAccuracy(k=2),
        {"works_in_mixed_float16": HALF},
    ),
    (metrics.TrueNegatives(), {}),
    (metrics.TruePositives(), {}),
    (metrics.mean_absolute_error, {}),
    (metrics.categorical_accuracy, {}),
]

ACTIVATIONS = [
    (activations.celu, {"has_its_slope_at_zero": CORNER}),
    (activations.elu, {}),
    (activations.exponential, {"is_finite_for_large_inputs": OVERFLOWS}),
    (activations.gelu, {}),
    (activations.hard_sigmoid, {}),
    (activations.hard_tanh, {}),
    (activations.leaky_relu, {}),
    (activations.linear, {}),
    (activations.log_softmax, {}),
    (activations.mish, {}),
    (activations.relu, {}),
    (activations.relu6, {}),
    (activations.selu, {}),
    (activations.sigmoid, {}),
    (activations.silu, {}),
    (activations.softmax, {}),
    (activations.softplus, {}),
    (activations.softsign, {}),
    (activations.squareplus, {}),
    (activations.tanh, {}),
]

INITIALIZERS = [
    (initializers.Constant(0.3), {}),
    (initializers.GlorotNormal(), {}),
    (initializers.GlorotUniform(seed=1), {}),
    (initializers.HeNormal(), {}),
    (
        initializers.Identity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("gain")},
    ),
    (initializers.LecunUniform(), {}),
    (initializers.Ones(), {}),
    (initializers.Orthogonal(), {}),
    (initializers.RandomNormal(stddev=0.3), {}),
    (initializers.RandomUniform(), {}),
    (initializers.TruncatedNormal(), {}),
    (initializers.VarianceScaling(2.0), {}),
    (initializers.Zeros(), {}),
]

REGULARIZERS = [
    (regularizers.L1(0.1), {}),
    (regularizers.L2(), {}),
    (regularizers.L1L2(0.1, 0.2), {}),
    (
        regularizers.OrthogonalRegularizer(),
        {
            "grows_with_the_weights": "It measures angles, not sizes.",
            "works_in_mixed_float16": "Its factor is a float32 tensor.",
        },
    ),
]

CONSTRAINTS = [
    (constraints.MaxNorm(1.0), {}),
    (constraints.MinMaxNorm(), {}),
    (constraints.NonNeg(), {}),
    (constraints.UnitNorm(), {}),
]

SEQUENCE = (None, 4, 2)
PAIR = [(None, 4, 6), (None, 4, 6)]
CUDNN = {"config_has_every_argument": NOT_IN_CONFIG.format("use_cudnn")}

LAYERS = [
    (layers.Activation("tanh"), (None, 3), {}),
    (layers.ActivityRegularization(0.1), (None, 3), {}),
    (layers.Add(), [(None, 3), (None, 3)], {}),
    (layers.AdditiveAttention(), PAIR, {}),
    (layers.AlphaDropout(0.2), (None, 3), {}),
    (layers.Attention(), PAIR, {}),
    (layers.BatchNormalization(), (None, 3), {}),
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
    (layers.Dropout(0.5), (None, 3), {}),
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
    (layers.GlobalAveragePooling1D(), SEQUENCE, {}),
    (layers.GroupNormalization(1), (None, 4), {}),
    (layers.Identity(), (None, 3), {}),
    (layers.LSTM(3), SEQUENCE, CUDNN),
    (layers.LayerNormalization(), (None, 3), {}),
    (layers.LeakyReLU(), (None, 3), {}),
    (layers.Masking(), SEQUENCE, {}),
    (layers.MaxPooling2D(), (None, 4, 4, 2), {}),
    (layers.MultiHeadAttention(2, 3), PAIR, {}),
    (layers.PReLU(), (None, 3), {}),
    (layers.Permute((2, 1)), SEQUENCE, {}),
    (layers.RMSNormalization(), (None, 3), {}),
    (layers.Rescaling(2.0), (None, 3), {}),
    (layers.Reshape((8,)), SEQUENCE, {}),
    (layers.SeparableConv1D(3, 2), SEQUENCE, {}),
    (layers.SimpleRNN(3), SEQUENCE, {}),
    (layers.Softmax(), (None, 3), {}),
    (layers.SpatialDropout1D(0.2), SEQUENCE, {}),
    (layers.TimeDistributed(layers.Dense(2)), SEQUENCE, {}),
    (layers.UnitNormalization(), (None, 3), {}),
    (layers.UpSampling1D(), SEQUENCE, {}),
    (layers.ZeroPadding1D(), SEQUENCE, {}),
]


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


MODELS = [
    (functional, (None, 3)),
    (two_inputs, [(None, 3), (None, 2)]),
    (
        lambda: keras.Sequential(
            [layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)]
        ),
        (None, 3),
    ),
]


INNER = "The learning rate and the options are those of the inner optimizer."
SINGLE = "Keras 3.15 multiplies by a float32 whatever the dtype of the weights."

OPTIMIZERS = [
    (optimizers.Adadelta(0.1), {}),
    (optimizers.Adafactor(0.1), {}),
    (optimizers.Adagrad(0.1), {}),
    (optimizers.Adam(0.1), {}),
    (optimizers.Adam(0.1, amsgrad=True), {}),
    (optimizers.AdamW(0.1), {}),
    (optimizers.Adamax(0.1), {}),
    (optimizers.Ftrl(0.1), {}),
    (optimizers.Lamb(0.1), {}),
    (optimizers.Lion(0.1), {}),
    (
        optimizers.LossScaleOptimizer(optimizers.SGD(0.1)),
        {
            "follows_the_learning_rate": INNER,
            "takes_the_options_of_the_base_class": INNER,
        },
    ),
    (optimizers.Muon(0.1), {"takes_variables_in_float64": SINGLE}),
    (optimizers.Nadam(0.1), {}),
    (optimizers.RMSprop(0.1), {}),
    (optimizers.RMSprop(0.1, momentum=0.5, centered=True), {}),
    (optimizers.SGD(0.1), {}),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5), {}),
    (optimizers.SGD(0.1, global_clipnorm=0.1), {}),
    (optimizers.SGD(0.1, weight_decay=0.1, use_ema=True), {}),
    (optimizers.SGD(0.1, gradient_accumulation_steps=2), {}),
    (optimizers.SGD(schedules.ExponentialDecay(0.1, 3, 0.5)), {}),
]

SCHEDULES = [
    (schedules.CosineDecay(0.1, 100), {}),
    (
        schedules.CosineDecay(
            0.0, 100, alpha=0.1, warmup_target=0.1, warmup_steps=10
        ),
        {},
    ),
    (schedules.CosineDecayRestarts(0.1, 20), {}),
    (schedules.ExponentialDecay(0.1, 10, 0.5), {}),
    (schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True), {}),
    (schedules.InverseTimeDecay(0.1, 10, 0.5), {}),
    (schedules.PiecewiseConstantDecay([3, 60], [0.1, 0.05, 0.01]), {}),
    (schedules.PolynomialDecay(0.1, 100, 0.01, power=2.0), {}),
    (schedules.PolynomialDecay(0.1, 100, cycle=True), {}),
]


def name_of(value):
    """A name for the list of tests; none for shapes and skips."""
    if hasattr(value, "__name__"):
        return value.__name__
    return (
        None if isinstance(value, (dict, tuple, list)) else type(value).__name__
    )


@pytest.mark.parametrize(("loss", "skip"), LOSSES, ids=name_of)
def test_losses(loss, skip):
    contracts.check_loss(loss, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("metric", "skip"), METRICS, ids=name_of)
def test_metrics(metric, skip):
    contracts.check_metric(metric, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("activation", "skip"), ACTIVATIONS, ids=name_of)
def test_activations(activation, skip):
    contracts.check_activation(activation, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("initializer", "skip"), INITIALIZERS, ids=name_of)
def test_initializers(initializer, skip):
    contracts.check_initializer(initializer, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("regularizer", "skip"), REGULARIZERS, ids=name_of)
def test_regularizers(regularizer, skip):
    contracts.check_regularizer(regularizer, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("constraint", "skip"), CONSTRAINTS, ids=name_of)
def test_constraints(constraint, skip):
    contracts.check_constraint(constraint, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("layer", "shape", "skip"), LAYERS, ids=name_of)
def test_layers(layer, shape, skip):
    was_built = layer.built
    contracts.check_layer(layer, shape, skip=skip).raise_if_failed()
    assert layer.built == was_built


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_models(make, shape):
    contracts.check_model(make(), shape).raise_if_failed()


@pytest.mark.parametrize(("optimizer", "skip"), OPTIMIZERS, ids=name_of)
def test_optimizers(optimizer, skip):
    was_built = optimizer.built
    contracts.check_optimizer(optimizer, skip=skip).raise_if_failed()
    assert optimizer.built == was_built


@pytest.mark.parametrize(("schedule", "skip"), SCHEDULES, ids=name_of)
def test_schedules(schedule, skip):
    contracts.check_schedule(schedule, skip=skip).raise_if_failed()


def test_a_skip_is_a_real_deviation():
    """When Keras mends one, the reason here is out of date."""
    kinds = (
        ("loss", LOSSES),
        ("metric", METRICS),
        ("activation", ACTIVATIONS),
        ("initializer", INITIALIZERS),
        ("regularizer", REGULARIZERS),
        ("optimizer", OPTIMIZERS),
    )
    for kind, components in kinds:
        check = getattr(contracts, f"check_{kind}")
        for component, skip in components:
            if not skip:
                continue
            report = check(component)
            failed = {r.name for r in report.results if r.status == "failed"}
            assert failed == set(skip), report


def test_sparsemax_of_keras_is_wrong():
    """A find of the checker: in Keras 3.15 the outputs do not add up to 1."""
    report = contracts.check_activation(activations.sparsemax)
    assert not report.ok
