"""Do tracebacks have the chapter's own lines, and none of libraries?"""

from tracebacks import without_libraries

OWN = "Cell In[2], line 3\n      1 def f():\n----> 3     g()\n"
OTHER = "Cell In[1], line 1, in g()\n----> 1 h()\n"
LIBRARY = "File site-packages/keras/a.py:{}, in h()\n--> {} raise\n"
MESSAGE = "ValueError: no\n\nIt has two paragraphs."


def test_frames_of_libraries_become_three_dots():
    frames = [OWN, LIBRARY.format(1, 1), LIBRARY.format(2, 2), OTHER, MESSAGE]
    assert without_libraries("\n".join(frames)) == "\n\n".join(
        [OWN.strip("\n"), "...", OTHER.strip("\n"), MESSAGE]
    )


def test_message_may_have_paragraphs_that_begin_like_a_place():
    text = f"{OWN}\nValueError: no\n\nFile a.keras is not there."
    assert without_libraries(text).endswith("File a.keras is not there.")


def test_colours_are_left_out():
    text = "\x1b[31mValueError\x1b[39m: no"
    assert without_libraries(text) == "ValueError: no"


def test_what_was_shortened_stays_as_it_is():
    once = without_libraries(f"{OWN}\n{LIBRARY.format(1, 1)}\n{MESSAGE}")
    assert without_libraries(once) == once
