"""Is each figure the same in every run, and does it follow the page's colours?

The SVG of all figures comes from `helpers/plotting.py`. The colours themselves
are tested in test_palette.py.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from helpers import palette, plotting

ROOT = Path(__file__).parents[1]
SIZE = (5.2, 3.3)


def svg_of(draw, ncols=1):
    """The SVG of the figure that `draw` makes, one string for each axes."""
    pictures, _ = plotting.draw_svg(draw, ncols, SIZE)
    return ["".join(lines) for lines in pictures]


def draw_much(ax):
    """Draw with everything that gets an id or a colour of its own."""
    x = np.linspace(0, 1, 50)
    ax.plot(x, x**2, "o-", label="square")
    ax.scatter(x, x, color=plotting.GREEN, alpha=0.5)
    ax.fill_between(x, x, color=plotting.PURPLE, alpha=0.1)
    ax.bar([0.2, 0.4], [0.1, 0.3], color=plotting.AMBER)
    ax.axvspan(0.2, 0.3, color=plotting.BLUE, alpha=0.1)
    ax.set(title="title", xlabel="x", ylabel="$x^2$")
    ax.text(0.5, 0.5, "a text", color=plotting.VERMILLION)
    ax.legend()


# --- Colours -----------------------------------------------------------------


def test_every_colour_becomes_a_variable_of_the_page():
    (svg,) = svg_of(draw_much)
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
    used = set(re.findall(r"var\(--figure-(\w+)\)", svg))
    assert used == set(palette.PALETTE) - {"ground"}


def test_chapters_find_every_colour_in_plotting():
    for name, (light, _) in palette.PALETTE.items():
        assert getattr(plotting, name.upper()) == light
        assert name.upper() in plotting.__all__


def test_cycle_of_colours_is_from_the_palette():
    (svg,) = svg_of(lambda ax: [ax.plot([0, i]) for i in range(5)])
    used = re.findall(r"stroke: var\(--figure-(\w+)\); stroke-width: 2", svg)
    assert used == ["blue", "vermillion", "green", "purple", "amber"]


# --- The picture -------------------------------------------------------------


def test_numbers_of_the_axes_are_not_rounded_with_the_coordinates():
    def draw(ax):
        ax.set_xticks([0.125, 0.375])
        ax.set_yticks([0.25])
        ax.text(0.5, 0.5, 'x="0.12345"')

    (svg,) = svg_of(draw)
    texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.text]
    assert texts == ["0.125", "0.375", "0.25", 'x="0.12345"']


def test_coordinates_are_rounded_to_a_tenth():
    (svg,) = svg_of(draw_much)
    paths = re.findall(r' (?:d|x|y|width|height)="([^"]*)"', svg)
    assert len(paths) > 50
    assert re.findall(r"\.\d\d", " ".join(paths)) == []


def test_pictures_are_valid_xml_without_style_font_or_size_of_their_own():
    for svg in svg_of(lambda axes: [draw_much(ax) for ax in axes], ncols=2):
        root = ElementTree.fromstring(svg)
        assert "width" not in root.attrib and "height" not in root.attrib
        assert root.get("aria-hidden") == "true"
        assert "<style" not in svg
        assert "font-family" not in svg
        assert "<metadata" not in svg


def test_text_stays_text():
    (svg,) = svg_of(draw_much)
    texts = [
        "".join(element.itertext()).strip()
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("}text")
    ]
    for text in ("title", "x", "square", "a text"):
        assert text in texts


def definitions(svg):
    """What each id of a picture stands for, as text."""
    return {
        element.get("id"): ElementTree.tostring(element)
        for element in ElementTree.fromstring(svg).iter()
        if element.get("id")
    }


def test_ids_of_two_pictures_clash_only_where_they_mean_the_same():
    """A page has many pictures, and an id in it is looked up in all."""

    def draw_other(ax):
        draw_much(ax)
        ax.plot([0, 1], [1, 0], "s", markersize=9)
        ax.set_position([0.3, 0.3, 0.5, 0.5])

    one, other = (
        definitions(*svg_of(draw_much)),
        definitions(*svg_of(draw_other)),
    )
    shared = set(one) & set(other)
    assert shared and shared != set(one)
    for name in shared:
        assert one[name] == other[name]


def test_every_reference_of_a_picture_is_to_itself():
    (svg,) = svg_of(draw_much)
    references = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg))
    assert len(references) > 2
    assert {one or other for one, other in references} == set(definitions(svg))


def test_axes_stay_where_they_are_from_frame_to_frame():
    """However long the labels get: the layout of a page must not move."""

    def draw(label):
        return lambda ax: (ax.set_ylabel(label), ax.set_ylim(0, len(label)))

    frames = [svg_of(draw(label))[0] for label in ("y", "y" * 60)]
    clips = [re.findall("<clipPath.*?</clipPath>", svg) for svg in frames]
    spines = [
        re.findall('<path d="[^"]*" style="fill: none', s) for s in frames
    ]
    assert clips[0] == clips[1]
    assert spines[0] == spines[1] != []


# --- The same in every run ---------------------------------------------------


def print_digest():
    """Print what decides whether two pictures are the same."""
    svg = plotting.draw_svg(
        lambda axes: [draw_much(ax) for ax in axes], 2, SIZE
    )
    png = plotting.draw_png(draw_much, 1, SIZE)
    print(hashlib.sha256(repr(svg).encode() + png).hexdigest())


def test_picture_is_the_same_in_every_process():
    code = f"import {__name__} as tests; tests.print_digest()"
    digests = set()
    for seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        digests.add(process.stdout)
    assert len(digests) == 1


def test_other_picture_is_another():
    (one,) = svg_of(lambda ax: ax.plot([0, 1], [0, 1]))
    (other,) = svg_of(lambda ax: ax.plot([0, 1], [0, 0.5]))
    assert one != other


def test_what_draw_answers_comes_back():
    _, answer = plotting.draw_svg(lambda ax: "a text", 1, SIZE)
    assert answer == "a text"


@pytest.mark.parametrize("ncols", [1, 2])
def test_image_has_the_axes_side_by_side_on_white(ncols):
    png = plotting.draw_png(lambda axes: None, ncols, (4, 2))
    width, height = (int.from_bytes(png[i : i + 4]) for i in (16, 20))
    assert (width, height) == (96 * 4 * ncols, 96 * 2)
    assert b"matplotlib" not in png.lower()
