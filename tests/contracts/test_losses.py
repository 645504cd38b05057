"""Is each broken loss caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a loss is for.
"""

import keras
import numpy as np
import pytest
from keras import losses, ops

from helpers import contracts
from tests.contracts.broken import cases, register
from tests.contracts.broken.losses import Squares
from tests.contracts.checks import (
    NOT_IN_CONFIG,
    assert_caught,
    failed,
    name_of,
    rules_that_catch_nothing,
    with_skips,
)

# --- Broken on purpose -------------------------------------------------------


@pytest.mark.parametrize("case", cases("loss"), ids=str)
def test_it_is_caught_by_its_rule_and_no_other_mistake_is_claimed(case):
    assert_caught(case)


def test_each_rule_catches_something():
    assert rules_that_catch_nothing("loss") == set()


def test_what_they_break_is_right_but_for_the_registration():
    report = contracts.check_loss(Squares())
    assert failed(report) == {"reloads_from_a_file"}, report


@register
class RightWithOneMistake(Squares):
    """Everything is right but the values, of which there is only one."""

    def __init__(self, power=2.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        error = ops.abs(ops.reshape(y_true, ops.shape(y_pred)) - y_pred)
        return ops.mean(error**self.power)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


def test_a_loss_that_is_a_scalar_fails_the_rules_about_that_only():
    report = contracts.check_loss(RightWithOneMistake(3.0))
    assert failed(report) == {
        "gives_one_value_per_sample",
        "weights_each_sample",
        "reduces_as_it_says",
    }, report


# --- Keras's own -------------------------------------------------------------

WHOLE_BATCH = "It compares whole batches, and gives one number for them."
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


@pytest.mark.parametrize(("loss", "skip"), LOSSES, ids=name_of)
def test_losses(loss, skip):
    contracts.check_loss(loss, skip=skip).raise_if_failed()


@pytest.mark.parametrize(("loss", "skip"), with_skips(LOSSES), ids=name_of)
def test_a_skip_is_a_real_deviation(loss, skip):
    """When Keras mends it, the reason here is out of date."""
    report = contracts.check_loss(loss)
    assert failed(report) == set(skip), report


def test_a_loss_can_bring_its_own_inputs():
    report = contracts.check_loss(
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        y_true=[0, 1, 3],
        y_pred=np.random.default_rng(0).normal(size=(3, 4)),
        skip={"config_has_every_argument": "Keras forgets its axis."},
    )
    assert report.ok, report


def test_a_function_is_compared_with_a_class():
    report = contracts.check_loss(
        keras.losses.huber, against=keras.losses.Huber()
    )
    assert report.ok, report
