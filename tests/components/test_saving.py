"""Does the loss that wraps another one keep its contract?"""

import pytest

from helpers import components as made
from helpers import contracts
from tests.components.checks import assert_keeps_contract

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
