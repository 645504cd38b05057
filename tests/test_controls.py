"""Does a control have the values and the looks that were asked for?

`helpers/controls.py`, without a figure. The controls of a page are moved by the
script of the page, which test_explore.py and test_site.py do in a browser.
"""

import ipywidgets
import numpy as np
import pytest
from bs4 import BeautifulSoup

from helpers.controls import (
    MOST_FRAMES,
    NO_DEFAULT,
    PLAY_INTERVAL,
    Control,
    room_for,
)


def make(given, start=None):
    """The control of an argument that has a default, or has none."""
    return Control("slope", given, NO_DEFAULT if start is None else start)


def first(control):
    """The value that a control starts with."""
    return control.values[control.first_place]


def page_row(control, plays=False):
    """The control on a page, parsed."""
    return BeautifulSoup(control.page_row(2, plays), "html.parser")


# --- Its values --------------------------------------------------------------


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
    control = make(given)
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
    control = make(widget)
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
    control = make(given, start)
    assert first(control) == expected
    assert control.widget.value == expected


def test_label_is_the_name_or_the_description_of_the_widget():
    assert make((0, 1)).label == "slope"
    assert Control("learning_rate", (0, 1)).label == "learning rate"
    described = ipywidgets.IntSlider(max=3, description="threshold")
    assert make(described).label == "threshold"


# --- In a notebook -----------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "one_of_values", "expected"),
    [
        (0.123, False, 0.123),
        (0.123, True, 0.0),
        (0.4, True, 0.5),
        # What the browser answers may differ in the last digit of a float.
        (0.5 + 1e-9, False, 0.5),
    ],
)
def test_live_value_may_stand_between_two_values(
    value, one_of_values, expected
):
    control = make((0.0, 1.0, 0.5))
    control.widget.value = value
    assert control.live_value(one_of_values) == expected


def test_live_row_is_the_widget_alone_unless_it_plays():
    control = make((0, 3))
    assert control.live_row(plays=False) is control.widget


def test_play_moves_the_live_slider_through_its_values():
    player, slider = make((0.0, 1.0, 0.5)).live_row(plays=True).children
    assert isinstance(player, ipywidgets.Play)
    assert (player.min, player.value, player.max) == (0, 1, 2)
    player.value = 2
    assert slider.value == 1.0
    # From where the reader has put the slider, it goes on.
    slider.value = 0.5
    assert player.value == 1
    player.value = 2
    assert slider.value == 1.0


# --- On a page ---------------------------------------------------------------


def test_slider_of_a_page_holds_the_place_of_its_first_value():
    row = page_row(make((0.5, 2.0, 0.5), start=1.5))
    slider = row.input.attrs
    assert (slider["type"], slider["value"]) == ("range", "2")
    assert (slider["min"], slider["max"], slider["step"]) == ("0", "3", "1")
    assert row.select_one(".explorer-value > span").string == "1.5"


def test_slider_says_its_value_in_words():
    widget = ipywidgets.SelectionSlider(options=["low", "high"], value="high")
    slider = page_row(make(widget)).input
    assert (slider["min"], slider["max"], slider["step"]) == ("0", "1", "1")
    assert slider["value"] == "1"
    assert slider["aria-valuetext"] == "high"


def test_menu_of_a_page_has_its_first_value_selected():
    row = page_row(make([("one", 1), ("two", 2), ("three", 3)], start=2))
    options = row.select("select > option")
    assert [option.string for option in options] == ["one", "two", "three"]
    assert [option.has_attr("selected") for option in options] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("value", [False, True])
def test_checkbox_of_a_page_is_checked_if_it_starts_so(value):
    box = page_row(make(value)).input
    assert box["type"] == "checkbox"
    assert box.has_attr("checked") is value


@pytest.mark.parametrize("given", [(0, 3), ["a", "b"], True], ids=str)
def test_no_browser_keeps_a_moved_control_over_a_reload(given):
    control = page_row(make(given)).select_one("input, select")
    assert control["autocomplete"] == "off"


def test_play_button_names_its_control():
    control = make((0, 3))
    assert page_row(control).button is None
    button = page_row(control, plays=True).button
    assert button["data-control"] == "2"
    assert button["data-interval"] == str(PLAY_INTERVAL)


def test_room_is_that_of_the_longest_texts_unseen():
    texts = ["x" * length for length in range(9)] + ["<i>"]
    spans = BeautifulSoup(room_for(texts), "html.parser").find_all("span")
    assert [span.string for span in spans] == texts[4:9]
    assert {span["aria-hidden"] for span in spans} == {"true"}
    assert room_for(["<i>"]).count("&lt;i&gt;") == 1


# --- What goes wrong ---------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (TypeError, None),
        (TypeError, 3),
        (TypeError, "abc"),
        (TypeError, ()),
        (TypeError, (1,)),
        (TypeError, (1, 2, 3, 4)),
        (TypeError, ("a", "b")),
        (ValueError, []),
        (ValueError, ["a", "b", "a"]),
        (ValueError, (3, 1)),
        (ValueError, (1, 1)),
        (ValueError, (0, 1, 0)),
        (ValueError, (0.0, 1.0, -0.1)),
        (ValueError, (0, float("nan"))),
        (ValueError, (0, float("inf"))),
        (TypeError, ipywidgets.Text()),
        (TypeError, ipywidgets.IntText()),
        (TypeError, ipywidgets.BoundedIntText()),
        (TypeError, ipywidgets.Button()),
        (TypeError, ipywidgets.IntRangeSlider()),
        (
            TypeError,
            ipywidgets.SelectMultiple(options=[1, 2]),
        ),
        (ValueError, ipywidgets.Dropdown()),
        (
            ValueError,
            ipywidgets.Dropdown(options=[1, 2], value=None),
        ),
        (
            ValueError,
            ipywidgets.FloatSlider(value=0.5, max=1, step=0.2),
        ),
    ],
    ids=str,
)
def test_wrong_argument_raises_at_once_and_is_named(error, given):
    with pytest.raises(error, match="`slope`"):
        make(given)


def test_start_between_two_values_is_named():
    with pytest.raises(ValueError, match=r"`slope`.* 0\.25,.*0\.0, 0\.5, 1\.0"):
        make((0.0, 1.0, 0.5), start=0.25)
    with pytest.raises(ValueError, match=r"`slope`.* 'd',.*a, b"):
        make(["a", "b"], start="d")


def test_400_values_are_allowed_and_more_ask_for_a_larger_step():
    assert len(make((1, MOST_FRAMES)).values) == 400
    with pytest.raises(ValueError, match=r"`slope` has 401 .*larger step"):
        make((0, MOST_FRAMES))
