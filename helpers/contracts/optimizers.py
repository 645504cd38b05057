"""What an optimizer must do: gradients in, better weights and a state."""

import keras
import numpy as np
import tensorflow as tf

from helpers.contracts import common
from helpers.contracts.copies import by_its_name, copy_of, rebuilt, reloaded
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    Subject,
    difference,
    tensors,
)

STEPS = 5


class OptimizerSubject(Subject):
    """An optimizer with the weights of a dense layer and their gradients."""

    kind = "optimizer"
    shows_its_numbers = False
    page = "optimizers"
    input_names = ("kernel", "bias", "kernel_gradients", "bias_gradients")
    repeats = False  # each step begins where the last one ended
    graph_hint = (
        "Keep what changes in variables made in `build`: a Python attribute is "
        "read once, when the graph is made."
    )
    takes_functions = False

    def own_rules(self):
        yield resumes_from_a_file
        yield keeps_a_state_for_each_variable
        yield moves_every_variable
        yield follows_the_learning_rate
        yield takes_the_options_of_the_base_class
        yield takes_variables_in_float64

    def fresh(self):
        return copy_of(self.component)

    def reference(self):
        return copy_of(self.against)

    def candidates(self):
        """A kernel and a bias, and what their gradients are at each step."""
        random = np.random.default_rng(0)
        shapes = (3, 2), (2,)
        weights = [random.normal(size=shape) for shape in shapes]
        gradients = [random.normal(size=(STEPS, *shape)) for shape in shapes]
        yield tuple(array.astype("float32") for array in weights + gradients)

    def compute(self, component, *weights_and_gradients):
        """The weights after the steps, each gradient used once."""
        return self.trained(component, weights_and_gradients)

    def trained(self, component, weights_and_gradients, compiled=None):
        """The same; `compiled` are arguments for `tf.function`, if any."""
        half = len(weights_and_gradients) // 2
        variables = [
            keras.Variable(weight, dtype=weight.dtype.name)
            for weight in weights_and_gradients[:half]
        ]
        gradients = weights_and_gradients[half:]
        component.build(variables)

        def apply(*gradients):
            component.apply(list(gradients), variables)

        if compiled is not None:
            apply = tf.function(apply, autograph=False, **compiled)
        for step in range(gradients[0].shape[0]):
            apply(*(gradient[step] for gradient in gradients))
        return [tf.identity(variable.value) for variable in variables]

    def compiled(self, component, jit_compile):
        """The steps in a graph, of a copy: the given one has made them."""
        arguments = {"jit_compile": jit_compile}
        return lambda *inputs: self.trained(self.fresh(), inputs, arguments)

    def outputs(self, component):
        return self.compute(component, *tensors(self.examples[0]))

    def edited(self, **arguments):
        """One with some arguments changed, the others as the config says."""
        config = {**self.component.get_config(), **arguments}
        return rebuilt(self.component, config)

    def first_rate(self):
        """The learning rate of the first step."""
        return float(self.fresh().learning_rate)

    def differentiable(self, inputs):
        return []

    def model_with(self, component, inputs):
        model = keras.Sequential(
            [
                keras.Input(inputs[0].shape[:1]),
                keras.layers.Dense(inputs[0].shape[1]),
            ]
        )
        model.set_weights(inputs[:2])
        model.compile(component, loss="mse", jit_compile=False)
        return model

    def outputs_of(self, model, inputs):
        return self.outputs(copy_of(self.component_in(model)))

    def component_in(self, model):
        return model.optimizer


# --- State -------------------------------------------------------------------


@common.on_page("saving")
def resumes_from_a_file(subject):
    """A training that goes on after loading must not notice the break."""
    inputs = subject.examples[0]
    random = np.random.default_rng(3)
    x = random.normal(size=(2, 4, inputs[0].shape[0])).astype("float32")
    y = random.normal(size=(2, 4, inputs[0].shape[1])).astype("float32")

    def go_on(model):
        for _ in range(STEPS):
            model.train_on_batch(x[1], y[1])
        return model.get_weights()

    model = subject.model_with(subject.fresh(), inputs)
    for _ in range(STEPS):
        model.train_on_batch(x[0], y[0])
    loaded = reloaded(model, by_its_name(subject.component))
    kept = difference(
        [variable.value for variable in loaded.optimizer.variables],
        [variable.value for variable in model.optimizer.variables],
        1e-6,
    )
    if kept:
        raise Broken(
            f"In the state of the loaded optimizer there is {kept}.",
            "Make the state in `build`, in an order that does not change.",
        )
    if text := subject.difference(go_on(loaded), go_on(model), 1e-5):
        raise Broken(
            f"The training that goes on after loading ends with {text}.",
            "Make all state in `build` with "
            "`self.add_variable_from_reference(variable, name=...)`, and "
            "return every argument in `get_config`.",
        )
    return f"{len(model.optimizer.variables)} variables in its state."


def keeps_a_state_for_each_variable(subject):
    """What one variable did must not move another."""
    if getattr(subject.component, "global_clipnorm", None):
        raise NotApplicable("`global_clipnorm` looks at all gradients.")
    inputs = tensors(subject.examples[0])
    together = subject.compute(subject.fresh(), *inputs)
    half = len(inputs) // 2
    alone = [
        subject.compute(subject.fresh(), inputs[i], inputs[half + i])[0]
        for i in range(half)
    ]
    if text := subject.difference(together, alone):
        raise Broken(
            f"Trained together, variables come to {text}, which is what they "
            "come to alone.",
            "Keep a list with one state for each variable, and find it with "
            "`self._get_variable_index(variable)`.",
        )


# --- Steps -------------------------------------------------------------------


def moves_every_variable(subject):
    """A gradient that is not zero asks for a step."""
    inputs = tensors(subject.examples[0])
    for place, after in enumerate(subject.compute(subject.fresh(), *inputs)):
        if not difference(after, inputs[place], 1e-9):
            raise Broken(
                f"{STEPS} steps changed nothing in variable {place}.",
                "Let `update_step` call `self.assign_sub(variable, step)`; a "
                "result that is only computed changes no variable.",
            )


def follows_the_learning_rate(subject):
    """Schedules and callbacks change it while a compiled training runs."""
    inputs = tensors(subject.examples[0])
    rate = subject.first_rate()
    falls = keras.optimizers.schedules.PiecewiseConstantDecay(
        [1], [rate, rate / 10]
    )
    constant, falling = (
        subject.trained(subject.edited(learning_rate=given), inputs, {})
        for given in (rate, falls)
    )
    if not difference(falling, constant, 1e-5):
        raise Broken(
            "A schedule whose learning rate falls makes the same steps as a "
            "constant one.",
            "Use the `learning_rate` that `update_step` is given; do not keep "
            "one of your own.",
        )


def takes_the_options_of_the_base_class(subject):
    """Whoever knows `clipvalue` from one optimizer expects it in each."""
    *weights, kernel, bias = tensors(subject.examples[0])
    others = ("clipnorm", "global_clipnorm", "gradient_accumulation_steps")
    options = dict.fromkeys(others)
    limit = 0.3
    clipped = [tf.clip_by_value(g, -limit, limit) for g in (kernel, bias)]
    expected = subject.compute(
        subject.edited(clipvalue=None, **options), *weights, *clipped
    )
    seen = subject.compute(
        subject.edited(clipvalue=limit, **options), *weights, kernel, bias
    )
    if text := subject.difference(seen, expected):
        raise Broken(
            f"With clipvalue={limit} a weight is {text}.",
            "Pass `**kwargs` to `super().__init__`, and write `update_step`; "
            "leave `apply`, which clips and decays, to the base class.",
        )


def takes_variables_in_float64(subject):
    """Under another policy the weights come in another dtype."""
    inputs = tensors(subject.examples[0])
    expected = subject.compute(subject.fresh(), *inputs)
    precise = [tf.cast(array, "float64") for array in inputs]
    seen = subject.compute(subject.fresh(), *precise)
    if text := subject.difference(seen, expected, 1e-3):
        raise Broken(
            f"In float64 a weight comes to {text}.",
            "Cast numbers to the dtype of the variable: "
            "`ops.cast(learning_rate, variable.dtype)`.",
        )
