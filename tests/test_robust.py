"""Does `make robust` say which cells depend on the processor, and how?"""

import contextlib
import io
import shutil
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import notebooks
import robust

# Prints what the arithmetic decides.
SOURCE = """\
import os

print("error", os.environ.get("ERROR", "0.49"))"""


WAYS = [
    ("up", {"ERROR": "0.50"}),
    ("two threads", {"ERROR": "0.50"}),
    ("worse", {"ERROR": "0.59"}),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What is said of a notebook that depends on the environment, and one not.

    Returns:
        The exit status and the text.
    """
    folder = tmp_path_factory.mktemp("book")
    shutil.copy(notebooks.BOOK / "conftest.py", folder)
    stored = new_output("stream", name="stdout", text="error 0.49\n")
    cell = new_code_cell(SOURCE, execution_count=1, outputs=[stored])
    steady = new_code_cell("size = 1", execution_count=1)
    for name, cells in (("steady", [steady]), ("chapter", [steady, cell])):
        notebook = notebooks.normalise(new_notebook(cells=cells))
        path = folder / f"{name}.ipynb"
        path.write_text(notebooks.as_text(notebook), "utf-8")
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robust, "arithmetics", lambda: WAYS)
        with contextlib.redirect_stdout(text):
            status = robust.main([str(folder)])
    return status, text.getvalue()


def test_what_differs_by_more_than_a_digit_fails_and_is_shown(said):
    status, text = said
    assert status == 1
    assert "3 of 3, worse: 1 of 3 differ" in text
    shown = "Cell 1: DIFFERS with worse\n      - error 0.49\n      + error 0.59"
    assert shown in text


def test_what_flips_a_last_digit_is_let_through_and_said(said):
    _, text = said
    assert "1 of 3, up: 0 of 3 differ" in text
    shown = (
        "Cell 1: last digits differ with up, two threads\n      0.49 -> 0.50"
    )
    assert shown in text


def test_what_is_the_same_everywhere_is_said(said):
    _, text = said
    assert "steady.ipynb: the same everywhere" in text
    assert "Cell 0" not in text


def test_status_is_good_if_nothing_fails(monkeypatch, capsys):
    passed = {("book/a.ipynb", "Cell 0"): (True, ["0.49 -> 0.50"])}
    monkeypatch.setattr(robust, "execute", lambda *arguments: passed)
    assert robust.main(["book/a.ipynb"]) == 0
    assert "0.49 -> 0.50" in capsys.readouterr().out


def test_older_processors_are_known_to_who_computes():
    """A setting that a library does not know would change nothing."""
    code = (
        "import helpers, tensorflow as tf\n"
        "tf.function(lambda x: tf.exp(x) @ x, jit_compile=True)(tf.eye(3))"
    )
    ways = robust.arithmetics()
    assert len({name for name, _ in ways}) == len(ways) >= 4
    for name, settings in ways:
        if "XLA_FLAGS" not in settings:
            continue
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=robust.environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        assert "NPY_DISABLE_CPU_FEATURES" not in done.stderr, done.stderr
