"""Find a Chromium for the browser tests; as a command, install one if needed.

    python tests/chromium.py

The first that starts is taken: $CHROMIUM, one on PATH, Playwright's own. The
same engine without a window to draw, as Playwright takes it too, opens a page
in less than half of the time, and is looked for first.
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


def find():
    """Return the path of a Chromium that starts, or None."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen if starts(chosen) else None
    for name in NAMES:
        path = shutil.which(name)
        if path and starts(path):
            return path
    path = playwrights_own()
    return path if starts(path) else None


def ways_to_install():
    """Yield commands that install a Chromium, the least intrusive first."""
    playwright = [sys.executable, "-m", "playwright", "install"]
    yield [*playwright, "chromium"]
    if shutil.which("apt-get") is None:
        return
    if os.geteuid() == 0:
        become_root = ["env", "DEBIAN_FRONTEND=noninteractive"]
    elif shutil.which("sudo"):
        # Without a question: nobody may be there to answer it.
        become_root = ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive"]
    else:
        return
    yield [*become_root, "apt-get", "update", "-qq"]
    # Not every release has the first.
    for name in ("chromium-headless-shell", "chromium"):
        yield [*become_root, "apt-get", "install", "-y", "-qq", name]
    # Playwright's download may have worked, and only lack system libraries.
    yield [*playwright, "--with-deps", "chromium"]


def main():
    """Make sure that there is a Chromium; return what the shell is told."""
    path = find()
    if path is None and "CHROMIUM" in os.environ:
        print(f"CHROMIUM={os.environ['CHROMIUM']} does not start: correct it.")
        return 1
    if path is None:
        print("No Chromium found: installing one for the browser tests ...")
        for command in ways_to_install():
            print(" ".join(command), flush=True)
            # One way that fails is followed by the next.
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
            path = find()
            if path:
                break
    if path is None:
        print(
            "The browser tests need Chromium and none could be installed: "
            "install it and run again, or name it with CHROMIUM=/path."
        )
        return 1
    print(f"Browser tests use {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
