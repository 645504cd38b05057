"""What a metric must do, as a class or as a function."""

import inspect
import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from helpers.contracts import arguments
from helpers.contracts.copies import copy_of
from helpers.contracts.losses import identity
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Stop,
    Subject,
    arrays_of,
    difference,
    is_finite,
    number,
    tensors,
)

SAMPLES = 12
BATCHES = 300
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


class MetricSubject(Subject):
    """A metric with targets and predictions that suit it."""

    kind = "metric"
    shows_its_numbers = False
    page = "metrics"
    input_names = ("y_true", "y_pred")
    cannot_know = (
        "whether the formula is the one you meant; `against=` compares it with "
        "one that is known to be right. And what it says of more than "
        "16,777,216 samples: there a count in float32 stands still, as it does "
        "in Keras's own metrics."
    )

    def __init__(self, component, against=None, y_true=None, y_pred=None):
        super().__init__(component, against)
        self.given = arguments.checked_example(y_true, y_pred)

    def own_rules(self):
        if self.is_function:
            yield gives_one_value_per_sample
        yield is_defined_without_data
        yield is_the_same_in_any_batching
        yield goes_on_for_long
        yield keeps_its_digits
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

    @property
    def is_function(self):
        return not isinstance(self.component, keras.Metric)

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


def _part(inputs, begin, end):
    return [part[begin:end] for part in inputs]


def _fed(metric, inputs, split, asked=False):
    """The result after the batches between the numbers in `split`.

    If `asked`, for the result after each batch too, as `fit` does.
    """
    metric.reset_state()
    for begin, end in itertools.pairwise(split):
        metric.update_state(*_part(inputs, begin, end))
        for _ in range(2 if asked else 0):
            metric.result()
    return metric.result()


# --- The rules ---------------------------------------------------------------


def gives_one_value_per_sample(subject):
    """Keras averages what a function gives over the samples of all batches."""
    inputs = subject.examples[0]
    values = tf.convert_to_tensor(subject.component(*tensors(inputs)))
    if values.shape[:1] != (len(inputs[0]),):
        raise Broken(
            f"For {len(inputs[0])} samples it gives values of shape "
            f"{tuple(values.shape)}.",
            "Average over the last axis only, `ops.mean(..., axis=-1)`. What "
            "is no mean over samples needs a class with sums as its weights.",
        )


def is_defined_without_data(subject):
    """Before the first batch a progress bar shows it, and a file keeps it.

    Keras's own metrics say 0. A score must not say that all is perfect.
    """
    metric = subject.fresh()
    for inputs in subject.examples:
        metric.update_state(*inputs)  # some make their weights here
    metric.reset_state()
    value = metric.result()
    hint = (
        "Divide with `ops.divide_no_nan(self.total, self.count)`, which gives "
        "0 for 0 / 0, as Keras's own metrics do."
    )
    if not is_finite(value):
        raise Broken("Without any data it is NaN or infinite.", hint, ())
    perfect = _perfect(subject)
    if (
        perfect is not None
        and np.any(arrays_of(perfect)[0])
        and difference(value, perfect) is None
    ):
        raise Broken(
            f"Without any data it is {number(np.max(perfect))}, as for perfect "
            "predictions.",
            hint,
            (),
        )
    if all(np.ndim(array) == 0 for array in arrays_of(value)):
        said = ", ".join(number(array) for array in arrays_of(value))
        return f"Without any data it is {said}."


def _perfect(subject):
    """What it gives where predictions equal targets, if one number."""
    inputs = subject.examples[0]
    if len(inputs) != 2 or inputs[0].shape != inputs[1].shape:
        return None
    try:
        value = subject.compute(subject.fresh(), inputs[0], inputs[0])
        imperfect = subject.compute(subject.fresh(), *inputs)
    except Stop:
        raise
    except Exception:  # the reader's code: it may refuse such predictions
        return None
    if isinstance(value, dict) or difference(value, imperfect) is None:
        return None
    return value


def is_the_same_in_any_batching(subject):
    """The value of an epoch must not depend on how it was cut into batches."""
    for inputs in subject.examples:
        samples = len(inputs[0])
        whole = _fed(subject.fresh(), inputs, (0, samples))
        for split in SPLITS:
            split = sorted({min(place, samples) for place in split})
            if text := subject.difference(
                _fed(subject.fresh(), inputs, split), whole
            ):
                sizes = [str(n) for n in np.diff(split)]
                raise Broken(
                    f"In batches of {', '.join(sizes)} it gives {text} for all "
                    "at once.",
                    SUMS_IN_WEIGHTS,
                )
        backwards = [part[::-1] for part in inputs]
        seen = _fed(subject.fresh(), backwards, (0, samples // 3, samples))
        if text := subject.difference(seen, whole):
            raise Broken(f"In reversed order it gives {text}.", SUMS_IN_WEIGHTS)
        split = (0, samples // 2, samples)
        seen = _fed(subject.fresh(), inputs, split, asked=True)
        if text := subject.difference(seen, whole):
            raise Broken(
                "Asked for its result after each batch, as `fit` does, it "
                f"gives {text} at the end.",
                "`result` must change nothing: only `update_state` and "
                "`reset_state` assign to weights.",
            )
    return "The same at once, in batches and in reversed order."


def goes_on_for_long(subject):
    """A validation set has thousands of samples, and the first ones count.

    It is fed 300 batches: the same as all at once, the last ones first.
    """
    inputs = subject.examples[0]
    other = _with_other_predictions(inputs)
    metric, at_once = subject.fresh(), subject.fresh()
    metric.update_state(*_part(inputs, 0, 2))  # some make their weights here
    metric.reset_state()
    update = tf.function(metric.update_state, autograph=False)
    try:
        for batch in (inputs, other):
            batch = tensors(batch)
            for _ in range(BATCHES // 2):
                update(*batch)
        seen = metric.result()
    except Stop:
        raise
    except Exception:
        raise NotApplicable("It does not run in a graph.") from None
    at_once.update_state(
        *(
            np.concatenate([last] * (BATCHES // 2) + [first] * (BATCHES // 2))
            for first, last in zip(inputs, other, strict=True)
        )
    )
    if text := subject.difference(seen, at_once.result(), 1e-3):
        raise Broken(
            f"After {BATCHES} batches of {len(inputs[0])} it gives {text}, the "
            "value of the same samples at once.",
            "Keep sums of all samples, in float32 or int32: no last ones, and "
            "no dtype that is soon full.",
        )


def _with_other_predictions(inputs):
    """The same predictions for other samples, so that the value differs."""
    if len(inputs) == 1:
        return [2 * inputs[0]]
    return [inputs[0], np.roll(inputs[1], 1, axis=0)]


def keeps_its_digits(subject):
    """Prices in cents and years are numbers far from zero.

    A difference of two large sums keeps none of its digits in float32. Tried
    where the value does not change if targets and predictions move alike.
    """
    if subject.given:
        raise NotApplicable("Tried only with targets of our own.")
    text, inputs = _far_from_zero(subject)
    if text:
        raise Broken(
            f"With 10,000 added to targets and predictions it gives {text}, "
            "which it gives without.",
            "Subtract before you square and add up: keep a running mean and "
            "the squares around it, as Welford's method does. Such a mean no "
            "longer merges by adding, so that it is for one device.",
            inputs,
        )


def _far_from_zero(subject):
    """How 10,000 added to all changes the value, and to what it was added.

    Raises:
        NotApplicable: If the value is not one that should stay.
    """
    first = subject.examples[0]
    if len(first) != 2 or first[0].shape != first[1].shape:
        raise NotApplicable("Tried only with targets like the predictions.")
    random = np.random.default_rng(4)
    shape = (40, *first[0].shape[1:]) if subject.given else (40, 1)
    y_true = random.normal(size=shape).astype("float32")
    y_pred = y_true + random.normal(size=shape).astype("float32") / 2
    values = [
        _value_or_none(subject, y_true + shift, y_pred + shift)
        for shift in np.float32((0, 1, 30, 10_000))
    ]
    if any(value is None for value in values) or not is_finite(values[:3]):
        raise NotApplicable("It does not take every real number.")
    near, *moved, far = values
    size = max(np.max(np.abs(array), initial=0) for array in arrays_of(near))
    if size < 1e-2 or any(difference(value, near, 1e-3) for value in moved):
        raise NotApplicable(
            "It changes where targets and predictions grow alike."
        )
    text = subject.difference(far, near, 5e-2)
    return text, (y_true + 10_000, y_pred + 10_000)


def _value_or_none(subject, *inputs):
    try:
        return subject.compute(subject.fresh(), *inputs)
    except Stop:
        raise
    except Exception:  # the reader's code: it may refuse such numbers
        return None


def reset_clears_everything(subject):
    """Keras resets at each epoch; what stays behind grows into the next."""
    for inputs in subject.examples:
        half = len(inputs[0]) // 2
        first, second = _part(inputs, 0, half), _part(inputs, half, None)
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
    metric.update_state(*_part(inputs, 0, half))
    if len(metric.variables) == 0:
        raise Broken(
            "It has no weights to keep its state in.", STATE_IN_WEIGHTS
        )
    if len(other.variables) < len(metric.variables):  # made by an update
        other.update_state(*_part(inputs, half, half + 2))
    for there, here in zip(other.variables, metric.variables, strict=True):
        there.assign(here)
    if text := subject.difference(other.result(), metric.result()):
        raise Broken(
            f"Another one with the same weights gives {text}: some of the "
            "state is not in weights.",
            STATE_IN_WEIGHTS,
        )
    for each in (metric, other):
        each.update_state(*_part(inputs, half, None))
    if text := subject.difference(other.result(), metric.result()):
        raise Broken(
            f"Another one that goes on from the same weights gives {text}.",
            STATE_IN_WEIGHTS,
        )
    return f"{len(metric.variables)} weights."


def counts_in_a_graph(subject):
    """In `fit` a graph runs `update_state`: what it changes must be weights."""
    inputs = subject.examples[0]
    half = len(inputs[0]) // 2
    eager, metric = subject.fresh(), subject.fresh()
    update = tf.function(metric.update_state, autograph=False)
    for part in (_part(inputs, 0, half), _part(inputs, half, 2 * half)):
        update(*tensors(part))
        eager.update_state(*part)
    if text := subject.difference(metric.result(), eager.result()):
        raise Broken(
            f"After two batches in a graph it gives {text}.", STATE_IN_WEIGHTS
        )


def two_halves_merge(subject):
    """On two devices each sees a half, and Keras merges their weights."""
    for inputs in subject.examples:
        half = len(inputs[0]) // 2
        one, two, both = subject.fresh(), subject.fresh(), subject.fresh()
        one.update_state(*_part(inputs, 0, half))
        two.update_state(*_part(inputs, half, None))
        both.update_state(*inputs)
        for here, there in zip(one.variables, two.variables, strict=True):
            if here.aggregation == "mean":
                here.assign((here + there) / 2)
            elif here.aggregation in ("sum", None):
                here.assign(here + there)
        if text := subject.difference(one.result(), both.result()):
            if _merges_as_an_extreme(subject, inputs, both):
                raise NotApplicable(
                    "It keeps a largest or smallest value, which halves merge "
                    "by `max` or `min`. Keras adds up weights: on several "
                    "devices its value is wrong, on one it is right."
                )
            if _keeps_digits_that_sums_lose(subject, inputs):
                raise NotApplicable(
                    "It keeps running means, which have all their digits far "
                    "from zero, where sums lose them, but do not merge by "
                    "adding. Keras adds up weights: on several devices its "
                    "value is wrong, on one it is right."
                )
            raise Broken(
                f"Two halves with their weights added give {text}.",
                SUMS_IN_WEIGHTS + " Running means are for values such as a "
                "variance only, whose sums lose digits.",
            )


def _keeps_digits_that_sums_lose(subject, inputs):
    """Whether it is right on one device, and sums would not do as well.

    They do for a mean over the samples: of two halves it is the mean.
    """
    samples = len(inputs[0])
    half = samples // 2
    both, one, two = (
        _fed(subject.fresh(), inputs, split)
        for split in ((0, half, samples), (0, half), (half, samples))
    )
    at_once = _fed(subject.fresh(), inputs, (0, samples))
    if difference(both, at_once):
        return False
    mean = [
        (half * first + (samples - half) * second) / samples
        for first, second in zip(arrays_of(one), arrays_of(two), strict=True)
    ]
    if difference(mean, both) is None:
        return False
    try:
        text, _ = _far_from_zero(subject)
    except NotApplicable:
        return False
    return text is None


def _merges_as_an_extreme(subject, inputs, both):
    half = len(inputs[0]) // 2
    for extreme in (np.maximum, np.minimum):
        one, two = subject.fresh(), subject.fresh()
        one.update_state(*_part(inputs, 0, half))
        two.update_state(*_part(inputs, half, None))
        for here, there in zip(one.variables, two.variables, strict=True):
            here.assign(extreme(here.numpy(), there.numpy()))
        if difference(one.result(), both.result()) is None:
            return True
    return False


def honours_sample_weight(subject):
    """A weight of 0 must leave a sample out, and 2 must count it twice."""
    for inputs in subject.examples:
        samples = len(inputs[0])
        if not subject.is_function:
            _takes_sample_weight(subject.component)
        keep = np.arange(samples) % 3 != 0
        cases = (
            ("Weights of 0", keep.astype("float32"), np.nonzero(keep)[0]),
            (
                "Weights of 2",
                1 + keep.astype("float32"),
                np.concatenate([np.arange(samples), np.nonzero(keep)[0]]),
            ),
        )
        for what, weights, chosen in cases:
            by_hand, metric = subject.fresh(), subject.fresh()
            by_hand.update_state(*[part[chosen] for part in inputs])
            metric.update_state(*inputs, sample_weight=weights)
            if text := subject.difference(metric.result(), by_hand.result()):
                instead = "left out" if what.endswith("0") else "repeated"
                raise Broken(
                    f"{what} give {text}, the value with these samples "
                    f"{instead}.",
                    "Multiply each sample by its weight, and divide by the sum "
                    "of the weights: `ops.sum(values * sample_weight) / "
                    "ops.sum(sample_weight)`; a function returns one value "
                    "per sample.",
                )


def takes_weights_as_a_column(subject):
    """Weights often come as a column, of shape `(n, 1)`.

    With values of shape `(n,)` they make a square of all with all.
    """
    for inputs in subject.examples:
        weights = np.random.default_rng(6).uniform(size=len(inputs[0]))
        weights = weights.astype("float32")
        flat, column = subject.fresh(), subject.fresh()
        try:
            flat.update_state(*inputs, sample_weight=weights)
            column.update_state(*inputs, sample_weight=weights[:, None])
            seen = column.result()
        except Stop:
            raise
        except Exception as error:  # which is clear enough, too
            raise NotApplicable(
                f"It refuses them: {type(error).__name__}."
            ) from None
        if text := subject.difference(seen, flat.result()):
            raise Broken(
                f"Weights of shape {weights[:, None].shape} give {text}, which "
                f"those of shape {weights.shape} give.",
                "Bring them to the shape of the values first: "
                "`ops.reshape(sample_weight, ops.shape(values))`.",
            )


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
            values.append(_value_or_none(subject, *inputs, factor * weights))
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
    """Steps that `Masking` hides are no samples, whatever they weigh."""
    inputs = subject.examples[0]
    if len(inputs) != 2 or len(inputs[0]) % 2:
        raise NotApplicable("It takes no series.")
    keep = np.arange(len(inputs[0])) % 3 != 1
    series = [part.reshape(2, -1, *part.shape[1:]) for part in inputs]
    y_pred = tf.convert_to_tensor(series[1])
    y_pred._keras_mask = tf.constant(keep.reshape(2, -1))
    seen = _value_or_none(subject, series[0], y_pred)
    everything = _value_or_none(subject, *series)
    flat = subject.compute(subject.fresh(), *inputs)
    if seen is None or everything is None or difference(everything, flat):
        raise NotApplicable("It does not take each step as a sample.")
    expected = subject.compute(
        subject.fresh(), *[part[keep] for part in inputs]
    )
    if difference(seen, expected) is None:
        _heeds_it_with_weights(subject, (series[0], y_pred), everything, seen)
        return "Hidden steps do not count."
    if difference(seen, everything) is None:
        raise NotApplicable(
            "It counts hidden steps too, as Keras's own `AUC` and `Precision` "
            "do. To leave them out, pass the mask as `sample_weight`."
        )
    text = subject.difference(seen, expected)
    raise Broken(
        f"Where steps are hidden it gives {text}, the value of the others.",
        "The mask is True where a step counts: `weights = ops.cast("
        "y_pred._keras_mask, self.dtype)`.",
        series,
    )


def _heeds_it_with_weights(subject, inputs, everything, expected):
    ones = np.ones(inputs[1].shape[:2], "float32")
    without_mask = _value_or_none(subject, inputs[0], inputs[1].numpy(), ones)
    if without_mask is None or difference(without_mask, everything):
        return  # it takes no weights for steps
    seen = _value_or_none(subject, *inputs, ones)
    if seen is None:
        return
    if text := subject.difference(seen, expected):
        raise Broken(
            f"Where steps are hidden, weights of 1 for all give {text}, the "
            "value without weights.",
            "Heed both: `sample_weight = sample_weight * ops.cast("
            "y_pred._keras_mask, self.dtype)`.",
            tuple(map(np.asarray, inputs)),
        )


def _takes_sample_weight(metric):
    parameters = inspect.signature(metric.update_state).parameters
    if "sample_weight" not in parameters and not any(
        parameter.kind == parameter.VAR_KEYWORD
        for parameter in parameters.values()
    ):
        raise Broken(
            "`update_state` takes no `sample_weight`.",
            "Write `def update_state(self, y_true, y_pred, "
            "sample_weight=None)`, and use the weights.",
        )


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
        )
