"""Do regularizers and constraints keep their contracts, also in training?"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import components as made
from helpers import contracts
from tests.components.checks import (
    NOT_POSITIVE,
    NOT_WHOLE,
    assert_keeps_contract,
    assert_named_with_its_value,
    with_each_bad_argument,
)

CONTRACTS = {
    "my_l1": (contracts.check_regularizer, made.my_l1, {}),
    "L1Regularizer": (
        contracts.check_regularizer,
        made.L1Regularizer(0.1),
        {"against": keras.regularizers.L1(0.1)},
    ),
    "PositiveWeights": (
        contracts.check_constraint,
        made.PositiveWeights(),
        {"against": keras.constraints.NonNeg()},
    ),
    "NormLimit": (
        contracts.check_constraint,
        made.NormLimit(1.5, axis=(0, 1)),
        {"against": keras.constraints.MaxNorm(1.5, axis=(0, 1))},
    ),
}
BAD_ARGUMENTS = [
    (made.L1Regularizer, "factor", NOT_POSITIVE[1:-1]),  # 0 is fine
    (made.NormLimit, "limit", NOT_POSITIVE),
    (made.NormLimit, "axis", [*NOT_WHOLE, None, (), (0, 1.5)]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


def test_penalty_is_a_scalar_of_the_dtype_of_the_weights():
    for dtype in ("float16", "float32", "float64"):
        weights = tf.constant([[1.0, -2.0]], dtype)
        penalty = made.L1Regularizer(0.5)(weights)
        assert (penalty.shape, penalty.dtype) == ((), weights.dtype)
        assert float(penalty) == 1.5


def test_norm_limit_leaves_what_is_allowed_to_the_last_bit():
    weights = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    weights *= np.array([0.1, 1, 5, 0], dtype="float32")
    limited = np.asarray(made.NormLimit(1.0)(weights))
    norms = np.linalg.norm(weights, axis=0)
    small = norms <= 1
    assert 0 < small.sum() < 4
    np.testing.assert_array_equal(limited[:, small], weights[:, small])
    after = np.linalg.norm(limited, axis=0)
    np.testing.assert_allclose(after[~small], 1, rtol=1e-6)


def test_norm_limit_keeps_a_tuple_of_axes_through_json():
    limit = made.NormLimit(1.0, axis=[0, 1])  # a file has lists, no tuples
    assert limit.axis == (0, 1)
    assert made.NormLimit.from_config(limit.get_config()).axis == (0, 1)


def test_constraint_holds_after_training():
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, kernel_constraint=made.PositiveWeights())
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    x = np.random.default_rng(0).normal(size=(64, 4))
    model.fit(x, -x[:, :3], epochs=5, verbose=0)
    assert np.min(dense.kernel) == 0
