"""Is each notebook of the book as a chapter must be, and do the tools work?

Each rule below is a function whose name is the sentence that it tests. It
yields what is wrong, in words that say what to change. A bad notebook for
each shows that the rule can fail.
"""

import ast
import copy
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

import notebooks

PATHS = notebooks.find_notebooks()
MOST_COLUMNS = 80
# Of code to read: without docstrings and blank lines. Code that draws stands
# behind a button, and nobody has to read it in one go.
MOST_LINES = 25
MOST_HIDDEN_LINES = 45
KNOWN_TAGS = {
    "component",  # the final version, which goes into helpers/components.py
    "hide-input",  # code that draws, behind a button
    "hide-output",
    "nbval-ignore-output",  # not compared; the cell says why
    "raises-exception",
    "remove-input",
}
BELITTLING = re.compile(r"\b(simply|just|obviously)\b", re.I)
# Two folders or more, from the root, a home or a drive; not part of a word, of
# a web address or of a closing tag.
MACHINE_PATH = re.compile(
    r"(?<![\w./:<-])(?:~?/[\w.-]+/[\w.-]+|[A-Za-z]:\\\w+)[^\s'\"]*"
)


# --- What the rules look at -------------------------------------------------


def code_cells(notebook):
    """Yield the number, as in In [3], and the cell."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    yield from enumerate(cells, start=1)


def prose(cell):
    """Return the text of a markdown cell without code and formulas."""
    text = re.sub(r"(?ms)^(`{3,}|~{3,}).*?^\1`*$", "", cell.source)
    text = re.sub(r"(?s)\$\$.*?\$\$|`[^`]*`", "", text)
    return re.sub(r"\$[^$\n]+\$|\]\([^)]*\)|<[^>]+>", "", text)


def syntax_trees(notebook):
    """Yield the number and the syntax tree of each code cell.

    Lines that are no Python, such as %%timeit, count as empty. A cell that is
    meant to show a syntax error has no tree.
    """
    for number, cell in code_cells(notebook):
        python = re.sub(r"(?m)^\s*[%!?].*$", "", cell.source)
        try:
            yield number, ast.parse(python)
        except SyntaxError:
            continue


def docstring_lines(tree):
    """Return how many lines of a cell are docstrings, blank ones left out."""
    documented = (ast.FunctionDef, ast.ClassDef)
    texts = [
        ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, documented)
    ]
    return sum(bool(line.strip()) for t in texts for line in t.splitlines())


def called(tree):
    """Yield the name, without what stands before the dot, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            yield name, node


def imported(tree):
    """Yield (line, top module, name here) of all that a cell imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                module = each.name.split(".")[0]
                yield node.lineno, module, each.asname or module
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                module = (node.module or "").split(".")[0]
                yield node.lineno, module, each.asname or each.name


def output_texts(cell):
    """Yield all text that a cell's outputs store."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield output.get("evalue", "")
        yield "\n".join(output.get("traceback", []))
        for kind, value in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield value


# --- The rules --------------------------------------------------------------


def it_begins_with_its_only_first_level_heading(notebook):
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "begin the first cell with the title: # ..."
    titles = [
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in re.findall(r"(?m)^# .*", prose(cell))
    ]
    for title in titles[1:]:
        yield f"make this a heading of the second level, or lower: {title}"


def its_first_code_imports_helpers_before_tensorflow_and_sets_the_seed(
    notebook,
):
    trees = dict(syntax_trees(notebook))
    first = trees.get(1, ast.Module([]))
    modules = [module for _line, module, _name in sorted(imported(first))]
    noisy = [m for m in modules if m in ("tensorflow", "keras")]
    if "helpers" not in modules:
        yield "import from helpers in the first code cell"
    elif noisy and modules.index(noisy[0]) < modules.index("helpers"):
        yield f"import helpers before {noisy[0]}: it keeps TensorFlow quiet"
    if "set_random_seed" not in (name for name, _call in called(first)):
        yield "call keras.utils.set_random_seed in the first code cell"


def no_cell_is_empty(notebook):
    for number, cell in enumerate(notebook.cells, start=1):
        if not cell.source.strip():
            yield f"remove the empty cell that is the {number}th"


def its_lines_fit_the_page(notebook):
    for number, cell in code_cells(notebook):
        for line in cell.source.splitlines():
            if len(line) > MOST_COLUMNS:
                yield f"In [{number}]: break after {MOST_COLUMNS}: {line}"


def its_cells_are_short_enough_to_read(notebook):
    hides = {"hide-input", "remove-input"}
    trees = dict(syntax_trees(notebook))
    for number, cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        tree = trees.get(number, ast.Module([]))
        count = len(lines) - docstring_lines(tree)
        hidden = hides & set(cell.metadata.get("tags", []))
        most = MOST_HIDDEN_LINES if hidden else MOST_LINES
        if count > most:
            yield (
                f"In [{number}]: {count} lines of code are too many to read "
                f"at once: divide them into cells of at most {most}"
            )


def its_tags_are_known(notebook):
    for number, cell in enumerate(notebook.cells, start=1):
        for tag in set(cell.metadata.get("tags", [])) - KNOWN_TAGS:
            yield f"cell {number}: {tag!r} is none of {sorted(KNOWN_TAGS)}"


def an_output_that_is_not_compared_says_why(notebook):
    for number, cell in code_cells(notebook):
        if "NBVAL_" in cell.source:
            yield f"In [{number}]: use the tag nbval-ignore-output instead"
        tagged = "nbval-ignore-output" in cell.metadata.get("tags", [])
        if tagged and not re.search(r"(?m)^# Not compared: \w", cell.source):
            yield f"In [{number}]: add the comment '# Not compared: <reason>'"


def cells_are_tagged_as_raising_exactly_when_they_raise(notebook):
    for number, cell in code_cells(notebook):
        tagged = "raises-exception" in cell.metadata.get("tags", [])
        raised = any(out.output_type == "error" for out in cell.outputs)
        if raised and not tagged:
            yield f"In [{number}]: stores an error: mend it, or tag the cell"
        if tagged and not raised:
            yield f"In [{number}]: does not raise: remove raises-exception"


def every_widget_is_an_explorer(notebook):
    trees = dict(syntax_trees(notebook))
    names = {
        name
        for tree in trees.values()
        for _line, module, name in imported(tree)
        if module == "ipywidgets"
    }
    for number, tree in trees.items():
        inside = {
            node
            for name, call in called(tree)
            if name == "explore"
            for node in ast.walk(call)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Name)
                and node.id in names
                and node not in inside
            ):
                yield f"In [{number}]: {node.id} is dead on a page: explore"


def every_explorer_has_an_alternative_text(notebook):
    for number, tree in syntax_trees(notebook):
        for name, call in called(tree):
            if name == "explore" and not any(
                keyword.arg == "alt" for keyword in call.keywords
            ):
                yield f"In [{number}]: say what is seen: explore(..., alt=...)"


def every_figure_is_drawn_by_explore(notebook):
    for number, tree in syntax_trees(notebook):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("plt", "pyplot")
                and node.attr in ("show", "figure", "subplots", "subplot")
            ):
                yield (
                    f"In [{number}]: instead of {node.value.id}.{node.attr} "
                    "draw on the axes that explore gives to your function"
                )


def its_prose_belittles_nobody(notebook):
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            for match in BELITTLING.finditer(prose(cell)):
                yield f"cell {number}: leave out {match[0]!r}"


def it_installs_nothing(notebook):
    for number, cell in code_cells(notebook):
        for line in re.findall(
            r"(?m)^\s*(?:[%!].*\b(?:pip|conda|apt)\b.*|!.*)", cell.source
        ):
            yield f"In [{number}]: requirements.txt installs; remove {line!r}"


def no_path_of_a_machine_is_stored(notebook):
    for number, cell in code_cells(notebook):
        for text in output_texts(cell):
            for match in MACHINE_PATH.finditer(text):
                yield (
                    f"In [{number}]: stores {match[0]!r}: print a name "
                    "rather than a path"
                )


# --- Bad notebooks, one or more a rule --------------------------------------


def good():
    """Return the shortest notebook that keeps all rules."""
    return notebook_of(
        new_markdown_cell("# Losses\n\nHow to write one."),
        new_code_cell(SET_UP),
        new_code_cell("explore(draw, alt='A line', threshold=(0, 1))"),
    )


def notebook_of(*cells):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = list(cells)
    return notebooks.normalise(notebook)


def with_code(source, *tags, outputs=()):
    """Return the good notebook and one code cell more."""
    return notebook_of(
        *good().cells,
        new_code_cell(
            source, metadata={"tags": list(tags)}, outputs=list(outputs)
        ),
    )


def with_prose(source):
    """Return the good notebook and one markdown cell more."""
    return notebook_of(*good().cells, new_markdown_cell(source))


def with_first_code(source):
    notebook = good()
    notebook.cells[1].source = source
    return notebook


SET_UP = """\
from helpers.explore import explore

import keras

keras.utils.set_random_seed(1)"""
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
PRINTED_PATH = new_output("stream", name="stdout", text="in /srv/book/a.keras")

BAD = [
    (
        it_begins_with_its_only_first_level_heading,
        notebook_of(*good().cells[1:]),
    ),
    (it_begins_with_its_only_first_level_heading, with_prose("# Another")),
    (
        its_first_code_imports_helpers_before_tensorflow_and_sets_the_seed,
        with_first_code("import keras\n\nkeras.utils.set_random_seed(1)"),
    ),
    (
        its_first_code_imports_helpers_before_tensorflow_and_sets_the_seed,
        with_first_code(f"import tensorflow as tf\n{SET_UP}"),
    ),
    (
        its_first_code_imports_helpers_before_tensorflow_and_sets_the_seed,
        with_first_code("import helpers\n\nimport keras"),
    ),
    (no_cell_is_empty, with_code("")),
    (its_lines_fit_the_page, with_code("x = " + "1" * 77)),
    (its_cells_are_short_enough_to_read, with_code("x = 1\n" * 26)),
    (its_tags_are_known, with_code("x = 1", "nbval-skip")),
    (
        an_output_that_is_not_compared_says_why,
        with_code("x = 1  # a comment", "nbval-ignore-output"),
    ),
    (
        an_output_that_is_not_compared_says_why,
        with_code("# NBVAL_IGNORE_OUTPUT\nx = 1"),
    ),
    (
        cells_are_tagged_as_raising_exactly_when_they_raise,
        with_code("fail()", outputs=[ERROR]),
    ),
    (
        cells_are_tagged_as_raising_exactly_when_they_raise,
        with_code("x = 1", "raises-exception"),
    ),
    (
        every_widget_is_an_explorer,
        with_code("from ipywidgets import interact\n\ninteract(draw, x=1)"),
    ),
    (
        every_widget_is_an_explorer,
        with_code("import ipywidgets as w\n\nw.IntSlider()"),
    ),
    (every_explorer_has_an_alternative_text, with_code("explore(draw, x=1)")),
    (every_figure_is_drawn_by_explore, with_code("plt.show()")),
    (its_prose_belittles_nobody, with_prose("This is *just* a function.")),
    (it_installs_nothing, with_code("%pip install keras")),
    (it_installs_nothing, with_code("!pip install keras")),
    (
        no_path_of_a_machine_is_stored,
        with_code("print(path)", outputs=[PRINTED_PATH]),
    ),
]
RULES = list(dict.fromkeys(rule for rule, _bad in BAD))


def name_of_rule(value):
    return getattr(value, "__name__", "")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=name_of_rule)
def test_chapter(path, rule):
    wrong = list(rule(notebooks.read(path)))
    assert not wrong, "\n".join([f"{path.name}:", *wrong])


@pytest.mark.parametrize(("rule", "bad"), BAD, ids=name_of_rule)
def test_rule_finds_what_it_is_there_for(rule, bad):
    assert list(rule(bad))
    assert not list(rule(good()))


def test_every_rule_is_applied():
    """A rule without a bad notebook would be applied to no chapter."""
    takes_a_notebook = [
        value
        for name, value in globals().items()
        if re.match(r"(it|its|no|an|every|cells)_", name)
    ]
    assert set(takes_a_notebook) == set(RULES)


@pytest.mark.parametrize(
    "source",
    [
        "A class, `just()`, in code.",
        "```python\n# A comment, simply\nx = 1\n```",
        "Adjusted for justice.",
    ],
)
def test_code_and_parts_of_words_are_no_prose(source):
    assert not list(its_prose_belittles_nobody(with_prose(source)))
    assert not list(
        it_begins_with_its_only_first_level_heading(with_prose(source))
    )


def test_widgets_may_be_the_controls_of_an_explorer():
    notebook = with_code(
        "import ipywidgets\n\n"
        "explore(draw, alt='A line', x=ipywidgets.IntSlider())"
    )
    assert not list(every_widget_is_an_explorer(notebook))


@pytest.mark.parametrize(
    "text",
    [
        "File site-packages/keras/src/losses.py:3",
        "see https://keras.io/api/losses/",
        "</td></tr>",
        "1/2 or a / b",
    ],
)
def test_what_is_no_path_of_a_machine(text):
    output = new_output("stream", name="stdout", text=text)
    notebook = with_code("print(text)", outputs=[output])
    assert not list(no_path_of_a_machine_is_stored(notebook))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_file_is_stored_byte_for_byte_in_the_normal_form(path):
    text = notebooks.as_text(notebooks.normalise(notebooks.read(path)))
    assert path.read_bytes() == text.encode(), "store it: `make notebooks`"


def test_table_of_contents_and_files_agree():
    """_toc.yml names each notebook, and nothing that is not there."""
    text = (notebooks.ROOT / "_toc.yml").read_text()

    def entries(part):
        if isinstance(part, list):
            return [name for each in part for name in entries(each)]
        if isinstance(part, dict):
            own = [part[key] for key in ("root", "file") if key in part]
            return own + entries(list(part.values()))
        return []

    named = entries(yaml.safe_load(text))
    assert len(named) == len(set(named)), "a page is in _toc.yml twice"
    for name in named:
        found = [
            suffix
            for suffix in (".md", ".ipynb")
            if (notebooks.ROOT / name).with_suffix(suffix).exists()
        ]
        assert found, f"_toc.yml names {name}, and there is no such file"
    stored = {
        path.relative_to(notebooks.ROOT).with_suffix("").as_posix()
        for path in PATHS
    }
    assert stored <= set(named), f"add to _toc.yml: {stored - set(named)}"


# --- book/_tools/notebooks.py -------------------------------------------------


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


def test_store_executes_and_leaves_what_has_not_changed(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    (tmp_path / "data.txt").write_text("next to the notebook")
    source = "print(open('data.txt').read())"
    path.write_text(notebooks.as_text(notebook_of(new_code_cell(source))))

    assert notebooks.main(["store", str(path)]) == 0
    stored = path.read_bytes()
    assert b"next to the notebook" in stored
    os.utime(path, (1, 1))
    assert notebooks.main(["store", str(path)]) == 0
    assert path.stat().st_mtime == 1
    assert "unchanged" in capsys.readouterr().out


def test_store_says_which_cell_failed_and_stores_nothing(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    notebook = notebook_of(
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_code_cell("size = 0\n3 / size"),
        new_code_cell("print('not reached')"),
    )
    path.write_text(notebooks.as_text(notebook))
    before = path.read_bytes()

    assert notebooks.main(["store", str(path)]) == 1
    message = capsys.readouterr().err
    assert "a.ipynb failed. Code cell 2:" in message
    assert "3 / size" in message
    assert "ZeroDivisionError" in message
    assert path.read_bytes() == before


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """Three notebooks of known sizes, and how long two of them took."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "BOOK", tmp_path)
    monkeypatch.setattr(notebooks, "SECONDS", tmp_path / "seconds.json")
    monkeypatch.chdir(tmp_path)
    paths = []
    for name, lines in (("large", 30), ("middle", 20), ("small", 1)):
        cells = [new_code_cell("1 + 1") for _ in range(lines)]
        paths.append(tmp_path / f"{name}.ipynb")
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


def test_log_says_how_far_it_is_and_how_long_it_takes(small_book, capsys):
    assert notebooks.main(["store", *map(str, small_book)]) == 0
    said = capsys.readouterr().out.splitlines()
    ended = [line for line in said if "stored" in line]
    assert re.fullmatch(
        r"\w+\.ipynb: stored, [\d.]+ s \(1 of 3\), about \d+ s left", ended[0]
    )
    assert re.fullmatch(r"\w+\.ipynb: stored, [\d.]+ s \(3 of 3\)", ended[2])
    assert set(notebooks.read_seconds()) == set(small_book)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_tidy_checks_and_mends(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(notebooks.as_text(untidy()))
    assert notebooks.main(["tidy", "--check", str(path)]) == 1
    assert notebooks.main(["tidy", str(path)]) == 0
    assert notebooks.main(["tidy", "--check", str(path)]) == 0


def test_copies_for_colab_install_what_colab_lacks(tmp_path):
    address = "https://example.org/us/book"
    options = f"colab --repository {address} --revision 1a2b --out".split()
    notebooks.main([*options, str(tmp_path)])
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.ipynb")]
    assert sorted(written) == [
        path.relative_to(notebooks.ROOT) for path in PATHS
    ]
    original = good()
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


# --- nbval, as book/conftest.py and pyproject.toml set it up ----------------


def test_nbval_sees_a_changed_output_and_nothing_of_standard_error(tmp_path):
    """And it does not start a kernel that the user has called python3."""
    shutil.copy(notebooks.BOOK / "conftest.py", tmp_path)
    warned = new_output("stream", name="stdout", text="hello\n")
    results = {
        "same": (
            "import sys\nprint('hello')\nprint(1, file=sys.stderr)",
            warned,
        ),
        "changed": ("print('good day')", warned),
    }
    for name, (source, output) in results.items():
        notebook = notebook_of(new_code_cell(source, outputs=[output]))
        (tmp_path / f"{name}.ipynb").write_text(notebooks.as_text(notebook))
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["false"], "display_name": "x", "language": "python"}'
    )

    # Without pytest's cache, which would remember these failures.
    options = ["--nbval", "-c", "pyproject.toml", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=notebooks.ROOT,
        env={**os.environ, "JUPYTER_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED" in done.stdout
    assert "changed.ipynb::Cell 0" in done.stdout.split("short test summary")[1]
