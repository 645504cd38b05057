"""What the tests of all chapters' components share.

Each chapter's file has these tables, but for those that would be empty:
    CONTRACTS: What a component is checked with: the check, an object with
        values that are not the defaults, and what else the check is given.
    NO_CONTRACT: Components that serve the others and are no part of a model.
    BAD_ARGUMENTS: What must be refused: a component, the name of an argument,
        and a list of values.
"""

import fractions

import numpy as np
import pytest

NOT_POSITIVE = [
    *(0, -1.0, float("nan"), float("inf"), "1", None, True),
    *(np.float32("inf"), fractions.Fraction(1, 10**400)),
]
NOT_WHOLE = [1.5, "1", True]


def assert_keeps_contract(check, component, options):
    """Run a check of a component; what it finds makes the test fail."""
    check(component, **options).raise_if_failed()


def with_each_bad_argument(rows):
    """Return a decorator that gives a test each value that must be refused.

    Args:
        rows: List of `(component, argument, values)`. The test is called with
            `component`, `argument` and one `value`.
    """
    return pytest.mark.parametrize(
        ("component", "argument", "value"),
        [
            (component, argument, value)
            for component, argument, values in rows
            for value in values
        ],
        ids=lambda value: getattr(value, "__name__", repr(value)),
    )


def assert_named_with_its_value(component, argument, value):
    """Assert that a component refuses a value, and says which and of what."""
    with pytest.raises(ValueError, match=f"^`{argument}` must be") as caught:
        component(**{argument: value})
    received = f"Received: {argument}={value!r}"
    # Told in full, as pytest explains assertions of test files only
    assert str(caught.value).endswith(received), str(caught.value)
