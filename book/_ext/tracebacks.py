"""Tracebacks for readers: the chapter's own lines and the message.

The frames inside of Keras and TensorFlow are long, differ from version to
version, and are nothing that a reader could change.
"""

import re

from docutils import nodes

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A blank line ends each frame. The next begins with its place, a cell or a
# file, and the message at the end begins with the name of the exception.
NEXT_FRAME = re.compile(r"\n\n(?=Cell |File \S+:\d|\w[\w.]*(?:\n|: |$))")


def shorten(traceback):
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


def shorten_on_page(app, doctree):
    """Shorten the tracebacks of a page."""
    for node in doctree.findall(nodes.literal_block):
        if "traceback" in node["classes"]:
            # Sphinx colours a block only if its two texts are the same.
            node.rawsource = shorten(node.astext())
            node.children = [nodes.Text(node.rawsource)]


def setup(app):
    app.connect("doctree-read", shorten_on_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
