"""Does a check leave the component as it is, and work on copies?"""

from keras import ops

from helpers import contracts
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
