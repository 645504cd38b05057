"""How long does a page take from a slider to another picture?

The page with most explorers, in a real Chromium. The way from Python to the
browser and back, one or two milliseconds, is part of each figure.
"""

from pathlib import Path

SITE = Path(__file__).parents[2] / "_build" / "html"
FIGURE = '<figure class="explorer">'

# Sets a slider to its next value and waits for the layout.
MOVE = """slider => {
  slider.value = (+slider.value + 1) % (+slider.max + 1);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  slider.closest("figure").getBoundingClientRect();
}"""


def test_swap(benchmark, page):
    paths = SITE.glob("book/*.html")
    path = max(paths, key=lambda path: path.read_text("utf-8").count(FIGURE))
    page.goto(path.as_uri())
    slider = page.locator("figure.explorer input[type=range]").first
    benchmark(slider.element_handle().evaluate, MOVE)
    assert slider.get_attribute("aria-valuetext")
