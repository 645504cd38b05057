"""The real data sets of the book, split and scaled.

They come with scikit-learn, so that nothing is downloaded. Scaling is learned
from the training part alone: what is held back must not help.
"""

import dataclasses

import numpy
import sklearn.datasets
import sklearn.model_selection

MISSING = 9.99  # 999, the classic mark for "no value", in hundreds


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set in three parts: 60% to train, 20% to validate, 20% to test.

    Attributes:
        x_train: Inputs, a `float32` array of shape `(n, ...)`.
        y_train: Targets, an array of `n` rows.
        x_validation: Inputs of the validation part.
        y_validation: Targets of the validation part.
        x_test: Inputs of the test part.
        y_test: Targets of the test part.
        feature_names: What the columns of the inputs are.
        corrupted: Which rows of `y_train` are corrupted, a `bool` array of
            shape `(n,)`.
    """

    x_train: numpy.ndarray
    y_train: numpy.ndarray
    x_validation: numpy.ndarray
    y_validation: numpy.ndarray
    x_test: numpy.ndarray
    y_test: numpy.ndarray
    feature_names: list[str]
    corrupted: numpy.ndarray


def diabetes(corrupted=0.0, seed=0):
    """Diabetes: ten measurements of 442 patients, and what came of it.

    The target is the progression of the disease one year later, in hundreds
    of points: 0.25 to 3.46. The inputs (age in years, sex, body mass index in
    kg/m2, blood pressure in mm Hg, six blood values) are standardized.

    A share of the training targets can be corrupted: they become 9.99, as if
    someone had typed 999 where a value was missing. This part is synthetic;
    validation and test targets stay as they are.

    Args:
        corrupted: Share of the training targets to corrupt, from 0 to 1.
        seed: Whole number that decides the split and the corrupted rows.

    Returns:
        A `Data` with inputs `(n, 10)` and targets `(n, 1)`, both `float32`.

    Raises:
        ValueError: If `corrupted` is not between 0 and 1.

    Reference:
        [Efron et al., 2004](https://doi.org/10.1214/009053604000000067)
    """
    if not 0 <= corrupted <= 1:
        raise ValueError(
            "`corrupted` must be a share between 0 and 1. "
            f"Received: {corrupted!r}"
        )
    bunch = sklearn.datasets.load_diabetes(scaled=False)
    y = bunch.target.astype("float32").reshape(-1, 1) / 100
    names = ["age", "sex", "body mass index", "blood pressure"]
    names += ["total cholesterol", "LDL cholesterol", "HDL cholesterol"]
    names += ["cholesterol ratio", "log triglycerides", "blood sugar"]
    data = _split(bunch.data, y, names, seed)
    rows = numpy.random.default_rng(seed).permutation(len(data.y_train))
    data.corrupted[rows[: round(corrupted * len(rows))]] = True
    data.y_train[data.corrupted] = MISSING
    return _standardize(data)


def breast_cancer(seed=0):
    """Breast cancer: thirty measurements of 569 tumours, malignant or not.

    Args:
        seed: Whole number that decides the split.

    Returns:
        A `Data` with inputs `(n, 30)`, standardized, and targets `(n, 1)`,
        both `float32`. The target is 1 for a malignant tumour, the class to
        find, and 0 for a benign one.

    Reference:
        [Wolberg et al., 1993](https://doi.org/10.24432/C5DW2B)
    """
    bunch = sklearn.datasets.load_breast_cancer()
    y = 1 - bunch.target.astype("float32").reshape(-1, 1)
    names = bunch.feature_names.tolist()
    return _standardize(_split(bunch.data, y, names, seed, stratify=y))


def digits(seed=0):
    """Digits: 1,797 handwritten digits, 8 by 8 pixels.

    Args:
        seed: Whole number that decides the split.

    Returns:
        A `Data` with inputs `(n, 8, 8)`, `float32` from 0 (paper) to 1 (ink),
        and targets `(n,)`, `int32` from 0 to 9.

    Reference:
        [Alpaydin and Kaynak, 1998](https://doi.org/10.24432/C50P49)
    """
    bunch = sklearn.datasets.load_digits()
    y = bunch.target.astype("int32")
    names = list(bunch.feature_names)
    return _split(bunch.images / 16, y, names, seed, stratify=y)


def _split(x, y, names, seed, stratify=None):
    """Cut rows into training, validation and test parts."""
    rows = numpy.arange(len(x))
    rest, test = sklearn.model_selection.train_test_split(
        rows, test_size=0.2, random_state=seed, stratify=stratify
    )
    train, validation = sklearn.model_selection.train_test_split(
        rest,
        test_size=0.25,
        random_state=seed,
        stratify=None if stratify is None else stratify[rest],
    )
    x = x.astype("float32")
    return Data(
        x_train=x[train],
        y_train=y[train],
        x_validation=x[validation],
        y_validation=y[validation],
        x_test=x[test],
        y_test=y[test],
        feature_names=names,
        corrupted=numpy.zeros(len(train), dtype=bool),
    )


def _standardize(data):
    """Give each input mean 0 and standard deviation 1 on the training part."""
    mean, deviation = data.x_train.mean(axis=0), data.x_train.std(axis=0)
    return dataclasses.replace(
        data,
        x_train=(data.x_train - mean) / deviation,
        x_validation=(data.x_validation - mean) / deviation,
        x_test=(data.x_test - mean) / deviation,
    )
