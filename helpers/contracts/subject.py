"""A component with all that rules need to know of it.

`Subject` is what a rule is given; each kind of component extends it. Above it
is what rules raise, below it how they compare numbers.
"""

import contextlib
import functools
import time

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments
from helpers.contracts.copies import twin_of
from helpers.contracts.explanations import describe


class Broken(Exception):
    """Raised by a rule that a component breaks.

    Args:
        message: What was seen, with numbers.
        hint: What to change, in one sentence with the code to write.
        inputs: Tuple of the arrays that showed it, where those were not the
            examples of the subject; empty where the message tells all.
    """

    def __init__(self, message, hint, inputs=None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.inputs = inputs


class NotApplicable(Exception):
    """Raised by a rule that has nothing to say about a component."""


@contextlib.contextmanager
def or_not_applicable(reason):
    """Run code of the reader's that may refuse what a rule tries.

    Args:
        reason: What it means if it raises, for `NotApplicable`.
    """
    try:
        yield
    except Exception:
        raise NotApplicable(reason) from None


@contextlib.contextmanager
def where_tensorflow_can():
    """For rules on XLA and precision: not every processor has all ops."""
    try:
        yield
    except tf.errors.NotFoundError as error:
        raise NotApplicable(
            f"TensorFlow has no such op here: {describe(error)}"
        ) from None
    except tf.errors.InternalError as error:
        if "materialize symbols" not in str(error):
            raise
        raise NotApplicable(
            "XLA cannot compile this dtype for this processor."
        ) from None


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
    - `input_names`, what the report calls them;
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
    input_names = ("inputs",)
    # What no rule can find out, for the report.
    cannot_know = ""
    # Whether a function will do, or only an object of Keras's base class.
    takes_functions = True
    # Whether a second call must repeat the first, and whether graphs may be
    # compared with it; a kind that says no has rules of its own for that.
    repeats = True
    runs_in_graphs = True
    # Whether a number that `__init__` takes must show in what is computed.
    shows_its_numbers = True
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
        self.tried = None  # the example that a rule took last
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

    def original(self):
        """The object that its copies are compared with."""
        return self.component

    def prepare(self, component):
        """Make one ready to compute with: of layers, fill the weights."""
        return component

    def ready(self):
        """A copy that can be computed with."""
        return self.prepare(self.fresh())

    def reference(self):
        """The component to compare with, ready likewise."""
        return self.against

    def outputs(self, component):
        """What it gives for all inputs that are tried."""
        # `identity` reads variables, which are returned before they change
        return tf.nest.map_structure(
            tf.identity,
            [self.compute(component, *tensors(e)) for e in self.examples],
        )

    def telling_inputs(self):
        """Inputs on which a number among the arguments shows, if it is used."""
        return self.examples

    def differentiable(self, inputs):
        """The places of the inputs that gradients are taken for."""
        return [
            place
            for place, value in enumerate(inputs)
            if value.dtype.is_floating
        ]

    def compiled(self, component, jit_compile):
        """`compute` with this component as a function in a graph."""
        return tf.function(
            lambda *inputs: self.compute(component, *inputs),
            autograph=False,  # as in Keras
            jit_compile=jit_compile,
        )

    @functools.cached_property
    def instability(self):
        """How a second call on the same inputs differs; None if it repeats."""
        return second_call(self) if self.repeats else None

    def must_repeat(self):
        """Raise unless calls repeat: else there is nothing to compare with.

        Raises:
            NotApplicable: If the same inputs give other numbers each time.
        """
        if self.instability:
            raise NotApplicable(
                "Its numbers change from call to call, so that they cannot be "
                "compared: make them repeat first."
            )

    def difference(self, seen, expected, tolerance=1e-4):
        """Say where two outputs differ most; None where they are equal.

        See `difference`. Raises `NotApplicable` if they differ because the
        component is random.
        """
        text = difference(seen, expected, tolerance)
        if text:
            self.must_repeat()
        return text

    def excuse(self, inputs, text):
        """Raise `NotApplicable` if another number than the reference is none.

        Args:
            inputs: What both were tried with.
            text: How they differ.
        """

    def describe(self, inputs):
        """Inputs in words: name, kind, shape and the first few numbers."""
        names = self.input_names
        if len(names) != len(inputs):
            names = [f"{names[0]}[{place}]" for place in range(len(inputs))]
        return "; ".join(map(_described, names, inputs))

    @property
    def examples(self):
        """The inputs, of those that we try, that the component accepts.

        Raises:
            Exception: What the component raised at the first, if it accepts
                none.
        """
        if self._examples is None:
            self._examples = _Examples(self.find_examples(), self)
        return self._examples

    def find_examples(self):
        accepted, not_finite, first_error = [], [], None
        for inputs in self.candidates():
            self.tried = self.tried or inputs
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


class _Examples(list):
    """Inputs; a subject remembers which of them a rule took last."""

    def __init__(self, inputs, subject):
        super().__init__(inputs)
        self.subject = subject

    def __iter__(self):
        for inputs in super().__iter__():
            self.subject.tried = inputs
            yield inputs

    def __getitem__(self, place):
        self.subject.tried = super().__getitem__(place)
        return self.subject.tried


def second_call(subject):
    """How a second call on the same inputs differs; None if it repeats."""
    for inputs in subject.examples:
        component = subject.ready()
        first = subject.compute(component, *tensors(inputs))
        again = subject.compute(component, *tensors(inputs))
        if text := difference(again, first, 1e-6):
            return text
    return None


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
            return _one_instead_of(one.flat[worst], other.flat[worst])
    return None


def _one_instead_of(seen, expected):
    """Two numbers, with as many digits as it takes to tell them apart."""
    for digits in range(3, 10):
        one, other = number(seen, digits), number(expected, digits)
        if one != other:
            break
    return f"{one} instead of {other}"


def number(value, digits=3):
    """A number with few enough digits to be the same on every CPU."""
    value = float(value)
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+0" in text and abs(value) < 1e7 else text


def _described(name, array):
    """`y_pred: float32 of shape (6, 3), begins with 0.41, 0.32, 0.27`."""
    array = np.asarray(array)
    few = [
        number(value) if array.dtype.kind == "f" else str(value)
        for value in array.flat[:3]
    ]
    if array.ndim == 0:
        return f"{name}: {few[0]}"
    begins = "" if array.size <= len(few) else "begins with "
    return (
        f"{name}: {array.dtype.name} of shape {array.shape}, "
        f"{begins}{', '.join(few)}"
    )
