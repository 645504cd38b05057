"""The small module behind the chapters of Keras, Made to Measure.

Import it before TensorFlow: TensorFlow reads these two settings once, when it
is first imported, and without them prints lines that say nothing about your
code. A value that you have set yourself is left alone.
"""

import logging
import os

# Errors only: no notes about GPUs, CPU instructions or registered plugins.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# oneDNN reorders sums, so that results differ from one CPU to another.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# No notes, and not the one warning that every chapter would cause: each trains
# many small models, and TensorFlow takes them for one, traced too often.
logging.getLogger("tensorflow").addFilter(
    lambda record: (
        record.levelno > logging.INFO
        and "tf.function retracing" not in record.getMessage()
    )
)
