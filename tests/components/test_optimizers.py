"""Do optimizer, schedule and callbacks do what those of Keras do?"""

import keras
import matplotlib.pyplot as plt
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

SCHEDULES = keras.optimizers.schedules
CONTRACTS = {
    "MomentumSGD": (
        contracts.check_optimizer,
        made.MomentumSGD(0.1, momentum=0.7, nesterov=True, clipnorm=1.0),
        {
            "against": keras.optimizers.SGD(
                0.1, momentum=0.7, nesterov=True, clipnorm=1.0
            )
        },
    ),
    "WarmupCosine": (
        contracts.check_schedule,
        made.WarmupCosine(0.2, 7, 90, final_share=0.1),
        {
            "against": keras.optimizers.schedules.CosineDecay(
                0.0, 90, alpha=0.1, warmup_target=0.2, warmup_steps=7
            )
        },
    ),
}
NO_CONTRACT = {
    "checked_boolean",
    "checked_rate",
    "draw_curves",
    "find_in_logs",
    "LossCurve",  # callbacks are in no file
    "show_live",
    "StopOnPlateau",
}


def sgd(learning_rate=0.1, **arguments):
    """An optimizer of which one argument is given."""
    return made.MomentumSGD(learning_rate, **arguments)


def warmup(peak=0.1, warmup_steps=2, decay_steps=3, **arguments):
    """A schedule of which one argument is given."""
    return made.WarmupCosine(peak, warmup_steps, decay_steps, **arguments)


BAD_ARGUMENTS = [
    (sgd, "learning_rate", [*NOT_POSITIVE[1:-1], SCHEDULES.CosineDecay]),
    (sgd, "momentum", [*NOT_POSITIVE[1:-1], 1.0]),
    (sgd, "nesterov", ["no", None, 1]),
    (warmup, "peak", NOT_POSITIVE),
    (warmup, "warmup_steps", [*NOT_WHOLE, None, -1]),
    (warmup, "decay_steps", [*NOT_WHOLE, None, 0, -5]),
    (warmup, "final_share", [*NOT_POSITIVE[1:-1], 1.01]),
    (made.LossCurve, "every", [*NOT_WHOLE, None, 0]),
    (made.StopOnPlateau, "patience", [*NOT_WHOLE, None, 0]),
    (made.StopOnPlateau, "min_delta", NOT_POSITIVE[1:-1]),
    (made.StopOnPlateau, "mode", ["auto", None]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


# --- Optimizers --------------------------------------------------------------

OPTIONS = [
    {},
    {"weight_decay": 0.01},
    {"clipnorm": 0.1},
    {"clipvalue": 0.05},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 4},
]


def steps_of(optimizer, compiled, dtype="float32", count=60):
    """The weights after some steps with given gradients, and the state."""
    random = np.random.default_rng(0)
    weights = [
        keras.Variable(random.normal(size=n), dtype=dtype) for n in (3, 5)
    ]
    optimizer.build(weights)

    def apply(*gradients):
        optimizer.apply(list(gradients), weights)

    if compiled:
        apply = tf.function(apply)
    for _ in range(count):
        apply(
            *[tf.constant(random.normal(size=w.shape), dtype) for w in weights]
        )
    return [w.numpy() for w in weights]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda o: next(iter(o), "none")
)
def test_momentum_makes_the_steps_of_keras(nesterov, options):
    arguments = {"momentum": 0.8, "nesterov": nesterov, **options}
    expected = steps_of(keras.optimizers.SGD(0.05, **arguments), True)
    for compiled in (True, False):
        seen = steps_of(made.MomentumSGD(0.05, **arguments), compiled)
        for ours, theirs in zip(seen, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_momentum_follows_its_formula_in_float64():
    seen = steps_of(made.MomentumSGD(0.05, momentum=0.8), True, "float64")
    random = np.random.default_rng(0)
    weights = [random.normal(size=n) for n in (3, 5)]
    velocities = [np.zeros(n) for n in (3, 5)]
    rate = np.float64(np.float32(0.05))
    for _ in range(60):
        for place in (0, 1):
            gradient = random.normal(size=weights[place].shape)
            velocities[place] = 0.8 * velocities[place] - rate * gradient
            weights[place] = weights[place] + velocities[place]
    for ours, expected in zip(seen, weights, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheduled", [False, True])
def test_resumed_training_is_the_unbroken_one_to_the_last_bit(
    scheduled, tmp_path
):
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    rate = made.WarmupCosine(0.05, 5, 15) if scheduled else 0.05
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile(made.MomentumSGD(rate, 0.8, nesterov=True), loss="mse")
    for _ in range(10):
        model.train_on_batch(x, x[:, :2])
    model.save(tmp_path / "half.keras")
    again = keras.models.load_model(tmp_path / "half.keras")
    for _ in range(10):
        model.train_on_batch(x, x[:, :2])
        again.train_on_batch(x, x[:, :2])
    assert int(again.optimizer.iterations) == 20
    for one in ("weights", "optimizer"):
        pairs = [
            m.weights if one == "weights" else m.optimizer.variables
            for m in (model, again)
        ]
        for ours, theirs in zip(*pairs, strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_momentum_takes_the_sparse_gradients_of_an_embedding():
    trained = []
    for cls in (keras.optimizers.SGD, made.MomentumSGD):
        table = keras.Variable(np.ones((5, 2), "float32"))
        optimizer = cls(0.1, momentum=0.9)
        optimizer.build([table])
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table.value, [1, 1, 3]) ** 2)
            optimizer.apply(tape.gradient(loss, [table.value]), [table])
        trained.append(table.numpy())
    np.testing.assert_allclose(*trained, rtol=0, atol=1e-6)


# --- Schedules ---------------------------------------------------------------


@pytest.mark.parametrize("warmup_steps", [0, 1, 10])
@pytest.mark.parametrize("final_share", [0, 0.3, 1])
def test_schedule_is_that_of_keras(warmup_steps, final_share):
    ours = made.WarmupCosine(0.1, warmup_steps, 40, final_share)
    theirs = SCHEDULES.CosineDecay(
        0.0,
        40,
        alpha=float(final_share),
        warmup_target=0.1,
        warmup_steps=warmup_steps,
    )
    for step in (0, 1, 5, 9, 10, 11, 30, 49, 50, 51, 10**6):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), abs=1e-6)


def test_schedule_takes_whole_numbers_and_floats_of_each_width():
    schedule = made.WarmupCosine(1, 10, 40)
    for dtype in ("int32", "int64", "float32", "float64"):
        rate = tf.function(schedule)(tf.constant(5, dtype))
        assert rate.dtype == tf.float32 and float(rate) == 0.5


# --- Callbacks ---------------------------------------------------------------


def tiny():
    """A compiled model of one weight."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(made.MomentumSGD(0.1), loss="mse")
    return model


def test_missing_name_is_told_with_those_that_there_are():
    x = np.ones((4, 1), "float32")
    for callback in (made.LossCurve("val_loss"), made.StopOnPlateau()):
        with pytest.raises(ValueError, match=r"'loss'.*validation.*'val_loss'"):
            tiny().fit(x, x, callbacks=[callback], verbose=0)
    with pytest.raises(ValueError, match="There are: none"):
        made.find_in_logs(None, "loss")


def test_curve_keeps_the_numbers_outside_a_notebook(capsys):
    x = np.ones((4, 1), "float32")
    curve = made.LossCurve()
    plan = {"epochs": 3, "verbose": 0, "callbacks": [curve]}
    history = tiny().fit(x, x, validation_data=(x, x), **plan).history
    expected = {n: dict(enumerate(v, start=1)) for n, v in history.items()}
    assert curve.values == expected and list(expected) == ["loss", "val_loss"]
    tiny().fit(x, x, **plan)
    assert list(curve.values) == ["loss"] and len(curve.values["loss"]) == 3
    assert capsys.readouterr().out == ""


def test_curve_knows_the_epoch_of_each_number():
    x = np.ones((4, 1), "float32")
    curve = made.LossCurve("loss", "loss")
    plan = {"initial_epoch": 3, "epochs": 5, "verbose": 0}
    tiny().fit(x, x, callbacks=[curve], **plan)
    assert {n: list(v) for n, v in curve.values.items()} == {"loss": [4, 5]}
    curve = made.LossCurve()
    plan = {"validation_data": (x, x), "validation_freq": 2}
    tiny().fit(x, x, epochs=4, verbose=0, callbacks=[curve], **plan)
    expected = {"loss": [1, 2, 3, 4], "val_loss": [2, 4]}
    assert {n: list(v) for n, v in curve.values.items()} == expected
    figure, ax = plt.subplots()
    curve.draw(ax)
    drawn = {line.get_label(): list(line.get_xdata()) for line in ax.lines}
    assert drawn == expected
    plt.close(figure)


@pytest.mark.parametrize("monitor", [["loss"], 3, None])
def test_name_that_is_no_text_is_refused(monitor):
    x = np.ones((4, 1), "float32")
    for callback in (made.LossCurve(monitor), made.StopOnPlateau(monitor)):
        with pytest.raises(ValueError, match="`monitor` must be a name") as e:
            tiny().fit(x, x, callbacks=[callback], verbose=0)
        assert str(e.value).endswith(f"monitor={monitor!r}")


def stopped_at(callback, values):
    """The epoch after which a callback stops the training, or `None`."""
    model = tiny()
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": value})
        if model.stop_training:
            return epoch
    return None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [1, 3, 10])
@pytest.mark.parametrize("min_delta", [0.0, 0.1])
def test_plateau_is_that_of_early_stopping(seed, mode, patience, min_delta):
    random = np.random.default_rng(seed)
    values = (np.exp(-np.arange(60) / 9) + random.normal(0, 0.05, 60)).tolist()
    if mode == "max":
        values = [-value for value in values]
    arguments = {"patience": patience, "min_delta": min_delta, "mode": mode}
    ours = stopped_at(made.StopOnPlateau(**arguments), values)
    keras_stop = keras.callbacks.EarlyStopping("val_loss", **arguments)
    assert ours == stopped_at(keras_stop, values) != 0


def test_plateau_of_a_step_that_reports_no_loss():
    stop = made.StopOnPlateau("score", patience=1, mode="max")
    stop.set_model(tiny())
    stop.on_train_begin()
    for epoch, score in enumerate((0.5, 0.9, 0.8)):
        stop.on_epoch_end(epoch, {"score": score})
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (0.9, 1, 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_lost_is_stopped_at_once(value):
    for values in ([value], [1.0, value]):
        last = len(values) - 1
        stop = made.StopOnPlateau(patience=9)
        assert stopped_at(stop, [*values, 1.0]) == stop.stopped_epoch == last
    stop = made.StopOnPlateau("accuracy", mode="max")
    stop.set_model(tiny())
    stop.on_train_begin()
    stop.on_epoch_end(0, {"loss": value, "accuracy": 0.1})
    assert stop.model.stop_training
