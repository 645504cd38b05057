"""One figure, a few sliders: live in a notebook, alive in the plain HTML page.

`explore(draw, alt=..., threshold=(0.1, 3.0, 0.1))` answers a notebook with one
MIME bundle:

- the widget view: ipywidgets controls that call `draw` in the kernel;
- `image/png` and `text/plain`: the figure at its first values, for GitHub and
  for every viewer without a kernel.

While the book is built (`MADE_TO_MEASURE_BUILD=1` in the environment) it
answers with `text/html` instead of the widget view: native controls, a frame
for each combination of their values, and the few lines of script, in
`explore.js`, that swap the frames. Both lives show the same SVG.
"""

import base64
import functools
import html
import inspect
import itertools
import json
import math
import numbers
import os
from pathlib import Path

import ipywidgets
import traitlets
from tqdm import tqdm

from helpers import plotting

MOST_FRAMES = 400
# In inches. Two axes stand side by side, each in half of the width; with the
# same size their text would come out half as large.
ONE_SIZE = (5.2, 3.3)
SIDE_BY_SIDE_SIZE = (4.2, 3.1)
PLAY_INTERVAL = 400  # milliseconds a frame

FOLDER = Path(__file__).parent
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


def explore(
    draw, *, alt, compute=None, ncols=1, play=None, size=None, **controls
):
    """Show a figure that changes with a few controls.

    Args:
        draw: Function `draw(ax, **values)` that draws on fresh matplotlib
            axes, or on a tuple of them when `ncols` is above 1. It takes one
            argument for each control; a default value there is where the
            control starts. It returns nothing, or a short text: a read-out
            shown below the figure.
        alt: What the figure shows, in words, for readers who do not see it.
        compute: Function whose result costs too much to redo at each move,
            such as a training. Its arguments are some of the controls; it is
            called once for each combination of their values, with a progress
            bar, and `draw(ax, computed, **values)` is given the result.
        ncols: Number of axes. They stand side by side, or one above the other
            where there is no room.
        play: Name of the slider that stands for time and gets a play button.
        size: Width and height of each of the axes, in inches. Defaults to
            5.2 by 3.3, and to 4.2 by 3.1 when `ncols` is above 1.
        **controls: One control for each argument of `draw`, as in
            `ipywidgets.interact`: `(min, max, step)` or `(min, max)` for a
            slider, a list of values or of `(label, value)` pairs for a menu,
            a bool for a checkbox, or an ipywidgets slider, menu or checkbox.
            Together they make 400 frames at most.

    Returns:
        An `Explorer`, which a notebook shows when a cell ends with it.

    Raises:
        TypeError: If an argument is of a wrong type, or the controls are not
            the arguments of `draw`.
        ValueError: If `alt` is blank, a control has no values or two equal
            ones, more than 400 frames would be drawn, or a control starts
            between two values.

    Example:
        >>> def draw(ax, power=2):
        ...     ax.plot([x**power for x in range(10)])
        >>> explore(draw, alt="A power of x.", power=(1, 4))
    """
    if not callable(draw):
        raise TypeError(f"`draw` must be a function. Received: {draw!r}")
    if compute is not None and not callable(compute):
        raise TypeError(f"`compute` must be a function. Received: {compute!r}")
    if not isinstance(alt, str):
        raise TypeError(f"`alt` must be a string. Received: {alt!r}")
    if not alt.strip():
        raise ValueError(
            "`alt` must say in words what the figure shows. It is blank."
        )
    if not isinstance(ncols, int) or ncols < 1:
        raise ValueError(
            f"`ncols` must be a whole number from 1 up. Received: {ncols!r}"
        )
    if size is None:
        size = ONE_SIZE if ncols == 1 else SIDE_BY_SIDE_SIZE
    if not (
        isinstance(size, tuple)
        and len(size) == 2
        and all(isinstance(n, numbers.Real) and 1 < n < 50 for n in size)
    ):
        raise ValueError(
            f"`size` must be a width and a height in inches. Received: {size!r}"
        )
    starts = _check_arguments(draw, compute, controls)
    controls = [
        Control(name, value, starts[name]) for name, value in controls.items()
    ]
    count = math.prod(len(control.values) for control in controls)
    if count > MOST_FRAMES:
        largest = max(controls, key=lambda control: len(control.values))
        raise ValueError(
            f"The controls make {count} frames; {MOST_FRAMES} is the most. "
            f"Give `{largest.name}` fewer than its {len(largest.values)} "
            "values, for example with a larger step."
        )
    players = [c.name for c in controls if c.kind == "range"]
    if play is not None and play not in players:
        raise ValueError(
            f"`play` must name a slider, one of {players}. Received: {play!r}"
        )
    return Explorer(draw, alt, controls, compute, ncols, play, size)


def _check_arguments(draw, compute, controls):
    """Raise unless the controls are the arguments; return where they start."""
    parameters = list(inspect.signature(draw).parameters.values())
    given = parameters[2 if compute else 1 :]
    names = [p.name for p in given if p.kind is not p.VAR_KEYWORD]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in given)
    for name in controls:
        if name not in names and not takes_all:
            raise TypeError(
                f"`draw` does not take the control `{name}`. "
                f"The arguments it takes for controls are {names}."
            )
    for parameter in given:
        name = parameter.name
        if name in inspect.signature(explore).parameters and name in names:
            raise TypeError(
                f"`draw` takes `{name}`, which is an argument of `explore` "
                "itself: give it another name."
            )
        required = parameter.default is parameter.empty and name in names
        if required and name not in controls:
            raise TypeError(
                f"`draw` takes `{name}`, but there is no control of "
                f"this name. Received controls: {list(controls)}."
            )
    for name in inspect.signature(compute).parameters if compute else ():
        if name not in controls:
            raise TypeError(
                f"`compute` takes `{name}`, but there is no control of "
                f"this name. Received controls: {list(controls)}."
            )
    defaults = {parameter.name: parameter.default for parameter in given}
    return {name: defaults.get(name, NO_DEFAULT) for name in controls}


class Control:
    """One control: its widget, all its values, and how each is written.

    Args:
        name: The argument of `draw` that it controls.
        given: The shorthand, or the widget.
        start: The first value; `NO_DEFAULT` leaves it to the
            widget.
    """

    def __init__(self, name, given, start=NO_DEFAULT):
        self.name = name
        self.widget = self._widget(given)
        if not self.widget.description:
            self.widget.description = name.replace("_", " ")
        self.widget.style.description_width = "initial"
        self.label = self.widget.description
        if isinstance(self.widget, ipywidgets.Checkbox):
            self.kind, self.values = "checkbox", [False, True]
            self.texts = ["off", "on"]
        elif isinstance(self.widget, SLIDERS):
            self.kind, self.values = "range", self._steps()
            self.texts = self._format()
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
        self.start = self.nearest(self.widget.value)
        if not _same(self.values[self.start], self.widget.value):
            raise ValueError(
                f"The control `{name}` starts at {self.widget.value!r}, which "
                f"is not one of its values: {', '.join(self.texts)}."
            )

    def _widget(self, given):
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

    def _format(self):
        """The values in the format of the widget's own read-out."""
        try:
            return [
                format(value, self.widget.readout_format)
                for value in self.values
            ]
        except ValueError:  # a format of the browser that Python lacks
            return [f"{value:g}" for value in self.values]

    def _begin(self, start):
        """Put the widget at a value, which must be one of this control's."""
        matches = [value for value in self.values if _same(value, start)]
        if not matches:
            raise ValueError(
                f"`draw` starts `{self.name}` at {start!r}, which is not one "
                f"of its values: {', '.join(self.texts)}."
            )
        self.widget.value = matches[0]

    def nearest(self, value):
        """The place of the value of this control that is nearest to `value`."""
        if self.kind != "range" or not isinstance(value, numbers.Real):
            return self.values.index(value)
        distances = [abs(other - value) for other in self.values]
        return distances.index(min(distances))


def _decimals(number):
    """How many decimals it takes to write a number."""
    text = f"{number:.10f}".rstrip("0")
    return len(text.partition(".")[2])


class Explorer:
    """A figure and its controls; `explore` makes one.

    Args:
        draw: Function that draws a frame.
        alt: What the figure shows, in words.
        controls: List of `Control`.
        compute: Function that makes what `draw` is given, or `None`.
        ncols: Number of axes.
        play: Name of the control with a play button, or `None`.
        size: Width and height of each of the axes, in inches.
    """

    def __init__(self, draw, alt, controls, compute, ncols, play, size):
        self.draw = draw
        self.alt = " ".join(alt.split())
        self.controls = controls
        self.ncols = ncols
        self.play = play
        self.size = size
        building = os.environ.get("MADE_TO_MEASURE_BUILD") == "1"
        self._computed = {}
        if compute:
            self._compute(compute, quiet=building)
        # Drawn here and not when shown, because Jupyter turns an exception
        # while showing into a note: a broken `draw` must fail its cell.
        self._start = [control.values[control.start] for control in controls]
        self._default = self.frame(self._start)
        self._html = self._page() if building else None

    def _compute(self, compute, quiet):
        """Keep what `compute` returns for each combination of its values."""
        takes = inspect.signature(compute).parameters
        self._computes = [
            i for i, c in enumerate(self.controls) if c.name in takes
        ]
        chosen = [self.controls[i] for i in self._computes]
        places = itertools.product(*(range(len(c.values)) for c in chosen))
        for place in tqdm(
            list(places), "computing", leave=False, disable=quiet
        ):
            values = [c.values[i] for c, i in zip(chosen, place, strict=True)]
            self._computed[place] = compute(**_named(chosen, values))

    def _bind(self, values):
        """`draw` as a function of the axes alone."""
        arguments = []
        if self._computed:
            place = tuple(
                self.controls[i].nearest(values[i]) for i in self._computes
            )
            arguments.append(self._computed[place])
        named = _named(self.controls, values)
        return lambda axes: self.draw(axes, *arguments, **named)

    def frame(self, values):
        """Draw one frame.

        Args:
            values: The value of each control, in their order.

        Returns:
            The lines of the SVG of each of the axes, and the read-out, a
            string that may be empty.
        """
        try:
            panels, readout = plotting.draw_svg(
                self._bind(values), self.ncols, self.size, salt=self.alt
            )
        except Exception as error:
            error.add_note(
                f"in the figure with {_named(self.controls, values)}"
            )
            raise
        if readout is not None and not isinstance(readout, str):
            raise TypeError(
                "`draw` must return nothing or a short text. "
                f"It returned: {readout!r}"
            )
        return panels, readout or ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        """What a notebook shows: see the top of this module."""
        png = plotting.draw_png(self._bind(self._start), self.ncols, self.size)
        bundle = {
            "text/plain": repr(self),
            "image/png": base64.b64encode(png).decode(),
        }
        if self._html:
            bundle["text/html"] = self._html
        else:
            view = "application/vnd.jupyter.widget-view+json"
            bundle[view] = self.widget._repr_mimebundle_()[view]
        return bundle, {"image/png": {"alt": self.alt}}

    def __repr__(self):
        """The figure in words, the same in every run."""
        ranges = "".join(
            f"\n  {control.label}: {control.texts[0]} to {control.texts[-1]}, "
            f"here {control.texts[control.start]}"
            for control in self.controls
        )
        readout = f"\n  {self._default[1]}" if self._default[1] else ""
        return f"Figure: {self.alt}{ranges}{readout}"

    @functools.cached_property
    def widget(self):
        """The live figure, an `ipywidgets.VBox`."""
        picture = ipywidgets.HTML(self._figure(*self._default))

        def redraw(change):
            try:
                picture.value = self._figure(*self.frame(self._live_values()))
            except Exception as error:
                # The reader's next move draws again.
                text = html.escape(f"{type(error).__name__}: {error}")
                picture.value = (
                    f'{_style()}<figure class="explorer"><p '
                    f'class="explorer-error" role="alert">{text}</p></figure>'
                )

        rows = []
        for control in self.controls:
            control.widget.observe(redraw, "value")
            row = control.widget
            if control.name == self.play:
                row = ipywidgets.HBox([_player(control), row])
            rows.append(row)
        return ipywidgets.VBox([picture, *rows])

    def _live_values(self):
        """Where the controls stand: any value, but of those computed for."""
        values = []
        for i, control in enumerate(self.controls):
            value = control.widget.value
            nearest = control.values[control.nearest(value)]
            computed = self._computed and i in self._computes
            near = control.kind != "range" or computed or _same(nearest, value)
            values.append(nearest if near else value)
        return values

    def _figure(self, panels, readout):
        """The picture of one frame, without its controls, as HTML."""
        return (
            f'{_style()}<figure class="explorer">{self._pictures(panels)}'
            f"{self._readout(readout, [])}</figure>"
        )

    def _pictures(self, panels):
        """The axes of one frame as HTML, with the text that stands for them."""
        divisions = "".join(
            f'<div class="explorer-panel">{"".join(lines)}</div>'
            for lines in panels
        )
        return (
            f'<div class="explorer-panels" role="img" '
            f'aria-label="{html.escape(self.alt)}">{divisions}</div>'
        )

    def _readout(self, readout, all_readouts):
        """The read-out as HTML, with room for any of them."""
        if not any([readout, *all_readouts]):
            return ""
        return (
            f'<p class="explorer-readout">{_room_for(all_readouts)}'
            f"<output>{html.escape(readout)}</output></p>"
        )

    def _page(self):
        """The figure as HTML that needs no kernel: every frame of it."""
        frames = [
            self.frame(values)
            for values in itertools.product(*(c.values for c in self.controls))
        ]
        panels, readout = self._default
        readouts = [text for _, text in frames]
        body = self._pictures(panels)
        if self.controls:
            lines, runs = _share_lines([panels for panels, _ in frames])
            data = {
                "lines": lines,
                "frames": runs,
                "readouts": readouts if any(readouts) else [],
                "labels": [control.texts for control in self.controls],
            }
            # These would end the element that the data stands in, or begin
            # a comment in it that never ends.
            text = json.dumps(data, separators=(",", ":")).replace(
                "<", "\\u003c"
            )
            body += (
                f'<div class="explorer-controls" hidden>{self._inputs()}</div>'
                f"{self._readout(readout, readouts)}"
                f'<script type="application/json">{text}</script>'
                f"<script>{(FOLDER / 'explore.js').read_text('utf8')}</script>"
            )
        else:
            body += self._readout(readout, [])
        return f'{_style()}<figure class="explorer">{body}</figure>'

    def _inputs(self):
        """The native controls as HTML."""
        rows = []
        for i, control in enumerate(self.controls):
            row = (
                '<label class="explorer-control">'
                f"<span>{html.escape(control.label)}</span>"
                f"{_input(control)}</label>"
            )
            if control.name == self.play:
                row += (
                    f'<button type="button" class="explorer-play" '
                    f'data-control="{i}" data-interval="{PLAY_INTERVAL}">'
                    "Play</button>"
                )
            rows.append(f'<div class="explorer-row">{row}</div>')
        return "".join(rows)


def _named(controls, values):
    """The values by the names of their controls."""
    names = [control.name for control in controls]
    return dict(zip(names, values, strict=True))


def _same(one, other):
    """Whether two values are one, but for rounding if they are numbers."""
    if isinstance(one, numbers.Real) and isinstance(other, numbers.Real):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return one == other


@functools.cache
def _style():
    """The style sheet, as the element that a figure brings with it."""
    rules = (FOLDER / "explore.css").read_text("utf8")
    return f"<style>{plotting.css_variables()}{rules}</style>"


def _input(control):
    """A native control, at its first value, as HTML."""
    # Without autocomplete="off" Firefox keeps a moved slider over a reload,
    # above a figure that is back at its start.
    if control.kind == "checkbox":
        checked = " checked" if control.start else ""
        return f'<input type="checkbox" autocomplete="off"{checked}>'
    texts = [html.escape(text) for text in control.texts]
    if control.kind == "select":
        options = "".join(
            f"<option{' selected' * (i == control.start)}>{text}</option>"
            for i, text in enumerate(texts)
        )
        return f'<select autocomplete="off">{options}</select>'
    # The browser speaks the value of the input; nobody needs to hear it twice.
    return (
        f'<input type="range" min="0" max="{len(texts) - 1}" step="1" '
        f'value="{control.start}" autocomplete="off" '
        f'aria-valuetext="{texts[control.start]}">'
        f'<span class="explorer-value" aria-hidden="true">'
        f"<span>{texts[control.start]}</span>{_room_for(control.texts)}</span>"
    )


def _room_for(texts):
    """Unseen copies of the longest texts: what stands there never moves."""
    longest = sorted(set(texts), key=lambda text: (len(text), text))[-5:]
    return "".join(
        f'<span class="explorer-unseen" aria-hidden="true">'
        f"{html.escape(text)}</span>"
        for text in longest
    )


def _player(control):
    """A play button that moves a control through its values."""
    player = ipywidgets.Play(
        value=control.start,
        min=0,
        max=len(control.values) - 1,
        interval=PLAY_INTERVAL,
    )

    def lead(change):
        control.widget.value = control.values[change["new"]]

    def follow(change):
        player.value = control.nearest(change["new"])

    player.observe(lead, "value")
    control.widget.observe(follow, "value")
    return player


def _share_lines(frames):
    """Keep each line of the frames once.

    Consecutive frames are alike in most of their lines: the axes, the ticks,
    the labels.

    Args:
        frames: List of frames; a frame is a list of pictures, a picture a list
            of lines.

    Returns:
        All lines, each once, and the frames with each picture as the flat list
        `[start, stop, start, stop, ...]` of the runs of lines it is made of.
    """
    places, shared = {}, []
    for panels in frames:
        shared.append([])
        for picture in panels:
            runs = []
            for line in picture:
                place = places.setdefault(line, len(places))
                if runs and runs[-1] == place:
                    runs[-1] = place + 1
                else:
                    runs += [place, place + 1]
            shared[-1].append(runs)
    return list(places), shared
