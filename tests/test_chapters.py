"""Is each notebook of the book as a chapter must be?

Each rule below is a function whose name is the sentence that it tests. It
yields what is wrong, in words that say what to change. A bad notebook for
each shows that the rule can fail.
"""

import ast
import re

import pytest
import yaml
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

import notebooks

PATHS = notebooks.find_notebooks()
MOST_COLUMNS = 80
# Of code to read: without docstrings and blank lines. Code that draws stands
# behind a button, and nobody has to read it in one go.
MOST_LINES = 25
MOST_HIDDEN_LINES = 45
KNOWN_TAGS = {
    "component",  # the final version, which goes into helpers/components/
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


# --- What the rules look at --------------------------------------------------


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


# --- The rules ---------------------------------------------------------------


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


# --- Bad notebooks, one or more a rule ---------------------------------------


def good():
    """Return the shortest notebook that keeps all rules."""
    return notebook_of(
        new_markdown_cell("# Losses\n\nHow to write one."),
        new_code_cell(SET_UP),
        new_code_cell("explore(draw, alt='A line', threshold=(0, 1))"),
    )


def notebook_of(*cells):
    return notebooks.normalise(new_notebook(cells=list(cells)))


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
