"""Does each component of the book keep its contract and refuse nonsense?"""

import fractions

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from helpers import components as made
from helpers import contracts

# What a component is checked with: the check, an object with values that are
# not the defaults, and what else the check is given.
CONTRACTS = {
    "huber_fn": (contracts.check_loss, made.huber_fn, {}),
    "HuberLoss": (contracts.check_loss, made.HuberLoss(0.5), {}),
    "CappedLoss": (
        contracts.check_loss,
        made.CappedLoss(made.HuberLoss(0.5), cap=2.0),
        {},
    ),
    "my_softplus": (
        contracts.check_activation,
        made.my_softplus,
        {"against": keras.activations.softplus},
    ),
    "ScaledSoftplus": (
        contracts.check_layer,
        made.ScaledSoftplus(4.0),
        {"input_shape": (None, 3)},
    ),
    "LearnedSwish": (
        contracts.check_layer,
        made.LearnedSwish(),
        {"input_shape": (None, 2, 3)},
    ),
    "my_glorot": (contracts.check_initializer, made.my_glorot, {}),
    "GlorotNormal": (
        contracts.check_initializer,
        made.GlorotNormal(gain=1.5, seed=1),
        {},
    ),
    "my_l1": (contracts.check_regularizer, made.my_l1, {}),
    "L1Regularizer": (
        contracts.check_regularizer,
        made.L1Regularizer(0.1),
        {"against": keras.regularizers.L1(0.1)},
    ),
    "PositiveWeights": (
        contracts.check_constraint,
        made.PositiveWeights(),
        {"against": keras.constraints.NonNeg()},
    ),
    "NormLimit": (
        contracts.check_constraint,
        made.NormLimit(1.5, axis=(0, 1)),
        {"against": keras.constraints.MaxNorm(1.5, axis=(0, 1))},
    ),
    "HuberMetric": (contracts.check_metric, made.HuberMetric(0.5), {}),
    "MeanHuber": (
        contracts.check_metric,
        made.MeanHuber(0.5),
        {"against": made.HuberMetric(0.5)},
    ),
    "StreamingPrecision": (
        contracts.check_metric,
        made.StreamingPrecision(0.4),
        {"against": keras.metrics.Precision(0.4)},
    ),
    "HistogramAUC": (
        contracts.check_metric,
        made.HistogramAUC(100),
        {"against": keras.metrics.AUC(num_thresholds=101)},
    ),
    "Exponential": (
        contracts.check_layer,
        made.Exponential(),
        {"input_shape": (None, 3)},
    ),
    "MyDense": (
        contracts.check_layer,
        made.MyDense(4, activation="tanh"),
        {
            "input_shape": (None, 3),
            "against": keras.layers.Dense(4, activation="tanh"),
        },
    ),
    "MyMultiLayer": (
        contracts.check_layer,
        made.MyMultiLayer(),
        {"input_shape": [(None, 3), (None, 3)]},
    ),
    "AddGaussianNoise": (
        contracts.check_layer,
        made.AddGaussianNoise(0.5),
        {"input_shape": (None, 3)},
    ),
    "RunningCenter": (
        contracts.check_layer,
        made.RunningCenter(0.9),
        {"input_shape": (None, 3)},
    ),
    "ResidualBlock": (
        contracts.check_layer,
        made.ResidualBlock(4, depth=2),
        {"input_shape": (None, 4)},
    ),
    "ResidualRegressor": (
        contracts.check_model,
        made.ResidualRegressor(8, depth=3),
        {"input_shape": (None, 5)},
    ),
    "SeluRegressor": (
        contracts.check_model,
        made.SeluRegressor(8),
        {"input_shape": (None, 10)},
    ),
    "Reconstruction": (
        contracts.check_layer,
        made.Reconstruction(0.2),
        {"input_shape": [(None, 8), (None, 10)]},
    ),
    "ReconstructingRegressor": (
        contracts.check_model,
        made.ReconstructingRegressor(8, 0.2),
        {"input_shape": (None, 10)},
    ),
    "ComputeLossRegressor": (
        contracts.check_model,
        made.ComputeLossRegressor(8, 0.2),
        {
            "input_shape": (None, 10),
            "skip": {
                "gradient_reaches_every_weight": "compute_loss trains the "
                "reconstruction, outside of call"
            },
        },
    ),
    "ActivationPenalty": (
        contracts.check_layer,
        made.ActivationPenalty(0.2),
        {"input_shape": (None, 4, 3)},
    ),
    "MaskedAverage": (
        contracts.check_layer,
        made.MaskedAverage(),
        {
            "input_shape": (None, 4, 3),
            "against": keras.layers.GlobalAveragePooling1D(),
        },
    ),
    "LayerNorm": (
        contracts.check_layer,
        made.LayerNorm(0.01),
        {
            "input_shape": (None, 4, 3),
            "against": keras.layers.LayerNormalization(epsilon=0.01),
        },
    ),
    "LeakyCell": (
        contracts.check_layer,
        keras.layers.RNN(made.LeakyCell(4, leak=0.3), return_sequences=True),
        {"input_shape": (None, 5, 3)},
    ),
    "DotAttention": (
        contracts.check_layer,
        made.DotAttention(scale=1.0),
        {
            "input_shape": [(None, 3, 4), (None, 5, 4)],
            "against": keras.layers.Attention(),
        },
    ),
    "WatchedClassifier": (
        contracts.check_model,
        made.WatchedClassifier(8, 3, factor=0.2),
        {"input_shape": (None, 5)},
    ),
    "exact_softplus": (
        contracts.check_activation,
        made.exact_softplus,
        {"against": keras.activations.softplus},
    ),
    "straight_through_sign": (
        contracts.check_activation,
        made.straight_through_sign,
        {
            "skip": {
                "gradient_equals_finite_differences": "an estimator",
                "has_its_slope_at_zero": "an estimator",
            },
        },
    ),
    "BinaryDense": (
        contracts.check_layer,
        made.BinaryDense(4, activation="tanh"),
        {"input_shape": (None, 2, 3)},
    ),
    "ModelShell": (
        contracts.check_model,
        made.ModelShell(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
        ),
        {"input_shape": (None, 5)},
    ),
    "AttackedModel": (
        contracts.check_model,
        made.AttackedModel(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
            amount=0.2,
            bounds=(-3, 3),
        ),
        {"input_shape": (None, 5)},
    ),
    "AdversarialModel": (
        contracts.check_model,
        made.AdversarialModel(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
            amount=0.2,
            weight=0.3,
            bounds=(-3, 3),
        ),
        {"input_shape": (None, 5)},
    ),
    "MomentumSGD": (
        contracts.check_optimizer,
        made.MomentumSGD(0.1, momentum=0.7, nesterov=True, clipnorm=1.0),
        {
            "against": keras.optimizers.SGD(
                0.1, momentum=0.7, nesterov=True, clipnorm=1.0
            )
        },
    ),
    "WarmupCosine": (
        contracts.check_schedule,
        made.WarmupCosine(0.2, 7, 90, final_share=0.1),
        {
            "against": keras.optimizers.schedules.CosineDecay(
                0.0, 90, alpha=0.1, warmup_target=0.2, warmup_steps=7
            )
        },
    ),
}
# These serve the others and are no part of a model.
NO_CONTRACT = {
    "accumulate_gradients",
    "align",
    "align_weights",
    "as_doubles",
    "as_float_tensor",
    "as_shares",
    "attention_shape",
    "attention_weights",
    "broadcast_samples",
    "build_in_turn",
    "check_gradient",
    "checked_boolean",
    "checked_bounds",
    "checked_number",
    "checked_rate",
    "checked_rows",
    "checkpoint_arrays",
    "compute_fans",
    "count_anew",
    "count_in_bins",
    "create_huber",
    "DeadUnits",  # takes activations; WatchedClassifier has one
    "draw_curves",
    "find_in_logs",
    "hide_steps",
    "last_size",
    "LossCurve",  # callbacks are in no file
    "masked_mean",
    "move_uphill",
    "names_of",
    "restore_checkpoint",
    "rounding_of",
    "save_checkpoint",
    "show_live",
    "ShuffledBatches",  # data, tested below
    "slopes_near",
    "StopOnPlateau",
    "table_spec",
    "tape_gradients",
    "weighted_sum",
    "widened",
    "wrong_places",
}


def checked_square(**options):
    """A gradient check of which one option is given."""
    return made.check_gradient(tf.square, np.ones(2), **options)


def leaky_cell(units=4, leak=0.3):
    """A cell of which one argument is given."""
    return made.LeakyCell(units, leak)


def adversarial(amount=0.1, weight=0.5, bounds=None):
    """A model that trains on moved inputs, of which one argument is given."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return made.AdversarialModel(inner, amount, weight, bounds)


def shuffled(batch_size=3, seed=0):
    """Batches of ten rows, of which one argument is given."""
    x = np.arange(10.0, dtype="float32")
    return made.ShuffledBatches((x, 10 * x), batch_size, seed)


def sgd(learning_rate=0.1, **arguments):
    """An optimizer of which one argument is given."""
    return made.MomentumSGD(learning_rate, **arguments)


def warmup(peak=0.1, warmup_steps=2, decay_steps=3, **arguments):
    """A schedule of which one argument is given."""
    return made.WarmupCosine(peak, warmup_steps, decay_steps, **arguments)


SCHEDULES = keras.optimizers.schedules
NOT_POSITIVE = [
    *(0, -1.0, float("nan"), float("inf"), "1", None, True),
    *(np.float32("inf"), fractions.Fraction(1, 10**400)),
]
NOT_WHOLE = [1.5, "1", True]
BAD_ARGUMENTS = [
    (component, argument, value)
    for component, argument, values in [
        (made.HuberLoss, "threshold", NOT_POSITIVE),
        (made.ScaledSoftplus, "sharpness", NOT_POSITIVE),
        (made.GlorotNormal, "gain", NOT_POSITIVE),
        (made.GlorotNormal, "seed", NOT_WHOLE),
        (made.L1Regularizer, "factor", NOT_POSITIVE[1:-1]),  # 0 is fine
        (made.NormLimit, "limit", NOT_POSITIVE),
        (made.HuberMetric, "threshold", NOT_POSITIVE),
        (made.MeanHuber, "threshold", NOT_POSITIVE),
        (made.StreamingPrecision, "threshold", [*NOT_POSITIVE[1:-1], 1.01]),
        (made.HistogramAUC, "bins", [*NOT_WHOLE, None, 1, 0, -5]),
        (made.MyDense, "units", [*NOT_WHOLE, None, 0, -5]),
        (made.AddGaussianNoise, "stddev", NOT_POSITIVE[1:-1]),
        (made.RunningCenter, "momentum", [*NOT_POSITIVE[1:-1], 1.0]),
        (made.ResidualRegressor, "units", [*NOT_WHOLE, None, 0, -5]),
        (made.LayerNorm, "epsilon", NOT_POSITIVE),
        (leaky_cell, "units", [*NOT_WHOLE, None, 0, -5]),
        (leaky_cell, "leak", [*NOT_POSITIVE, 1.01]),
        (
            made.DotAttention,
            "scale",
            [n for n in NOT_POSITIVE if n is not None],
        ),
        (made.SeluRegressor, "units", [*NOT_WHOLE, None, 0, -5]),
        (made.DeadUnits, "units", [*NOT_WHOLE, None, 0, -5]),
        (made.Reconstruction, "weight", NOT_POSITIVE[1:-1]),
        (made.ActivationPenalty, "factor", NOT_POSITIVE[1:-1]),
        (adversarial, "amount", NOT_POSITIVE[1:-1]),
        (adversarial, "weight", [*NOT_POSITIVE[1:-1], 1.01]),
        (adversarial, "bounds", [(1, 0), (0, 0), (0,), (0, 1, 2), 5, "01"]),
        (shuffled, "batch_size", [*NOT_WHOLE, None, 0, -5]),
        (shuffled, "seed", [*NOT_WHOLE, None, -1]),
        (made.NormLimit, "axis", [*NOT_WHOLE, None, (), (0, 1.5)]),
        (made.BinaryDense, "units", [*NOT_WHOLE, None, 0, -5]),
        (checked_square, "tolerance", NOT_POSITIVE),
        (checked_square, "most", [*NOT_WHOLE, None, 0, -5]),
        (sgd, "learning_rate", [*NOT_POSITIVE[1:-1], SCHEDULES.CosineDecay]),
        (sgd, "momentum", [*NOT_POSITIVE[1:-1], 1.0]),
        (sgd, "nesterov", ["no", None, 1]),
        (warmup, "peak", NOT_POSITIVE),
        (warmup, "warmup_steps", [*NOT_WHOLE, None, -1]),
        (warmup, "decay_steps", [*NOT_WHOLE, None, 0, -5]),
        (warmup, "final_share", [*NOT_POSITIVE[1:-1], 1.01]),
        (made.LossCurve, "every", [*NOT_WHOLE, None, 0]),
        (made.StopOnPlateau, "patience", [*NOT_WHOLE, None, 0]),
        (made.StopOnPlateau, "min_delta", NOT_POSITIVE[1:-1]),
        (made.StopOnPlateau, "mode", ["auto", None]),
    ]
    for value in values
]


def test_every_component_is_checked():
    exported = {
        name
        for name, value in vars(made).items()
        if getattr(value, "__module__", None) == made.__name__
    }
    assert exported == set(CONTRACTS) | NO_CONTRACT


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    check, component, options = CONTRACTS[name]
    check(component, **options).raise_if_failed()


@pytest.mark.parametrize(
    ("component", "argument", "value"),
    BAD_ARGUMENTS,
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    with pytest.raises(ValueError, match=f"^`{argument}` must be") as caught:
        component(**{argument: value})
    received = f"Received: {argument}={value!r}"
    assert str(caught.value).endswith(received)


@pytest.mark.filterwarnings("error")
def test_numbers_of_numpy_become_plain_ones():
    for value in (np.float16(0.5), np.float32(0.5), np.float64(0.5)):
        found = made.checked_number("value", value, above=0, most=1)
        assert (type(found), found) == (float, 0.5)
    found = made.checked_number("value", np.int64(3), least=3, whole=True)
    assert (type(found), found) == (int, 3)


def test_message_names_all_bounds():
    with pytest.raises(ValueError) as caught:
        made.checked_number("momentum", 1, least=0, below=1)
    assert str(caught.value) == (
        "`momentum` must be a finite number at least 0 and below 1. "
        "Received: momentum=1"
    )


# ---- Activations and initializers -------------------------------------------


def test_softplus_is_exact_in_both_tails_and_has_its_slope_at_zero():
    x = tf.constant([-80.0, -20.0, -1.0, 0.0, 1.0, 20.0, 3e38])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = made.my_softplus(x)
    exact = np.logaddexp(0, x.numpy().astype("float64"))
    slopes = np.exp(-np.logaddexp(0, -x.numpy().astype("float64")))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(value, x), slopes, rtol=1e-6)


def test_softplus_takes_whole_numbers():
    np.testing.assert_allclose(
        made.my_softplus([0, 1]), [0.69314718, 1.31326169], rtol=1e-6
    )


def test_scaled_softplus_becomes_relu():
    x = np.linspace(-3, 3, 13, dtype="float32")
    sharp = made.ScaledSoftplus(sharpness=1000)(x)
    np.testing.assert_allclose(sharp, np.maximum(x, 0), atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 3, 4, 5), (24, 30))],
)
def test_fans(shape, fans):
    assert made.compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(400, 200), (3, 3, 64, 32)])
def test_glorot_has_its_standard_deviation_and_is_not_truncated(shape):
    expected = np.sqrt(2 / sum(made.compute_fans(shape)))
    for gain, draw in (
        (1, lambda: made.my_glorot(shape)),
        (1.5, lambda: made.GlorotNormal(1.5, seed=0)(shape)),
    ):
        keras.utils.set_random_seed(0)
        weights = np.asarray(draw()) / (gain * expected)
        assert abs(weights.mean()) < 0.02
        assert 0.98 < weights.std() < 1.02
        assert np.abs(weights).max() > 3


def test_glorot_without_a_seed_draws_anew_at_each_call():
    draw = made.GlorotNormal()
    assert not np.array_equal(draw((3, 3)), draw((3, 3)))


# ---- Regularizers and constraints -------------------------------------------


def test_penalty_is_a_scalar_of_the_dtype_of_the_weights():
    for dtype in ("float16", "float32", "float64"):
        weights = tf.constant([[1.0, -2.0]], dtype)
        penalty = made.L1Regularizer(0.5)(weights)
        assert (penalty.shape, penalty.dtype) == ((), weights.dtype)
        assert float(penalty) == 1.5


def test_norm_limit_leaves_what_is_allowed_to_the_last_bit():
    weights = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    weights *= np.array([0.1, 1, 5, 0], dtype="float32")
    limited = np.asarray(made.NormLimit(1.0)(weights))
    norms = np.linalg.norm(weights, axis=0)
    small = norms <= 1
    assert 0 < small.sum() < 4
    np.testing.assert_array_equal(limited[:, small], weights[:, small])
    after = np.linalg.norm(limited, axis=0)
    np.testing.assert_allclose(after[~small], 1, rtol=1e-6)


def test_norm_limit_keeps_a_tuple_of_axes_through_json():
    limit = made.NormLimit(1.0, axis=[0, 1])  # a file has lists, no tuples
    assert limit.axis == (0, 1)
    assert made.NormLimit.from_config(limit.get_config()).axis == (0, 1)


def test_constraint_holds_after_training():
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, kernel_constraint=made.PositiveWeights())
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    x = np.random.default_rng(0).normal(size=(64, 4))
    model.fit(x, -x[:, :3], epochs=5, verbose=0)
    assert np.min(dense.kernel) == 0


# ---- Metrics ----------------------------------------------------------------


def streamed(metric, y_true, y_pred, size, weights=None):
    """Return the result after batches of a size."""
    metric.reset_state()
    for begin in range(0, len(y_true), size):
        part = slice(begin, begin + size)
        some = None if weights is None else weights[part]
        metric.update_state(y_true[part], y_pred[part], sample_weight=some)
    return float(metric.result())


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("weights", [None, (64,), (64, 1), (64, 5)])
def test_huber_metrics_are_the_weighted_mean_for_any_batches(size, weights):
    random = np.random.default_rng(0)
    y_true, y_pred = random.normal(size=(2, 64, 5, 3)).astype("float32")
    if weights is not None:
        weights = random.uniform(size=weights).astype("float32")
    values = np.asarray(made.create_huber(0.5)(y_true, y_pred))
    wide = np.ones(64) if weights is None else weights
    wide = wide.reshape(64, -1) * np.ones((64, 5))
    expected = (wide * values).sum() / wide.sum()
    for metric in (made.HuberMetric(0.5), made.MeanHuber(0.5)):
        found = streamed(metric, y_true, y_pred, size, weights)
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_precision_and_auc_are_those_of_scikit_learn(size):
    random = np.random.default_rng(0)
    y_true = random.integers(0, 2, size=(200, 1))
    # On the middles of a hundred bins, where no two scores share an edge
    y_pred = (random.integers(0, 100, size=(200, 1)) + 0.5) / 100
    weights = random.uniform(size=200)
    precision = streamed(
        made.StreamingPrecision(0.3), y_true, y_pred, size, weights
    )
    assert precision == pytest.approx(
        sklearn.metrics.precision_score(
            y_true[:, 0], y_pred[:, 0] > 0.3, sample_weight=weights
        ),
        rel=1e-5,
    )
    auc = streamed(made.HistogramAUC(100), y_true, y_pred, size, weights)
    assert auc == pytest.approx(
        sklearn.metrics.roc_auc_score(
            y_true[:, 0], y_pred[:, 0], sample_weight=weights
        ),
        rel=1e-5,
    )


METRICS = [
    made.HuberMetric,
    made.MeanHuber,
    made.StreamingPrecision,
    made.HistogramAUC,
]


@pytest.mark.parametrize("metric", METRICS)
def test_metric_leaves_padded_steps_out(metric):
    random = np.random.default_rng(0)
    x = random.uniform(size=(6, 5, 1)).astype("float32")
    x[:, 3:] = 0  # padding
    y_true = random.integers(0, 2, size=(6, 5, 1))
    y_pred = keras.layers.Masking()(x)
    assert y_pred._keras_mask is not None
    masked, cut = metric(), metric()
    masked.update_state(y_true, y_pred)
    cut.update_state(y_true[:, :3], x[:, :3])
    assert float(masked.result()) == pytest.approx(float(cut.result()))
    masked.reset_state()
    weights = np.arange(1.0, 7.0)
    masked.update_state(y_true, y_pred, sample_weight=weights)
    cut.reset_state()
    cut.update_state(y_true[:, :3], x[:, :3], sample_weight=weights)
    assert float(masked.result()) == pytest.approx(float(cut.result()))


@pytest.mark.parametrize("metric", METRICS)
def test_metric_keeps_its_variables_in_its_dtype(metric):
    assert {v.dtype for v in metric(dtype="float64").variables} == {"float64"}


def test_auc_of_one_class_may_be_anything():
    metric = made.HistogramAUC()
    metric.update_state([[1], [1]], [[0.2], [0.9]])
    assert float(metric.largest_error()) == 1


def test_auc_is_never_further_off_than_it_says():
    random = np.random.default_rng(0)
    y_true = random.integers(0, 2, size=(300, 1))
    y_pred = np.clip(random.normal(0.4 + 0.2 * y_true, 0.2), 0, 1)
    exact = sklearn.metrics.roc_auc_score(y_true, y_pred)
    for bins in (2, 3, 10, 100):
        metric = made.HistogramAUC(bins)
        found = streamed(metric, y_true, y_pred, 50)
        assert abs(found - exact) <= float(metric.largest_error()) + 1e-6


# ---- Layers -----------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [None, {"a": (None, 3)}, [(None, 3), (None, 3)], (3,), (2, None)]
)
def test_what_is_not_one_shape_with_a_last_size_is_refused(shape):
    with pytest.raises(ValueError, match="`inputs` must be one tensor"):
        made.last_size(shape)


def test_last_size_is_a_plain_number():
    assert type(made.last_size((None, np.int64(3)))) is int


def test_multi_layer_combines_sample_by_sample():
    random = np.random.default_rng(0)
    series = random.normal(size=(3, 3, 2)).astype("float32")
    samples = np.array([[1, 0], [2, 4], [3, -1]], "float32")
    wide = samples[:, None]
    total, product, quotient = made.MyMultiLayer()([series, samples])
    np.testing.assert_allclose(total, series + wide)
    np.testing.assert_allclose(product, series * wide)
    divisor = np.where(wide == 0, np.inf, wide)
    np.testing.assert_allclose(quotient, series / divisor, rtol=1e-6)


@pytest.mark.parametrize("shapes", [[(2, 3), (3, 3)], [(2, 3), (2, 4, 5)]])
def test_multi_layer_refuses_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="`inputs` must have a batch axis"):
        made.MyMultiLayer()([np.zeros(shape) for shape in shapes])


def test_noise_has_its_stddev_and_is_new_at_each_call():
    zeros = np.zeros((200, 200), "float32")
    layer = made.AddGaussianNoise(0.3, seed=5)
    first, second = (layer(zeros, training=True).numpy() for _ in range(2))
    assert abs(first.mean()) < 0.01
    assert first.std() == pytest.approx(0.3, rel=0.02)
    assert not np.array_equal(first, second)
    again = made.AddGaussianNoise(0.3, seed=5)(zeros, training=True)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(layer(zeros), zeros)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_center_follows_the_mean_as_batch_normalization_does(dtype):
    ours = made.RunningCenter(0.9, dtype=dtype)
    theirs = keras.layers.BatchNormalization(momentum=0.9)
    random = np.random.default_rng(0)
    for _ in range(5):
        x = random.normal(3, 1, (20, 4, 2)).astype("float32")
        ours(x, training=True)
        theirs(x, training=True)
    exact = {"float16": 1e-2, "bfloat16": 5e-2}.get(dtype, 1e-5)
    mean = ours.mean.numpy().astype("float32")
    np.testing.assert_allclose(mean, theirs.moving_mean, rtol=exact)
    np.testing.assert_allclose(
        np.asarray(ours(x)).astype("float32"), x - mean, rtol=0, atol=exact
    )


def test_center_leaves_out_what_is_masked_and_what_is_frozen():
    x = np.array([[[1.0], [np.nan]], [[3.0], [5.0]]], "float32")
    mask = np.array([[True, False], [True, False]])
    center = made.RunningCenter(0.5)
    center(x, training=True, mask=mask)
    assert float(center.mean[0]) == 1  # half of (1 + 3) / 2
    center(x, training=True, mask=np.zeros((2, 2), bool))
    assert float(center.mean[0]) == 1
    center.trainable = False
    center(x, training=True)
    assert float(center.mean[0]) == 1
    whole = made.RunningCenter(0.0)
    ones = np.ones((2, 4, 3), "float32")
    whole(ones, training=True, mask=ones > 0)
    np.testing.assert_array_equal(whole.mean.numpy(), [1, 1, 1])


def test_block_adds_a_change_and_works_in_time():
    block = made.ResidualBlock(5, depth=2)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    y = block(x)
    change = x
    for layer in block.hidden:
        change = np.maximum(change @ layer.kernel + layer.bias, 0)
    change = change @ block.last.kernel + block.last.bias
    np.testing.assert_allclose(y, x + change, rtol=1e-5, atol=1e-6)
    wrapped = keras.layers.TimeDistributed(block)
    np.testing.assert_allclose(wrapped(x), y, rtol=1e-5, atol=1e-6)


# ---- Sequences --------------------------------------------------------------


def random_series(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_average_is_that_of_numpy_over_the_real_steps(dtype):
    x = random_series(4, 6, 2, 3)
    lengths = np.array([6, 3, 1, 0])
    mask = np.arange(6) < lengths[:, None]
    x[~mask] = np.nan  # must not matter
    layer = made.MaskedAverage(dtype=dtype)
    seen = layer(x, mask=mask)
    expected = [
        x[i, :n].mean(axis=0) if n else 0 * x[0, 0]
        for i, n in enumerate(lengths)
    ]
    assert seen.dtype == dtype
    tolerance = 1e-6 if dtype in ("float32", "float64") else 1e-2
    np.testing.assert_allclose(
        np.asarray(seen).astype("float64"), expected, atol=tolerance
    )


def test_average_without_a_mask_takes_whole_numbers_and_long_series():
    average = made.MaskedAverage()
    assert average(np.array([[[1], [2]]]))[0, 0] == 1.5
    many = np.ones((1, 70_000, 1), "float16")
    assert made.MaskedAverage(dtype="float16")(many)[0, 0] == 1


def test_gradient_of_the_average_is_finite_without_a_real_step():
    x = tf.Variable(random_series(1, 3, 2))
    with tf.GradientTape() as tape:
        y = made.MaskedAverage()(x, mask=np.zeros((1, 3), "bool"))
    np.testing.assert_array_equal(tape.gradient(y, x), np.zeros((1, 3, 2)))


def test_average_ends_the_mask_and_the_others_pass_it_on():
    x = keras.layers.Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]], "float32"))
    assert not hasattr(made.MaskedAverage()(x), "_keras_mask")
    cell = made.LeakyCell(2, leak=0.3)
    query = x[:, :1]  # arithmetic: no mask
    for layer, inputs, steps in (
        (made.LayerNorm(), x, 2),
        (keras.layers.RNN(cell, return_sequences=True), x, 2),
        (made.DotAttention(), [x, x], 2),
        (made.DotAttention(), [query, x], None),
    ):
        mask = getattr(layer(inputs), "_keras_mask", None)
        if steps is None:
            assert mask is None
        else:
            np.testing.assert_array_equal(mask, [[True, False]])


@pytest.mark.parametrize("mean", [0, 100, 1e4, 1e6])
def test_layer_norm_is_that_of_float64(mean):
    x = random_series(50, 16) + np.float32(mean)
    wide = x.astype("float64")
    expected = wide - wide.mean(axis=-1, keepdims=True)
    expected /= np.sqrt(wide.var(axis=-1, keepdims=True) + 1e-3)
    tolerance = max(1e-6, 3e-7 * mean)
    seen = made.LayerNorm()(x)
    np.testing.assert_allclose(seen, expected, rtol=0, atol=tolerance)
    mixed = made.LayerNorm(dtype="mixed_float16")(x)
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=2e-3 + tolerance)


def test_layer_norm_of_equal_numbers_is_the_offset_with_a_finite_slope():
    x = tf.Variable(np.full((2, 4), 3.0, "float32"))
    with tf.GradientTape() as tape:
        y = made.LayerNorm(1e-6)(x)
        last = y[:, -1]
    np.testing.assert_array_equal(y, np.zeros((2, 4)))
    assert np.isfinite(tape.gradient(last, x)).all()


def test_layer_norm_takes_whole_numbers_and_float64():
    whole = made.LayerNorm()(np.array([[1, 2, 3]]))
    np.testing.assert_allclose(whole, [[-1.2238, 0, 1.2238]], atol=1e-4)
    x = np.random.default_rng(0).normal(size=(3, 8)) + 1e8
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(
        x.var(-1, keepdims=True) + 1e-3
    )
    seen = made.LayerNorm(dtype="float64")(x)
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_cell_with_leak_1_is_that_of_simple_rnn():
    x = random_series(3, 7, 2)
    ours = keras.layers.RNN(made.LeakyCell(5, leak=1), return_sequences=True)
    theirs = keras.layers.SimpleRNN(5, return_sequences=True)
    for layer in (ours, theirs):
        layer.build(x.shape)
    weights = [random_series(*weight.shape) for weight in ours.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=0, atol=1e-6)


def test_cell_follows_its_formula():
    cell = made.LeakyCell(3, leak=0.3)
    x, before = random_series(4, 2), random_series(4, 3)
    cell.build(x.shape)
    cell.set_weights([random_series(*w.shape) for w in cell.weights])
    kernel, recurrent_kernel, bias = cell.get_weights()
    output, states = cell(x, [before])
    new = np.tanh(x @ kernel + before @ recurrent_kernel + bias)
    expected = 0.7 * before + 0.3 * new
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6)
    assert len(states) == 1
    np.testing.assert_array_equal(states[0], output)


def test_padding_in_front_or_behind_changes_no_state():
    x = random_series(3, 5, 2)
    rnn = keras.layers.RNN(made.LeakyCell(4, leak=0.3))
    masking = keras.layers.Masking(-9.0)
    expected = rnn(x)
    for widths in ((0, 3), (3, 0)):
        padded = np.pad(x, [(0, 0), widths, (0, 0)], constant_values=-9)
        np.testing.assert_allclose(rnn(masking(padded)), expected, atol=1e-6)


def test_cell_works_in_all_that_rnn_offers():
    x = random_series(2, 6, 3)
    cell = made.LeakyCell(4, leak=0.3)
    rnn = keras.layers.RNN
    expected = rnn(cell)(x)
    for options in ({"unroll": True}, {"stateful": True}):
        np.testing.assert_allclose(rnn(cell, **options)(x), expected, atol=1e-6)
    stateful = rnn(cell, stateful=True)
    stateful(x[:, :4])
    np.testing.assert_allclose(stateful(x[:, 4:]), expected, atol=1e-6)
    output, state = rnn(cell, return_state=True)(x)
    np.testing.assert_array_equal(output, state)
    stacked = rnn([made.LeakyCell(4, leak=0.3), made.LeakyCell(2, leak=1)])
    assert stacked(x).shape == (2, 2)
    assert keras.layers.Bidirectional(rnn(cell))(x).shape == (2, 8)
    assert (
        rnn(made.LeakyCell(4, leak=0.3))(np.array([[[1], [2]]])).shape[1] == 4
    )
    half = rnn(made.LeakyCell(4, leak=0.3, dtype="float16"), dtype="float16")
    assert half(x).dtype == "float16"


@pytest.mark.parametrize("scale", [None, 0.3, 2.0])
def test_attention_is_that_of_numpy(scale):
    query, value, key = (
        random_series(2, 3, 4),
        random_series(2, 5, 6),
        random_series(2, 5, 4)[::-1],
    )
    scores = query @ np.swapaxes(key, 1, 2) * (scale or 0.5)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    seen = made.DotAttention(scale)([query, value, key])
    np.testing.assert_allclose(seen, weights @ value, rtol=0, atol=1e-5)


def test_attention_treats_masks_as_keras_does():
    query, value = random_series(2, 3, 4), random_series(2, 5, 4)
    masks = [
        np.array([[1, 1, 0], [1, 0, 0]], "bool"),
        np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], "bool"),
    ]
    ours, theirs = made.DotAttention(1.0), keras.layers.Attention()
    for mask in (masks, [None, masks[1]], [masks[0], None], None):
        pair = [layer([query, value], mask=mask) for layer in (ours, theirs)]
        np.testing.assert_allclose(*pair, rtol=0, atol=1e-6)


def test_attention_with_nothing_to_look_at_is_zero_with_finite_slopes():
    value = tf.constant(random_series(1, 3, 2))
    mask = np.zeros((1, 3), "bool")
    with tf.GradientTape() as tape:
        tape.watch(value)
        y = made.DotAttention()([value, value], mask=[None, mask])
    np.testing.assert_array_equal(y, np.zeros((1, 3, 2)))
    slopes = tf.convert_to_tensor(tape.gradient(y, value))
    np.testing.assert_array_equal(slopes, np.zeros((1, 3, 2)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_attention_in_half_precision_takes_large_scores(dtype):
    x = 300 * random_series(2, 4, 8)
    mask = [None, np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "bool")]
    y = made.DotAttention(1.0, dtype=dtype)([x, x], mask=mask)
    assert y.dtype == dtype
    assert np.isfinite(np.asarray(y).astype("float32")).all()


def test_weights_of_a_query_sum_to_1_over_the_steps_that_are_seen():
    query, key = random_series(2, 3, 4), random_series(2, 5, 4)
    mask = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0]], "bool")
    weights = made.attention_weights(query, key, 2.0, mask).numpy()
    np.testing.assert_allclose(weights.sum(axis=-1), np.ones((2, 3)), atol=1e-6)
    assert (weights[~np.broadcast_to(mask[:, None], (2, 3, 5))] == 0).all()


ONE = np.ones((2, 5, 4), "float32")
BAD_ATTENTION = [
    ONE,  # its two samples are no query and no value
    [ONE],
    [ONE] * 4,
    [ONE, ONE[:, :, :2]],
    [ONE, ONE, ONE[:, :3]],
    [ONE, ONE[:1]],
    [ONE[0], ONE[0]],
]


@pytest.mark.parametrize("inputs", BAD_ATTENTION)
@pytest.mark.parametrize("symbolic", [False, True])
def test_attention_refuses_what_does_not_fit(inputs, symbolic):
    if symbolic:
        inputs = keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape), inputs
        )
    with pytest.raises(ValueError, match="`inputs` must be a list of query"):
        made.DotAttention()(inputs)


def test_attention_refuses_a_mask_that_is_no_pair():
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.DotAttention()([ONE, ONE], mask=np.ones((2, 5), "bool"))


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 5), (3, 4), (2, 4, 1)])
def test_mask_of_another_shape_is_refused(shape):
    x, mask = np.ones((2, 4, 3), "float32"), np.ones(shape, "bool")
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.MaskedAverage()(x, mask=mask)
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        made.attention_weights(x, x, mask=mask)


def test_attention_lets_nothing_hidden_through_not_even_nan():
    mask = np.array([[True, False, True]])
    x = np.array([[[1, 2], [3, 4], [3, 1]]], "float32")
    spoiled = tf.Variable(np.where(mask[..., None], x, np.nan))
    with tf.GradientTape() as tape:
        y = made.DotAttention()([spoiled, spoiled], mask=[mask, mask])
    slope = tape.gradient(y, spoiled).numpy()
    np.testing.assert_array_equal(y, made.DotAttention()([x, x], [mask, mask]))
    assert np.isfinite(slope).all() and not slope[0, 1].any()


def test_attention_weights_sum_to_one_however_low_the_scores_are():
    low = np.array([[[-1e5], [-1e5], [1.0]]], "float32")
    mask = np.array([[True, True, False]])
    weights = made.attention_weights(-low[:, :1], low, 1.0, mask)
    np.testing.assert_allclose(weights[0, 0], [0.5, 0.5, 0])


def test_sums_in_half_precision_see_the_input_as_it_is():
    x = np.array([[[1e5], [-1e5], [3.0]]], "float32")
    average = made.MaskedAverage(dtype="mixed_float16")(x)
    np.testing.assert_allclose(average, [[1.0]], rtol=1e-3)


# ---- Models -----------------------------------------------------------------


def regressor_in_numpy(model, x):
    """Return what a `ResidualRegressor` must predict, in float64."""

    def dense(layer, x):
        return x @ np.float64(layer.kernel) + np.float64(layer.bias)

    hidden = dense(model.stem, np.float64(x))
    for block in model.blocks:
        change = np.maximum(dense(block.hidden[0], hidden), 0)
        hidden = hidden + dense(block.last, change)
    centred = hidden - hidden.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    normal = centred / np.sqrt(variance + model.norm.epsilon)
    scaled = normal * np.float64(model.norm.gamma) + model.norm.beta
    return dense(model.out, scaled)


def filled_regressor(dtype="float32", units=4, depth=3):
    """Return a built model in which no weight is what it began with."""
    model = made.ResidualRegressor(units, depth=depth, dtype=dtype)
    model.build((None, 5))
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape, scale=0.5))
    return model


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        ("float64", 1e-12),
        ("float32", 1e-5),
        ("mixed_float16", 2e-2),
        ("mixed_bfloat16", 2e-1),
    ],
)
def test_regressor_computes_its_formula_in_each_dtype(dtype, tolerance):
    model = filled_regressor(dtype)
    x = np.random.default_rng(2).normal(size=(7, 5))
    found = model(x)
    assert found.dtype == model.compute_dtype
    assert {layer.compute_dtype for layer in model.layers} == {found.dtype.name}
    found = np.asarray(tf.cast(found, "float64"))
    expected = regressor_in_numpy(model, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_regressor_takes_whole_numbers_and_one_sample():
    model = filled_regressor()
    whole = np.arange(5, dtype="int32")[None]
    np.testing.assert_array_equal(model(whole), model(whole.astype("float32")))
    assert model(whole).shape == (1, 1)


@pytest.mark.parametrize("depth", [*NOT_WHOLE, None, 0, -5])
def test_bad_depth_is_named_with_its_value(depth):
    with pytest.raises(ValueError, match=r"^`depth` must be") as caught:
        made.ResidualRegressor(4, depth=depth)
    assert str(caught.value).endswith(f"Received: depth={depth!r}")


@pytest.mark.parametrize(
    "shape", [(5,), (None, None), (None, 2, 5), [(None, 5), (None, 5)]]
)
def test_regressor_refuses_other_shapes_when_it_is_built(shape):
    model = made.ResidualRegressor(4)
    with pytest.raises(ValueError, match=r"^`inputs` must"):
        model.build(shape)
    assert not model.weights


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 5)])
def test_built_regressor_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="incompatible with the layer"):
        filled_regressor()(np.ones(shape, "float32"))


@pytest.mark.parametrize("called", [True, False])
def test_regressor_is_restored_with_its_optimizer(called, tmp_path):
    model = filled_regressor()
    x = np.random.default_rng(3).normal(size=(8, 5)).astype("float32")
    if called:
        model.compile("adam", loss="mse")
        model.fit(x, x[:, :1], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.units, loaded.depth) == (4, 3)
    pairs = list(zip(model.variables, loaded.variables, strict=True))
    if called:
        states = model.optimizer.variables, loaded.optimizer.variables
        pairs += zip(*states, strict=True)
    for before, after in pairs:
        np.testing.assert_array_equal(before.value, after.value)
    np.testing.assert_array_equal(model(x), loaded(x))


def test_regressor_keeps_the_gradient_in_size_however_deep_it_is():
    x = np.random.default_rng(4).normal(size=(64, 5)).astype("float32")
    for depth in (2, 40):
        keras.utils.set_random_seed(0)
        model = made.ResidualRegressor(16, depth=depth)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - x[:, :1]))
        kernels = [w.value for w in model.weights if w.name == "kernel"]
        norms = [float(tf.norm(g)) for g in tape.gradient(loss, kernels)]
        assert min(norms) > 0.01 and max(norms) < 100


# ---- Losses from inside the model -------------------------------------------


def regressor_and_data(kind=made.ReconstructingRegressor):
    keras.utils.set_random_seed(0)
    x, y = np.random.default_rng(0).normal(size=(2, 10, 4)).astype("float32")
    model = kind(6, reconstruction_weight=2.0)
    model.compile("sgd", loss="mse")
    return model, x, y[:, :1]


@pytest.mark.parametrize(
    "kind", [made.ReconstructingRegressor, made.ComputeLossRegressor]
)
def test_loss_is_that_of_the_target_and_the_reconstruction(kind):
    model, x, y = regressor_and_data(kind)
    found = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    rebuilt = model.reconstruction.dense(model.encode(x))
    error = np.mean(np.square(rebuilt - x))
    wrong = np.mean(np.square(model(x) - y))
    assert found["reconstruction_error"] == pytest.approx(error, rel=1e-5)
    model.reset_metrics()
    trained = model.train_on_batch(x, y, return_dict=True)
    assert trained["loss"] == pytest.approx(wrong + 2 * error, rel=1e-5)
    assert trained["reconstruction_error"] == pytest.approx(error, rel=1e-5)


def test_prediction_computes_no_reconstruction():
    model, x, _ = regressor_and_data()
    model.predict(x, verbose=0)
    assert float(model.reconstruction.tracker.count) == 0
    assert model(x) is not None and not model.losses


@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 4), (2,)])
def test_regressor_refuses_other_shapes(shape):
    model, x, _ = regressor_and_data()
    model(x)
    with pytest.raises(ValueError, match=r"expected (axis|ndim)|min_ndim"):
        model(np.zeros(shape))


def test_reconstruction_refuses_inputs_that_would_broadcast():
    layer = made.Reconstruction(1.0)
    layer(np.zeros((2, 3)), np.zeros((2, 4)))
    for shape in ((2, 1), (2, 4, 4)):
        with pytest.raises(ValueError, match=r"\(batch, 4\)"):
            layer(np.zeros((2, 3)), np.zeros(shape))


def test_penalty_does_not_depend_on_the_size_of_the_batch():
    layer = made.ActivationPenalty(0.5)
    for batch in (1, 7):
        layer(np.full((batch, 2, 3), -2.0))
        assert float(layer.losses[0]) == 0.5 * 2 * 6


def test_dead_units_are_those_that_never_spoke():
    metric = made.DeadUnits(4)
    metric.update_state([[1.0, 0, 0, -1], [0, 0, 0, 0]])
    metric.update_state([[[0.0, 2, 0, 0]]])
    assert float(metric.result()) == 0.5
    metric.reset_state()
    assert float(metric.result()) == 1
    with pytest.raises(ValueError, match=r"\(batch, ..., 4\)"):
        metric.update_state([[1.0, 2]])


# ---- Gradients ---------------------------------------------------------------


def derivatives(function, x):
    """The value and two derivatives of a function of one number each."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = function(x)
        slope = inner.gradient(value, x)
    return value, slope, outer.gradient(slope, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_softplus_is_exact_with_both_derivatives(dtype):
    x = tf.constant([-80.0, -20, -1, 0, 1, 20, 99, 1e30], dtype)
    value, slope, bend = derivatives(made.exact_softplus, x)
    exact = x.numpy().astype("float64")
    sigmoid = np.exp(-np.logaddexp(0, -exact))
    other = np.exp(-np.logaddexp(0, exact))
    np.testing.assert_allclose(value, np.logaddexp(0, exact), rtol=1e-6)
    np.testing.assert_allclose(slope, sigmoid, rtol=1e-6)
    np.testing.assert_allclose(bend, sigmoid * other, rtol=1e-5, atol=1e-8)


def test_exact_softplus_multiplies_by_what_comes_after():
    made.check_gradient(
        lambda x: made.exact_softplus(3 * x) ** 2, np.linspace(-2, 2, 5)
    )


def test_straight_through_sign_passes_the_gradient_near_zero():
    x = tf.constant([-1.5, -1.0, -0.2, 0.0, 0.7, 1.0, 1.1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        signs = made.straight_through_sign(x)
        total = tf.reduce_sum(3 * signs)
    np.testing.assert_array_equal(signs, [-1, -1, -1, 1, 1, 1, 1])
    np.testing.assert_array_equal(
        tape.gradient(total, x), [0, 3, 3, 3, 3, 3, 0]
    )


def test_straight_through_sign_hides_no_nan():
    seen = made.straight_through_sign(tf.constant([np.nan, -0.0, -3.0, 3.0]))
    np.testing.assert_array_equal(seen, [np.nan, 1, -1, 1])


@pytest.mark.parametrize("name", ["exact_softplus", "straight_through_sign"])
def test_function_with_its_own_gradient_works_in_a_functional_model(name):
    function = getattr(made, name)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, function(inputs))
    x = np.float32([[-2.0, 0.5, 3.0]])
    np.testing.assert_array_equal(model(x), function(x))


def test_binary_dense_computes_its_formula():
    layer = made.BinaryDense(4, activation="relu")
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    layer(x)
    layer.bias.assign([0.5, -0.5, 1.0, 0.0])
    signs = np.where(layer.kernel.numpy() >= 0, 1, -1)
    expected = np.maximum(x @ signs / np.sqrt(3) + layer.bias.numpy(), 0)
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


def test_binary_dense_learns_which_sign_is_right():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    wanted = np.where(np.arange(8) % 2, 1.0, -1.0).astype("float32")
    model = keras.Sequential([keras.Input((8,)), made.BinaryDense(1)])
    model.compile(keras.optimizers.Adam(0.05), loss="mse")
    model.fit(x, x @ wanted / np.sqrt(8), epochs=20, verbose=0)
    signs = np.sign(model.layers[0].kernel.numpy()[:, 0])
    np.testing.assert_array_equal(signs, wanted)


def test_binary_dense_without_features_has_its_bias_left():
    outputs = made.BinaryDense(2)(np.ones((3, 0), "float32"))
    np.testing.assert_array_equal(outputs, np.zeros((3, 2)))


ROWS = np.random.default_rng(0).normal(size=(3, 4))
RIGHT = {
    "power": lambda x: x**3,
    "softmax": tf.nn.softmax,
    "steep": lambda x: tf.sin(300 * x),
    "large": lambda x: 1e6 * x**2 + 1e8,
    "small": lambda x: 1e-9 * tf.exp(x),
    "float32 inside": lambda x: tf.cast(tf.cast(x, "float32") ** 3, x.dtype),
    "float32 kernel": lambda x: x @ tf.ones((4, 2)),
    "corner": lambda x: tf.nn.relu(x - ROWS),
    "near a corner": lambda x: tf.abs(x - ROWS + 3e-5),
    "a step": lambda x: tf.sign(x),
    "dense": keras.layers.Dense(3, "gelu"),
    "norm": keras.layers.LayerNormalization(),
    "two outputs": lambda x: {"a": x**2, "b": [tf.sin(x)]},
    "scalar": tf.reduce_logsumexp,
    "far from zero": lambda x: tf.sin(x + 1e4),
    "saturated": lambda x: tf.nn.softmax(tf.cast(40 * x, "float32")),
    "stairs": lambda x: tf.cast(x, "float32") + 1e4,
}


@pytest.mark.parametrize("name", RIGHT)
def test_check_gradient_accuses_nobody_without_reason(name):
    made.check_gradient(RIGHT[name], ROWS)


def test_check_gradient_takes_several_arguments_and_lists():
    made.check_gradient(
        keras.layers.MultiHeadAttention(2, 3),
        *np.random.default_rng(1).normal(size=(2, 2, 4, 3)),
    )
    made.check_gradient(keras.losses.Huber(), ROWS, ROWS[::-1])
    made.check_gradient(lambda x, y: x * y, [1.0, 2.0], 3)


@pytest.mark.parametrize("size", [1.0, 13.0, 28.0, 100.0])
def test_check_gradient_trusts_no_slope_below_the_rounding(size):
    def loss(logits):
        logits = tf.cast(logits, "float32")
        return tf.nn.softmax_cross_entropy_with_logits([1.0, 0, 0], logits)

    made.check_gradient(loss, [size, 0.0, -size])


@tf.custom_gradient
def doubled(x):
    return x * 2, lambda upstream: upstream * 2.1


@tf.custom_gradient
def forgetful(x):
    return x * 2, lambda upstream: tf.fill(tf.shape(x), tf.cast(2, x.dtype))


WRONG = {
    "None": (tf.round, "`[a-z]+`: the gradient is None"),
    "constant": (lambda x: tf.ones(3), "`x`: the gradient is None"),
    "NumPy": (
        lambda x: tf.constant(np.square(x)),
        "`x`: the gradient is None",
    ),
    "five percent": (doubled, r"`x` at \(0, 0\): gradient"),
    "upstream": (forgetful, r"`x` at \(0, 0\): gradient 2, slope"),
    "NaN": (
        lambda x: tf.where(x > 9, tf.sqrt(x - 9), x) * 0 + x**0.5 * 0 + 1,
        "not finite",
    ),
    "NaN through where": (
        lambda x: tf.where(x > 9, (x - 9) ** 0.5, x),
        r"`x` at \(0, 0\): gradient nan, slope",
    ),
    "part": (
        lambda x: x * tf.stop_gradient(x),
        r"`x` at \(0, 0\): gradient .*, slope",
    ),
    "sign": (made.straight_through_sign, r"`x` at .*slope 0"),
    "NaN outputs": (lambda x: tf.sqrt(-tf.abs(x)), "not finite"),
    "random": (lambda x: x * tf.random.uniform(()), "from call to call"),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_gradient_names_the_argument_the_place_and_the_numbers(name):
    function, message = WRONG[name]
    with pytest.raises(AssertionError, match=message):
        made.check_gradient(function, ROWS)


def test_check_gradient_names_the_second_argument():
    with pytest.raises(AssertionError) as caught:
        made.check_gradient(
            lambda x, scale: x * tf.stop_gradient(scale) + 0 * scale,
            np.ones(2),
            np.full(2, 3.0),
        )
    lines = str(caught.value).splitlines()
    assert [line[:12] for line in lines] == ["`scale` at (", "`scale` at ("]


def test_check_gradient_finds_one_wrong_place_among_many():
    def one_wrong(x):
        first = tf.stop_gradient(x[:1]) * 2 - x[:1]
        return tf.concat([first, x[1:]], axis=0)

    with pytest.raises(AssertionError, match=r"at \(0,\): gradient -"):
        made.check_gradient(one_wrong, np.ones(40), most=40)


@tf.custom_gradient
def root_with_a_wrong_gradient(x):
    return tf.sqrt(x), lambda upstream: upstream * 7


@pytest.mark.parametrize("place", [0.0, 1e-12])
def test_check_gradient_says_where_a_function_ends(place):
    with pytest.raises(AssertionError, match=r"gradient 7.*, slope"):
        made.check_gradient(root_with_a_wrong_gradient, [place])


def test_check_gradient_refuses_half_precision():
    layer = keras.layers.Dense(3, dtype="mixed_float16")
    with pytest.raises(ValueError, match="Received: outputs in float16"):
        made.check_gradient(layer, ROWS)


def test_check_gradient_needs_an_array():
    with pytest.raises(ValueError, match="`arrays` must"):
        made.check_gradient(tf.square)
    with pytest.raises(ValueError, match=r"none of them empty.*\[2, 0\]"):
        made.check_gradient(tf.add, np.ones(2), np.zeros((0, 3)))


# ---- Training loops ----------------------------------------------------------


def test_inputs_move_uphill_by_the_amount_and_stay_within_bounds():
    x = np.array([[0.5, 0.05, 0.95]], "float32")
    slopes = np.array([[2.0, -0.1, 3.0]], "float32")
    moved = made.move_uphill(lambda x: tf.reduce_sum(slopes * x), x, 0.1)
    np.testing.assert_allclose(moved, [[0.6, -0.05, 1.05]], rtol=1e-6)
    kept = made.move_uphill(lambda x: tf.reduce_sum(slopes * x), x, 0.1, (0, 1))
    np.testing.assert_allclose(kept, [[0.6, 0, 1]], rtol=1e-6)


def test_inputs_without_a_slope_are_refused():
    x = np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match="floats that the loss depends on"):
        made.move_uphill(lambda x: tf.constant(1.0), x, 0.1)
    with pytest.raises(ValueError, match="int64"):
        made.move_uphill(tf.reduce_sum, np.ones(3, "int64"), 0.1)


def classifier(seed=0):
    keras.utils.set_random_seed(seed)
    stack = [keras.layers.Dense(6, "relu"), keras.layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((4,)), *stack, keras.layers.Dense(3)])


def trained(model, **options):
    random = np.random.default_rng(0)
    x = random.normal(size=(22, 4)).astype("float32")
    y = random.integers(0, 3, 22)
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    return model.fit(
        x, y, batch_size=8, epochs=2, verbose=0, shuffle=False, **options
    ).history


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sample_weight": np.linspace(0, 2, 22)},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.0}},
    ],
    ids=["plain", "sample_weight", "class_weight"],
)
def test_adversarial_model_without_weight_is_the_model(options):
    plain, model = classifier(), classifier()
    expected = trained(plain, **options)
    found = trained(made.AdversarialModel(model, 0.2, weight=0.0), **options)
    assert set(found) == {*expected, "attacked_loss"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    moved = trained(made.AdversarialModel(classifier(), 0.2), **options)
    assert not np.allclose(moved["loss"], expected["loss"], atol=1e-3)


def test_adversarial_evaluation_has_both_losses():
    model = made.AdversarialModel(classifier(), 0.2, weight=0.7)
    trained(model)
    x = np.random.default_rng(1).normal(size=(10, 4)).astype("float32")
    y = np.arange(10) % 3
    found = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    moved = made.move_uphill(lambda x: loss(y, model(x)), x, 0.2)
    assert found["loss"] == pytest.approx(float(loss(y, model(x))), rel=1e-4)
    assert found["attacked_loss"] == pytest.approx(
        float(loss(y, model(moved))), rel=1e-4
    )
    assert found["attacked_loss"] > found["loss"] + 0.01


def test_adversarial_loss_is_the_weighted_sum():
    model = made.AdversarialModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        0.2,
        weight=0.7,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    x = np.random.default_rng(1).normal(size=(9, 4)).astype("float32")
    y = np.arange(9) % 3
    moved = made.move_uphill(lambda x: loss(y, model(x)), x, 0.2)
    expected = 0.3 * loss(y, model(x)) + 0.7 * loss(y, model(moved))
    found = model.train_on_batch(x, y, return_dict=True)["loss"]
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_attack_in_half_precision_moves_what_it_moves_in_float32():
    """Slopes of a mean over many rows are too small for float16."""
    random = np.random.default_rng(0)
    x = random.normal(size=(5000, 4)).astype("float32")
    y = random.integers(0, 3, 5000)
    found = []
    for dtype in ("float32", "mixed_float16"):
        dense = keras.layers.Dense(3, dtype=dtype)
        model = keras.Sequential([keras.Input((4,)), dense])
        model.set_weights([np.full((4, 3), 1e-4) * np.arange(3), np.zeros(3)])
        model = made.AdversarialModel(model, 0.5, dtype=dtype)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        rate = keras.optimizers.SGD(0.1)
        if dtype != "float32":
            rate = keras.optimizers.LossScaleOptimizer(rate)
        model.compile(rate, loss)
        scores = model.evaluate(
            x, y, batch_size=5000, verbose=0, return_dict=True
        )
        found.append(scores["attacked_loss"] - scores["loss"])
    assert found[1] == pytest.approx(found[0], rel=0.2) != 0


def test_adversarial_model_takes_no_function():
    with pytest.raises(ValueError, match=r"`model` must be a keras\.Model"):
        made.AdversarialModel(lambda x: x, 0.1)


def test_batches_have_each_row_once_and_repeat_with_the_epoch():
    batches, orders = shuffled(batch_size=4, seed=3), []
    for epoch in (0, 1, 1, 0):
        batches.set_epoch(epoch)
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        assert sorted(x) == list(range(10))
        np.testing.assert_array_equal(y, 10 * x)
        orders.append(list(x))
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert orders[1] == orders[2] and orders[0] == orders[3] != orders[1]
    assert list(shuffled(seed=4)[0][0]) != list(shuffled(seed=3)[0][0])


def test_batches_of_unequal_arrays_are_refused():
    for arrays in ((np.ones(3), np.ones(2)), (np.ones(0),), ()):
        with pytest.raises(ValueError, match="equally many rows"):
            made.ShuffledBatches(arrays, 2, 0)
    with pytest.raises(ValueError, match="Received: ndarray"):
        made.ShuffledBatches(np.ones((3, 2)), 2, 0)


def test_accumulated_gradients_are_those_of_the_large_batch():
    x = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
    model = classifier()

    def gradients_of(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x)))
        return tape.gradient(loss, model.trainable_variables)

    parts = ((gradients_of(part), len(part)) for part in np.split(x, [32, 64]))
    found = made.accumulate_gradients(parts)
    for a, b in zip(found, gradients_of(x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_accumulated_gradients_may_be_missing():
    parts = [([None, tf.ones(2)], 1), ([None, tf.zeros(2)], 3)]
    missing, found = made.accumulate_gradients(parts)
    assert missing is None
    np.testing.assert_allclose(found, [0.25, 0.25])
    for parts in ([], [([tf.ones(2)], 0)]):
        with pytest.raises(ValueError, match="`parts` must have"):
            made.accumulate_gradients(parts)
    with pytest.raises(ValueError, match="`weight` must be"):
        made.accumulate_gradients([([tf.ones(2)], -1)])
    with pytest.raises(ValueError, match="alike in shapes and dtypes"):
        made.accumulate_gradients([([None], 1), ([tf.ones(2)], 1)])
    for other in (tf.ones(1), tf.ones((2, 2)), tf.ones(2, "float64")):
        with pytest.raises(ValueError, match="alike in shapes and dtypes"):
            made.accumulate_gradients([([tf.ones(2)], 1), ([other], 1)])


def test_part_without_weight_does_not_count():
    nothing = [tf.constant([np.nan, np.inf])], 0
    for parts in ([nothing, ([tf.ones(2)], 3)], [([tf.ones(2)], 3), nothing]):
        np.testing.assert_array_equal(
            made.accumulate_gradients(parts)[0], [1, 1]
        )


def test_accumulated_gradients_may_be_sparse_or_large():
    slices = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), (3, 2))
    (found,) = made.accumulate_gradients(
        [([slices], 1), ([tf.ones((3, 2))], 1)]
    )
    np.testing.assert_array_equal(found, [[0.5, 0.5], [1, 1], [0.5, 0.5]])
    largest = tf.constant([tf.float16.max], "float16")
    (found,) = made.accumulate_gradients([([largest], 32)] * 3)
    np.testing.assert_allclose(found, largest, rtol=1e-3)
    opposite = [([largest], 1), ([-largest], 1)]
    np.testing.assert_array_equal(made.accumulate_gradients(opposite)[0], [0])


def parts_of(model):
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    return {"model": model, "optimizer": optimizer}


def test_checkpoint_has_random_states_and_the_optimizer(tmp_path):
    old, new = parts_of(classifier(0)), parts_of(classifier(1))
    x = np.ones((50, 4), "float32")
    old["model"](x, training=True)  # moves the random state
    old["optimizer"].apply([v + 1.0 for v in old["model"].trainable_variables])
    made.save_checkpoint(tmp_path / "file", old, {"epoch": 3})
    assert made.restore_checkpoint(tmp_path / "file", new) == {"epoch": 3}
    for part in old:
        pairs = zip(old[part].variables, new[part].variables, strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    drawn = [parts["model"](x, training=True) for parts in (old, new)]
    np.testing.assert_array_equal(*drawn)


class Holder:
    """Something with variables, and nothing else."""

    def __init__(self, *variables):
        self.variables = variables


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (keras.Variable(np.ones(3, "int32"), name="a"), "'float32'.*'int32'"),
        (keras.Variable(np.ones(4, "float32"), name="a"), r"\[3\].*\[4\]"),
        (keras.Variable(np.ones(3, "float32"), name="b"), "part: a.*part: b"),
        (None, r"part: a.*None"),
    ],
    ids=["dtype", "shape", "name", "missing"],
)
def test_checkpoint_that_does_not_fit_changes_nothing(tmp_path, wrong, message):
    def variable(name, value):
        return keras.Variable(np.full(3, value, "float32"), name=name)

    old = {"part": Holder(variable("first", 2.0), variable("a", 2.0))}
    made.save_checkpoint(tmp_path / "file", old, {})
    first = variable("first", 5.0)
    new = {"part": Holder(first, *([] if wrong is None else [wrong]))}
    with pytest.raises(ValueError, match=message):
        made.restore_checkpoint(tmp_path / "file", new)
    np.testing.assert_array_equal(first.numpy(), [5, 5, 5])


def test_checkpoint_of_a_part_that_is_not_built_is_refused(tmp_path):
    unbuilt = {"model": keras.Sequential([keras.layers.Dense(2)])}
    with pytest.raises(ValueError, match=r"must be built\. 'model' is not"):
        made.save_checkpoint(tmp_path / "file", unbuilt, {})
    assert not list(tmp_path.iterdir())


def test_checkpoint_knows_layers_by_the_order_of_their_numbers(tmp_path):
    def numbered(*names):
        return {"part": Holder(*(keras.Variable([0.0], name=n) for n in names))}

    made.save_checkpoint(
        tmp_path / "file", numbered("a_9", "a_10", "b_2_c"), {}
    )
    made.restore_checkpoint(tmp_path / "file", numbered("a", "a_1", "b_c"))
    for names in (("a_10", "a_9", "b_c"), ("a_1", "a_1", "b_c")):
        with pytest.raises(ValueError, match="variables of the file"):
            made.restore_checkpoint(tmp_path / "file", numbered(*names))


@pytest.mark.parametrize(
    "content", ["version", "empty", "half", "text", "array", "zip"]
)
def test_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path, variable = tmp_path / "file", keras.Variable(np.ones(3), name="a")
    made.save_checkpoint(path, {"part": Holder(variable)}, {})
    if content in ("array", "zip"):
        write = np.save if content == "array" else np.savez
        with open(path, "wb") as file:
            write(file, np.ones(3))
    else:
        whole = path.read_bytes()
        found = {"empty": b"", "half": whole[:200], "text": b"epoch 3"}
        found["version"] = whole.replace(b"PK\1\2-\3-", b"PK\1\2-\3l")
        assert found["version"] != whole
        path.write_bytes(found[content])
    with pytest.raises(ValueError, match=r"`path` must be a file of .*file$"):
        made.restore_checkpoint(path, {"part": Holder(variable)})


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bool", "int64"])
def test_checkpoint_keeps_every_dtype(tmp_path, dtype):
    old = keras.Variable(np.array([0, 1, 1]), dtype=dtype, name="a")
    new = keras.Variable(np.zeros(3), dtype=dtype, name="a")
    made.save_checkpoint(tmp_path / "file", {"p": Holder(old)}, {})
    made.restore_checkpoint(tmp_path / "file", {"p": Holder(new)})
    assert keras.ops.convert_to_numpy(new == old).all()


def test_kill_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    parts = {"part": Holder(keras.Variable(np.ones(3), name="a"))}
    made.save_checkpoint(path, parts, {"epoch": 1})
    with pytest.raises(TypeError):
        made.save_checkpoint(path, parts, {"epoch": np.ones(3)})
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

    def killed(file, *arrays, **more):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        made.save_checkpoint(path, parts, {"epoch": 2})
    assert made.restore_checkpoint(path, parts) == {"epoch": 1}


# ---- Optimizers, schedules and callbacks ------------------------------------

OPTIONS = [
    {},
    {"weight_decay": 0.01},
    {"clipnorm": 0.1},
    {"clipvalue": 0.05},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 4},
]


def steps_of(optimizer, compiled, dtype="float32", count=60):
    """The weights after some steps with given gradients, and the state."""
    random = np.random.default_rng(0)
    weights = [
        keras.Variable(random.normal(size=n), dtype=dtype) for n in (3, 5)
    ]
    optimizer.build(weights)

    def apply(*gradients):
        optimizer.apply(list(gradients), weights)

    if compiled:
        apply = tf.function(apply)
    for _ in range(count):
        apply(
            *[tf.constant(random.normal(size=w.shape), dtype) for w in weights]
        )
    return [w.numpy() for w in weights]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: next(iter(o), "none")
)
def test_momentum_makes_the_steps_of_keras(nesterov, options):
    arguments = {"momentum": 0.8, "nesterov": nesterov, **options}
    expected = steps_of(keras.optimizers.SGD(0.05, **arguments), True)
    for compiled in (True, False):
        seen = steps_of(made.MomentumSGD(0.05, **arguments), compiled)
        for ours, theirs in zip(seen, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_momentum_follows_its_formula_in_float64():
    seen = steps_of(made.MomentumSGD(0.05, momentum=0.8), True, "float64")
    random = np.random.default_rng(0)
    weights = [random.normal(size=n) for n in (3, 5)]
    velocities = [np.zeros(n) for n in (3, 5)]
    rate = np.float64(np.float32(0.05))
    for _ in range(60):
        for place in (0, 1):
            gradient = random.normal(size=weights[place].shape)
            velocities[place] = 0.8 * velocities[place] - rate * gradient
            weights[place] = weights[place] + velocities[place]
    for ours, expected in zip(seen, weights, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheduled", [False, True])
def test_resumed_training_is_the_unbroken_one_to_the_last_bit(
    scheduled, tmp_path
):
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    rate = made.WarmupCosine(0.05, 5, 15) if scheduled else 0.05
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile(made.MomentumSGD(rate, 0.8, nesterov=True), loss="mse")
    for _ in range(10):
        model.train_on_batch(x, x[:, :2])
    model.save(tmp_path / "half.keras")
    again = keras.models.load_model(tmp_path / "half.keras")
    for _ in range(10):
        model.train_on_batch(x, x[:, :2])
        again.train_on_batch(x, x[:, :2])
    assert int(again.optimizer.iterations) == 20
    for one in ("weights", "optimizer"):
        pairs = [
            m.weights if one == "weights" else m.optimizer.variables
            for m in (model, again)
        ]
        for ours, theirs in zip(*pairs, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_momentum_takes_the_sparse_gradients_of_an_embedding():
    trained = []
    for cls in (keras.optimizers.SGD, made.MomentumSGD):
        table = keras.Variable(np.ones((5, 2), "float32"))
        optimizer = cls(0.1, momentum=0.9)
        optimizer.build([table])
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table.value, [1, 1, 3]) ** 2)
            optimizer.apply(tape.gradient(loss, [table.value]), [table])
        trained.append(table.numpy())
    np.testing.assert_allclose(*trained, rtol=0, atol=1e-6)


@pytest.mark.parametrize("warmup_steps", [0, 1, 10])
@pytest.mark.parametrize("final_share", [0, 0.3, 1])
def test_schedule_is_that_of_keras(warmup_steps, final_share):
    ours = made.WarmupCosine(0.1, warmup_steps, 40, final_share)
    theirs = SCHEDULES.CosineDecay(
        0.0,
        40,
        alpha=float(final_share),
        warmup_target=0.1,
        warmup_steps=warmup_steps,
    )
    for step in (0, 1, 5, 9, 10, 11, 30, 49, 50, 51, 10**6):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), abs=1e-6)


def test_schedule_takes_whole_numbers_and_floats_of_each_width():
    schedule = made.WarmupCosine(1, 10, 40)
    for dtype in ("int32", "int64", "float32", "float64"):
        rate = tf.function(schedule)(tf.constant(5, dtype))
        assert rate.dtype == tf.float32 and float(rate) == 0.5


def tiny():
    """A compiled model of one weight."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(made.MomentumSGD(0.1), loss="mse")
    return model


def test_missing_name_is_told_with_those_that_there_are():
    x = np.ones((4, 1), "float32")
    for callback in (made.LossCurve("val_loss"), made.StopOnPlateau()):
        with pytest.raises(ValueError, match=r"'loss'.*validation.*'val_loss'"):
            tiny().fit(x, x, callbacks=[callback], verbose=0)
    with pytest.raises(ValueError, match="There are: none"):
        made.find_in_logs(None, "loss")


def test_curve_keeps_the_numbers_outside_a_notebook(capsys):
    x = np.ones((4, 1), "float32")
    curve = made.LossCurve()
    plan = {"epochs": 3, "verbose": 0, "callbacks": [curve]}
    history = tiny().fit(x, x, validation_data=(x, x), **plan).history
    expected = {n: dict(enumerate(v, start=1)) for n, v in history.items()}
    assert curve.values == expected and list(expected) == ["loss", "val_loss"]
    tiny().fit(x, x, **plan)
    assert list(curve.values) == ["loss"] and len(curve.values["loss"]) == 3
    assert capsys.readouterr().out == ""


def test_curve_knows_the_epoch_of_each_number():
    x = np.ones((4, 1), "float32")
    curve = made.LossCurve("loss", "loss")
    plan = {"initial_epoch": 3, "epochs": 5, "verbose": 0}
    tiny().fit(x, x, callbacks=[curve], **plan)
    assert {n: list(v) for n, v in curve.values.items()} == {"loss": [4, 5]}
    curve = made.LossCurve()
    plan = {"validation_data": (x, x), "validation_freq": 2}
    tiny().fit(x, x, epochs=4, verbose=0, callbacks=[curve], **plan)
    expected = {"loss": [1, 2, 3, 4], "val_loss": [2, 4]}
    assert {n: list(v) for n, v in curve.values.items()} == expected
    figure, ax = plt.subplots()
    curve.draw(ax)
    drawn = {line.get_label(): list(line.get_xdata()) for line in ax.lines}
    assert drawn == expected
    plt.close(figure)


@pytest.mark.parametrize("monitor", [["loss"], 3, None])
def test_name_that_is_no_text_is_refused(monitor):
    x = np.ones((4, 1), "float32")
    for callback in (made.LossCurve(monitor), made.StopOnPlateau(monitor)):
        with pytest.raises(ValueError, match="`monitor` must be a name") as e:
            tiny().fit(x, x, callbacks=[callback], verbose=0)
        assert str(e.value).endswith(f"monitor={monitor!r}")


def stopped_at(callback, values):
    """The epoch after which a callback stops the training, or `None`."""
    model = tiny()
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": value})
        if model.stop_training:
            return epoch
    return None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [1, 3, 10])
@pytest.mark.parametrize("min_delta", [0.0, 0.1])
def test_plateau_is_that_of_early_stopping(seed, mode, patience, min_delta):
    random = np.random.default_rng(seed)
    values = (np.exp(-np.arange(60) / 9) + random.normal(0, 0.05, 60)).tolist()
    if mode == "max":
        values = [-value for value in values]
    arguments = {"patience": patience, "min_delta": min_delta, "mode": mode}
    ours = stopped_at(made.StopOnPlateau(**arguments), values)
    keras_stop = keras.callbacks.EarlyStopping("val_loss", **arguments)
    assert ours == stopped_at(keras_stop, values) != 0


def test_plateau_of_a_step_that_reports_no_loss():
    stop = made.StopOnPlateau("score", patience=1, mode="max")
    stop.set_model(tiny())
    stop.on_train_begin()
    for epoch, score in enumerate((0.5, 0.9, 0.8)):
        stop.on_epoch_end(epoch, {"score": score})
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (0.9, 1, 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_lost_is_stopped_at_once(value):
    for values in ([value], [1.0, value]):
        last = len(values) - 1
        stop = made.StopOnPlateau(patience=9)
        assert stopped_at(stop, [*values, 1.0]) == stop.stopped_epoch == last
    stop = made.StopOnPlateau("accuracy", mode="max")
    stop.set_model(tiny())
    stop.on_train_begin()
    stop.on_epoch_end(0, {"loss": value, "accuracy": 0.1})
    assert stop.model.stop_training
