"""What a model must do: what a layer does, and be saved and trained."""

import functools

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments, fitting, layers
from helpers.contracts.copies import copy_of, dtype_policy, is_functional
from helpers.contracts.explanations import describe
from helpers.contracts.fitting import KERAS_TRAINS, STEPS, Training
from helpers.contracts.layers import SAMPLES, LayerSubject
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    difference,
    is_finite,
    tensors,
    where_tensorflow_can,
)


class ModelSubject(LayerSubject):
    """A model with the shapes of its inputs."""

    kind = "model"
    page = "models"
    file_hint = (
        "Return every argument in `get_config`, create every layer in "
        "`__init__` or `build`, and build all of them there."
    )

    cannot_know = (
        "whether an added loss belongs in evaluation too, which it does unless "
        "it is the price of training alone; and whether a `train_step` of its "
        "own makes the steps that you meant: with its options off, compare "
        "its `fit` with that of `keras.Model`."
    )

    def check_argument(self, name, value):
        arguments.check_instance("layer", name, value)
        if not isinstance(value, keras.Model):
            raise TypeError(
                f"`{name}` must be a `keras.Model`; for a layer use "
                f"`check_layer`. Received: {type(value).__name__}"
            )

    def own_rules(self):
        yield layers.restores_every_weight
        yield layers.makes_no_weights_in_call
        yield layers.starts_with_different_weights
        yield layers.tracks_every_weight
        yield gradient_reaches_every_weight
        yield layers.promises_the_right_shape
        yield layers.is_the_same_symbolically
        yield layers.takes_any_batch_size
        yield layers.is_deterministic_without_training
        yield predicts_what_it_computes
        yield trains_in_fit
        yield fitting.adds_no_loss_that_grows_with_the_batch
        yield fitting.updates_its_metrics_in_evaluation_too
        yield fitting.resets_its_metrics
        if self.has_its_own("train_step", "test_step", "compute_loss"):
            yield fitting.counts_the_losses_of_its_layers
        if self.has_its_own("train_step", "test_step"):
            yield fitting.reports_its_metrics
            yield fitting.brings_the_loss_down
            yield fitting.moves_every_weight
            yield fitting.leaves_a_frozen_layer_alone
            yield fitting.uses_the_sample_weights
            yield fitting.tells_its_layers_when_it_trains
            yield fitting.scales_its_loss_for_float16

    def precision_rules(self):
        yield works_in_mixed_float16

    @property
    def kept_elsewhere(self):
        """Keras itself keeps what a functional model is made of."""
        if is_functional(self.component):
            return ("inputs", "outputs", "layers")
        return ()

    def model_with(self, component, inputs):
        return component

    def outputs_of(self, model, inputs):
        return self.call(model, tensors(inputs))

    def component_in(self, model):
        return model

    def has_its_own(self, *names):
        """Those of some methods of `keras.Model` that it overrides."""
        cls = type(self.component)
        return [
            name
            for name in names
            if not getattr(cls, name).__module__.startswith("keras.")
        ]

    def own_steps(self):
        """Its own ones of `train_step` and `test_step`.

        Raises:
            NotApplicable: If there are none.
        """
        names = self.has_its_own("train_step", "test_step")
        if not names:
            raise NotApplicable(KERAS_TRAINS)
        return names

    def data(self):
        """What its steps take: inputs and targets, or inputs alone.

        Raises:
            NotApplicable: If `train_step` takes nothing that we know.
        """
        data, _, reason = self._found_data
        if reason:
            raise NotApplicable(reason)
        return data

    def steps_that_take_data(self):
        """The names of its steps; that of Keras needs the usual targets."""
        self.data()
        own = self.has_its_own("train_step", "test_step")
        return [
            name
            for name in ("train_step", "test_step")
            if self.takes_targets or name in own
        ]

    @property
    def takes_targets(self):
        """Whether its steps take targets for the loss of `compile`."""
        return self._found_data[1]

    @functools.cached_property
    def _found_data(self):
        inputs = tensors(self.inputs_for(SAMPLES))
        x = inputs[0] if len(inputs) == 1 else list(inputs)
        random = np.random.default_rng(7)
        outputs = self.call(self.ready(), inputs)
        targets = tf.nest.map_structure(
            lambda output: tf.constant(
                random.normal(size=output.shape), "float32"
            ),
            outputs,
        )
        if not self.has_its_own("train_step"):
            return (x, targets), True, None
        first_error = None
        classes = tf.zeros((SAMPLES,), "int32")
        for place, data in enumerate(((x, targets), x, (x, classes))):
            try:
                Training(self).model.train_step(data)
            except NameError:  # no data will help
                raise
            except NotApplicable as reason:
                return None, False, str(reason)
            except Exception as error:
                first_error = first_error or error
            else:
                return data, place == 0, None
        reason = (
            "Its `train_step` takes neither inputs and targets, nor inputs "
            f"alone: it raised {describe(first_error)}"
        )
        return None, False, reason


def gradient_reaches_every_weight(subject):
    """A weight without a gradient is never trained.

    A loss outside of `call` may be what a weight is there for.
    """
    try:
        return layers.gradient_reaches_every_weight(subject)
    except Broken:
        if not subject.has_its_own("train_step", "compute_loss"):
            raise
        moved = Training(subject).moved(subject.data(), STEPS)
        if not all(map(np.any, moved)):
            raise
        return "Some of them are trained by a loss outside of `call`."


def trains_in_fit(subject):
    """A model is there to be trained, and `fit` makes a graph of it."""
    data = subject.data()
    model = Training(subject).model
    before = [weight.numpy() for weight in model.trainable_weights]
    x, y = data if isinstance(data, tuple) else (data, None)
    x, y = (
        None if value is None else tf.nest.map_structure(np.asarray, value)
        for value in (x, y)
    )
    history = model.fit(x, y, batch_size=2, epochs=1, verbose=0).history
    if not all(np.all(np.isfinite(values)) for values in history.values()):
        raise Broken(
            "After one epoch of `fit` a loss is not finite.",
            "Look at the loss that `train_step` or `add_loss` computes.",
        )
    after = [weight.numpy() for weight in model.trainable_weights]
    if before and not difference(after, before, 1e-9):
        raise Broken(
            "One epoch of `fit` changed no weight.",
            "Let `train_step` call `self.optimizer.apply(gradients, "
            "self.trainable_variables)`, and call the sub-layers in `call`.",
        )
    return f"{len(before)} trainable weights."


def predicts_what_it_computes(subject):
    """`predict` runs batch by batch in a graph, without training."""
    model = subject.ready()
    inputs = subject.examples[0]
    expected = subject.call(model, tensors(inputs))
    x = inputs[0] if len(inputs) == 1 else list(inputs)
    seen = model.predict(x, batch_size=3, verbose=0)
    if text := subject.difference(seen, expected):
        raise Broken(
            f"`predict` gives {text}, which is what a call gives.",
            "Use `training` only where training differs, and no state that "
            "calls change.",
        )


@where_tensorflow_can()
def works_in_mixed_float16(subject):
    """Under `mixed_float16` its layers compute in `float16`."""
    inputs = tensors(subject.examples[0])
    exact = subject.fresh()
    expected = subject.call(exact, inputs)
    with dtype_policy("mixed_float16"):
        model = copy_of(subject.component, layers._without_dtypes)
        subject.call(model, inputs)
        # As they were made: filled at random, a deep one would overflow.
        model.set_weights(exact.get_weights())
        seen = subject.call(model, inputs)
    if not is_finite(seen):
        raise Broken(
            "Under mixed_float16 it gives NaN or infinity.",
            "Keep numbers small enough for float16, which ends at 65504.",
        )
    if text := subject.difference(seen, expected, 3e-2):
        raise Broken(
            f"Under mixed_float16 it gives {text}.",
            "Keep numbers small enough for float16, which ends at 65504 and "
            "knows nothing between 0 and 6e-8.",
        )
