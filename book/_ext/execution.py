"""When notebooks are executed for the pages, and how a build fails.

jupyter-cache compares code cells only. Here the rest of what decides an output,
the helpers and the pinned packages, becomes part of the cache's address.
"""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import nbformat
import notebooks
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.execute.base import ExecutionError
from sphinx.application import ENV_PICKLE_FILENAME

OUTPUTS_DEPEND_ON = (
    "helpers/**/*.py",
    "helpers/**/*.css",
    "helpers/**/*.js",
    "book/_ext/notebooks.py",
    "requirements.txt",
    "constraints.txt",
)


def files_digest(root, patterns):
    """Return a short digest of the names and contents of matching files."""
    digest = hashlib.sha256()
    paths = {path for pattern in patterns for path in root.glob(pattern)}
    for path in sorted(paths):
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def choose_cache(app, config):
    """Use the cache that belongs to the present helpers and packages.

    The address is a setting that Sphinx compares with the last build's: when it
    differs, every notebook is read again, and executed since the cache is new.
    """
    caches = Path(app.outdir).parent / ".jupyter_cache"
    digest = files_digest(Path(app.srcdir), OUTPUTS_DEPEND_ON)
    if caches.is_dir():
        for old in caches.iterdir():
            if old.name != digest and old.is_dir():
                shutil.rmtree(old)
    config.nb_execution_cache_path = str(caches / digest)
    config.nb_execution_timeout = notebooks.CELL_SECONDS
    # The kernels of a build draw all frames of a figure, others only one.
    os.environ["MADE_TO_MEASURE_BUILD"] = "1"


def execute_ahead(app, env, docnames):
    """Execute what the cache lacks, two at a time; end if a cell fails.

    MyST-NB would do it one by one. It then finds everything in the cache,
    except for pages in Markdown that have cells.
    """
    if app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)

    def is_missing(path):
        try:
            cache.match_cache_notebook(notebooks.read(path))
        except KeyError:
            return True
        except (ValueError, nbformat.ValidationError):
            pass  # MyST-NB reads it as well, and names it
        return False

    def keep(path, notebook, seconds):
        data = {"execution_seconds": seconds}
        bundle = CacheBundleIn(notebook, str(path), data=data)
        # Notebooks with the same cells have one place in the cache.
        cache.cache_notebook_bundle(
            bundle, check_validity=False, overwrite=True
        )
        return "executed"

    paths = [Path(env.doc2path(name)) for name in docnames]
    paths = [path for path in paths if path.suffix == ".ipynb"]
    missing = [path for path in paths if is_missing(path)]
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
    app.connect("env-before-read-docs", execute_ahead)
    app.connect("doctree-read", leave_out_widget_state)
    app.connect("build-finished", forget_a_build_with_warnings)
    app.connect("build-finished", end_with_the_failed_cell, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
