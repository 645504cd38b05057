"""The outputs of notebooks that the pages are made of, kept between builds.

jupyter-cache compares code cells only. Here the rest of what decides an output,
the helpers and the pinned packages, becomes part of the cache's address.

A build executes what the cache lacks. `make test` puts in it what nbval has
executed and found equal to the stored notebook, so that the pages show the very
run that was verified.
"""

import hashlib
import shutil
import time

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

OUTPUTS_DEPEND_ON = (
    "helpers/**/*.py",
    "helpers/**/*.css",
    "helpers/**/*.js",
    "book/_tools/notebooks.py",
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


def address(root):
    """Return the folder of the cache for the present helpers and packages."""
    digest = files_digest(root, OUTPUTS_DEPEND_ON)
    return root / "_build" / ".jupyter_cache" / digest


def open_cache(folder):
    """Return the cache in a folder, and remove those of other addresses."""
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if other != folder and other.is_dir():
                shutil.rmtree(other)
    cache = get_cache(folder)
    cache.list_cache_records()  # makes the database, which two cannot do
    return cache


def find(cache, notebook):
    """Return the record of a notebook's outputs, or None."""
    try:
        return cache.match_cache_notebook(notebook)
    except KeyError:
        return None


def keep(cache, path, notebook):
    """Keep a notebook that has just been executed."""
    data = {"executed_at": time.time()}
    # Notebooks with the same cells have one place in the cache.
    cache.cache_notebook_bundle(
        CacheBundleIn(notebook, str(path), data=data),
        check_validity=False,
        overwrite=True,
    )


def forget(cache, notebook):
    """Let the next build execute a notebook again."""
    if record := find(cache, notebook):
        cache.remove_cache(record.pk)
