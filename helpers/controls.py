"""The controls of a figure: their values, and how a reader gets to them.

A `Control` is made from what stands after the name of an argument, as in
`explore(draw, alt=..., threshold=(0.1, 3.0, 0.1))`. In a notebook it is a
widget of ipywidgets that holds a value (`live_row`, `live_value`). On a page it
is a native control that holds the place of a value in `Control.values`
(`page_row`): what is written there comes from the same place in `texts`.
"""

import html
import inspect
import math
import numbers

import ipywidgets
import traitlets

# Of a figure, and so the most values that one of its controls can have.
MOST_FRAMES = 400
PLAY_INTERVAL = 400  # milliseconds a frame

NO_DEFAULT = inspect.Parameter.empty

# What `explore` makes frames of: controls whose values can be counted.
SLIDERS = (
    ipywidgets.IntSlider,
    ipywidgets.FloatSlider,
    ipywidgets.FloatLogSlider,
)
MENUS = (
    ipywidgets.Dropdown,
    ipywidgets.RadioButtons,
    ipywidgets.Select,
    ipywidgets.ToggleButtons,
)


class Control:
    """One control: its widget, all its values, and how each is written.

    Args:
        name: The argument of `draw` that it controls.
        given: The shorthand, or the widget.
        start: The first value; `NO_DEFAULT` leaves it to the widget.

    Attributes:
        widget: The control in a notebook.
        label: What is written next to it.
        kind: What it is on a page: `"range"`, `"select"` or `"checkbox"`.
        values: List of all its values.
        texts: How each of them is written, in the same order.
        first_place: The place of the first value in these lists.
    """

    def __init__(self, name, given, start=NO_DEFAULT):
        self.name = name
        self.widget = self._widget_for(given)
        if not self.widget.description:
            self.widget.description = name.replace("_", " ")
        self.widget.style.description_width = "initial"
        self.label = self.widget.description
        if isinstance(self.widget, ipywidgets.Checkbox):
            self.kind, self.values = "checkbox", [False, True]
            self.texts = ["off", "on"]
        elif isinstance(self.widget, SLIDERS):
            self.kind, self.values = "range", self._steps()
            self.texts = self._as_in_readout()
        else:
            self.kind = "select" if isinstance(self.widget, MENUS) else "range"
            self.values = list(self.widget._options_values)
            self.texts = list(self.widget._options_labels)
            self._check_options()
        # As in `interact`, a default of `draw` moves a tuple or a list, and a
        # tuple without one starts in its middle.
        if isinstance(given, (tuple, list)):
            if start is not NO_DEFAULT:
                self._begin(start)
            elif isinstance(given, tuple):
                self.widget.value = self.values[(len(self.values) - 1) // 2]
        self.first_place = self.nearest_place(self.widget.value)
        if not _same(self.values[self.first_place], self.widget.value):
            raise ValueError(
                f"The control `{name}` starts at {self.widget.value!r}, which "
                f"is not one of its values: {', '.join(self.texts)}."
            )

    # --- Its values ----------------------------------------------------------

    def _widget_for(self, given):
        """The widget that stands for a shorthand."""
        kinds = (*SLIDERS, *MENUS)
        kinds += (ipywidgets.SelectionSlider, ipywidgets.Checkbox)
        if isinstance(given, kinds):
            return given
        if isinstance(given, bool):
            return ipywidgets.Checkbox(value=given, indent=False)
        if isinstance(given, list):
            if not given:
                raise ValueError(
                    f"The control `{self.name}` must offer at least one value. "
                    "Received an empty list."
                )
            try:
                return ipywidgets.Dropdown(options=given)
            except (traitlets.TraitError, TypeError, ValueError) as error:
                raise ValueError(
                    f"The control `{self.name}` cannot offer {given!r}: {error}"
                ) from error
        if (
            isinstance(given, tuple)
            and len(given) in (2, 3)
            and all(isinstance(number, numbers.Real) for number in given)
        ):
            return self._slider(*given)
        raise TypeError(
            f"The control `{self.name}` must be (min, max), (min, max, step), "
            "a list, a bool or an ipywidgets slider, menu or checkbox. "
            f"Received: {given!r}"
        )

    def _slider(self, low, high, step=None):
        """A slider over numbers: whole ones when all that is given is whole."""
        wrong = None
        if not all(math.isfinite(n) for n in (low, high, step or 0)):
            wrong = "finite numbers"
        elif not low < high:
            wrong = "min below max"
        elif step is not None and not step > 0:
            wrong = "a step above 0"
        if wrong:
            raise ValueError(
                f"The control `{self.name}` must have {wrong}. "
                f"Received: min={low!r}, max={high!r}, step={step!r}"
            )
        whole = all(isinstance(n, numbers.Integral) for n in (low, high))
        if whole and isinstance(step, (numbers.Integral, type(None))):
            return ipywidgets.IntSlider(
                min=low, max=high, step=step or 1, value=low
            )
        step = step or 0.1
        decimals = max(_decimals(low), _decimals(step))
        return ipywidgets.FloatSlider(
            min=low,
            max=high,
            step=step,
            value=low,
            readout_format=f".{decimals}f",
        )

    def _steps(self):
        """Every value of a slider over numbers."""
        widget = self.widget
        if not widget.step:
            raise ValueError(f"The control `{self.name}` must have a step.")
        count = math.floor((widget.max - widget.min) / widget.step + 1e-9) + 1
        if count > MOST_FRAMES:
            raise ValueError(
                f"The control `{self.name}` has {count} values; {MOST_FRAMES} "
                "is the most. Give it a larger step."
            )
        if count < 2:
            raise ValueError(
                f"The control `{self.name}` has one value only. Give it a step "
                f"below {widget.max - widget.min}."
            )
        # Rounded, because 3 * 0.1 is not 0.3.
        steps = [round(widget.min + i * widget.step, 10) for i in range(count)]
        if isinstance(widget, ipywidgets.FloatLogSlider):
            return [widget.base**exponent for exponent in steps]
        return steps

    def _as_in_readout(self):
        """The values in the format of the widget's own read-out."""
        try:
            return [
                format(value, self.widget.readout_format)
                for value in self.values
            ]
        except ValueError:  # a format of the browser that Python lacks
            return [f"{value:g}" for value in self.values]

    def _check_options(self):
        """Raise unless the options of a menu differ and one is chosen."""
        for place, value in enumerate(self.values):
            if self.values.index(value) != place:
                raise ValueError(
                    f"The control `{self.name}` has the value {value!r} twice."
                )
        if self.widget.index is None:
            raise ValueError(
                f"The control `{self.name}` must have a value chosen."
            )

    def _begin(self, start):
        """Put the widget at a value, which must be one of this control's."""
        matches = [value for value in self.values if _same(value, start)]
        if not matches:
            raise ValueError(
                f"`draw` starts `{self.name}` at {start!r}, which is not one "
                f"of its values: {', '.join(self.texts)}."
            )
        self.widget.value = matches[0]

    def nearest_place(self, value):
        """The place, in `values`, of what is nearest to a value."""
        if self.kind != "range" or not isinstance(value, numbers.Real):
            return self.values.index(value)
        distances = [abs(other - value) for other in self.values]
        return distances.index(min(distances))

    # --- In a notebook -------------------------------------------------------

    def live_value(self, one_of_values=False):
        """Where the widget stands, which may be between two of the values.

        Args:
            one_of_values: Whether to return the nearest of `values` then.
        """
        value = self.widget.value
        nearest = self.values[self.nearest_place(value)]
        if self.kind != "range" or one_of_values or _same(nearest, value):
            return nearest
        return value

    def live_row(self, plays):
        """The widget, after a play button if the control plays."""
        if not plays:
            return self.widget
        return ipywidgets.HBox([self._live_player(), self.widget])

    def _live_player(self):
        """A play button that moves the widget through the values."""
        player = ipywidgets.Play(
            value=self.first_place,
            min=0,
            max=len(self.values) - 1,
            interval=PLAY_INTERVAL,
        )

        def lead(change):
            self.widget.value = self.values[change["new"]]

        def follow(change):
            player.value = self.nearest_place(change["new"])

        player.observe(lead, "value")
        self.widget.observe(follow, "value")
        return player

    # --- On a page -----------------------------------------------------------

    def page_row(self, number, plays):
        """The label and the native control as HTML, at the first value.

        Args:
            number: Which control of its figure it is, counted from 0.
            plays: Whether it gets a play button.
        """
        row = (
            '<label class="explorer-control">'
            f"<span>{html.escape(self.label)}</span>"
            f"{self._page_input()}</label>"
        )
        if plays:
            row += (
                f'<button type="button" class="explorer-play" '
                f'data-control="{number}" data-interval="{PLAY_INTERVAL}">'
                "Play</button>"
            )
        return f'<div class="explorer-row">{row}</div>'

    def _page_input(self):
        """The native control, which holds a place: explore.js reads it."""
        # Without autocomplete="off" Firefox keeps a moved slider over a
        # reload, above a figure that is back at its start.
        if self.kind == "checkbox":
            checked = " checked" if self.first_place else ""
            return f'<input type="checkbox" autocomplete="off"{checked}>'
        texts = [html.escape(text) for text in self.texts]
        if self.kind == "select":
            options = "".join(
                f"<option{' selected' * (place == self.first_place)}>{text}"
                "</option>"
                for place, text in enumerate(texts)
            )
            return f'<select autocomplete="off">{options}</select>'
        first = texts[self.first_place]
        # The browser speaks the value of the input; nobody needs to hear it
        # twice.
        return (
            f'<input type="range" min="0" max="{len(texts) - 1}" step="1" '
            f'value="{self.first_place}" autocomplete="off" '
            f'aria-valuetext="{first}">'
            f'<span class="explorer-value" aria-hidden="true">'
            f"<span>{first}</span>{room_for(self.texts)}</span>"
        )


def room_for(texts):
    """Unseen copies of the longest texts: what stands there never moves.

    Args:
        texts: List of all that may stand in one place.

    Returns:
        HTML for an element whose children lie upon each other (explore.css).
    """
    longest = sorted(set(texts), key=lambda text: (len(text), text))[-5:]
    return "".join(
        f'<span class="explorer-unseen" aria-hidden="true">'
        f"{html.escape(text)}</span>"
        for text in longest
    )


def _decimals(number):
    """How many decimals it takes to write a number."""
    text = f"{number:.10f}".rstrip("0")
    return len(text.partition(".")[2])


def _same(one, other):
    """Whether two values are one, but for rounding if they are numbers."""
    if isinstance(one, numbers.Real) and isinstance(other, numbers.Real):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return one == other
