"""The rules that hold for components of every kind."""

import contextlib
import copy
import inspect
import json
import types

import keras
import tensorflow as tf

from helpers.contracts import arguments
from helpers.contracts.copies import (
    are_plain,
    arguments_of,
    attribute,
    by_its_name,
    equal,
    given_arguments,
    lost_values,
    numbers_of,
    rebuilt,
    reloaded,
    untouched,
    with_number,
)
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    difference,
    is_finite,
    or_not_applicable,
    tensors,
    where_tensorflow_can,
)

# What base classes take, and keep in their own way.
OF_THE_BASE_CLASS = (
    "name",
    "dtype",
    "trainable",
    "autocast",
    "activity_regularizer",
)
REGISTER = '@keras.saving.register_keras_serializable(package="my_package")'


def on_page(page):
    """Mark a rule with the page of the book that explains it."""

    def mark(rule):
        rule.page = page
        return rule

    return mark


def rules_for(subject):
    """The rules that hold for a subject, in the order of the report."""
    yield can_be_called
    if subject.repeats:
        yield gives_the_same_twice
    if not subject.is_function:
        yield config_has_every_argument
        if _has_its_own_from_config(subject.component):
            yield leaves_the_given_config_alone
        yield is_rebuilt_from_its_config
    yield reloads_from_a_file
    yield from subject.own_rules()
    if subject.shows_its_numbers and numbers_of(subject.component):
        yield uses_every_number
    if subject.runs_in_graphs:
        yield is_the_same_in_a_graph
        yield is_the_same_with_xla
    yield from subject.precision_rules()
    if subject.against is not None:
        yield equals_the_reference


# --- Calling -----------------------------------------------------------------


def can_be_called(subject):
    """A component that raises, or gives no finite numbers, serves nobody."""
    inputs = subject.examples[0]
    values = subject.compute(subject.ready(), *tensors(inputs))
    if any(value is None for value in tf.nest.flatten(values)):
        raise Broken(
            "It returned None.",
            "End the function with `return` and the result.",
        )
    if not is_finite(values):
        raise Broken(
            "It gave NaN or infinity for ordinary inputs.",
            "Look for a division by zero, the logarithm of a number that is "
            "not positive or the root of a negative one; "
            "`ops.maximum(x, keras.config.epsilon())` keeps numbers positive.",
        )


def gives_the_same_twice(subject):
    """What differs from call to call cannot be compared, saved or debugged."""
    if text := subject.instability:
        raise Broken(
            f"The second call on the same inputs gave {text}.",
            "Take randomness and state out of the computation: no random "
            "numbers, and no attribute that a call changes.",
        )


def equals_the_reference(subject):
    """A component that has a known twin must give the same numbers."""
    for inputs in subject.examples:
        seen = subject.compute(subject.ready(), *tensors(inputs))
        expected = subject.compute(subject.reference(), *tensors(inputs))
        if text := subject.difference(seen, expected):
            subject.excuse(inputs, text)
            raise Broken(
                f"It gives {text}, which is what the reference gives.",
                "Compare the formula with the one of the reference, and the "
                "arguments too.",
            )
    return "Equal on all inputs that were tried."


def uses_every_number(subject):
    """A number that changes nothing is a promise that is not kept."""
    inputs = subject.telling_inputs()
    used = []
    # Which may say that a number is not needed
    options = [
        name
        for name in arguments_of(subject.component)
        if isinstance(attribute(subject.component, name), bool)
    ]
    for name, value in numbers_of(subject.component).items():
        others = _with_other_numbers(subject.fresh(), name, value)
        expected = _outputs_for(subject, subject.fresh(), inputs)
        if any(
            difference(_outputs_for(subject, other, inputs), expected, 1e-6)
            for other in others.values()
        ):
            used.append(name)
        elif others and not options:
            tried = " and ".join(f"{name}={each!r}" for each in others)
            raise Broken(
                f"{name}={value!r} gives the same as {tried}.",
                f"Compute with `self.{name}`.",
                inputs[-1],
            )
    if not used:
        raise NotApplicable(
            "It refuses other numbers, or an option may leave them unused."
        )
    return f"{_listed(used)} made a difference."


def _with_other_numbers(component, name, value):
    """Copies with another number, as far as `__init__` takes it."""
    copies = {
        other: with_number(component, name, other)
        for other in (2 * value, value / 2, 0.1, 1.0, 10.0)
        if other != value
    }
    return {other: copy for other, copy in copies.items() if copy is not None}


def _outputs_for(subject, component, inputs):
    """What it gives; where it raises, the reason, as nothing else does."""
    component = subject.prepare(component)
    outputs = []
    for each in inputs:
        try:
            outputs.append(subject.compute(component, *tensors(each)))
        except Exception as error:
            outputs.append(tf.constant(type(error).__name__))
    return outputs


# --- Graphs ------------------------------------------------------------------


def is_the_same_in_a_graph(subject):
    """`fit` makes a graph of all code; it must compute what Python does."""
    return _compare_with_graph(subject, jit_compile=False)


@where_tensorflow_can()
def is_the_same_with_xla(subject):
    """Keras compiles models with XLA where it can, which knows fewer ops.

    It may also compute the gradient in another way.
    """
    if not getattr(subject.component, "supports_jit", True):
        raise NotApplicable("`supports_jit` is False: XLA is not for it.")
    inputs = tensors(subject.examples[0])
    places = subject.differentiable(inputs)
    component = subject.ready()
    outputs = tf.nest.flatten(subject.compute(component, *inputs))
    if places and any(output.dtype.is_floating for output in outputs):
        _compare_both_with_xla(subject, component, inputs, places)
    else:
        _compare_with_graph(subject, jit_compile=True)


def _compare_with_graph(subject, jit_compile):
    examples = subject.examples
    if jit_compile:  # which takes long: one must do
        examples = [examples[0]]
    for inputs in examples:
        component = subject.ready()
        expected = subject.compute(component, *tensors(inputs))
        graph = subject.compiled(component, jit_compile)
        _refuse_other_numbers(subject, graph(*tensors(inputs)), expected)


def _refuse_other_numbers(subject, seen, expected):
    if text := subject.difference(seen, expected):
        raise Broken(
            f"Compiled it gives {text}, which is what it gives eagerly.",
            subject.graph_hint,
        )


def _compare_both_with_xla(subject, component, inputs, places):
    """Outputs and gradients in one: to compile is what takes long."""

    def both(*inputs):
        moved = [inputs[place] for place in places]
        with tf.GradientTape() as tape:
            tape.watch(moved)
            outputs = tf.nest.flatten(subject.compute(component, *inputs))
            total = sum(
                tf.reduce_sum(_unevenly(tf.square(output)))
                for output in outputs
                if output.dtype.is_floating
            )
        gradients = tape.gradient(total, moved, unconnected_gradients="zero")
        return outputs, gradients

    outputs, gradients = both(*inputs)
    compiled = tf.function(both, autograph=False, jit_compile=True)
    seen, seen_gradients = compiled(*inputs)
    _refuse_other_numbers(subject, seen, outputs)
    if text := subject.difference(seen_gradients, gradients, 1e-3):
        raise Broken(
            f"With XLA its gradient is {text}, which it is eagerly.",
            "XLA computes both halves of `ops.where` with their gradients: "
            "give the half that is not chosen harmless numbers, such as "
            "`ops.sqrt(ops.where(x > 0, x, 1.0))`.",
        )


def _unevenly(values):
    """Weigh each number differently: the squares of a unit vector sum to 1.

    The gradient of what cancels is rounding, which need not be the same.
    """
    weights = 2 + tf.cos(tf.range(tf.size(values), dtype="float32"))
    return values * tf.cast(tf.reshape(weights, tf.shape(values)), values.dtype)


# --- Configs and files -------------------------------------------------------


@on_page("saving")
def config_has_every_argument(subject):
    """An argument that the config lacks is back at its default after loading.

    What the base class puts there, such as the name, must be there as well. An
    optional argument that is None may be left out.
    """
    component = subject.component
    config = component.get_config()
    if not isinstance(config, dict):
        raise Broken(
            f"`get_config` returned a {type(config).__name__}.",
            "Return a dictionary: `return {**super().get_config(), ...}`.",
        )
    parameters = inspect.signature(type(component).__init__).parameters
    nothing = object()
    for name in arguments_of(component):
        if name in subject.kept_elsewhere:
            continue
        present = attribute(component, name, nothing)
        if name in config:
            written = config[name]
            if name in OF_THE_BASE_CLASS and equal(
                given_arguments(component).get(name, present), written
            ):
                continue  # an argument of its own, under a name of Keras
            if are_plain(present, written) and not equal(present, written):
                raise Broken(
                    f"The config says {name}={written!r}, and the value is "
                    f"{present!r}.",
                    f'Return the present value: `"{name}": self.{name}`.',
                )
        elif name not in OF_THE_BASE_CLASS and not (
            parameters[name].default is None
            and _comes_back_by_itself(component, config, name)
        ):
            value = f"={present!r}" if are_plain(present) else ""
            raise Broken(
                f"{name}{value} is not in the config.",
                "Let `get_config` return `{**super().get_config(), "
                f'"{name}": self.{name}}}`.',
            )
    lost = [name for name in _kept_by_the_base(component) if name not in config]
    if lost:
        raise Broken(
            f"{_listed(lost)} of the base class is not in the config.",
            "Begin with what the base class returns: "
            "`return {**super().get_config(), ...}`.",
        )
    return f"The config has {_listed(config)}."


def _kept_by_the_base(component):
    """The name and the dtype, where Keras's base class puts them there."""
    if isinstance(component, keras.Model):
        return []  # it tells what it is made of instead
    for base in arguments.BASES.values():
        if isinstance(component, base):
            with contextlib.suppress(Exception):
                config = base.get_config(component)
                return [name for name in ("name", "dtype") if name in config]
    return []


def _comes_back_by_itself(component, config, name):
    """Whether an optional argument was not given, or follows from others."""
    present = attribute(component, name)
    if present is None:
        return True
    again = attribute(rebuilt(component, config), name)
    return are_plain(present, again) and equal(present, again)


def _has_its_own_from_config(component):
    method = getattr(type(component), "from_config", None)
    function = getattr(method, "__func__", method)
    return not getattr(function, "__module__", "keras.").startswith("keras.")


@on_page("saving")
def leaves_the_given_config_alone(subject):
    """Whoever builds two objects from one config must get two equal ones."""
    cls = type(subject.component)
    with or_not_applicable(
        "It cannot be rebuilt: see is_rebuilt_from_its_config."
    ):
        # As Keras hands it over: objects in it are dictionaries
        config = keras.saving.serialize_keras_object(subject.original())
        config = config["config"]
        before = copy.deepcopy(config)
        with keras.saving.custom_object_scope(by_its_name(subject.component)):
            cls.from_config(config)
    gone = [key for key in before if key not in config]
    if gone or json.dumps(config, default=repr) != json.dumps(
        before, default=repr
    ):
        what = f"{_listed(gone)} is gone" if gone else "it has other values"
        raise Broken(
            f"After `from_config` the dictionary is another: {what}.",
            "Begin `from_config` with `config = dict(config)`, and change "
            "only that copy.",
        )


@on_page("saving")
def is_rebuilt_from_its_config(subject):
    """Loading, copying and distributing all rebuild objects from configs."""
    serialized = keras.saving.serialize_keras_object(subject.original())
    again = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(serialized)),
        custom_objects=by_its_name(subject.component),
    )
    _refuse_lost_values(subject.original(), again, "in the rebuilt object")
    with untouched(subject.original()) as given:
        expected = subject.outputs(given)
    if text := subject.difference(subject.outputs(again), expected):
        raise Broken(
            f"The rebuilt object gives {text}, which the given one gives.",
            "Let `get_config` return every argument of `__init__` as it was "
            "given, also those of objects inside, each by its own "
            "`get_config`.",
        )


def _refuse_lost_values(component, other, where):
    for name, (value, theirs) in lost_values(component, other).items():
        owner, _, argument = name.rpartition(".")
        whose = f" of the class of `{owner}`" if owner else ""
        raise Broken(
            f"{name} was {value!r} and is {theirs!r} {where}.",
            f"Let `get_config`{whose} return "
            f'`"{argument}": self.{argument}`, and let `__init__` take it.',
        )


@on_page("saving")
def reloads_from_a_file(subject):
    """A model that is saved with it must come back, and be the same.

    The file is loaded without `custom_objects`, as a stranger would load it.
    """
    if subject.is_function:
        _the_file_finds_the_function(subject.component)
    inputs = subject.examples[0]
    with untouched(subject.original()) as given:
        model = subject.model_with(subject.prepare(given), inputs)
        expected = subject.outputs_of(model, inputs)
        loaded = reloaded(model)
        seen = subject.outputs_of(loaded, inputs)
        before = subject.component_in(model)
        after = subject.component_in(loaded)
        if before is not None and not subject.is_function:
            _refuse_lost_values(before, after, "after loading")
    if text := subject.difference(seen, expected):
        raise Broken(
            f"After saving and loading it gives {text}, which the given one "
            "gives.",
            subject.file_hint,
        )


def _the_file_finds_the_function(function):
    """Of a function a file keeps the name, and nothing else."""
    as_class = (
        "Write a class that keeps the values as attributes and returns them "
        "in `get_config`."
    )
    name = getattr(function, "__name__", type(function).__name__)
    if name == "<lambda>":
        raise Broken(
            "It is a lambda: its code would be in the file, which Keras "
            "refuses to run.",
            f"Write a function with `def`, and `{REGISTER}` above it.",
        )
    if not isinstance(function, types.FunctionType) and not hasattr(
        function, "__name__"
    ):
        raise Broken(f"A {name} has no name that a file can keep.", as_class)
    kept = _values_in_closure(function)
    if kept:
        raise Broken(
            f"Only its name is saved: the file does not keep {_listed(kept)}.",
            as_class,
        )
    serialized = keras.saving.serialize_keras_object(function)
    try:
        found = keras.saving.deserialize_keras_object(serialized)
    except Exception:
        raise Broken(
            f"Only its name is saved, and loading finds no `{name}`.",
            f"Register it: write `{REGISTER}` above its `def`.",
        ) from None
    if found is not function:
        raise Broken(
            f"Only its name is saved, and loading finds another `{name}`.",
            f"Register this one under a name of its own: `{REGISTER}`.",
        )


def _values_in_closure(function):
    """Names of what a function remembers, other than functions and modules."""
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None) or ()
    functions = (
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
        type,
    )
    names = []
    for name, cell in zip(getattr(code, "co_freevars", ()), cells, strict=True):
        try:
            if not isinstance(cell.cell_contents, functions):
                names.append(name)
        except ValueError:  # an empty cell
            continue
    return names


def _listed(names):
    names = list(names)
    return ", ".join(names) if names else "no arguments"
