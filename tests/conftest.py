"""What all tests share."""

import functools
import http.server
import threading

import pytest
from playwright.sync_api import expect

import helpers  # noqa: F401  Before TensorFlow, which it keeps quiet.
from tests import chromium
from tests.site_pages import DESKTOP, PAGES, SITE

# Far above what a slow and busy machine needs.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, playwright):
    """Tell pytest-playwright which Chromium to launch.

    It runs until all tests have ended, and as long as Playwright does, no
    other test of this process can use asyncio.
    """
    path = chromium.find(playwright.chromium.executable_path)
    assert path, "No Chromium: run `python tests/chromium.py`."
    return {**browser_type_launch_args, "executable_path": path}


@pytest.fixture(scope="session")
def base_url():
    """Take the place of pytest-playwright's own, of which pytest 9 warns."""


# The files that take longest begin first, so that two workers end together.
SLOWEST = ("test_build", "test_site", "test_accessibility", "test_lab")


def pytest_collection_modifyitems(items):
    """Order the tests by their files, the slowest first."""
    places = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the site without a line on the screen for each file."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def site():
    """Serve the built site; return its address."""
    assert PAGES, "There is no site to test: run make book."
    handler = functools.partial(QuietHandler, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def at_desk(browser, site):
    """Open tabs as on a laptop that prefers light pages."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    yield context
    context.close()
