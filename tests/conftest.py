"""What all tests share."""

import functools
import http.server
import threading

import pytest
from playwright.sync_api import expect, sync_playwright

import helpers  # noqa: F401  Before TensorFlow, which it keeps quiet.
from tests import chromium as chromium_finder
from tests.site_pages import DESKTOP, PAGES, SITE

# Far above what a slow and busy machine needs.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def chromium():
    """Return the path of a Chromium; the test fails if there is none."""
    path = chromium_finder.find()
    assert path, "No Chromium: run `python tests/chromium.py`."
    return path


@pytest.fixture(scope="module")
def browser(chromium):
    """Run a Chromium without a window, for the tests of one file.

    Not for longer: while Playwright runs, no other test can use asyncio.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


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
