"""What a layer must do with weights: make, track, use and train them."""

import collections
import contextlib
import inspect
import re

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import masks
from helpers.contracts.copies import parts_of
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    is_finite,
    tensors,
)

BUILD = (
    "Create weights and build sub-layers in `build(self, input_shape)`: "
    "`if not self.dense.built: self.dense.build(input_shape)`, as one that "
    "comes from a file is built already."
)


def makes_its_weights_in_build(subject):
    """A file is loaded into a layer that was built, but never called.

    Its own weights only: those of sub-layers are for `builds_its_children`.
    """
    by_call, layer = _built_both_ways(subject)
    # Counted, as several may have one name, and most are given none
    missing = collections.Counter(_own_weights(by_call))
    missing.subtract(_own_weights(layer))
    missing = list((+missing).elements())
    if missing:
        raise Broken(
            f"{', '.join(missing)} is not there after `build`, and made by "
            "the first call.",
            BUILD,
            inputs=(),
        )
    return f"{len(layer.weights)} weights."


def builds_its_children(subject):
    """A sub-layer that `build` forgets is empty when a file is loaded.

    One without weights, such as `Flatten`, has nothing to lose.
    """
    by_call, layer = _built_both_ways(subject)
    children = {
        place: len(child.weights)
        for place, child in _children(by_call).items()
        if child.weights
    }
    built = _children(layer)
    missing = {
        place: count
        for place, count in children.items()
        if place not in built or len(built[place].weights) < count
    }
    if missing:
        place = min(missing, key=len)  # the outermost
        raise Broken(
            f"After `build` {place} has "
            f"{len(built[place].weights) if place in built else 0} of "
            f"{missing[place]} weights.",
            _advice_to_build(subject, place),
            inputs=(),
        )
    return f"{len(children)} sub-layers with weights." if children else None


def _advice_to_build(subject, place):
    arguments = "self, input_shape"
    if subject.takes_several_arguments:
        names = list(inspect.signature(subject.component.call).parameters)
        arguments = ", ".join(
            [
                "self",
                *(f"{name}_shape" for name in names[: len(subject.shapes)]),
            ]
        )
    return (
        f"Write `def build({arguments})`, and in it `if not "
        f"self.{place}.built: self.{place}.build(...)` with the shape of what "
        "it is called on: a sub-layer from a file is built already."
    )


def _built_both_ways(subject):
    """Two copies: one that was called, and one that was built only."""
    by_call, layer = subject.fresh(), subject.fresh()
    if subject.takes_several_arguments and _has_the_build_of_keras(layer):
        raise NotApplicable(
            "It has no `build` of its own, and that of Keras is for one input."
        )
    subject.call(by_call, tensors(subject.examples[0]))
    _build(layer, subject)
    return by_call, layer


def _has_the_build_of_keras(layer):
    return getattr(layer.build, "_is_default", False)


def _build(layer, subject):
    """Call `build` as loading does: with the shapes, by name if several."""
    sizes = subject.sizes()
    if len(sizes) == 1:
        layer.build(sizes[0])
    elif subject.takes_several_arguments:
        layer.build(*sizes)
    else:
        layer.build(sizes)


def _own_weights(layer):
    """Names of the weights of a layer itself, without those of sub-layers.

    Without their numbers, too: Keras counts the unnamed, as in `variable_7`.
    """
    inside = {
        id(weight)
        for child in layer._flatten_layers(include_self=False)
        for weight in child.weights
    }
    return [
        re.sub(r"_\d+$", "", weight.name)
        for weight in layer.weights
        if id(weight) not in inside
    ]


def _children(layer):
    """The layers in a layer, by the attributes that lead to them."""
    parts = {
        place: part
        for place, part in parts_of(layer).items()
        if isinstance(part, keras.layers.Layer)
    }
    known = {id(part) for part in parts.values()}
    # In attributes that begin with an underscore
    names = {id(value): name for name, value in vars(layer).items()}
    for child in layer._flatten_layers(include_self=False):
        if id(child) not in known:
            place = f"_layers[{len(parts)}]"
            parts[names.get(id(child), place)] = child
    return parts


def _places_of_weights(layer):
    """Where each weight is, such as `blocks[0].dense.kernel`, by its id."""
    places = {}
    for place, child in _children(layer).items():
        for weight in child.weights:
            places[id(weight)] = f"{place}.{weight.name}"
    return places


def starts_with_different_weights(subject):
    """What starts equal gets equal gradients, and stays equal for ever.

    What a second copy repeats, such as a table or what has a seed, is meant.
    """
    layer, other = subject.fresh(), subject.fresh()
    inputs = tensors(subject.examples[0])
    subject.call(layer, inputs)
    equal = list(_equal_weights(layer))
    if equal:
        subject.call(other, inputs)
        again = other.trainable_variables
        equal = [
            pair
            for pair in equal
            if not np.array_equal(
                layer.trainable_variables[pair[0]], again[pair[0]]
            )
        ]
    if equal:
        places = _places_of_weights(layer)
        one, two = (
            places.get(id(variable), _name_of(variable, place))
            for place, variable in (
                (place, layer.trainable_variables[place]) for place in equal[0]
            )
        )
        raise Broken(
            f"{one} and {two} start with the same random numbers.",
            "An initializer gives the same numbers each time: make one for "
            "each weight, with `initializer.clone()`.",
            inputs=(),
        )


def _equal_weights(layer):
    """Places of two trainable weights that are random, and the same."""
    values = [variable.numpy() for variable in layer.trainable_variables]
    for first, one in enumerate(values):
        if one.size < 2 or len(np.unique(one)) < one.size:
            continue  # zeros, ones and the like
        for second in range(first + 1, len(values)):
            if np.array_equal(one, values[second]):
                yield first, second


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


def gradient_reaches_every_weight(subject):
    """A weight without a gradient is never trained.

    Gates may be saturated and relus silent with weights of one size, so that
    only what is 0 with all that are tried is 0.
    """
    layer = subject.ready()
    if not layer.trainable_variables:
        return "It has no trainable weights."
    inputs = tensors(subject.examples[0])
    gradients = _gradients_of_weights(subject, layer, inputs)
    if not all(map(_is_useful, gradients.values())):
        gradients = _best_gradients(subject, layer, gradients)
    lost = [place for place, found in gradients.items() if found is None]
    if lost:
        raise Broken(
            f"No gradient reaches {', '.join(lost)}.",
            "Use every trainable weight in `call`, in differentiable "
            "functions only, or make it with `trainable=False`.",
        )
    flat = [place for place, found in gradients.items() if not np.any(found)]
    if flat:
        raise Broken(
            f"The gradient of {', '.join(flat)} is 0: it is never trained.",
            "Signs, rounding and comparisons are flat: write "
            "`tf.custom_gradient`, or make the weight with `trainable=False`. "
            "It is 0 as well where gates are saturated, or where terms "
            "cancel: the sum of a softmax is always 1.",
        )
    if not is_finite(list(gradients.values())):
        raise Broken(
            "A gradient is not finite for ordinary inputs.",
            "Look for a division or a root near zero, and add "
            "`keras.config.epsilon()` inside.",
        )


def _is_useful(gradient):
    return gradient is not None and is_finite(gradient) and np.any(gradient)


def _best_gradients(subject, layer, gradients):
    """For each weight a gradient that is not 0, if something gives one."""
    ready, inputs = layer.get_weights(), tensors(subject.examples[0])
    first = subject.fresh()
    subject.call(first, inputs)
    tries = [
        (first.get_weights(), inputs),
        ([value * 0.1 for value in ready], inputs),
        ([value * _signs_like(value) for value in ready], inputs),
    ]
    with contextlib.suppress(NotApplicable):  # what only hidden steps need
        tries.append((ready, masks.hiding_the_last(subject)))
    best = dict(gradients)
    for weights, inputs in tries:
        layer.set_weights(weights)
        again = _gradients_of_weights(subject, layer, inputs)
        for place, found in again.items():
            if best[place] is None or (
                _is_useful(found) and not _is_useful(best[place])
            ):
                best[place] = found
    return best


def _signs_like(value):
    return np.random.default_rng(7).choice([-1.0, 1.0], np.shape(value))


def _gradients_of_weights(subject, layer, inputs):
    """The gradient of each trainable weight, by the place of the weight."""
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
    places = _places_of_weights(layer)
    found = tape.gradient(total, [variable.value for variable in variables])
    return {
        places.get(id(variable), _name_of(variable, place)): (
            None if gradient is None else tf.convert_to_tensor(gradient)
        )
        for place, (variable, gradient) in enumerate(
            zip(variables, found, strict=True)
        )
    }


def _name_of(variable, place):
    """Its name; of an unnamed one, which Keras numbers, its place."""
    if re.fullmatch(r"variable(_\d+)?", variable.name):
        return f"trainable_variables[{place}]"
    return variable.name
