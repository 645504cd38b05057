"""Is MyDense as fast as keras.layers.Dense, forward and in training?

Both have the same shapes and work in the same graph mode; compare the medians
of each pair.
"""

from helpers.components import MyDense

import keras
import numpy as np
import pytest
import tensorflow as tf

LAYERS = {"Dense": keras.layers.Dense, "MyDense": MyDense}
SIZE = 512


def inputs_and_targets():
    random = np.random.default_rng(0)
    shape = (256, SIZE)
    return [tf.constant(random.normal(size=shape), tf.float32) for _ in "xy"]


def model_of(kind):
    layer = LAYERS[kind]
    layers = [layer(SIZE, activation="relu"), layer(SIZE)]
    return keras.Sequential([keras.Input((SIZE,)), *layers])


@pytest.mark.benchmark(group="forward")
@pytest.mark.parametrize("kind", LAYERS)
def test_forward(benchmark, kind):
    model = model_of(kind)
    x, _ = inputs_and_targets()
    run = tf.function(lambda x: model(x, training=False))
    benchmark.pedantic(
        lambda: run(x).numpy(), rounds=200, iterations=2, warmup_rounds=10
    )


@pytest.mark.benchmark(group="training step")
@pytest.mark.parametrize("kind", LAYERS)
def test_training_step(benchmark, kind):
    model = model_of(kind)
    model.compile("sgd", loss="mse")
    x, y = inputs_and_targets()
    benchmark.pedantic(
        lambda: model.train_on_batch(x, y), rounds=200, warmup_rounds=10
    )
