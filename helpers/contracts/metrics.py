"""What a metric must do, as a class or as a function."""

import functools
import inspect

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import arguments, sums
from helpers.contracts.copies import copy_of
from helpers.contracts.losses import identity
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    arrays_of,
    difference,
    is_finite,
    or_not_applicable,
    tensors,
)
from helpers.contracts.sums import fed, part, value_or_none

SAMPLES = 12
ALONE = 24
SPLITS = ((0, 7, 11, 12), (0, 1, 12))
STATE_IN_WEIGHTS = (
    "Create it in `__init__` with `self.total = self.add_weight(shape=(), "
    'initializer="zeros", name="total")`, and change it with '
    "`self.total.assign_add(...)`."
)
SUMS_IN_WEIGHTS = (
    "Write a Metric that adds up sums in `update_state`, such as `total` and "
    "`count`, and divides only in `result`."
)
ONE_VALUE_PER_SAMPLE = (
    "Average over the last axis only: `return ops.mean(values, axis=-1)`. What "
    "is no mean over samples, such as a ratio or a root, is a Metric: add up "
    "sums in `update_state`, and divide in `result`."
)
WEIGH_BY_THE_MASK = (
    "The mask is True where a step counts. Multiply each value by it and "
    "divide by its sum: `weights = ops.cast(y_pred._keras_mask, self.dtype)` "
    "and `ops.sum(weights * values) / ops.sum(weights)`."
)


class MetricSubject(Subject):
    """A metric with targets and predictions that suit it."""

    kind = "metric"
    shows_its_numbers = False
    page = "metrics"
    cannot_know = (
        "whether the formula is the one that you meant (`against=` compares it "
        "with a known one); how it takes targets and predictions unlike those "
        "tried (`y_true=` and `y_pred=` try it with yours); and what it says "
        "of more than 16,777,216 samples, where a count in float32 stands "
        'still, in Keras\'s own metrics too, unless made with dtype="float64".'
    )

    def __init__(self, component, against=None, y_true=None, y_pred=None):
        super().__init__(component, against)
        self.given = arguments.checked_example(y_true, y_pred)

    def own_rules(self):
        if self.is_function:
            yield gives_one_value_per_sample
        yield sums.is_defined_without_data
        yield is_the_same_in_any_batching
        yield sums.goes_on_for_long
        yield sums.keeps_its_digits
        yield reset_clears_everything
        yield keeps_state_in_weights
        yield two_halves_merge
        yield honours_sample_weight
        yield takes_weights_as_a_column
        yield takes_fractions_as_weights
        yield heeds_the_mask
        yield counts_in_a_graph
        yield works_in_fit_and_evaluate

    def precision_rules(self):
        yield works_in_mixed_float16
        yield sums.adds_up_beyond_float16

    @property
    def is_function(self):
        return not isinstance(self.component, keras.Metric)

    @property
    def input_names(self):
        return ("y_true", "y_pred") if self.takes_targets else ("values",)

    @property
    def takes_targets(self):
        """Whether it is fed targets and predictions, not values as `Mean`."""
        if self.is_function:
            return True
        parameters = inspect.signature(self.component.update_state).parameters
        names = [
            parameter.name
            for parameter in parameters.values()
            if parameter.kind != parameter.VAR_KEYWORD
        ]
        return names[1:2] != ["sample_weight"] and len(names) != 1

    @property
    def computes_in_low_precision(self):
        """Whether it was told to, by its `dtype`."""
        dtype = str(getattr(self.component, "dtype", ""))
        return dtype in ("float16", "bfloat16")

    def difference(self, seen, expected, tolerance=1e-4):
        if self.computes_in_low_precision:
            tolerance = max(tolerance, 5e-2)
        return super().difference(seen, expected, tolerance)

    @property
    def takes_weights(self):
        """Whether it may be given `sample_weight`."""
        if self.is_function:  # one number for a batch cannot be weighed
            return _shape_of_values(self, self.examples[0]) != ()
        parameters = inspect.signature(self.component.update_state).parameters
        return "sample_weight" in parameters or any(
            parameter.kind == parameter.VAR_KEYWORD
            for parameter in parameters.values()
        )

    @functools.cached_property
    def by_value(self):
        """The places of a few samples, those with the smallest value first.

        Some halves of the samples have the same value, and these have not.
        """
        inputs = self.examples[0]
        places = np.arange(min(len(inputs[0]), ALONE))
        alone = [
            value_or_none(self, *part(inputs, place, place + 1))
            for place in places
        ]
        if any(value is None or not is_finite(value) for value in alone):
            return places
        sizes = [sum(a.sum() for a in arrays_of(value)) for value in alone]
        targets = [np.sum(inputs[0][place]) for place in places]
        return places[np.lexsort((targets, sizes))]

    def fresh(self):
        if self.is_function:
            return keras.metrics.MeanMetricWrapper(
                self.component, name="metric"
            )
        copy = copy_of(self.component)
        if copy is self.component:  # there was no way to make another one
            copy.reset_state()
        return copy

    def candidates(self):
        """Several kinds of targets; a metric accepts some of them."""
        if self.given:
            yield self.given
            return
        random = np.random.default_rng(0)
        yes_or_no = random.integers(0, 2, (SAMPLES, 1)).astype("float32")
        shares = random.uniform(size=(SAMPLES, 3)).astype("float32")
        shares /= shares.sum(axis=1, keepdims=True)
        real = random.normal(size=(2, SAMPLES, 1)).astype("float32")
        if not self.takes_targets:
            yield (real[0, :, 0],)
            return
        yield yes_or_no, shares[:, :1]
        yield np.eye(3, dtype="float32")[random.integers(0, 3, SAMPLES)], shares
        yield random.integers(0, 3, SAMPLES), shares
        yield yes_or_no, random.integers(0, 2, (SAMPLES, 1)).astype("float32")
        yield real[0], real[1]

    def find_examples(self):
        """The first inputs on which the metric looks at what is predicted."""
        examples = super().find_examples()
        for inputs in examples:
            if not self.takes_targets:
                break
            value = self.compute(self.fresh(), *inputs)
            y_true, y_pred = inputs
            other = self.compute(self.fresh(), y_true, np.roll(y_pred, 1, 0))
            if difference(value, other):
                return [inputs]
        return examples[:1]

    def compute(self, component, *inputs):
        component.reset_state()
        component.update_state(*inputs)
        return component.result()

    def reference(self):
        if isinstance(self.against, keras.Metric):
            return copy_of(self.against)
        return keras.metrics.MeanMetricWrapper(self.against)

    def differentiable(self, inputs):
        return []

    def model_with(self, component, inputs):
        if not self.takes_targets:
            raise NotApplicable("It takes no targets, so no model can hold it.")
        model = identity(inputs[1])
        given = self.component if self.is_function else component
        model.compile("sgd", loss=no_loss, metrics=[given], run_eagerly=True)
        return model

    def outputs_of(self, model, inputs):
        logs = model.test_on_batch(inputs[1], inputs[0], return_dict=True)
        return [value for name, value in logs.items() if name != "loss"]

    def component_in(self, model):
        # Keras keeps the metrics of `compile` in a metric of its own.
        kept = [
            m for each in model.metrics for m in getattr(each, "metrics", ())
        ]
        kind = type(self.component)
        return next((m for m in kept if isinstance(m, kind)), None)

    def state(self, component):
        return [variable.numpy() for variable in component.variables]


@keras.saving.register_keras_serializable(package="helpers")
def no_loss(y_true, y_pred):
    """For a model of which only the metrics matter."""
    return 0 * ops.mean(ops.reshape(y_pred, (ops.shape(y_pred)[0], -1)), -1)


# --- Batches and states ------------------------------------------------------


def gives_one_value_per_sample(subject):
    """Keras averages what a function gives over the samples of all batches."""
    inputs = subject.examples[0]
    shape = _shape_of_values(subject, inputs)
    samples = len(inputs[0])
    if shape == ():
        raise Broken(
            f"It gives one number for the {samples} samples together.",
            ONE_VALUE_PER_SAMPLE,
        )
    if shape[0] != samples:
        raise Broken(
            f"For {samples} samples it gives values of shape {shape}.",
            ONE_VALUE_PER_SAMPLE,
        )


def _shape_of_values(subject, inputs):
    return tuple(np.shape(subject.component(*tensors(inputs))))


def is_the_same_in_any_batching(subject):
    """The value of an epoch must not depend on how it was cut into batches."""
    for inputs in subject.examples:
        samples = len(inputs[0])
        whole = fed(subject.fresh(), inputs, (0, samples))
        for split in SPLITS:
            split = sorted({*(min(p, samples) for p in split), samples})
            if text := subject.difference(
                fed(subject.fresh(), inputs, split), whole
            ):
                sizes = [str(n) for n in np.diff(split)]
                raise Broken(
                    f"In batches of {', '.join(sizes)} it gives {text} for all "
                    "at once.",
                    SUMS_IN_WEIGHTS,
                )
        backwards = [part[::-1] for part in inputs]
        seen = fed(subject.fresh(), backwards, (0, samples // 3, samples))
        if text := subject.difference(seen, whole):
            raise Broken(f"In reversed order it gives {text}.", SUMS_IN_WEIGHTS)
        split = (0, samples // 2, samples)
        seen = fed(subject.fresh(), inputs, split, asked=True)
        if text := subject.difference(seen, whole):
            raise Broken(
                "Asked for its result after each batch, as `fit` does, it "
                f"gives {text} at the end.",
                "`result` must change nothing: only `update_state` and "
                "`reset_state` assign to weights.",
            )
    return "The same at once, in batches and in reversed order."


def reset_clears_everything(subject):
    """Keras resets at each epoch; what stays behind grows into the next."""
    for inputs in subject.examples:
        half = len(inputs[0]) // 2
        first, second = part(inputs, 0, half), part(inputs, half, None)
        fresh, used = subject.fresh(), subject.fresh()
        start = subject.state(fresh)
        used.update_state(*first)
        used.reset_state()
        made_at_once = len(start) == len(used.variables)
        text = difference(subject.state(used), start) if made_at_once else None
        if text:
            raise Broken(
                f"After `reset_state` a weight is {text}.",
                "Write `reset_state`, and give each weight its first value: "
                "`self.total.assign(0.0)`.",
            )
        for metric in (fresh, used):
            metric.update_state(*second)
        if text := subject.difference(used.result(), fresh.result()):
            raise Broken(
                f"After `reset_state` and a new batch it gives {text}.",
                "Keep all state in weights, which `reset_state` sets to zero. "
                + STATE_IN_WEIGHTS,
            )


def keeps_state_in_weights(subject):
    """State in Python is lost in graphs, in files and on other devices."""
    inputs = subject.examples[-1]
    half = len(inputs[0]) // 2
    metric, other = subject.fresh(), subject.fresh()
    metric.update_state(*part(inputs, 0, half))
    if len(metric.variables) == 0:
        raise Broken(
            "It has no weights to keep its state in.", STATE_IN_WEIGHTS
        )
    if len(other.variables) < len(metric.variables):  # made by an update
        other.update_state(*part(inputs, half, half + 2))
    for there, here in zip(other.variables, metric.variables, strict=True):
        there.assign(here)
    if text := subject.difference(other.result(), metric.result()):
        raise Broken(
            f"Another one with the same weights gives {text}: some of the "
            "state is not in weights.",
            STATE_IN_WEIGHTS,
        )
    for each in (metric, other):
        each.update_state(*part(inputs, half, None))
    if text := subject.difference(other.result(), metric.result()):
        raise Broken(
            f"Another one that goes on from the same weights gives {text}.",
            STATE_IN_WEIGHTS,
        )
    return f"{len(metric.variables)} weights."


def two_halves_merge(subject):
    """On two devices each sees a half, and Keras merges their weights."""
    for inputs in subject.examples:
        # Halves with equal values might merge by chance
        inputs = [array[subject.by_value] for array in inputs]
        half = len(inputs[0]) // 2
        one, two, both = _fed_with_halves(subject, inputs)
        for here, there in zip(one.variables, two.variables, strict=True):
            if here.aggregation == "mean":
                here.assign((here + there) / 2)
            elif here.aggregation in ("sum", None):
                here.assign(here + there)
        if text := subject.difference(one.result(), both.result()):
            if reason := _why_it_cannot_merge(subject, inputs):
                raise NotApplicable(
                    f"{reason}. On one device it may be right; on several, "
                    f"where Keras adds up the weights, two halves give {text}."
                )
            raise Broken(
                f"Two halves of {half} samples, with their weights added, give "
                f"{text}.",
                SUMS_IN_WEIGHTS
                + " If it never runs on several devices, say so: "
                '`skip={"two_halves_merge": "one device"}`.',
                inputs,
            )
    return "Halves that were counted apart add up."


def _fed_with_halves(subject, inputs):
    half = len(inputs[0]) // 2
    one, two, both = subject.fresh(), subject.fresh(), subject.fresh()
    one.update_state(*part(inputs, 0, half))
    two.update_state(*part(inputs, half, None))
    both.update_state(*inputs)
    return one, two, both


def _why_it_cannot_merge(subject, inputs):
    """What it keeps, in words, if no sums could replace it; or None."""
    one, two, both = (
        subject.state(metric) for metric in _fed_with_halves(subject, inputs)
    )
    for here, there, together in zip(one, two, both, strict=True):
        if difference(here + there, together) is None:
            continue
        for extreme in (np.maximum, np.minimum):
            if difference(extreme(here, there), together) is None:
                return "It keeps a largest or a smallest value"
    fresh = subject.state(subject.fresh())
    if len(fresh) == len(one):
        for start, here, together in zip(fresh, one, both, strict=True):
            filled = np.sum(here != start)
            if (
                filled >= len(inputs[0]) // 2
                and np.sum(together != start) == 2 * filled
            ):
                return "It keeps the samples themselves"
    if all(array.dtype.kind == "f" for array in inputs):
        moved = subject.fresh()
        moved.update_state(*[array + np.float32(8) for array in inputs])
        for before, after in zip(both, subject.state(moved), strict=True):
            if difference(after - before, np.full_like(before, 8)) is None:
                return (
                    "It keeps a running mean of its inputs, as Welford's "
                    "method does, which loses no digits far from zero"
                )
    return None


def counts_in_a_graph(subject):
    """In `fit` a graph runs `update_state`: what it changes must be weights."""
    inputs = subject.examples[0]
    half = len(inputs[0]) // 2
    eager, metric = subject.fresh(), subject.fresh()
    update = tf.function(metric.update_state, autograph=False)
    for batch in (part(inputs, 0, half), part(inputs, half, 2 * half)):
        update(*tensors(batch))
        eager.update_state(*batch)
    if text := subject.difference(metric.result(), eager.result()):
        raise Broken(
            f"After two batches in a graph it gives {text}.", STATE_IN_WEIGHTS
        )


# --- Weights and masks -------------------------------------------------------


def honours_sample_weight(subject):
    """A weight of 0 must leave a sample out, and 2 must count it twice."""
    if not subject.takes_weights and subject.is_function:
        raise NotApplicable("Its values are none of samples.")
    if not subject.takes_weights:
        raise Broken(
            "`update_state` takes no `sample_weight`.",
            "Write `def update_state(self, y_true, y_pred, "
            "sample_weight=None)`, and use the weights.",
            (),
        )
    for inputs in subject.examples:
        for what, weights, chosen, instead in _weights_and_samples(
            subject, inputs
        ):
            by_hand, metric = subject.fresh(), subject.fresh()
            by_hand.update_state(*[array[chosen] for array in inputs])
            expected = by_hand.result()
            if not is_finite(expected):
                continue  # too few samples for it
            metric.update_state(*inputs, sample_weight=weights)
            if text := subject.difference(metric.result(), expected):
                raise Broken(
                    f"{what} give {text}, the value with these samples "
                    f"{instead}.",
                    "Multiply each sample by its weight, and divide by the sum "
                    "of the weights: `ops.sum(values * sample_weight) / "
                    "ops.sum(sample_weight)`; a function returns one value "
                    "per sample.",
                    inputs,
                )


def _weights_and_samples(subject, inputs):
    """Weights, the samples that give the same without any, and how."""
    samples = np.arange(len(inputs[0]))
    keep = samples % 3 != 0
    yield (
        "Weights of 0 for every third",
        keep.astype("float32"),
        samples[keep],
        "left out",
    )
    twice = np.concatenate([samples, samples[keep]])
    yield (
        "Weights of 2 for all but every third",
        1 + keep.astype("float32"),
        twice,
        "repeated",
    )
    if inputs is subject.examples[0]:
        # What is in the middle, a median for one, shows only where few count
        few = np.isin(samples, subject.by_value[-3:])
        few_weights = few.astype("float32")
        yield f"Weights of 0 for all but {few.sum()}", few_weights, few, "alone"


def takes_weights_as_a_column(subject):
    """Weights often come as a column, of shape `(n, 1)`.

    With values of shape `(n,)` they make a square: all pairs are counted.
    """
    if not subject.takes_weights:
        raise NotApplicable("It takes no weights.")
    inputs = subject.examples[0]
    weights = np.linspace(0, 2, len(inputs[0])).astype("float32")
    flat, column = subject.fresh(), subject.fresh()
    with or_not_applicable(
        f"With weights of shape {weights.shape} it raises: see "
        "honours_sample_weight."
    ):
        flat.update_state(*inputs, sample_weight=weights)
    try:
        column.update_state(*inputs, sample_weight=weights[:, None])
        seen = column.result()
    except Exception:  # which is clear enough, too
        return f"Weights of shape {weights[:, None].shape} are refused."
    if text := subject.difference(seen, flat.result()):
        raise Broken(
            f"Weights from 0 to 2, of shape {weights[:, None].shape}, give "
            f"{text}, which they give as {weights.shape}.",
            "With values of shape `(n,)` they pair every sample with every "
            "other: bring them to the shape of the values first, `ops.reshape("
            "sample_weight, ops.shape(values))`.",
        )
    return "The same for weights of shape (n,) and (n, 1)."


def takes_fractions_as_weights(subject):
    """A count of whole numbers makes nothing of a weight of a half.

    Where all weights may be doubled, they may be halved.
    """
    for inputs in subject.examples:
        # Halves of them have fractions, and their sum has one; they are 1.5
        # and more, as a division may be guarded by a divisor of 1 at least.
        weights = np.resize([3, 5, 9], len(inputs[0])).astype("float32")
        weights[0] += 1 - weights.sum() % 2
        values = []
        for factor in np.float32((1, 2, 0.5)):
            values.append(value_or_none(subject, *inputs, factor * weights))
        once, doubled, halved = values
        if any(value is None for value in values):
            raise NotApplicable("It takes no weights.")
        if difference(doubled, once, 1e-5):
            subject.must_repeat()
            raise NotApplicable("Its value grows with the weights.")
        if text := subject.difference(halved, once, 1e-3):
            raise Broken(
                f"With weights such as 2.5 and 4.5 it gives {text}, which it "
                "gives with twice these weights.",
                "Add up the weights as they are, in a weight of "
                '`dtype="float32"`: int32 cuts what is behind the point.',
            )


def heeds_the_mask(subject):
    """Steps that `Masking` hides are padding: they must not count.

    Predictions bring their mask along, as `y_pred._keras_mask`.
    """
    y_true, y_pred, mask = _series(subject)

    def value(y_true, y_pred, mask=None, *weights):
        y_pred = tf.convert_to_tensor(y_pred)
        if mask is not None:
            y_pred._keras_mask = tf.constant(mask)
        return value_or_none(subject, y_true, y_pred, *weights)

    hidden = ~mask.reshape(*mask.shape, *[1] * (y_pred.ndim - 2))
    other = np.where(hidden, np.roll(y_pred, 1, axis=0), y_pred)
    bare, bare_other = value(y_true, y_pred), value(y_true, other)
    if bare is None or not is_finite(bare):
        raise NotApplicable("It takes no series.")
    seen, seen_other = value(y_true, y_pred, mask), value(y_true, other, mask)
    if seen is None:
        raise NotApplicable(
            "With a mask of steps it raises: it is one for whole samples."
        )
    inputs = y_true, y_pred, mask
    where = f"{np.sum(~mask)} of {mask.size} steps are hidden"
    if not difference(seen, bare) and not difference(seen_other, bare_other):
        if not difference(bare, bare_other):
            raise NotApplicable("Hidden steps made no difference to see.")
        _counts_hidden_steps(subject, where, inputs[:2])
    if text := subject.difference(seen_other, seen):
        raise Broken(
            f"{where}: with other predictions there it gives {text}.",
            WEIGH_BY_THE_MASK,
            inputs[:2],
        )
    longer = [np.concatenate([array, array[:, :1]], 1) for array in inputs]
    longer[-1][:, -1] = False
    if text := subject.difference(value(*longer), seen):
        raise Broken(
            f"{where}: with one more that is hidden, it gives {text}.",
            WEIGH_BY_THE_MASK,
            inputs[:2],
        )
    ones = np.ones(mask.shape, "float32")
    bare_weighted = value(y_true, y_pred, None, ones)
    weighted = value(y_true, y_pred, mask, ones)
    if bare_weighted is None or difference(bare_weighted, bare):
        return "Hidden steps do not count."  # it takes no weights for steps
    if weighted is not None and (text := subject.difference(weighted, seen)):
        raise Broken(
            f"{where}: weights of 1 for all give {text}, the value without "
            "weights.",
            "Heed both: `sample_weight = sample_weight * ops.cast("
            "y_pred._keras_mask, self.dtype)`.",
            inputs[:2],
        )
    return "Hidden steps do not count, with weights neither."


def _series(subject):
    """Targets, predictions and a mask that hides the last steps of some."""
    inputs = subject.examples[0]
    if len(inputs) != 2:
        raise NotApplicable("It takes no targets and predictions.")
    if inputs[1].ndim > 3:
        raise NotApplicable("It is for images, which have no steps to hide.")
    if inputs[1].ndim < 3:
        inputs = [
            np.stack([np.roll(array, by, axis=0) for by in range(3)], 1)
            for array in inputs
        ]
    y_true, y_pred = inputs
    samples, steps = y_pred.shape[:2]
    if steps < 2 or y_true.shape[1:2] != (steps,):
        raise NotApplicable("It has no steps to hide.")
    mask = np.arange(steps) < 1 + np.arange(samples)[:, None] % steps
    return y_true, y_pred, mask


def _counts_hidden_steps(subject, where, inputs):
    if isinstance(subject.component, keras.metrics.MeanMetricWrapper):
        raise Broken(
            f"{where}, and count; its base class leaves them out.",
            "Pass `y_pred` on to `super().update_state` as it came, or its "
            "mask as weights: `sample_weight = y_pred._keras_mask`. What "
            "`keras.ops` makes of a tensor has no mask.",
            inputs,
        )
    raise NotApplicable(
        "It counts hidden steps too, as Keras's own `Precision` and `AUC` do. "
        "To leave them out, multiply the weights by `y_pred._keras_mask`."
    )


# --- In `fit`, and in half precision -----------------------------------------


def works_in_fit_and_evaluate(subject):
    """In `fit` the metric runs in graphs, over batches and epochs."""
    if not subject.takes_targets:
        raise NotApplicable("It takes no targets, so no model can hold it.")
    inputs = subject.examples[0]
    y_true, y_pred = inputs
    expected = subject.compute(subject.fresh(), *inputs)
    model = identity(y_pred)
    given = subject.component if subject.is_function else subject.fresh()
    model.compile("sgd", loss=no_loss, metrics=[given], jit_compile=False)
    batches = {"batch_size": 5, "verbose": 0, "shuffle": False}
    epochs = model.fit(y_pred, y_true, epochs=2, **batches).history
    batches.pop("shuffle")
    logs = model.evaluate(y_pred, y_true, return_dict=True, **batches)
    if not isinstance(expected, dict):
        names = [name for name in logs if name != "loss"]
        expected = dict.fromkeys(names, expected)
    for name, value in expected.items():
        for what, seen in (
            ("In `evaluate`", logs[name]),
            ("In the first epoch of `fit`", epochs[name][0]),
            ("In the second epoch of `fit`", epochs[name][1]),
        ):
            if text := subject.difference(seen, value):
                raise Broken(
                    f"{what} it gives {text} by hand.", SUMS_IN_WEIGHTS
                )
    return "The same in both epochs of `fit`, in `evaluate` and by hand."


def works_in_mixed_float16(subject):
    """Under `mixed_float16` predictions are `float16`, targets are not."""
    inputs = subject.examples[0]
    expected = subject.compute(subject.fresh(), *tensors(inputs))
    rounded = (*inputs[:-1], np.asarray(inputs[-1]).astype("float16"))
    seen = subject.compute(subject.fresh(), *tensors(rounded))
    if text := subject.difference(seen, expected, 2e-2):
        raise Broken(
            f"With predictions in float16 it gives {text}.",
            "Convert both first: `y_pred = ops.cast(y_pred, self.dtype)`.",
            rounded,
        )
