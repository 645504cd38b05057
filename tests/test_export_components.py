"""Is helpers/components/ what the chapters say?"""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import export_components
import notebooks

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
    """Return the modules made from chapters, given by their names."""
    paths = {notebooks.BOOK / f"{n}.ipynb": c for n, c in chapters.items()}
    return export_components.make_modules(paths)


def test_modules_are_up_to_date():
    message = "Run `make components` and commit helpers/components."
    folder = export_components.PACKAGE
    stored = {path: path.read_text("utf-8") for path in folder.glob("*.py")}
    assert stored == export_components.current(), message


def test_each_chapter_has_a_module_that_names_it():
    modules = made_from(
        one=chapter("One", "def a():\n    pass"),
        two=chapter("Two", "class B:\n    pass"),
        three=chapter("Three"),
    )
    assert set(modules) == {"one.py", "two.py", "__init__.py"}
    assert "book/one.ipynb" in modules["one.py"]
    assert "def a():" in modules["one.py"]
    assert "class B" not in modules["one.py"]
    assert "class B" in modules["two.py"]


def test_package_has_the_names_of_all_modules():
    source = made_from(
        one=chapter("One", "def b():\n    pass", "def c():\n    pass"),
        two=chapter("Two", "class A:\n    pass"),
    )["__init__.py"]
    assert "from helpers.components.one import b" in source
    assert "from helpers.components.two import A" in source
    assert "__all__ = ['A', 'b', 'c']" in source


def test_module_imports_what_its_components_use_and_nothing_else():
    source = made_from(one=chapter("One", "def a(x):\n    return o.abs(x)"))
    text = source["one.py"]
    assert "from keras import ops as o" in text
    assert "import keras\n" not in text
    assert "helpers" not in text.split('"""')[2]


def test_component_of_an_earlier_chapter_is_imported_from_its_module():
    modules = made_from(
        one=chapter("One", "def a():\n    pass"),
        two=chapter(
            "Two",
            "def b():\n    return a()",
            "def c():\n    return b()",
            first="from helpers.components import a",
        ),
    )
    assert "from helpers.components.one import a" in modules["two.py"]
    assert "import b" not in modules["two.py"]
    assert "from helpers.components import a" not in modules["two.py"]


def test_import_of_what_no_earlier_chapter_exports_is_refused():
    first = "from helpers.components import later"
    one = chapter("One", "def a():\n    return later()", first=first)
    two = chapter("Two", "def later():\n    pass")
    with pytest.raises(ValueError, match=r"one.ipynb imports 'later'"):
        made_from(one=one, two=two)


def test_name_that_a_chapter_never_imports_makes_no_module(capfd):
    text = made_from(one=chapter("One", "def a():\n    return math.pi"))
    with pytest.raises(SystemExit, match="components of one make no module"):
        export_components.formatted("one.py", text["one.py"])
    assert "Undefined name `math`" in capfd.readouterr().err


def test_cells_without_the_tag_are_left_out():
    notebook = chapter("One", "def a():\n    pass")
    notebook.cells.append(new_code_cell("def hidden():\n    pass"))
    assert "hidden" not in made_from(one=notebook)["one.py"]


def test_two_components_of_one_name_are_refused():
    source = "def a():\n    pass"
    with pytest.raises(
        ValueError, match=r"two.ipynb defines .*'a'.* one.ipynb has"
    ):
        made_from(one=chapter("One", source), two=chapter("Two", source))
