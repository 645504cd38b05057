"""What a layer must do."""

import functools
import inspect
import math
import re

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments, common, masks
from helpers.contracts.copies import (
    by_its_name,
    copy_of,
    dtype_policy,
    reloaded,
)
from helpers.contracts.randomness import draws_new_numbers_in_training
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    arrays_of,
    difference,
    number,
    or_not_applicable,
    second_call,
    tensors,
    where_tensorflow_can,
)
from helpers.contracts.weights import (
    BUILD,
    builds_its_children,
    gradient_reaches_every_weight,
    makes_its_weights_in_build,
    makes_no_weights_in_call,
    starts_with_different_weights,
    tracks_every_weight,
)

SAMPLES = 4
UNKNOWN_SIZE = 5  # what a None in the input shape, but for the batch, becomes
REPEATS_STEPS = (
    *(keras.layers.RNN, keras.layers.SimpleRNN, keras.layers.LSTM),
    *(keras.layers.GRU, keras.layers.Bidirectional),
)
FEW_STEPS = 3
LARGEST = 65504.0  # in float16


class LayerSubject(Subject):
    """A layer with the shapes of its inputs."""

    kind = "layer"
    shows_its_numbers = False
    page = "layers"
    repeats = False  # see is_deterministic_without_training
    file_hint = (
        "Return every argument in `get_config`, and create every weight in "
        "`__init__` or `build`."
    )
    takes_functions = False
    cannot_know = (
        "whether the formula is the one you meant; `against=` compares it "
        "with one that is known to be right, with equal weights. And whether "
        "what is drawn in training has the right distribution: call it a "
        "thousand times, and look at mean and spread."
    )

    unknown_size = UNKNOWN_SIZE

    def __init__(self, component, input_shape, against=None):
        super().__init__(component, against)
        arguments.check_input_shape(input_shape)
        several = isinstance(input_shape, list)
        self.shapes = input_shape if several else [input_shape]
        if type(component) in REPEATS_STEPS:
            # It does the same at each: what holds for few holds for many
            self.unknown_size = FEW_STEPS
            self.shapes = [
                (batch, steps and min(steps, FEW_STEPS), *rest)
                for batch, steps, *rest in self.shapes
            ]

    def check_argument(self, name, value):
        super().check_argument(name, value)
        if name == self.kind and isinstance(value, keras.Model):
            raise TypeError(
                f"`{name}` is a model: use `check_model`. "
                f"Received: {type(value).__name__}"
            )

    def own_rules(self):
        yield is_deterministic_without_training
        yield draws_new_numbers_in_training
        yield restores_every_weight
        yield makes_its_weights_in_build
        yield makes_no_weights_in_call
        yield starts_with_different_weights
        yield builds_its_children
        yield tracks_every_weight
        yield gradient_reaches_every_weight
        yield promises_the_right_shape
        yield is_the_same_symbolically
        yield takes_any_batch_size
        yield adds_no_loss_that_grows_with_the_batch
        if len(self.shapes) == 1 and len(self.shapes[0]) > 2:
            yield from masks.rules()

    def precision_rules(self):
        yield follows_the_dtype_policy
        yield stays_finite_in_mixed_float16

    @functools.cached_property
    def instability(self):
        return second_call(self)

    @functools.cached_property
    def padded(self):
        return masks.padded(self)

    @functools.cached_property
    def masked_outputs(self):
        return masks.masked_outputs(self)

    # ---- Inputs ----

    @functools.cached_property
    def takes_several_arguments(self):
        """Whether `call(a, b)` takes its inputs one by one, not as a list."""
        parameters = inspect.signature(self.component.call).parameters
        required = [
            parameter
            for parameter in parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind
            in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        return len(self.shapes) > 1 and len(required) > 1

    def sizes(self, samples=SAMPLES):
        return [
            (samples, *(n or self.unknown_size for n in shape[1:]))
            for shape in self.shapes
        ]

    def candidates(self, samples=SAMPLES):
        """Real numbers; whole ones for a layer that takes nothing else."""
        random = np.random.default_rng(0)
        sizes = self.sizes(samples)
        yield tuple(random.normal(size=n).astype("float32") for n in sizes)
        yield tuple(random.integers(0, 2, n).astype("int32") for n in sizes)

    def find_examples(self):
        return super().find_examples()[:1]

    def arranged(self, inputs):
        """The inputs as the layer wants them: one, a list, or one by one."""
        inputs = list(inputs)
        if len(inputs) == 1 or self.takes_several_arguments:
            return inputs
        return [inputs]

    def inputs_for(self, samples):
        example = self.examples[0]
        kinds = [array.dtype.kind for array in example]
        for candidate in self.candidates(samples):
            if [array.dtype.kind for array in candidate] == kinds:
                return candidate
        return example

    def symbolic_inputs(self):
        return [
            keras.Input(shape[1:], dtype=array.dtype.name)
            for shape, array in zip(self.shapes, self.examples[0], strict=True)
        ]

    # ---- Layers ----

    def fresh(self):
        return copy_of(self.component)

    def call(self, layer, inputs, training=False):
        if not getattr(layer, "_call_has_training_arg", False):
            return layer(*self.arranged(inputs))
        return layer(*self.arranged(inputs), training=training)

    def prepare(self, component):
        """Build it; its weights are no round numbers any more."""
        if self._examples is not None:  # else we are looking for inputs
            self.call(component, tensors(self.examples[0]))
            fill_weights(component)
        return component

    def compute(self, component, *inputs):
        return self.call(component, inputs)

    def outputs(self, component):
        return self.call(self.prepare(component), tensors(self.examples[0]))

    def reference(self):
        return self.prepare(copy_of(self.against))

    def model_with(self, component, inputs):
        symbols = self.symbolic_inputs()
        return keras.Model(symbols, component(*self.arranged(symbols)))

    def outputs_of(self, model, inputs):
        return model(list(inputs), training=False)

    def component_in(self, model):
        return model.layers[-1]


def fill_weights(layer):
    """Give each weight numbers of its own, the same in layers of one kind.

    After training no weight is what its initializer made, and a weight that
    is lost would not be missed if it were still zero.
    """
    random = np.random.default_rng(5)
    for weight in layer.weights:
        if "float" in weight.dtype:
            weight.assign(random.uniform(0.1, 0.6, weight.shape))


def _shapes_of(structure):
    return [tuple(value.shape) for value in tf.nest.flatten(structure)]


# --- The rules ---------------------------------------------------------------


def promises_the_right_shape(subject):
    """`compute_output_shape` plans a model before any number flows."""
    layer = subject.ready()
    for samples in (SAMPLES, None):
        shapes = [(samples, *size[1:]) for size in subject.sizes(SAMPLES)]
        try:
            promised = layer.compute_output_shape(*subject.arranged(shapes))
        except NotImplementedError:
            return "Not written: Keras infers the shape from `call`."
        outputs = subject.call(layer, tensors(subject.examples[0]))
        promised = _flat_shapes(promised)
        real = _shapes_of(outputs)
        wanted = [
            (samples, *shape[1:]) if shape[:1] == (SAMPLES,) else shape
            for shape in real
        ]
        if len(promised) != len(wanted) or any(
            len(one) != len(other)
            or any(a not in (None, b) for a, b in zip(one, other, strict=True))
            for one, other in zip(promised, wanted, strict=True)
        ):
            raise Broken(
                f"`compute_output_shape` says {_join(promised)} for inputs of "
                f"{_join(shapes)}; the output has {_join(wanted)}.",
                "Return the shape of what `call` returns, as a tuple: "
                "`(*input_shape[:-1], self.units)`.",
            )
    return f"{_join(shapes)} gives {_join(wanted)}."


def _flat_shapes(shapes):
    """Shapes in a list, of one shape or of a structure of them."""
    if isinstance(shapes, dict):
        shapes = list(shapes.values())
    if all(size is None or isinstance(size, int) for size in shapes):
        return [tuple(shapes)]
    return [flat for shape in shapes for flat in _flat_shapes(shape)]


def _join(shapes):
    return ", ".join(map(str, shapes))


def is_the_same_symbolically(subject):
    """A functional model calls the layer on inputs without numbers."""
    layer = subject.ready()
    symbols = subject.symbolic_inputs()
    symbolic = tf.nest.flatten(layer(*subject.arranged(symbols)))
    real = tf.nest.flatten(subject.call(layer, tensors(subject.examples[0])))
    for promise, output in zip(symbolic, real, strict=True):
        pairs = list(zip(promise.shape, output.shape, strict=False))
        if len(promise.shape) != len(output.shape) or any(
            a not in (None, b) for a, b in pairs
        ):
            _refuse_if_promised(subject)
            raise Broken(
                f"A symbolic input gives the shape {tuple(promise.shape)}, a "
                f"real one {tuple(output.shape)}.",
                "Let `compute_output_shape` return what `call` returns, or "
                "leave it out.",
            )
        if promise.dtype != keras.backend.standardize_dtype(output.dtype):
            raise Broken(
                f"A symbolic input gives {promise.dtype}, a real one "
                f"{output.dtype.name}.",
                "Convert with `ops.cast(outputs, self.compute_dtype)`, or "
                "write `compute_output_spec`.",
            )


def _refuse_if_promised(subject):
    """One wrong shape is one mistake: another rule has told it already."""
    try:
        promises_the_right_shape(subject)
    except Broken:
        raise NotApplicable(
            "`compute_output_shape` is wrong: see promises_the_right_shape."
        ) from None


def takes_any_batch_size(subject):
    """The last batch of an epoch is small, and a prediction is often one."""
    layer = subject.ready()
    five = subject.inputs_for(5)
    inputs = tensors(five)
    together = tf.nest.flatten(subject.call(layer, inputs))
    for first, last in ((0, 1), (1, 4)):
        part = [array[first:last] for array in inputs]
        alone = tf.nest.flatten(subject.call(layer, part))
        for whole, some in zip(together, alone, strict=True):
            if tuple(whole.shape[:1]) != (5,):
                raise Broken(
                    f"5 samples give an output of shape {tuple(whole.shape)}.",
                    "Keep the first axis, which is the batch: reduce over "
                    "`axis=-1`, reshape to `(-1, ...)`.",
                    five,
                )
            if text := subject.difference(some, whole[first:last], 1e-3):
                raise Broken(
                    f"In another batch the same samples give {text}.",
                    "Do not mix samples: no mean over `axis=0` without "
                    "`training`, no reshape that moves the batch.",
                    five,
                )


@common.on_page("saving")
def restores_every_weight(subject):
    """After loading, each weight must have the value it was saved with."""
    inputs = subject.examples[0]
    with or_not_applicable(
        "It cannot be saved and loaded: see reloads_from_a_file."
    ):
        model = subject.model_with(subject.ready(), inputs)
        loaded = reloaded(model, by_its_name(subject.component))
    if isinstance(subject.component, keras.Model):
        # Only its first call may make the weights.
        subject.call(loaded, tensors(inputs))
    saved, found = model.weights, loaded.weights
    if len(saved) != len(found):
        raise Broken(
            f"{len(found)} of {len(saved)} weights came back from the file.",
            BUILD,
        )
    lost = [
        _place_of(one)
        for one, other in zip(saved, found, strict=True)
        if difference(other, one, 1e-6)
    ]
    if lost:
        raise Broken(
            f"{len(lost)} of {len(saved)} weights have other values after "
            f"loading: {', '.join(dict.fromkeys(lost))}.",
            BUILD,
        )
    return f"{len(saved)} of {len(saved)} weights came back."


def _place_of(weight):
    """Which weight of which layer it is, without the numbers of this process.

    Keras numbers layers as they are made: `dense_21/kernel`.
    """
    parts = weight.path.split("/")[-2:]
    return " of ".join(re.sub(r"_\d+$", "", part) for part in parts[::-1])


def is_deterministic_without_training(subject):
    """Predictions must repeat: dropout and noise are for training only."""
    if text := subject.instability:
        raise Broken(
            f"With training=False the second call gave {text}.",
            "Write `def call(self, inputs, training=False)`, and add "
            "randomness only `if training`.",
            subject.examples[0],
        )


@common.on_page("internals")
def adds_no_loss_that_grows_with_the_batch(subject):
    """A sum makes the price depend on the size of the batch; a mean does not.

    The same samples twice have the same mean, and twice the sum.
    """
    layer = subject.ready()
    once = tensors(subject.inputs_for(SAMPLES))
    twice = [tf.concat([array, array], axis=0) for array in once]

    def added(inputs, training):
        subject.call(layer, inputs, training)
        return [float(tf.reduce_sum(loss)) for loss in layer.losses]

    totals = {}
    for training in (True, False):
        first, again = added(once, training), added(once, training)
        totals[training] = sum(first)
        for pair in zip(first, again, added(twice, training), strict=False):
            if difference(pair[0], pair[1], 1e-5) is None:
                refuse_growth(pair[0], pair[2], "an added loss")
    if not any(totals.values()):
        raise NotApplicable("`call` adds no loss.")
    return (
        f"The losses that `call` adds are {number(totals[True])} in training "
        f"and {number(totals[False])} without."
    )


def refuse_growth(once, twice, what):
    """Raise if a loss of twice the samples is 2 or 4 times as large."""
    ratio = twice / once if abs(once) > 1e-4 else 1
    if any(abs(ratio / power - 1) < 1e-3 for power in (2, 4)):
        raise Broken(
            f"Of {SAMPLES} samples {what} is {number(once)}; of the same "
            f"samples twice it is {number(twice)}.",
            "Add a mean over the samples: `self.add_loss(ops.mean(...))`; with "
            "a sum the price grows with the batch.",
        )


@where_tensorflow_can()
def follows_the_dtype_policy(subject):
    """Under `mixed_float16` it computes in `float16`, with exact weights.

    In training it works in `float64` as well.
    """
    expected = subject.compute(subject.ready(), *tensors(subject.examples[0]))
    layer, seen = under_policy(subject, "mixed_float16")
    outputs = zip(tf.nest.flatten(seen), tf.nest.flatten(expected), strict=True)
    for output, reference in outputs:
        if reference.dtype == tf.float32 and output.dtype != tf.float16:
            raise Broken(
                f"Under mixed_float16 the output is {output.dtype.name}.",
                "Convert to no fixed dtype: `ops.cast(x, self.compute_dtype)`, "
                "and pass `**kwargs` to `super().__init__`.",
            )
    kinds = {weight.dtype for weight in layer.trainable_weights}
    if kinds - {"float32"}:
        raise Broken(
            f"Under mixed_float16 weights are {', '.join(sorted(kinds))}.",
            "Let `add_weight` choose the dtype, which is "
            "`self.variable_dtype`.",
        )
    if text := subject.difference(arrays_of(seen), arrays_of(expected), 3e-2):
        raise Broken(
            f"Under mixed_float16 it gives {text}.",
            "Keep numbers small enough for float16, which ends at 65504 and "
            "knows nothing between 0 and 6e-8.",
        )
    under_policy(subject, "float64", training=True)  # must raise nothing


def under_policy(subject, policy, training=False):
    """A copy in a dtype policy, and what it computes there."""
    layer = _filled_under_policy(subject, policy)
    with dtype_policy(policy):
        inputs = tensors(subject.examples[0])
        return layer, subject.call(layer, inputs, training)


def _filled_under_policy(subject, policy):
    with dtype_policy(policy):
        # Without the dtypes that it was made with, its sub-layers too.
        layer = copy_of(subject.component, _without_dtypes)
        subject.call(layer, tensors(subject.examples[0]))
        fill_weights(layer)
        return layer


def _without_dtypes(config):
    if isinstance(config, dict):
        return {
            key: _without_dtypes(value)
            for key, value in config.items()
            if key != "dtype"
        }
    if isinstance(config, list):
        return [_without_dtypes(value) for value in config]
    return config


@where_tensorflow_can()
def stays_finite_in_mixed_float16(subject):
    """float16 ends at 65504, where exponentials and squares soon are."""
    subject.must_repeat()
    example = subject.examples[0]
    if any(array.dtype.kind != "f" for array in example):
        raise NotApplicable("Its inputs are whole numbers.")
    # Squares may be summed, as all kinds of attention and of norms do.
    numbers = max(array[0].size for array in example)
    size = min(20.0, math.sqrt(LARGEST / (2 * numbers)))
    inputs = tuple(size * array / np.max(np.abs(array)) for array in example)
    with or_not_applicable(f"It takes no inputs of {number(size)}."):
        expected = _outputs_and_gradients(subject, subject.ready(), inputs)
    try:
        layer = _filled_under_policy(subject, "mixed_float16")
    except Exception:
        raise NotApplicable(
            "It raises under mixed_float16: see follows_the_dtype_policy."
        ) from None
    seen = _outputs_and_gradients(subject, layer, inputs)
    for what, one, other in zip(
        ("output", "gradient"), seen, expected, strict=True
    ):
        for half, single in zip(arrays_of(one), arrays_of(other), strict=True):
            wrong = ~np.isfinite(half) & (np.abs(single) < LARGEST / 2)
            if wrong.any():
                value = number(single.flat[np.flatnonzero(wrong)[0]])
                raise Broken(
                    f"Under mixed_float16 the {what} is not finite for inputs "
                    f"up to {number(size)}, where float32 gives {value}.",
                    "Keep what is computed on the way small: float16 ends at "
                    "65504, which `ops.exp(x)` passes at x=11.1. Subtract the "
                    "largest number first, or compute that part in float32: "
                    '`ops.cast(x, "float32")`.',
                    inputs,
                )


def _outputs_and_gradients(subject, layer, inputs):
    """The outputs, and what the inputs get for their gradients."""
    inputs = tensors(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.nest.flatten(subject.call(layer, inputs))
        total = tf.zeros(()) + sum(
            tf.reduce_sum(tf.cast(output, "float32"))
            for output in outputs
            if output.dtype.is_floating
        )
    return outputs, tape.gradient(total, inputs, unconnected_gradients="zero")
