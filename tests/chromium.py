"""Find a Chromium for the browser tests; as a command, fetch one if needed.

    python tests/chromium.py

The first that starts is taken: $CHROMIUM, one on PATH, Playwright's own. The
same engine without a window to draw, as Playwright takes it too, opens a page
in less than half of the time, and is looked for first. Nothing is installed
into the system: if there is none, Playwright's own is fetched for the user.
"""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
)
# On Debian and Ubuntu, what was fetched may only lack libraries.
HOW_TO_INSTALL = f"""\
The browser tests need Chromium or Chrome, and none starts. Install one, and
unless it is on PATH, name it: CHROMIUM=/path/to/chrome
  Debian:  sudo apt-get install chromium
  Ubuntu:  {sys.executable} -m playwright install-deps chromium
  macOS:   brew install --cask google-chrome
  Windows: winget install Google.Chrome"""


def playwrights_own():
    """Return where Playwright's own Chromium is, or would be."""
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def starts(path):
    """Say whether a Chromium starts: one that lacks a library does not."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find(own):
    """Return the path of a Chromium that starts, or None.

    Args:
        own: Where Playwright's own is, or would be.
    """
    if chosen := os.environ.get("CHROMIUM"):
        return chosen if starts(chosen) else None
    candidates = [*map(shutil.which, NAMES), own]
    return next((path for path in candidates if path and starts(path)), None)


def main():
    """Make sure that there is a Chromium; return what the shell is told."""
    own = playwrights_own()
    path = find(own)
    if path is None and os.environ.get("CHROMIUM"):
        print(f"CHROMIUM={os.environ['CHROMIUM']} does not start: correct it.")
        return 1
    if path is None:
        print("No Chromium found: fetching Playwright's own ...", flush=True)
        fetch = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(fetch, check=False, stdin=subprocess.DEVNULL)
        path = find(own)
    if path is None:
        print(HOW_TO_INSTALL)
        return 1
    print(f"Browser tests use {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
