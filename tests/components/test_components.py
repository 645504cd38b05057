"""Is each component of the package checked, and known to Keras by its name?"""

import collections
import importlib
import inspect
from pathlib import Path

import keras
import pytest

from helpers import components

COMPONENTS = {
    name: value
    for name, value in vars(components).items()
    if (getattr(value, "__module__", None) or "").startswith(
        components.__name__
    )
}
# No file holds data or callbacks.
NOT_SAVED = (keras.callbacks.Callback, keras.utils.PyDataset)
CLASSES = [
    value
    for value in COMPONENTS.values()
    if inspect.isclass(value) and not issubclass(value, NOT_SAVED)
]


def modules_of_chapters():
    """Return the modules beside this one that test a chapter's components."""
    paths = set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)}
    return [
        importlib.import_module(f"{__package__}.{path.stem}")
        for path in sorted(paths)
    ]


def test_every_component_is_checked():
    checked = collections.Counter(
        name
        for module in modules_of_chapters()
        for name in (*module.CONTRACTS, *getattr(module, "NO_CONTRACT", ()))
    )
    # Each once, in the file of its chapter
    assert checked == collections.Counter(list(COMPONENTS))


@pytest.mark.parametrize("component", CLASSES, ids=lambda c: c.__name__)
def test_class_is_found_by_its_registered_name(component):
    name = f"made_to_measure>{component.__name__}"
    assert keras.saving.get_registered_object(name) is component
