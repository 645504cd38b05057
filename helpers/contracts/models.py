"""What a model must do: what a layer does, and be saved and trained."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import arguments, layers
from helpers.contracts.copies import is_functional
from helpers.contracts.layers import LayerSubject
from helpers.contracts.subject import Broken, difference, is_finite, tensors


class ModelSubject(LayerSubject):
    """A model with the shapes of its inputs."""

    kind = "model"
    page = "models"
    file_hint = (
        "Return every argument in `get_config`, create every layer in "
        "`__init__` or `build`, and build all of them there."
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
        yield layers.tracks_every_weight
        yield layers.gradient_reaches_every_weight
        yield layers.promises_the_right_shape
        yield layers.is_the_same_symbolically
        yield layers.takes_any_batch_size
        yield layers.is_deterministic_without_training
        yield predicts_what_it_computes
        yield trains_in_fit

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


def trains_in_fit(subject):
    """A model is there to be trained, and `fit` makes a graph of it."""
    model = subject.ready()
    inputs = subject.examples[0]
    outputs = subject.call(model, tensors(inputs))
    targets = tf.nest.map_structure(
        lambda output: np.zeros(output.shape, "float32"), outputs
    )
    before = [weight.numpy() for weight in model.trainable_weights]
    x = inputs[0] if len(inputs) == 1 else list(inputs)
    losses = tf.nest.map_structure(lambda _: "mse", outputs)
    model.compile(keras.optimizers.SGD(0.01), loss=losses, jit_compile=False)
    history = model.fit(x, targets, batch_size=2, epochs=1, verbose=0).history
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


def works_in_mixed_float16(subject):
    """Under `mixed_float16` its layers compute in `float16`."""
    expected = subject.compute(subject.ready(), *tensors(subject.examples[0]))
    _, seen = layers.under_policy(subject, "mixed_float16")
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
