"""Does a chapter work in a live JupyterLab, as a reader runs it?

The settings, extensions and kernels of whoever runs this test do not count.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[1] / "book"
# Far above what a slow and busy machine needs.
START_SECONDS = 300
RUN_SECONDS = 900
MOVE_SECONDS = 60
MOVES = 5

SETTINGS = {
    # No question whether to fetch news from the network.
    "apputils-extension/notification.jupyterlab-settings": {
        "checkForUpdates": False,
        "fetchNews": "false",
    },
    # All cells are in the page, also those that are out of sight.
    "notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
}

# The state of the notebook that is open, as JupyterLab itself knows it.
CODE_CELLS = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === "code")
  .map(({ model }) => ({
    source: model.sharedModel.source,
    tags: model.getMetadata("tags") ?? [],
    count: model.executionCount,
    errors: model.outputs.toJSON()
      .filter((output) => output.output_type === "error")
      .map((output) => `${output.ename}: ${output.evalue}`),
  }))"""

KERNEL_IDLE = """() => jupyterapp.shell.currentWidget?.sessionContext
  ?.session?.kernel?.status === "idle"
"""

# Counts the key presses that another picture has followed.
WATCH = """panel => {
  const pictures = () => [...panel.querySelectorAll("figure.explorer svg")]
    .map((svg) => svg.outerHTML).join();
  window.moves = 0;
  let pressed = false, before = null;
  panel.addEventListener("keydown", () => {
    pressed = true;
    before = pictures();
  }, { capture: true });
  new MutationObserver(() => {
    const now = pictures();
    if (!pressed || now === "" || now === before) return;
    window.moves += 1;
    pressed = false;
  }).observe(panel, {
    childList: true, subtree: true, attributes: true, characterData: true,
  });
}"""


def free_port():
    """Return a port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(address, server, log):
    """Wait for the server, as long as it lives."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab does not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Run JupyterLab on a copy of the chapters; return its address."""
    folder = tmp_path_factory.mktemp("lab")
    chapters = shutil.copytree(
        BOOK,
        folder / "book",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"),
    )
    own = {
        f"JUPYTER_{name}_DIR": str(folder / name)
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    own["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    own["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "workspaces")
    own["IPYTHONDIR"] = str(folder / "ipython")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "MADE_TO_MEASURE"))
    }
    for name, setting in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(setting))
    port = free_port()
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser"),
                *("--allow-root", "--ip=127.0.0.1", f"--port={port}"),
                *("--ServerApp.port_retries=0", "--IdentityProvider.token="),
                "--expose-app-in-browser",
                f"--ServerApp.root_dir={chapters}",
            ],
            env=kept | own,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(f"{address}/api", server, log)
        yield address
    finally:
        # It ends its kernels before itself.
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def chapter(lab, browser):
    """Have the Losses chapter open, with all its cells run."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.route(
        "**/*",
        lambda route: (
            route.continue_()
            if route.request.url.startswith((lab, "data:", "blob:"))
            else route.abort()
        ),
    )
    page.goto(f"{lab}/lab/tree/losses.ipynb")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.wait_for_function(KERNEL_IDLE, timeout=START_SECONDS * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    # Until the last cell has run, or one has stopped all that follow.
    page.wait_for_function(
        f"""() => {{
          const cells = ({CODE_CELLS})();
          return cells.every(({{ count }}) => count !== null)
            || cells.some(({{ errors, tags }}) =>
              errors.length && !tags.includes("raises-exception"));
        }}""",
        timeout=RUN_SECONDS * 1000,
    )
    page.wait_for_function(KERNEL_IDLE, timeout=RUN_SECONDS * 1000)
    yield page
    context.close()


def test_all_cells_run_and_raise_only_what_is_meant(chapter):
    cells = chapter.evaluate(CODE_CELLS)
    assert len(cells) > 10
    for cell in cells:
        meant = "raises-exception" in cell["tags"]
        assert bool(cell["errors"]) is meant, cell
    counts = [cell["count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))


def test_a_key_moves_the_slider_and_the_figure_follows(chapter):
    page = chapter
    figures = page.locator(".jp-CodeCell", has=page.locator("figure.explorer"))
    threshold = page.locator(".widget-label", has_text="threshold")
    cell = figures.filter(has=threshold).first
    slider = cell.get_by_role("slider")
    cell.locator("figure.explorer").scroll_into_view_if_needed()
    cell.evaluate(WATCH)
    for move in range(1, MOVES + 1):
        before = float(slider.get_attribute("aria-valuenow"))
        slider.press("ArrowRight")
        page.wait_for_function(
            f"window.moves === {move}", timeout=MOVE_SECONDS * 1000
        )
        assert float(slider.get_attribute("aria-valuenow")) > before
    assert cell.locator(".explorer-error").count() == 0
