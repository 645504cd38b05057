"""The colours of the book, in Python and in CSS.

A figure is drawn once, in the light colours below. On a page each of these
colours becomes a CSS variable, so that the same SVG follows the page into the
dark. The names come from the Okabe-Ito palette, which colour-blind readers can
tell apart, and each is dark enough (light enough, on dark pages) to write
labels with. A new colour is a name and a line of PALETTE; `plotting` hands the
names on to chapters, and the style sheets of figures and reports choose among
the variables.

Figures and the reports of the contract checker bring the variables along in a
style sheet of their own, since a notebook has none of the book.

Reference:
    [Okabe and Ito, 2008](https://jfly.uni-koeln.de/color/)
"""

import functools
from pathlib import Path

BLUE = "#0072b2"
VERMILLION = "#c04f00"
GREEN = "#00795a"
PURPLE = "#9a3f7a"
AMBER = "#8a6100"
INK = "#1f2430"
MUTED = "#5b6270"
FAINT = "#d9dce2"
GROUND = "#fffffe"

# name: (colour on a light page, colour on a dark page)
PALETTE = {
    "blue": (BLUE, "#62b6ee"),
    "vermillion": (VERMILLION, "#ff9a5c"),
    "green": (GREEN, "#45cfa0"),
    "purple": (PURPLE, "#e5a3cd"),
    "amber": (AMBER, "#efc04e"),
    "ink": (INK, "#e6e8ec"),
    "muted": (MUTED, "#a7aebb"),
    "faint": (FAINT, "#3c424d"),
    "ground": (GROUND, "#14181e"),
}

# colour on a light page: what stands in its place in CSS
VARIABLES = {pair[0]: f"var(--figure-{name})" for name, pair in PALETTE.items()}

# A figure and a report. Together they weigh as much as one class alone.
COLOURED = ":is(.explorer,.contract)"


def css_variables():
    """The palette as CSS: the light colours, and the dark ones.

    Dark are the pages of the book (`data-theme`), JupyterLab
    (`data-jp-theme-light`) and Visual Studio Code (`vscode-dark`) when their
    reader chose so.

    Returns:
        A string of CSS rules for the elements of class `explorer`, which are
        figures, and `contract`, which are reports.
    """
    light, dark = (
        "".join(f"--figure-{name}:{pair[i]};" for name, pair in PALETTE.items())
        for i in (0, 1)
    )
    return (
        f"{COLOURED}{{{light}}}"
        f'html[data-theme="dark"] {COLOURED},'
        f'[data-jp-theme-light="false"] {COLOURED},'
        f".vscode-dark {COLOURED}{{{dark}}}"
        f"@media print{{html[data-theme] {COLOURED}{{{light}}}}}"
        # Windows' high contrast: text follows the system, lines keep colours.
        f"@media (forced-colors:active){{html {COLOURED},"
        f"html[data-theme] {COLOURED},[data-jp-theme-light] {COLOURED}{{"
        "--figure-ink:CanvasText;--figure-muted:CanvasText;"
        "--figure-faint:GrayText;--figure-ground:Canvas}}"
    )


@functools.cache
def style_element(style_sheet):
    """The variables and the rules that use them, as an HTML element.

    Args:
        style_sheet: Path of a CSS file. It is read once.

    Returns:
        A `<style>` element, for the HTML of a figure or a report to begin
        with.
    """
    return (
        f"<style>{css_variables()}{Path(style_sheet).read_text('utf8')}</style>"
    )
