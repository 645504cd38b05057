"""Exceptions in words: what was raised, and what to do about it."""

import re

# Parts of messages, and what to do about them. The first that fits counts.
EXPLANATIONS = (
    (
        ["you forgot to call `super().__init__()`"],
        "Write `super().__init__(**kwargs)` as the first line of __init__.",
    ),
    (
        ["KerasTensor cannot be used as input to a TensorFlow function"],
        "Use the function of the same name in `keras.ops`, for example "
        "`ops.square` for `tf.square`; it also works on symbolic inputs.",
    ),
    (
        ["as a Python `bool`", "as a Python bool"],
        "A graph does not know values, so Python cannot decide: replace the "
        "`if` by `ops.where(condition, this, that)` or `ops.cond`.",
    ),
    (
        ["object has no attribute 'numpy'", "numpy() call is not supported"],
        "A graph has no values, so `.numpy()` cannot work there: compute with "
        "`keras.ops` instead.",
    ),
    (
        ["convert a symbolic"],
        "NumPy needs values, and a graph has none: use the function of the "
        "same name in `keras.ops`.",
    ),
    (
        ["You cannot add new elements of state"],
        "Create weights and sub-layers in `__init__` or `build`, never in "
        "`call`. A sub-layer that comes from a file is built already: "
        "`if not self.inner.built: self.inner.build(input_shape)`.",
    ),
    (
        ["singleton tf.Variables"],
        "Create variables in `__init__` or `build` with `self.add_weight`, "
        "never in `call`.",
    ),
    (
        ["unexpected keyword argument 'sample_weight'"],
        "Write `def update_state(self, y_true, y_pred, sample_weight=None)`, "
        "and use the weights.",
    ),
    (
        ["unexpected keyword argument 'dtype'"],
        "Keras passes a dtype: write `def __call__(self, shape, dtype=None)`, "
        "or for a function `def initializer(shape, dtype=None)`.",
    ),
    (
        ["unexpected keyword argument 'name'"],
        "Take the arguments of the base class: `def __init__(self, ..., "
        "**kwargs)` and `super().__init__(**kwargs)`.",
    ),
    (
        ["has no attribute 'as_list'"],
        "Shapes are tuples in Keras 3: write `input_shape[-1]`, and return "
        "`(*input_shape[:-1], self.units)`.",
    ),
    (
        [
            "must be passed as a keyword argument",
            "got multiple values for argument 'shape'",
        ],
        'Pass the name by keyword: `self.add_weight(shape=..., name="...")`.',
    ),
    (
        ["non-serializable argument values"],
        "Write `get_config`, and return every argument of `__init__` in it, "
        "with `keras.saving.serialize_keras_object` for objects.",
    ),
    (
        [
            "does not implement get_config",
            "implement the `get_config()` method",
            "must override `get_config",
        ],
        "Write `get_config`, and return every argument of `__init__` in it.",
    ),
    (
        # The last is what the `get` of a kind says of a config.
        ["Could not locate", "Cannot deserialize object of", "identifier: {"],
        "Register it where it is defined: `@keras.saving."
        'register_keras_serializable(package="my_package")`.',
    ),
    (
        ["Could not interpret"],
        "Keras knows nothing of this name: pass the object itself, or a name "
        'of Keras, such as `"relu"`.',
    ),
    (
        ["built=False>:"],
        "Build sub-layers in `build`, which loading calls, and not in `call`: "
        "`self.inner.build(input_shape)`, each with the shape that it gets.",
    ),
    (
        ["objects could not be loaded"],
        "The file has other weights than the loaded object: return every "
        "argument in `get_config`, and give weights the shape that is asked "
        "for.",
    ),
    (
        ["variadic positional arguments"],
        "Name each argument of `__init__`, without `*args`, or write "
        "`get_config` and `from_config`.",
    ),
    (
        ["could not be deserialized properly"],
        "Let `__init__` take every key of the config and `**kwargs` for the "
        "base class, and let `get_config` return every argument. If it does, "
        "another class is registered under the same name: choose another "
        "`package=` for one of them.",
    ),
    (
        ["No gradients provided"],
        "Use differentiable functions only: no rounding, no argmax, no NumPy.",
    ),
    (
        ["is not JSON serializable"],
        "Return plain numbers, texts and lists in `get_config`; wrap objects "
        "in `keras.saving.serialize_keras_object`.",
    ),
    (
        ["maximum recursion depth"],
        "A method calls itself without end; look at what it calls, and "
        "whether a `super().` is missing.",
    ),
    (
        ["cannot compute", "expected to be a"],
        "Two dtypes meet: convert with `ops.cast(x, y.dtype)` before you "
        "compute.",
    ),
)
GENERAL_HINT = (
    "Call it in a cell of its own, on the same kind of input: the traceback "
    "shows the line."
)


# Where Keras puts the message of the exception that it met when it loaded.
INSIDE = "Exception encountered: "


def hint_for(error):
    """What to do about an exception, as far as its message tells."""
    text = _text_of(error).lower()
    inside = text.partition(INSIDE.lower())[2]
    if inside and (hint := hint_for(ValueError(inside))) != GENERAL_HINT:
        return hint
    for parts, hint in EXPLANATIONS:
        if any(part.lower() in text for part in parts):
            return hint
    return GENERAL_HINT


def describe(error):
    """An exception in one line that is the same in each run."""
    text = _text_of(error)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours of a terminal
    text = re.sub(r"\{\{.*?\}\} ?", "", text)  # names of graph nodes
    text = re.sub(r"\[Op:\w+\]( name: *)?", "", text)
    text = re.sub(r"__inference_(\S+?)_\d+", r"\1", text)
    text = re.sub(r"\[_XlaMustCompile=[^\]]*\]", "", text)  # has a number too
    text = re.sub(r" at 0x[0-9a-f]+", "", text)  # addresses
    text = re.sub(r"id=\d+", "id=...", text)
    text = re.sub(r"(?<![\w.])/\S*/([\w.]+)", r"\1", text)  # folders
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else "no message"
    if line.endswith("was created by passing"):  # a sentence in many lines
        line = " ".join(lines).partition(" Please ")[0]
    elif "could not be loaded" in line and len(lines) > 1:
        line = f"{line.partition('. Example')[0]}: {lines[1]}"
    inner = [each for each in lines if each.startswith(INSIDE)]
    if inner and (seen := inner[-1].removeprefix(INSIDE)):
        line = f"{line.partition('. ')[0].rstrip('.')[:100]}: {seen}"
    if len(line) > 200:
        line = f"{line[:197]}..."
    return f"{type(error).__name__}: {line}"


def _text_of(error):
    try:
        return str(error)
    except Exception:  # a broken __str__ is no reason to crash
        return ""
