"""The components that book/sequences.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import keras
from keras import ops

from helpers.components.layers import last_size
from helpers.components.losses import checked_number


@keras.saving.register_keras_serializable(package="made_to_measure")
class HideMissing(keras.layers.Layer):
    """Hides the steps in which a feature is `nan`, and makes it 0.

    A step that is hidden already stays hidden.

    Args:
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        `(batch, steps, features)`.

    Output shape:
        The same, with a mask of shape `(batch, steps)`. Integers become
        floats.

    Raises:
        ValueError: If the input has not three axes.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def call(self, inputs):
        return ops.where(ops.isnan(inputs), 0.0, inputs)

    def compute_mask(self, inputs, mask=None):
        measured = ops.logical_not(ops.any(ops.isnan(inputs), axis=-1))
        return measured if mask is None else ops.logical_and(mask, measured)

    def compute_output_shape(self, input_shape):
        return input_shape


def widened(x, dtype="float32"):
    """Casts a tensor to `float32` at least, where sums have room.

    Args:
        x: Tensor of any dtype, or what can be made one.
        dtype: Another dtype that must fit in.

    Returns:
        Tensor of `float32`, or of `float64` if `x` or `dtype` is that.
    """
    x = ops.convert_to_tensor(x)
    return ops.cast(x, keras.backend.result_type(x.dtype, dtype, "float32"))


def hide_steps(x, mask):
    """Puts zeros where a mask hides a step, whatever was there.

    Args:
        x: Tensor of shape `(batch, steps, ...)`.
        mask: Tensor of booleans of shape `(batch, steps)`, or `None`.

    Returns:
        Tensor of the shape and the dtype of `x`.

    Raises:
        ValueError: If the mask has not two axes, or other steps than `x`.
    """
    if mask is None:
        return x
    mask, known = ops.cast(mask, "bool"), tuple(x.shape[:2])
    shape = tuple(mask.shape)
    pairs = zip(shape, known, strict=False)
    fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if len(shape) != 2 or not fits:
        raise ValueError(
            "`mask` must have the shape (batch, steps), here "
            f"{known}. Received: mask of shape {shape}"
        )
    while len(mask.shape) < len(x.shape):
        mask = ops.expand_dims(mask, axis=-1)
    return ops.where(mask, x, 0)


@keras.saving.register_keras_serializable(package="made_to_measure")
class MaskedAverage(keras.layers.Layer):
    """Averages over the steps that the mask lets through.

    Formula: `sum(inputs * mask) / sum(mask)` over the steps, and 0 for a
    sample without any. What is in the other steps does not matter.

    Args:
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        `(batch, steps, ..., features)`. A mask has the shape
        `(batch, steps)`; without one all steps count.

    Output shape:
        `(batch, ..., features)`, without a mask. Integers become floats.

    Raises:
        ValueError: If the input has fewer than three axes, or the mask has
            another shape.

    Example:
        >>> x = keras.ops.convert_to_tensor([[[1.0], [3.0], [9.0]]])
        >>> mask = keras.ops.convert_to_tensor([[True, True, False]])
        >>> float(MaskedAverage()(x, mask=mask)[0, 0])
        2.0
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.autocast = False
        self.input_spec = keras.layers.InputSpec(min_ndim=3)

    def call(self, inputs, mask=None):
        x = widened(inputs)
        total = ops.sum(hide_steps(x, mask), axis=1)
        count = ops.sum(hide_steps(ops.ones_like(x), mask), axis=1)
        return ops.cast(total / ops.maximum(count, 1), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *input_shape[2:])


@keras.saving.register_keras_serializable(package="made_to_measure")
class LayerNorm(keras.layers.Layer):
    """Brings the features of each step to mean 0 and spread 1.

    Formula: `scale * (inputs - mean) / sqrt(variance + epsilon) + offset`,
    with mean and variance over the last axis.

    Args:
        epsilon: Float above 0, in the unit of a variance. Defaults to `1e-3`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        The same. Integers become floats. The sums are made in `float32` in
        half precision too.

    Raises:
        ValueError: If `epsilon` is not above 0, or the last axis of the input
            is not known.

    Reference:
        [Ba et al., 2016](https://arxiv.org/abs/1607.06450)
    """

    def __init__(self, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = checked_number("epsilon", epsilon, above=0)
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape):
        size = last_size(input_shape)
        own = {"shape": (size,), "autocast": False}
        self.scale = self.add_weight(name="scale", initializer="ones", **own)
        self.offset = self.add_weight(name="offset", initializer="zeros", **own)
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs):
        x = widened(inputs, self.variable_dtype)
        centered = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
        normal = centered * ops.rsqrt(variance + self.epsilon)
        scale, offset = (ops.cast(w, x.dtype) for w in self.weights)
        return ops.cast(normal * scale + offset, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="made_to_measure")
class LeakyCell(keras.layers.Layer):
    """One step of a recurrent layer that forgets at a rate of your choice.

    Formula: `h = (1 - leak) * h + leak * tanh(x @ kernel +
    h @ recurrent_kernel + bias)`. The output is the state. It starts at 0.

    Args:
        units: Whole number from 1 up. The size of the state.
        leak: Float above 0, at most 1. The share of the state that a step
            replaces. With 1 it is `keras.layers.SimpleRNN`.
        **kwargs: `name`, `dtype` and `trainable`, as for every
            `keras.layers.Layer`.

    Input shape:
        `(batch, features)`, and a list of one state `(batch, units)`.

    Output shape:
        `(batch, units)`, and a list of one state of that shape.

    Raises:
        ValueError: If `units` is not a whole number from 1 up, `leak` is not
            above 0 and at most 1, or the last axis of the input is not known.

    Example:
        >>> rnn = keras.layers.RNN(LeakyCell(4, leak=0.5))
        >>> rnn(keras.ops.ones((2, 7, 3))).shape
        TensorShape([2, 4])

    Reference:
        [Jaeger et al., 2007](https://doi.org/10.1016/j.neunet.2007.04.016)
    """

    def __init__(self, units, leak, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_number("units", units, least=1, whole=True)
        self.leak = checked_number("leak", leak, above=0, most=1)
        self.state_size = self.output_size = self.units

    def build(self, input_shape):
        size, units = last_size(input_shape), self.units
        self.kernel = self.add_weight((size, units), name="kernel")
        self.recurrent_kernel = self.add_weight(
            (units, units), "orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight((units,), "zeros", name="bias")

    def call(self, inputs, states):
        x = ops.cast(inputs, self.compute_dtype)
        sums = ops.add(ops.matmul(x, self.kernel), self.bias)
        new = ops.tanh(sums + ops.matmul(states[0], self.recurrent_kernel))
        state = (1 - self.leak) * states[0] + self.leak * new
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "leak": self.leak}


def attention_weights(query, key, scale=None, mask=None):
    """Computes how much each query looks at each step.

    Formula: `softmax(scale * query @ transpose(key))` over the steps, in
    `float32` at least. Steps that the mask hides get 0.

    Args:
        query: Tensor of shape `(batch, queries, size)`.
        key: Tensor of shape `(batch, steps, size)`.
        scale: Positive float, or `None` for `1 / sqrt(size)`.
        mask: Tensor of booleans of shape `(batch, steps)`, or `None`.

    Returns:
        Tensor of shape `(batch, queries, steps)`. The weights of a query sum
        to 1, or are all 0 if the mask hides all steps.

    Raises:
        ValueError: If the mask has another shape.
    """
    query, key = widened(query), hide_steps(widened(key), mask)
    if scale is None:
        scale = last_size(tuple(key.shape)) ** -0.5
    scores = scale * ops.matmul(query, ops.swapaxes(key, -2, -1))
    if mask is None:
        return ops.softmax(scores, axis=-1)
    mask = ops.expand_dims(ops.cast(mask, "bool"), axis=1)
    weights = ops.softmax(ops.where(mask, scores, -3e38), axis=-1)
    return ops.where(mask, weights, 0)


def attention_shape(input_shape):
    """Finds the shape of the output of attention, and checks the inputs.

    Args:
        input_shape: List of the shapes of query, value, and key if there is
            one. Unknown sizes are `None`.

    Returns:
        Tuple `(batch, queries, features)`.

    Raises:
        ValueError: If these are not two or three shapes that fit.
    """
    several = isinstance(input_shape, (list, tuple))
    several = several and all(isinstance(s, (list, tuple)) for s in input_shape)
    fits = several and len(input_shape) in (2, 3)
    fits = fits and all(len(shape) == 3 for shape in input_shape)
    if fits:
        query, value, key = [*input_shape, input_shape[1]][:3]
        pairs = [(query[2], key[2]), (value[1], key[1])]
        pairs += [(query[0], value[0]), (query[0], key[0])]
        fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if not fits:
        raise ValueError(
            "`inputs` must be a list of query (batch, queries, size), value "
            "(batch, steps, features) and, if wanted, key (batch, steps, "
            f"size). Received: shapes {input_shape}"
        )
    return (*query[:2], value[2])


@keras.saving.register_keras_serializable(package="made_to_measure")
class DotAttention(keras.layers.Layer):
    """Answers each query with a mean of values, weighted by fitting keys.

    Formula: `softmax(scale * query @ transpose(key)) @ value`. Without a key
    the value is the key. `attention_weights` gives the weights alone.

    Args:
        scale: Positive float, or `None` for `1 / sqrt(size)`.
        **kwargs: `name` and `dtype`, as for every `keras.layers.Layer`.

    Input shape:
        List of query `(batch, queries, size)`, value
        `(batch, steps, features)`, and perhaps key `(batch, steps, size)`.
        Steps that the mask of the value hides get no weight; where it hides
        all, the answer is 0. Queries that their mask hides are answered by 0.

    Output shape:
        `(batch, queries, features)`, with the mask of the query.

    Raises:
        ValueError: If `scale` is not positive, or the inputs are not two or
            three tensors whose shapes fit.

    Reference:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(self, scale=None, **kwargs):
        super().__init__(**kwargs)
        given = scale is not None
        self.scale = checked_number("scale", scale, above=0) if given else None
        self.supports_masking = True
        self.autocast = False

    def call(self, inputs, mask=None):
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
        attention_shape(shapes)
        query, value, key = [*inputs, inputs[1]][:3]
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        query = hide_steps(query, query_mask)
        weights = attention_weights(query, key, self.scale, value_mask)
        outputs = ops.matmul(weights, hide_steps(widened(value), value_mask))
        return ops.cast(hide_steps(outputs, query_mask), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape):
        return attention_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
