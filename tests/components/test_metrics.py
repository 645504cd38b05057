"""Do the metrics keep their contracts, and count as scikit-learn does?"""

import keras
import numpy as np
import pytest
import sklearn.metrics

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_POSITIVE,
    NOT_WHOLE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
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
}
NO_CONTRACT = {
    "align_weights",
    "as_shares",
    "count_in_bins",
    "mark_unless_shares",
}
BAD_ARGUMENTS = [
    (made.HuberMetric, "threshold", NOT_POSITIVE),
    (made.MeanHuber, "threshold", NOT_POSITIVE),
    (made.StreamingPrecision, "threshold", [*NOT_POSITIVE[1:-1], 1.01]),
    (made.HistogramAUC, "bins", [*NOT_WHOLE, None, 1, 0, -5]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


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


@pytest.mark.parametrize("metric", METRICS)
def test_metric_keeps_dtype_and_name_in_its_config_and_in_a_file(
    metric, tmp_path
):
    given = metric(name="mine", dtype="float64")
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("sgd", loss="mse", metrics=[given])
    x, y_true = np.zeros((4, 2)), np.array([[0.0], [1.0], [0.0], [1.0]])
    model.evaluate(x, y_true, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.evaluate(x, y_true, verbose=0)
    (in_file,) = loaded.metrics[1].metrics
    for again in (metric.from_config(given.get_config()), in_file):
        assert type(again) is metric
        assert again.get_config() == given.get_config()
        assert (again.name, again.dtype) == ("mine", "float64")


SCORED = [made.StreamingPrecision, made.HistogramAUC]
Y_TRUE = np.array([[1], [0], [1], [0]])
SHARES = np.array([[0.9], [0.6], [0.3], [0.1]])


@pytest.mark.parametrize("metric", SCORED)
@pytest.mark.parametrize(
    "scores",
    [
        np.log(SHARES / (1 - SHARES)),  # logits
        [[0.9], [0.6], [0.3], [-3.0]],  # below all thresholds
        100 * SHARES,
        [[0.9], [0.6], [0.3], [np.nan]],
    ],
)
def test_scores_that_are_no_shares_make_nan(metric, scores):
    one = metric()
    one.update_state(Y_TRUE, np.asarray(scores))
    one.update_state(Y_TRUE, SHARES)
    assert np.isnan(float(one.result()))
    one.reset_state()
    one.update_state(Y_TRUE, SHARES)
    assert np.isfinite(float(one.result()))


@pytest.mark.parametrize("metric", SCORED)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_logits_make_nan_in_a_graph_too(metric, jit_compile):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(
        loss="mse", metrics=[metric(name="mine")], jit_compile=jit_compile
    )
    logits = np.log(SHARES / (1 - SHARES))
    for scores, is_nan in ((logits, True), (SHARES, False)):
        found = model.evaluate(scores, Y_TRUE, verbose=0, return_dict=True)
        assert np.isnan(found["mine"]) == is_nan


@pytest.mark.parametrize("metric", SCORED)
def test_what_has_no_weight_may_have_any_score(metric):
    one, cut = metric(), metric()
    scores = np.array([[0.9], [0.6], [0.3], [50.0]])
    one.update_state(Y_TRUE, scores, sample_weight=[1, 1, 1, 0])
    cut.update_state(Y_TRUE[:3], scores[:3])
    assert float(one.result()) == float(cut.result())


@pytest.mark.parametrize("metric", SCORED)
def test_a_share_that_rounding_puts_outside_is_let_through(metric):
    one = metric()
    one.update_state(Y_TRUE, [[1.000001], [0.0], [1.0], [-0.000001]])
    assert float(one.result()) == 1
