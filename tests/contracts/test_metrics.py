"""Is each broken metric caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a metric is for.
"""

import pytest
from keras import metrics

from helpers import contracts
from tests.contracts.broken import cases
from tests.contracts.broken.metrics import MeanError
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    with_skips,
)


@pytest.mark.parametrize("case", cases("metric"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("metric") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_metric(MeanError())
    assert failed(report) == {"reloads_from_a_file"}, report


HALF = "`in_top_k` of TensorFlow knows no float16."
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


@pytest.mark.parametrize(("metric", "skip"), METRICS, ids=name_of)
def test_metrics(metric, skip):
    contracts.check_metric(metric, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("metric", "skip"), with_skips(METRICS), ids=name_of)
def test_a_skip_is_a_real_deviation(metric, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_metric(metric)
    assert failed(report) == set(skip), report
