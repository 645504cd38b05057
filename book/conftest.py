"""How `pytest --nbval book` executes a notebook and compares its outputs.

nbval compares everything that a cell answers, standard error included, which
is stored nowhere. Both sides are brought into the form that is stored, and may
differ as `comparison.py` says.

A notebook that was executed to its end and found equal is kept for the pages,
frames included, so that they show the very run that was verified. One that was
not is executed anew by the next build.
"""

import contextlib
import os
from collections import Counter

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbval import kernel, plugin

import comparison
import notebook_cache
import notebooks

ADDRESS = notebook_cache.address(notebooks.ROOT)
FRAMES = notebooks.ROOT / "tests" / "frames_drawn_twice.py"
# `make robust` says 0: it wants no frames, and its runs are not for the pages.
FOR_THE_PAGES = os.environ.get("MADE_TO_MEASURE_BUILD", "1") == "1"


def pytest_configure(config):
    """Make the cache before two workers try to."""
    if config.option.nbval and not hasattr(config, "workerinput"):
        notebook_cache.open_cache(ADDRESS)


def pytest_collection_modifyitems(items):
    """Execute the slowest notebooks first, so that two workers end together."""
    cells = [item for item in items if isinstance(item, plugin.IPyNbCell)]
    order = notebooks.slowest_first({cell.path for cell in cells})
    cells.sort(key=lambda cell: order.index(cell.path))
    items[:] = [item for item in items if item not in cells] + cells


# --- Comparison --------------------------------------------------------------

compare_everything = plugin.IPyNbCell.compare_outputs


def compare_what_is_stored(cell, test, reference, skip_compare=None):
    """Compare outputs in the normal form of book/_tools/notebooks.py.

    Those that were recorded below take the place of nbval's own, which know
    nothing of a display that is updated or cleared.
    """
    recorded = cell.parent.executed.cells[cell.parent.present].outputs
    reference = notebooks.normalise_outputs(reference)
    test, differences = comparison.reconcile(
        notebooks.normalise_outputs(recorded), reference
    )
    cell.user_properties += [("difference", text) for text in differences]
    return compare_everything(cell, test, reference, skip_compare)


plugin.IPyNbCell.compare_outputs = compare_what_is_stored


def pytest_terminal_summary(terminalreporter):
    """Say which cells print other last digits on this machine."""
    for report in terminalreporter.getreports("passed"):
        said = [text for _, text in report.user_properties]
        if said and ".ipynb::" in report.nodeid:
            terminalreporter.write_line(
                f"Other last digits: {report.nodeid}: {', '.join(said)}"
            )


# --- The run that was verified -----------------------------------------------

start = plugin.IPyNbFile.setup
receive = plugin.IPyNbFile.get_kernel_message
stop = plugin.IPyNbFile.teardown
ask = kernel.RunningKernel.execute_cell_input


def start_with_frames(notebook_file):
    """Start a kernel that draws all frames of a figure, as a build does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MADE_TO_MEASURE_BUILD", "1" if FOR_THE_PAGES else "0")
        start(notebook_file)
    client = notebook_file.kernel.kc
    if FOR_THE_PAGES:
        code = f"__import__('runpy').run_path({str(FRAMES)!r})"
        reply = client.execute_interactive(code, silent=True)
        assert reply["content"]["status"] == "ok", reply["content"]
    executed = notebooks.read(notebook_file.path)
    reply = client.kernel_info(reply=True, timeout=notebooks.KERNEL_SECONDS)
    executed.metadata["language_info"] = reply["content"]["language_info"]
    notebook_file.executed = executed
    notebook_file.places = [
        place
        for place, cell in enumerate(executed.cells)
        if cell.cell_type == "code"
    ]
    notebook_file.outcomes = Counter()
    notebook_file.recorder = NotebookClient(executed, record_timing=False)
    notebook_file.recorder.reset_execution_trackers()


def remember_what_was_asked(running_kernel, *arguments, **options):
    """Ask a kernel to execute a cell, and remember the question."""
    running_kernel.asked = ask(running_kernel, *arguments, **options)
    return running_kernel.asked


def receive_and_record(notebook_file, timeout=None, stream="iopub"):
    """Receive a message; what belongs to the present cell goes into it."""
    message = receive(notebook_file, timeout, stream)
    if message["parent_header"].get("msg_id") == notebook_file.kernel.asked:
        place = notebook_file.present
        with contextlib.suppress(CellExecutionComplete):
            notebook_file.recorder.process_message(
                message, notebook_file.executed.cells[place], place
            )
    return message


def stop_and_keep(notebook_file):
    """Stop the kernel, and keep what was found equal for the pages."""
    stop(notebook_file)
    outcomes = getattr(notebook_file, "outcomes", Counter())
    of_the_book = notebook_file.path.is_relative_to(notebooks.BOOK)
    if not (outcomes and of_the_book and FOR_THE_PAGES):
        return
    cache = notebook_cache.open_cache(ADDRESS)
    if outcomes.total() > outcomes["passed"]:
        notebook_cache.forget(cache, notebook_file.executed)
    elif outcomes.total() == len(notebook_file.places):
        for count, place in enumerate(notebook_file.places, start=1):
            notebook_file.executed.cells[place].execution_count = count
        notebook_cache.keep(cache, notebook_file.path, notebook_file.executed)


plugin.IPyNbFile.setup = start_with_frames
plugin.IPyNbFile.get_kernel_message = receive_and_record
plugin.IPyNbFile.teardown = stop_and_keep
kernel.RunningKernel.execute_cell_input = remember_what_was_asked


@pytest.hookimpl(trylast=True)  # when there is a kernel
def pytest_runtest_setup(item):
    """Make room for the outputs of a cell."""
    item.output_timeout = notebooks.KERNEL_SECONDS
    place = item.parent.places[item.cell_num]
    item.parent.present = place
    item.parent.executed.cells[place].outputs = []
    item.parent.recorder.clear_before_next_output = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Count how the cells of a notebook ended."""
    report = yield
    if report.when == "call":
        item.parent.outcomes[report.outcome] += 1
    return report


seconds = Counter()


def pytest_runtest_logreport(report):
    """Add up how long the cells of a notebook took."""
    seconds[report.nodeid.partition("::")[0]] += report.duration


def pytest_sessionfinish(session):
    """Remember how long the notebooks took, for the next time."""
    if FOR_THE_PAGES and not hasattr(session.config, "workerinput"):
        root = session.config.rootpath
        notebooks.write_seconds(
            {root / name: value for name, value in seconds.items()}
        )
