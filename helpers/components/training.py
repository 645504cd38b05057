"""The components that book/training.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import itertools
import json
import os
import re
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf

from helpers.components.losses import checked_number


def checked_bounds(bounds):
    """Checks that bounds are `None`, or a lower and a higher number."""
    if bounds is None:
        return None
    try:
        low, high = (checked_number("bounds", bound) for bound in bounds)
    except (TypeError, ValueError):
        low, high = 0, 0
    if not low < high:
        raise ValueError(
            "`bounds` must be a lower and a higher number. "
            f"Received: bounds={bounds!r}"
        )
    return low, high


def move_uphill(loss_of, inputs, amount, bounds=None):
    """Moves inputs by one step of equal size towards a larger loss.

    Formula: `clip(inputs + amount * sign(gradient), *bounds)`.

    Args:
        loss_of: Function from inputs to their loss. In float16 scale it:
            where a slope vanishes, nothing is moved.
        inputs: Array or tensor of floats, of any shape.
        amount: Float, zero or above. How far each number moves.
        bounds: Tuple of the lowest and the highest value, or `None`.

    Returns:
        Tensor like `inputs`, through which no gradient flows back.

    Raises:
        ValueError: If `amount` is negative, `bounds` are not a lower and a
            higher number, `inputs` are not floats, or the loss does not
            depend on them.

    Reference:
        [Goodfellow et al., 2015](https://arxiv.org/abs/1412.6572)
    """
    amount = checked_number("amount", amount, least=0)
    bounds = checked_bounds(bounds)
    inputs = tf.convert_to_tensor(inputs)
    slopes = None
    if inputs.dtype.is_floating:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.convert_to_tensor(loss_of(inputs))
        slopes = tape.gradient(loss, inputs)
    if slopes is None:
        raise ValueError(
            "`inputs` must be floats that the loss depends on. "
            f"Received: {inputs.dtype.name} of shape {inputs.shape}"
        )
    moved = tf.stop_gradient(inputs + amount * tf.sign(slopes))
    return moved if bounds is None else tf.clip_by_value(moved, *bounds)


@keras.saving.register_keras_serializable(package="made_to_measure")
class ModelShell(keras.Model):
    """A model around another one, to be extended with steps of its own.

    Args:
        model: A `keras.Model`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`.

    Raises:
        ValueError: If `model` is not a model.
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"`model` must be a keras.Model. Received: model={model!r}"
            )
        self.model = model

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.model.compute_output_shape(input_shape)

    def get_config(self):
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


def magnify(model, loss_of):
    """Scales the losses that a function returns, as in mixed precision.

    Args:
        model: A `keras.Model`. Its optimizer has the scale; without one it is
            that with which Keras begins.
        loss_of: Function from inputs to their loss.

    Returns:
        Function like `loss_of`.
    """
    if model.optimizer is None:  # a model that is only evaluated
        return lambda inputs: 2.0**15 * loss_of(inputs)
    return lambda inputs: model.optimizer.scale_loss(loss_of(inputs))


@keras.saving.register_keras_serializable(package="made_to_measure")
class AttackedModel(ModelShell):
    """Reports the loss of a model on inputs moved to harm it.

    Formula: `attacked_loss = loss(move_uphill(x))`, in evaluations only: `fit`
    logs it for validation data, as `val_attacked_loss`.

    Args:
        model: A `keras.Model` with one input, of floats, one output, and any
            loss.
        amount: Float, zero or above. How far each input is moved.
        bounds: Tuple of the lowest and the highest input, or `None`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(self, model, amount, bounds=None, **kwargs):
        super().__init__(model, **kwargs)
        self.amount = checked_number("amount", amount, least=0)
        self.bounds = checked_bounds(bounds)
        self.attacked_loss = keras.metrics.Mean(name="attacked_loss")

    def loss_under_attack(self, x, y, weight, training=False):
        def loss_of(inputs, training=False):
            y_pred = self(inputs, training=training)
            return self.compute_loss(inputs, y, y_pred, weight, training)

        moved = move_uphill(magnify(self, loss_of), x, self.amount, self.bounds)
        loss = loss_of(moved, training)
        self.attacked_loss.update_state(loss, sample_weight=tf.shape(x)[0])
        return loss

    def train_step(self, data):
        logs = super().train_step(data).items()  # its attacked loss says 0
        return {k: v for k, v in logs if k != self.attacked_loss.name}

    def test_step(self, data):
        self.loss_under_attack(*keras.utils.unpack_x_y_sample_weight(data))
        return super().test_step(data)

    def get_config(self):
        own = super().get_config()
        return {**own, "amount": self.amount, "bounds": self.bounds}


@keras.saving.register_keras_serializable(package="made_to_measure")
class AdversarialModel(AttackedModel):
    """Trains a model on its inputs, and on inputs moved to harm it.

    Formula: `(1 - weight) * loss(x) + weight * loss(move_uphill(x))`. A
    metric, `attacked_loss`, tracks the second loss.

    Args:
        model: A `keras.Model` with one input, of floats, one output, and any
            loss.
        amount: Float, zero or above. How far each input is moved.
        weight: Float from 0 to 1. Share of the second loss. With 0 training
            is that of `model`. Defaults to `0.5`.
        bounds: Tuple of the lowest and the highest input, or `None`.
        **kwargs: `name` and `dtype`, as for every `keras.Model`.

    Input and output shape:
        Those of `model`. If `weight` is above 0, layers with state, such as
        `BatchNormalization`, see each batch twice.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> model = AdversarialModel(classifier, 0.1, bounds=(0, 1))

    Reference:
        [Goodfellow et al., 2015](https://arxiv.org/abs/1412.6572)
    """

    def __init__(self, model, amount, weight=0.5, bounds=None, **kwargs):
        super().__init__(model, amount, bounds, **kwargs)
        self.weight = checked_number("weight", weight, least=0, most=1)

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight, training=True)
            hard = self.loss_under_attack(x, y, weight, self.weight > 0)
            if self.weight:
                loss = (1 - self.weight) * loss + self.weight * hard
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, weight)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


def checked_rows(arrays):
    """Checks that arrays are a tuple, and have equally many rows."""
    if not isinstance(arrays, (tuple, list)):
        kind = type(arrays).__name__
        raise ValueError(f"`arrays` must be a tuple. Received: {kind}")
    arrays = tuple(np.asarray(array) for array in arrays)
    shapes = [array.shape for array in arrays]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise ValueError(
            "`arrays` must have equally many rows, one or more. "
            f"Received: arrays of shapes {shapes}"
        )
    return arrays


class ShuffledBatches(keras.utils.PyDataset):
    """Batches in an order that follows from a seed and the epoch.

    Each epoch has every row once. `set_epoch` begins an epoch; call it in a
    loop, or from a callback of `fit(..., shuffle=False)`. With
    `steps_per_epoch` an epoch would begin in the middle of the last one's.

    Args:
        arrays: Tuple of arrays with equally many rows.
        batch_size: Integer from 1 up. The last batch may be smaller.
        seed: Integer, zero or above.
        **kwargs: `workers` and others, as for every `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> batches = ShuffledBatches((x, y), 32, seed=1)
        >>> batches.set_epoch(3)
        >>> for x_batch, y_batch in batches: ...
    """

    def __init__(self, arrays, batch_size, seed, **kwargs):
        super().__init__(**kwargs)
        self.arrays = checked_rows(arrays)
        self.rows = len(self.arrays[0])
        size = checked_number("batch_size", batch_size, least=1, whole=True)
        seed = checked_number("seed", seed, least=0, whole=True)
        self.batch_size, self.seed = size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch):
        random = np.random.default_rng([self.seed, epoch])
        self.order = random.permutation(self.rows)

    def __len__(self):
        return -(-self.rows // self.batch_size)  # rounded up

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        chosen = self.order[index * self.batch_size :][: self.batch_size]
        return tuple(array[chosen] for array in self.arrays)


def accumulate_gradients(parts):
    """Averages the gradients of parts of a batch, by their weights.

    Formula: `sum(weight * gradient) / sum(weight)`, for each variable.

    Args:
        parts: Iterable of pairs: the list of gradients of a part, and its
            weight. That is its number of rows if the loss is a mean over
            rows, and its sum of sample weights if the loss divides by that.
            A generator needs memory for one part only. A gradient is `None`
            for a variable without influence, in all parts alike. A part of
            weight 0 does not count, whatever its gradients are.

    Returns:
        List of tensors, and of `None`.

    Raises:
        ValueError: If there are no parts, their weights sum to 0, or they
            are not alike.

    Example:
        >>> accumulate_gradients([([tf.ones(2)], 32), ([tf.zeros(2)], 32)])
    """
    total, means = 0.0, None
    for gradients, weight in parts:
        weight = checked_number("weight", weight, least=0)
        if weight == 0:
            continue
        new = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        kinds = [g if g is None else (g.shape, g.dtype) for g in new]
        if means is None:
            first = kinds
            means = [g if g is None else tf.zeros_like(g) for g in new]
        if kinds != first:
            raise ValueError("`parts` must be alike in shapes and dtypes.")
        total += weight
        share = weight / total  # a running mean: a sum could overflow
        for place, gradient in enumerate(new):
            if gradient is not None:
                old = means[place]
                means[place] = (1 - share) * old + share * gradient
    if means is None:
        raise ValueError("`parts` must have a weight in sum above 0.")
    return means


def count_anew(names):
    """Begins the counters in names at 0: `dense_7`, `dense_9` say 0 and 1.

    Keras counts all layers of a process, so the same model has other names
    the next time. Only the order of the counters stays.
    """
    counter = r"_(\d+)(?=[/_]|$)"
    bare = [re.sub(counter, "", name) for name in names]
    counts = [[int(n) for n in re.findall(counter, name)] for name in names]
    pairs = list(zip(bare, counts, strict=True))
    return [
        f"{name} {sorted(c for n, c in pairs if n == name).index(count)}"
        for name, count in pairs
    ]


def checkpoint_arrays(parts):
    """Lists the values of variables, and `[name, shape, dtype]` of each."""
    arrays, described = [], []
    for part, owner in parts.items():
        if not getattr(owner, "built", True):
            raise ValueError(f"`parts` must be built. {part!r} is not.")
        names = count_anew([variable.path for variable in owner.variables])
        for name, variable in zip(names, owner.variables, strict=True):
            value = keras.ops.convert_to_numpy(variable)
            arrays.append(value)
            dtype = keras.backend.standardize_dtype(variable.dtype)
            described.append([f"{part}: {name}", list(value.shape), dtype])
    return arrays, described


def save_checkpoint(path, parts, progress):
    """Writes all variables of some parts to a file, and how far we are.

    Args:
        path: Path of the file. An old one is replaced at the very end.
        parts: Dictionary of names and built objects with `variables`: models
            with their random states, and optimizers.
        progress: Dictionary for JSON, such as the epoch.

    Raises:
        ValueError: If a part is not built, and so has no variables yet.
    """
    arrays, described = checkpoint_arrays(parts)
    text = json.dumps({"variables": described, "progress": progress})
    unfinished = Path(path).with_name(Path(path).name + ".unfinished")
    with open(unfinished, "wb") as file:
        np.savez(file, *arrays, text=np.array(text))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def restore_checkpoint(path, parts):
    """Reads what `save_checkpoint` wrote into parts of the same structure.

    Args:
        path: Path of the file.
        parts: Dictionary as for `save_checkpoint`. Nothing is changed unless
            all shapes, dtypes and names are those of the file, in order.
            Of numbers in names only the order counts.

    Returns:
        The dictionary `progress`.

    Raises:
        ValueError: If it is no such file, a part is not built, or the
            variables are others than those of the file.
    """
    own, described = checkpoint_arrays(parts)
    wrong = EOFError, KeyError, NotImplementedError, TypeError, ValueError
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = json.loads(str(file["text"]))
            count = len(stored["variables"])
            arrays = [file[f"arr_{n}"] for n in range(count)]
    except (*wrong, BadZipFile) as error:
        wanted = "`path` must be a file of `save_checkpoint`."
        raise ValueError(f"{wanted} Received: path={path}") from error
    for found, wanted in itertools.zip_longest(stored["variables"], described):
        if found != wanted:
            raise ValueError(
                "`parts` must have the variables of the file. "
                f"The file has {found}, and `parts` has {wanted}"
            )
    variables = [v for owner in parts.values() for v in owner.variables]
    for variable, old, value in zip(variables, own, arrays, strict=True):
        variable.assign(value.view(old.dtype))  # NumPy knows no bfloat16
    return stored["progress"]
