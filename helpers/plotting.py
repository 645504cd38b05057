"""One matplotlib style for every figure of the book, on light and dark pages.

A figure is drawn once, in the light colours below. On a page each of these
colours becomes a CSS variable, so that the same SVG follows the page into the
dark. Draw with the names of this module, never with other colours: the names
come from the Okabe-Ito palette, which colour-blind readers can tell apart, and
each is dark enough (light enough, on dark pages) to write labels with.

Reference:
    [Okabe and Ito, 2008](https://jfly.uni-koeln.de/color/)
"""

import contextlib
import functools
import io
import re

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from helpers import kept_axes

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

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.5,
    "axes.prop_cycle": matplotlib.cycler(
        color=[BLUE, VERMILLION, GREEN, PURPLE, AMBER]
    ),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "boxplot.boxprops.color": INK,
    "boxplot.capprops.color": INK,
    "boxplot.flierprops.color": INK,
    "boxplot.flierprops.markeredgecolor": INK,
    "boxplot.whiskerprops.color": INK,
    "figure.facecolor": "none",
    "font.size": 10.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "hatch.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "patch.edgecolor": INK,
    "path.simplify_threshold": 0.2,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}

# Fixed margins, in inches, so that axes stay where they are from frame to
# frame: left, right, bottom, top.
MARGINS = (0.68, 0.16, 0.56, 0.34)

VARIABLES = {pair[0]: f"var(--figure-{name})" for name, pair in PALETTE.items()}


def css_variables():
    """The palette as CSS: the light colours, and the dark ones.

    Dark are the pages of the book (`data-theme`), JupyterLab
    (`data-jp-theme-light`) and Visual Studio Code (`vscode-dark`) when their
    reader chose so.

    Returns:
        A string of CSS rules for the elements of class `explorer`.
    """
    light, dark = (
        "".join(f"--figure-{name}:{pair[i]};" for name, pair in PALETTE.items())
        for i in (0, 1)
    )
    return (
        f".explorer{{{light}}}"
        'html[data-theme="dark"] .explorer,'
        '[data-jp-theme-light="false"] .explorer,'
        f".vscode-dark .explorer{{{dark}}}"
        f"@media print{{html[data-theme] .explorer{{{light}}}}}"
        # Windows' high contrast: text follows the system, lines keep colours.
        "@media (forced-colors:active){html .explorer,"
        "html[data-theme] .explorer,[data-jp-theme-light] .explorer{"
        "--figure-ink:CanvasText;--figure-muted:CanvasText;"
        "--figure-faint:GrayText;--figure-ground:Canvas}}"
    )


def draw_svg(draw, ncols, size, salt=""):
    """Draw fresh axes as compact SVG, one picture for each.

    Args:
        draw: Function of the axes (a tuple of them when `ncols` is above 1).
        ncols: How many axes there are.
        size: Width and height of each picture, in inches.
        salt: String from which the ids in the SVG are made. Figures of one
            page need different ones: a clip path that is hidden, with its
            figure, clips nothing in another.

    Returns:
        The pictures, a list of `ncols` lists of the lines of an SVG, and what
        `draw` returned.
    """
    with _style():
        figures = [Figure(figsize=size) for _ in range(ncols)]
        answer = _draw(draw, figures, size)
        pictures = [
            _svg_lines(figure, f"{salt} {number}")
            for number, figure in enumerate(figures)
        ]
        return pictures, answer


def draw_png(draw, ncols, size):
    """Draw the same axes side by side in one PNG, on white.

    Args:
        draw: Function of the axes (a tuple of them when `ncols` is above 1).
        ncols: How many axes there are.
        size: Width and height of the room for each of them, in inches.

    Returns:
        The bytes of a PNG file.
    """
    with _style():
        whole = Figure(
            figsize=(size[0] * ncols, size[1]), dpi=96, facecolor="white"
        )
        FigureCanvasAgg(whole)
        _draw(draw, whole.subfigures(1, ncols, squeeze=False)[0], size)
        file = io.BytesIO()
        whole.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


@functools.cache
def _settings():
    """All of matplotlib's settings in the book's style."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        settings = dict(dict.items(matplotlib.rcParams))
    del settings["backend"]  # a program that shows windows keeps its own
    return settings


@contextlib.contextmanager
def _style():
    """The book's style and nothing else, whatever style the caller uses."""
    with matplotlib.rc_context():
        # Past the validation, which takes longer than drawing a line.
        dict.update(matplotlib.rcParams, _settings())
        yield


def _draw(draw, figures, size):
    """Call `draw` with fresh axes, one in each of the figures."""
    axes = []
    left, right, bottom, top = MARGINS
    for figure in figures:
        width, height = size
        figure.subplots_adjust(
            left=left / width,
            right=1 - right / width,
            bottom=bottom / height,
            top=1 - top / height,
        )
        axes.append(figure.add_subplot())
    return draw(axes[0] if len(axes) == 1 else tuple(axes))


def _svg_lines(figure, salt):
    """A figure as SVG for a page: an element a line, and little else."""
    matplotlib.rcParams["svg.hashsalt"] = salt
    FigureCanvasSVG(figure)
    drawings = kept_axes.prepare(figure, salt)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Creator": None, "Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    width, height = (72 * inches for inches in figure.get_size_inches())
    svg = re.sub(
        r"<svg[^>]*>",
        '<svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" aria-hidden="true">',
        svg,
        count=1,
    )
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # A rule for every element of the page; the style sheet has it instead.
    svg = re.sub(r"<defs>\s*<style.*?</defs>", "", svg, count=1, flags=re.S)
    return kept_axes.merge(svg, drawings, _clean_lines)


def _clean_lines(svg):
    """A part of an SVG in lines, without comments."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"<[^>]*>", _clean, svg)
    return [line.strip() for line in svg.splitlines() if line.strip()]


def _clean(match):
    """One tag of an SVG on one line, with the page's font and colours."""
    tag = " ".join(match[0].split())
    # Names that repeat from picture to picture, and that nothing refers to.
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag)
    for light, variable in VARIABLES.items():
        tag = tag.replace(light, variable)
    return re.sub(r' (d|x|y|width|height)="[^"]*"', _round, tag)


def _round(attribute):
    """Coordinates to a tenth of a point, which is less than a pixel shows."""
    return re.sub(r"(\.\d)\d+", r"\1", attribute[0])
