"""Kernels of layers, for what is given to layers with their weights."""

import keras
import numpy as np

from helpers.contracts.subject import Subject

# Of a dense layer; if that does not suit, a square one, as recurrent layers
# have it, and one of a convolution.
SHAPES = (4, 3), (4, 4), (3, 3, 2, 4)


def first_that_suits(subject, find_examples):
    """Inputs of the first shape that a component takes; tell of the others.

    Args:
        subject: `Subject` whose `candidates` have its `shape`.
        find_examples: The method of its base class.

    Raises:
        Exception: What the component raised at the first, if it takes none.
    """
    first_error = None
    for shape in SHAPES:
        subject.shape = shape
        try:
            examples = find_examples()
        except Exception as error:
            first_error = first_error or error
            continue
        if first_error is not None:
            subject.cannot_know = (
                f"whether it should take weights of shape {SHAPES[0]}, for "
                f"which it raised {type(first_error).__name__}; it was tried "
                f"with shape {shape}. Also {subject.cannot_know}"
            )
        return examples
    subject.shape = SHAPES[0]
    raise first_error


def model_with_kernel(shape, **arguments):
    """A model of one layer that has a kernel of this shape and no bias."""
    if len(shape) == 2:
        inputs = shape[:1]
        layer = keras.layers.Dense(shape[-1], use_bias=False, **arguments)
    else:
        inputs = shape[:-1]
        layer = keras.layers.Conv2D(
            shape[-1], shape[:2], use_bias=False, **arguments
        )
    return keras.Sequential([keras.Input(inputs), layer])


class KernelSubject(Subject):
    """What is given the kernel of a layer."""

    input_names = ("weights",)
    sizes = (1.0,)
    shape = SHAPES[0]

    def candidates(self):
        random = np.random.default_rng(0)
        for size in self.sizes:
            kernel = size * random.normal(size=self.shape)
            yield (kernel.astype("float32"),)

    def find_examples(self):
        return first_that_suits(self, super().find_examples)

    def compute(self, component, kernel):
        return component(kernel)

    def model_with(self, component, inputs):
        (kernel,) = inputs
        argument = {f"kernel_{self.kind}": component}
        model = model_with_kernel(kernel.shape, **argument)
        model.layers[-1].set_weights([kernel])
        return model

    def component_in(self, model):
        return getattr(model.layers[-1], f"kernel_{self.kind}")
