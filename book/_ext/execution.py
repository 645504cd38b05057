"""When notebooks are executed for the pages, and how a build fails."""

import asyncio
import contextlib
import os
from pathlib import Path

import nbformat
from myst_nb.core.execute.base import ExecutionError
from sphinx.application import ENV_PICKLE_FILENAME

import notebook_cache
import notebooks


def choose_cache(app, config):
    """Use the cache that belongs to the present helpers and packages.

    The address is a setting that Sphinx compares with the last build's: when it
    differs, every notebook is read again, and executed since the cache is new.
    """
    address = notebook_cache.address(Path(app.srcdir))
    config.nb_execution_cache_path = str(address)
    config.nb_execution_timeout = notebooks.CELL_SECONDS
    # The kernels of a build draw all frames of a figure, others only one.
    os.environ["MADE_TO_MEASURE_BUILD"] = "1"


def open_cache(app):
    """Return the cache of this build, or None if nothing is executed."""
    if app.config.nb_execution_mode != "cache":
        return None
    return notebook_cache.open_cache(Path(app.config.nb_execution_cache_path))


def notebooks_among(env, docnames):
    """Yield name, path and content of each document that is a notebook."""
    for docname in docnames:
        path = Path(env.doc2path(docname))
        if path.suffix != ".ipynb":
            continue
        # MyST-NB reads it as well, and names it if that cannot be done.
        with contextlib.suppress(ValueError, nbformat.ValidationError):
            yield docname, path, notebooks.read(path)


def find_new_outputs(app, env, added, changed, removed):
    """Name the pages whose outputs are gone from the cache, or newer.

    Sphinx looks at the notebook alone, which may have stayed the same.
    """
    if (cache := open_cache(app)) is None:
        return []
    known = set(env.all_docs) & env.found_docs
    outdated = []
    for docname, _, notebook in notebooks_among(env, known):
        record = notebook_cache.find(cache, notebook)
        read_at = env.all_docs[docname] / 1e6
        if record is None or record.data["executed_at"] > read_at:
            outdated.append(docname)
    return outdated


def execute_ahead(app, env, docnames):
    """Execute what the cache lacks, a few at a time; end if a cell fails.

    MyST-NB would do it one by one. It then finds everything in the cache,
    except for pages in Markdown that have cells.
    """
    if (cache := open_cache(app)) is None:
        return

    def keep(path, notebook):
        notebook_cache.keep(cache, path, notebook)
        return "executed"

    missing = [
        path
        for _, path, notebook in notebooks_among(env, docnames)
        if notebook_cache.find(cache, notebook) is None
    ]
    if failures := asyncio.run(notebooks.execute_all(missing, keep)):
        raise SystemExit("\n\n".join([*failures, "The book is not built."]))


def leave_out_widget_state(app, doctree):
    """Drop the state of widgets, which MyST-NB would write into the page."""
    metadata = getattr(app.env, "nb_metadata", {}).get(app.env.docname, {})
    metadata.get("js_files", {}).pop("ipywidgets_state", None)


def forget_a_build_with_warnings(app, exception):
    """Make the next build read everything again, and so warn again.

    Sphinx keeps what it has read, so a second build would pass.
    """
    if app._warncount:
        (Path(app.doctreedir) / ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def end_with_the_failed_cell(app, exception):
    """End on the cell and its traceback, which are on the screen by now.

    Sphinx and Jupyter Book would push them out of sight with their own.
    """
    if isinstance(exception, ExecutionError):
        raise SystemExit(f"The book is not built: a cell of {exception} failed")


def setup(app):
    app.connect("config-inited", choose_cache)
    app.connect("env-get-outdated", find_new_outputs)
    app.connect("env-before-read-docs", execute_ahead)
    app.connect("doctree-read", leave_out_widget_state)
    app.connect("build-finished", forget_a_build_with_warnings)
    app.connect("build-finished", end_with_the_failed_cell, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
