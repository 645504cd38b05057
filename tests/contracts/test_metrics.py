"""Is each broken metric caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a metric is for.
"""

import pytest
from keras import metrics, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.metrics import MeanError
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    status_of,
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


def test_what_is_merged_by_a_maximum_is_not_accused():
    @register
    class Largest(MeanError):
        def update_state(self, y_true, y_pred, sample_weight=None):
            errors = self.errors(y_true, y_pred)
            if sample_weight is not None:
                errors = errors * self.cast_weights(sample_weight, errors)
            self.total.assign(ops.maximum(self.total, ops.max(errors)))

        def result(self):
            return ops.convert_to_tensor(self.total)

    skip = {"honours_sample_weight": "A weight of 2 does not count twice."}
    report = contracts.check_metric(Largest(), skip=skip)
    assert report.ok, report
    assert status_of(report, "two_halves_merge") == "skipped"


@pytest.mark.parametrize("metric", [metrics.AUC(), metrics.Precision()])
def test_what_keras_does_with_masks_is_told_and_no_mistake(metric):
    report = contracts.check_metric(metric)
    assert report.ok, report
    assert status_of(report, "heeds_the_mask") == "skipped"


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
    (
        metrics.FBetaScore(average="micro", beta=2.0),
        {"takes_weights_as_a_column": "In Keras 3.15 they weigh all with all."},
    ),
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
    (
        metrics.R2Score(),
        {
            "is_defined_without_data": "In Keras 3.15 it is NaN after a reset.",
            "keeps_its_digits": "It subtracts sums of squares, in float32.",
        },
    ),
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
