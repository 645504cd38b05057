"""How long do the book and its tests take, against the least they could?

    python tests/benchmarks/measure_book.py

The floor is what as many kernels need as the book has notebooks, as many at
a time as in a build, if all they do is to import TensorFlow. Each time below is
also given as a multiple of it, which says more about the book than about the
machine. Builds from nothing, so that what is in `_build` is lost.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

import notebooks

IMPORT = "import helpers\n\nimport tensorflow"
RESULTS = notebooks.ROOT / "_build" / "book-benchmark.json"
NBVAL = "--nbval -n 2 --dist loadscope --no-loadscope-reorder book"


def seconds(action):
    """Return how long an action takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


def run(*command):
    """Run a command in the project; its output goes to the screen."""
    subprocess.run(command, cwd=notebooks.ROOT, check=True)


def run_floor():
    """Execute as many notebooks as the book has, which only import."""
    cell = nbformat.v4.new_code_cell(IMPORT)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            Path(folder) / path.name for path in notebooks.find_notebooks()
        ]
        for path in paths:
            nbformat.write(notebook, path)
        keep = lambda path, notebook: "imported"  # noqa: E731
        assert not asyncio.run(notebooks.execute_all(paths, keep))


def measure_chapter(path):
    """Execute one notebook alone, with all its frames.

    Returns:
        Dictionary with its seconds after the first cell, which imports, and
        with the most memory of its kernel, in MB.
    """
    os.environ["MADE_TO_MEASURE_BUILD"] = "1"
    ends = []
    notebook = notebooks.read(path)
    asyncio.run(
        notebooks.execute(
            notebook, path.parent, lambda: ends.append(time.monotonic())
        )
    )
    kinds = [cell.cell_type for cell in notebook.cells]
    after_import = ends[kinds.index("code")]
    # The kernel is the largest process that this one has started.
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        "seconds": round(ends[-1] - after_import, 1),
        "megabytes": round(kilobytes / 1024),
    }


def measure_alone(path):
    """Measure a notebook in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--chapter", path],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def forget_the_build():
    shutil.rmtree(notebooks.ROOT / "_build", ignore_errors=True)


def measure():
    """Return all that is measured, as a dictionary."""
    python = (sys.executable, "-m", "pytest")
    measured = {"floor": seconds(run_floor)}
    forget_the_build()
    measured["make book, from nothing"] = seconds(lambda: run("make", "book"))
    measured["make book, nothing new"] = seconds(lambda: run("make", "book"))
    measured["nbval"] = seconds(lambda: run(*python, *NBVAL.split()))
    forget_the_build()
    measured["make test, from nothing"] = seconds(lambda: run("make", "test"))
    chapters = {
        path.stem: measure_alone(path) for path in notebooks.find_notebooks()
    }
    return {"seconds": measured, "chapters": chapters}


def table(results):
    """Return the lines of a table."""
    floor = results["seconds"]["floor"]
    lines = [f"{'':26}{'seconds':>9}{'times the floor':>17}"]
    for name, value in results["seconds"].items():
        lines.append(f"{name:26}{value:9.1f}{value / floor:17.1f}")
    lines.append(f"{'chapter, without import':26}{'seconds':>9}{'MB':>17}")
    for name, chapter in results["chapters"].items():
        lines.append(
            f"{name:26}{chapter['seconds']:9.1f}{chapter['megabytes']:17d}"
        )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chapter", type=Path, help="measure this one only")
    chosen = parser.parse_args()
    if chosen.chapter:
        print(json.dumps(measure_chapter(chosen.chapter)))
        return
    results = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(*table(results), f"Written to {RESULTS}", sep="\n")


if __name__ == "__main__":
    main()
