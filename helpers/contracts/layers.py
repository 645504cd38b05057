"""What a layer must do."""

import functools
import inspect
import re

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments, common
from helpers.contracts.copies import (
    by_its_name,
    copy_of,
    dtype_policy,
    reloaded,
)
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    arrays_of,
    difference,
    is_finite,
    second_call,
    tensors,
)

SAMPLES = 4
UNKNOWN_SIZE = 5  # what a None in the input shape, but for the batch, becomes
BUILD = (
    "Create weights and build sub-layers in `build(self, input_shape)`: "
    "`self.dense.build(input_shape)`."
)


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

    def __init__(self, component, input_shape, against=None):
        super().__init__(component, against)
        arguments.check_input_shape(input_shape)
        several = isinstance(input_shape, list)
        self.shapes = input_shape if several else [input_shape]

    def check_argument(self, name, value):
        super().check_argument(name, value)
        if name == self.kind and isinstance(value, keras.Model):
            raise TypeError(
                f"`{name}` is a model: use `check_model`. "
                f"Received: {type(value).__name__}"
            )

    def own_rules(self):
        yield restores_every_weight
        yield makes_its_weights_in_build
        yield makes_no_weights_in_call
        yield builds_its_children
        yield tracks_every_weight
        yield gradient_reaches_every_weight
        yield promises_the_right_shape
        yield is_the_same_symbolically
        yield takes_any_batch_size
        yield is_deterministic_without_training
        if len(self.shapes) == 1 and len(self.shapes[0]) > 2:
            yield passes_the_mask_on

    def precision_rules(self):
        yield follows_the_dtype_policy

    @functools.cached_property
    def instability(self):
        return second_call(self)

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

    def sizes(self, samples):
        return [
            (samples, *(UNKNOWN_SIZE if n is None else n for n in shape[1:]))
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
                f"{_join(shapes)}, and the output has {_join(real)}.",
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


def takes_any_batch_size(subject):
    """The last batch of an epoch is small, and a prediction is often one."""
    layer = subject.ready()
    inputs = tensors(subject.inputs_for(5))
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
                )
            if text := subject.difference(some, whole[first:last], 1e-3):
                raise Broken(
                    f"In another batch the same samples give {text}.",
                    "Do not mix samples: no mean over `axis=0` without "
                    "`training`, no reshape that moves the batch.",
                )


def makes_its_weights_in_build(subject):
    """A file is loaded into a layer that was built, but never called."""
    by_call = subject.fresh()
    subject.call(by_call, tensors(subject.examples[0]))
    layer = subject.fresh()
    _build(layer, subject)
    if len(layer.weights) < len(by_call.weights):
        missing = len(by_call.weights) - len(layer.weights)
        raise Broken(
            f"{missing} of {len(by_call.weights)} weights are not there after "
            "`build`.",
            BUILD,
        )
    return f"{len(layer.weights)} weights."


def _build(layer, subject):
    """Call `build` as loading does: with the shapes, by name if several."""
    sizes = subject.sizes(SAMPLES)
    if len(sizes) == 1:
        layer.build(sizes[0])
    elif subject.takes_several_arguments:
        layer.build(*sizes)
    else:
        layer.build(sizes)


def makes_no_weights_in_call(subject):
    """A weight made in `call` is new at each call, or breaks in a graph."""
    layer = subject.fresh()
    inputs = tensors(subject.examples[0])
    subject.call(layer, inputs)
    before = len(layer.weights)
    with _counting_variables() as made:
        subject.call(layer, inputs)
        subject.call(layer, tensors(subject.inputs_for(2)))
    if made or len(layer.weights) > before:
        count = len(made) or len(layer.weights) - before
        raise Broken(
            f"Two more calls made {count} more variables.",
            "Create variables and sub-layers in `__init__` or `build`, never "
            "in `call`.",
        )


class _counting_variables:
    """Collects the variables that TensorFlow makes in a `with` block."""

    def __enter__(self):
        made = []

        def creator(make, **arguments):
            variable = make(**arguments)
            made.append(variable)
            return variable

        self.scope = tf.variable_creator_scope(creator)
        self.scope.__enter__()
        return made

    def __exit__(self, *error):
        self.scope.__exit__(*error)


def tracks_every_weight(subject):
    """What is not in `weights` is neither trained nor saved."""
    layer = subject.ready()
    known = {id(weight.value) for weight in layer.variables}
    with tf.GradientTape() as tape:
        subject.call(layer, tensors(subject.examples[0]), training=True)
    used = list(tape.watched_variables())
    kept = [value for _, value in _variables_in(vars(layer))]
    unknown = {id(v): v for v in (*used, *kept) if id(v) not in known}
    if unknown:
        raise Broken(
            f"It computes with {len(unknown)} variables that are not in "
            f"`weights`, which has {len(known)}.",
            "Create them with `self.add_weight(shape=..., name=...)` in "
            "`build`, and sub-layers as attributes in `__init__`.",
        )


def _variables_in(attributes):
    for name, value in attributes.items():
        if name.startswith("__"):
            continue
        values = [value]
        if isinstance(value, (list, tuple)):
            values = list(value)
        elif isinstance(value, dict):
            values = list(value.values())
        for item in values:
            if isinstance(item, keras.Variable):
                item = item.value
            if isinstance(item, tf.Variable):
                yield name, item


def builds_its_children(subject):
    """A sub-layer that `build` forgets is empty when a file is loaded."""
    layer = subject.fresh()
    _build(layer, subject)
    children = [c for c in layer._flatten_layers(include_self=False)]
    unbuilt = [child.name for child in children if not child.built]
    if unbuilt:
        raise Broken(
            f"After `build` {len(unbuilt)} of {len(children)} sub-layers are "
            "not built.",
            BUILD,
        )
    return f"{len(children)} sub-layers." if children else None


def gradient_reaches_every_weight(subject):
    """A weight without a gradient is never trained."""
    layer = subject.ready()
    inputs = tensors(subject.examples[0])
    random = np.random.default_rng(5)
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(subject.call(layer, inputs, training=True))
        # Each number counts differently: a plain sum over a softmax is flat.
        total = sum(
            tf.reduce_sum(
                output * random.normal(size=output.shape).astype("float32")
            )
            for output in outputs
            if output.dtype.is_floating
        )
        # A weight may also serve a loss that `call` adds.
        total += sum(tf.reduce_sum(loss) for loss in layer.losses)
    variables = layer.trainable_variables
    if not variables:
        return "It has no trainable weights."
    found = tape.gradient(total, [variable.value for variable in variables])
    lost = [
        variable.name
        for variable, gradient in zip(variables, found, strict=True)
        if gradient is None
    ]
    if lost:
        raise Broken(
            f"No gradient reaches {', '.join(lost)}.",
            "Use every trainable weight in `call`, in differentiable "
            "functions only, or make it with `trainable=False`.",
        )
    found = [tf.convert_to_tensor(gradient) for gradient in found]
    flat = [
        variable.name
        for variable, gradient in zip(variables, found, strict=True)
        if not np.any(gradient)
    ]
    if flat:
        raise Broken(
            f"The gradient of {', '.join(flat)} is 0: it is never trained.",
            "Signs, rounding and comparisons are flat: write "
            "`tf.custom_gradient`, or make the weight with `trainable=False`.",
        )
    if not all(is_finite(gradient) for gradient in found):
        raise Broken(
            "A gradient is not finite for ordinary inputs.",
            "Look for a division or a root near zero, and add "
            "`keras.config.epsilon()` inside.",
        )


@common.on_page("saving")
def restores_every_weight(subject):
    """After loading, each weight must have the value it was saved with."""
    inputs = subject.examples[0]
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
        )


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
    inputs = tensors(subject.examples[0])
    with dtype_policy(policy):
        # Without the dtypes that it was made with, its sub-layers too.
        layer = copy_of(subject.component, _without_dtypes)
        subject.call(layer, inputs)
        fill_weights(layer)
        return layer, subject.call(layer, inputs, training)


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


def passes_the_mask_on(subject):
    """Steps that are padding must be known to the layers behind.

    That is asked of a layer that works on each step by itself, and of one
    that says `supports_masking`.
    """
    (inputs,) = subject.examples[0]
    if inputs.dtype.kind != "f":
        raise NotApplicable("Its inputs are whole numbers.")
    layer = subject.ready()
    output = tf.nest.flatten(subject.call(layer, (tf.constant(inputs),)))[0]
    if len(output.shape) < 3 or output.shape[1] != inputs.shape[1]:
        raise NotApplicable("Its output has no steps that a mask would fit.")
    if not layer.supports_masking and not _is_alone(subject, layer, inputs):
        raise NotApplicable("It mixes steps, and no mask would fit.")
    padded = inputs.copy()
    padded[:, -1] = 0
    masked = keras.layers.Masking()(tf.constant(padded))
    output = tf.nest.flatten(subject.call(layer, (masked,)))[0]
    mask = getattr(output, "_keras_mask", None)
    if mask is None:
        raise Broken(
            "The input has a mask, and the output has none.",
            "Write `self.supports_masking = True` in `__init__`.",
        )
    if tuple(mask.shape) != inputs.shape[:2]:
        raise Broken(
            f"The mask of the output has the shape {tuple(mask.shape)}.",
            "Return the mask from `compute_mask(self, inputs, mask=None)`.",
        )


def _is_alone(subject, layer, inputs):
    """Whether a step of the output depends on this step of the input only."""
    before = tf.nest.flatten(subject.call(layer, (tf.constant(inputs),)))[0]
    changed = inputs.copy()
    changed[:, 0] += 1
    after = tf.nest.flatten(subject.call(layer, (tf.constant(changed),)))[0]
    return difference(after[:, 1:], before[:, 1:], 1e-6) is None
