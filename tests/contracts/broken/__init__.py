"""Components that are broken on purpose, each with the rule that catches it.

To add one, take the right component of its kind from the file of that kind,
break one thing, say what in the docstring, and write above it `@broken` (or
`@broken_function`) with the kind, the rule that catches it and those that may
fail as well because the same mistake breaks them too; no other rule may.
What needs more than its class with some arguments, such as a closure, is made
by a function that takes no arguments, below `@broken`. `cases` then finds it,
and the tests of its kind check it.
"""

import dataclasses
import importlib
from collections.abc import Callable

import keras
from keras import ops

from helpers import contracts

# The kinds, and the names of the modules with their rules, in
# `helpers.contracts`, and with their broken components, here.
MODULES = {
    "activation": "activations",
    "constraint": "constraints",
    "initializer": "initializers",
    "layer": "layers",
    "loss": "losses",
    "metric": "metrics",
    "model": "models",
    "optimizer": "optimizers",
    "regularizer": "regularizers",
    "schedule": "schedules",
}
CASES = []

register = keras.saving.register_keras_serializable(package="broken")


@dataclasses.dataclass(frozen=True)
class Case:
    """One broken component."""

    kind: str
    make: Callable
    caught_by: str
    also: tuple = ()
    name: str = ""

    def __str__(self):
        return self.name or f"{self.kind}-{self.make.__name__}"

    def check(self):
        """Check it."""
        check = getattr(contracts, f"check_{self.kind}")
        component = self.make()
        if self.kind in ("layer", "model"):
            return check(component, getattr(component, "shape", (None, 3)))
        return check(component)


def cases(kind=None):
    """Return the cases of a kind, or all."""
    for module in MODULES.values():
        importlib.import_module(f"{__name__}.{module}")
    return [case for case in CASES if kind in (None, case.kind)]


def broken(kind, caught_by, *also, **arguments):
    """Put a class, or what a function makes, on the list."""

    def put(thing):
        if isinstance(thing, type):
            register(thing)

            def make():
                return thing(**arguments)

            make.__name__ = thing.__name__
        else:
            make = thing
        CASES.append(Case(kind, make, caught_by, tuple(also)))
        return thing

    return put


def broken_function(kind, caught_by, *also):
    """Put a registered function on the list."""

    def put(function):
        register(function)
        CASES.append(
            Case(
                kind,
                lambda: function,
                caught_by,
                tuple(also),
                f"{kind}-{function.__name__}",
            )
        )
        return function

    return put


def align(y_true, y_pred):
    """Targets with the shape of the predictions."""
    return ops.reshape(y_true, ops.shape(y_pred))
