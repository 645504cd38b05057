"""Are exceptions put into words that are the same in each run?"""

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


def test_each_explanation_is_found_by_each_of_its_messages():
    """None stands behind another that says something else."""
    for parts, hint in explanations.EXPLANATIONS:
        for part in parts:
            error = ValueError(f"There is {part} here.")
            assert explanations.hint_for(error) == hint, part
    unknown = ValueError("Nobody has foreseen it.")
    assert explanations.hint_for(unknown) == explanations.GENERAL_HINT
