"""How long does a figure take from the slider to the screen?"""

import itertools

import numpy as np
import pytest

from helpers.explore import explore

X = np.linspace(-4, 4, 201)


def draw_one(ax, power=2.0):
    ax.plot(X, np.abs(X) ** power)
    ax.set(xlabel="x", ylabel="y")


def draw_two(axes, power=2.0):
    left, right = axes
    draw_one(left, power)
    right.plot(X, power * np.abs(X) ** (power - 1))
    return f"The power is {power}"


@pytest.mark.parametrize(
    ("draw", "ncols"), [(draw_one, 1), (draw_two, 2)], ids=["one", "two"]
)
def test_redraw(benchmark, draw, ncols):
    explorer = explore(
        draw, alt="A power of x.", ncols=ncols, power=(1.0, 4.0, 0.1)
    )
    slider = explorer.controls[0].widget
    picture = explorer.widget.children[0]
    powers = itertools.cycle([1.5, 2.0, 2.5, 3.0])

    def move():
        slider.value = next(powers)

    benchmark(move)
    assert "<svg" in picture.value
