"""Do the rules of all kinds see a difference, and what a file loses?"""

import keras
import pytest
from keras import ops

from helpers import contracts
from tests.contracts.broken import register
from tests.contracts.broken.losses import Squares
from tests.contracts.broken.metrics import MeanError
from tests.contracts.broken.schedules import Halving
from tests.contracts.checks import status_of

# --- Against another one -----------------------------------------------------


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


# --- What a file keeps -------------------------------------------------------


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
    assert failed.page == "saving"


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
