"""Does each component of the book keep its contract and refuse nonsense?"""

from helpers import components as made
from helpers import contracts

import keras
import numpy as np
import pytest
import tensorflow as tf

# What a component is checked with: the check, an object with values that are
# not the defaults, and what else the check is given.
CONTRACTS = {
    "huber_fn": (contracts.check_loss, made.huber_fn, {}),
    "HuberLoss": (contracts.check_loss, made.HuberLoss(0.5), {}),
    "CappedLoss": (
        contracts.check_loss,
        made.CappedLoss(made.HuberLoss(0.5), cap=2.0),
        {},
    ),
    "my_softplus": (
        contracts.check_activation,
        made.my_softplus,
        {"against": keras.activations.softplus},
    ),
    "ScaledSoftplus": (
        contracts.check_layer,
        made.ScaledSoftplus(4.0),
        {"input_shape": (None, 3)},
    ),
    "LearnedSwish": (
        contracts.check_layer,
        made.LearnedSwish(),
        {"input_shape": (None, 2, 3)},
    ),
    "my_glorot": (contracts.check_initializer, made.my_glorot, {}),
    "GlorotNormal": (
        contracts.check_initializer,
        made.GlorotNormal(gain=1.5, seed=1),
        {},
    ),
}
# These serve the others and are no part of a model.
NO_CONTRACT = {"align", "checked_number", "create_huber", "compute_fans"}

NOT_POSITIVE = [0, -1.0, float("nan"), float("inf"), "1", None, True]
NOT_WHOLE = [1.5, "1", True]
BAD_ARGUMENTS = [
    (component, argument, value)
    for component, argument, values in [
        (made.HuberLoss, "threshold", NOT_POSITIVE),
        (made.ScaledSoftplus, "sharpness", NOT_POSITIVE),
        (made.GlorotNormal, "gain", NOT_POSITIVE),
        (made.GlorotNormal, "seed", NOT_WHOLE),
    ]
    for value in values
]


def test_every_component_is_checked():
    exported = {
        name
        for name, value in vars(made).items()
        if getattr(value, "__module__", None) == made.__name__
    }
    assert exported == set(CONTRACTS) | NO_CONTRACT


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    check, component, options = CONTRACTS[name]
    check(component, **options).raise_if_failed()


@pytest.mark.parametrize(
    ("component", "argument", "value"),
    BAD_ARGUMENTS,
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    with pytest.raises(ValueError, match=f"^`{argument}` must be") as caught:
        component(**{argument: value})
    received = f"Received: {argument}={value!r}"
    assert str(caught.value).endswith(received)


# ---- Activations and initializers -------------------------------------------


def test_softplus_is_exact_in_both_tails_and_has_its_slope_at_zero():
    x = tf.constant([-80.0, -20.0, -1.0, 0.0, 1.0, 20.0, 3e38])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = made.my_softplus(x)
    exact = np.logaddexp(0, x.numpy().astype("float64"))
    slopes = np.exp(-np.logaddexp(0, -x.numpy().astype("float64")))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(value, x), slopes, rtol=1e-6)


def test_softplus_takes_whole_numbers():
    np.testing.assert_allclose(
        made.my_softplus([0, 1]), [0.69314718, 1.31326169], rtol=1e-6
    )


def test_scaled_softplus_becomes_relu():
    x = np.linspace(-3, 3, 13, dtype="float32")
    sharp = made.ScaledSoftplus(sharpness=1000)(x)
    np.testing.assert_allclose(sharp, np.maximum(x, 0), atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 3, 4, 5), (24, 30))],
)
def test_fans(shape, fans):
    assert made.compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(400, 200), (3, 3, 64, 32)])
def test_glorot_has_its_standard_deviation_and_is_not_truncated(shape):
    expected = np.sqrt(2 / sum(made.compute_fans(shape)))
    for gain, draw in (
        (1, lambda: made.my_glorot(shape)),
        (1.5, lambda: made.GlorotNormal(1.5, seed=0)(shape)),
    ):
        keras.utils.set_random_seed(0)
        weights = np.asarray(draw()) / (gain * expected)
        assert abs(weights.mean()) < 0.02
        assert 0.98 < weights.std() < 1.02
        assert np.abs(weights).max() > 3


def test_glorot_without_a_seed_draws_anew_at_each_call():
    draw = made.GlorotNormal()
    assert not np.array_equal(draw((3, 3)), draw((3, 3)))
