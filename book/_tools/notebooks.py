r"""Execute the notebooks under book/ and store them in one normal form.

    python book/_tools/notebooks.py store [PATHS]
    python book/_tools/notebooks.py colab --repository URL --revision SHA \
        --out DIR

`store` (make notebooks) executes and normalises, and `colab` writes copies that
install what Google Colab lacks.
"""

import argparse
import asyncio
import contextlib
import copy
import functools
import hashlib
import json
import re
import signal
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbclient.util import ensure_async
from tqdm import tqdm

from tracebacks import without_libraries

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
SECONDS = ROOT / "_build" / "notebook-seconds.json"
# Far above what a slow and busy machine needs: 10 for a kernel, 60 for a cell.
KERNEL_SECONDS = 120
CELL_SECONDS = 300
# A kernel waits for a tenth of its time, so that three keep two processors
# busy; each takes up to 1 GB of memory.
AT_ONCE = 3

NOTEBOOK_METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}

# What differs from one machine or run to the next, and what stands for it in
# a stored output. A path begins where nothing of a word stands before it.
START_OF_PATH = r"(?<![\w./~-])(?:~|[A-Za-z]:)?[\\/]"
ON_ONE_LINE = r"[^\n\"'<>|]*?"
SUBSTITUTES = [
    # Colours of a terminal
    (r"\x1b\[[0-9;]*[A-Za-z]", ""),
    # What a carriage return has overwritten, as in a progress bar
    (r"(?m)^.*\r(?=[^\n])", ""),
    (r"(?<= at )0x[0-9a-fA-F]+", "0x..."),
    # Links from page to page, which only a build makes
    (r'<a href="[\w/.-]+\.html">([^<]*)</a>', r"\1"),
    (
        START_OF_PATH + ON_ONE_LINE + r"ipykernel_\d+[\\/]\d+\.py",
        "<this notebook>",
    ),
    (
        START_OF_PATH + ON_ONE_LINE + r"__autograph_generated_file\w+\.py",
        "<made by AutoGraph>",
    ),
    (START_OF_PATH + ON_ONE_LINE + r"site-packages[\\/]", "site-packages/"),
    (
        START_OF_PATH + ON_ONE_LINE + r"lib[\\/]python3(?:\.\d+)?[\\/]",
        "python/",
    ),
    (
        START_OF_PATH + r"(?:tmp|" + ON_ONE_LINE + r"[\\/](?:T|Temp))"
        r"[\\/]tmp[a-z0-9_]{8}(?![a-z0-9_])",
        "<temporary folder>",
    ),
]


def find_notebooks(folder=BOOK):
    """Return the notebooks of the book, in the order of their paths."""
    hidden = (".ipynb_checkpoints", "_build")
    return sorted(
        path
        for path in folder.rglob("*.ipynb")
        if not any(part in hidden for part in path.parts)
    )


def read(path):
    """Read a notebook as nbformat 4."""
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def as_text(notebook):
    """Return a notebook as it is stored: keys sorted, indented by one."""
    return nbformat.writes(notebook, indent=1) + "\n"


def write_if_changed(path, text):
    """Write a file unless it says so already; return whether it was written."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return True


# --- The normal form ---------------------------------------------------------


def normalise(notebook):
    """Return a notebook in the normal form; what is normal stays as it is.

    Cells keep their ids if these are valid and no two are the same, and get
    one made of their text otherwise. Code cells count from 1 upwards: nbval
    compares nothing in a cell without a count. All metadata goes but tags.
    """
    notebook = copy.deepcopy(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    seen = set()
    count = 0
    for cell in notebook.cells:
        cell.id = unique_id(cell, seen)
        seen.add(cell.id)
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = normalise_outputs(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return notebook


def unique_id(cell, seen):
    """Return the cell's own id if it will do, else one made of its text."""
    identifier = cell.get("id", "")
    content = f"{cell.cell_type}\n{cell.source}"
    while not re.fullmatch(r"[\w-]{1,64}", identifier, re.A) or (
        identifier in seen
    ):
        identifier = hashlib.sha256(content.encode()).hexdigest()[:8]
        content += "\n"
    return identifier


def normalise_outputs(outputs):
    """Return the part of a cell's outputs that is stored and compared."""
    normal = []
    for output in copy.deepcopy(outputs):
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            last = normal[-1] if normal else {}
            if last.get("name") == output.name:
                last.text = substitute(last.text + output.text)
                continue
        if "metadata" in output:
            output.metadata = nbformat.from_dict(
                {
                    kind: {"alt": about["alt"]}
                    for kind, about in output.metadata.items()
                    if isinstance(about, dict) and "alt" in about
                }
            )
        if "data" in output:
            output.data = nbformat.from_dict(normalise_data(output.data))
        for key in ("text", "evalue"):
            if key in output:
                output[key] = substitute(output[key])
        if "traceback" in output:
            text = substitute("\n".join(output.traceback))
            output.traceback = without_libraries(text).split("\n")
        normal.append(output)
    return normal


def normalise_data(data):
    """Leave out widgets, which need a kernel, and the frames of a figure."""
    return {
        kind: substitute(value) if kind.startswith("text/") else value
        for kind, value in data.items()
        if kind != "application/vnd.jupyter.widget-view+json"
        and not (kind == "text/html" and 'class="explorer"' in value)
    }


def substitute(text):
    """Replace what differs from one machine or run to the next."""
    for pattern, substitute_text in SUBSTITUTES:
        text = re.sub(pattern, substitute_text, text)
    return text


# --- Execution ---------------------------------------------------------------


class CellFailed(Exception):
    """A cell raised what it was not meant to raise, or did not end."""


async def execute(notebook, folder, after_cell=lambda: None):
    """Execute all cells in a new kernel that works in `folder`."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        # Its warnings are about the network, not about the notebook.
        extra_arguments=["--log-level=ERROR"],
        startup_timeout=KERNEL_SECONDS,
        timeout=CELL_SECONDS,
        iopub_timeout=KERNEL_SECONDS,
        record_timing=False,  # it would be part of a cache's key
        resources={"metadata": {"path": str(folder)}},
    )
    count = 0
    async with client.async_setup_kernel():
        # An interrupt is for all notebooks, not only for the last begun.
        with contextlib.suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        asked = client.kc.kernel_info()
        reply = await client.async_wait_for_reply(await ensure_async(asked))
        language = reply["content"]["language_info"]
        notebook.metadata["language_info"] = language
        for index, cell in enumerate(notebook.cells):
            count += cell.cell_type == "code"
            try:
                await client.async_execute_cell(cell, index)
            except CellExecutionError as error:
                reason = substitute(error.traceback)
            except CellTimeoutError:
                reason = f"The cell was stopped after {CELL_SECONDS} seconds."
            except DeadKernelError:
                reason = "The kernel died."
            else:
                after_cell()
                continue
            raise CellFailed(f"Code cell {count}:\n\n{cell.source}\n\n{reason}")


async def execute_all(paths, keep):
    """Execute notebooks, a few at a time; return the failures.

    `keep(path, notebook)` is called with each that was executed, and returns a
    word for what it has done with it.
    """
    turns = asyncio.Semaphore(AT_ONCE)
    failures = []
    progress = Progress(paths)

    async def execute_one(path):
        async with turns:
            progress.begin(path)
            start = time.monotonic()
            notebook = read(path)
            advance = functools.partial(progress.advance, path, notebook)
            try:
                await execute(notebook, path.parent, advance)
            except CellFailed as failure:
                failures.append(f"{name_of(path)} failed. {failure}")
                outcome = "FAILED"
            else:
                outcome = keep(path, notebook)
                write_seconds({path: time.monotonic() - start})
            progress.end(path, outcome, time.monotonic() - start)

    try:
        await asyncio.gather(*(execute_one(path) for path in progress.paths))
    finally:
        progress.close()
    return failures


class Progress:
    """Says how far an execution is, and about how long it still takes.

    In a terminal it is a bar, in a log a line for each notebook.
    """

    def __init__(self, paths):
        self.seconds = expected_seconds(paths)
        self.paths = slowest_first(paths)
        self.started = time.monotonic()
        self.ended = 0
        self.bar = tqdm(
            total=sum(self.seconds.values()),
            disable=None,  # where nobody looks
            bar_format="{percentage:3.0f}% |{bar}| {desc}",
            file=sys.stdout,
        )
        self.done = 0

    def say(self, text):
        self.bar.write(text, file=sys.stdout)
        sys.stdout.flush()

    def left(self):
        """Return about how long it still takes, in words."""
        if not self.done:
            return ""
        spent = time.monotonic() - self.started
        # The parts of a sum may add up to a little more than the sum.
        left = max(spent * (self.bar.total - self.done) / self.done, 0)
        return f"about {left:.0f} s left"

    def begin(self, path):
        if self.bar.disable:
            self.say(f"{name_of(path)}: executing ...")

    def advance(self, path, notebook):
        step = self.seconds[path] / len(notebook.cells)
        self.done += step
        self.bar.set_description_str(self.left(), refresh=False)
        self.bar.update(step)

    def end(self, path, outcome, seconds):
        self.ended += 1
        count = f"{self.ended} of {len(self.paths)}"
        left = self.left() if self.ended < len(self.paths) else ""
        said = [f"{name_of(path)}: {outcome}", f"{seconds:.1f} s ({count})"]
        self.say(", ".join([*said, left] if left else said))

    def close(self):
        self.bar.close()


def read_seconds():
    """Return how long the book's notebooks took last time, by their paths."""
    if not SECONDS.exists():
        return {}
    seconds = json.loads(SECONDS.read_text("utf-8"))
    return {
        ROOT / name: value
        for name, value in seconds.items()
        if (ROOT / name).exists()
    }


def write_seconds(measured):
    """Remember how long some of the book's notebooks took."""
    seconds = read_seconds() | measured
    lines = {
        path.relative_to(ROOT).as_posix(): round(value, 1)
        for path, value in sorted(seconds.items())
        if path.is_relative_to(BOOK)
    }
    write_if_changed(SECONDS, json.dumps(lines, indent=1) + "\n")


def expected_seconds(paths):
    """Return how long notebooks will take: as last time, or by their size."""
    known = read_seconds()
    sizes = {path: path.stat().st_size for path in {*known, *paths}}
    timed = sum(known.values())
    rate = timed / sum(sizes[path] for path in known) if timed else 1e-4
    return {path: known.get(path, rate * sizes[path]) for path in paths}


def slowest_first(paths):
    """Return notebooks in an order in which two workers end together."""
    seconds = expected_seconds(paths)
    return sorted(paths, key=lambda path: (-seconds[path], path))


def store(path, notebook):
    """Store a notebook that was executed; say whether it changed."""
    changed = write_if_changed(path, as_text(normalise(notebook)))
    return "stored" if changed else "unchanged"


def name_of(path):
    """Return a path as one would type it from here."""
    here = Path.cwd()
    path = path.resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path


# --- Google Colab ------------------------------------------------------------


def for_colab(notebook, repository, revision, versions):
    """Return a notebook that first installs what Colab lacks.

    Colab brings most packages. TensorFlow and Keras are installed at the
    versions that the outputs were made with, the helpers from the repository.
    """
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    wanted.append(f"git+{repository}@{revision}")
    source = "\n".join(
        [
            "# On Colab only: install the book's helpers, and the versions of",
            "# TensorFlow and Keras that it was written with. It takes a few",
            "# minutes. Run it first. If TensorFlow is already imported, then",
            "# choose Runtime > Restart session afterwards.",
            "%pip install -q " + " ".join(f'"{each}"' for each in wanted),
        ]
    )
    cell = nbformat.v4.new_code_cell(source, id="install-on-colab")
    notebook = copy.deepcopy(notebook)
    notebook.cells.insert(0, cell)
    return notebook


def pinned_versions(requirements, names=("tensorflow", "keras")):
    """Return the versions that the text of requirements.txt pins."""
    return {
        name: re.search(rf"(?m)^{name}==([^\s;]+)", requirements)[1]
        for name in names
    }


def write_for_colab(repository, revision, out):
    """Write a copy of each notebook to the same place below `out`."""
    versions = pinned_versions((ROOT / "requirements.txt").read_text())
    for path in find_notebooks():
        notebook = for_colab(read(path), repository, revision, versions)
        target = out / path.relative_to(ROOT)
        write_if_changed(target, as_text(notebook))
        print(name_of(target))


def main(arguments=None):
    """Run the command line; return what the shell is told."""
    parser = argparse.ArgumentParser(
        description="Execute the book's notebooks and store them normalised."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "store", help="execute notebooks and store their outputs"
    )
    command.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATHS",
        help="notebooks; all of the book's if none is named",
    )
    command = commands.add_parser("colab", help="write copies for Colab")
    command.add_argument("--repository", required=True, metavar="URL")
    command.add_argument("--revision", required=True, metavar="SHA")
    command.add_argument("--out", required=True, metavar="DIR", type=Path)
    chosen = parser.parse_args(arguments)

    if chosen.command == "colab":
        write_for_colab(chosen.repository, chosen.revision, chosen.out)
        return 0
    paths = chosen.paths or find_notebooks()
    failures = asyncio.run(execute_all(paths, keep=store))
    for failure in failures:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
