"""Is each broken loss caught, and does Keras pass?

Each skip is a real deviation of Keras 3.15, or of what a loss is for.
"""

import keras
import numpy as np
import pytest
from keras import losses, ops

from helpers import contracts
from tests.contracts.broken import align, cases, register
from tests.contracts.broken.losses import (
    GivesAValueForEachColumn,
    LearnsAnOffset,
    PairsAll,
    Squares,
    SquaresInFloat16,
    SqueezesTheBatchToo,
    TakesItsThresholdFromTheBatch,
    cross_entropy_by_the_book,
    focal_without_clipping,
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
    assert failed(report) == {"gives_one_value_per_sample"}, report


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
        {"treats_each_sample_alone": HYPERSPHERE},
    ),
    (
        losses.CosineSimilarity(),
        {"config_has_every_argument": NOT_IN_CONFIG.format("axis")},
    ),
    (
        losses.Dice(),
        {
            "gives_one_value_per_sample": WHOLE_BATCH,
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
        },
    ),
    (losses.mean_squared_error, {}),
    (losses.huber, {}),
    (losses.sparse_categorical_crossentropy, {}),
    (losses.kl_divergence, {}),
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


# --- Right, though it may look wrong -----------------------------------------


def assert_not_accused(loss, **arguments):
    """Assert that nothing is wrong, and return the report."""
    report = contracts.check_loss(loss, **arguments)
    assert failed(report) == set(), report
    return report


def normal(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def shares(*shape):
    return np.random.default_rng(3).uniform(0.05, 0.95, shape)


def zeros_and_ones(*shape):
    return np.random.default_rng(4).integers(0, 2, shape).astype("float32")


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred"),
    [
        (losses.MeanSquaredError(), normal(4, 5, 2), 2 * normal(4, 5, 2)),
        (
            losses.Dice(axis=(1, 2, 3)),
            zeros_and_ones(4, 6, 6, 1),
            shares(4, 6, 6, 1),
        ),
        (
            losses.Dice(axis=(1, 2)),
            zeros_and_ones(4, 6, 6, 3),
            shares(4, 6, 6, 3),
        ),
        (
            losses.BinaryCrossentropy(),
            zeros_and_ones(8, 28, 28, 1),
            shares(8, 28, 28, 1),
        ),
        (losses.MeanAbsoluteError(), normal(4000, 3), 2 * normal(4000, 3)),
        (losses.mean_squared_error, normal(4, 5, 2), 2 * normal(4, 5, 2)),
    ],
    ids=["sequence", "image", "classes", "pixels", "many", "function"],
)
def test_images_and_sequences(loss, y_true, y_pred):
    assert_not_accused(loss, y_true=y_true, y_pred=y_pred)


@register
class Biweight(losses.Loss):
    """Tukey's: from `reach` on, the size of an error makes no difference."""

    def __init__(self, reach=0.01, **kwargs):
        super().__init__(**kwargs)
        self.reach = reach

    def call(self, y_true, y_pred):
        error = (align(y_true, y_pred) - y_pred) / self.reach
        inside = 1 - ops.minimum(ops.square(error), 1.0)
        return ops.mean(self.reach**2 / 6 * (1 - inside**3), axis=-1)

    def get_config(self):
        return {**super().get_config(), "reach": self.reach}


@pytest.mark.parametrize("reach", [0.01, 0.3, 4.7])
def test_gradient_may_be_zero_where_errors_are_out_of_reach(reach):
    report = assert_not_accused(Biweight(reach))
    assert status_of(report, "has_a_gradient") == "passed"


def test_loss_that_never_changes_is_not_judged():
    report = assert_not_accused(Biweight(1e-9))
    assert status_of(report, "has_a_gradient") == "skipped"


@register
def focal_of_hard_labels(y_true, y_pred):
    y_true, epsilon = align(y_true, y_pred), keras.config.epsilon()
    y_pred = ops.clip(y_pred, epsilon, 1 - epsilon)
    right = ops.where(y_true == 1, y_pred, 1 - y_pred)
    return -ops.mean(ops.square(1 - right) * ops.log(right), axis=-1)


def test_loss_of_hard_labels_need_not_equal_the_reference_on_soft_ones():
    reference = losses.BinaryFocalCrossentropy()
    report = assert_not_accused(focal_of_hard_labels, against=reference)
    result = report.results[-1]
    assert (result.name, result.status) == ("equals_the_reference", "skipped")
    assert "With targets of 0 and 1" in result.message
    assert "y_true: float32 of shape (6, 3), begins with 0.387" in (
        result.message
    )
    report = assert_not_accused(
        focal_of_hard_labels,
        against=reference,
        y_true=zeros_and_ones(6, 1),
        y_pred=shares(6, 1),
    )
    assert status_of(report, "equals_the_reference") == "passed"


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (losses.BinaryCrossentropy(), losses.BinaryFocalCrossentropy()),
        (losses.MeanSquaredError(), losses.Huber(2.0)),
    ],
    ids=["classes", "numbers"],
)
def test_other_formulas_do_not_equal_the_reference(loss, reference):
    report = contracts.check_loss(loss, against=reference)
    assert failed(report) == {"equals_the_reference"}, report


@register
def exponential(y_true, y_pred):
    return ops.mean(ops.exp(-(2 * align(y_true, y_pred) - 1) * y_pred), axis=-1)


def test_formula_that_grows_beyond_all_numbers_is_no_mistake():
    report = assert_not_accused(exponential)
    assert status_of(report, "is_finite_for_large_errors") == "skipped"


@register
def gamma_deviance(y_true, y_pred):
    ratio = align(y_true, y_pred) / y_pred
    return ops.mean(2 * (ratio - 1 - ops.log(ratio)), axis=-1)


@register
def logistic(y_true, y_pred):
    return ops.mean(
        ops.softplus(y_pred) - align(y_true, y_pred) * y_pred, axis=-1
    )


@register
def hundred_in_float32(y_true, y_pred):
    error = ops.cast(align(y_true, y_pred) - y_pred, "float32")
    return 100 + ops.mean(ops.square(error), axis=-1)


@register
class FixedWeights(Squares):
    """Variables that nobody should train, and a network that looks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.weights = {"all": keras.Variable(2.0, trainable=False)}
        self.look = keras.layers.Dense(2, "tanh", trainable=False)
        self.look.build((None, 3))

    def call(self, y_true, y_pred):
        return self.weights["all"] * super().call(y_true, y_pred)


@pytest.mark.parametrize(
    "loss",
    [gamma_deviance, logistic, hundred_in_float32, FixedWeights()],
    ids=name_of,
)
def test_right_losses(loss):
    assert_not_accused(loss)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_loss_may_be_told_a_dtype(dtype):
    report = contracts.check_loss(Squares(dtype=dtype))
    assert failed(report) <= {
        "is_rebuilt_from_its_config",  # Keras keeps no dtype in the config
        "reloads_from_a_file",
    }, report


# --- What the messages say ---------------------------------------------------


def test_variable_of_a_loss_never_moves_in_fit():
    """What `has_no_trainable_variables` says."""
    loss = LearnsAnOffset()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=loss)
    before = model.layers[0].kernel.numpy()
    model.fit(normal(8, 3), normal(8, 3), verbose=0)
    assert float(loss.offsets[0].numpy()) == 0.5
    assert not np.array_equal(model.layers[0].kernel.numpy(), before)


def test_variable_in_a_closure_is_found():
    centre = keras.Variable([0.5, 0.5, 0.5])

    def to_a_centre(y_true, y_pred):
        return ops.mean(ops.square(y_pred - centre), axis=-1)

    report = contracts.check_loss(to_a_centre)
    [result] = [
        r for r in report.results if r.name == "has_no_trainable_variables"
    ]
    assert "`centre`, of shape (3,)" in result.message


@register
class LooksWithAnUnfrozenNetwork(FixedWeights):
    """It may be meant so, and nothing of the kind is claimed."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.look.trainable = True


def test_network_in_a_loss_is_mentioned():
    report = assert_not_accused(LooksWithAnUnfrozenNetwork())
    assert status_of(report, "has_no_trainable_variables") == "skipped"


@register
def contrastive(y_true, y_pred):
    y_pred = ops.normalize(y_pred, axis=-1)
    likeness = y_pred @ ops.transpose(y_pred)
    return ops.logsumexp(likeness, axis=-1) - ops.mean(likeness, axis=-1)


def test_loss_that_compares_samples_is_told_how_to_say_so():
    report = contracts.check_loss(contrastive)
    assert failed(report) == {"treats_each_sample_alone"}, report
    [result] = [r for r in report.results if r.status == "failed"]
    assert 'skip={"treats_each_sample_alone": "compares' in result.hint


def test_messages_name_what_was_tried():
    for loss, rule, texts in (
        (
            focal_without_clipping,
            "is_finite_where_certain_and_wrong",
            (
                "y_true: float32 of shape (6, 3), begins with 1, 0, 0",
                "y_pred: float32 of shape (6, 3), begins with 0, 1, 1",
            ),
        ),
        (
            TakesItsThresholdFromTheBatch(),
            "treats_each_sample_alone",
            ("shape (6, 3)",),
        ),
        (
            cross_entropy_by_the_book,
            "is_finite_for_large_errors",
            ("y_pred: float32 of shape (6, 3), begins with 200, -200, -200",),
        ),
        (
            SquaresInFloat16(),
            "is_finite_where_float16_ends",
            ("y_pred: float16 of shape (6, 3), begins with 300",),
        ),
    ):
        report = contracts.check_loss(loss)
        [result] = [r for r in report.results if r.name == rule]
        for text in texts:
            assert text in result.inputs, result


def test_values_that_no_weights_fit_are_told_with_their_shape():
    report = contracts.check_loss(GivesAValueForEachColumn())
    assert failed(report) == {"gives_one_value_per_sample"}, report
    [result] = [r for r in report.results if r.status == "failed"]
    assert "give values of shape (6, 3); one for each" in result.message


def test_single_sample_that_gives_no_value_is_told_with_its_shape():
    report = contracts.check_loss(SqueezesTheBatchToo())
    [result] = [r for r in report.results if r.status == "failed"]
    assert "gives values of shape (); 6 samples give (6,)" in result.message
    assert "pass such ones as `y_true=`" in result.hint
    assert "shape (1, 3)" in result.inputs


@register
class Distills(Squares):
    """Compares the shares of columns: of a single one they are all the same."""

    def call(self, y_true, y_pred):
        known = ops.log_softmax(y_true, axis=-1)
        seen = ops.log_softmax(y_pred, axis=-1)
        return ops.sum(ops.exp(known) * (known - seen), axis=-1)


def test_what_compares_columns_is_not_tried_with_one():
    report = contracts.check_loss(
        Distills(), y_true=normal(6, 3), y_pred=2 * normal(6, 3)
    )
    rule = "pairs_each_target_with_its_prediction"
    assert status_of(report, rule) == "skipped", report
    report = contracts.check_loss(Distills())
    assert status_of(report, rule) == "skipped", report


def test_predictions_without_the_last_axis_are_tried_as_a_column():
    y_true, y_pred = normal(8), 2 * normal(8)
    report = contracts.check_loss(PairsAll(), y_true=y_true, y_pred=y_pred)
    rule = "pairs_each_target_with_its_prediction"
    assert status_of(report, rule) == "failed", report


@register
def log_cosh_with_where(y_true, y_pred):
    """Finite, but for the gradient of the half that is not taken."""
    size = ops.abs(align(y_true, y_pred) - y_pred)
    large = size - np.log(2.0)
    values = ops.where(size < 20, ops.log(ops.cosh(size)), large)
    return ops.mean(values, axis=-1)


def test_half_of_where_that_is_not_taken_is_named():
    report = contracts.check_loss(log_cosh_with_where)
    [result] = [r for r in report.results if r.status == "failed"]
    assert result.name == "is_finite_for_large_errors"
    assert "`ops.where` computes both halves" in result.hint


# --- Targets without the last axis -------------------------------------------


@register
def pairs_all(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def test_function_whose_targets_compile_aligns_is_not_accused():
    report = assert_not_accused(pairs_all)
    rule = "pairs_each_target_with_its_prediction"
    assert status_of(report, rule) == "skipped"
    [result] = [r for r in report.results if r.name == rule]
    assert "the first with targets (5,)" in result.message
    y_true, y_pred = normal(6), 2 * normal(6, 1)
    assert_not_accused(pairs_all, y_true=y_true, y_pred=y_pred)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile("sgd", loss=pairs_all, run_eagerly=True)
    flat, column = (
        model.evaluate(y_pred, targets, verbose=0)
        for targets in (y_true, y_true[:, None])
    )
    assert flat == pytest.approx(column)


@pytest.mark.parametrize(
    ("shape", "status"),
    [((6, 1), "failed"), ((6, 3), "skipped"), ((4, 5, 2), "skipped")],
)
def test_pairs_are_looked_for_in_what_is_given(shape, status):
    report = contracts.check_loss(
        PairsAll(),
        y_true=normal(*shape),
        y_pred=2 * normal(*shape),
    )
    rule = "pairs_each_target_with_its_prediction"
    assert status_of(report, rule) == status, report


# --- Masks -------------------------------------------------------------------


@register
class ClipsAndKeepsTheMask(Squares):
    """What `__call__` makes new, it gives the mask of the old."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = ops.clip(ops.cast(y_pred, "float32"), -1e6, 1e6)
        if mask is not None:
            y_pred._keras_mask = mask
        return super().__call__(y_true, y_pred, sample_weight)


@register
class ComparesSteps(Squares):
    """The value of a step depends on the one after it."""

    def call(self, y_true, y_pred):
        values = super().call(y_true, y_pred)
        if len(values.shape) == 2:
            values = values + ops.roll(values, 1, axis=1)
        return values


@pytest.mark.parametrize(
    ("loss", "status"),
    [
        (ClipsAndKeepsTheMask(), "passed"),
        (ComparesSteps(), "skipped"),
        (losses.Dice(axis=(1, 2)), "skipped"),
    ],
    ids=name_of,
)
def test_what_a_mask_hides(loss, status):
    sequences = {"y_true": zeros_and_ones(4, 5, 2), "y_pred": shares(4, 5, 2)}
    report = assert_not_accused(loss, **sequences)
    assert status_of(report, "leaves_out_what_a_mask_hides") == status
