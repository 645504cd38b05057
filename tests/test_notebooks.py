"""Do the tools for notebooks execute, normalise and store as they must?"""

import copy
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

import notebooks


def notebook_of(*cells):
    """Return a notebook in the normal form."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = list(cells)
    return notebooks.normalise(notebook)


# --- The normal form ---------------------------------------------------------


def untidy():
    """Return a notebook with all that the normal form leaves out."""
    outputs = [
        new_output("stream", name="stdout", text="1 %\r2 %\n"),
        new_output("stream", name="stdout", text="done\n"),
        new_output("stream", name="stderr", text="a warning"),
        new_output(
            "execute_result",
            {
                "text/plain": "<Loss at 0x7f12ab>",
                "text/html": '<figure class="explorer"></figure>',
                "image/png": "iVBO",
                "application/vnd.jupyter.widget-view+json": {"model_id": "7"},
            },
            metadata={"image/png": {"alt": "A line", "width": 3}, "x": 1},
            execution_count=9,
        ),
    ]
    cells = [
        new_markdown_cell("# T", metadata={"id": "colab"}),
        new_code_cell("f()", metadata={"scrolled": True}, outputs=outputs),
        new_code_cell("f()", metadata={"tags": ["x"]}, execution_count=9),
        new_code_cell("f()"),
    ]
    for cell, identifier in zip(
        cells, ["a", "a", "not valid", ""], strict=True
    ):
        cell.id = identifier
    notebook = nbformat.v4.new_notebook()
    notebook.cells = cells
    notebook.metadata["widgets"] = {"state": {}}
    return notebook


def test_normal_form():
    given = untidy()
    before = copy.deepcopy(given)
    normal = notebooks.normalise(given)

    assert given == before, "the argument was changed"
    assert notebooks.normalise(normal) == normal
    assert normal.metadata == notebooks.NOTEBOOK_METADATA
    identifiers = [cell.id for cell in normal.cells]
    assert identifiers[0] == "a"
    assert len(set(identifiers)) == 4
    assert [cell.metadata for cell in normal.cells[:3]] == [
        {},
        {},
        {"tags": ["x"]},
    ]
    assert [c.execution_count for c in normal.cells[1:]] == [1, 2, 3]
    stream, result = normal.cells[1].outputs
    assert stream.text == "2 %\ndone\n"
    assert result.execution_count == 1
    assert result.data == {
        "text/plain": "<Loss at 0x...>",
        "image/png": "iVBO",
    }
    assert result.metadata == {"image/png": {"alt": "A line"}}
    nbformat.validate(normal)


def test_errors_have_a_normal_form():
    error = new_output(
        "error",
        ename="ValueError",
        evalue="\x1b[1mno\x1b[0m",
        traceback=[
            "\x1b[31m---\x1b[39m",
            "\x1b[31mValueError\x1b[39m     Traceback (most recent call last)",
            "Cell In[1], line 1\n----> 1 f()\n",
            "File ~/b/.venv/lib/python3.12/site-packages/a.py:1, in f()\n",
            "\x1b[31mValueError\x1b[39m: no",
        ],
    )
    normal = notebooks.normalise_outputs([error])
    assert notebooks.normalise_outputs(normal) == normal
    assert normal[0].evalue == "no"
    text = "\n".join(normal[0].traceback)
    assert "----> 1 f()" in text
    assert "\x1b" not in text
    assert "~" not in text


def test_ids_do_not_depend_on_the_place_of_a_cell():
    first, second = new_markdown_cell("One"), new_markdown_cell("Two")
    first.id = second.id = ""
    one_way = notebook_of(first, second).cells
    other_way = notebook_of(second, first).cells
    assert [cell.id for cell in one_way] == [
        cell.id for cell in reversed(other_way)
    ]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("<f at 0x7f00>", "<f at 0x...>"),
        ("sum: 0x10", "sum: 0x10"),
        ('See <a href="../saving.html">it</a>.', "See it."),
        ('<a href="https://a.org/b.html">it</a>',) * 2,
        (
            'File "/tmp/ipykernel_71/12.py", line 3',
            'File "<this notebook>", line 3',
        ),
        (
            r'File "C:\Users\me\AppData\Local\Temp\ipykernel_71\12.py"',
            'File "<this notebook>"',
        ),
        (
            "File ~/my book/.venv/lib/python3.12/site-packages/keras/a.py:1",
            "File site-packages/keras/a.py:1",
        ),
        (
            "File /usr/lib/python3.11/contextlib.py:81, in f",
            "File python/contextlib.py:81, in f",
        ),
        ("'/tmp/tmpab12_d9z/m.keras'", "'<temporary folder>/m.keras'"),
        ("'/tmp/tmpabcdefghi/m.keras'", "'/tmp/tmpabcdefghi/m.keras'"),
        (
            "/var/folders/s_/xx/T/tmpab12_d9z/m.keras",
            "<temporary folder>/m.keras",
        ),
        ("and/or site-packages/keras", "and/or site-packages/keras"),
    ],
)
def test_what_differs_between_machines_is_substituted(given, stored):
    assert notebooks.substitute(given) == stored
    assert notebooks.substitute(stored) == stored


# --- Execution ---------------------------------------------------------------


def store(*paths):
    """Execute and store notebooks in a process of its own.

    In that of the tests Playwright may run, and then asyncio cannot.
    """
    tool = notebooks.BOOK / "_tools" / "notebooks.py"
    return subprocess.run(
        [sys.executable, tool, "store", *paths],
        cwd=paths[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_store_executes_and_leaves_what_has_not_changed(tmp_path):
    path = tmp_path / "a.ipynb"
    (tmp_path / "data.txt").write_text("next to the notebook")
    source = "print(open('data.txt').read())"
    path.write_text(notebooks.as_text(notebook_of(new_code_cell(source))))

    done = store(path)
    assert done.returncode == 0, done.stderr
    assert b"next to the notebook" in path.read_bytes()
    os.utime(path, (1, 1))
    done = store(path)
    assert done.returncode == 0, done.stderr
    assert "unchanged" in done.stdout
    assert path.stat().st_mtime == 1


def test_store_says_which_cell_failed_and_stores_nothing(tmp_path):
    path = tmp_path / "a.ipynb"
    notebook = notebook_of(
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_code_cell("size = 0\n3 / size"),
        new_code_cell("print('not reached')"),
    )
    path.write_text(notebooks.as_text(notebook))
    before = path.read_bytes()

    done = store(path)
    assert done.returncode == 1
    assert "a.ipynb failed. Code cell 2:" in done.stderr
    assert "3 / size" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert path.read_bytes() == before


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """A project of three notebooks, which differ in size, and the tools.

    Here and in a process of its own, the tools take it for the project.
    """
    book = tmp_path / "book"
    shutil.copytree(notebooks.BOOK / "_tools", book / "_tools")
    seconds = notebooks.SECONDS.relative_to(notebooks.ROOT)
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "BOOK", book)
    monkeypatch.setattr(notebooks, "SECONDS", tmp_path / seconds)
    paths = []
    for name, lines in (("large", 30), ("middle", 20), ("small", 1)):
        cells = [new_code_cell("1 + 1") for _ in range(lines)]
        paths.append(book / f"{name}.ipynb")
        paths[-1].write_text(notebooks.as_text(notebook_of(*cells)))
    return paths


def test_slowest_notebooks_come_first(small_book):
    large, middle, small = small_book
    assert notebooks.slowest_first([small, middle, large]) == small_book
    notebooks.write_seconds({small: 90.0, large: 3.0})
    # What was not measured yet takes its share by its size.
    assert notebooks.slowest_first(small_book) == [small, middle, large]
    assert 3 < notebooks.expected_seconds(small_book)[middle] < 90
    large.unlink()
    assert set(notebooks.read_seconds()) == {small}


def test_log_says_how_far_it_is_and_how_long_it_takes(small_book):
    done = store(*small_book)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    ended = [line for line in said if "stored" in line]
    assert re.fullmatch(
        r"\w+\.ipynb: stored, [\d.]+ s \(1 of 3\), about \d+ s left", ended[0]
    )
    assert re.fullmatch(r"\w+\.ipynb: stored, [\d.]+ s \(3 of 3\)", ended[2])
    assert set(notebooks.read_seconds()) == set(small_book)


# --- Google Colab ------------------------------------------------------------


def test_copies_for_colab_install_what_colab_lacks(tmp_path):
    address = "https://example.org/us/book"
    options = f"colab --repository {address} --revision 1a2b --out".split()
    notebooks.main([*options, str(tmp_path)])
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.ipynb")]
    assert sorted(written) == [
        path.relative_to(notebooks.ROOT) for path in notebooks.find_notebooks()
    ]
    original = notebook_of(new_markdown_cell("# T"), new_code_cell("1 + 1"))
    notebook = notebooks.for_colab(
        original, address, "1a2b", {"tensorflow": "2.21.0"}
    )
    nbformat.validate(notebook)
    assert notebook.cells[1:] == original.cells
    last_line = notebook.cells[0].source.splitlines()[-1]
    assert last_line == (
        f'%pip install -q "tensorflow==2.21.0" "git+{address}@1a2b"'
    )


def test_colab_gets_the_pinned_versions():
    text = (
        'tensorflow-cpu==2.0; sys_platform == "linux"\n'
        'tensorflow==1.0; sys_platform != "linux"\n'
        "keras==3.15.1\n"
    )
    assert notebooks.pinned_versions(text) == {
        "tensorflow": "1.0",
        "keras": "3.15.1",
    }
