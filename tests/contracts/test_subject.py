"""Does a check leave the component as it is, and work on copies?"""

from keras import ops

from helpers import contracts
from helpers.contracts.subject import difference
from tests.contracts.broken.layers import Linear
from tests.contracts.broken.losses import Squares
from tests.contracts.broken.metrics import MeanError
from tests.contracts.broken.models import Small
from tests.contracts.broken.optimizers import Momentum
from tests.contracts.checks import status_of


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


def test_numbers_are_told_with_the_digits_in_which_they_differ():
    assert difference(0.2364, 0.2361) == "0.2364 instead of 0.2361"
    assert difference(1.0003, 1.0, 1e-5) == "1.0003 instead of 1"
    assert difference(12345.4, 12345.1, 1e-6) == "12345.4 instead of 12345.1"
    assert difference(0.5, 0.2361) == "0.5 instead of 0.236"
