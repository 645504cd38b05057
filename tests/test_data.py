"""Are the data sets of `helpers/data.py` what their docstrings say?"""

import dataclasses

import numpy as np
import pytest

from helpers import data

SETS = [data.diabetes, data.breast_cancer, data.digits]
STANDARDIZED = [data.diabetes, data.breast_cancer]
PARTS = ("train", "validation", "test")


def corrupted_diabetes(seed=0):
    return data.diabetes(corrupted=0.2, seed=seed)


def part(given, name):
    """The inputs and targets of one part of the data."""
    return getattr(given, f"x_{name}"), getattr(given, f"y_{name}")


def parts(given):
    """The inputs and targets of all three parts."""
    return [part(given, name) for name in PARTS]


def arrays(given):
    """All that a data set holds, as arrays."""
    return [np.asarray(value) for value in dataclasses.asdict(given).values()]


def same(one, other):
    """Whether two data sets hold the same."""
    return all(map(np.array_equal, arrays(one), arrays(other)))


@pytest.mark.parametrize(
    ("load", "rows", "shape", "target_shape", "kind"),
    [
        (data.diabetes, 442, (10,), (1,), "float32"),
        (data.breast_cancer, 569, (30,), (1,), "float32"),
        (data.digits, 1797, (8, 8), (), "int32"),
    ],
)
def test_shapes_and_types_are_those_of_the_docstring(
    load, rows, shape, target_shape, kind
):
    given = load()
    sizes = []
    for name in PARTS:
        x, y = part(given, name)
        assert x.dtype == "float32"
        assert y.dtype == kind
        assert x.shape == (len(x), *shape)
        assert y.shape == (len(x), *target_shape)
        assert np.isfinite(x).all() and np.isfinite(y).all()
        sizes.append(len(x))
    assert sum(sizes) == rows
    assert np.array(sizes) / rows == pytest.approx([0.6, 0.2, 0.2], abs=0.01)
    assert len(given.feature_names) == np.prod(shape)
    assert len(set(given.feature_names)) == len(given.feature_names)
    assert given.corrupted.shape == (sizes[0],)
    assert given.corrupted.dtype == bool


def test_targets_are_in_the_units_of_the_docstring():
    given = data.diabetes()
    y = np.concatenate([part(given, name)[1] for name in PARTS])
    assert (y.min(), y.max()) == pytest.approx((0.25, 3.46))

    given = data.breast_cancer()
    y = np.concatenate([part(given, name)[1] for name in PARTS])
    assert set(y.ravel()) == {0, 1}
    # 212 of the tumours are malignant, fewer than half.
    assert y.sum() == 212

    given = data.digits()
    y = np.concatenate([part(given, name)[1] for name in PARTS])
    assert set(y) == set(range(10))


def test_ink_of_digits_is_1_and_paper_0():
    given = data.digits()
    for name in PARTS:
        x, _ = part(given, name)
        assert (x.min(), x.max()) == (0, 1)
        # Pixels of the rim are paper nearly everywhere.
        assert x[:, :, 0].mean() < 0.01 < 0.5 < x[:, 3, 3:5].mean()


@pytest.mark.parametrize("load", [data.breast_cancer, data.digits])
def test_each_part_has_its_share_of_each_class(load):
    given = load()
    for value in np.unique(given.y_train):
        shares = [(part(given, name)[1] == value).mean() for name in PARTS]
        assert shares == pytest.approx([shares[0]] * 3, abs=0.01)


@pytest.mark.parametrize("load", SETS)
def test_no_row_is_in_two_parts(load):
    given = load()
    rows = [
        row.tobytes() + target.tobytes()
        for name in PARTS
        for row, target in zip(*part(given, name), strict=True)
    ]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("load", [*SETS, corrupted_diabetes])
def test_same_seed_gives_the_same_data_and_another_seed_other_data(load):
    assert same(load(), load(seed=0))
    assert same(load(seed=3), load(seed=3))
    assert not np.array_equal(load(seed=3).x_test, load().x_test)


@pytest.mark.parametrize("load", STANDARDIZED)
def test_scale_is_learned_from_the_training_part_alone(load):
    given = load()
    assert given.x_train.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert given.x_train.std(axis=0) == pytest.approx(1, abs=1e-5)
    # What is held back was scaled by the same numbers, so misses them a bit.
    for name in ("validation", "test"):
        x, _ = part(given, name)
        assert abs(x.mean(axis=0)).max() > 0.01
        assert abs(x.std(axis=0) - 1).max() > 0.01
        assert abs(x.mean(axis=0)).max() < 0.5


def test_body_mass_index_is_the_column_of_its_name():
    """It is what goes best with the disease, in most of medicine and here."""
    given = data.diabetes()
    x, y = (np.concatenate(rows) for rows in zip(*parts(given), strict=True))
    with_target = np.corrcoef([*x.T, y[:, 0]])[-1, :-1]
    strongest = given.feature_names[np.argmax(with_target)]
    assert strongest == "body mass index"
    # Sex is the one column of two values.
    kinds = [len(np.unique(column)) for column in given.x_train.T]
    assert given.feature_names[kinds.index(2)] == "sex"
    assert kinds.count(2) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1.0])
def test_share_of_the_training_targets_is_corrupted_and_no_other(share):
    clean, given = data.diabetes(), data.diabetes(corrupted=share)
    chosen = given.corrupted
    assert chosen.sum() == round(share * len(chosen))
    assert (given.y_train[chosen] == np.float32(data.MISSING)).all()
    assert np.array_equal(given.y_train[~chosen], clean.y_train[~chosen])
    for name in ("x_train", "x_validation", "y_validation", "x_test", "y_test"):
        assert np.array_equal(getattr(given, name), getattr(clean, name))


def test_larger_share_corrupts_the_same_rows_and_more():
    few, many = data.diabetes(corrupted=0.1), data.diabetes(corrupted=0.3)
    assert many.corrupted[few.corrupted].all()
    other = data.diabetes(corrupted=0.1, seed=1)
    assert not np.array_equal(few.corrupted, other.corrupted)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), 30])
def test_share_that_is_none_is_named(share):
    with pytest.raises(ValueError, match=f"`corrupted`.*Received: {share}"):
        data.diabetes(corrupted=share)


@pytest.mark.parametrize("load", SETS)
def test_changing_the_data_does_not_change_the_next(load):
    given, before = load(), load()
    for name in PARTS:
        for array in part(given, name):
            array[:] = 0
    assert same(load(), before)
