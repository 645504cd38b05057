"""Tracebacks for readers: the chapter's own lines and the message.

The frames inside of Keras and TensorFlow are long, differ from version to
version, and are nothing that a reader could change.
"""

import re

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A blank line ends each frame. The next begins with its place, a cell or a
# file, and the message at the end begins with the name of the exception.
NEXT_FRAME = re.compile(r"\n\n(?=Cell |File \S+:\d|\w[\w.]*(?:\n|: |$))")


def without_libraries(traceback):
    """Leave the frames of libraries out of the text of a traceback.

    Args:
        traceback: What IPython printed, with or without colours.

    Returns:
        The text without colours; three dots stand for what was left out.
    """
    kept = []
    for frame in NEXT_FRAME.split(COLOUR.sub("", traceback)):
        if not re.match(r"File \S+:\d", frame):
            kept.append(frame)
        elif kept[-1:] != ["..."]:
            kept.append("...")
    return "\n\n".join(kept)
