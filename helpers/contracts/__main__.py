"""Check components of a project from the shell.

    python -m helpers.contracts my_project.losses:huber my_project.metrics:F2

Each is named by its module and its name there: an object, a function, or a
class that can be made without arguments. Layers and models need the shape of
their inputs: `--input-shape None,3`. The exit status is 0 if all keep their
contracts, 1 if one does not, and 2 if one could not be checked.
"""

import argparse
import importlib
import inspect
import sys

import keras

from helpers import contracts
from helpers.contracts.arguments import BASES

KINDS = ("activation", "model", *BASES)
# What functions call their arguments, which tells their kind.
ARGUMENTS = {
    ("y_true", "y_pred"): "loss",
    ("shape", "dtype"): "initializer",
    ("x",): "activation",
    ("inputs",): "activation",
}


def main(arguments=None):
    """Check what the command line names, and print a report of each.

    Args:
        arguments: List of texts, those of the command line by default.

    Returns:
        The exit status: 0 if all passed, else 1.

    Raises:
        SystemExit: With status 2 if something cannot be found or checked.
    """
    parser = argparse.ArgumentParser(
        prog="python -m helpers.contracts",
        description="Do components of Keras keep their contracts?",
        epilog="For y_true, y_pred, against and skip, call check_loss(...) and "
        "the others from Python.",
    )
    parser.add_argument(
        "components",
        nargs="+",
        metavar="MODULE:OBJECT",
        help="such as my_project.losses:huber",
    )
    parser.add_argument(
        "--kind", choices=KINDS, help="where it cannot be told from the object"
    )
    parser.add_argument(
        "--input-shape",
        action="append",
        type=_shape,
        metavar="SHAPE",
        help="of a layer or a model, such as None,3; once for each input",
    )
    options = parser.parse_args(arguments)
    reports = []
    for place in options.components:
        try:
            report = _check(place, options.kind, options.input_shape)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            parser.error(f"{place}: {error}")
        print(report, end="\n\n")
        reports.append(report)
    return 0 if all(report.ok for report in reports) else 1


def _shape(text):
    """`None,3` as `(None, 3)`."""
    sizes = text.strip("() ").rstrip(",").split(",")
    return tuple(
        None if size.strip() == "None" else int(size) for size in sizes
    )


def _check(place, kind, input_shapes):
    component = _find(place)
    kind = kind or kind_of(component)
    check = getattr(contracts, f"check_{kind}")
    if kind not in ("layer", "model"):
        return check(component)
    if not input_shapes:
        raise ValueError(
            f"the shape of the inputs of a {kind} is needed: "
            "--input-shape None,3"
        )
    several = len(input_shapes) > 1
    return check(component, input_shapes if several else input_shapes[0])


def _find(place):
    """The object that `MODULE:OBJECT` names; of a class, a new one."""
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        raise ValueError(
            "expected MODULE:OBJECT, such as my_project.losses:huber"
        )
    thing = importlib.import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    if not inspect.isclass(thing):
        return thing
    try:
        return thing()
    except TypeError as error:
        raise TypeError(
            f"{error}. Give an object of this class a name in the module, "
            "and check that."
        ) from None


def kind_of(component):
    """The kind of an object, by its base class or its arguments.

    Args:
        component: Object of a class of Keras, or a function.

    Returns:
        One of `KINDS`.

    Raises:
        ValueError: If nothing tells it.
    """
    if isinstance(component, keras.Model):
        return "model"
    for kind, base in BASES.items():
        if isinstance(component, base):
            return kind
    if callable(component):
        names = tuple(inspect.signature(component).parameters)
        for arguments, kind in ARGUMENTS.items():
            if names[: len(arguments)] == arguments:
                return kind
    raise ValueError(
        "its kind cannot be told from its base class or its arguments; say "
        f"--kind, one of {', '.join(KINDS)}"
    )


if __name__ == "__main__":
    sys.exit(main())
