"""What a layer must do with masks, which hide steps that are padding."""

import traceback

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts.explanations import describe
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    difference,
    is_finite,
    number,
    or_not_applicable,
)

FILE_OF_LAYER = keras.layers.Layer.call.__code__.co_filename


def rules():
    """The rules on masks, in the order of the report."""
    yield works_behind_a_mask
    yield passes_the_mask_on
    yield its_mask_fits_its_output
    yield ignores_hidden_steps
    yield is_finite_for_a_hidden_sample


# --- Inputs with a mask ------------------------------------------------------


def padded(subject):
    """A layer, inputs, and their mask, which hides the last steps.

    Raises:
        NotApplicable: If the inputs have no steps to hide.
    """
    (inputs,) = subject.examples[0]
    if inputs.dtype.kind != "f":
        raise NotApplicable("Its inputs are whole numbers.")
    if inputs.ndim > 3:
        raise NotApplicable(
            f"Inputs of {inputs.ndim} axes have no steps to hide."
        )
    steps = inputs.shape[1]
    if steps < 2:
        raise NotApplicable("One step alone cannot be padding.")
    # Another size than the other axes, lest a wrong axis fits by chance
    samples = next(n for n in range(4, 7) if n not in inputs.shape[1:])
    layer, (x,) = subject.ready(), subject.inputs_for(samples)
    mask = np.ones(x.shape[:2], bool)
    mask[:, -1] = False
    if steps > 2:
        mask[0, -2] = False
    with or_not_applicable(
        f"It does not take {samples} samples: see takes_any_batch_size."
    ):
        subject.call(layer, (tf.constant(x),))
    return layer, x, mask


def hiding_the_last(subject):
    """Inputs for a layer that takes a mask, with one.

    Raises:
        NotApplicable: If it takes none, or has no steps to hide.
    """
    if (
        not getattr(subject.component, "_call_has_mask_arg", False)
        or len(subject.shapes) > 1
    ):
        raise NotApplicable("Its `call` takes no mask.")
    _, x, mask = subject.padded
    return (_with_mask(x, mask),)


def _with_mask(x, mask):
    """Inputs with a mask, such as `Masking` attaches."""
    x = tf.constant(x)
    x._keras_mask = tf.constant(mask)
    return x


def _outputs(subject, layer, x, mask=None, training=False):
    """What it gives for inputs, with a mask or without."""
    x = tf.constant(x) if mask is None else _with_mask(x, mask)
    return tf.nest.flatten(subject.call(layer, (x,), training))


def masked_outputs(subject):
    """What the layer of `padded` gives for the inputs with their mask.

    Raises:
        NotApplicable: If it raises with a mask.
    """
    layer, x, mask = subject.padded
    with or_not_applicable("It takes no mask: see works_behind_a_mask."):
        return _outputs(subject, layer, x, mask)


def _mask_of(output):
    mask = getattr(output, "_keras_mask", None)
    return None if mask is None else np.asarray(mask)


def _fits(mask, output):
    """Whether there is a value of the mask for each step of the output."""
    return mask.ndim <= len(output.shape) and all(
        size in (1, other)
        for size, other in zip(mask.shape, output.shape, strict=False)
    )


# --- The rules ---------------------------------------------------------------


def works_behind_a_mask(subject):
    """`Masking` and `Embedding` send a mask along, which must stop no layer."""
    layer, x, mask = subject.padded
    try:
        _outputs(subject, layer, x, mask)
    except Exception as error:
        if _refuses(layer, error):
            raise NotApplicable(
                f"It refuses masks on purpose: {describe(error)}"
            ) from None
        raise Broken(
            f"With a mask of shape {mask.shape}, as `Masking` attaches it to "
            f"inputs of shape {x.shape}, it raised {describe(error)}",
            "A mask has a value for each step: `mask[..., None]` fits the "
            "inputs, `mask[:, None, :]` scores of all steps for each step.",
            (x,),
        ) from None


def _refuses(layer, error):
    """Whether a layer says itself, with `raise`, that a mask is not for it."""
    if isinstance(error, NotImplementedError):
        return True
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = {
        getattr(cls.__dict__.get("call"), "__code__", None)
        for cls in type(layer).__mro__
    }
    files = {code.co_filename for code in own if code} - {FILE_OF_LAYER}
    return last.filename in files and (last.line or "").startswith("raise")


def passes_the_mask_on(subject):
    """Steps that are padding must be known to the layers behind.

    That is asked of a layer that works on each step by itself, and of one
    that says `supports_masking`.
    """
    layer, x, mask = subject.padded
    output = subject.masked_outputs[0]
    if len(output.shape) < 3 or output.shape[:2] != x.shape[:2]:
        raise NotApplicable("Its output has no steps that this mask would fit.")
    if not layer.supports_masking and not _is_alone(subject, layer, x):
        raise NotApplicable("It mixes steps, and no mask would fit.")
    passed = _mask_of(output)
    if passed is None:
        if not getattr(layer.compute_mask, "_is_default", False):
            raise NotApplicable(
                "Its `compute_mask` ends the mask: layers behind it take "
                "every step as real."
            )
        raise Broken(
            "The input has a mask, and the output has none.",
            "Write `self.supports_masking = True` in `__init__`.",
            (x,),
        )
    if passed.shape != mask.shape:
        raise NotApplicable("It makes a mask of its own.")
    shown = np.sum(passed & ~mask)
    if np.array_equal(passed, ~mask):
        raise Broken(
            f"The mask of the output shows the {shown} steps that were hidden, "
            "and hides all others.",
            "True means that a step is real: return `mask` from "
            "`compute_mask(self, inputs, mask=None)`.",
            (x,),
        )
    if shown and _is_alone(subject, layer, x):
        raise NotApplicable(
            f"It makes a mask of its own, which shows {shown} of "
            f"{np.sum(~mask)} hidden steps as real; "
            "`ops.logical_and(mask, own)` would keep them hidden."
        )


def _is_alone(subject, layer, x):
    """Whether a step of the output depends on this step of the input only."""
    before = _outputs(subject, layer, x)[0]
    # At both ends: a step may look back, or ahead. By other numbers: what is
    # added to all of a step a norm takes away.
    for moved, others in ((0, np.s_[:, 1:]), (-1, np.s_[:, :-1])):
        where = np.zeros(x.shape[:2], bool)
        where[:, moved] = True
        after = _outputs(subject, layer, _moved(x, where))[0]
        if difference(after[others], before[others], 1e-6):
            return False
    return True


def its_mask_fits_its_output(subject):
    """A mask tells of steps: where they are gone, so must it be."""
    _, x, _ = subject.padded
    for output in subject.masked_outputs:
        passed = _mask_of(output)
        if passed is not None and not _fits(passed, output):
            raise Broken(
                f"Its output has the shape {tuple(output.shape)}, and passes "
                f"on a mask of shape {passed.shape}.",
                "Where the steps are gone, end the mask: `def "
                "compute_mask(self, inputs, mask=None): return None`. Where "
                "there are others, return a mask for those.",
                (x,),
            )


def ignores_hidden_steps(subject):
    """What padding is filled with must not change what is predicted.

    That is asked of a layer that takes a mask, or says `supports_masking`.
    """
    layer, x, mask = subject.padded
    if not (layer.supports_masking or layer._call_has_mask_arg):
        raise NotApplicable("It does not say that it knows of masks.")
    subject.must_repeat()
    before = subject.masked_outputs
    _compare_others(subject, before, training=False)
    if layer._call_has_training_arg:
        first = _outputs(subject, layer, x, mask, training=True)
        if difference(first, before, 1e-6) is None:
            return  # training changes nothing
        again = _outputs(subject, layer, x, mask, training=True)
        if difference(again, first, 1e-6) is None:
            _compare_others(subject, again, training=True)


def is_finite_for_a_hidden_sample(subject):
    """An empty text is all padding; one NaN makes the loss of all NaN."""
    layer, x, mask = subject.padded
    if not (layer.supports_masking or layer._call_has_mask_arg):
        raise NotApplicable("It does not say that it knows of masks.")
    ordinary = [*subject.masked_outputs, *_gradients(subject, layer, x, mask)]
    if not is_finite(ordinary):
        raise NotApplicable("It is not finite with other masks either.")
    empty = mask.copy()
    empty[1] = False
    for what, values in (
        ("output", _outputs(subject, layer, x, empty)),
        ("gradient", _gradients(subject, layer, x, empty)),
    ):
        if not is_finite(values):
            raise Broken(
                f"Where the mask hides all steps of a sample, the {what} is "
                "not finite.",
                "A softmax of -inf alone is NaN: hide scores with "
                "`ops.where(mask, scores, -1e4)`. And 0 / 0 is NaN: divide by "
                "`ops.maximum(count, 1)`.",
                (x,),
            )


def _gradients(subject, layer, x, mask):
    """What the inputs and the weights get for their gradients."""
    x = _with_mask(x, mask)
    weights = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = tf.nest.flatten(subject.call(layer, (x,)))
        total = sum(
            tf.reduce_sum(output)
            for output in outputs
            if output.dtype.is_floating
        )
    found = tape.gradient(total, [x, *weights], unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in found]


def _compare_others(subject, before, training):
    """Compare with other numbers in the hidden and in the real steps."""
    layer, x, mask = subject.padded
    hidden, visible = (
        _outputs(subject, layer, _moved(x, where), mask, training)
        for where in (~mask, mask)
    )
    _compare(mask, before, hidden, visible, x, training)


def _compare(mask, before, hidden, visible, x, training):
    """Raise where outputs that count depend on steps that do not.

    Args:
        mask: Which steps are real.
        before: Outputs.
        hidden: Those with other numbers in the hidden steps.
        visible: Those with other numbers in the real steps.
        x: The inputs.
        training: Whether this was in training.
    """
    by_hidden = [_changed(*pair) for pair in zip(hidden, before, strict=True)]
    by_visible = [_changed(*pair) for pair in zip(visible, before, strict=True)]
    where = "In training, other" if training else "Other"
    if _any(by_hidden) and not _any(by_visible):
        raise Broken(
            f"{where} numbers in the hidden steps change its outputs, and in "
            "the real steps they change nothing.",
            "True in a mask means that a step is real: "
            "`ops.where(mask[..., None], inputs, 0.0)` keeps the real ones.",
            (x,),
        )
    for place, output in enumerate(before):
        # A number that hidden steps alone decide is a copy of the padding.
        wrong = by_hidden[place] & by_visible[place] & _counts(output, mask)
        if wrong.any():
            first = np.flatnonzero(wrong)[0]
            one, other = (
                number(np.asarray(each[place]).flat[first])
                for each in (before, hidden)
            )
            raise Broken(
                f"{where} numbers in the hidden steps change an output that "
                f"counts, from {one} to {other}.",
                "Take the mask, `def call(self, inputs, mask=None)`, and leave "
                "hidden steps out, also of sums and of the number that you "
                "divide by; or do not say `supports_masking`.",
                (x,),
            )


def _any(changed):
    return any(each.any() for each in changed)


def _moved(x, where):
    """The inputs with other numbers in some steps."""
    other = np.random.default_rng(3).normal(size=x.shape).astype("float32")
    return np.where(where[..., None], other, x)


def _changed(seen, before):
    """Which numbers are not the same, beyond rounding."""
    seen, before = (np.asarray(x, "float64") for x in (seen, before))
    scale = np.max(np.abs(before), where=np.isfinite(before), initial=1e-3)
    return ~np.isclose(seen, before, 0, 1e-4 * scale, equal_nan=True)


def _counts(output, mask):
    """Which numbers of an output are shown as real."""
    passed = _mask_of(output)
    if passed is None and output.shape[:2] == mask.shape:
        passed = mask
    if passed is None or not _fits(passed, output):
        return np.ones(output.shape, bool)
    missing = len(output.shape) - passed.ndim
    passed = passed.reshape(passed.shape + (1,) * missing)
    return np.broadcast_to(passed, output.shape)
