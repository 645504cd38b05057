"""What may differ between two outputs, and what may not?"""

import pytest
from nbformat.v4 import new_output

import comparison

LET_THROUGH = [
    ("8% on the first two rows", "9% on the first two rows", ["8% -> 9%"]),
    ("loss 0.49", "loss 0.50", ["0.49 -> 0.50"]),
    ("9.99", "10.00", ["9.99 -> 10.00"]),
    ("a   9.99  b", "a  10.00  b", ["9.99 -> 10.00"]),
    ("a  0.00", "a -0.01", ["0.00 -> -0.01"]),
    ("-0.00", "0.00", ["-0.00 -> 0.00"]),
    ("+0.73, +0.09", "+0.72, +0.10", ["+0.73 -> +0.72", "+0.09 -> +0.10"]),
    ("12.3%", "12.4%", ["12.3% -> 12.4%"]),
    ("99 %", "100 %", ["99 % -> 100 %"]),
    ("1.2e-07", "1.3e-07", ["1.2e-07 -> 1.3e-07"]),
    ("1e-05", "9e-06", ["1e-05 -> 9e-06"]),
    ("{'loss': 0.3}", "{'loss': 0.31}", ["0.3 -> 0.31"]),
    ("[0.25 0.5]", "[0.26 0.5]", ["0.25 -> 0.26"]),
    ("about 1.5.", "about 1.6.", ["1.5 -> 1.6"]),
    ("1.5x", "1.6x", ["1.5 -> 1.6"]),
    ("the same 0.5", "the same 0.5", []),
]

NOT_LET_THROUGH = [
    ("8% of them", "10% of them"),
    ("0.49", "0.51"),
    ("0.3", "0.33"),
    ("1.2e-07", "1.2e-06"),
    ("26 of 264", "27 of 264"),
    ("(264, 10)", "(264, 11)"),
    ("-1", "1"),
    ("epoch 7: 0.5", "epoch 8: 0.5"),
    ("float32", "float64"),
    ("2.21.0", "2.21.1"),
    ("2.21.0", "2.22.0"),
    ("v0.5", "v0.6"),
    ("layer_0.5", "layer_0.6"),
    ("inf", "nan"),
    ("0.49", "nan"),
    ("0.49", "0.490"),
    ("0.5 worse", "0.5 better"),
    ("[0.25]", "[0.25 0.25]"),
    ("0.5  a", "0.5 a"),
    ("a  0.5", "a 0.5"),
    ("9.99  b", "10.00  b b"),
    ("True 0.5", "False 0.5"),
    ("1.", "2."),
    ("1.5", "2"),
    ("", "0.5"),
]


@pytest.mark.parametrize(("stored", "text", "said"), LET_THROUGH)
def test_a_last_digit_may_differ_by_one(stored, text, said):
    assert comparison.small_differences(text, stored) == said
    assert comparison.small_differences(stored, text) is not None


@pytest.mark.parametrize(("stored", "text"), NOT_LET_THROUGH)
def test_nothing_else_may_differ(stored, text):
    assert comparison.small_differences(text, stored) is None
    assert comparison.small_differences(stored, text) is None


def printed(text):
    return new_output("stream", name="stdout", text=text)


def test_every_text_of_an_output_is_compared():
    def answer(number):
        data = {kind: f"is {number}" for kind in ("text/plain", "text/html")}
        return [
            printed(f"printed {number}\n"),
            new_output("execute_result", data=data, execution_count=1),
            new_output("error", ename="E", evalue=f"got {number}"),
        ]

    outputs, said = comparison.reconcile(answer("0.50"), answer("0.49"))
    assert outputs == answer("0.49")
    assert said == ["0.49 -> 0.50"] * 4


def test_what_may_not_differ_is_kept_and_said():
    stored, now = [printed("same\n1 row\n")], [printed("same\n2 rows\n")]
    outputs, said = comparison.reconcile(now, stored)
    assert outputs == now
    assert said == ["- 1 row", "+ 2 rows"]
    outputs, said = comparison.reconcile(now + now, stored)
    assert outputs == now + now
    assert said == ["1 outputs -> 2"]


def test_other_kinds_of_output_are_left_alone():
    stored = [printed("0.5")]
    now = [new_output("display_data", data={"text/plain": "0.6"})]
    assert comparison.reconcile(now, stored) == (now, [])
