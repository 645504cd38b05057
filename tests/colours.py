"""Can what is written in one colour be read on another?"""

import re


def contrast(one, other):
    """Return the contrast of two CSS colours, from 1 to 21, as WCAG has it."""
    luminances = []
    for colour in (one, other):
        if colour.startswith("#"):
            channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        else:
            assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", colour), colour
            channels = map(int, re.findall(r"\d+", colour))
        shares = [channel / 255 for channel in channels]
        red, green, blue = (
            share / 12.92
            if share <= 0.04045
            else ((share + 0.055) / 1.055) ** 2.4
            for share in shares
        )
        luminances.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)
