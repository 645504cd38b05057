"""Runs rules: each within a time limit, no trace left, whatever happens.

The rules run in a thread of their own. Keras keeps its global state (dtype
policy, counters of names, custom object scopes) for each thread, so that the
rules start with a clean one and yours is not touched; and a thread can be
left behind when a component never returns.
"""

import contextlib
import copy
import ctypes
import functools
import inspect
import logging
import math
import pathlib
import queue
import random
import re
import sys
import sysconfig
import threading
import time
import traceback
import warnings

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context as tf_context

from helpers.contracts.report import Report, Result

# Seconds for one rule. Where others keep the processor busy, a rule waits, but
# it does not compute more: only one that waits for nothing needs a clock.
COMPUTING_LIMIT = 20.0
WAITING_LIMIT = 180.0
SEED = 0

# The folders of Python, of installed packages and of these rules.
NOT_ITS_OWN = (
    str(pathlib.Path(__file__).parent),
    *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")),
)

# If this rule fails, the rest would only say the same once more.
FIRST = "can_be_called"
RUN_IN_ANY_CASE = (FIRST, "config_has_every_argument")


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


class _Stop(SystemExit):
    """Thrown into a rule that does not end.

    A loop with `try: ... except: pass` takes it and goes on. So it takes its
    time to be made, in which the next one is thrown: that one arrives when
    the thread is past the `except`. A SystemExit ends a thread in silence.
    """

    __init__ = staticmethod(functools.partial(time.sleep, 0.02))


# ---- Running ----------------------------------------------------------------


def run(subject, rules, skip=None):
    """Run the rules on a subject.

    Args:
        subject: The component with all that rules need to know of it.
        rules: Functions of the subject. They return what was seen, or raise
            `Broken`.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If `skip` is no dictionary.
        ValueError: If it names a rule that does not exist, or gives no reason.
    """
    rules = list(rules)
    skip = _checked_skip(skip, [rule.__name__ for rule in rules])
    results = []
    with _no_trace():
        worker = _Worker(subject)
        try:
            for rule in rules:
                results.append(_run_one(rule, subject, worker, skip, results))
        finally:
            worker.stop()
    return Report(subject.name, results)


def _run_one(rule, subject, worker, skip, results):
    name = rule.__name__
    link = subject.link(rule)
    if name in skip:
        return Result(name, "skipped", skip[name], link=link)
    unended = [r.name for r in results if r.message.startswith(NOT_ENDED)]
    if unended:
        because = f"Not run, because {unended[0]} did not end."
        return Result(name, "skipped", because, link=link)
    failed = [r.name for r in results if r.status == "failed"]
    if FIRST in failed and name not in RUN_IN_ANY_CASE:
        because = f"Not run, because {FIRST} failed."
        return Result(name, "skipped", because, link=link)
    status, message, hint = worker.run(rule)
    return Result(name, status, message, hint, link)


def _checked_skip(skip, names):
    if skip is None:
        return {}
    if not isinstance(skip, dict):
        raise TypeError(
            "`skip` must be a dictionary from names of rules to reasons. "
            f"Received: {skip!r}"
        )
    for name, reason in skip.items():
        if name not in names:
            raise ValueError(
                f"`skip` names a rule that does not exist: {name!r}. "
                f"The rules are: {', '.join(names)}"
            )
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(
                f"`skip` must say in words why {name!r} is left out. "
                f"Received: {reason!r}"
            )
    return skip


NOT_ENDED = "It had not ended after"


class _Worker:
    """A thread that runs one rule after the other."""

    def __init__(self, subject):
        self.subject = subject
        self.rules, self.answers = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def run(self, rule):
        """Return status, message and hint, within the limits of time."""
        computing_ends = time.process_time() + COMPUTING_LIMIT
        waiting_ends = time.monotonic() + WAITING_LIMIT
        self.rules.put(rule)
        while True:
            try:
                return self.answers.get(timeout=0.1)
            except queue.Empty:
                if time.process_time() > computing_ends:
                    return self._give_up(f"computing for {COMPUTING_LIMIT:g}")
                if time.monotonic() > waiting_ends:
                    return self._give_up(f"{WAITING_LIMIT:g}")

    def _give_up(self, how_long):
        where = _where(self.thread)
        self._interrupt()
        return (
            "failed",
            f"{NOT_ENDED} {how_long} seconds{where}.",
            "Look for a loop that never ends, such as `while True`, or "
            "for a `while` whose condition is never false.",
        )

    def stop(self):
        """End the thread; if it is stuck, leave it behind."""
        self.rules.put(None)
        self.thread.join(timeout=0.2)
        if self.thread.is_alive():
            self._interrupt()

    def _interrupt(self):
        """Stop the rule that runs.

        A call that does not come back from C, such as a long `time.sleep`,
        cannot be stopped. The thread is a daemon: it ends with Python.
        """
        self.rules.put(None)
        for stops in (1, 2, 2, 2):  # no more than needed: one may come late
            for _ in range(stops):
                if self.thread.is_alive():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self.thread.ident),
                        ctypes.py_object(_Stop),
                    )
                    self.thread.join(timeout=0.005)
            self.thread.join(timeout=0.1)

    def _work(self):
        # Plain messages, without the colours and the arguments that Keras
        # adds. Like all that Keras sets, this holds for this thread.
        keras.config.disable_traceback_filtering()
        with contextlib.suppress(_Stop):
            while (rule := self.rules.get()) is not None:
                self.answers.put(_answer(rule, self.subject))


def _where(thread):
    """The line that runs: the component's own, if it is in one of its own."""
    frame = sys._current_frames().get(thread.ident)
    if frame is None:  # it has just ended
        return ""
    stack = traceback.extract_stack(frame)
    own = [line for line in stack if not line.filename.startswith(NOT_ITS_OWN)]
    line = (own or stack)[-1]
    return f", in line {line.lineno} of `{line.name}`: `{line.line}`"


def _answer(rule, subject):
    """Run one rule; whatever it raises becomes an answer."""
    random.seed(SEED)
    np.random.seed(SEED)
    try:
        return "passed", rule(subject) or "", ""
    except Broken as broken:
        return "failed", broken.message, broken.hint
    except NotApplicable as reason:
        return "skipped", str(reason), ""
    except _Stop:
        raise
    except BaseException as error:  # SystemExit too: a component may call it
        return "failed", f"It raised {describe(error)}", hint_for(error)


@contextlib.contextmanager
def _no_trace():
    """Put back whatever checks change for the whole process."""
    registered = keras.saving.get_custom_objects()
    objects_before = dict(registered)
    floatx_before = keras.config.floatx()
    python_before, numpy_before = random.getstate(), np.random.get_state()
    # TensorFlow can set its seed, but not tell it.
    tensorflow = tf_context.context()
    seed_before = tensorflow._seed
    generator_before = getattr(tensorflow, "_rng", None)  # none without a seed
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels_before = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            keras.config.set_floatx("float32")
            tf.random.set_seed(SEED)
            yield
    finally:
        for logger, level in zip(loggers, levels_before, strict=True):
            logger.setLevel(level)
        tensorflow._seed, tensorflow._rng = seed_before, generator_before
        np.random.set_state(numpy_before)
        random.setstate(python_before)
        keras.config.set_floatx(floatx_before)
        registered.clear()
        registered.update(objects_before)


# ---- Exceptions in words ----------------------------------------------------

# Part of a message, and what to do about it. The first that fits counts.
EXPLANATIONS = (
    (
        "you forgot to call `super().__init__()`",
        "Write `super().__init__(**kwargs)` as the first line of __init__.",
    ),
    (
        "KerasTensor cannot be used as input to a TensorFlow function",
        "Use the function of the same name in `keras.ops`, for example "
        "`ops.square` for `tf.square`; it also works on symbolic inputs.",
    ),
    (
        "as a Python `bool`",
        "A graph does not know values, so Python cannot decide: replace the "
        "`if` by `ops.where(condition, this, that)` or `ops.cond`.",
    ),
    (
        "as a Python bool",
        "A graph does not know values, so Python cannot decide: replace the "
        "`if` by `ops.where(condition, this, that)` or `ops.cond`.",
    ),
    (
        "object has no attribute 'numpy'",
        "A graph has no values, so `.numpy()` cannot work there: compute with "
        "`keras.ops` instead.",
    ),
    (
        "numpy() call is not supported",
        "A graph has no values, so `.numpy()` cannot work there: compute with "
        "`keras.ops` instead.",
    ),
    (
        "convert a symbolic",
        "NumPy needs values, and a graph has none: use the function of the "
        "same name in `keras.ops`.",
    ),
    (
        "You cannot add new elements of state",
        "Create weights and sub-layers in `__init__` or `build`, never in "
        "`call`.",
    ),
    (
        "singleton tf.Variables",
        "Create variables in `__init__` or `build` with `self.add_weight`, "
        "never in `call`.",
    ),
    (
        "unexpected keyword argument 'sample_weight'",
        "Write `def update_state(self, y_true, y_pred, sample_weight=None)`, "
        "and use the weights.",
    ),
    (
        "unexpected keyword argument 'dtype'",
        "Keras passes a dtype: write `def __call__(self, shape, dtype=None)`, "
        "or for a function `def initializer(shape, dtype=None)`.",
    ),
    (
        "unexpected keyword argument 'name'",
        "Take the arguments of the base class: `def __init__(self, ..., "
        "**kwargs)` and `super().__init__(**kwargs)`.",
    ),
    (
        "has no attribute 'as_list'",
        "Shapes are tuples in Keras 3: write `input_shape[-1]`, and return "
        "`(*input_shape[:-1], self.units)`.",
    ),
    (
        "must be passed as a keyword argument",
        'Pass the name by keyword: `self.add_weight(shape=..., name="...")`.',
    ),
    (
        "got multiple values for argument 'shape'",
        'Pass the name by keyword: `self.add_weight(shape=..., name="...")`.',
    ),
    (
        "non-serializable argument values",
        "Write `get_config`, and return every argument of `__init__` in it, "
        "with `keras.saving.serialize_keras_object` for objects.",
    ),
    (
        "does not implement get_config",
        "Write `get_config`, and return every argument of `__init__` in it.",
    ),
    (
        "implement the `get_config()` method",
        "Write `get_config`, and return every argument of `__init__` in it.",
    ),
    (
        "Could not locate",
        "Register it where it is defined: `@keras.saving."
        'register_keras_serializable(package="my_package")`.',
    ),
    (
        "could not be deserialized properly",
        "Let `__init__` take every key of the config and `**kwargs` for the "
        "base class, and let `get_config` return every argument.",
    ),
    (
        "No gradients provided",
        "Use differentiable functions only: no rounding, no argmax, no NumPy.",
    ),
    (
        "is not JSON serializable",
        "Return plain numbers, texts and lists in `get_config`; wrap objects "
        "in `keras.saving.serialize_keras_object`.",
    ),
    (
        "maximum recursion depth",
        "A method calls itself without end; look at what it calls, and "
        "whether a `super().` is missing.",
    ),
    (
        "cannot compute",
        "Two dtypes meet: convert with `ops.cast(x, y.dtype)` before you "
        "compute.",
    ),
    (
        "expected to be a",
        "Two dtypes meet: convert with `ops.cast(x, y.dtype)` before you "
        "compute.",
    ),
)
GENERAL_HINT = (
    "Call it in a cell of its own, on the same kind of input: the traceback "
    "shows the line."
)


def hint_for(error):
    """What to do about an exception, as far as its message tells."""
    text = _text_of(error)
    for part, hint in EXPLANATIONS:
        if part.lower() in text.lower():
            return hint
    return GENERAL_HINT


def describe(error):
    """An exception in one line that is the same in each run."""
    text = _text_of(error)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours of a terminal
    text = re.sub(r"\{\{.*?\}\} ?", "", text)  # names of graph nodes
    text = re.sub(r"\[Op:\w+\]( name: *)?", "", text)
    text = re.sub(r"__inference_(\w+?)_\d+", r"\1", text)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)  # addresses
    text = re.sub(r"id=\d+", "id=...", text)
    text = re.sub(r"(?<![\w.])/\S*/([\w.]+)", r"\1", text)  # folders
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else "no message"
    if len(line) > 200:
        line = f"{line[:197]}..."
    return f"{type(error).__name__}: {line}"


def _text_of(error):
    try:
        return str(error)
    except Exception:  # a broken __str__ is no reason to crash
        return ""


# ---- The subject ------------------------------------------------------------


class Subject:
    """A component, and all that the rules of its kind need to know of it.

    Each kind extends it with:

    - `compute(component, *inputs)`: tensors in, tensors out;
    - `candidates()`: inputs to try, as tuples of arrays;
    - `carrier(component, inputs)`: a model that holds it;
      `carried(model, inputs)`: numbers that depend on it, and
      `found_in(model)`: the component itself.
    """

    kind = None
    page = None
    graph_hint = (
        "Compute with `keras.ops` on the inputs only: Python attributes, NumPy "
        "and `print` run once, when the graph is made."
    )

    def __init__(self, component, against=None):
        self.component = component
        self.against = against
        self.name = name_of(component)
        self._examples = None

    def link(self, rule):
        page = getattr(rule, "page", None) or self.page
        return f"book/{page}.html"

    @property
    def has_config(self):
        return hasattr(self.component, "get_config")

    def copy(self):
        """A copy with the same arguments; the given one is not touched."""
        return twin_of(self.component)

    def usable(self):
        """One that can be computed with, in its first state."""
        return self.copy()

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
                values = self.compute(self.usable(), *tensors(inputs))
            except _Stop:
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


# ---- Copies and configs -----------------------------------------------------


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
    for arguments in ({**kept, **config}, kept):
        with contextlib.suppress(Exception):
            return rebuilt(component, edit(arguments))
        with contextlib.suppress(Exception):
            return type(component)(**edit(arguments))
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
    cls = type(component)
    config = dict(config)  # some `from_config` take things out
    with contextlib.suppress(Exception):
        config = copy.deepcopy(config)
    with keras.saving.custom_object_scope({cls.__name__: cls}):
        return cls.from_config(config)
