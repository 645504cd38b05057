"""The components that book/gradients.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import inspect

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.components.layers import MyDense
from helpers.components.losses import checked_number


def weighted_sum(outputs):
    """Sums outputs, each times its own fixed number, in float64.

    Args:
        outputs: Tensor, or a structure of tensors.

    Raises:
        ValueError: If an output has fewer than 32 bits.
    """
    random = np.random.default_rng(0)
    total = tf.zeros((), "float64")
    for output in map(tf.convert_to_tensor, tf.nest.flatten(outputs)):
        if output.dtype.size < 4:  # too coarse for small moves
            raise ValueError(
                "`function` must compute in float32 or float64. "
                f"Received: outputs in {output.dtype.name}"
            )
        output = tf.cast(output, "float64")
        weights = random.uniform(0.5, 1.5, output.shape)
        total += tf.reduce_sum(weights * output)
    return total


def rounding_of(outputs):
    """Estimates what rounding does to a sum of outputs, and to each number.

    Args:
        outputs: Tensor, or a structure of tensors.

    Returns:
        The error of the sum, and the relative error of a single number.
    """
    outputs = [tf.convert_to_tensor(o) for o in tf.nest.flatten(outputs)]
    outputs = [output for output in outputs if output.dtype.is_floating]
    errors = [np.finfo(o.dtype.as_numpy_dtype).eps for o in outputs]
    norms = [np.linalg.norm(tf.cast(o, "float64")) for o in outputs]
    of_sum = np.linalg.norm(np.multiply(errors, norms))
    return of_sum, max(errors, default=0.0)


def slopes_near(total_at, array, place, rounding):
    """Finds the slope at one place of an array by moving that number.

    Args:
        total_at: Function of an array that returns a float.
        array: Array of floats.
        place: Index of the number to move.
        rounding: What `rounding_of` returns.

    Returns:
        The slope; how far to trust it, infinite if there is none; the lowest
        and the highest slope to one side.
    """
    size = max(1.0, abs(float(array[place])))
    here, central, one_sided = total_at(array), [], []
    steps = size * 10.0 ** -np.arange(2, 8)
    for step in steps:
        moves, changes = [], []
        for move in (-step, step):
            moved = array.copy()
            moved[place] += move
            moves.append(float(moved[place]) - float(array[place]))
            changes.append(total_at(moved) - here)
        with np.errstate(all="ignore"):
            central.append(0 + np.subtract(*changes) / np.subtract(*moves))
            one_sided.append(np.divide(changes, moves))
    of_sum, relative = rounding
    with np.errstate(all="ignore"):
        gaps = relative * size * (1 + np.abs(central[1:])) + of_sum
        gaps = np.abs(np.diff(central)) + gaps / steps[1:]
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    best = 1 + gaps.argmin()
    lowest, highest = min(one_sided[best]), max(one_sided[best])
    return central[best], gaps[best - 1], lowest, highest


def tape_gradients(function, arrays):
    """Computes the gradients of the weighted sum of what a function returns.

    Args:
        function: Function of arrays that returns tensors.
        arrays: List of arrays of floats.

    Returns:
        The list of gradients, arrays or `None`.
    """
    tensors = [tf.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = weighted_sum(function(*tensors))
    again = weighted_sum(function(*tensors))
    if not (np.isfinite(total) and np.isfinite(again)):
        raise AssertionError(f"The outputs are not finite: {total}")
    if not np.isclose(total, again, rtol=1e-5):
        raise AssertionError("The outputs differ from call to call")
    found = tape.gradient(total, tensors)
    return [g if g is None else tf.convert_to_tensor(g).numpy() for g in found]


def as_doubles(function, arrays):
    """Makes arrays float64, or float32 where the function insists on it."""
    sizes = [np.size(array) for array in arrays]
    if not sizes or 0 in sizes:
        raise ValueError(
            "`arrays` must be one or more, none of them empty. "
            f"Received: arrays of {sizes} numbers"
        )
    doubles = [np.array(array, "float64") for array in arrays]
    try:
        function(*map(tf.convert_to_tensor, doubles))
    except (TypeError, ValueError, tf.errors.InvalidArgumentError):
        return [array.astype("float32") for array in doubles]
    return doubles


def names_of(function, arrays):
    """Lists the names of the arguments that arrays are passed for."""
    is_layer = isinstance(function, keras.layers.Layer)
    try:
        target = function.call if is_layer else function
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # some built-in functions have none
        names = []
    return [*names, *(f"argument {n}" for n in range(len(names), len(arrays)))]


def in_words(place, found, slope, unsure):
    """Says what `wrong_places` found at one place."""
    text = f"{place}: gradient {found:.4g}, slope {slope:.4g}"
    if unsure:
        text += f" give or take {unsure:.1g}: cannot tell"
    return text


def wrong_places(total_at, array, gradient, rounding, tolerance, most):
    """Lists where a gradient is not the slope, or there is no slope.

    Args:
        total_at: Function of an array that returns a float.
        array: Array of floats.
        gradient: Array of its shape.
        rounding: What `rounding_of` returns.
        tolerance: Positive float, relative.
        most: How many numbers to move.

    Returns:
        List of `(place, gradient, slope, unsure)`, where `unsure` is 0 unless
        nobody can tell, and without a slope it is NaN; and the largest doubt
        about the others, as a share of the slope.
    """
    places = list(np.ndindex(array.shape))
    chosen = np.random.default_rng(0).permutation(len(places))[:most]
    chosen = [places[i] for i in sorted(chosen)]
    rows = [(p, *slopes_near(total_at, array, p, rounding)) for p in chosen]
    largest = max([abs(row[1]) for row in rows if np.isfinite(row[2])] + [0.0])
    least = largest * min(1, 1e7 * rounding[1])  # below it all is noise
    wrong, doubts = [], [0.0]
    for place, slope, gap, lowest, highest in rows:
        found, gap = gradient[place], 5 * gap
        slack = tolerance * (abs(slope) + 0.1 * least) + gap
        scale = max(abs(slope), least) + (found == slope == 0)
        fair = lowest - slack <= found <= highest + slack
        if np.isinf(gap):
            slope, gap, fair = np.nan, 0.0, False
        if not fair or gap > 0.1 * scale:
            wrong.append((place, found, slope, gap * fair))
        else:
            doubts.append(gap / scale)
    return wrong, max(doubts)


def check_gradient(function, *arrays, tolerance=1e-3, most=30):
    """Compares the gradients of a tape with slopes found by moving inputs.

    Args:
        function: Function of one or more tensors, or a layer. It must give
            the same outputs each time.
        *arrays: Arrays or tensors of floats, one for each argument.
        tolerance: Positive float. The relative error that is let pass.
            Defaults to `1e-3`.
        most: Whole number from 1 up. How many numbers of each array are
            moved; of a larger array as many, drawn at random. Defaults to
            `30`.

    Returns:
        The largest doubt that is left, a float: the share of its slope, in
        float32 of the largest slope, by which a gradient may be wrong unseen,
        above the tolerance.

    Raises:
        AssertionError: If a gradient is `None`, not finite or not the slope,
            or if there is no slope, because the function ends there, or if
            the doubt is above a tenth: then it says "cannot tell". The
            message has the argument, the place and both numbers.
        ValueError: If there are no arrays or an empty one, an option is out of
            bounds, or the outputs have fewer than 32 bits.

    Example:
        >>> check_gradient(keras.layers.Dense(2), np.ones((3, 4)))
    """
    tolerance = checked_number("tolerance", tolerance, above=0)
    most = checked_number("most", most, least=1, whole=True)
    arrays = as_doubles(function, arrays)
    gradients = tape_gradients(function, arrays)
    rounding = rounding_of(function(*map(tf.convert_to_tensor, arrays)))
    lines, doubts = [], []
    for n, name in enumerate(names_of(function, arrays)[: len(arrays)]):

        def total_at(moved, n=n):
            inputs = [*arrays[:n], moved, *arrays[n + 1 :]]
            tensors = map(tf.convert_to_tensor, inputs)
            return float(weighted_sum(function(*tensors)))

        if gradients[n] is None:
            lines.append(f"`{name}`: the gradient is None")
            continue
        options = arrays[n], gradients[n], rounding, tolerance, most
        wrong, doubt = wrong_places(total_at, *options)
        doubts.append(doubt)
        lines += [f"`{name}` at {in_words(*row)}" for row in wrong]
    if lines:
        raise AssertionError("\n".join(lines))
    return max(doubts)


def as_float_tensor(x):
    """Makes a tensor; integers and booleans become Keras's default float."""
    x = tf.convert_to_tensor(x)  # of a variable, too: `ops` would keep it
    if not keras.backend.is_float_dtype(x.dtype):
        x = ops.cast(x, keras.config.floatx())
    return x


@keras.saving.register_keras_serializable(package="made_to_measure")
def exact_softplus(x):
    """Softplus that is exact in its value and in its derivatives.

    Formula: `log(1 + exp(x))`. Its gradient is `sigmoid(x)`, said outright.

    Args:
        x: Tensor of any shape. Integers become floats.

    Returns:
        Tensor of the shape and the floating dtype of `x`.

    Reference:
        [Glorot et al., 2011](
        https://proceedings.mlr.press/v15/glorot11a.html)
    """
    if isinstance(x, keras.KerasTensor):  # in a functional model
        return keras.layers.Activation(exact_softplus)(x)

    @tf.custom_gradient
    def softplus(x):
        def gradient(upstream):
            return upstream * ops.sigmoid(x)

        value = ops.relu(x) + ops.log1p(ops.exp(-ops.abs(x)))
        return value, gradient

    return softplus(as_float_tensor(x))


@keras.saving.register_keras_serializable(package="made_to_measure")
def straight_through_sign(x):
    """Sign, with the gradient of the identity near zero.

    Formula: `1` where `x >= 0`, else `-1`; NaN stays NaN. The gradient is that
    of the result where `abs(x) <= 1`, else zero.

    Args:
        x: Tensor of any shape. Integers become floats.

    Returns:
        Tensor of -1 and 1, of the shape and the floating dtype of `x`.

    Reference:
        [Bengio et al., 2013](https://arxiv.org/abs/1308.3432),
        [Hubara et al., 2016](https://arxiv.org/abs/1602.02830)
    """
    if isinstance(x, keras.KerasTensor):  # in a functional model
        return keras.layers.Activation(straight_through_sign)(x)

    @tf.custom_gradient
    def sign(x):
        def gradient(upstream):
            return ops.where(ops.abs(x) <= 1, upstream, 0)

        up, down = ops.ones_like(x), -ops.ones_like(x)
        return ops.where(x >= 0, up, ops.where(x < 0, down, x)), gradient

    return sign(as_float_tensor(x))


@keras.saving.register_keras_serializable(package="made_to_measure")
class BinaryDense(MyDense):
    """Connects each input with each unit by a weight of one bit, its sign.

    Formula: `activation(inputs @ sign(kernel) / sqrt(features) + bias)`. In
    training the kernel is kept in full and moved by the gradient of its sign;
    see `straight_through_sign`.

    Args:
        units: Whole number from 1 up. The size of the output.
        activation: Function, name of one of Keras's activations, or `None`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not a whole number from 1 up, `activation`
            is not known, or the last axis of the input is not.

    Example:
        >>> BinaryDense(4, activation="relu")(keras.ops.ones((2, 3))).shape
        TensorShape([2, 4])
    """

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        signs = straight_through_sign(self.kernel)
        sums = ops.matmul(x, signs) / max(1, self.kernel.shape[0]) ** 0.5
        return self.activation(ops.add(sums, self.bias))
