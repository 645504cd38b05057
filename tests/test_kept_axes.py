"""Is a frame with axes that are kept the same, to the byte, as one without?

`book/conftest.py` asks the same of every explorer of the book.
"""

import itertools

import pytest
from matplotlib.ticker import FuncFormatter

from helpers import kept_axes, plotting

SIZE = (4.2, 3.1)


def draw_plain(ax, number):
    ax.plot([0, 1], [0, number])
    ax.set(ylim=(0, 4), xlabel="x", ylabel="y")


def draw_title(ax, number):
    draw_plain(ax, number)
    ax.set(title="A title", xlim=(-number, 1))


def draw_large_numbers(ax, number):
    ax.plot([0, 1e-7], [0, 1e9 * number], "o", clip_on=False)
    ax.set(title="Offsets stand at both ends", ylim=(0, 4e9))


def draw_ticks(ax, number):
    draw_plain(ax, number)
    ax.set_xticks([0, number / 4], ["none", f"{number}"], rotation=30)
    ax.tick_params(axis="y", length=2 * number)


def draw_scales(ax, number):
    ax.plot([1, 10, 100], [1, number, 3])
    ax.set(xscale="log", yscale="symlog" if number > 2 else "linear")
    ax.set_aspect(number)


def draw_labels_in_turn(ax, number):
    ax.set(xlabel="odd" if number % 2 else "even", xlim=(0, 1), ylim=(0, 1))
    ax.xaxis.label.set_color("red" if number > 2 else "blue")
    ax.yaxis.set_visible(number != 3)
    ax.spines["bottom"].set_position(("data", number / 10))


def draw_function_of_numbers(ax, number):
    draw_plain(ax, number)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y * number:g}"))


def draw_markers_below(ax, number):
    # With the clip that the grid defines if nothing below it has done so.
    ax.plot([0, 1], [0, number], "|", zorder=-1, clip_on=number != 2)
    ax.set(xlim=(0, 1), ylim=(0, 4))


def draw_twins(ax, number):
    draw_plain(ax, number)
    twin = ax.twinx()
    twin.plot([0, 1], [number, 0])
    twin.set_ylim(0, 10 * number)


def draw_pictures(ax, number):
    ax.imshow([[0, number], [1, 2]], vmin=0, vmax=4, aspect="auto")
    ax.grid(number % 2 == 0)


DRAWS = [value for name, value in globals().items() if name.startswith("draw_")]


def frame(draw, number, salt="salt"):
    return plotting.draw_svg(lambda ax: draw(ax, number), 1, SIZE, salt)[0]


@pytest.fixture
def by_matplotlib(monkeypatch):
    """Return a function that draws a frame with nothing kept."""

    def draw_by_matplotlib(draw, number):
        with monkeypatch.context() as patch:
            patch.setattr(kept_axes, "prepare", lambda figure, salt: [])
            return frame(draw, number)

    return draw_by_matplotlib


@pytest.mark.parametrize("draw", DRAWS)
def test_frames_are_the_same_in_any_order(draw, by_matplotlib):
    expected = {number: by_matplotlib(draw, number) for number in (1, 2, 3, 4)}
    for order in itertools.islice(itertools.permutations(expected), 0, None, 5):
        for number in order:
            assert frame(draw, number) == expected[number]


def test_an_axis_that_stays_is_drawn_once(monkeypatch):
    monkeypatch.setattr(kept_axes, "_drawings", {})
    for number in (1, 2, 3, 4):
        frame(draw_plain, number)
    assert len(kept_axes._drawings) == 2
    frame(draw_title, 1)
    frame(draw_title, 2)
    assert len(kept_axes._drawings) == 4  # another x each time


def test_ids_are_those_of_the_figure():
    one, other = (frame(draw_plain, 1, salt) for salt in ("one", "other"))
    assert one != other
    assert frame(draw_plain, 1, "one") == one


def test_kept_axes_do_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(kept_axes, "_drawings", {})
    monkeypatch.setattr(kept_axes, "MOST_KEPT", 3)
    for number in range(10):
        frame(draw_title, number + 1)
        assert len(kept_axes._drawings) < 3 + 3
