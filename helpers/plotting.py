"""One matplotlib style for every figure of the book, as SVG and as PNG.

Draw with the colours of this module, never with others: they are those of
helpers/palette.py, and `draw_svg` writes each as a CSS variable, so that the
same SVG follows the page into the dark.
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
from helpers.palette import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GROUND,
    INK,
    MUTED,
    PURPLE,
    VARIABLES,
    VERMILLION,
)

# What chapters import from here, colours included.
__all__ = [
    "AMBER",
    "BLUE",
    "FAINT",
    "GREEN",
    "GROUND",
    "INK",
    "MUTED",
    "PURPLE",
    "VERMILLION",
    "draw_png",
    "draw_svg",
]

# What differs from matplotlib's own defaults.
SETTINGS = {
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
    with _book_settings():
        figures = [Figure(figsize=size) for _ in range(ncols)]
        answer = _draw_on_fresh_axes(draw, figures, size)
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
    with _book_settings():
        whole = Figure(
            figsize=(size[0] * ncols, size[1]), dpi=96, facecolor="white"
        )
        FigureCanvasAgg(whole)
        parts = whole.subfigures(1, ncols, squeeze=False)[0]
        _draw_on_fresh_axes(draw, parts, size)
        file = io.BytesIO()
        whole.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


@functools.cache
def _all_settings():
    """All of matplotlib's settings in the book's style."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        settings = dict(dict.items(matplotlib.rcParams))
    del settings["backend"]  # a program that shows windows keeps its own
    return settings


@contextlib.contextmanager
def _book_settings():
    """The book's style and nothing else, whatever style the caller uses."""
    with matplotlib.rc_context():
        # Past the validation, which takes longer than drawing a line.
        dict.update(matplotlib.rcParams, _all_settings())
        yield


def _draw_on_fresh_axes(draw, figures, size):
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
    svg = re.sub(r"<[^>]*>", _clean_tag, svg)
    return [line.strip() for line in svg.splitlines() if line.strip()]


def _clean_tag(match):
    """One tag of an SVG on one line, with the page's font and colours."""
    tag = " ".join(match[0].split())
    # Names that repeat from picture to picture, and that nothing refers to.
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag)
    for light, variable in VARIABLES.items():
        tag = tag.replace(light, variable)
    return re.sub(r' (d|x|y|width|height)="[^"]*"', _round_coordinates, tag)


def _round_coordinates(attribute):
    """Coordinates to a tenth of a point, which is less than a pixel shows."""
    return re.sub(r"(\.\d)\d+", r"\1", attribute[0])
