"""What an axis has drawn is kept for the next frame that has the same axis.

Ticks, numbers and grid take two thirds of the time of a frame, and rarely
change from one frame to the next. `prepare` lets matplotlib draw each axis (x
or y) of a figure only if none was drawn in the same state before, and `merge`
puts what it drew then into the new picture.
"""

import dataclasses
import functools
import hashlib
import io
import pickle

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import FigureBase
from matplotlib.spines import Spine
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import TransformNode

MOST_KEPT = 1000  # a few kB each; then all are forgotten
MARK = "an axis"

_drawings = {}
_boxes = {}


@dataclasses.dataclass
class Drawing:
    """What an axis adds to an SVG.

    Args:
        markers: What it defines for `<use>`: matplotlib's keys and ids.
        clips: What it clips with, which stands at the end of the SVG.
        lines: Its own lines, `None` until `merge` has seen them.
    """

    markers: dict
    clips: dict
    lines: list | None = None


class StatePickler(pickle.Pickler):
    """Writes an axis down, but nothing of what else is in its figure."""

    def __init__(self, file, axis):
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.axis = axis

    def reducer_override(self, thing):
        """Say how an object is written down; nobody will read it."""
        outside = isinstance(thing, (Axes, Axis, FigureBase, Spine))
        if thing is self.axis.axes.transData or (
            outside and thing is not self.axis
        ):
            return type, ()
        if isinstance(thing, FuncFormatter):
            # Its function may answer something else in the next frame.
            raise pickle.PicklingError
        if isinstance(thing, TransformNode):
            # Without those that are made from it, such as that of a line.
            return type(thing), (), {**vars(thing), "_parents": None}
        return NotImplemented


def state_of(axis, salt):
    """Return a digest of all that decides what an axis draws, or `None`."""
    ends = ("bottom", "top") if axis.axis_name == "x" else ("left", "right")
    spines = [axis.axes.spines[end] for end in ends]
    outside = [
        salt,
        axis.axes.bbox.bounds,
        axis.get_view_interval(),
        [
            (
                spine.get_visible(),
                spine.get_linewidth(),
                spine.get_spine_transform().transform([(0, 0), (1, 1)]),
            )
            for spine in spines
        ],
    ]
    file = io.BytesIO()
    try:
        StatePickler(file, axis).dump([axis, outside])
    except (pickle.PicklingError, AttributeError, TypeError):
        return None  # a lambda that formats numbers, for instance
    return hashlib.sha256(file.getvalue()).digest()


def prepare(figure, salt):
    """Let each axis of a figure be drawn only if it was not before.

    Args:
        figure: Figure that is complete and about to be saved as SVG.
        salt: The text that the ids in the SVG are made of.

    Returns:
        A list to which saving appends a `Drawing` for each axis in turn.
    """
    for kept in (_drawings, _boxes):
        if len(kept) > MOST_KEPT:
            kept.clear()
    drawings = []
    for axes in figure.axes:
        if type(axes) is not Axes:
            continue
        axes.apply_aspect()
        pair = (axes.xaxis, axes.yaxis)
        states = [state_of(axis, salt) for axis in pair]
        for axis, state in zip(pair, states, strict=True):
            if state is not None:
                axis.draw = functools.partial(
                    _draw_once, axis.draw, state, drawings
                )
                axis.get_tightbbox = functools.partial(
                    _measure_once, axis, axis.get_tightbbox, state
                )
    return drawings


def _draw_once(draw_axis, state, drawings, renderer):
    """Draw an axis between two marks, or leave the marks alone."""
    markers, clips = renderer._markers, renderer._clipd
    # What others have defined already, an axis does not define again.
    key = (state, *markers.values(), *(name for _, name in clips.values()))
    renderer.writer.comment(MARK)
    if key in _drawings:
        markers.update(_drawings[key].markers)
        clips.update(_drawings[key].clips)
    else:
        before = len(markers), len(clips)
        draw_axis(renderer)
        _drawings[key] = Drawing(
            dict(list(markers.items())[before[0] :]),
            dict(list(clips.items())[before[1] :]),
        )
    renderer.writer.comment(MARK)
    drawings.append(_drawings[key])


def _measure_once(axis, measure_axis, state, renderer):
    """Return the box around an axis, for a title that must stay above it."""
    text = axis.offsetText
    if state not in _boxes:
        box = measure_axis(renderer)
        _boxes[state] = box, text.get_text(), text.get_position()
    box, words, place = _boxes[state]
    text.set_text(words)
    text.set_position(place)
    return box


def merge(svg, drawings, clean):
    """Return the lines of an SVG with those of each axis, new or kept.

    Args:
        svg: What matplotlib wrote, with marks around each axis.
        drawings: What `prepare` returned.
        clean: Function that makes lines of a part of the SVG.
    """
    lines = []
    for place, part in enumerate(svg.split(f"<!-- {MARK} -->")):
        if place % 2 == 0:  # what stands between two axes
            lines += clean(part)
            continue
        drawing = drawings[place // 2]
        if drawing.lines is None:
            drawing.lines = clean(part)
        lines += drawing.lines
    return lines
