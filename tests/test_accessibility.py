"""Can everybody read the built pages, by the rules of axe-core?

`make test` builds them before.
"""

import re
from pathlib import Path

import axe_playwright_python
import pytest

from tests.site_pages import PAGES

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")

# In the dark a page has other colours, and the same structure.
RULES_OF_COLOURS = ["color-contrast", "link-in-text-block"]

# Code has thousands of words in a few looks. Leaves one in each colour, weight
# and ground; the others become plain text: who can read one can read them all.
LEAVE_ONE_OF_EACH_LOOK = """() => {
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)$/.test(colour) && element.parentElement
      ? ground(element.parentElement) : colour;
  };
  const looks = new Set();
  const repeated = [];
  for (const word of document.querySelectorAll(".highlight pre span")) {
    const { color, fontWeight, fontSize } = getComputedStyle(word);
    const look = [word.className, color, fontWeight, fontSize, ground(word)]
      .join();
    const unseen = !word.checkVisibility() || !word.textContent.trim();
    if (unseen || looks.has(look)) repeated.push(word);
    else looks.add(look);
  }
  for (const word of repeated) word.replaceWith(word.textContent);
}"""


def serious_violations(page, rules=None):
    """Return what axe-core finds that keeps people from reading a page."""
    page.evaluate(LEAVE_ONE_OF_EACH_LOOK)
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        """rules => axe.run(document, {
          resultTypes: ["violations"],
          ...(rules && { runOnly: { type: "rule", values: rules } }),
        })""",
        rules,
    )
    return [
        f"{violation['id']} ({violation['impact']}): "
        + "; ".join(str(node["target"]) for node in violation["nodes"])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def tab(at_desk):
    """Open a tab as on a laptop."""
    page = at_desk.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("name", PAGES or ["no page"])
def test_page_is_accessible(tab, site, name):
    """In the colours that the reader prefers, light or dark."""
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.goto(site + name)
    assert tab.locator("html").get_attribute("data-theme") == "light"
    assert serious_violations(tab) == []
    tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
    tab.locator("html[data-theme=dark]").wait_for()
    assert serious_violations(tab, RULES_OF_COLOURS) == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_results_of_a_search_are_accessible(tab, site, mode):
    tab.emulate_media(color_scheme=mode)
    tab.goto(f"{site}search.html?q=Huber")
    tab.locator("#search-results li a").first.wait_for()
    assert serious_violations(tab) == []


@pytest.mark.parametrize("place", ["first", "last"])
def test_code_that_is_hard_to_read_is_found(tab, site, place):
    """One word among thousands, in a colour that no other has."""
    tab.emulate_media(color_scheme="light")
    tab.goto(site + "book/losses.html")
    words = tab.locator(
        ".highlight pre span:visible", has_text=re.compile(r"\w")
    )
    getattr(words, place).evaluate("word => { word.style.color = '#eee' }")
    (violation,) = serious_violations(tab, RULES_OF_COLOURS)
    assert "color-contrast" in violation
