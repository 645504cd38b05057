"""Does the build of the book fail when it must, and do only what it must?

A small book is built: two notebooks and a page, with the settings, the
extensions and the style of the real one.
"""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

import notebooks

ROOT = Path(__file__).parents[1]
JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
COPIED = (
    "_config.yml",
    "pyproject.toml",
    "requirements.txt",
    "constraints.txt",
    "helpers",
    "book/_ext",
    "book/_tools",
    "book/_static",
    "book/_templates",
    "book/conftest.py",
    "tests/frames_drawn_twice.py",
)
TABLE_OF_CONTENTS = """\
format: jb-book
root: book/intro
chapters:
  - file: book/one
  - file: book/two
"""
# Each execution of a notebook leaves a line in a file outside of the book.
COUNT = """\
import os

with open(os.environ["EXECUTIONS"], "a") as file:
    print("{name}", file=file)"""
FIGURE = """\
from helpers.explore import explore


def draw(ax, slope=1):
    ax.plot([0, 1], [0, slope])


explore(draw, alt="A line.", slope=(0, 3))"""

SHOWN_TWICE = """\
from IPython.display import display

shown = display("first", display_id=True)
print("between", end="")
print(" and on")
shown.update("second")"""

PAGE_WITH_CELL = """\
---
jupytext:
  text_representation:
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# A small book

Two chapters: {{doc}}`one` and {{doc}}`two`, and a formula, $e = y - f(x)$.

```{{code-cell}} ipython3
{cell}
```
"""


@dataclasses.dataclass
class SmallBook:
    """A copy of the project with a book that is built in seconds."""

    folder: Path
    first_executed: list = dataclasses.field(default_factory=list)
    first_pages: dict = dataclasses.field(default_factory=dict)

    def start(self, *command, **settings):
        """Start a command in the project, or a build as `make book` does."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MADE_TO_MEASURE", "GITHUB"))
        }
        settings["EXECUTIONS"] = str(self.folder / "executions")
        build = [JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"]
        return subprocess.Popen(
            [sys.executable, *command] if command else build,
            cwd=self.folder / "project",
            env={**environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self, **settings):
        """Build to the end; return the process with all it has said."""
        return self.run(**settings)

    def run(self, *command, **settings):
        """Run a command to the end; return the process likewise."""
        process = self.start(*command, **settings)
        process.stdout, _ = process.communicate()
        return process

    def store(self):
        """Execute the notebooks and store them, as `make notebooks` does."""
        process = self.run("book/_tools/notebooks.py", "store")
        assert process.returncode == 0, process.stdout

    def verify(self, path, **settings):
        """Let nbval execute and compare notebooks, as `make test` does."""
        options = "--nbval -n 2 --dist loadscope --no-loadscope-reorder"
        return self.run("-m", "pytest", *options.split(), path, **settings)

    def executed(self):
        """Return which notebooks have been executed so far."""
        path = self.folder / "executions"
        return path.read_text().split() if path.exists() else []

    def path(self, name):
        return self.folder / "project" / name

    def page(self, name):
        """Return a page of the site."""
        return self.path(f"_build/html/book/{name}.html").read_text("utf-8")


def write_notebook(path, name, *sources):
    """Write a notebook whose first cell counts its executions."""
    cells = [nbformat.v4.new_markdown_cell(f"# Chapter {name}\n\nA text.")]
    for source in (COUNT.format(name=name), *sources):
        cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def make_small_book(folder):
    """Copy the project without its book, and write a small one."""
    book = SmallBook(folder)
    for name in COPIED:
        target = book.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target)
    book.path("_toc.yml").write_text(TABLE_OF_CONTENTS)
    book.path("book/intro.md").write_text(PAGE_WITH_CELL.format(cell=FIGURE))
    write_notebook(book.path("book/one.ipynb"), "one", FIGURE)
    cells = ("1 + 1", "!echo hello", SHOWN_TWICE)
    write_notebook(book.path("book/two.ipynb"), "two", *cells)
    return book


def parse(page):
    """Return the elements of a page."""
    return BeautifulSoup(page, "html.parser")


# --- A book without faults ---------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small book that has been built once."""
    book = make_small_book(tmp_path_factory.mktemp("built"))
    process = book.build()
    assert process.returncode == 0, process.stdout
    # What the next builds change
    book.first_executed = book.executed()
    book.first_pages = {name: book.page(name) for name in ("one", "two")}
    return book


@pytest.fixture(scope="module")
def built_again(built):
    """The same book, built again with nothing changed."""
    before = built.executed()
    process = built.build()
    assert process.returncode == 0, process.stdout
    return before, built.executed()


@pytest.fixture(scope="module")
def rebuilt(built, built_again):
    """The same book, built after a change in a helper, now with an address."""
    before = built.executed()
    helper = built.path("helpers/plotting.py")
    helper.write_text(helper.read_text("utf-8") + "\n# A change.\n", "utf-8")
    process = built.build(
        MADE_TO_MEASURE_REPOSITORY="https://github.com/some/book",
        MADE_TO_MEASURE_JUPYTERHUB="https://hub.example.org",
    )
    assert process.returncode == 0, process.stdout
    return before, built.executed()


def test_first_build_executes_every_notebook_once(built):
    assert sorted(built.first_executed) == ["one", "two"]


def test_page_without_address_has_no_launch_buttons(built):
    assert "launch-buttons" not in built.first_pages["one"]
    assert "mybinder.org" not in built.first_pages["one"]


@pytest.mark.parametrize("name", ["one", "intro"])
def test_page_has_all_frames_and_no_widgets(built, name):
    page = built.page(name)
    assert len(parse(page).select("figure.explorer")) == 1
    assert '"texts":[["0","1","2","3"]]' in page
    assert "application/vnd.jupyter.widget" not in page
    assert "require.js" not in page


def test_nothing_changed_executes_nothing(built_again):
    before, after = built_again
    assert sorted(before) == ["one", "two"]
    assert after == before


def test_change_in_helpers_executes_every_notebook_again(rebuilt):
    before, after = rebuilt
    assert sorted(after[len(before) :]) == ["one", "two"]


def test_page_of_a_notebook_has_launch_buttons_once_there_is_an_address(
    rebuilt, built
):
    buttons = parse(built.page("two")).select(".dropdown-launch-buttons a")
    links = {button["href"]: button.get_text(strip=True) for button in buttons}
    assert set(links.values()) == {"Binder", "Colab", "JupyterHub"}
    for address in links:
        assert "book/two.ipynb" in address.replace("%2F", "/")
    assert "mybinder.org" not in built.page("intro")


# --- A book that nbval has executed ------------------------------------------


def without_what_changes(page):
    """Return a page without the versions of its style sheets and scripts."""
    page = parse(page)
    for name in ("href", "src"):
        for element in page.select(f"link[{name}], script[{name}]"):
            element[name] = element[name].partition("?")[0]
    return str(page)


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """A small book built from what nbval has executed."""
    book = make_small_book(tmp_path_factory.mktemp("verified"))
    book.store()
    process = book.verify("book")
    assert process.returncode == 0, process.stdout
    process = book.build()
    assert process.returncode == 0, process.stdout
    return book


def test_what_nbval_has_executed_the_build_does_not(verified):
    once_to_store_and_once_by_nbval = ["one", "one", "two", "two"]
    assert sorted(verified.executed()) == once_to_store_and_once_by_nbval


@pytest.mark.parametrize("name", ["one", "two"])
def test_page_from_nbval_is_the_page_that_a_build_makes(verified, built, name):
    ours = without_what_changes(verified.page(name))
    assert ours == without_what_changes(built.first_pages[name])


def test_run_of_make_robust_leaves_the_pages_alone(verified):
    """It has no frames, and another arithmetic."""
    page, before = verified.page("one"), verified.executed()
    process = verified.verify("book/one.ipynb", MADE_TO_MEASURE_BUILD="0")
    assert process.returncode == 0, process.stdout
    assert verified.build().returncode == 0
    assert verified.executed()[len(before) :] == ["one"]  # by nbval alone
    ours = without_what_changes(verified.page("one"))
    assert ours == without_what_changes(page)
    assert '"texts":[["0","1","2","3"]]' in ours


def test_what_nbval_has_found_different_is_executed_anew(verified):
    """Though a page of it is there, and its text is as before."""
    path = verified.path("book/one.ipynb")
    stored, page = path.read_text(), verified.page("one")
    path.write_text(stored.replace("Figure: A", "Figure: No"))
    assert "FAILED book/one" in verified.verify("book/one.ipynb").stdout
    path.write_text(stored)
    before = verified.executed()
    assert verified.build().returncode == 0
    assert verified.executed()[len(before) :] == ["one"]
    ours = without_what_changes(verified.page("one"))
    assert ours == without_what_changes(page)


# --- A book with faults ------------------------------------------------------


def fail(book, name):
    """Write a notebook of which the third cell fails."""
    write_notebook(
        book.path(f"book/{name}.ipynb"),
        name,
        "def divide(x):\n    return x / 0",
        "quotient = divide(7)",
        "print('never')",
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A small book with a failing cell, and what two builds of it said."""
    book = make_small_book(tmp_path_factory.mktemp("broken"))
    fail(book, "two")
    return book, [book.build(), book.build()]


def test_failing_cell_fails_the_build_each_time(broken):
    assert [process.returncode for process in broken[1]] == [1, 1]


@pytest.mark.parametrize(
    "words",
    [
        "book/two",
        "quotient = divide(7)",
        "return x / 0",
        "ZeroDivisionError: division by zero",
    ],
)
def test_failing_build_shows_notebook_cell_and_traceback(broken, words):
    for process in broken[1]:
        said = re.sub(r"\x1b\[[0-9;]*m", "", process.stdout)
        assert words in said
        # Nothing pushes them out of sight: no traceback of Sphinx follows.
        assert len(said[said.rindex(words) :].splitlines()) < 30


def test_only_what_failed_is_executed_again(broken):
    assert sorted(broken[0].executed()) == ["one", "two", "two"]


def test_every_notebook_that_failed_is_named(tmp_path):
    book = make_small_book(tmp_path)
    fail(book, "one")
    fail(book, "two")
    said = book.build().stdout
    assert "one.ipynb failed" in said
    assert "two.ipynb failed" in said


def test_failing_cell_of_a_page_ends_the_build(tmp_path):
    book = make_small_book(tmp_path)
    page = PAGE_WITH_CELL.format(cell="1 / 0")
    book.path("book/intro.md").write_text(page)
    process = book.build()
    assert process.returncode == 1
    assert "ZeroDivisionError" in process.stdout
    last = process.stdout.strip().splitlines()[-1]
    assert "a cell of" in last and "intro.md" in last


def test_notebook_that_cannot_be_read_is_named(tmp_path):
    book = make_small_book(tmp_path)
    book.path("book/two.ipynb").write_text("<<<<<<< HEAD\n{}")
    process = book.build()
    assert process.returncode == 1
    said = re.sub(r"\x1b\[[0-9;]*m", "", process.stdout)
    assert "book/two" in said[said.index("reading sources") :]


def test_notebooks_may_have_the_same_cells(tmp_path):
    book = make_small_book(tmp_path)
    shutil.copy(book.path("book/two.ipynb"), book.path("book/one.ipynb"))
    process = book.build()
    assert process.returncode == 0, process.stdout


@pytest.fixture
def interruptible():
    """A shell may have told this process, and so its children, to go on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_ends_all_notebooks_and_begins_none(tmp_path):
    book = make_small_book(tmp_path)
    # One more than are executed at a time
    names = ["one", "two", *map(str, range(2, notebooks.AT_ONCE + 1))]
    with book.path("_toc.yml").open("a") as toc:
        toc.writelines(f"  - file: book/{name}\n" for name in names[2:])
    for name in names:
        forever = "while True:\n    pass"
        write_notebook(book.path(f"book/{name}.ipynb"), name, forever)
    process = book.start()
    while len(book.executed()) < notebooks.AT_ONCE and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Interrupted" in said
    assert len(book.executed()) == notebooks.AT_ONCE


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    """What two builds of a small book said that has faults but can be built."""
    book = make_small_book(tmp_path_factory.mktemp("doubtful"))
    book.path("book/intro.md").write_text(
        "# A small book\n\n{doc}`nowhere`, [nothing](nothing.md), "
        "{term}`no term`\n\n$\\frac{1}{2$\n\n$$\\nonsense{x}$$\n"
    )
    write_notebook(
        book.path("book/two.ipynb"),
        "two",
        "import sys\n\nprint('a message', file=sys.stderr)",
    )
    return book.build(), book.build()


@pytest.mark.parametrize("time", [0, 1], ids=["first", "second"])
def test_warnings_fail_the_build_each_time(doubtful, time):
    assert doubtful[time].returncode != 0


@pytest.mark.parametrize(
    ("words", "document"),
    [
        ("unknown document: 'nowhere'", "book/intro.md"),
        ("not found: 'nothing.md'", "book/intro.md"),
        ("not in glossary: 'no term'", "book/intro.md"),
        ("unbalanced braces", "book/intro.md"),
        (r"unknown command \nonsense", "book/intro.md"),
        ("stderr", "book/two.ipynb"),
    ],
)
def test_each_fault_is_named_with_its_document(doubtful, words, document):
    for process in doubtful:
        lines = process.stdout.splitlines()
        (line,) = [each for each in lines if f" {words}" in each]
        assert document in line
        assert "WARNING" in line
