"""Gradients, by tape and by moving the inputs a little."""

import numpy as np
import tensorflow as tf

# Of larger inputs this many numbers are moved, drawn once and for all.
MOVED = 50


def gradient_of(function, x):
    """Gradient of the sum of what a function gives; None if there is none."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    gradient = tape.gradient(total, x)
    return None if gradient is None else np.asarray(gradient)


def slopes_of(function, x):
    """Slopes of the sum of what a function gives, without its gradient.

    Each number of `x` is moved to both sides; of a large `x` only some are.
    Where the result depends on how far, at a corner or because of rounding,
    the answer is NaN, and so it is for numbers that were not moved.
    """
    x = np.array(x)
    here = _values(function, x)
    step = 1e-5 if x.dtype == "float64" else 3e-3
    tolerance = 1e-4 if x.dtype == "float64" else 3e-2
    slopes = np.full(x.size, np.nan)
    for place in _places(x.size):
        found = []
        for distance in (step, 3 * step):
            ahead, behind = x.copy(), x.copy()
            ahead.flat[place] += distance
            behind.flat[place] -= distance
            ahead, behind = _values(function, ahead), _values(function, behind)
            found.append(np.sum(ahead - behind) / (2 * distance))
        one_sided = np.sum(ahead - here) / (3 * step)
        smooth = abs(one_sided - found[1]) <= 0.05 * (1e-3 + abs(found[1]))
        if smooth and abs(found[0] - found[1]) <= tolerance * (
            1 + abs(found[0])
        ):
            slopes[place] = found[0]
    return slopes.reshape(x.shape)


def _places(size):
    """Where numbers are moved: everywhere, or at places drawn by chance."""
    if size <= MOVED:
        return range(size)
    return np.random.default_rng(0).choice(size, MOVED, replace=False)


def _values(function, x):
    """What a function gives, so precise that small differences survive."""
    return np.asarray(function(tf.convert_to_tensor(x)), "float64")


def wrong_slope(function, x):
    """The gradient and the slope where they differ most, or None.

    Tried in `float64`; in `float32` where the function computes in it.
    """
    precise = _most_precise(function, x)
    gradient = gradient_of(function, precise)
    slopes = slopes_of(function, precise)
    if gradient is None:
        gradient = np.zeros_like(precise)
    trusted = np.isfinite(slopes)
    if not trusted.any():
        return None
    off = np.where(trusted, np.abs(gradient - slopes), 0)
    scale = np.max(np.abs(slopes[trusted]))
    if off.max() <= 1e-2 * scale + 1e-4 + _noise(function, precise):
        return None
    worst = off.argmax()
    return gradient.flat[worst], slopes.flat[worst]


def _noise(function, x):
    """How wrong slopes may be because the function rounds what it gives."""
    if x.dtype == "float64":
        return 0
    values = _values(function, x)
    largest = np.max(np.abs(values), where=np.isfinite(values), initial=0)
    return 4 * np.finfo("float32").eps * largest / 3e-3


def gradient_outside_its_slopes(function, x):
    """A gradient that is no slope, and the slopes to both sides, or None.

    At a corner any gradient from one slope to the other is right.
    """
    precise = _most_precise(function, x)
    gradient = gradient_of(function, precise)
    if gradient is None:
        return None
    step = 1e-5 if precise.dtype == "float64" else 1e-2
    here = _values(function, precise)
    for place in _places(precise.size):
        slopes = []
        for distance in (-step, step):
            moved = precise.copy()
            moved.flat[place] += distance
            slopes.append(np.sum(_values(function, moved) - here) / distance)
        tolerance = 0.02 * (1 + max(map(abs, slopes)))
        found = gradient.flat[place]
        if not min(slopes) - tolerance <= found <= max(slopes) + tolerance:
            return found, *slopes
    return None


def _most_precise(function, x):
    """`x` in `float64`, or in `float32` where the function computes in it.

    It may refuse `float64`, give `float32` for it, or round to `float32`
    somewhere inside: then a move that only `float64` resolves changes nothing.
    """
    coarse, precise = np.asarray(x, "float32"), np.asarray(x, "float64")
    probe = np.where(coarse == 0, 0.5, coarse.astype("float64"))
    try:
        gradient_of(function, precise)
        here = function(tf.convert_to_tensor(probe))
        moved = function(tf.convert_to_tensor(probe * (1 + 1e-9)))
    except Exception:  # the reader's code: any of its errors may mean this
        return coarse
    if here.dtype != "float64" or np.array_equal(here, moved):
        return coarse
    return precise
