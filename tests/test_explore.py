"""Does an explorer keep what `helpers/explore.py` promises, in both lives?

What one control promises is tested in test_controls.py. The script of a page
runs in a browser: at the end of this file with figures made for the purpose,
in test_site.py with those of the book.
"""

import base64
import gzip
import io
import itertools
import json
import re

import ipywidgets
import matplotlib
import numpy as np
import pytest
from bs4 import BeautifulSoup

from helpers.explore import MOST_FRAMES, explore

TEXTS_LIKE_HTML = [
    "</script><b>x</b>",
    "<!-- <script> x",
    """a "quoted" & 'quoted' <i>text</i>""",
    "&lt;",
]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def live(monkeypatch):
    """Explorers are made as in a notebook, unless a test is `building`."""
    monkeypatch.delenv("MADE_TO_MEASURE_BUILD", raising=False)


@pytest.fixture
def building(monkeypatch, live):
    """Explorers are made as in a build of the book."""
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")


def draw_slope(ax, slope):
    """The figure of most tests: a line."""
    ax.plot([0, 1], [0, slope])
    ax.set_ylim(-10, 10)


def make(draw=draw_slope, alt="A line.", **arguments):
    return explore(draw, alt=alt, **arguments)


def parse(markup):
    """The HTML of a figure, to look at as a browser does."""
    return BeautifulSoup(markup, "html.parser")


def panels(markup):
    """The SVG of each of the axes in the HTML of a figure, to the byte."""
    return re.findall(r'<div class="explorer-panel">(.*?)</div>', markup)


def page_data(page):
    """What the script of a page is given."""
    script = parse(page).select_one('script[type="application/json"]')
    return json.loads(script.string)


def readout(markup):
    """The text below a figure."""
    return parse(markup).output.get_text()


def page_frames(page):
    """The panels of every frame, put together as explore.js does it."""
    data = page_data(page)
    return [
        [
            "".join(
                "".join(data["lines"][start:stop])
                for start, stop in zip(runs[::2], runs[1::2], strict=True)
            )
            for runs in frame
        ]
        for frame in data["frames"]
    ]


def picture(explorer):
    """The HTML of the live figure as it is now."""
    return explorer.widget.children[0].value


def bundle(explorer):
    data, metadata = explorer._repr_mimebundle_()
    return data, metadata


# --- Frames ------------------------------------------------------------------


def test_frames_are_a_grid_whose_last_control_changes_fastest(building):
    seen = []

    def draw(ax, a, b, c):
        seen.append((a, b, c))
        ax.set_title(f"{a} {b} {c}")

    page = make(draw, a=(1, 2), b=["x", "y", "z"], c=False)._page_html
    grid = list(itertools.product([1, 2], "xyz", [False, True]))
    # The first frame is also drawn on its own, to fail before all others.
    assert seen[-len(grid) :] == grid
    titles = [f">{a} {b} {c}</text>" for a, b, c in grid]
    frames = page_frames(page)
    assert len(frames) == len(grid)
    for (frame,), title in zip(frames, titles, strict=True):
        assert title in frame
    assert page_data(page)["texts"] == [
        ["1", "2"],
        ["x", "y", "z"],
        ["off", "on"],
    ]


def test_default_of_draw_is_where_its_control_starts():
    def draw(ax, few, slope=3, **others):
        return f"{few} {slope} {others}"

    explorer = make(draw, few=(0, 2), slope=(0, 5), kind=["a", "b"])
    assert readout(picture(explorer)) == "1 3 {'kind': 'a'}"


def test_figure_without_controls_is_one_frame_without_script(building):
    page = make(lambda ax: draw_slope(ax, 1))._page_html
    assert len(panels(page)) == 1
    assert "<script" not in page


def test_400_frames_are_allowed_and_more_name_the_control_to_coarsen():
    def draw(ax, few, many):
        draw_slope(ax, 1)

    make(draw, few=(1, 4), many=(1, 100))
    with pytest.raises(ValueError, match=r"404 frames.*`many`.*101 values"):
        make(draw, few=(1, 4), many=(0, 100))
    assert MOST_FRAMES == 400


def test_explorers_do_not_share_their_controls():
    def draw(ax, slope=1):
        draw_slope(ax, slope)

    one, other = make(draw, slope=(0, 5)), make(draw, slope=(0, 5))
    before = picture(other)
    one.widget.children[1].value = 4
    assert picture(other) == before
    assert picture(one) != before


# --- Drawing -----------------------------------------------------------------


def test_each_call_of_draw_gets_fresh_axes():
    seen = []

    def draw(ax, slope):
        assert not ax.lines and not ax.texts
        draw_slope(ax, slope)
        seen.append(ax)

    explorer = make(draw, slope=(0, 5))
    explorer.widget.children[1].value = 4
    explorer.widget.children[1].value = 5
    assert len(seen) == len(set(map(id, seen))) == 3


@pytest.mark.parametrize("ncols", [1, 2, 3])
def test_each_of_ncols_axes_is_a_picture_of_its_own(ncols):
    def draw(axes, slope):
        if ncols == 1:
            axes = (axes,)
        assert isinstance(axes, tuple) and len(axes) == ncols
        for place, ax in enumerate(axes):
            ax.set_title(f"title {place}")

    found = panels(picture(make(draw, ncols=ncols, slope=(0, 5))))
    assert len(found) == ncols
    for place, svg in enumerate(found):
        assert f">title {place}</text>" in svg


def test_size_is_that_of_each_of_the_axes():
    explorer = make(
        lambda axes, slope: None, ncols=2, size=(4, 2), slope=(0, 5)
    )
    for svg in panels(picture(explorer)):
        assert 'viewBox="0 0 288 144"' in svg
    png = base64.b64decode(bundle(explorer)[0]["image/png"])
    assert matplotlib.image.imread(io.BytesIO(png)).shape[:2] == (192, 768)


def test_a_style_that_the_notebook_set_does_not_change_the_figure():
    plain = picture(make(slope=(0, 5)))
    with matplotlib.rc_context({"lines.linewidth": 9, "svg.fonttype": "path"}):
        assert picture(make(slope=(0, 5))) == plain


def test_the_caller_keeps_the_style_that_was_set(building):
    before = dict(matplotlib.rcParams)
    bundle(make(slope=(0, 5)))
    assert dict(matplotlib.rcParams) == before


# --- Both lives --------------------------------------------------------------


def test_page_and_notebook_show_the_same_picture(monkeypatch):
    """For every combination of values, read-out included."""

    def draw(axes, slope=1, scale=0.2, colour="C0", shown=True):
        left, right = axes
        if shown:
            left.plot([0, 1], [0, slope * scale], color=colour)
        right.set_title(f"slope {slope}")
        return f"{slope} times {scale:.2f} & more"

    def controls():
        return {
            "slope": (-1, 1),
            "scale": (0.1, 0.3, 0.1),
            "colour": [("first", "C0"), ("second", "C1")],
            "shown": True,
        }

    live = make(draw, ncols=2, **controls())
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    page = make(draw, ncols=2, **controls())._page_html

    widgets = live.widget.children[1:]
    grid = itertools.product(*(control.values for control in live.controls))
    data = page_data(page)
    count = 0
    for frame, text, values in zip(
        page_frames(page), data["readouts"], grid, strict=True
    ):
        for widget, value in zip(widgets, values, strict=True):
            widget.value = value
        assert panels(picture(live)) == frame
        assert readout(picture(live)) == text
        count += 1
    assert count == 3 * 3 * 2 * 2


def test_page_without_script_shows_the_first_frame(building):
    def draw(ax, slope=2):
        draw_slope(ax, slope)
        return f"slope {slope}"

    page = make(draw, slope=(0, 5))._page_html
    assert panels(page) == page_frames(page)[2]
    assert readout(page) == "slope 2"
    assert parse(page).select_one(".explorer-controls").has_attr("hidden")


def test_live_slider_between_the_frames_is_drawn_as_it_stands():
    seen = []

    def draw(ax, slope=0.5):
        seen.append(slope)

    explorer = make(draw, slope=(0.0, 1.0, 0.5))
    explorer.widget.children[1].value = 0.123
    assert seen[-1] == 0.123


def test_notebook_gets_the_widget_and_the_page_gets_html(monkeypatch):
    in_notebook, metadata = bundle(make(slope=(0, 5)))
    assert set(in_notebook) == {WIDGET_VIEW, "image/png", "text/plain"}
    assert metadata == {"image/png": {"alt": "A line."}}

    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    on_page, metadata = bundle(make(slope=(0, 5)))
    assert set(on_page) == {"text/html", "image/png", "text/plain"}
    assert metadata == {"image/png": {"alt": "A line."}}
    for kind in ("image/png", "text/plain"):
        assert in_notebook[kind] == on_page[kind]


def test_only_a_build_draws_all_frames(monkeypatch):
    seen = []

    def draw(ax, slope):
        seen.append(slope)

    bundle(make(draw, slope=(0, 20)))
    assert set(seen) == {10}
    seen.clear()
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    make(draw, slope=(0, 20))
    assert set(seen) == set(range(21))


def test_image_is_a_png_of_the_first_frame():
    def draw_at(start):
        def draw(ax, slope=start):
            draw_slope(ax, slope)

        return bundle(make(draw, slope=(0, 5)))[0]["image/png"]

    assert base64.b64decode(draw_at(1)).startswith(b"\x89PNG")
    assert draw_at(1) == draw_at(1)
    assert draw_at(1) != draw_at(5)


def test_words_for_a_figure_say_what_it_shows_and_nothing_that_changes():
    def draw(ax, slope=0.5, kind="a"):
        return f"kind {kind}"

    explorer = make(
        draw, alt="Two\n   words.", slope=(0.0, 2.0, 0.5), kind=["a", "b"]
    )
    assert repr(explorer) == bundle(explorer)[0]["text/plain"]
    assert repr(explorer) == (
        "Figure: Two words.\n"
        "  slope: 0.0 to 2.0, here 0.5\n"
        "  kind: a to b, here a\n"
        "  kind a"
    )
    # Where the reader has moved it must not reach the stored notebook.
    explorer.widget.children[1].value = 2.0
    assert "here 0.5" in bundle(explorer)[0]["text/plain"]


# --- Text --------------------------------------------------------------------


def test_alternative_text_stands_for_the_picture_in_both_lives(monkeypatch):
    live = picture(make(slope=(0, 5)))
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    page = make(slope=(0, 5))._page_html
    for markup in (live, page):
        figure = parse(markup).select_one('[role="img"]')
        assert figure["aria-label"] == "A line."
        # The text inside the picture would be read out without any order.
        assert figure.svg["aria-hidden"] == "true"


@pytest.mark.parametrize("text", TEXTS_LIKE_HTML)
def test_text_is_shown_and_never_taken_for_html(text, building):
    def draw(ax, kind):
        return text

    page = make(
        draw,
        alt=text,
        kind=ipywidgets.Dropdown(
            options=[(text, 1), ("x", 2)], description=text
        ),
    )._page_html
    figure = parse(page).figure
    assert figure.select_one('[role="img"]')["aria-label"] == text
    for place in ("label > span", "option[selected]", "output"):
        assert figure.select_one(place).string == text
    (unseen,) = figure.select(".explorer-unseen")
    assert unseen.string == text
    data = page_data(page)
    assert data["readouts"] == [text, text]
    assert data["texts"] == [[text, "x"]]
    # Either of them changes how a browser reads the rest of the page.
    assert page.count("</script>") == 2
    assert "<!--" not in page


def test_live_text_is_escaped_too():
    def draw(ax, slope):
        return "<b>"

    explorer = make(draw, alt='"<i>"', slope=(0, 5))
    figure = parse(picture(explorer)).figure
    assert figure.output.string == "<b>"
    assert figure.select_one('[role="img"]')["aria-label"] == '"<i>"'
    assert figure.find_all(["b", "i"]) == []


def test_readout_keeps_the_room_of_the_longest(building):
    def draw(ax, slope=0):
        return "x" * slope

    page = make(draw, slope=(0, 5))._page_html
    unseen = parse(page).select(".explorer-readout > .explorer-unseen")
    assert unseen[-1].string == "xxxxx"
    assert readout(page) == ""


# --- Values computed once ----------------------------------------------------


@pytest.mark.parametrize("life", ["notebook", "page"])
def test_compute_is_called_once_for_each_of_its_own_arguments(
    life, monkeypatch
):
    if life == "page":
        monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    calls, drawn = [], []

    def compute(rate, depth):
        calls.append((rate, depth))
        return {"rate": rate, "depth": depth}

    def draw(ax, computed, depth, shown, rate):
        assert computed == {"rate": rate, "depth": depth}
        drawn.append((depth, shown, rate))

    explorer = make(
        draw, compute=compute, depth=(1, 3), shown=True, rate=(0.1, 0.2)
    )
    for widget in explorer.widget.children[1:]:
        widget.value = explorer.controls[0].values[0]
    assert sorted(calls) == sorted(itertools.product([0.1, 0.2], [1, 2, 3]))
    assert len(drawn) > (12 if life == "page" else 1)


def test_compute_may_take_no_control_at_all():
    calls = []

    def compute():
        calls.append(1)
        return 7

    def draw(ax, computed, slope):
        return f"{computed}"

    explorer = make(draw, compute=compute, slope=(0, 5))
    explorer.widget.children[1].value = 0
    assert readout(picture(explorer)) == "7"
    assert len(calls) == 1


def test_live_slider_stays_on_the_values_that_were_computed():
    def draw(ax, computed, rate, slope):
        assert computed == rate
        return f"{rate} {slope}"

    explorer = make(
        draw, compute=lambda rate: rate, rate=(0.0, 1.0, 0.5), slope=(0.0, 1.0)
    )
    _, rate, slope = explorer.widget.children
    rate.value = 0.6
    slope.value = 0.123
    assert readout(picture(explorer)) == "0.5 0.123"


@pytest.mark.parametrize(("life", "bar"), [("notebook", True), ("page", False)])
def test_progress_bar_is_shown_in_a_notebook_only(
    life, bar, monkeypatch, capsys
):
    if life == "page":
        monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    make(
        lambda ax, computed, slope: None,
        compute=lambda slope: slope,
        slope=(0, 5),
    )
    captured = capsys.readouterr()
    assert ("computing" in captured.err) is bar
    assert captured.out == ""


def test_nothing_is_printed_without_compute(building, capfd):
    bundle(make(slope=(0, 5)))
    assert capfd.readouterr() == ("", "")


# --- Play --------------------------------------------------------------------


def test_page_has_a_play_button_for_this_control_alone(building):
    def draw(ax, other, time):
        draw_slope(ax, time)

    page = make(draw, play="time", other=(0, 1), time=(0, 3))._page_html
    (button,) = parse(page).find_all("button")
    assert button["data-control"] == "1"
    page = make(draw, other=(0, 1), time=(0, 3))._page_html
    assert parse(page).find_all("button") == []


def test_notebook_has_a_play_button_for_this_control_alone():
    def draw(ax, other, time):
        return f"time {time}"

    explorer = make(draw, play="time", other=(0, 1), time=(0, 3))
    _, other, (player, slider) = (
        getattr(row, "children", row) for row in explorer.widget.children
    )
    assert isinstance(other, ipywidgets.IntSlider)
    player.value = 3
    assert slider.value == 3
    assert readout(picture(explorer)) == "time 3"


# --- What goes wrong ---------------------------------------------------------


def test_live_exception_is_shown_and_the_next_move_recovers():
    def draw(ax, slope=1):
        if slope == 3:
            raise ArithmeticError("<three> & no more")
        draw_slope(ax, slope)

    explorer = make(draw, slope=(0, 5))
    slider = explorer.widget.children[1]
    good = picture(explorer)
    slider.value = 3
    alert = parse(picture(explorer)).select_one('[role="alert"]')
    assert alert.string == "ArithmeticError: <three> & no more"
    assert not panels(picture(explorer))
    slider.value = 1
    assert picture(explorer) == good


def test_exception_in_the_first_frame_fails_the_cell_and_names_the_values():
    def draw(ax, slope=2, kind="a"):
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError, match="no") as raised:
        make(draw, slope=(0, 5), kind=["a"])
    assert raised.value.__notes__ == [
        "in the figure with {'slope': 2, 'kind': 'a'}"
    ]


def test_exception_in_any_frame_of_a_page_fails_the_cell(building):
    def draw(ax, slope=0):
        draw_slope(ax, 1 / (slope - 5))

    with pytest.raises(ZeroDivisionError) as raised:
        make(draw, slope=(0, 5))
    assert raised.value.__notes__ == ["in the figure with {'slope': 5}"]


def test_draw_may_not_return_anything_but_a_text():
    with pytest.raises(TypeError, match=r"`draw` must return.*\[1\]"):
        make(lambda ax, slope: [1], slope=(0, 5))


def one_value(ax, slope):
    draw_slope(ax, 1)


@pytest.mark.parametrize(
    ("error", "named", "arguments"),
    [
        (TypeError, "`draw`", {"draw": 5}),
        (TypeError, "`alt`", {"alt": None}),
        (ValueError, "`alt`", {"alt": " \n"}),
        (ValueError, "`ncols`", {"ncols": 0}),
        (ValueError, "`ncols`", {"ncols": 1.5}),
        (ValueError, "`size`", {"size": 3}),
        (ValueError, "`size`", {"size": (4, 0)}),
        (TypeError, "`compute`", {"compute": 5}),
        (TypeError, "`wrong`", {"wrong": (0, 1)}),
        (TypeError, "`slope`", {"slope": None}),
        (ValueError, "`play`", {"play": "wrong"}),
        (ValueError, "`play`", {"play": "slope", "slope": ["a", "b"]}),
    ],
    ids=str,
)
def test_wrong_argument_raises_at_once_and_is_named(error, named, arguments):
    good = {"draw": one_value, "slope": (0, 5)}
    make(**good)
    with pytest.raises(error, match=re.escape(named)):
        make(**{**good, **arguments})


def test_missing_argument_is_named():
    with pytest.raises(TypeError, match="alt"):
        explore(one_value, slope=(0, 5))
    with pytest.raises(TypeError, match="`draw` takes `slope`"):
        make(one_value)
    with pytest.raises(TypeError, match="`compute` takes `rate`"):
        make(
            lambda ax, computed, slope: None,
            compute=lambda rate: rate,
            slope=(0, 5),
        )


def test_control_may_not_have_the_name_of_an_argument_of_explore():
    def draw(ax, size):
        draw_slope(ax, size)

    with pytest.raises(TypeError, match="`size`, which is an argument"):
        make(draw, size=(4, 3))


# --- Weight ------------------------------------------------------------------


def test_one_more_frame_costs_about_a_kilobyte(building):
    x = np.linspace(-3, 3, 100)

    def draw(ax, speed=1.0):
        ax.plot(x, np.sin(speed * x), label="sine")
        ax.plot(x, np.tanh(speed * x), label="tanh")
        ax.set(xlim=(-3, 3), ylim=(-1.2, 1.2), xlabel="x", ylabel="y")
        ax.legend()
        return f"speed {speed:.2f}"

    def weight(frames):
        page = make(
            draw, speed=(1.0, 1.0 + 0.05 * (frames - 1), 0.05)
        )._page_html
        assert len(page_frames(page)) == frames
        return len(gzip.compress(page.encode(), 6))

    assert (weight(50) - weight(10)) / 40 < 1024


# --- The script of the page --------------------------------------------------


@pytest.fixture
def show(browser, building, tmp_path):
    """Open a page of some explorers; return it."""
    pages = []

    def open_page(*explorers):
        path = tmp_path / "page.html"
        body = "".join(explorer._page_html for explorer in explorers)
        path.write_text(f'<meta charset="utf-8">{body}', "utf-8")
        pages.append(browser.new_page())
        pages[-1].on("pageerror", lambda error: errors.append(str(error)))
        pages[-1].goto(path.as_uri())
        return pages[-1]

    errors = []
    yield open_page
    for page in pages:
        page.close()
    assert errors == []


def test_script_shows_the_frame_of_all_controls_together(show):
    def draw(axes, a=1, b="x", c=False):
        for place, ax in enumerate(axes):
            ax.set_title(f"{place}: {a} {b} {c}")
        return f"{a} & {b} & {c}"

    def explorer():
        return make(draw, ncols=2, a=(0.5, 1.5, 0.5), b=["x", "y"], c=False)

    other, figure = show(explorer(), explorer()).locator("figure").all()
    slider, menu, box = figure.locator("input, select").all()
    untouched = other.inner_html()
    grid = itertools.product([0.5, 1.0, 1.5], "xy", [False, True])
    for number, (a, b, c) in enumerate(grid):
        slider.fill(str(number // 4))
        menu.select_option(b)
        box.set_checked(c)
        for place, svg in enumerate(figure.locator("svg").all()):
            title = svg.get_by_text(f"{place}: {a} {b} {c}", exact=True)
            assert title.count() == 1
        output = figure.locator(".explorer-readout output")
        assert output.inner_text() == f"{a} & {b} & {c}"
        assert slider.get_attribute("aria-valuetext") == str(a)
        value = figure.locator(".explorer-value > span:first-child")
        assert value.inner_text() == str(a)
    assert other.inner_html() == untouched


def test_no_value_moves_the_layout_even_in_little_room(show):
    """Letters differ in width, so the longest text need not be the widest."""
    values = ["iiiiiiii", "WWWWWWW", "a b c d e f", "MMMMMM"]
    widget = ipywidgets.SelectionSlider(options=values)

    def draw(ax, kind):
        return f"{kind} " * 5

    page = show(make(draw, kind=widget))
    page.set_viewport_size({"width": 390, "height": 800})
    figure, slider = page.locator("figure"), page.locator("input")
    boxes = set()
    for place in range(len(values)):
        slider.fill(str(place))
        for locator in (figure, slider):
            box = locator.bounding_box()
            boxes.add((locator, *(round(number) for number in box.values())))
    assert len(boxes) == 2


@pytest.mark.parametrize("text", TEXTS_LIKE_HTML)
def test_script_shows_text_as_it_is(show, text):
    def draw(ax, kind):
        ax.set_title(text)
        return text

    options = [(text, 1), ("x", 2)]
    widget = ipywidgets.SelectionSlider(options=options, description=text)
    page = show(make(draw, alt=text, kind=widget), make(slope=(0, 5)))
    slider = page.locator("input").first
    slider.press("End")
    assert slider.get_attribute("aria-valuetext") == "x"
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == text
    first = page.locator("figure").first
    for place in (
        ".explorer-readout > output",
        "label > span:first-child",
        ".explorer-value > span:first-child",
    ):
        assert first.locator(place).inner_text() == text
    assert first.get_by_role("img").get_attribute("aria-label") == text
    assert first.locator("svg text", has_text=text).count() == 1
    # Nothing of it became part of the page, or swallowed the next figure.
    assert first.locator("i, b").count() == 0
    assert page.locator("figure").count() == 2
