"""Does the runner skip, give up and clean up as it says?"""

import logging
import random
import threading
import time
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import contracts
from helpers.contracts import runner
from tests.contracts.broken.layers import Linear
from tests.contracts.broken.losses import (
    ForgetsItsFactor,
    GivesOneNumber,
    Squares,
)
from tests.contracts.broken.metrics import CollectsInAList
from tests.contracts.broken.models import Small

# --- Skipping ----------------------------------------------------------------


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


# --- Components that misbehave -----------------------------------------------


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


# --- No trace ----------------------------------------------------------------


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


def test_nothing_is_printed(capfd):
    check_something_of_each_kind()
    contracts.check_model(Small(), (None, 3))
    assert capfd.readouterr() == ("", "")
