"""Do models and layers with losses of their own keep their contracts?"""

import keras
import numpy as np
import pytest

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_POSITIVE,
    NOT_WHOLE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
    "SeluRegressor": (
        contracts.check_model,
        made.SeluRegressor(8),
        {"input_shape": (None, 10)},
    ),
    "Reconstruction": (
        contracts.check_layer,
        made.Reconstruction(0.2),
        {"input_shape": [(None, 8), (None, 10)]},
    ),
    "ReconstructingRegressor": (
        contracts.check_model,
        made.ReconstructingRegressor(8, 0.2),
        {"input_shape": (None, 10)},
    ),
    "ComputeLossRegressor": (
        contracts.check_model,
        made.ComputeLossRegressor(8, 0.2),
        {
            "input_shape": (None, 10),
            "skip": {
                "gradient_reaches_every_weight": "compute_loss trains the "
                "reconstruction, outside of call"
            },
        },
    ),
    "ActivationPenalty": (
        contracts.check_layer,
        made.ActivationPenalty(0.2),
        {"input_shape": (None, 4, 3)},
    ),
    "WatchedClassifier": (
        contracts.check_model,
        made.WatchedClassifier(8, 3, factor=0.2),
        {"input_shape": (None, 5)},
    ),
}
NO_CONTRACT = {
    "DeadUnits",  # takes activations; WatchedClassifier has one
}
BAD_ARGUMENTS = [
    (made.SeluRegressor, "units", [*NOT_WHOLE, None, 0, -5]),
    (made.DeadUnits, "units", [*NOT_WHOLE, None, 0, -5]),
    (made.Reconstruction, "weight", NOT_POSITIVE[1:-1]),
    (made.ActivationPenalty, "factor", NOT_POSITIVE[1:-1]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


def regressor_and_data(kind=made.ReconstructingRegressor):
    keras.utils.set_random_seed(0)
    x, y = np.random.default_rng(0).normal(size=(2, 10, 4)).astype("float32")
    model = kind(6, reconstruction_weight=2.0)
    model.compile("sgd", loss="mse")
    return model, x, y[:, :1]


@pytest.mark.parametrize(
    "kind", [made.ReconstructingRegressor, made.ComputeLossRegressor]
)
def test_loss_is_that_of_the_target_and_the_reconstruction(kind):
    model, x, y = regressor_and_data(kind)
    found = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    rebuilt = model.reconstruction.dense(model.encode(x))
    error = np.mean(np.square(rebuilt - x))
    wrong = np.mean(np.square(model(x) - y))
    assert found["reconstruction_error"] == pytest.approx(error, rel=1e-5)
    model.reset_metrics()
    trained = model.train_on_batch(x, y, return_dict=True)
    assert trained["loss"] == pytest.approx(wrong + 2 * error, rel=1e-5)
    assert trained["reconstruction_error"] == pytest.approx(error, rel=1e-5)


def test_prediction_computes_no_reconstruction():
    model, x, _ = regressor_and_data()
    model.predict(x, verbose=0)
    assert float(model.reconstruction.tracker.count) == 0
    assert model(x) is not None and not model.losses


@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 4), (2,)])
def test_regressor_refuses_other_shapes(shape):
    model, x, _ = regressor_and_data()
    model(x)
    with pytest.raises(ValueError, match=r"expected (axis|ndim)|min_ndim"):
        model(np.zeros(shape))


def test_reconstruction_refuses_inputs_that_would_broadcast():
    layer = made.Reconstruction(1.0)
    layer(np.zeros((2, 3)), np.zeros((2, 4)))
    for shape in ((2, 1), (2, 4, 4)):
        with pytest.raises(ValueError, match=r"\(batch, 4\)"):
            layer(np.zeros((2, 3)), np.zeros(shape))


def test_penalty_does_not_depend_on_the_size_of_the_batch():
    layer = made.ActivationPenalty(0.5)
    for batch in (1, 7):
        layer(np.full((batch, 2, 3), -2.0))
        assert float(layer.losses[0]) == 0.5 * 2 * 6


def test_dead_units_are_those_that_never_spoke():
    metric = made.DeadUnits(4)
    metric.update_state([[1.0, 0, 0, -1], [0, 0, 0, 0]])
    metric.update_state([[[0.0, 2, 0, 0]]])
    assert float(metric.result()) == 0.5
    metric.reset_state()
    assert float(metric.result()) == 1
    with pytest.raises(ValueError, match=r"\(batch, ..., 4\)"):
        metric.update_state([[1.0, 2]])
