"""What a layer must do that is random in training: draw anew at each call."""

import tensorflow as tf

from helpers.contracts.explanations import describe, hint_for
from helpers.contracts.subject import (
    Broken,
    NotApplicable,
    difference,
    or_not_applicable,
    tensors,
)

GENERATOR = (
    "Make `self.seed_generator = keras.random.SeedGenerator(self.seed)` in "
    "`__init__`, and draw with `keras.random.normal(ops.shape(inputs), "
    "seed=self.seed_generator)`."
)
# Nodes of a graph that draw without a memory, with the place of their seed.
SEEDED = {
    "StatelessRandomGetKeyCounter": 0,
    "StatelessRandomBinomial": 1,
    "StatelessMultinomial": 2,
}
# What makes one number of others, always the same.
CONSTANT = (
    *("Const", "Identity", "Cast", "Bitcast", "Pack", "ConcatV2", "Reshape"),
    *("AddV2", "Sub", "Mul", "FloorMod", "BitwiseAnd", "BitwiseXor"),
    *("ExpandDims", "StridedSlice", "StatelessRandomGetKeyCounter"),
    *("StatelessRandomGetAlg", "StatelessRandomUniformFullIntV2"),
)
CALLS = 30
RANDOM = ("Random", "Multinomial", "Rng", "PyFunc")


def draws_new_numbers_in_training(subject):
    """Noise that never changes is no noise: the weights learn to undo it.

    `fit` makes a graph, in which what NumPy drew once is a constant.
    """
    if not getattr(subject.component, "_call_has_training_arg", False):
        raise NotApplicable("Its `call` does not ask for `training`.")
    layer = subject.ready()
    with or_not_applicable("It has no graph: see is_the_same_in_a_graph."):
        others = _nodes_of(_graph_of(subject, layer, training=False))
    try:
        graph = _graph_of(subject, layer, training=True)
    except Exception as error:
        raise Broken(
            "In training, and in training alone, it has no graph, as `fit` "
            f"needs it: it raised {describe(error)}",
            hint_for(error),
        ) from None
    nodes = _nodes_of(graph)
    fixed = _fixed_draws(nodes) - _fixed_draws(others)
    if fixed > 0:
        raise Broken(
            f"In training {fixed} of {_draws(nodes)} draws have a fixed seed, "
            "which gives the same numbers at each call.",
            GENERATOR,
            inputs=(),
        )
    if any(
        name in node.op for each in nodes for node in each for name in RANDOM
    ):
        return "It draws random numbers in training."
    text = _other_call(subject, layer, lambda *x: subject.call(layer, x, True))
    if text and not _other_call(subject, layer, graph):
        raise Broken(
            f"In training another call gives {text}, but never in a graph: "
            "what Python and NumPy draw is drawn once, when it is made.",
            GENERATOR,
        )
    return "It draws no random numbers in training."


def _graph_of(subject, layer, training):
    """A call as `fit` or `predict` compiles it."""
    function = tf.function(
        lambda *inputs: subject.call(layer, inputs, training), autograph=False
    )
    return function.get_concrete_function(*tensors(subject.examples[0]))


def _nodes_of(function):
    """The nodes of a graph and of the functions in it, a list for each."""
    graph = function.graph.as_graph_def()
    return [graph.node, *(each.node_def for each in graph.library.function)]


def _draws(graphs):
    return sum(node.op in SEEDED for nodes in graphs for node in nodes)


def _fixed_draws(graphs):
    """How many draws have a seed that nothing can change."""
    count = 0
    for nodes in graphs:
        by_name = {node.name: node for node in nodes}
        count += sum(
            _is_constant(node.input[SEEDED[node.op]], by_name)
            for node in nodes
            if node.op in SEEDED
        )
    return count


def _is_constant(name, by_name):
    """Whether a value follows from constants only."""
    node = by_name.get(name.lstrip("^").partition(":")[0])
    if node is None or node.op not in CONSTANT:
        return False
    return all(_is_constant(each, by_name) for each in node.input)


def _other_call(subject, layer, call):
    """How another call differs from the same weights; None if all repeat.

    A coin that is tossed once for all may fall on one side a few times.
    """
    inputs = tensors(subject.examples[0])
    before = layer.get_weights()
    first = tf.nest.map_structure(tf.identity, call(*inputs))
    for _ in range(1 if _is_of_keras(layer) else CALLS):
        layer.set_weights(before)
        if text := difference(call(*inputs), first, 1e-6):
            return text
    return None


def _is_of_keras(layer):
    """Whether all that computes is Keras's own, which tosses no coins."""
    return all(
        type(each).__module__.startswith("keras.")
        for each in layer._flatten_layers()
    )
