"""Does an explorer keep what `helpers/explore.py` promises, in both lives?

The script of its page runs in a browser: at the end of this file with figures
made for the purpose, in test_site.py with those of the book.
"""

import base64
import gzip
import html
import io
import itertools
import json
import re

import ipywidgets
import matplotlib
import numpy as np
import pytest

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


def make_control(given, start=None):
    """The control of a `draw` that has a default, or has none."""

    def without(ax, slope):
        draw_slope(ax, 1)

    def with_default(ax, slope=start):
        draw_slope(ax, 1)

    draw = without if start is None else with_default
    return make(draw, slope=given).controls[0]


def first(control):
    """The value that a control starts with."""
    return control.values[control.start]


def panels(markup):
    """The SVG of each of the axes in the HTML of a figure."""
    return re.findall(r'<div class="explorer-panel">(.*?)</div>', markup)


def page_data(page):
    """What the script of a page is given."""
    text = re.search(
        r'<script type="application/json">(.*?)</script>', page, re.S
    )[1]
    return json.loads(text)


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


# --- Controls ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "widget", "values", "texts"),
    [
        ((1, 3), ipywidgets.IntSlider, [1, 2, 3], ["1", "2", "3"]),
        ((-4, 4, 4), ipywidgets.IntSlider, [-4, 0, 4], ["-4", "0", "4"]),
        (
            (0.1, 0.4, 0.1),
            ipywidgets.FloatSlider,
            [0.1, 0.2, 0.3, 0.4],
            ["0.1", "0.2", "0.3", "0.4"],
        ),
        ((1, 2, 0.25), ipywidgets.FloatSlider, [1, 1.25, 1.5, 1.75, 2], None),
        ((0.5, 0.7), ipywidgets.FloatSlider, [0.5, 0.6, 0.7], None),
        # The last step ends below the maximum.
        ((0.0, 1.0, 0.4), ipywidgets.FloatSlider, [0, 0.4, 0.8], None),
        (
            (np.int64(1), np.int64(2)),
            ipywidgets.IntSlider,
            [1, 2],
            ["1", "2"],
        ),
        (["a", "b"], ipywidgets.Dropdown, ["a", "b"], ["a", "b"]),
        ([3, 0.5], ipywidgets.Dropdown, [3, 0.5], ["3", "0.5"]),
        (
            [("mean", "sum_over_batch_size"), ("none", None)],
            ipywidgets.Dropdown,
            ["sum_over_batch_size", None],
            ["mean", "none"],
        ),
        (True, ipywidgets.Checkbox, [False, True], ["off", "on"]),
    ],
)
def test_shorthand_makes_the_control_that_interact_makes(
    given, widget, values, texts
):
    control = make_control(given)
    assert type(control.widget) is widget
    assert control.values == values
    assert texts is None or control.texts == texts


@pytest.mark.parametrize(
    ("widget", "kind", "values", "texts", "start"),
    [
        (
            ipywidgets.FloatSlider(
                min=0, max=1, step=0.5, value=1, readout_format=".1f"
            ),
            "range",
            [0, 0.5, 1],
            ["0.0", "0.5", "1.0"],
            1,
        ),
        (
            ipywidgets.IntSlider(min=2, max=6, step=2, value=6),
            "range",
            [2, 4, 6],
            ["2", "4", "6"],
            6,
        ),
        (
            ipywidgets.FloatLogSlider(
                min=-2, max=0, step=1, value=0.1, readout_format=".2g"
            ),
            "range",
            pytest.approx([0.01, 0.1, 1]),
            ["0.01", "0.1", "1"],
            pytest.approx(0.1),
        ),
        (
            ipywidgets.SelectionSlider(
                options=[("low", 1), ("high", 9)], value=9
            ),
            "range",
            [1, 9],
            ["low", "high"],
            9,
        ),
        (
            ipywidgets.Dropdown(options=[3, 5], value=5),
            "select",
            [3, 5],
            ["3", "5"],
            5,
        ),
        (
            ipywidgets.RadioButtons(options=["x", "y"], value="y"),
            "select",
            ["x", "y"],
            ["x", "y"],
            "y",
        ),
        (
            ipywidgets.ToggleButtons(options=["x", "y"]),
            "select",
            ["x", "y"],
            ["x", "y"],
            "x",
        ),
        (
            ipywidgets.Checkbox(value=True),
            "checkbox",
            [False, True],
            ["off", "on"],
            True,
        ),
    ],
    ids=lambda case: type(case).__name__,
)
def test_widget_of_ipywidgets_is_a_control(widget, kind, values, texts, start):
    control = make_control(widget)
    assert control.widget is widget
    assert (control.kind, control.values) == (kind, values)
    assert (control.texts, first(control)) == (texts, start)


@pytest.mark.parametrize(
    ("given", "start", "expected"),
    [
        ((0, 10), 7, 7),
        # 0.1 + 2 * 0.1 is not quite the 0.3 that people write.
        ((0.1, 0.9, 0.1), 0.3, 0.3),
        (["a", "b", "c"], "b", "b"),
        ((0, 10), None, 5),
        ((0.0, 1.0, 0.25), None, 0.5),
        (["a", "b", "c"], None, "a"),
        (True, None, True),
        (False, None, False),
        # Who hands over a widget has chosen its value there.
        (ipywidgets.IntSlider(min=0, max=9, value=4), 8, 4),
    ],
)
def test_control_starts_at_the_default_of_draw_or_in_the_middle(
    given, start, expected
):
    control = make_control(given, start)
    assert first(control) == expected
    assert control.widget.value == expected


def test_label_is_the_name_or_the_description_of_the_widget():
    assert make_control((0, 1)).label == "slope"

    def draw(ax, learning_rate, delta):
        draw_slope(ax, delta)

    named, described = make(
        draw,
        learning_rate=(0, 1),
        delta=ipywidgets.IntSlider(max=3, description="threshold"),
    ).controls
    assert (named.label, described.label) == ("learning rate", "threshold")


def test_frames_are_a_grid_whose_last_control_changes_fastest(building):
    seen = []

    def draw(ax, a, b, c):
        seen.append((a, b, c))
        ax.set_title(f"{a} {b} {c}")

    page = make(draw, a=(1, 2), b=["x", "y", "z"], c=False)._html
    grid = list(itertools.product([1, 2], "xyz", [False, True]))
    # The first frame is also drawn on its own, to fail before all others.
    assert seen[-len(grid) :] == grid
    titles = [f">{a} {b} {c}</text>" for a, b, c in grid]
    frames = page_frames(page)
    assert len(frames) == len(grid)
    for (frame,), title in zip(frames, titles, strict=True):
        assert title in frame
    assert page_data(page)["labels"] == [
        ["1", "2"],
        ["x", "y", "z"],
        ["off", "on"],
    ]


def test_figure_without_controls_is_one_frame_without_script(building):
    page = make(lambda ax: draw_slope(ax, 1))._html
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


# --- Drawing ----------------------------------------------------------------


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


# --- Both lives -------------------------------------------------------------


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
    page = make(draw, ncols=2, **controls())._html

    widgets = live.widget.children[1:]
    grid = itertools.product(*(control.values for control in live.controls))
    data = page_data(page)
    count = 0
    for frame, readout, values in zip(
        page_frames(page), data["readouts"], grid, strict=True
    ):
        for widget, value in zip(widgets, values, strict=True):
            widget.value = value
        assert panels(picture(live)) == frame
        assert f"<output>{html.escape(readout)}</output>" in picture(live)
        count += 1
    assert count == 3 * 3 * 2 * 2


def test_page_without_script_shows_the_first_frame(building):
    def draw(ax, slope=2):
        draw_slope(ax, slope)
        return f"slope {slope}"

    page = make(draw, slope=(0, 5))._html
    assert panels(page) == page_frames(page)[2]
    assert "<output>slope 2</output>" in page
    controls = re.search('<div class="explorer-controls"([^>]*)>', page)
    assert "hidden" in controls[1]


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


# --- Text -------------------------------------------------------------------


def test_alternative_text_stands_for_the_picture_in_both_lives(monkeypatch):
    label = 'role="img" aria-label="A line."'
    assert label in picture(make(slope=(0, 5)))
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    assert label in make(slope=(0, 5))._html
    # The text inside the picture would be read out without any order.
    for svg in panels(make(slope=(0, 5))._html):
        assert svg.startswith("<svg") and 'aria-hidden="true">' in svg


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
    )._html
    escaped = html.escape(text)
    assert f'aria-label="{escaped}"' in page
    assert f"<span>{escaped}</span>" in page
    assert f"<option selected>{escaped}</option>" in page
    assert f"<output>{escaped}</output>" in page
    assert f' aria-hidden="true">{escaped}</span>' in page
    data = page_data(page)
    assert data["readouts"] == [text, text]
    assert data["labels"] == [[text, "x"]]
    # Either of them changes how a browser reads the rest of the page.
    assert page.count("</script>") == 2
    assert "<!--" not in page


def test_live_text_is_escaped_too():
    def draw(ax, slope):
        return "<b>"

    explorer = make(draw, alt='"<i>"', slope=(0, 5))
    assert "<output>&lt;b&gt;</output>" in picture(explorer)
    assert "<i>" not in picture(explorer)


def test_readout_keeps_the_room_of_the_longest(building):
    def draw(ax, slope=0):
        return "x" * slope

    page = make(draw, slope=(0, 5))._html
    assert ' aria-hidden="true">xxxxx</span>' in page
    assert "<output></output>" in page


def test_slider_says_its_value_in_words(building):
    widget = ipywidgets.SelectionSlider(options=["low", "high"], value="high")
    page = make(lambda ax, slope: None, slope=widget)._html
    assert 'min="0" max="1" step="1" value="1"' in page
    assert 'aria-valuetext="high"' in page


# --- Values computed once ---------------------------------------------------


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
    assert "<output>7</output>" in picture(explorer)
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
    assert "<output>0.5 0.123</output>" in picture(explorer)


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


# --- Play -------------------------------------------------------------------


def test_play_moves_the_live_slider_through_its_values():
    def draw(ax, other, time):
        return f"time {time}"

    explorer = make(draw, play="time", other=(0, 1), time=(0.0, 1.0, 0.5))
    player, slider = explorer.widget.children[2].children
    assert isinstance(player, ipywidgets.Play)
    assert (player.min, player.max) == (0, 2)
    player.value = 2
    assert slider.value == 1.0
    # From where the reader has put the slider, it goes on.
    slider.value = 0.5
    assert player.value == 1
    player.value = 2
    assert "<output>time 1.0</output>" in picture(explorer)


def test_page_has_a_play_button_for_this_control_alone(building):
    def draw(ax, other, time):
        draw_slope(ax, time)

    page = make(draw, play="time", other=(0, 1), time=(0, 3))._html
    assert page.count("<button") == 1
    assert 'data-control="1"' in page
    assert "<button" not in make(draw, other=(0, 1), time=(0, 3))._html


# --- What goes wrong --------------------------------------------------------


def test_live_exception_is_shown_and_the_next_move_recovers():
    def draw(ax, slope=1):
        if slope == 3:
            raise ArithmeticError("<three> & no more")
        draw_slope(ax, slope)

    explorer = make(draw, slope=(0, 5))
    slider = explorer.widget.children[1]
    good = picture(explorer)
    slider.value = 3
    assert "ArithmeticError: &lt;three&gt; &amp; no more" in picture(explorer)
    assert 'role="alert"' in picture(explorer)
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
        (TypeError, "`slope`", {"slope": 3}),
        (TypeError, "`slope`", {"slope": "abc"}),
        (TypeError, "`slope`", {"slope": ()}),
        (TypeError, "`slope`", {"slope": (1,)}),
        (TypeError, "`slope`", {"slope": (1, 2, 3, 4)}),
        (TypeError, "`slope`", {"slope": ("a", "b")}),
        (ValueError, "`slope`", {"slope": []}),
        (ValueError, "`slope`", {"slope": ["a", "b", "a"]}),
        (ValueError, "`slope`", {"slope": (3, 1)}),
        (ValueError, "`slope`", {"slope": (1, 1)}),
        (ValueError, "`slope`", {"slope": (0, 1, 0)}),
        (ValueError, "`slope`", {"slope": (0.0, 1.0, -0.1)}),
        (ValueError, "`slope`", {"slope": (0, float("nan"))}),
        (ValueError, "`slope`", {"slope": (0, float("inf"))}),
        (TypeError, "`slope`", {"slope": ipywidgets.Text()}),
        (TypeError, "`slope`", {"slope": ipywidgets.IntText()}),
        (TypeError, "`slope`", {"slope": ipywidgets.BoundedIntText()}),
        (TypeError, "`slope`", {"slope": ipywidgets.Button()}),
        (TypeError, "`slope`", {"slope": ipywidgets.IntRangeSlider()}),
        (
            TypeError,
            "`slope`",
            {"slope": ipywidgets.SelectMultiple(options=[1, 2])},
        ),
        (ValueError, "`slope`", {"slope": ipywidgets.Dropdown()}),
        (
            ValueError,
            "`slope`",
            {"slope": ipywidgets.Dropdown(options=[1, 2], value=None)},
        ),
        (
            ValueError,
            "`slope`",
            {"slope": ipywidgets.FloatSlider(value=0.5, max=1, step=0.2)},
        ),
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


def test_start_between_two_values_is_named():
    with pytest.raises(ValueError, match=r"`slope`.* 0\.25,.*0\.0, 0\.5, 1\.0"):
        make_control((0.0, 1.0, 0.5), start=0.25)
    with pytest.raises(ValueError, match=r"`slope`.* 'd',.*a, b"):
        make_control(["a", "b"], start="d")


# --- Weight -----------------------------------------------------------------


def test_one_more_frame_costs_about_a_kilobyte(building):
    x = np.linspace(-3, 3, 100)

    def draw(ax, speed=1.0):
        ax.plot(x, np.sin(speed * x), label="sine")
        ax.plot(x, np.tanh(speed * x), label="tanh")
        ax.set(xlim=(-3, 3), ylim=(-1.2, 1.2), xlabel="x", ylabel="y")
        ax.legend()
        return f"speed {speed:.2f}"

    def weight(frames):
        page = make(draw, speed=(1.0, 1.0 + 0.05 * (frames - 1), 0.05))._html
        assert len(page_frames(page)) == frames
        return len(gzip.compress(page.encode(), 6))

    assert (weight(50) - weight(10)) / 40 < 1024


# --- The script of the page -------------------------------------------------


@pytest.fixture
def show(browser, building, tmp_path):
    """Open a page of some explorers; return it."""
    pages = []

    def open_page(*explorers):
        path = tmp_path / "page.html"
        body = "".join(explorer._html for explorer in explorers)
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
