"""Is each broken metric caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a metric is for.
"""

import keras
import numpy as np
import pytest
from keras import metrics, ops

from helpers import contracts
from tests.contracts.broken import align, cases, register
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


def test_what_divides_by_1_at_least_is_not_accused():
    report = contracts.check_metric(GuardsItsDivision())
    assert report.ok, report
    assert status_of(report, "takes_fractions_as_weights") == "passed"


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


@register
class WelfordR2(MeanError):
    """A running mean and squares around it: nothing cancels."""

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        self.spread = self.add_weight(name="spread", initializer="zeros")
        self.mean = self.add_weight(name="mean", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(y_pred, self.dtype)[:, 0]
        y_true = ops.reshape(ops.cast(y_true, self.dtype), ops.shape(y_pred))
        weights = ops.ones_like(y_true)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, y_true)
        batch = ops.sum(weights)
        mean = ops.divide_no_nan(ops.sum(weights * y_true), batch)
        both = self.count + batch
        share = ops.divide_no_nan(batch, both)
        distance = mean - self.mean
        self.spread.assign_add(
            ops.sum(weights * ops.square(y_true - mean))
            + ops.square(distance) * self.count * share
        )
        self.mean.assign_add(distance * share)
        self.count.assign(both)
        self.total.assign_add(ops.sum(weights * ops.square(y_true - y_pred)))

    def result(self):
        known = ops.cast(self.spread > 0, self.dtype)
        return known - ops.divide_no_nan(self.total, self.spread)


@register
class MedianError(MeanError):
    """The median of the last 4096 errors that have a weight: no sum."""

    def __init__(self, name="median_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.kept = self.add_weight((4096,), initializer="zeros", name="kept")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = self.errors(y_true, y_pred)
        weights = ops.ones_like(errors)
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, errors)
        # As often as the weight says, of whole weights up to 2
        often = ops.concatenate([weights > 0, weights > 1])
        errors = ops.concatenate([errors, errors])
        places = ops.cast(self.count, "int32") + ops.cumsum(
            ops.cast(often, "int32")
        )
        places = ops.where(often, places - 1, 4096)  # outside: not kept
        hot = ops.one_hot(places, 4096)
        self.kept.assign_add(ops.sum(hot * errors[:, None], axis=0))
        self.count.assign_add(ops.sum(ops.cast(often, self.dtype)))

    def result(self):
        there = ops.arange(4096) < ops.cast(self.count, "int32")
        in_order = ops.sort(ops.where(there, self.kept, 1e9))
        count = ops.cast(self.count, "int32")
        middle = ops.take(in_order, ops.maximum(count - 1, 0) // 2)
        return ops.where(count > 0, middle, 0.0)


@pytest.mark.parametrize("metric", [WelfordR2(), MedianError()], ids=name_of)
def test_what_no_sums_can_keep_is_told_and_no_mistake(metric):
    report = contracts.check_metric(metric)
    assert report.ok, report
    assert status_of(report, "two_halves_merge") == "skipped"


def test_welford_keeps_its_digits():
    report = contracts.check_metric(WelfordR2())
    assert status_of(report, "keeps_its_digits") == "passed", report


@register
class Perplexity(MeanError):
    """An error that is 1 at its best, and so without data."""

    def result(self):
        return ops.exp(super().result())


@register
class CountsRight(MeanError):
    """A sum of whole numbers, in int32."""

    def __init__(self, name="right", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(
            name="right", initializer="zeros", dtype="int32"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.cast(self.errors(y_true, y_pred) < 0.5, "int32")
        if sample_weight is not None:
            right = right * ops.cast(
                self.cast_weights(sample_weight, right), "int32"
            )
        self.right.assign_add(ops.sum(right))

    def result(self):
        return ops.convert_to_tensor(self.right)


@register
class Deviation(MeanError):
    """The scatter of values, around a mean that is known: no cancelling."""

    def update_state(self, values, sample_weight=None):
        values = ops.convert_to_tensor(values)
        super().update_state(
            0 * values[:, None], values[:, None], sample_weight
        )


@register
class MadeAtTheFirstUpdate(MeanError):
    """One weight for each output, as `F1Score` makes them."""

    def __init__(self, name="lazy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.totals = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        if self.totals is None:
            self.totals = self.add_weight(
                (y_pred.shape[-1],), initializer="zeros", name="totals"
            )
        y_pred = ops.cast(y_pred, self.dtype)
        errors = ops.abs(align(ops.cast(y_true, self.dtype), y_pred) - y_pred)
        weights = ops.ones_like(errors[:, 0])
        if sample_weight is not None:
            weights = self.cast_weights(sample_weight, weights)
        self.totals.assign_add(ops.sum(weights[:, None] * errors, axis=0))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.mean(ops.divide_no_nan(self.totals, self.count))


@pytest.mark.parametrize(
    "metric",
    [
        Perplexity(),
        CountsRight(),
        Deviation(),
        MadeAtTheFirstUpdate(),
        metrics.MeanAbsoluteError(dtype="float64"),
        metrics.MeanAbsoluteError(dtype="float16"),
    ],
    ids=name_of,
)
def test_it_is_not_accused(metric):
    contracts.check_metric(metric).raise_if_failed()


@register
class FirstIsRelevant(metrics.Mean):
    """Whether the item with the highest score has a relevance of 1 at least."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        best = ops.argmax(y_pred, axis=-1)[:, None]
        relevance = ops.take_along_axis(
            ops.convert_to_tensor(y_true), best, axis=-1
        )
        hit = ops.cast(relevance[:, 0] >= 1, self.dtype)
        super().update_state(hit, sample_weight=sample_weight)


@register
class WeightsEachLabel(metrics.BinaryAccuracy):
    """Takes weights of shape `(n, 1)` and `(n, k)`, and no others."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.cast((y_pred > 0.5) == (y_true > 0.5), self.dtype)
        weights = ops.ones_like(right)
        if sample_weight is not None:
            weights = weights * ops.cast(sample_weight, self.dtype)
        metrics.Mean.update_state(self, right, sample_weight=weights)


@register
class RefusesWeightsOfZero(MeanError):
    """One batch that is hidden as a whole ends a training."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None and not np.any(sample_weight):
            raise ValueError("There is no weight.")
        super().update_state(y_true, y_pred, sample_weight)


def test_what_raises_with_weights_of_zero_alone_is_accused():
    report = contracts.check_metric(RefusesWeightsOfZero())
    assert status_of(report, "is_defined_without_data") == "failed", report


def hits_and_scores():
    random = np.random.default_rng(0)
    hits = (random.random((8, 5)) > 0.5).astype("float32")
    return {"y_true": hits, "y_pred": random.random((8, 5)).astype("float32")}


def test_threshold_between_the_targets_is_no_lost_digit():
    report = contracts.check_metric(FirstIsRelevant(), **hits_and_scores())
    assert report.ok, report


def test_weights_that_it_refuses_are_named_once():
    report = contracts.check_metric(WeightsEachLabel(), **hits_and_scores())
    assert status_of(report, "honours_sample_weight") == "failed"
    for rule in ("is_defined_without_data", "takes_weights_as_a_column"):
        assert status_of(report, rule) != "failed", report


@pytest.mark.parametrize("shape", [(500, 1), (8, 5, 2), (8, 28, 28, 1)])
def test_targets_of_yours_are_all_counted(shape):
    y_true, y_pred = np.random.default_rng(0).normal(size=(2, *shape))
    contracts.check_metric(
        metrics.MeanSquaredError(), y_true=y_true, y_pred=y_pred
    ).raise_if_failed()


def test_of_a_random_metric_no_more_is_said_than_that():
    @register
    class NoisyError(MeanError):
        def result(self):
            return super().result() + keras.random.normal(())

    assert failed(contracts.check_metric(NoisyError())) == {
        "gives_the_same_twice"
    }


def test_the_inputs_that_were_tried_are_told():
    report = contracts.check_metric(metrics.R2Score())
    (result,) = [r for r in report.results if r.name == "keeps_its_digits"]
    assert "y_true: float32 of shape (40, 1)" in result.inputs, report


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
