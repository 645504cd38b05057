"""Copies, configs and files of components.

Rules work on copies, which a config makes. What a config forgets is found by
comparing with the given object itself: `untouched` lends it out.
"""

import contextlib
import copy
import inspect
import math
import re
import tempfile
import types
from pathlib import Path

import keras

CONTAINERS = (list, dict, set)


def arguments_of(component):
    """The names of what `__init__` takes, without those of a base class."""
    parameters = inspect.signature(type(component).__init__).parameters
    return [
        parameter.name
        for parameter in list(parameters.values())[1:]
        if parameter.kind
        not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def attribute(component, name, default=None):
    """What a component keeps of an argument, or the default."""
    for place in (name, f"_{name}"):
        with contextlib.suppress(Exception):
            return getattr(component, place)
    return default


def twin_of(component):
    """A copy of an object that keeps no weights, attribute by attribute."""
    if not hasattr(component, "get_config"):
        return component
    twin = object.__new__(type(component))
    for name, value in vars(component).items():
        if isinstance(value, (list, dict, set)):
            with contextlib.suppress(Exception):
                value = copy.deepcopy(value)
        twin.__dict__[name] = value
    return twin


def copy_of(component, edit=dict):
    """A fresh metric, layer or model with the same arguments and own weights.

    The config says the arguments. What it forgets is looked up where Keras
    keeps the arguments of layers, or is the attribute of the same name, so
    that a broken config is noticed by the rules about configs and by no
    other. If nothing helps, the component itself is the answer. `edit` is a
    function that returns other arguments for those that are found.
    """
    config, kept = {}, {}
    with contextlib.suppress(Exception):
        config = component.get_config()
    nothing = object()
    for name in arguments_of(component):
        value = attribute(component, name, nothing)
        if value is not nothing:
            kept[name] = value
    if not isinstance(component, keras.Model):  # which records defaults only
        kept.update(given_arguments(component))
    with contextlib.suppress(Exception):
        again = rebuilt(component, edit(config))
        if not changed_attributes(component, again) and not (
            _lost_arguments(component, again)
        ):
            return again
    for given in ({**kept, **config}, kept):
        with contextlib.suppress(Exception):
            return rebuilt(component, edit(given))
        with contextlib.suppress(Exception):
            return type(component)(**edit(given))
    return component


def _lost_arguments(component, other):
    """Names of arguments, kept as `_name`, that are not the same."""
    lost = []
    for name in arguments_of(component):
        kept = vars(component).get(f"_{name}")
        theirs = vars(other).get(f"_{name}")
        if name in ("name", "dtype", "trainable", "autocast"):
            continue
        if are_plain(kept) and (theirs is None or are_plain(theirs)):
            lost += [] if equal(kept, theirs) else [name]
    return lost


def given_arguments(component):
    """What `__init__` was given, where Keras keeps that: of layers."""
    with contextlib.suppress(Exception):
        return dict(component._auto_config.config)
    return {}


def numbers_of(component):
    """The arguments of `__init__` that are floats, with their values.

    Without those that only say how precise it must be.
    """
    if not hasattr(component, "get_config"):
        return {}
    values = {
        name: attribute(component, name)
        for name in arguments_of(component)
        if not re.search(r"(^|_)(eps|epsilon|[ar]?tol|tolerance)(_|$)", name)
    }
    return {
        name: value for name, value in values.items() if type(value) is float
    }


def with_number(component, name, value):
    """A copy with another number; None where `__init__` refuses it."""
    with contextlib.suppress(Exception):
        copy = copy_of(component, lambda given: {**given, name: value})
        if copy is not component and attribute(copy, name) == value:
            return copy
    return None


def changed_attributes(component, other):
    """Names, with both values, of public attributes that are not the same."""
    config = {}
    with contextlib.suppress(Exception):
        config = component.get_config()
    changed = {}
    for name, value in vars(component).items():
        if name.startswith("_") or config.get(name, value) is None:
            continue
        if name in ("name", "built", "autocast", "supports_jit"):
            continue
        theirs = attribute(other, name)
        if are_plain(value) and (theirs is None or are_plain(theirs)):
            if not equal(value, theirs):
                changed[name] = (value, theirs)
        elif are_functions(value, theirs) and value.__name__ != theirs.__name__:
            changed[name] = (value.__name__, theirs.__name__)
    return changed


def lost_values(component, other):
    """What an object lost, its dtype and the objects in it included.

    Args:
        component: The given object.
        other: What was made of its config, or came from a file.

    Returns:
        Dictionary from names, such as `cell.leak`, to both values.
    """
    lost = changed_attributes(component, other)
    for name in ("name", "dtype"):
        value, theirs = _identity(component, name), _identity(other, name)
        if value != theirs:
            lost[name] = (value, theirs)
    ours, theirs = parts_of(component), parts_of(other)
    for name, part in ours.items():
        if _is_its_config(other, name, part):
            continue  # as it came from the config: Keras takes it so
        if type(part).__name__ != type(theirs.get(name)).__name__:
            lost[name] = (_called(part), _called(theirs.get(name)))
            continue
        inside = changed_attributes(part, theirs[name])
        if _identity(part, "dtype") != _identity(theirs[name], "dtype"):
            inside["dtype"] = tuple(
                _identity(each, "dtype") for each in (part, theirs[name])
            )
        for inner, values in inside.items():
            lost[f"{name}.{inner}"] = values
    return lost


def _is_its_config(component, name, part):
    """Whether an attribute is what `serialize_keras_object` makes of a part."""
    config = getattr(component, name, None)
    if not isinstance(config, dict):
        return False
    with contextlib.suppress(Exception):
        return config == keras.saving.serialize_keras_object(part)
    return False


def _identity(component, name):
    """The name, or the name of the dtype, that an object was given."""
    if name == "dtype" and isinstance(component, keras.layers.Layer):
        return component.dtype_policy.name
    value = attribute(component, name)
    if not isinstance(value, str):
        return None
    if isinstance(component, keras.Model):
        # Keras counts those that were given none, as in `my_model_2`, and a
        # model without a `get_config` of its own is counted anew.
        return re.sub(r"_\d+$", "", value)
    return value


def _called(value):
    return "nothing" if value is None else f"a {type(value).__name__}"


def parts_of(component):
    """The objects with a config that are in a component, by their place.

    Returns:
        Dictionary from names, such as `cell` or `layers[0].cell`, to objects.
    """
    found, seen = {}, {id(component)}

    def look(place, value):
        if isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                look(f"{place}[{index}]", item)
        elif isinstance(value, dict):
            for key, item in value.items():
                look(f"{place}[{key!r}]", item)
        elif has_parts(value) and id(value) not in seen:
            seen.add(id(value))
            found[place] = value
            go_through(f"{place}.", value)

    def go_through(prefix, each):
        names = [name for name in vars(each) if not name.startswith("_")]
        if isinstance(each, keras.Model) and is_functional(each):
            names.append("layers")
        for name in names:
            look(prefix + name, getattr(each, name, None))

    go_through("", component)
    return found


def has_parts(value):
    """Whether a value is an object that a config describes."""
    return (
        hasattr(value, "get_config")
        and hasattr(value, "__dict__")
        and not isinstance(value, (type, keras.Variable, keras.DTypePolicy))
    )


@contextlib.contextmanager
def untouched(component):
    """Lend out the given object itself, and put it back as it was.

    What a config forgets, every copy that it makes has forgotten too. So the
    given object must compute for once; afterwards its attributes, the objects
    in it, their lists and the values of their variables are as before.
    """
    attributes, contents, values = [], [], []
    seen = set()

    def remember(value):
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, CONTAINERS):
            contents.append((value, value.copy()))
        if isinstance(value, keras.Variable):
            if value._value is not None:
                values.append((value, value.numpy()))
        elif isinstance(value, (list, tuple, set)):
            for item in list(value):
                remember(item)
        elif isinstance(value, dict):
            for item in list(value.values()):
                remember(item)
        elif _has_state(value):
            attributes.append((value, dict(vars(value))))
            for item in list(vars(value).values()):
                remember(item)

    remember(component)
    try:
        yield component
    finally:
        for each, before in attributes:
            vars(each).clear()
            vars(each).update(before)
        for each, before in contents:
            # As plain containers: those of Keras track what is put in, and
            # those of TensorFlow wrap another.
            each = getattr(each, "__wrapped__", each)
            kind = next(k for k in CONTAINERS if isinstance(each, k))
            kind.clear(each)
            (list.extend if kind is list else kind.update)(each, before)
        for variable, value in values:
            variable.assign(value)


def _has_state(value):
    """Whether calls may change the attributes of an object."""
    return (
        hasattr(value, "__dict__")
        and not isinstance(value, (type, types.FunctionType, types.ModuleType))
        and not type(value).__module__.startswith(("tensorflow", "numpy"))
    )


def are_plain(*values):
    """Whether values are numbers, texts or lists of them."""
    plain = (bool, int, float, str)
    return all(
        isinstance(value, plain)
        or (
            isinstance(value, (list, tuple))
            and all(isinstance(item, plain) for item in value)
        )
        for value in values
    )


def are_functions(*values):
    """Whether values are functions with a name."""
    return all(isinstance(value, types.FunctionType) for value in values)


def equal(one, other):
    """Whether plain values are the same, up to rounding."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6)
    kinds = [
        next(
            kind for kind in (str, (list, tuple), object) if isinstance(x, kind)
        )
        for x in (one, other)
    ]
    if kinds[0] != kinds[1] and other is not None:
        return True  # turned into something else, which is allowed
    return one == other


def is_functional(component):
    """Whether Keras itself keeps the layers of a model in its config."""
    from_keras = type(component).get_config.__module__
    return isinstance(component, keras.Model) and from_keras.startswith(
        ("keras.src.models.functional", "keras.src.models.sequential")
    )


def rebuilt(component, config):
    """What Keras makes of a config, registered or not."""
    config = dict(config)  # some `from_config` take things out
    with contextlib.suppress(Exception):
        config = copy.deepcopy(config)
    with keras.saving.custom_object_scope(by_its_name(component)):
        return type(component).from_config(config)


def by_its_name(component):
    """The class of a component as `custom_objects`, registered or not."""
    cls = type(component)
    return {cls.__name__: cls}


def reloaded(model, custom_objects=None):
    """A model, saved to a file and loaded from it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return keras.models.load_model(path, custom_objects=custom_objects)


@contextlib.contextmanager
def dtype_policy(name):
    """Make and call layers under a dtype policy, such as `mixed_float16`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
