"""Do the losses keep their contracts, and is a bad number named?"""

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
