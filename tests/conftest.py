"""What all tests share."""

import helpers  # noqa: F401  Before TensorFlow, which it keeps quiet.

import chromium as chromium_finder
import pytest
from playwright.sync_api import sync_playwright


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
