"""Does `import helpers` keep TensorFlow quiet, and nothing else?"""

import os
import subprocess
import sys

import pytest

SETTINGS = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")


def run(code, **settings):
    """Run Python code in a new process that has not been told anything."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTINGS
    }
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process


TRACED_FOR_EACH_NUMBER = """
import tensorflow as tf

traced_for_each_number = tf.function(lambda x: x)
for number in range(8):
    traced_for_each_number(number)
"""


def test_tensorflow_is_quiet_after_import_helpers():
    process = run(f"import helpers\n{TRACED_FOR_EACH_NUMBER}")
    assert (process.stdout, process.stderr) == ("", "")


def test_tensorflow_itself_warns_of_retracing():
    """The text of the warning is TensorFlow's: it may change."""
    said = run(TRACED_FOR_EACH_NUMBER).stderr
    assert "retracing" in said
    assert "oneDNN" in said


@pytest.mark.parametrize("name", SETTINGS)
def test_a_value_that_the_user_set_is_left_alone(name):
    code = f"import helpers, os; print(os.environ['{name}'])"
    assert run(code).stdout in ("3\n", "0\n")
    assert run(code, **{name: "1"}).stdout == "1\n"


def test_import_helpers_does_not_import_tensorflow():
    """It takes seconds, which a chapter without it should not wait for."""
    assert (
        run(
            "import sys, helpers, helpers.data, helpers.explore; "
            "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
        ).stdout
        == "False False\n"
    )


def test_warning_of_retracing_is_dropped_and_no_other():
    process = run(
        "import helpers, logging\n"
        "logger = logging.getLogger('tensorflow')\n"
        "logger.warning('5 out of the last 5 calls triggered tf.function "
        "retracing. Tracing is expensive')\n"
        "logger.warning('%d values are not finite', 3)\n"
        "logger.error('another')\n"
    )
    assert "retracing" not in process.stderr
    assert "3 values are not finite" in process.stderr
    assert "another" in process.stderr
