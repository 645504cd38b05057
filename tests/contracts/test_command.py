"""Can a project be checked from the shell?"""

import subprocess
import sys
from pathlib import Path

import keras
import pytest

import helpers
from helpers import contracts
from helpers.contracts.__main__ import KINDS, kind_of, main
from tests.contracts.broken.losses import Squares

PROJECT = """
import keras
from keras import ops

@keras.saving.register_keras_serializable(package="my_project")
def absolute(y_true, y_pred):
    y_true = ops.reshape(y_true, ops.shape(y_pred))
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)

squared = keras.losses.MeanSquaredError()
Dense = keras.layers.Dense
dense = Dense(2)
precision = keras.metrics.Precision

@keras.saving.register_keras_serializable(package="my_project")
class OneNumber(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred))

class places:
    softplus = staticmethod(keras.activations.softplus)

def weights(w):
    return ops.maximum(w, 0)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "my_project.py").write_text(PROJECT)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_project", None)


def test_all_that_is_named_is_checked(project, capsys):
    status = main(
        ["my_project:squared", "my_project:precision", "my_project:absolute"]
    )
    said = capsys.readouterr().out
    assert status == 0
    for name in ("MeanSquaredError", "Precision", "absolute"):
        assert f"{name} keeps its contract" in said
    assert "<" not in said  # plain text


def test_one_that_fails_decides_the_status(project, capsys):
    assert main(["my_project:OneNumber", "my_project:squared"]) == 1
    said = capsys.readouterr().out
    assert "OneNumber breaks its contract" in said
    assert "MeanSquaredError keeps its contract" in said


def test_a_layer_needs_its_shape_and_a_function_may_need_its_kind(
    project, capsys
):
    assert main(["my_project:dense", "--input-shape", "None,3"]) == 0
    assert main(["my_project:places.softplus"]) == 0
    with pytest.raises(SystemExit) as ended:
        main(["my_project:weights"])
    assert ended.value.code == 2
    assert "--kind, one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["my_project"], "expected MODULE:OBJECT"),
        (["my_project:nothing"], "has no attribute 'nothing'"),
        (["no_project:huber"], "No module named 'no_project'"),
        (["my_project:dense"], "--input-shape None,3"),
        (["my_project:dense", "--input-shape", "3,4"], "begin with None"),
        (["my_project:dense", "--input-shape", "some"], "invalid"),
        (["my_project:Dense", "--input-shape", "None,3"], "'units'. Give an"),
        (["my_project:keras"], "its kind cannot be told"),
        ([], "required: MODULE:OBJECT"),
    ],
)
def test_what_cannot_be_checked_is_said(project, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("component", "kind"),
    [
        (keras.activations.relu, "activation"),
        (keras.constraints.NonNeg(), "constraint"),
        (keras.initializers.Zeros(), "initializer"),
        (lambda shape, dtype=None: None, "initializer"),
        (keras.layers.ReLU(), "layer"),
        (keras.losses.MeanSquaredError(), "loss"),
        (keras.losses.mean_squared_error, "loss"),
        (keras.metrics.Mean(), "metric"),
        (keras.Sequential(), "model"),
        (keras.optimizers.SGD(), "optimizer"),
        (keras.regularizers.L1(), "regularizer"),
        (keras.optimizers.schedules.CosineDecay(0.1, 9), "schedule"),
    ],
)
def test_the_kind_is_recognised(component, kind):
    assert kind_of(component) == kind


def test_there_is_a_check_for_each_kind():
    assert {f"check_{kind}" for kind in KINDS} == {
        name for name in contracts.__all__ if name.startswith("check_")
    }


def test_it_is_a_command(project):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.contracts", "my_project:OneNumber"],
        cwd=project,
        env={"PYTHONPATH": str(Path(helpers.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "OneNumber breaks its contract" in done.stdout


def test_in_pytest_a_report_is_an_assertion():
    """As README and the book advise for the tests of a project."""
    contracts.check_loss(keras.losses.LogCosh()).raise_if_failed()
    with pytest.raises(AssertionError, match="Squares breaks its contract"):
        contracts.check_loss(Squares()).raise_if_failed()
