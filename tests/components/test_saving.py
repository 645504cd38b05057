"""Does the loss that wraps another one keep its contract?"""

import keras
import pytest

from helpers import components as made
from helpers import contracts
from tests.components.checks import NOT_POSITIVE, assert_keeps_contract

CONTRACTS = {
    "CappedLoss": (
        contracts.check_loss,
        made.CappedLoss(made.HuberLoss(0.5), cap=2.0),
        {},
    ),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


def test_capped_loss_keeps_all_in_its_config_and_in_a_file(tmp_path):
    inside = made.HuberLoss(0.5, name="inside", dtype="float64")
    loss = made.CappedLoss(inside, cap=2.0, name="mine", dtype="float64")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), loss=loss)
    model.save(tmp_path / "model.keras")
    in_file = keras.models.load_model(tmp_path / "model.keras").loss
    config = loss.get_config()
    for again in (made.CappedLoss.from_config(config), in_file):
        assert isinstance(again, made.CappedLoss)
        assert again.get_config() == config
        assert (again.cap, again.name, again.dtype) == (2.0, "mine", "float64")
        assert isinstance(again.loss, made.HuberLoss)
        assert again.loss.get_config() == inside.get_config()
    assert config == loss.get_config()  # `from_config` took nothing out


@pytest.mark.parametrize("cap", NOT_POSITIVE)
def test_cap_that_is_not_positive_is_named_with_its_value(cap):
    with pytest.raises(ValueError, match=r"^`cap` must be") as caught:
        made.CappedLoss(made.HuberLoss(), cap=cap)
    assert f"cap={cap!r}" in str(caught.value)


def test_what_is_no_loss_is_named():
    with pytest.raises(ValueError, match=r"^`loss` must be") as caught:
        made.CappedLoss("mse", cap=1.0)
    assert "loss='mse'" in str(caught.value)
