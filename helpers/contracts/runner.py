"""Runs rules: each within a time limit, no trace left, whatever happens.

The rules run in a thread of their own. Keras keeps its global state (dtype
policy, counters of names, custom object scopes) for each thread, so that the
rules start with a clean one and yours is not touched; and a thread can be
left behind when a component never returns.
"""

import contextlib
import ctypes
import logging
import pathlib
import queue
import random
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

from helpers.contracts.common import rules_for
from helpers.contracts.explanations import describe, hint_for
from helpers.contracts.report import Report, Result
from helpers.contracts.subject import Broken, NotApplicable, Stop

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


def run(subject, skip=None):
    """Run the rules for a subject.

    Args:
        subject: `Subject`, a component with all that rules need to know of it.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If `skip` is no dictionary.
        ValueError: If it names a rule that does not exist, or gives no reason.
    """
    rules = list(rules_for(subject))
    skip = _checked_skip(skip, [rule.__name__ for rule in rules])
    results = []
    with _no_trace():
        worker = _Worker(subject)
        try:
            for rule in rules:
                results.append(_run_one(rule, subject, worker, skip, results))
        finally:
            worker.stop()
    return Report(subject.name, results, subject.cannot_know)


def _run_one(rule, subject, worker, skip, results):
    name = rule.__name__
    page = getattr(rule, "page", subject.page)
    if name in skip:
        return Result(name, "skipped", skip[name], page=page)
    if worker.given_up is not None:
        because = f"Not run, because {worker.given_up} did not end."
        return Result(name, "skipped", because, page=page)
    failed = [r.name for r in results if r.status == "failed"]
    if FIRST in failed and name not in RUN_IN_ANY_CASE:
        because = f"Not run, because {FIRST} failed."
        return Result(name, "skipped", because, page=page)
    return Result(name, *worker.run(rule), page=page)


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


class _Worker:
    """A thread that runs one rule after the other.

    `given_up` is the name of the rule that did not end, if there was one.
    """

    def __init__(self, subject):
        self.subject = subject
        self.given_up = None
        self.rules, self.answers = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def run(self, rule):
        """Return status, message, hint and inputs, in the limits of time."""
        computing_ends = time.process_time() + COMPUTING_LIMIT
        waiting_ends = time.monotonic() + WAITING_LIMIT
        self.rules.put(rule)
        while True:
            try:
                return self.answers.get(timeout=0.1)
            except queue.Empty:
                if time.process_time() > computing_ends:
                    return self._give_up(
                        rule, f"computing for {COMPUTING_LIMIT:g}"
                    )
                if time.monotonic() > waiting_ends:
                    return self._give_up(rule, f"{WAITING_LIMIT:g}")

    def _give_up(self, rule, how_long):
        self.given_up = rule.__name__
        where = _where(self.thread)
        self._interrupt()
        return (
            "failed",
            f"It had not ended after {how_long} seconds{where}.",
            "Look for a loop that never ends, such as `while True`, or "
            "for a `while` whose condition is never false.",
            "",
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
                        ctypes.py_object(Stop),
                    )
                    self.thread.join(timeout=0.005)
            self.thread.join(timeout=0.1)

    def _work(self):
        # Plain messages, without the colours and the arguments that Keras
        # adds. Like all that Keras sets, this holds for this thread.
        keras.config.disable_traceback_filtering()
        with contextlib.suppress(Stop):
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
    subject.tried = None
    try:
        return "passed", rule(subject) or "", "", ""
    except Broken as broken:
        inputs = subject.tried if broken.inputs is None else broken.inputs
        return "failed", broken.message, broken.hint, _tried(subject, inputs)
    except NotApplicable as reason:
        return "skipped", str(reason), "", ""
    except Stop:
        raise
    except BaseException as error:  # SystemExit too: a component may call it
        return (
            "failed",
            f"It raised {describe(error)}",
            hint_for(error),
            _tried(subject, subject.tried),
        )


def _tried(subject, inputs):
    return subject.describe(inputs) if inputs else ""


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
