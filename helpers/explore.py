"""One figure, a few sliders: live in a notebook, alive in the plain HTML page.

`explore(draw, alt=..., threshold=(0.1, 3.0, 0.1))` makes a `Control` of each
keyword (helpers/controls.py: all its values, and how each is written) and of
them an `Explorer`. A frame is `Explorer.frame(values)`: it calls `draw` with
the values in `plotting.draw_svg`, which answers with the lines of an SVG for
each of the axes (a panel), its axes out of `kept_axes` and its colours as
variables of `palette`, and adds the read-out that `draw` returned.

A notebook is answered with one MIME bundle, by `Explorer._repr_mimebundle_`:
`image/png` and `text/plain`, the first frame for GitHub and for every viewer
without a kernel, and one of two lives, which show the same SVG:

- The widget view. `Explorer.widget` shows the controls (`Control.live_row`),
  and each move calls its `redraw`: `_live_values` -> `frame` -> `_live_figure`,
  whose HTML takes the place of the picture.
- `text/html`, made before the cell ends. `_page_figure` takes the `frame` of
  every combination of values, and writes native controls (`Control.page_row`)
  and JSON (`_page_data`) from which explore.js puts one frame together. There a
  control holds no value but its place in `Control.values`, and the frames are
  in the order of `itertools.product`, which explore.js counts with: the last
  control moves fastest.

It is the page's life if MADE_TO_MEASURE_BUILD is "1" in the environment, set by
book/_ext/execution.py for a build and by book/conftest.py for nbval, whose runs
become pages too. MyST-NB takes the outputs from their cache
(book/_tools/notebook_cache.py), the `text/html` of a figure rather than its
picture because _config.yml says so: nb_mime_priority_overrides.
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
from tqdm import tqdm

from helpers import palette, plotting
from helpers.controls import MOST_FRAMES, NO_DEFAULT, Control, room_for

# In inches. Two axes stand side by side, each in half of the width; with the
# same size their text would come out half as large.
ONE_SIZE = (5.2, 3.3)
SIDE_BY_SIDE_SIZE = (4.2, 3.1)

FOLDER = Path(__file__).parent


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
        self._computed_for, self._results = [], {}
        if compute:
            self._compute_all(compute, quiet=building)
        # Drawn here and not when shown, because Jupyter turns an exception
        # while showing into a note: a broken `draw` must fail its cell.
        self._first_values = [c.values[c.first_place] for c in controls]
        self._first_frame = self.frame(self._first_values)
        self._page_html = self._page_figure() if building else None

    # --- Both lives ----------------------------------------------------------

    def _compute_all(self, compute, quiet):
        """Keep what `compute` returns for each combination of its values."""
        takes = inspect.signature(compute).parameters
        self._computed_for = [
            i for i, c in enumerate(self.controls) if c.name in takes
        ]
        chosen = [self.controls[i] for i in self._computed_for]
        grid = itertools.product(*(range(len(c.values)) for c in chosen))
        for places in tqdm(list(grid), "computing", leave=False, disable=quiet):
            values = [c.values[i] for c, i in zip(chosen, places, strict=True)]
            self._results[places] = compute(**_named(chosen, values))

    def _bind(self, values):
        """`draw` as a function of the axes alone."""
        arguments = []
        if self._results:
            places = tuple(
                self.controls[i].nearest_place(values[i])
                for i in self._computed_for
            )
            arguments.append(self._results[places])
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
        png = plotting.draw_png(
            self._bind(self._first_values), self.ncols, self.size
        )
        bundle = {
            "text/plain": repr(self),
            "image/png": base64.b64encode(png).decode(),
        }
        if self._page_html:
            bundle["text/html"] = self._page_html
        else:
            view = "application/vnd.jupyter.widget-view+json"
            bundle[view] = self.widget._repr_mimebundle_()[view]
        return bundle, {"image/png": {"alt": self.alt}}

    def __repr__(self):
        """The figure in words, the same in every run."""
        ranges = "".join(
            f"\n  {control.label}: {control.texts[0]} to {control.texts[-1]}, "
            f"here {control.texts[control.first_place]}"
            for control in self.controls
        )
        _, text = self._first_frame
        readout = f"\n  {text}" if text else ""
        return f"Figure: {self.alt}{ranges}{readout}"

    def _panels_html(self, panels):
        """The axes of a frame, with the text that stands for them."""
        divisions = "".join(
            f'<div class="explorer-panel">{"".join(lines)}</div>'
            for lines in panels
        )
        return (
            f'<div class="explorer-panels" role="img" '
            f'aria-label="{html.escape(self.alt)}">{divisions}</div>'
        )

    # --- Live ----------------------------------------------------------------

    @functools.cached_property
    def widget(self):
        """The live figure, an `ipywidgets.VBox`."""
        picture = ipywidgets.HTML(self._live_figure(*self._first_frame))

        def redraw(change):
            try:
                frame = self.frame(self._live_values())
                picture.value = self._live_figure(*frame)
            except Exception as error:
                # The reader's next move draws again.
                text = html.escape(f"{type(error).__name__}: {error}")
                picture.value = _figure_html(
                    f'<p class="explorer-error" role="alert">{text}</p>'
                )

        rows = []
        for control in self.controls:
            control.widget.observe(redraw, "value")
            rows.append(control.live_row(plays=control.name == self.play))
        return ipywidgets.VBox([picture, *rows])

    def _live_values(self):
        """Where the controls stand: any value, but of those computed for."""
        return [
            control.live_value(one_of_values=i in self._computed_for)
            for i, control in enumerate(self.controls)
        ]

    def _live_figure(self, panels, readout):
        """A frame, without its controls, which are widgets."""
        return _figure_html(
            self._panels_html(panels) + _readout_html(readout, [])
        )

    # --- On a page -----------------------------------------------------------

    def _page_figure(self):
        """The figure as HTML that needs no kernel: every frame of it."""
        frames = [
            self.frame(values)
            for values in itertools.product(*(c.values for c in self.controls))
        ]
        panels, readout = self._first_frame
        body = self._panels_html(panels)
        if not self.controls:
            return _figure_html(body + _readout_html(readout, []))
        rows = "".join(
            control.page_row(i, plays=control.name == self.play)
            for i, control in enumerate(self.controls)
        )
        script = (FOLDER / "explore.js").read_text("utf8")
        return _figure_html(
            f'{body}<div class="explorer-controls" hidden>{rows}</div>'
            f"{_readout_html(readout, [text for _, text in frames])}"
            '<script type="application/json">'
            f"{self._page_data(frames)}</script>"
            f"<script>{script}</script>"
        )

    def _page_data(self, frames):
        """The frames as the JSON that the top of explore.js describes."""
        lines, runs = _share_lines([panels for panels, _ in frames])
        readouts = [text for _, text in frames]
        data = {
            "lines": lines,
            "frames": runs,
            "readouts": readouts if any(readouts) else [],
            "texts": [control.texts for control in self.controls],
        }
        # It would end the element that the data stands in, or begin a comment
        # in it that never ends.
        return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _named(controls, values):
    """The values by the names of their controls."""
    names = [control.name for control in controls]
    return dict(zip(names, values, strict=True))


def _figure_html(body):
    """A figure and the style sheet that it brings with it."""
    style = palette.style_element(FOLDER / "explore.css")
    return f'{style}<figure class="explorer">{body}</figure>'


def _readout_html(readout, all_readouts):
    """The read-out, with room for any of them."""
    if not any([readout, *all_readouts]):
        return ""
    return (
        f'<p class="explorer-readout">{room_for(all_readouts)}'
        f"<output>{html.escape(readout)}</output></p>"
    )


def _share_lines(frames):
    """Keep each line of the frames once.

    Consecutive frames are alike in most of their lines: the axes, the ticks,
    the labels.

    Args:
        frames: List of the panels of each frame; a panel is a list of lines.

    Returns:
        All lines, each once, and the frames with each panel as the flat list
        `[start, stop, start, stop, ...]` of the runs of lines it is made of.
    """
    places, shared = {}, []
    for panels in frames:
        shared.append([])
        for panel in panels:
            runs = []
            for line in panel:
                place = places.setdefault(line, len(places))
                if runs and runs[-1] == place:
                    runs[-1] = place + 1
                else:
                    runs += [place, place + 1]
            shared[-1].append(runs)
    return list(places), shared
