"""Do the losses keep their contracts, and is a bad number named?"""

import keras
import numpy as np
import pytest

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_POSITIVE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
    "huber_fn": (contracts.check_loss, made.huber_fn, {}),
    "HuberLoss": (contracts.check_loss, made.HuberLoss(0.5), {}),
}
NO_CONTRACT = {"align", "checked_number", "create_huber"}
BAD_ARGUMENTS = [(made.HuberLoss, "threshold", NOT_POSITIVE)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


def test_huber_loss_keeps_dtype_and_name_in_its_config_and_in_a_file(tmp_path):
    loss = made.HuberLoss(0.5, name="mine", reduction="sum", dtype="float64")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(), loss=loss)
    model.save(tmp_path / "model.keras")
    in_file = keras.models.load_model(tmp_path / "model.keras").loss
    for again in (made.HuberLoss.from_config(loss.get_config()), in_file):
        assert isinstance(again, made.HuberLoss)
        assert again.get_config() == loss.get_config()
        assert (again.threshold, again.name) == (0.5, "mine")
        assert (again.reduction, again.dtype) == ("sum", "float64")


@pytest.mark.filterwarnings("error")
def test_numbers_of_numpy_become_plain_ones():
    for value in (np.float16(0.5), np.float32(0.5), np.float64(0.5)):
        found = made.checked_number("value", value, above=0, most=1)
        assert (type(found), found) == (float, 0.5)
    found = made.checked_number("value", np.int64(3), least=3, whole=True)
    assert (type(found), found) == (int, 3)


def test_message_names_all_bounds():
    with pytest.raises(ValueError) as caught:
        made.checked_number("momentum", 1, least=0, below=1)
    assert str(caught.value) == (
        "`momentum` must be a finite number at least 0 and below 1. "
        "Received: momentum=1"
    )


def test_each_bound_is_heeded_and_its_edge_is_on_the_right_side():
    for bound, inside, outside in (
        ("above", 1.5, 1),
        ("least", 1, 0.5),
        ("below", 0.5, 1),
        ("most", 1, 1.5),
    ):
        assert made.checked_number("value", inside, **{bound: 1}) == inside
        with pytest.raises(ValueError, match=r"^`value` must be"):
            made.checked_number("value", outside, **{bound: 1})
