"""Is MyDense as fast as keras.layers.Dense, forward and in training?

The two take turns, so that whatever else slows the machine down slows both:
each pair of turns gives one ratio.
"""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.components import MyDense

SIZE = 512


def seconds(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def measure_ratios(ours, theirs, pairs):
    """Return the quartiles of the time of `ours` over that of `theirs`."""
    ratios = []
    for pair in range(pairs):
        if pair % 2:
            ratios.append(seconds(ours) / seconds(theirs))
        else:
            their_time = seconds(theirs)
            ratios.append(seconds(ours) / their_time)
    return np.percentile(ratios[10:], [25, 50, 75])  # the first ones warm up


def forward(model, x, y):
    run = tf.function(lambda x: model(x, training=False))
    return lambda: run(x).numpy()


def training_step(model, x, y):
    model.compile("sgd", loss="mse")
    return lambda: model.train_on_batch(x, y)


@pytest.mark.parametrize("task", [forward, training_step])
def test_my_dense_against_dense(benchmark, capsys, task):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 256, SIZE)).astype("float32")
    runs = []
    for layer in (MyDense, keras.layers.Dense):
        layers = [layer(SIZE, activation="relu"), layer(SIZE)]
        model = keras.Sequential([keras.Input((SIZE,)), *layers])
        runs.append(task(model, tf.constant(x), tf.constant(y)))
    low, median, high = benchmark.pedantic(measure_ratios, args=(*runs, 400))
    with capsys.disabled():
        print(
            f"\n{task.__name__}: MyDense takes {median:.3f} times as long as "
            f"Dense (middle half {low:.3f} to {high:.3f})"
        )
