"""What a loss, a metric, a layer ... must do, as checks that explain.

Each check takes one component, tries it on small inputs and answers with a
`Report`, a line for each rule:

    check_activation(fn)             check_initializer(initializer)
    check_regularizer(regularizer)   check_constraint(constraint)
    check_loss(loss)                 check_metric(metric)
    check_layer(layer, input_shape)  check_model(model, input_shape)
    check_optimizer(optimizer)       check_schedule(schedule)

From the shell `python -m helpers.contracts MODULE:OBJECT ...` does the same.

The way of a call: `arguments` looks at what was passed, `subject` holds the
component with all that rules need to know of it, `common` and the module of
its kind (`losses`, `metrics` ...) have the rules, `runner` runs them and
`report` shows what they found. Rules that are a subject of their own have a
module: `extremes` and `gradients` (of losses), `sums` (of metrics), `weights`,
`masks` and `randomness` (of layers), `fitting` (of models); `kernels` is what
constraints and their like are tried with. `copies` is about configs and files,
`slopes` about gradients, `explanations` puts exceptions into words.

A rule is a function in the module of its kind, or in `common` if it holds for
every kind:

- Its name is the sentence that it tests, its docstring says why. `own_rules` or
  `precision_rules` of the kind's subject, or `common.rules_for`, gives it its
  place in the report.
- It gets a `Subject`. What it computes with comes from `subject.fresh()` or
  `subject.ready()`, copies of what has a config, and `subject.examples`.
- It returns what was seen, or nothing. It raises `Broken` with what was seen
  and a hint with the code to write, or `NotApplicable` with the reason. The
  report adds the example that it took last, or the inputs that it names.
- It compares with `subject.difference`, which blames no rule but the first for
  numbers that change from call to call.
- The report names the chapter that the subject calls `page`, unless
  `common.on_page` names another.

tests/contracts/broken has components that break one thing each, and says how
to add one.
"""

from helpers.contracts.activations import ActivationSubject
from helpers.contracts.constraints import ConstraintSubject
from helpers.contracts.initializers import InitializerSubject
from helpers.contracts.layers import LayerSubject
from helpers.contracts.losses import LossSubject
from helpers.contracts.metrics import MetricSubject
from helpers.contracts.models import ModelSubject
from helpers.contracts.optimizers import OptimizerSubject
from helpers.contracts.regularizers import RegularizerSubject
from helpers.contracts.report import ContractError, Report, Result
from helpers.contracts.runner import run
from helpers.contracts.schedules import ScheduleSubject

__all__ = [
    "ContractError",
    "Report",
    "Result",
    "check_activation",
    "check_constraint",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_optimizer",
    "check_regularizer",
    "check_schedule",
]


def check_activation(activation, against=None, skip=None):
    """Check what an activation must do.

    Args:
        activation: Function of a tensor, or an object that is called so, such
            as a layer.
        against: Another activation that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_activation(keras.activations.relu).ok
        True
    """
    return run(ActivationSubject(activation, against), skip)


def check_constraint(constraint, against=None, skip=None):
    """Check what a constraint must do.

    Args:
        constraint: `keras.constraints.Constraint`, or a function of weights.
        against: Another constraint that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_constraint(keras.constraints.NonNeg()).ok
        True
    """
    return run(ConstraintSubject(constraint, against), skip)


def check_initializer(initializer, against=None, skip=None):
    """Check what an initializer must do.

    Args:
        initializer: `keras.initializers.Initializer`, or a function of a
            shape and a `dtype`.
        against: Another initializer that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_initializer(keras.initializers.HeNormal(seed=1)).ok
        True
    """
    return run(InitializerSubject(initializer, against), skip)


def check_regularizer(regularizer, against=None, skip=None):
    """Check what a regularizer must do.

    Args:
        regularizer: `keras.regularizers.Regularizer`, or a function of
            weights.
        against: Another regularizer that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_regularizer(keras.regularizers.L2(0.1)).ok
        True
    """
    return run(RegularizerSubject(regularizer, against), skip)


def check_loss(loss, against=None, skip=None, y_true=None, y_pred=None):
    """Check what a loss must do.

    It is tried with shares between 0 and 1, with targets of 0 and 1 and with
    other real numbers; a loss that takes none of them is tried with class
    numbers as targets.

    Args:
        loss: `keras.losses.Loss`, or a function of `y_true` and `y_pred`.
        against: Another loss that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.
        y_true: Targets to try it with instead, if those do not suit it.
        y_pred: Predictions for these targets.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `y_true` and `y_pred` do not belong together.

    Example:
        >>> check_loss(keras.losses.MeanSquaredError()).ok
        True
    """
    return run(LossSubject(loss, against, y_true, y_pred), skip)


def check_metric(metric, against=None, skip=None, y_true=None, y_pred=None):
    """Check what a metric must do.

    It is tried with shares, with classes as ones and zeros, with class
    numbers and with other real numbers, until something suits it.

    Args:
        metric: `keras.metrics.Metric`, or a function of `y_true` and `y_pred`
            that gives one value per sample.
        against: Another metric that must give the same numbers.
        skip: Dictionary from names of rules to the reason to leave them out.
        y_true: Targets to try it with instead, if those do not suit it.
        y_pred: Predictions for these targets.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `y_true` and `y_pred` do not belong together.

    Example:
        >>> check_metric(keras.metrics.Precision()).ok
        True
    """
    return run(MetricSubject(metric, against, y_true, y_pred), skip)


def check_layer(layer, input_shape, against=None, skip=None):
    """Check what a layer must do.

    Args:
        layer: `keras.layers.Layer` that is not built yet. It stays so: rules
            work on copies.
        input_shape: Tuple with None for the batch, such as `(None, 3)`, or a
            list of such tuples for several inputs.
        against: Another layer that must give the same numbers with the same
            weights.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `input_shape` does not begin with None.

    Example:
        >>> check_layer(keras.layers.Dense(2), (None, 3)).ok
        True
    """
    return run(LayerSubject(layer, input_shape, against), skip)


def check_model(model, input_shape, against=None, skip=None):
    """Check what a model must do.

    Args:
        model: `keras.Model`; a subclassed one is not built yet. Rules work on
            copies.
        input_shape: Tuple with None for the batch, such as `(None, 3)`, or a
            list of such tuples for several inputs.
        against: Another model that must give the same numbers with the same
            weights.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason, or `input_shape` does not begin with None.

    Example:
        >>> model = keras.Sequential([keras.layers.Dense(2)])
        >>> check_model(model, (None, 3)).ok
        True
    """
    return run(ModelSubject(model, input_shape, against), skip)


def check_optimizer(optimizer, against=None, skip=None):
    """Check what an optimizer must do.

    Args:
        optimizer: `keras.optimizers.Optimizer`. It stays as it is: rules work
            on copies.
        against: Another optimizer that must make the same steps.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> check_optimizer(keras.optimizers.SGD(0.1)).ok
        True
    """
    return run(OptimizerSubject(optimizer, against), skip)


def check_schedule(schedule, against=None, skip=None):
    """Check what a learning rate schedule must do.

    Args:
        schedule: `keras.optimizers.schedules.LearningRateSchedule`.
        against: Another schedule that must give the same learning rates.
        skip: Dictionary from names of rules to the reason to leave them out.

    Returns:
        A `Report`.

    Raises:
        TypeError: If an argument is of a wrong type, such as a class in place
            of an object.
        ValueError: If `skip` names a rule that does not exist or gives no
            reason.

    Example:
        >>> decay = keras.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5)
        >>> check_schedule(decay).ok
        True
    """
    return run(ScheduleSubject(schedule, against), skip)
