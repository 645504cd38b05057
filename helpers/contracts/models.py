"""What a model must do: what a layer does, and be saved and trained."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import everything, layers
from helpers.contracts.layers import LayerSubject, compare_weights
from helpers.contracts.runner import (
    Broken,
    difference,
    is_finite,
    is_functional,
    tensors,
)


class ModelSubject(LayerSubject):
    """A model with the shapes of its inputs."""

    kind = page = "models"
    file_hint = (
        "Return every argument in `get_config`, create every layer in "
        "`__init__` or `build`, and build all of them there."
    )

    @property
    def kept_elsewhere(self):
        """Keras itself keeps what a functional model is made of."""
        if is_functional(self.component):
            return ("inputs", "outputs", "layers")
        return ()

    def carrier(self, component, inputs):
        return component

    def carried(self, model, inputs):
        return self.call(model, tensors(inputs))

    def found_in(self, model):
        return model


@everything.on_page("saving")
def restores_every_weight(subject):
    """After loading, each weight must have the value it was saved with."""
    model = subject.usable()
    inputs = subject.examples[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        cls = type(model)
        loaded = keras.models.load_model(
            path, custom_objects={cls.__name__: cls}
        )
    subject.call(loaded, tensors(inputs))
    return compare_weights(model, loaded, inputs)


def trains_in_fit(subject):
    """A model is there to be trained, and `fit` makes a graph of it."""
    model = subject.usable()
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
    model = subject.usable()
    inputs = subject.examples[0]
    expected = subject.call(model, tensors(inputs))
    x = inputs[0] if len(inputs) == 1 else list(inputs)
    seen = model.predict(x, batch_size=3, verbose=0)
    if text := difference(seen, expected):
        raise Broken(
            f"`predict` gives {text}, which is what a call gives.",
            "Use `training` only where training differs, and no state that "
            "calls change.",
        )


def works_in_mixed_float16(subject):
    """Under `mixed_float16` its layers compute in `float16`."""
    inputs = subject.examples[0]
    expected = subject.compute(subject.usable(), *tensors(inputs))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = layers.in_global_policy(subject.component)
        subject.call(model, tensors(inputs))
        layers.fill_weights(model)
        seen = subject.call(model, tensors(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    if not is_finite(seen):
        raise Broken(
            "Under mixed_float16 it gives NaN or infinity.",
            "Keep numbers small enough for float16, which ends at 65504.",
        )
    if text := difference(seen, expected, 3e-2):
        raise Broken(
            f"Under mixed_float16 it gives {text}.",
            "Keep numbers small enough for float16, which ends at 65504 and "
            "knows nothing between 0 and 6e-8.",
        )


def rules_for(subject):
    """The rules of models."""
    yield everything.can_be_called
    yield from everything.CONFIG_RULES
    yield everything.reloads_from_a_file
    yield restores_every_weight
    yield layers.makes_no_weights_in_call
    yield layers.tracks_every_weight
    yield layers.gradient_reaches_every_weight
    yield layers.promises_the_right_shape
    yield layers.is_the_same_symbolically
    yield layers.takes_any_batch_size
    yield layers.is_deterministic_without_training
    yield predicts_what_it_computes
    yield trains_in_fit
    yield from everything.GRAPH_RULES
    yield works_in_mixed_float16
    if subject.against is not None:
        yield everything.equals_the_reference
