"""How long does it take to check one component of each kind?

The first check in a process is slower, because TensorFlow sets up its
compilers; a warm-up round keeps that out.
"""

import keras
import pytest

from helpers import contracts

CHECKS = {
    "activation": lambda: contracts.check_activation(keras.activations.gelu),
    "constraint": lambda: contracts.check_constraint(
        keras.constraints.MaxNorm()
    ),
    "initializer": lambda: contracts.check_initializer(
        keras.initializers.HeNormal()
    ),
    "layer": lambda: contracts.check_layer(keras.layers.Dense(4), (None, 3)),
    "layer-LSTM": lambda: contracts.check_layer(
        keras.layers.LSTM(3), (None, 4, 2)
    ),
    "loss": lambda: contracts.check_loss(keras.losses.LogCosh()),
    "metric": lambda: contracts.check_metric(keras.metrics.Precision()),
    "metric-AUC": lambda: contracts.check_metric(keras.metrics.AUC()),
    "model": lambda: contracts.check_model(
        keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(2)]),
        (None, 3),
    ),
    "optimizer": lambda: contracts.check_optimizer(keras.optimizers.Adam()),
    "regularizer": lambda: contracts.check_regularizer(keras.regularizers.L2()),
    "schedule": lambda: contracts.check_schedule(
        keras.optimizers.schedules.CosineDecay(0.1, 100)
    ),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_check(benchmark, kind):
    benchmark.pedantic(CHECKS[kind], rounds=3, warmup_rounds=1)
