"""In what two outputs may differ and still be the same.

XLA, Eigen and BLAS round differently on each processor, a training amplifies
it, and a number flips at a rounding boundary however few digits are printed. So
a decimal or a percentage may differ by one in its last written digit, and
nothing else may: counts, shapes, names, words and what stands between.
"""

import copy
import difflib
import re
from decimal import Decimal

# With the spaces around it: a column stays where it is if a sign or a digit
# takes the place of a space. No part of a name or of a version such as 2.21.0.
NUMBER = re.compile(
    r"( *(?<![\w.])[+-]?"
    r"(?:\d++(?: ?%)|\d++\.\d++(?:e[+-]?\d++)?(?: ?%)?|\d++e[+-]?\d++)"
    r"(?!\.?\d) *)"
)


def small_differences(text, stored):
    """Return the numbers in which a text differs from the stored one.

    Args:
        text: What was printed.
        stored: What should have been.

    Returns:
        A list of strings such as `"0.49 -> 0.50"`, the stored number first, or
        `None` if anything differs that may not.
    """
    parts, stored_parts = NUMBER.split(text), NUMBER.split(stored)
    if parts[::2] != stored_parts[::2]:
        return None
    differences = []
    pairs = zip(parts[1::2], stored_parts[1::2], strict=True)
    for part, stored_part in pairs:
        if part == stored_part:
            continue
        if not (is_close(part, stored_part) and is_in_place(part, stored_part)):
            return None
        differences.append(f"{stored_part.strip()} -> {part.strip()}")
    return differences


def is_close(one, other):
    """Say whether two numbers differ by one in the last digit at most."""
    one, other = (Decimal(text.strip(" %")) for text in (one, other))
    last_place = min(one.as_tuple().exponent, other.as_tuple().exponent)
    if one == other:  # 0.00 and -0.00, but not 0.5 and 0.50
        return one.as_tuple().exponent == other.as_tuple().exponent
    return abs(one - other) <= Decimal(1).scaleb(last_place)


def is_in_place(one, other):
    """Say whether what follows two numbers stands at the same place."""
    before, after = (
        [re.match(" *", text)[0] for text in (part, part[::-1])]
        for part in (one, other)
    )
    return before == after or len(one) == len(other)


def reconcile(outputs, stored):
    """Give outputs the stored numbers where these differ as they may.

    Args:
        outputs: List of a cell's outputs in the normal form.
        stored: List of what it should have answered, likewise.

    Returns:
        A copy of the outputs, in which all that still differs from the stored
        ones is a fault, and all differences, of either kind, in words.
    """
    outputs = copy.deepcopy(outputs)
    differences = []
    if len(outputs) != len(stored):
        counts = f"{len(stored)} outputs -> {len(outputs)}"
        return outputs, [counts]
    for output, expected in zip(outputs, stored, strict=True):
        for texts, expected_texts in (
            (output, expected),
            (output.get("data", {}), expected.get("data", {})),
        ):
            for key in ("text", "evalue", "text/plain", "text/html"):
                if key not in texts or key not in expected_texts:
                    continue
                small = small_differences(texts[key], expected_texts[key])
                if small is None:
                    differences += changed_lines(
                        texts[key], expected_texts[key]
                    )
                else:
                    differences += small
                    texts[key] = expected_texts[key]
    return outputs, differences


def changed_lines(text, stored):
    """Return the lines in which two texts differ, the stored ones first."""
    lines = difflib.ndiff(stored.splitlines(), text.splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]
