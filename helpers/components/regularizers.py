"""The components that book/regularizers.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""

import numbers

import keras
from keras import ops

from helpers.components.losses import checked_number


@keras.saving.register_keras_serializable(package="made_to_measure")
def my_l1(weights):
    """Computes an L1 penalty with a factor of 0.1.

    Formula: `0.1 * sum(abs(weights))`.

    Args:
        weights: Tensor of weights, of any shape.

    Returns:
        Scalar tensor of the dtype of `weights`.
    """
    return 0.1 * ops.sum(ops.abs(weights))


@keras.saving.register_keras_serializable(package="made_to_measure")
class L1Regularizer(keras.regularizers.Regularizer):
    """L1 penalty: the price of a weight is in proportion to its size.

    Formula: `factor * sum(abs(weights))`.

    Args:
        factor: Float, zero or above. The price of a weight of 1, in the unit
            of the loss. `0.0` is no penalty. Defaults to `0.01`.

    Raises:
        ValueError: If `factor` is negative, or not a finite number.

    Example:
        >>> keras.layers.Dense(1, kernel_regularizer=L1Regularizer(0.1))

    Reference:
        [Tibshirani, 1996](https://doi.org/10.1111/j.2517-6161.1996.tb02080.x)
    """

    def __init__(self, factor=0.01):
        self.factor = checked_number("factor", factor, least=0)

    def __call__(self, weights):
        """Computes the penalty.

        Args:
            weights: Tensor of weights, of any shape.

        Returns:
            Scalar tensor of the dtype of `weights`.
        """
        return self.factor * ops.sum(ops.abs(weights))

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="made_to_measure")
class PositiveWeights(keras.constraints.Constraint):
    """Keeps weights at zero or above.

    Formula: `max(weights, 0)`.

    Example:
        >>> keras.layers.Dense(1, kernel_constraint=PositiveWeights())
    """

    def __call__(self, weights):
        """Returns the nearest allowed weights.

        Args:
            weights: Tensor of weights, of any shape.

        Returns:
            Tensor of the shape and the dtype of `weights`.
        """
        return ops.maximum(weights, 0)


@keras.saving.register_keras_serializable(package="made_to_measure")
class NormLimit(keras.constraints.Constraint):
    """Keeps the norm of weights at a limit or below.

    Formula: `weights * limit / max(norm, limit)`, where `norm` is the root of
    the sum of squares along `axis`.

    Args:
        limit: Positive float. The largest norm. Defaults to `2.0`.
        axis: Int or tuple of ints. Along which axes to measure the norm: `0`
            for the kernel of a `Dense` layer, `(0, 1, 2)` for that of a
            `Conv2D` layer, which gives one norm for each unit or filter.
            Defaults to `0`.

    Raises:
        ValueError: If `limit` is not a positive, finite number, or `axis` is
            not an int or a tuple of ints.

    Example:
        >>> keras.layers.Dense(64, kernel_constraint=NormLimit(3.0))

    Reference:
        [Hinton et al., 2012](https://arxiv.org/abs/1207.0580)
    """

    def __init__(self, limit=2.0, axis=0):
        self.limit = checked_number("limit", limit, above=0)
        several = isinstance(axis, (tuple, list))  # a file has lists only
        axes = tuple(axis) if several else (axis,)
        whole = all(isinstance(a, numbers.Integral) for a in axes)
        if not axes or not whole or any(isinstance(a, bool) for a in axes):
            raise ValueError(
                "`axis` must be an int or a tuple of ints. "
                f"Received: axis={axis!r}"
            )
        axes = tuple(int(a) for a in axes)
        self.axis = axes if several else axes[0]

    def __call__(self, weights):
        """Returns the nearest allowed weights.

        Args:
            weights: Tensor of weights that has the axes.

        Returns:
            Tensor of the shape and the dtype of `weights`, in which the
            limit and the squares of the weights must be finite.
        """
        norm = ops.sqrt(ops.sum(ops.square(weights), self.axis, keepdims=True))
        return weights * (self.limit / ops.maximum(norm, self.limit))

    def get_config(self):
        return {**super().get_config(), "limit": self.limit, "axis": self.axis}
