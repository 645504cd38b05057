"""Does `pytest --nbval` compare as book/conftest.py and pyproject.toml say?"""

import os
import shutil
import subprocess
import sys

from nbformat.v4 import new_code_cell, new_notebook, new_output

import notebooks


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
        cell = new_code_cell(source, outputs=[output])
        notebook = notebooks.normalise(new_notebook(cells=[cell]))
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
