"""Does the checker report, skip, compare, give up and clean up as it says?"""

import dataclasses
import logging
import random
import re
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from helpers import contracts
from helpers.contracts import Report, Result, runner
from tests.broken_components import (
    CollectsInAList,
    ForgetsItsFactor,
    GivesOneNumber,
    Halving,
    Linear,
    MeanError,
    Momentum,
    Small,
    Squares,
    register,
)

FAILED = Result(
    "a_rule",
    "failed",
    "3 < 4 & <b>5</b>.",
    "Write `x > y`.",
    "book/saving.html",
)
PASSED = Result("another", "passed", "5 values.", "", "book/losses.html")
SKIPPED = Result("third", "skipped", "No need.", "", "book/losses.html")


def status_of(report, name):
    return {result.name: result for result in report.results}[name].status


# ---- The report -------------------------------------------------------------


def test_a_result_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PASSED.status = "failed"


def test_ok_means_that_nothing_failed():
    assert Report("Huber", [PASSED, SKIPPED]).ok
    assert not Report("Huber", [PASSED, FAILED]).ok


def test_the_verdict_counts():
    good, bad = Report("Huber", [PASSED]), Report("Huber", [FAILED, SKIPPED])
    assert good.verdict == "Huber keeps its contract: 1 rule passed."
    assert bad.verdict == (
        "Huber breaks its contract: 1 of 2 rules failed, 1 skipped."
    )


def test_raise_if_failed_says_what_and_how():
    Report("Huber", [PASSED]).raise_if_failed()
    with pytest.raises(AssertionError, match="3 < 4") as error:
        Report("Huber", [PASSED, FAILED]).raise_if_failed()
    assert isinstance(error.value, contracts.ContractError)
    assert "Write `x > y`." in str(error.value)
    assert "another" not in str(error.value)


def test_as_text_it_has_the_verdict_first_then_what_failed():
    lines = repr(Report("Huber", [PASSED, SKIPPED, FAILED])).splitlines()
    assert lines[0].startswith("Huber breaks its contract")
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "Huber",
        "FAILED",
        "skipped",
        "passed",
    ]


def test_as_text_it_is_80_columns_wide():
    long = dataclasses.replace(FAILED, message="word " * 60, hint="word " * 60)
    text = str(Report("A" * 70, [long, PASSED]))
    assert max(map(len, text.splitlines())) <= 80


def test_as_html_it_is_a_table_with_names_for_all_of_it():
    table = Report("Huber", [PASSED, SKIPPED, FAILED])._repr_html_()
    assert table.count("<caption>") == 3
    assert table.count('<th scope="row">') == 3
    assert table.count('<th scope="col">') == 9
    assert table.index("a_<wbr>rule") < table.index("another")
    for word in ("failed", "passed", "skipped"):
        assert f'<span class="status">{word}</span>' in table


def test_as_html_everything_is_escaped():
    table = Report("<i>Huber", [FAILED])._repr_html_()
    assert "<b>5" not in table
    assert "<i>" not in table
    assert "&lt;b&gt;5" in table


def test_as_html_no_colour_is_fixed():
    table = Report("Huber", [PASSED, SKIPPED, FAILED])._repr_html_()
    for colour in re.findall(r"#[0-9a-f]{6}", table):
        assert re.search(rf"var\(--[a-z-]+, {colour}\)", table)


def test_links_are_links_while_the_book_is_built(monkeypatch):
    report = Report(
        "Huber", [dataclasses.replace(FAILED, link="book/losses.html")]
    )
    monkeypatch.delenv("MADE_TO_MEASURE_BUILD", raising=False)
    assert "<a " not in report._repr_html_()
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    monkeypatch.chdir(Path(contracts.__file__).parents[2] / "book")
    assert '<a href="losses.html">' in report._repr_html_()


def test_the_report_is_the_same_in_another_process():
    code = (
        "import helpers, keras; from helpers import contracts;"
        "from tests.broken_components import GivesOneNumber;"
        "report = contracts.check_loss(GivesOneNumber());"
        "print(report); print(report._repr_html_())"
    )
    here = contracts.check_loss(GivesOneNumber())
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == f"{here}\n{here._repr_html_()}\n"
    assert process.stderr == ""


# ---- Skipping and comparing -------------------------------------------------


def test_what_is_skipped_says_why():
    report = contracts.check_loss(
        GivesOneNumber(), skip={"gives_one_value_per_sample": "On purpose."}
    )
    by_name = {result.name: result for result in report.results}
    result = by_name["gives_one_value_per_sample"]
    assert (result.status, result.message) == ("skipped", "On purpose.")


def test_a_rule_to_skip_must_exist():
    with pytest.raises(ValueError, match=r"'gives'.*gives_one_value"):
        contracts.check_loss(Squares(), skip={"gives": "Why not."})


@pytest.mark.parametrize("reason", ["", " ", None, True])
def test_a_skip_needs_a_reason(reason):
    with pytest.raises(ValueError, match="why 'can_be_called'"):
        contracts.check_loss(Squares(), skip={"can_be_called": reason})


def test_skip_must_be_a_dictionary():
    with pytest.raises(TypeError, match="`skip` must be a dictionary"):
        contracts.check_loss(Squares(), skip=["can_be_called"])


def test_against_an_equal_loss():
    report = contracts.check_loss(
        Squares(), against=keras.losses.MeanSquaredError()
    )
    assert status_of(report, "equals_the_reference") == "passed"


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (
            contracts.check_loss,
            (Squares(), keras.losses.MeanAbsoluteError()),
        ),
        (
            contracts.check_metric,
            (MeanError(), keras.metrics.MeanSquaredError()),
        ),
        (
            contracts.check_activation,
            (keras.activations.relu, keras.activations.tanh),
        ),
        (
            contracts.check_regularizer,
            (keras.regularizers.L1(), keras.regularizers.L2()),
        ),
        (
            contracts.check_constraint,
            (keras.constraints.NonNeg(), keras.constraints.MaxNorm()),
        ),
        (
            contracts.check_initializer,
            (keras.initializers.Zeros(), keras.initializers.Ones()),
        ),
        (
            contracts.check_optimizer,
            (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1, 0.5)),
        ),
        (
            contracts.check_schedule,
            (Halving(), keras.optimizers.schedules.CosineDecay(0.1, 50)),
        ),
    ],
)
def test_against_another_one(check, arguments):
    component, reference = arguments
    report = check(component, against=reference)
    assert status_of(report, "equals_the_reference") == "failed"


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


def test_a_loss_can_bring_its_own_inputs():
    report = contracts.check_loss(
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        y_true=[0, 1, 3],
        y_pred=np.random.default_rng(0).normal(size=(3, 4)),
        skip={"config_has_every_argument": "Keras forgets its axis."},
    )
    assert report.ok, report


# ---- Components that misbehave ----------------------------------------------


def forever(y_true, y_pred):
    while True:
        pass


def forever_and_stubborn(y_true, y_pred):
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


def asleep(y_true, y_pred):
    time.sleep(3)


def forever_in_keras(y_true, y_pred):
    while keras.ops.any(y_true == y_true):
        keras.ops.add(y_true, y_pred)


NEVER_ENDS = [
    (forever, "computing for 0.5 seconds", "`forever`: `"),
    (forever_and_stubborn, "computing for 0.5 seconds", "`forever_and_stub"),
    (forever_in_keras, "computing for 0.5 seconds", "`forever_in_keras`: `"),
    (asleep, "1 seconds", "`asleep`: `time.sleep(3)`."),
]


@pytest.mark.parametrize(("loss", "how_long", "where"), NEVER_ENDS)
def test_a_component_that_hangs_is_given_up(monkeypatch, loss, how_long, where):
    monkeypatch.setattr(runner, "COMPUTING_LIMIT", 0.5)
    monkeypatch.setattr(runner, "WAITING_LIMIT", 600 if loss != asleep else 1)
    report = contracts.check_loss(loss)
    first = report.results[0]
    assert first.status == "failed"
    start = f"It had not ended after {how_long}, in line "
    assert first.message.startswith(start)
    assert where in first.message
    assert "while True" in first.hint
    for result in report.results[1:]:
        assert result.status == "skipped"
        assert result.message == "Not run, because can_be_called did not end."


@pytest.mark.parametrize("loss", [forever, forever_and_stubborn])
def test_a_loop_that_hangs_is_stopped(monkeypatch, loss):
    monkeypatch.setattr(runner, "COMPUTING_LIMIT", 0.3)
    before = threading.active_count()
    contracts.check_loss(loss)
    for _ in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    else:
        pytest.fail("The thread goes on.")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("Not even that.")


def raises(error):
    def loss(y_true, y_pred):
        raise error

    return loss


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        RecursionError("maximum recursion depth exceeded"),
        MemoryError(),
        StopIteration(),
        GeneratorExit(),
        Unprintable(),
        tf.errors.InvalidArgumentError(None, None, "bad shape"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_becomes_a_failed_result(error):
    report = contracts.check_loss(raises(error))
    first = report.results[0]
    assert first.status == "failed"
    assert first.message.startswith(f"It raised {type(error).__name__}")
    assert first.hint


def test_a_recursion_without_end():
    def loss(y_true, y_pred):
        return loss(y_true, y_pred)

    report = contracts.check_loss(loss)
    assert "RecursionError" in report.results[0].message


def test_messages_have_no_addresses_and_no_folders():
    error = ValueError("<object at 0x7f3a> in /tmp/tmp12/model.keras\nmore")
    assert runner.describe(error) == "ValueError: <object> in model.keras"


# ---- No trace ---------------------------------------------------------------


def check_something_of_each_kind():
    contracts.check_loss(ForgetsItsFactor(2.0))
    contracts.check_metric(CollectsInAList())
    contracts.check_layer(Linear(), (None, 3))
    contracts.check_initializer(keras.initializers.HeNormal(seed=1))


def test_global_state_is_as_before(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(4)
        keras.layers.Dense(1)
        objects = dict(keras.saving.get_custom_objects())
        filters = list(warnings.filters)
        level = logging.getLogger("absl").level
        python, numpy = random.getstate(), np.random.get_state()[1].copy()
        check_something_of_each_kind()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert random.getstate() == python
        assert np.array_equal(np.random.get_state()[1], numpy)
        assert keras.saving.get_custom_objects() == objects
        assert list(warnings.filters) == filters
        assert logging.getLogger("absl").level == level
        assert list(tmp_path.iterdir()) == []
    finally:
        keras.config.set_dtype_policy("float32")


def test_random_numbers_go_on_as_if_nothing_had_been_checked():
    def draw(between):
        keras.utils.set_random_seed(1)
        first = keras.random.normal((2,)), tf.random.normal((2,))
        between()
        second = keras.random.normal((2,)), tf.random.normal((2,))
        return np.array([*first, *second]), np.random.rand(), random.random()

    plain = draw(lambda: None)
    checked = draw(check_something_of_each_kind)
    for one, other in zip(plain, checked, strict=True):
        assert np.array_equal(one, other)


def test_names_of_layers_go_on_counting():
    def number():
        return int(keras.layers.Dense(1).name.rpartition("_")[2])

    keras.layers.Dense(1)
    layer, before = keras.layers.Dense(2, name="given"), number()
    contracts.check_layer(layer, (None, 3))
    assert number() == before + 1


def test_the_component_is_as_before():
    layer, model = Linear(), Small()
    contracts.check_layer(layer, (None, 3))
    contracts.check_model(model, (None, 3))
    assert not layer.built and not layer.weights
    assert not model.built and not model.weights

    metric = MeanError()
    metric.update_state([[1.0]], [[3.0]])
    contracts.check_metric(metric)
    assert float(metric.result()) == 2.0

    loss = Squares(reduction="sum")
    before = dict(vars(loss))
    contracts.check_loss(loss)
    assert vars(loss) == before

    optimizer = Momentum()
    contracts.check_optimizer(optimizer)
    assert not optimizer.built and int(optimizer.iterations) == 0


def test_a_layer_without_a_config_is_still_checked_on_copies():
    class Stubborn(Linear):
        def __init__(self, function):
            super().__init__(2)
            self.function = function

        get_config = None

    layer = Stubborn(ops.abs)
    report = contracts.check_layer(layer, (None, 3))
    assert status_of(report, "config_has_every_argument") == "failed"
    assert status_of(report, "takes_any_batch_size") == "passed"
    assert not layer.built


def test_nothing_is_printed(capfd):
    check_something_of_each_kind()
    contracts.check_model(Small(), (None, 3))
    assert capfd.readouterr() == ("", "")


# ---- Arguments --------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "argument", "message"),
    [
        (contracts.check_loss, Squares, "`loss` must be an object, such as"),
        (contracts.check_loss, "mse", "`loss` must be a loss object or a"),
        (contracts.check_loss, None, "`loss` must be a loss object or a"),
        (contracts.check_loss, MeanError(), "use `check_metric`"),
        (contracts.check_metric, Squares(), "use `check_loss`"),
        (contracts.check_metric, Linear(), "use `check_layer`"),
        (contracts.check_activation, Linear(), "use `check_layer`"),
        (contracts.check_regularizer, "l2", "`regularizer` must be a"),
        (contracts.check_constraint, Small(), "use `check_model`"),
        (contracts.check_initializer, 3, "`initializer` must be a"),
        (
            contracts.check_optimizer,
            "sgd",
            "must be a Keras `Optimizer`",
        ),
        (contracts.check_optimizer, Momentum, "must be an object, such as"),
        (
            contracts.check_schedule,
            0.1,
            "a Keras `LearningRateSchedule`",
        ),
        (contracts.check_loss, Momentum(), "use `check_optimizer`"),
        (contracts.check_activation, Halving(), "use `check_schedule`"),
    ],
)
def test_a_wrong_component_is_refused(check, argument, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        check(argument)


@pytest.mark.parametrize(
    "check", [contracts.check_layer, contracts.check_model]
)
def test_a_wrong_layer_is_refused(check):
    with pytest.raises(TypeError, match="must be a Keras `Layer`"):
        check(Squares(), (None, 3))
    with pytest.raises(TypeError, match="must be an object"):
        check(Linear, (None, 3))


def test_layers_and_models_are_told_apart():
    with pytest.raises(TypeError, match="use `check_model`"):
        contracts.check_layer(Small(), (None, 3))
    with pytest.raises(TypeError, match="use `check_layer`"):
        contracts.check_model(Linear(), (None, 3))


@pytest.mark.parametrize(
    "shape", [3, None, [3], "3", (None, 3.0), [], (None, 0)]
)
def test_an_input_shape_that_is_none(shape):
    with pytest.raises(TypeError, match="`input_shape` must be a tuple"):
        contracts.check_layer(Linear(), shape)


@pytest.mark.parametrize("shape", [(3,), (), [(None, 3), (3,)]])
def test_an_input_shape_without_a_batch(shape):
    with pytest.raises(ValueError, match="must begin with None"):
        contracts.check_layer(Linear(), shape)


def test_examples_must_belong_together():
    with pytest.raises(ValueError, match="`y_pred` is missing"):
        contracts.check_loss(Squares(), y_true=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"\(2, 1\) and \(3, 1\)"):
        contracts.check_loss(
            Squares(), y_true=[[1.0], [2.0]], y_pred=[[1.0], [2.0], [3.0]]
        )
    with pytest.raises(ValueError, match="two samples or more"):
        contracts.check_metric(MeanError(), y_true=[[1.0]], y_pred=[[1.0]])


def test_against_is_checked_too():
    with pytest.raises(TypeError, match="`against` must be an object"):
        contracts.check_loss(Squares(), against=Squares)
    with pytest.raises(TypeError, match="`against` must be a Keras `Optim"):
        contracts.check_optimizer(Momentum(), against=Squares())


# ---- Functions and their names ----------------------------------------------


def test_of_a_closure_only_the_name_is_saved():
    def create(threshold):
        def contract_twin(y_true, y_pred):
            return threshold * ops.mean(ops.abs(y_true - y_pred), axis=-1)

        return contract_twin

    register(create(1.0))  # what Keras finds in its place
    report = contracts.check_loss(
        create(2.0), skip={"pairs_each_target_with_its_prediction": "Short."}
    )
    (failed,) = [r for r in report.results if r.status == "failed"]
    assert failed.name == "reloads_from_a_file"
    assert "Only its name is saved" in failed.message
    assert "threshold" in failed.message
    assert failed.link == "book/saving.html"


def test_what_a_file_loses_is_named_even_if_no_number_shows_it():
    @register
    class Clipping(Squares):
        def __init__(self, limit=10.0, **kwargs):
            super().__init__(**kwargs)
            self.limit = limit

        def call(self, y_true, y_pred):
            return ops.minimum(super().call(y_true, y_pred), 1e6 * self.limit)

    report = contracts.check_loss(Clipping(limit=20.0))
    messages = {result.name: result.message for result in report.results}
    assert messages["reloads_from_a_file"] == (
        "limit was 20.0 and is 10.0 after loading."
    )


def test_a_function_is_compared_with_a_class():
    report = contracts.check_loss(
        keras.losses.huber, against=keras.losses.Huber()
    )
    assert report.ok, report


@keras.saving.register_keras_serializable(package="test_contracts")
class Reconstructing(keras.Model):
    """Its second layer serves an added loss, and no output."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.out = keras.layers.Dense(1)
        self.reconstruct = keras.layers.Dense(3)

    def call(self, inputs):
        outputs = self.out(inputs)
        error = self.reconstruct(outputs) - inputs
        self.add_loss(keras.ops.mean(keras.ops.square(error)))
        return outputs


def test_a_weight_that_serves_an_added_loss_has_a_gradient():
    report = contracts.check_model(Reconstructing(), (None, 3))
    assert report.ok, report


def test_a_lost_weight_is_named_without_the_numbers_of_this_process():
    class Lossy(Reconstructing):
        def build(self, input_shape):
            self.built = True

    keras.saving.register_keras_serializable(package="test_contracts")(Lossy)
    report = contracts.check_model(Lossy(), (None, 3))
    found = {result.name: result for result in report.results}
    message = found["restores_every_weight"].message
    assert message.endswith("kernel of dense, bias of dense.")


def test_a_chapter_that_is_not_written_yet_is_not_linked():
    missing = dataclasses.replace(FAILED, link="book/no_such_chapter.html")
    report = Report("Huber", [missing])
    assert "no_such_chapter" not in str(report) + report._repr_html_()
