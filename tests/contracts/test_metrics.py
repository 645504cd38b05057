"""Is each broken metric caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a metric is for.
"""

import pytest
from keras import metrics, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.metrics import (
    ChangesItsStateInResult,
    MeanError,
    TakesWeightsForTheMask,
)
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


@register
class Variance(MeanError):
    """Of the predictions, joined batch by batch as Welford's method does.

    Sums merge, and lose their digits far from zero. No way has both.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.squares = self.add_weight(name="squares", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.cast(y_pred, self.dtype)[:, 0]
        weights = ops.ones_like(values)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, values)
        count = ops.sum(weights)
        mean = ops.divide_no_nan(ops.sum(weights * values), count)
        both = self.count + count
        moved = mean - self.total
        self.squares.assign_add(
            ops.sum(weights * ops.square(values - mean))
            + ops.square(moved) * ops.divide_no_nan(self.count * count, both)
        )
        self.total.assign_add(moved * ops.divide_no_nan(count, both))
        self.count.assign(both)

    def result(self):
        return ops.divide_no_nan(self.squares, self.count)


@register
class GuardsItsDivision(MeanError):
    """Divides by 1 at least, and heeds masks and weights together."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            mask = ops.cast(mask, self.dtype)
            sample_weight = mask * (
                1 if sample_weight is None else sample_weight
            )
        super().update_state(y_true, y_pred, sample_weight)

    def result(self):
        return self.total / ops.maximum(self.count, 1.0)


@pytest.mark.parametrize(
    ("metric", "arguments", "skipped"),
    [
        (Variance(), {}, {"two_halves_merge"}),
        (
            Variance(),
            {
                "y_true": [[0.5], [2.0], [-1.0], [4.0]],
                "y_pred": [[0.1], [2.0], [-2.0], [3.0]],
            },
            {"two_halves_merge"},
        ),
        (GuardsItsDivision(), {}, set()),
    ],
    ids=["welford", "welford-given", "guarded"],
)
def test_right_metrics(metric, arguments, skipped):
    report = contracts.check_metric(metric, **arguments)
    assert failed(report) == set(), report
    for name in ("two_halves_merge", "takes_fractions_as_weights"):
        expected = "skipped" if name in skipped else "passed"
        assert status_of(report, name) == expected, report


@pytest.mark.parametrize(
    ("metric", "rule", "text"),
    [
        (
            ChangesItsStateInResult(),
            "is_the_same_in_any_batching",
            "Asked for its result after each batch",
        ),
        (TakesWeightsForTheMask(), "heeds_the_mask", "weights of 1 for all"),
    ],
    ids=name_of,
)
def test_messages_name_what_was_done(metric, rule, text):
    report = contracts.check_metric(metric)
    [result] = [r for r in report.results if r.name == rule]
    assert text in result.message, result


@pytest.mark.parametrize("metric", [metrics.AUC(), metrics.Precision()])
def test_what_keras_does_with_masks_is_told_and_no_mistake(metric):
    report = contracts.check_metric(metric)
    assert report.ok, report
    assert status_of(report, "heeds_the_mask") == "skipped"


WHOLE = {
    "takes_fractions_as_weights": "In Keras 3.15 its confusion matrix is of "
    "whole numbers: a weight of 0.5 counts for nothing."
}
HALF = "`in_top_k` of TensorFlow knows no float16."
METRICS = [
    (metrics.AUC(), {}),
    (metrics.Accuracy(), {}),
    (metrics.BinaryAccuracy(), {}),
    (metrics.BinaryCrossentropy(), {}),
    (metrics.BinaryIoU(), WHOLE),
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
    (metrics.IoU(num_classes=2, target_class_ids=[0]), WHOLE),
    (metrics.KLDivergence(), {}),
    (metrics.LogCoshError(), {}),
    (metrics.Mean(), {}),
    (metrics.MeanAbsoluteError(), {}),
    (metrics.MeanIoU(num_classes=2), WHOLE),
    (metrics.MeanSquaredError(), {}),
    (metrics.MeanSquaredLogarithmicError(), {}),
    (metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 1]), WHOLE),
    (metrics.OneHotMeanIoU(num_classes=3), WHOLE),
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
