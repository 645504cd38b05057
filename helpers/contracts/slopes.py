"""Gradients, by tape and by moving the inputs a little."""

import numpy as np
import tensorflow as tf


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

    Each number of `x` is moved to both sides. Where the result depends on how
    far, at a corner or because of rounding, the answer is NaN.
    """
    x = np.array(x)

    def total(moved):
        return float(tf.reduce_sum(function(tf.convert_to_tensor(moved))))

    step = 1e-5 if x.dtype == "float64" else 3e-3
    tolerance = 1e-4 if x.dtype == "float64" else 3e-2
    slopes = np.full(x.size, np.nan)
    for place in range(x.size):
        found = []
        for distance in (step, 3 * step):
            ahead, behind = x.copy(), x.copy()
            ahead.flat[place] += distance
            behind.flat[place] -= distance
            found.append((total(ahead) - total(behind)) / (2 * distance))
        here = total(x)
        one_sided = (total(ahead) - here) / (3 * step)
        smooth = abs(one_sided - found[1]) <= 0.05 * (1e-3 + abs(found[1]))
        if smooth and abs(found[0] - found[1]) <= tolerance * (
            1 + abs(found[0])
        ):
            slopes[place] = found[0]
    return slopes.reshape(x.shape)


def wrong_slope(function, x):
    """The gradient and the slope where they differ most, or None.

    Tried in `float64`; in `float32` where the function insists on it.
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
    if off.max() <= 1e-2 * scale + 1e-4:
        return None
    worst = off.argmax()
    return gradient.flat[worst], slopes.flat[worst]


def gradient_outside_its_slopes(function, x):
    """A gradient that is no slope, and the slopes to both sides, or None.

    At a corner any gradient from one slope to the other is right.
    """
    precise = _most_precise(function, x)
    gradient = gradient_of(function, precise)
    if gradient is None:
        return None
    step = 1e-5 if precise.dtype == "float64" else 1e-2
    here = float(tf.reduce_sum(function(tf.convert_to_tensor(precise))))
    for place in range(precise.size):
        slopes = []
        for distance in (-step, step):
            moved = precise.copy()
            moved.flat[place] += distance
            there = float(tf.reduce_sum(function(tf.convert_to_tensor(moved))))
            slopes.append((there - here) / distance)
        tolerance = 0.02 * (1 + max(map(abs, slopes)))
        found = gradient.flat[place]
        if not min(slopes) - tolerance <= found <= max(slopes) + tolerance:
            return found, *slopes
    return None


def _most_precise(function, x):
    """`x` in `float64`, or in `float32` where the function insists on it.

    It may raise, or compute in `float32` whatever it gets.
    """
    precise = np.asarray(x, "float64")
    try:
        if function(tf.constant(precise)).dtype == tf.float64:
            return precise
    except Exception:  # the reader's code: any of its errors may mean this
        pass
    return np.asarray(x, "float32")
