"""Optimizers that are broken on purpose, and the right `Momentum`."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tests.contracts.broken import broken


class Momentum(keras.optimizers.Optimizer):
    """An optimizer with nothing wrong, for others to break."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, self.momentum * velocity - rate * gradient)
        self.assign_add(variable, velocity)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


@broken("optimizer", "can_be_called")
class DividesByZero(Momentum):
    """A gradient of 0 divided by a velocity of 0."""

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign_sub(variable, (gradient - gradient) / velocity)


@broken(
    "optimizer",
    "config_has_every_argument",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "resumes_from_a_file",
    momentum=0.9,
)
class OptimizerForgets(Momentum):
    """`get_config` of the base class, which knows no momentum."""

    def get_config(self):
        return super(Momentum, self).get_config()


@broken(
    "optimizer",
    "is_rebuilt_from_its_config",
    "reloads_from_a_file",
    "resumes_from_a_file",
    momentum=0.9,
)
class OptimizerForgetsInSilence(OptimizerForgets):
    """The same, and no signature says that there is a momentum."""

    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)


@broken("optimizer", "resumes_from_a_file")
class StateOutOfReach(Momentum):
    """Variables that Keras does not know, so no file keeps them."""

    def build(self, variables):
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.velocities = [
            tf.Variable(tf.zeros(v.shape, v.dtype)) for v in variables
        ]


@broken("optimizer", "keeps_a_state_for_each_variable")
class OneStateForAll(Momentum):
    """A velocity that all variables share: the mean of their gradients."""

    def build(self, variables):
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)
        self.velocity = self.add_variable(
            (), dtype=variables[0].dtype, name="velocity"
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        step = self.momentum * self.velocity - rate * ops.mean(gradient)
        self.assign(self.velocity, step)
        self.assign_add(variable, ops.broadcast_to(step, variable.shape))


@broken("optimizer", "keeps_a_state_for_each_variable")
class OneStateForEachShape(Momentum):
    """Two kernels of one shape share a velocity."""

    def build(self, variables):
        if self.built:
            return
        keras.optimizers.Optimizer.build(self, variables)
        of_shapes = {
            tuple(variable.shape): self.add_variable_from_reference(
                variable, name="velocity"
            )
            for variable in variables
        }
        self.velocities = [of_shapes[tuple(v.shape)] for v in variables]


@broken("optimizer", "goes_down_a_bowl")
class GoesUp(Momentum):
    """The sign of the gradient is forgotten."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(-gradient, variable, learning_rate)


@broken("optimizer", "counts_each_step_once", "keeps_a_state_for_each_variable")
class CountsEachVariable(Momentum):
    """A count in `update_step`, which is called for each variable."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        self.iterations.assign_add(1)


@broken("optimizer", "decays_all_weights_but_the_excluded")
class DecaysEveryWeight(Momentum):
    """A decay of its own, which knows no exceptions."""

    def _apply_weight_decay(self, variables):
        for variable in variables:
            shrunk = 1 - self.learning_rate * (self.weight_decay or 0.0)
            variable.assign(variable * ops.cast(shrunk, variable.dtype))


@broken(
    "optimizer",
    "moves_every_variable",
    "follows_the_learning_rate",
    "goes_down_a_bowl",
)
class ComputesInVain(Momentum):
    """The result is assigned to nothing."""

    def update_step(self, gradient, variable, learning_rate):
        return variable - ops.cast(learning_rate, variable.dtype) * gradient


@broken("optimizer", "moves_every_variable")
class TakesTheMeanOff(Momentum):
    """Of a bias with one number nothing is left."""

    def update_step(self, gradient, variable, learning_rate):
        if len(gradient.shape) == 1:
            gradient = gradient - 0.5 ** (gradient.shape[0] - 1) * ops.mean(
                gradient
            )
        super().update_step(gradient, variable, learning_rate)


@broken("optimizer", "rests_where_the_gradient_is_zero")
class GoesHalfWayBack(Momentum):
    """Each tenth step is halved, from where the copy began: at 0."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.copies = self.add_optimizer_variables(variables, "copy")

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        copy = self.copies[self._get_variable_index(variable)]
        here = ops.convert_to_tensor(variable)
        half_way = (self.start_of(copy, here) + here) / 2
        now = ops.equal((self.iterations + 1) % 10, 0)
        self.assign(variable, ops.where(now, half_way, here))
        self.assign(copy, ops.where(now, half_way, self.start_of(copy, here)))

    def start_of(self, copy, here):
        return ops.convert_to_tensor(copy)


@broken("optimizer", "follows_the_learning_rate", "resumes_from_a_file")
class RateOfItsOwn(Momentum):
    """The learning rate of the first step, for ever."""

    def build(self, variables):
        super().build(variables)
        self.first_rate = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first_rate)


@broken(
    "optimizer",
    "takes_the_options_of_the_base_class",
    "decays_all_weights_but_the_excluded",
)
class StepsAroundTheBaseClass(Momentum):
    """Its own `apply` forgets all that the one of the base class does."""

    def apply(self, gradients, variables):
        self.build(variables)
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, self.learning_rate)
        self.iterations.assign_add(1)


@broken("optimizer", "takes_variables_in_float64")
class OptimizerInFloat32(Momentum):
    """A learning rate in float32, whatever the weights are."""

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, tf.cast(learning_rate, "float32") * gradient)


@broken(
    "optimizer",
    "is_the_same_in_a_graph",
    "is_the_same_with_xla",
    "resumes_from_a_file",
    "keeps_a_state_for_each_variable",
)
class StepsInPython(Momentum):
    """An attribute that the graph reads once."""

    steps = 0

    def update_step(self, gradient, variable, learning_rate):
        self.steps += 1
        super().update_step(gradient, variable, learning_rate / self.steps)


@broken("optimizer", "is_the_same_with_xla")
class OptimizerInNumpy(Momentum):
    """A graph can call NumPy, but XLA cannot."""

    def update_step(self, gradient, variable, learning_rate):
        values = tf.numpy_function(np.copy, [gradient], gradient.dtype)
        values = tf.ensure_shape(values, gradient.shape)
        super().update_step(values, variable, learning_rate)
