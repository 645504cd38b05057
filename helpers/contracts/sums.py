"""How a metric adds up: nothing, much, far from zero, in half precision."""

import contextlib
import itertools

import numpy as np
import tensorflow as tf

from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    arrays_of,
    difference,
    is_finite,
    number,
    or_not_applicable,
    tensors,
)

# A count in float16 stands still at 2048, and popular windows have 1000.
MANY = 2500
# No more numbers than that, where a sample is an image.
MANY_NUMBERS = 5_000_000
AT_ONCE = 500
SHIFTS = (10_000, 30_000)  # by chance digits survive one of them
# Of larger values nobody sees whether they are the same up to rounding.
LEAST_VALUE = 0.1
SHORT_INTEGERS = ("int16", "uint16")


def part(inputs, begin, end):
    """Samples from a place up to another."""
    return [array[begin:end] for array in inputs]


def fed(metric, inputs, split, asked=False):
    """The result after the batches between the numbers in `split`.

    If `asked`, for the result after each batch too, as `fit` does.
    """
    metric.reset_state()
    for begin, end in itertools.pairwise(split):
        metric.update_state(*part(inputs, begin, end))
        for _ in range(2 if asked else 0):
            metric.result()
    return metric.result()


def value_or_none(subject, *inputs):
    """What it gives for inputs that may not suit it."""
    try:
        return subject.compute(subject.fresh(), *inputs)
    except Exception:  # the reader's code: it may refuse them
        return None


# --- Nothing -----------------------------------------------------------------


def is_defined_without_data(subject):
    """A class may never occur, and all weights may be 0.

    Keras's own metrics say 0 then. A score must not say that all is perfect.
    """
    perfect = _perfect_score(subject)
    for when, value in _without_data(subject):
        if not is_finite(value):
            raise Broken(
                f"{when} it is {_not_finite(value)}.",
                "Divide with `ops.divide_no_nan(self.total, self.count)`, "
                "which gives 0 for 0 / 0, as Keras's own metrics do.",
                (),
            )
        if perfect is not None and difference(value, perfect) is None:
            raise Broken(
                f"{when} it is {number(perfect)}, as for perfect predictions.",
                "Say 0 where nothing was counted: `ops.where(self.count > 0, "
                "score, 0.0)`. If it is meant so, say why with `skip=`.",
                (),
            )
    _empty_batches_leave_no_nan(subject)
    said = [number(array) for array in arrays_of(value) if array.ndim == 0]
    return f"Without any data it is {', '.join(said)}." if said else None


def _without_data(subject):
    """When there is no data, in words, and what it says then."""
    inputs = subject.examples[0]
    metric = subject.fresh()
    made_at_once, untouched = len(metric.variables), subject.fresh()
    metric.update_state(*inputs)
    if len(metric.variables) == made_at_once:  # else it is not ready before
        yield "Before the first batch", _result(untouched, "before any batch")
    metric.reset_state()
    yield "After `reset_state`", _result(metric, "after `reset_state`")
    if _takes_flat_weights(subject):
        metric = subject.fresh()
        metric.update_state(*inputs, sample_weight=_no_weights(inputs))
        yield "With weights of 0 only", _result(metric, "with weights of 0")


def _empty_batches_leave_no_nan(subject):
    """What a batch without weight adds, such as 0 / 0, may show later only."""
    inputs = subject.examples[0]
    if not _takes_flat_weights(subject):
        return
    metric = subject.fresh()
    metric.update_state(*inputs, sample_weight=_no_weights(inputs))
    metric.update_state(*inputs)
    if not is_finite(metric.result()):
        raise Broken(
            "After a batch whose weights are all 0, the next one makes it "
            f"{_not_finite(metric.result())}.",
            "Add up sums, `ops.sum(values * sample_weight)`, and divide only "
            "in `result`.",
        )


def _takes_flat_weights(subject):
    """Whether weights of 1 do not raise; honours_sample_weight says if they do.

    What raises with weights of 0 alone is still seen.
    """
    if not subject.takes_weights:
        return False
    inputs = subject.examples[0]
    with contextlib.suppress(Exception):
        subject.fresh().update_state(
            *inputs, sample_weight=1 + _no_weights(inputs)
        )
        return True
    return False


def _no_weights(inputs):
    return np.zeros(len(inputs[0]), "float32")


def _result(metric, when):
    try:
        return metric.result()
    except Exception as error:
        raise Broken(
            f"`result` {when} raised {type(error).__name__}.",
            "Let it say 0 where there is nothing to tell, as Keras's own "
            "metrics do.",
            (),
        ) from None


def _perfect_score(subject):
    """What it gives where predictions equal targets, if that is more.

    An error is 0 there, and less than elsewhere: without data Keras says so
    too.
    """
    inputs = subject.examples[0]
    if len(inputs) != 2:
        return None
    y_true, y_pred = inputs
    if y_true.ndim < y_pred.ndim and y_true.dtype.kind == "i":
        right = np.eye(y_pred.shape[-1], dtype=y_pred.dtype)[y_true]
    elif y_true.shape == y_pred.shape:
        right = y_true.astype(y_pred.dtype)
    else:
        return None
    perfect = value_or_none(subject, y_true, right)
    if perfect is None or isinstance(perfect, dict) or np.ndim(perfect) > 0:
        return None
    other = subject.compute(subject.fresh(), *inputs)
    return perfect if perfect > other and perfect > 1e-3 else None


def _not_finite(value):
    nan = any(np.isnan(array).any() for array in arrays_of(value))
    return "NaN" if nan else "infinite"


# --- Much --------------------------------------------------------------------


def goes_on_for_long(subject):
    """An epoch has thousands of samples, and the first ones count as well.

    Those with a small value are fed first, many times, each in a batch of its
    own; then those with a large one. What keeps only the last ones, begins
    anew now and then, or counts in a dtype that is soon full, gives another
    value than for each sample once.
    """
    if subject.computes_in_low_precision:
        raise NotApplicable(
            f"It was told to keep its weights in {subject.component.dtype}, "
            "in which a count soon stands still."
        )
    inputs = [array[subject.by_value] for array in subject.examples[0]]
    metric, half = subject.fresh(), len(inputs[0]) // 2
    once = fed(subject.fresh(), inputs, (0, half, 2 * half))
    metric.update_state(*part(inputs, 0, 1))  # some make their weights here
    run = _in_a_loop(metric, inputs, half)
    with or_not_applicable("It does not run in a graph."):
        in_a_graph = run(1)
    if difference(in_a_graph, once):
        raise NotApplicable("In small batches, or in a graph, it is another.")
    numbers = sum(array[0].size for array in inputs)
    samples = min(max(MANY_NUMBERS // numbers, 2 * half), MANY)
    rounds = -(-samples // (2 * half))
    expected = _after_many(subject, inputs, half, rounds, once)
    if text := subject.difference(run(rounds), expected, 1e-3):
        raise Broken(
            f"After {2 * half} samples, each fed {rounds} times in batches of "
            f"1, it gives {text}, the value of large batches.",
            "Keep sums over all samples, in the dtype of the metric: no window "
            "of the last ones, no weight in float16 or in a short integer. "
            "Where keeps_its_digits fails too, mend that first.",
            inputs,
        )
    return f"The same after {2 * half * rounds:,} batches."


def _in_a_loop(metric, inputs, half):
    """A function that feeds each sample some times, and gives the result."""
    constants = tensors(inputs)
    short = any(v.dtype in SHORT_INTEGERS for v in metric.variables)
    width = 64 if short else 1

    @tf.function(autograph=False)
    def loop(rounds):
        def body(step):
            place = step % half + half * tf.cast(step >= half * rounds, "int32")
            places = tf.repeat(place, width)
            metric.update_state(*[tf.gather(x, places) for x in constants])
            return step + 1

        tf.while_loop(lambda step: step < 2 * half * rounds, body, [0])

    def run(rounds):
        metric.reset_state()
        loop(tf.constant(rounds))
        return metric.result()

    return run


def _after_many(subject, inputs, half, rounds, once):
    """The value after many rounds, as far as possible without running them.

    A mean stays what it is and a sum grows; only of others large batches say
    what comes out.
    """
    halves = part(inputs, 0, half), part(inputs, half, 2 * half)

    def repeated(times):
        return [
            np.concatenate([array for array in arrays for _ in range(times)])
            for arrays in zip(*halves, strict=True)
        ]

    twice = fed(subject.fresh(), repeated(2), (0, 4 * half))
    if difference(twice, once) is None:
        return once
    many = tf.nest.map_structure(lambda value: rounds * value, once)
    if difference(twice, tf.nest.map_structure(lambda v: 2 * v, once)) is None:
        return many
    total = 2 * half * rounds
    split = [*range(0, total, AT_ONCE), total]
    return fed(subject.fresh(), repeated(rounds), split)


# --- Far from zero -----------------------------------------------------------


def keeps_its_digits(subject):
    """Prices in cents, and years, are numbers far from zero.

    The difference of two large sums keeps none of its digits in float32. Tried
    where the value stays if all inputs grow alike.
    """
    inputs = _spread(subject)
    unit = np.std(inputs[0]) if subject.given else 1
    for shift in np.float32(SHIFTS) * np.float32(unit):
        far = [array + shift for array in inputs]
        near = [array - shift for array in far]  # exact: rounded once
        expected = _value_that_no_shift_changes(subject, near, unit)
        seen = subject.compute(subject.fresh(), *far)
        if subject.difference(seen, expected, 5e-2):
            what = "targets and predictions" if len(far) == 2 else "all values"
            value = arrays_of(expected)[0].flat[0]
            raise Broken(
                f"It gives {number(value)}, and with {shift:,.0f} added to "
                f"{what} another value, of rounding alone.",
                "Subtract before you square and add up: keep a running mean "
                "and the sum of squares around it, as Welford's method does, "
                'or give the sums `dtype="float64"`.',
                far,
            )
    return f"The same with {shift:,.0f} added to all inputs."


def _value_that_no_shift_changes(subject, inputs, unit):
    value = value_or_none(subject, *inputs)
    if value is None or not is_finite(value):
        raise NotApplicable("It does not take all real numbers.")
    for times in (1, 30):  # a threshold may be some steps away
        moved = [array + np.float32(times * unit) for array in inputs]
        other = value_or_none(subject, *moved)
        if other is None or difference(other, value, 1e-3 * times**0.5):
            raise NotApplicable("It changes where all its inputs grow alike.")
    sizes = [np.max(np.abs(array), initial=0) for array in arrays_of(value)]
    if max(sizes) < LEAST_VALUE:
        raise NotApplicable("Its value is too close to 0 to tell.")
    return value


def _spread(subject):
    """Real numbers; the predictions among them are close to the targets."""
    inputs = subject.examples[0]
    if any(array.dtype.kind != "f" for array in inputs):
        raise NotApplicable("It takes no real numbers.")
    if subject.given:
        return inputs
    random = np.random.default_rng(4)
    shape = (40, *inputs[0].shape[1:])
    y_true, noise = random.normal(size=(2, *shape)).astype("float32")
    return [y_true, y_true + noise / 2][: len(inputs)]


# --- In half precision -------------------------------------------------------


def adds_up_beyond_float16(subject):
    """Under `mixed_float16` predictions are `float16`, which ends at 65504.

    The values of some thousand samples add up to more than that.
    """
    if subject.computes_in_low_precision:
        raise NotApplicable("It was told to compute in float16.")
    inputs = subject.examples[0]
    if len(inputs) != 2 or inputs[0].shape != inputs[1].shape:
        raise NotApplicable("Its targets are classes.")
    times = -(-3000 // len(inputs[0]))
    if times * inputs[0].size > MANY_NUMBERS:
        raise NotApplicable("3000 of its samples are too many numbers.")
    y_true = np.concatenate([inputs[0]] * times).astype("float32")
    values = [
        value_or_none(subject, y_true, _half(y_true + error).astype("float32"))
        for error in np.float32((3, 10, 30))
    ]
    if any(value is None or not is_finite(value) for value in values):
        raise NotApplicable("It does not take all real numbers.")
    sizes = [sum(np.abs(a).sum() for a in arrays_of(value)) for value in values]
    if not 1.2 * sizes[0] < sizes[1] < sizes[2] / 1.2:
        raise NotApplicable("It does not grow with the errors.")
    y_pred = _half(y_true + 30)
    seen = value_or_none(subject, *tensors((y_true, y_pred)))
    if seen is None:
        raise NotApplicable("It takes no float16: see works_in_mixed_float16.")
    if text := subject.difference(seen, values[-1], 2e-2):
        raise Broken(
            f"With {len(y_true)} predictions in float16 and errors of 30 it "
            f"gives {text}, which it gives in float32.",
            "Convert before you add up: `values = ops.cast(values, "
            "self.dtype)`.",
            (y_true, y_pred),
        )
    return f"Right for {len(y_true)} errors of 30."


def _half(array):
    return array.astype("float16")
