"""A component with all that rules need to know of it.

`Subject` is what a rule is given; each kind of component extends it. Below are
the means of all rules: what they raise, how they compare numbers, and how they
copy a component without touching it.
"""

import contextlib
import copy
import functools
import inspect
import math
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments


class Broken(Exception):
    """Raised by a rule that a component breaks.

    Args:
        message: What was seen, with numbers.
        hint: What to change, in one sentence with the code to write.
    """

    def __init__(self, message, hint):
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotApplicable(Exception):
    """Raised by a rule that has nothing to say about a component."""


class Stop(SystemExit):
    """Thrown into a rule that does not end.

    A loop with `try: ... except: pass` takes it and goes on. So it takes its
    time to be made, in which the next one is thrown: that one arrives when
    the thread is past the `except`. A SystemExit ends a thread in silence.
    """

    __init__ = staticmethod(functools.partial(time.sleep, 0.02))


class Subject:
    """A component, and all that the rules of its kind need to know of it.

    Each kind extends it with:

    - `kind`, the argument of its check, and `page`, the chapter that explains
      its rules;
    - `own_rules()` and `precision_rules()`: the rules of the kind, in the
      order of the report (see `common.rules_for`);
    - `candidates()`: inputs to try, as tuples of arrays;
    - `compute(component, *inputs)`: tensors in, tensors out;
    - `model_with(component, inputs)`: a model that holds it;
      `outputs_of(model, inputs)`: numbers that depend on it, and
      `component_in(model)`: the component itself.

    Args:
        component: What is checked.
        against: Another component that must give the same numbers, or `None`.
    """

    kind = None
    page = None
    # Whether a function will do, or only an object of Keras's base class.
    takes_functions = True
    # Whether a second call must repeat the first, and whether graphs may be
    # compared with it; a kind that says no has rules of its own for that.
    repeats = True
    runs_in_graphs = True
    # Arguments of `__init__` that Keras itself keeps, outside of the config.
    kept_elsewhere = ()
    file_hint = "Return every argument in `get_config`."
    graph_hint = (
        "Compute with `keras.ops` on the inputs only: Python attributes, NumPy "
        "and `print` run once, when the graph is made."
    )

    def __init__(self, component, against=None):
        self.check_argument(self.kind, component)
        if against is not None:
            self.check_argument("against", against)
        self.component = component
        self.against = against
        self.name = name_of(component)
        self._examples = None

    def check_argument(self, name, value):
        """Raise unless an argument is a component of this kind."""
        if self.takes_functions:
            arguments.check_component(self.kind, name, value)
        else:
            arguments.check_instance(self.kind, name, value)

    def own_rules(self):
        """The rules of this kind, after those on files."""
        return ()

    def precision_rules(self):
        """The rules of this kind on dtypes, after those on graphs."""
        return ()

    @property
    def has_config(self):
        return hasattr(self.component, "get_config")

    @property
    def is_function(self):
        """Whether it has no config: a file keeps no more than its name."""
        return self.takes_functions and not self.has_config

    def fresh(self):
        """A copy with the same arguments; of a function, the function."""
        return twin_of(self.component)

    def ready(self):
        """One that can be computed with; of layers, with weights filled."""
        return self.fresh()

    def reference(self):
        """The component to compare with, ready likewise."""
        return self.against

    def outputs(self, component):
        """What it gives for all inputs that are tried."""
        return [self.compute(component, *tensors(e)) for e in self.examples]

    def compiled(self, component, jit_compile):
        """`compute` with this component as a function in a graph."""
        return tf.function(
            lambda *inputs: self.compute(component, *inputs),
            autograph=False,  # as in Keras
            jit_compile=jit_compile,
        )

    @property
    def examples(self):
        """The inputs, of those that we try, that the component accepts.

        Raises:
            Exception: What the component raised at the first, if it accepts
                none.
        """
        if self._examples is None:
            self._examples = self.find_examples()
        return self._examples

    def find_examples(self):
        accepted, not_finite, first_error = [], [], None
        for inputs in self.candidates():
            try:
                values = self.compute(self.ready(), *tensors(inputs))
            except Stop:
                raise
            except BaseException as error:
                first_error = first_error or error
                continue
            if is_finite(values):
                accepted.append(inputs)
            else:
                not_finite.append(inputs)
        if not accepted and not not_finite:
            raise first_error
        return accepted or not_finite


def name_of(component):
    """The name that a reader knows a component by."""
    if hasattr(component, "__name__"):
        return component.__name__
    return type(component).__name__


# --- Numbers -----------------------------------------------------------------


def tensors(arrays):
    """Arrays as tensors."""
    return tuple(tf.convert_to_tensor(array) for array in arrays)


def is_finite(values):
    """Whether all numbers of a structure are finite."""
    return all(np.all(np.isfinite(array)) for array in arrays_of(values))


def arrays_of(values):
    """The arrays of a structure of tensors, as `float64` if numbers."""
    arrays = []
    for value in tf.nest.flatten(values):
        array = np.asarray(keras.ops.convert_to_numpy(value))
        if array.dtype.kind not in "OSU":
            array = array.astype("float64")
        arrays.append(array)
    return arrays


def difference(seen, expected, tolerance=1e-4):
    """Say where two structures differ most; None where they are equal.

    Args:
        seen: Structure of tensors.
        expected: What it should be.
        tolerance: Allowed share of the largest number.
    """
    seen, expected = arrays_of(seen), arrays_of(expected)
    if len(seen) != len(expected):
        return f"{len(seen)} values instead of {len(expected)}"
    for one, other in zip(seen, expected, strict=True):
        if one.shape != other.shape:
            return f"shape {one.shape} instead of {other.shape}"
        if one.dtype.kind in "OSU":
            if not np.array_equal(one, other):
                return "other texts"
            continue
        if one.size == 0:
            continue
        scale = np.max(np.abs(other), where=np.isfinite(other), initial=1e-3)
        close = np.isclose(one, other, 0, tolerance * scale, equal_nan=True)
        if not close.all():
            worst = np.argmax(
                np.where(close, 0, np.nan_to_num(np.abs(one - other), nan=1e30))
            )
            return (
                f"{number(one.flat[worst])} instead of "
                f"{number(other.flat[worst])}"
            )
    return None


def number(value):
    """A number with few enough digits to be the same on every CPU."""
    value = float(value)
    if value == 0:
        return "0"
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+0" in text and abs(value) < 1e7 else text


# --- Copies and configs ------------------------------------------------------


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
        with contextlib.suppress(Exception):
            kept.update(component._auto_config.config)
    with contextlib.suppress(Exception):
        again = rebuilt(component, edit(config))
        if not changed_attributes(component, again):
            return again
    for given in ({**kept, **config}, kept):
        with contextlib.suppress(Exception):
            return rebuilt(component, edit(given))
        with contextlib.suppress(Exception):
            return type(component)(**edit(given))
    return component


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
        comparable = are_plain(value) and (theirs is None or are_plain(theirs))
        if comparable and not equal(value, theirs):
            changed[name] = (value, theirs)
    return changed


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
