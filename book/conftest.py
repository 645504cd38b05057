"""How `pytest --nbval book` compares a notebook's outputs with the stored.

nbval compares everything that a cell answers, standard error included, which
is stored nowhere. Both sides are brought into the form that is stored.
"""

import notebooks
from nbval import plugin

compare_everything = plugin.IPyNbCell.compare_outputs


def compare_what_is_stored(cell, test, reference, skip_compare=None):
    """Compare outputs in the normal form of book/_ext/notebooks.py."""
    return compare_everything(
        cell,
        notebooks.normalise_outputs(test),
        notebooks.normalise_outputs(reference),
        skip_compare,
    )


plugin.IPyNbCell.compare_outputs = compare_what_is_stored
