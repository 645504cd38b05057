"""Can each colour of `helpers/palette.py` be read, and is it there in CSS?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import palette
from helpers.contracts import Report, Result
from tests.colours import contrast

ROOT = Path(__file__).parents[1]
# The ground of the pages, light and dark, as book.css has them.
BOOK_STYLE = (ROOT / "book" / "_static" / "book.css").read_text("utf-8")
PAPERS = re.findall(r"--paper: (#\w{6});", BOOK_STYLE)
WRITES = [name for name in palette.PALETTE if name not in ("faint", "ground")]
LIGHT, DARK = (
    {name: pair[i] for name, pair in palette.PALETTE.items()} for i in (0, 1)
)
BY_THE_SYSTEM = {
    "ink": "CanvasText",
    "muted": "CanvasText",
    "faint": "GrayText",
    "ground": "Canvas",
}


# --- The colours -------------------------------------------------------------


def test_contrast_is_the_one_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "rgb(255, 255, 255)") == pytest.approx(
        4.48, abs=0.01
    )
    assert contrast("#ff0000", "#ff0000") == 1


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(("place", "mode"), [(0, "light"), (1, "dark")])
def test_what_is_written_in_a_colour_can_be_read(name, place, mode):
    """WCAG asks for 4.5, on the page and on the ground of the figure."""
    colour = palette.PALETTE[name][place]
    assert contrast(colour, PAPERS[place]) >= 4.5
    assert contrast(colour, palette.PALETTE["ground"][place]) >= 4.5


def test_papers_of_the_pages_are_a_light_and_a_dark_one():
    light, dark = PAPERS
    assert contrast(light, "#000000") > 15 > 2 > contrast(dark, "#000000")


def test_colours_need_no_matplotlib():
    """Nor does whoever wants no more than the CSS of a report."""
    code = "import sys, helpers.palette; print('matplotlib' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "False\n"


# --- The CSS -----------------------------------------------------------------


def test_every_variable_has_a_light_and_a_dark_colour():
    rules = palette.css_variables()
    for name, (light, dark) in palette.PALETTE.items():
        assert f"--figure-{name}:{light};" in rules
        assert f"--figure-{name}:{dark};" in rules
        assert light == light.lower() != dark
    lights = [light for light, _ in palette.PALETTE.values()]
    assert len(set(lights)) == len(lights)


@pytest.fixture(scope="module")
def tab(browser):
    """A tab of a browser, for pages that a test writes."""
    tab = browser.new_page()
    yield tab
    tab.close()


@pytest.mark.parametrize("shown", ["explorer", "contract"])
@pytest.mark.parametrize(
    ("html", "body", "media", "expected"),
    [
        ("", "", {}, LIGHT),
        ('data-theme="light"', "", {}, LIGHT),
        ('data-theme="dark"', "", {}, DARK),
        ("", 'data-jp-theme-light="true"', {}, LIGHT),
        ("", 'data-jp-theme-light="false"', {}, DARK),
        ("", 'class="vscode-light"', {}, LIGHT),
        ("", 'class="vscode-dark"', {}, DARK),
        ('data-theme="dark"', "", {"media": "print"}, LIGHT),
        ("", "", {"forced_colors": "active"}, LIGHT | BY_THE_SYSTEM),
        (
            'data-theme="dark"',
            "",
            {"forced_colors": "active"},
            DARK | BY_THE_SYSTEM,
        ),
        (
            "",
            'data-jp-theme-light="false"',
            {"forced_colors": "active"},
            DARK | BY_THE_SYSTEM,
        ),
    ],
)
def test_figures_and_reports_follow_their_page(
    tab, shown, html, body, media, expected
):
    """Pages of the book, notebooks in JupyterLab and in Visual Studio Code."""
    tab.emulate_media(**{"media": "screen", "forced_colors": "none", **media})
    tab.set_content(
        f"<!DOCTYPE html><html {html}><body {body}>"
        f'<style>{palette.css_variables()}</style><p class="{shown}">'
    )
    seen = tab.locator("p").evaluate(
        """(element, names) => names.map(
          name => getComputedStyle(element).getPropertyValue(name))""",
        [f"--figure-{name}" for name in expected],
    )
    assert dict(zip(expected, seen, strict=True)) == expected


@pytest.mark.parametrize(
    ("start", "colours"),
    [("<html>", LIGHT), ('<html data-theme="dark">', DARK)],
)
def test_status_in_a_report_has_its_colour(tab, start, colours):
    results = [Result("one", "failed"), Result("other", "passed")]
    tab.emulate_media(media="screen", forced_colors="none")
    tab.set_content(start + Report("Huber", results)._repr_html_())
    for status, name in (("failed", "vermillion"), ("passed", "green")):
        seen = tab.locator(f".{status} .status").evaluate(
            "element => getComputedStyle(element).borderInlineStartColor"
        )
        channels = bytes.fromhex(colours[name].removeprefix("#"))
        assert seen == f"rgb({', '.join(map(str, channels))})"


def test_style_element_is_the_variables_and_the_rules_of_one_file(tmp_path):
    one, other = tmp_path / "one.css", tmp_path / "other.css"
    one.write_text('p::before { content: "é"; }', "utf-8")
    other.write_text("p { margin: 0; }", "utf-8")
    for path in (one, other):
        assert palette.style_element(path) == (
            f"<style>{palette.css_variables()}{path.read_text('utf-8')}</style>"
        )


def test_style_element_reads_a_file_once(tmp_path):
    """A moving slider asks for it at each step."""
    path = tmp_path / "one.css"
    path.write_text("p { margin: 0; }", "utf-8")
    element = palette.style_element(path)
    path.unlink()
    assert palette.style_element(path) is element
