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
    number,
    or_not_applicable,
    tensors,
)

STEPS = 5
MANY_STEPS = 100


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
    cannot_know = (
        "whether the steps are those of the formula that you meant, such as a "
        "correction of the first ones; `against=` compares them with those of "
        "a known optimizer."
    )

    def own_rules(self):
        yield resumes_from_a_file
        yield keeps_a_state_for_each_variable
        yield moves_every_variable
        yield rests_where_the_gradient_is_zero
        yield goes_down_a_bowl
        yield counts_each_step_once
        yield follows_the_learning_rate
        yield takes_the_options_of_the_base_class
        yield decays_all_weights_but_the_excluded
        yield takes_variables_in_float64
        if self.against is not None:
            yield equals_the_reference_after_many_steps

    def fresh(self):
        return copy_of(self.component)

    def reference(self):
        return copy_of(self.against)

    def candidates(self):
        """A kernel and a bias, and what their gradients are at each step."""
        yield weights_and_gradients((3, 2), (2,))

    def compute(self, component, *weights_and_gradients):
        """The weights after the steps, each gradient used once."""
        return self.trained(component, weights_and_gradients)

    def trained(self, component, weights_and_gradients, compiled=None):
        """The same; `compiled` are arguments for `tf.function`, if any."""
        half = len(weights_and_gradients) // 2
        variables = variables_with(weights_and_gradients[:half])
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


def weights_and_gradients(*shapes, steps=STEPS):
    """Weights of some shapes, and as many gradients of each for all steps."""
    random = np.random.default_rng(0)
    weights = [random.normal(size=shape) for shape in shapes]
    gradients = [random.normal(size=(steps, *shape)) for shape in shapes]
    return tuple(array.astype("float32") for array in weights + gradients)


def variables_with(weights):
    """Variables named as in dense layers: a name that many have in common."""
    variables = []
    for place, weight in enumerate(weights):
        name = "kernel" if len(weight.shape) > 1 else "bias"
        with keras.name_scope(f"dense_{place}"):
            variables.append(
                keras.Variable(weight, dtype=weight.dtype.name, name=name)
            )
    return variables


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
            f"After {STEPS} steps of a dense layer, saving and loading there "
            f"is {kept} in the state of the optimizer.",
            "Make the state in `build`, in an order that does not change.",
            inputs=(),
        )
    if text := subject.difference(go_on(loaded), go_on(model), 1e-5):
        raise Broken(
            f"{STEPS} steps of a dense layer, saving, loading and {STEPS} more "
            f"steps end with {text}, which it is without the break.",
            "Make all state in `build` with "
            "`self.add_variable_from_reference(variable, name=...)`, and "
            "return every argument in `get_config`.",
            inputs=(),
        )
    return f"{len(model.optimizer.variables)} variables in its state."


def keeps_a_state_for_each_variable(subject):
    """What one variable did must not move another."""
    if getattr(subject.component, "global_clipnorm", None):
        raise NotApplicable("`global_clipnorm` looks at all gradients.")
    shapes = (3, 2), (3, 2), (2,)
    inputs = tensors(weights_and_gradients(*shapes))
    together = subject.compute(subject.fresh(), *inputs)
    half = len(inputs) // 2
    alone = [
        subject.compute(subject.fresh(), inputs[i], inputs[half + i])[0]
        for i in range(half)
    ]
    for shape, one, other in zip(shapes, together, alone, strict=True):
        if text := difference(one, other):
            raise Broken(
                "Two kernels of shape (3, 2) and a bias of shape (2,) are "
                f"trained together for {STEPS} steps: that of shape {shape} "
                f"comes to {text}, which it comes to alone.",
                "Keep a list with one state for each variable, and find it "
                "with `self._get_variable_index(variable)`: shapes and names "
                "are not unique. Where variables share a state on purpose, "
                "leave this rule out with `skip=`.",
                inputs=(),
            )


# --- Steps -------------------------------------------------------------------


def moves_every_variable(subject):
    """A gradient that is not zero asks for a step."""
    # A layer with one unit has a bias of shape (1,).
    for shapes in (((3, 2), (2,)), ((1,), ())):
        inputs = weights_and_gradients(*shapes)
        still = _left_where_they_were(subject, tensors(inputs))
        if still:
            shape = shapes[min(still)]
            raise Broken(
                f"{STEPS} steps changed nothing in a variable of shape "
                f"{shape}.",
                "Let `update_step` call `self.assign_sub(variable, step)`; a "
                "result that is only computed changes no variable. Of one "
                "number the mean is the number itself: take no mean of "
                "gradients off where there is one.",
                inputs,
            )


def _left_where_they_were(subject, inputs):
    """The places of the weights that no learning rate moves."""
    still = {0, 1}
    for _, component in _with_some_rates(subject):
        after = subject.compute(component, *inputs)
        still -= {p for p in still if difference(after[p], inputs[p], 1e-9)}
        if not still:
            break
    return still


def rests_where_the_gradient_is_zero(subject):
    """Nothing asks for a step, so no state may make one.

    Weight decay does, and so does noise on purpose, from the first step on.
    """
    component = subject.fresh()
    if getattr(component, "weight_decay", None):
        with or_not_applicable("Its weight decay cannot be taken away."):
            component = subject.edited(weight_decay=0.0)
    weights, gradients = weights_and_gradients((3, 2), steps=30)
    after_one, after_all = (
        subject.trained(copy_of(component), tensors((weights, nothing)))
        for nothing in (0 * gradients[:1], 0 * gradients)
    )
    if difference(after_one, [weights], 1e-6):
        raise NotApplicable("It moves, by its nature, with gradients of 0.")
    if text := difference(after_all, [weights], 1e-5):
        subject.must_repeat()
        raise Broken(
            "After 1 step with gradients of 0 all weights are as they were; "
            f"after 30 one is {text}.",
            "Look at what the state begins with: a copy of the weights must "
            "begin as the weights are, and not at 0.",
            inputs=(weights, 0 * gradients),
        )


def goes_down_a_bowl(subject):
    """A step with the wrong sign climbs, whatever the learning rate."""
    shares = {}
    for name, component in _with_some_rates(subject):
        shares[name] = share = _left_of_a_bowl(component)
        if share < 0.5:
            return (
                f"With {name} {MANY_STEPS} steps leave {number(share)} of the "
                "height."
            )
    best = min(shares.values())
    if best > 0.999:
        raise Broken(
            f"On a bowl of 14 weights {MANY_STEPS} steps end higher than they "
            f"began, at {number(best)} times the height or more; tried with "
            f"{', '.join(shares)}.",
            "Go against the gradient: `self.assign_sub(variable, "
            "learning_rate * gradient)`.",
            inputs=(),
        )
    return f"Slow: {MANY_STEPS} steps leave {number(best)} of the height."


def _with_some_rates(subject):
    """Copies with other learning rates, then one with the given one."""
    for rate in (0.1, 0.01, 1.0, 0.001):
        try:
            component = subject.edited(learning_rate=rate)
        except Exception:  # one around another optimizer, which has the rate
            break
        yield f"learning_rate={rate:g}", component
    yield "the given learning rate", subject.fresh()


def _left_of_a_bowl(component):
    """The height after many steps down a bowl, as a share of the first one."""
    shapes = (3, 2), (3, 2), (2,)
    random = np.random.default_rng(1)
    weights = tensors(weights_and_gradients(*shapes)[: len(shapes)])
    variables = variables_with(weights)
    # The bottom is elsewhere than the zeros that a weight decay leads to.
    bottoms = [w + np.sign(random.normal(size=w.shape)) for w in weights]
    steepness = [random.uniform(0.5, 1.5, w.shape) for w in weights]

    def away():
        return [v.value - b for v, b in zip(variables, bottoms, strict=True)]

    def slopes():
        return [s * a for s, a in zip(steepness, away(), strict=True)]

    def height():
        pairs = zip(slopes(), away(), strict=True)
        return sum(np.sum(slope * far) for slope, far in pairs)

    component.build(variables)

    def step():
        scale = component.scale_loss(tf.constant(1.0))
        component.apply([scale * slope for slope in slopes()], variables)

    first, step = height(), tf.function(step, autograph=False)
    for _ in range(MANY_STEPS):
        step()
    last = height()
    return last / first if np.isfinite(last) else np.inf


def counts_each_step_once(subject):
    """Corrections of the first steps and schedules rely on `iterations`."""
    component = subject.fresh()
    subject.compute(component, *tensors(subject.examples[0]))
    counted = int(component.iterations)
    inner = getattr(component, "inner_optimizer", component)
    if counted != STEPS // (inner.gradient_accumulation_steps or 1):
        raise Broken(
            f"After {STEPS} steps with two variables `iterations` is "
            f"{counted}.",
            "Leave `self.iterations` to `apply` of the base class, which "
            "counts once a step; `update_step` is called for each variable.",
            inputs=(),
        )


def follows_the_learning_rate(subject):
    """Schedules and callbacks change it while a compiled training runs."""
    inputs = tensors(subject.examples[0])
    rates = (subject.first_rate(), 0.1, 10.0)
    for rate in filter(None, rates):  # a small one may not show
        falls = keras.optimizers.schedules.PiecewiseConstantDecay(
            [1], [rate, rate / 10]
        )
        constant, falling = (
            subject.trained(subject.edited(learning_rate=given), inputs, {})
            for given in (rate, falls)
        )
        if difference(falling, constant, 1e-5):
            return
    raise Broken(
        f"A schedule that falls from {number(rate)} to {number(rate / 10)} "
        f"after two steps makes the same {STEPS} steps as a constant learning "
        "rate.",
        "Use the `learning_rate` that `update_step` is given; do not keep one "
        "of your own.",
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
            f"With clipvalue={limit} a weight is {text}, which it is with "
            "gradients that were clipped before.",
            "Pass `**kwargs` to `super().__init__`, and write `update_step`; "
            "leave `apply`, which clips and decays, to the base class.",
        )


def decays_all_weights_but_the_excluded(subject):
    """`exclude_from_weight_decay` is for biases, in each optimizer."""
    *weights, kernel, bias = tensors(subject.examples[0])

    def after_a_step(decay):
        component = subject.edited(
            weight_decay=decay,
            learning_rate=0.1,
            clipnorm=None,
            global_clipnorm=None,
            gradient_accumulation_steps=None,
        )
        component.exclude_from_weight_decay(var_names=["bias"])
        return subject.compute(component, *weights, kernel[:1], bias[:1])

    with or_not_applicable(
        "It does not take `weight_decay`, or no other learning rate."
    ):
        plain = after_a_step(0.0)
    decayed = after_a_step(1.0)
    if not difference(decayed[0], plain[0]):
        raise Broken(
            "With weight_decay=1.0 a step ends at the same kernel as with "
            "weight_decay=0.0.",
            "Pass `**kwargs` to `super().__init__`, and write `update_step`; "
            "leave `apply`, which decays the weights, to the base class.",
        )
    if text := difference(decayed[1], plain[1]):
        raise Broken(
            "With weight_decay=1.0 and `exclude_from_weight_decay(var_names="
            f'["bias"])` the bias is {text}, which it is without decay.',
            "Leave the decay to the base class, or ask "
            "`self._use_weight_decay(variable)` first.",
        )


def takes_variables_in_float64(subject):
    """Under another policy the weights come in another dtype."""
    inputs = tensors(subject.examples[0])
    expected = subject.compute(subject.fresh(), *inputs)
    precise = [tf.cast(array, "float64") for array in inputs]
    seen = subject.compute(subject.fresh(), *precise)
    if text := subject.difference(seen, expected, 1e-3):
        raise Broken(
            f"In float64 a weight comes to {text}, which it comes to in "
            "float32.",
            "Cast numbers to the dtype of the variable: "
            "`ops.cast(learning_rate, variable.dtype)`.",
        )


def equals_the_reference_after_many_steps(subject):
    """What differs late, such as a bias or a pause, is not seen at once."""
    inputs = weights_and_gradients((3, 2), (2,), steps=MANY_STEPS)
    seen, expected = (
        subject.trained(component, tensors(inputs), {})
        for component in (subject.fresh(), subject.reference())
    )
    if text := difference(seen, expected, 1e-3):
        raise Broken(
            f"After {MANY_STEPS} steps a weight is {text}, which the "
            "reference comes to.",
            "Compare the formula with the one of the reference: a correction "
            "of the first steps, a limit, a `learning_rate` that is kept.",
            inputs,
        )
