"""Draw some frames of each figure a second time, and raise if they differ.

`book/conftest.py` runs this file in the kernel of each notebook that nbval
executes: an axis that is kept from an earlier frame must look, to the byte, as
matplotlib draws it anew.
"""

import random

from helpers import kept_axes, plotting

SHARE = 0.05
chance = random.Random(0)
draw_svg = plotting.draw_svg
frames_seen = {}


def draw_twice(draw, ncols, size, salt=""):
    """Draw a frame; the second of each figure and a share of all twice."""
    drawn = draw_svg(draw, ncols, size, salt)
    frames_seen[salt] = frames_seen.get(salt, 0) + 1
    if frames_seen[salt] == 2 or chance.random() < SHARE:
        prepare = kept_axes.prepare
        kept_axes.prepare = lambda figure, salt: []
        try:
            anew = draw_svg(draw, ncols, size, salt)
        finally:
            kept_axes.prepare = prepare
        if drawn != anew:
            raise AssertionError("A kept axis differs from one drawn anew.")
    return drawn


plotting.draw_svg = draw_twice
