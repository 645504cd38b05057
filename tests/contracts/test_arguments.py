"""Is a wrong argument of a check refused, and named?"""

import re

import pytest

from helpers import contracts
from tests.contracts.broken.layers import Linear
from tests.contracts.broken.losses import Squares
from tests.contracts.broken.metrics import MeanError
from tests.contracts.broken.models import Small
from tests.contracts.broken.optimizers import Momentum
from tests.contracts.broken.schedules import Halving


@pytest.mark.parametrize(
    ("check", "argument", "message"),
    [
        (contracts.check_loss, Squares, "`loss` must be an object, such as"),
        (contracts.check_loss, "mse", "`loss` must be a loss object or a"),
        (contracts.check_loss, None, "`loss` must be a loss object or a"),
        (contracts.check_loss, MeanError(), "use `check_metric`"),
        (contracts.check_metric, Squares(), "use `check_loss`"),
        (contracts.check_metric, Linear(), "use `check_layer`"),
        (contracts.check_activation, Small(), "use `check_model`"),
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
