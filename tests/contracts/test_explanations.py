"""Are exceptions put into words that are the same in each run?"""

import keras
import pytest

from helpers.contracts import explanations


def test_messages_have_no_addresses_and_no_folders():
    error = ValueError("<object at 0x7f3a> in /tmp/tmp12/model.keras\nmore")
    described = explanations.describe(error)
    assert described == "ValueError: <object> in model.keras"


def test_messages_have_no_numbers_of_this_process():
    error = ValueError(
        "compile graph __inference_<lambda>_272791[_XlaMustCompile=true,"
        "executor_type=1131816] and __inference_call_7 on XLA"
    )
    described = explanations.describe(error)
    assert described == "ValueError: compile graph <lambda> and call on XLA"


def test_what_went_wrong_inside_a_file_is_told():
    error = TypeError(
        "<class 'a.Leaky'> could not be deserialized properly. Please ensure "
        "that components are right.\n\nconfig={...}.\n\n"
        "Exception encountered: Leaky.__init__() got an unexpected keyword "
        "argument 'name'"
    )
    assert explanations.describe(error) == (
        "TypeError: <class 'a.Leaky'> could not be deserialized properly: "
        "Leaky.__init__() got an unexpected keyword argument 'name'"
    )
    assert "**kwargs" in explanations.hint_for(error)
    assert "base class" in explanations.hint_for(error)


def test_a_class_that_is_not_registered_is_what_to_mend():
    for seen in (
        "Could not interpret initializer identifier: {'module': 'a.b', "
        "'class_name': 'Mine'}",
        "Cannot deserialize object of type `Mine`. If `Mine` is a custom "
        "class, please register it.",
    ):
        error = TypeError(
            "<class 'keras.src.models.sequential.Sequential'> could not be "
            f"deserialized properly. Please.\n\nException encountered: {seen}"
        )
        assert "register_keras_serializable" in explanations.hint_for(error)
        assert "properly: C" in explanations.describe(error)
    misspelled = ValueError(
        "Could not interpret activation function identifier: rleu"
    )
    assert "name of Keras" in explanations.hint_for(misspelled)


def test_weights_that_find_no_place_are_a_matter_of_build_or_shapes():
    message = (
        "A total of 7 objects could not be loaded. Example error message for "
        "object <Dense name=dense, built={}>:\n\nLayer 'dense' expected 2 "
        "variables.\n\nList of objects: ..."
    )
    error = ValueError(message.format(False))
    assert "`self.inner.build(input_shape)`" in explanations.hint_for(error)
    assert explanations.describe(error) == (
        "ValueError: A total of 7 objects could not be loaded: Layer 'dense' "
        "expected 2 variables."
    )
    error = ValueError(message.format(True))
    assert "the shape that is asked" in explanations.hint_for(error)


def test_a_message_of_keras_in_many_lines_is_one_sentence():
    @keras.saving.register_keras_serializable(package="broken")
    class Keeps(keras.layers.Layer):
        def __init__(self, thing):
            super().__init__()

    with pytest.raises(NotImplementedError) as caught:
        Keeps(object()).get_config()
    described = explanations.describe(caught.value)
    assert described.endswith("in order to be serializable."), described
    assert "passing non-serializable argument values" in described
    assert "`get_config`" in explanations.hint_for(caught.value)


def test_each_explanation_is_found_by_each_of_its_messages():
    """None stands behind another that says something else."""
    for parts, hint in explanations.EXPLANATIONS:
        for part in parts:
            error = ValueError(f"There is {part} here.")
            assert explanations.hint_for(error) == hint, part
    unknown = ValueError("Nobody has foreseen it.")
    assert explanations.hint_for(unknown) == explanations.GENERAL_HINT
