"""Do the parts of training loops keep their contracts, and resume exactly?"""

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
    "ModelShell": (
        contracts.check_model,
        made.ModelShell(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
        ),
        {"input_shape": (None, 5)},
    ),
    "AttackedModel": (
        contracts.check_model,
        made.AttackedModel(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
            amount=0.2,
            bounds=(-3, 3),
        ),
        {"input_shape": (None, 5)},
    ),
    "AdversarialModel": (
        contracts.check_model,
        made.AdversarialModel(
            keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
            amount=0.2,
            weight=0.3,
            bounds=(-3, 3),
        ),
        {"input_shape": (None, 5)},
    ),
}
NO_CONTRACT = {
    "accumulate_gradients",
    "checked_bounds",
    "checked_rows",
    "checkpoint_arrays",
    "count_anew",
    "move_uphill",
    "restore_checkpoint",
    "save_checkpoint",
    "magnify",
    "ShuffledBatches",  # data, tested below
}


def adversarial(amount=0.1, weight=0.5, bounds=None):
    """A model that trains on moved inputs, of which one argument is given."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return made.AdversarialModel(inner, amount, weight, bounds)


def shuffled(batch_size=3, seed=0):
    """Batches of ten rows, of which one argument is given."""
    x = np.arange(10.0, dtype="float32")
    return made.ShuffledBatches((x, 10 * x), batch_size, seed)


BAD_ARGUMENTS = [
    (adversarial, "amount", NOT_POSITIVE[1:-1]),
    (adversarial, "weight", [*NOT_POSITIVE[1:-1], 1.01]),
    (adversarial, "bounds", [(1, 0), (0, 0), (0,), (0, 1, 2), 5, "01"]),
    (shuffled, "batch_size", [*NOT_WHOLE, None, 0, -5]),
    (shuffled, "seed", [*NOT_WHOLE, None, -1]),
]


@pytest.mark.parametrize("name", CONTRACTS)
def test_component_keeps_its_contract(name):
    assert_keeps_contract(*CONTRACTS[name])


@with_each_bad_argument(BAD_ARGUMENTS)
def test_bad_argument_is_named_with_its_value(component, argument, value):
    assert_named_with_its_value(component, argument, value)


# --- Adversarial training ----------------------------------------------------


def test_inputs_move_uphill_by_the_amount_and_stay_within_bounds():
    x = np.array([[0.5, 0.05, 0.95]], "float32")
    slopes = np.array([[2.0, -0.1, 3.0]], "float32")
    moved = made.move_uphill(lambda x: tf.reduce_sum(slopes * x), x, 0.1)
    np.testing.assert_allclose(moved, [[0.6, -0.05, 1.05]], rtol=1e-6)
    kept = made.move_uphill(lambda x: tf.reduce_sum(slopes * x), x, 0.1, (0, 1))
    np.testing.assert_allclose(kept, [[0.6, 0, 1]], rtol=1e-6)


def test_inputs_without_a_slope_are_refused():
    x = np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match="floats that the loss depends on"):
        made.move_uphill(lambda x: tf.constant(1.0), x, 0.1)
    with pytest.raises(ValueError, match="int64"):
        made.move_uphill(tf.reduce_sum, np.ones(3, "int64"), 0.1)


def classifier(seed=0):
    keras.utils.set_random_seed(seed)
    stack = [keras.layers.Dense(6, "relu"), keras.layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((4,)), *stack, keras.layers.Dense(3)])


def trained(model, **options):
    random = np.random.default_rng(0)
    x = random.normal(size=(22, 4)).astype("float32")
    y = random.integers(0, 3, 22)
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    return model.fit(
        x, y, batch_size=8, epochs=2, verbose=0, shuffle=False, **options
    ).history


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sample_weight": np.linspace(0, 2, 22)},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.0}},
    ],
    ids=["plain", "sample_weight", "class_weight"],
)
def test_adversarial_model_without_weight_is_the_model(options):
    plain, model = classifier(), classifier()
    expected = trained(plain, **options)
    found = trained(made.AdversarialModel(model, 0.2, weight=0.0), **options)
    assert set(found) == {*expected, "attacked_loss"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    moved = trained(made.AdversarialModel(classifier(), 0.2), **options)
    assert not np.allclose(moved["loss"], expected["loss"], atol=1e-3)


def test_adversarial_evaluation_has_both_losses():
    model = made.AdversarialModel(classifier(), 0.2, weight=0.7)
    trained(model)
    x = np.random.default_rng(1).normal(size=(10, 4)).astype("float32")
    y = np.arange(10) % 3
    found = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    moved = made.move_uphill(lambda x: loss(y, model(x)), x, 0.2)
    assert found["loss"] == pytest.approx(float(loss(y, model(x))), rel=1e-4)
    assert found["attacked_loss"] == pytest.approx(
        float(loss(y, model(moved))), rel=1e-4
    )
    assert found["attacked_loss"] > found["loss"] + 0.01


def test_attacked_loss_is_logged_only_where_it_is_measured():
    model = made.AttackedModel(classifier(), 0.2)
    x = np.random.default_rng(1).normal(size=(10, 4)).astype("float32")
    found = trained(model, validation_data=(x, np.arange(10) % 3))
    assert "attacked_loss" not in found
    for attacked, loss in zip(
        found["val_attacked_loss"], found["val_loss"], strict=True
    ):
        assert attacked > loss > 0
    logs = model.train_on_batch(x, np.arange(10) % 3, return_dict=True)
    assert "attacked_loss" not in logs


def test_model_without_an_optimizer_is_attacked_alike():
    x = np.random.default_rng(1).normal(size=(10, 4)).astype("float32")
    found, inner = [], classifier()
    for optimizer in (None, "sgd"):
        model = made.AttackedModel(inner, 0.2)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
        found.append(model.evaluate(x, np.arange(10) % 3, verbose=0))
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_adversarial_loss_is_the_weighted_sum():
    model = made.AdversarialModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        0.2,
        weight=0.7,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    x = np.random.default_rng(1).normal(size=(9, 4)).astype("float32")
    y = np.arange(9) % 3
    moved = made.move_uphill(lambda x: loss(y, model(x)), x, 0.2)
    expected = 0.3 * loss(y, model(x)) + 0.7 * loss(y, model(moved))
    found = model.train_on_batch(x, y, return_dict=True)["loss"]
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_attack_in_half_precision_moves_what_it_moves_in_float32():
    """Slopes of a mean over many rows are too small for float16."""
    random = np.random.default_rng(0)
    x = random.normal(size=(5000, 4)).astype("float32")
    y = random.integers(0, 3, 5000)
    found = []
    for dtype in ("float32", "mixed_float16"):
        dense = keras.layers.Dense(3, dtype=dtype)
        model = keras.Sequential([keras.Input((4,)), dense])
        model.set_weights([np.full((4, 3), 1e-4) * np.arange(3), np.zeros(3)])
        model = made.AdversarialModel(model, 0.5, dtype=dtype)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        rate = keras.optimizers.SGD(0.1)
        if dtype != "float32":
            rate = keras.optimizers.LossScaleOptimizer(rate)
        model.compile(rate, loss)
        scores = model.evaluate(
            x, y, batch_size=5000, verbose=0, return_dict=True
        )
        found.append(scores["attacked_loss"] - scores["loss"])
    assert found[1] == pytest.approx(found[0], rel=0.2) != 0


def test_adversarial_model_takes_no_function():
    with pytest.raises(ValueError, match=r"`model` must be a keras\.Model"):
        made.AdversarialModel(lambda x: x, 0.1)


# --- Batches -----------------------------------------------------------------


def test_batches_have_each_row_once_and_repeat_with_the_epoch():
    batches, orders = shuffled(batch_size=4, seed=3), []
    for epoch in (0, 1, 1, 0):
        batches.set_epoch(epoch)
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        assert sorted(x) == list(range(10))
        np.testing.assert_array_equal(y, 10 * x)
        orders.append(list(x))
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert orders[1] == orders[2] and orders[0] == orders[3] != orders[1]
    assert list(shuffled(seed=4)[0][0]) != list(shuffled(seed=3)[0][0])


def test_batches_of_unequal_arrays_are_refused():
    for arrays in ((np.ones(3), np.ones(2)), (np.ones(0),), ()):
        with pytest.raises(ValueError, match="equally many rows"):
            made.ShuffledBatches(arrays, 2, 0)
    with pytest.raises(ValueError, match="Received: ndarray"):
        made.ShuffledBatches(np.ones((3, 2)), 2, 0)


# --- Accumulated gradients ---------------------------------------------------


def test_accumulated_gradients_are_those_of_the_large_batch():
    x = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
    model = classifier()

    def gradients_of(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x)))
        return tape.gradient(loss, model.trainable_variables)

    parts = ((gradients_of(part), len(part)) for part in np.split(x, [32, 64]))
    found = made.accumulate_gradients(parts)
    for a, b in zip(found, gradients_of(x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_accumulated_gradients_may_be_missing():
    parts = [([None, tf.ones(2)], 1), ([None, tf.zeros(2)], 3)]
    missing, found = made.accumulate_gradients(parts)
    assert missing is None
    np.testing.assert_allclose(found, [0.25, 0.25])
    for parts in ([], [([tf.ones(2)], 0)]):
        with pytest.raises(ValueError, match="`parts` must have"):
            made.accumulate_gradients(parts)
    with pytest.raises(ValueError, match="`weight` must be"):
        made.accumulate_gradients([([tf.ones(2)], -1)])
    with pytest.raises(ValueError, match="alike in shapes and dtypes"):
        made.accumulate_gradients([([None], 1), ([tf.ones(2)], 1)])
    for other in (tf.ones(1), tf.ones((2, 2)), tf.ones(2, "float64")):
        with pytest.raises(ValueError, match="alike in shapes and dtypes"):
            made.accumulate_gradients([([tf.ones(2)], 1), ([other], 1)])


def test_part_without_weight_does_not_count():
    nothing = [tf.constant([np.nan, np.inf])], 0
    for parts in ([nothing, ([tf.ones(2)], 3)], [([tf.ones(2)], 3), nothing]):
        np.testing.assert_array_equal(
            made.accumulate_gradients(parts)[0], [1, 1]
        )


def test_accumulated_gradients_may_be_sparse_or_large():
    slices = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), (3, 2))
    (found,) = made.accumulate_gradients(
        [([slices], 1), ([tf.ones((3, 2))], 1)]
    )
    np.testing.assert_array_equal(found, [[0.5, 0.5], [1, 1], [0.5, 0.5]])
    largest = tf.constant([tf.float16.max], "float16")
    (found,) = made.accumulate_gradients([([largest], 32)] * 3)
    np.testing.assert_allclose(found, largest, rtol=1e-3)
    opposite = [([largest], 1), ([-largest], 1)]
    np.testing.assert_array_equal(made.accumulate_gradients(opposite)[0], [0])


# --- Checkpoints -------------------------------------------------------------


def parts_of(model):
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    return {"model": model, "optimizer": optimizer}


def test_checkpoint_has_random_states_and_the_optimizer(tmp_path):
    old, new = parts_of(classifier(0)), parts_of(classifier(1))
    x = np.ones((50, 4), "float32")
    old["model"](x, training=True)  # moves the random state
    old["optimizer"].apply([v + 1.0 for v in old["model"].trainable_variables])
    made.save_checkpoint(tmp_path / "file", old, {"epoch": 3})
    assert made.restore_checkpoint(tmp_path / "file", new) == {"epoch": 3}
    for part in old:
        pairs = zip(old[part].variables, new[part].variables, strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    drawn = [parts["model"](x, training=True) for parts in (old, new)]
    np.testing.assert_array_equal(*drawn)


class Holder:
    """Something with variables, and nothing else."""

    def __init__(self, *variables):
        self.variables = variables


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (keras.Variable(np.ones(3, "int32"), name="a"), "'float32'.*'int32'"),
        (keras.Variable(np.ones(4, "float32"), name="a"), r"\[3\].*\[4\]"),
        (keras.Variable(np.ones(3, "float32"), name="b"), "part: a.*part: b"),
        (None, r"part: a.*None"),
    ],
    ids=["dtype", "shape", "name", "missing"],
)
def test_checkpoint_that_does_not_fit_changes_nothing(tmp_path, wrong, message):
    def variable(name, value):
        return keras.Variable(np.full(3, value, "float32"), name=name)

    old = {"part": Holder(variable("first", 2.0), variable("a", 2.0))}
    made.save_checkpoint(tmp_path / "file", old, {})
    first = variable("first", 5.0)
    new = {"part": Holder(first, *([] if wrong is None else [wrong]))}
    with pytest.raises(ValueError, match=message):
        made.restore_checkpoint(tmp_path / "file", new)
    np.testing.assert_array_equal(first.numpy(), [5, 5, 5])


def test_checkpoint_of_a_part_that_is_not_built_is_refused(tmp_path):
    unbuilt = {"model": keras.Sequential([keras.layers.Dense(2)])}
    with pytest.raises(ValueError, match=r"must be built\. 'model' is not"):
        made.save_checkpoint(tmp_path / "file", unbuilt, {})
    assert not list(tmp_path.iterdir())


def test_checkpoint_knows_layers_by_the_order_of_their_numbers(tmp_path):
    def numbered(*names):
        return {"part": Holder(*(keras.Variable([0.0], name=n) for n in names))}

    made.save_checkpoint(
        tmp_path / "file", numbered("a_9", "a_10", "b_2_c"), {}
    )
    made.restore_checkpoint(tmp_path / "file", numbered("a", "a_1", "b_c"))
    for names in (("a_10", "a_9", "b_c"), ("a_1", "a_1", "b_c")):
        with pytest.raises(ValueError, match="variables of the file"):
            made.restore_checkpoint(tmp_path / "file", numbered(*names))


@pytest.mark.parametrize(
    "content", ["version", "empty", "half", "text", "array", "zip"]
)
def test_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path, variable = tmp_path / "file", keras.Variable(np.ones(3), name="a")
    made.save_checkpoint(path, {"part": Holder(variable)}, {})
    if content in ("array", "zip"):
        write = np.save if content == "array" else np.savez
        with open(path, "wb") as file:
            write(file, np.ones(3))
    else:
        whole = path.read_bytes()
        found = {"empty": b"", "half": whole[:200], "text": b"epoch 3"}
        found["version"] = whole.replace(b"PK\1\2-\3-", b"PK\1\2-\3l")
        assert found["version"] != whole
        path.write_bytes(found[content])
    with pytest.raises(ValueError, match=r"`path` must be a file of .*file$"):
        made.restore_checkpoint(path, {"part": Holder(variable)})


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bool", "int64"])
def test_checkpoint_keeps_every_dtype(tmp_path, dtype):
    old = keras.Variable(np.array([0, 1, 1]), dtype=dtype, name="a")
    new = keras.Variable(np.zeros(3), dtype=dtype, name="a")
    made.save_checkpoint(tmp_path / "file", {"p": Holder(old)}, {})
    made.restore_checkpoint(tmp_path / "file", {"p": Holder(new)})
    assert keras.ops.convert_to_numpy(new == old).all()


def test_kill_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    parts = {"part": Holder(keras.Variable(np.ones(3), name="a"))}
    made.save_checkpoint(path, parts, {"epoch": 1})
    with pytest.raises(TypeError):
        made.save_checkpoint(path, parts, {"epoch": np.ones(3)})
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

    def killed(file, *arrays, **more):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        made.save_checkpoint(path, parts, {"epoch": 2})
    assert made.restore_checkpoint(path, parts) == {"epoch": 1}
