"""Is helpers/components.py what the chapters say, and can it be used?"""

import inspect

import keras
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import export_components
import notebooks
from helpers import components

FIRST = "from helpers import data\n\nimport keras\nfrom keras import ops as o"


def chapter(title, *sources, first=FIRST):
    """Return a notebook whose cells after the first are components."""
    cells = [
        new_code_cell(s, metadata={"tags": ["component"]}) for s in sources
    ]
    return new_notebook(
        cells=[new_markdown_cell(f"# {title}"), new_code_cell(first), *cells]
    )


def made_from(**chapters):
    """Return the module made from chapters, given by their names."""
    paths = {notebooks.BOOK / f"{n}.ipynb": c for n, c in chapters.items()}
    return export_components.make_module(paths)


def test_module_is_up_to_date():
    message = "Run `make components` and commit helpers/components.py."
    stored = export_components.MODULE.read_text("utf-8")
    assert stored == export_components.current(), message


def test_module_names_the_chapter_above_each_component():
    text = made_from(
        one=chapter("One", "def a():\n    pass"),
        two=chapter("Two", "class B:\n    pass"),
    )
    assert "# From the chapter One: book/one.ipynb\ndef a():" in text
    assert "# From the chapter Two: book/two.ipynb\nclass B:" in text
    assert text.index("def a()") < text.index("class B")


def test_module_imports_what_its_components_use_and_nothing_else():
    text = made_from(one=chapter("One", "def a(x):\n    return o.abs(x)"))
    assert "from keras import ops as o" in text
    assert "import keras\n" not in text
    assert "helpers" not in text.split('"""')[2]


def test_component_of_an_earlier_chapter_is_not_imported():
    text = made_from(
        one=chapter("One", "def a():\n    pass"),
        two=chapter(
            "Two",
            "def b():\n    return a()",
            first="from helpers.components import a",
        ),
    )
    assert "import a" not in text


def test_cells_without_the_tag_are_left_out():
    notebook = chapter("One", "def a():\n    pass")
    notebook.cells.append(new_code_cell("def hidden():\n    pass"))
    assert "hidden" not in made_from(one=notebook)


def test_two_components_of_one_name_are_refused():
    source = "def a():\n    pass"
    with pytest.raises(
        ValueError, match=r"two.ipynb defines .*'a'.* one.ipynb"
    ):
        made_from(one=chapter("One", source), two=chapter("Two", source))


# No file holds data or callbacks.
NOT_SAVED = (keras.callbacks.Callback, keras.utils.PyDataset)
CLASSES = [
    value
    for value in vars(components).values()
    if inspect.isclass(value)
    and value.__module__ == components.__name__
    and not issubclass(value, NOT_SAVED)
]


@pytest.mark.parametrize("component", CLASSES, ids=lambda c: c.__name__)
def test_class_is_found_by_its_registered_name(component):
    name = f"made_to_measure>{component.__name__}"
    assert keras.saving.get_registered_object(name) is component


@pytest.mark.parametrize("name", ["huber_fn", "create_huber", "HuberLoss"])
def test_component_of_losses_is_there(name):
    assert callable(getattr(components, name))
