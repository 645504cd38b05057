"""Formulas as MathML, made while the book is built: no script, no network.

Also writes the font they are drawn with: of STIX Two Math the characters that
the pages use. (Phones and bare Linux have no font with large braces and roots.)
"""

import html
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from fontTools import subset
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

FONT_FILE = "formulas.woff2"  # named in book.css


class FormulaError(ValueError):
    """A formula that readers would not see as it is meant."""


def braces_balance(latex):
    """Say whether each brace is closed; the converter does not mind."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def to_mathml(latex, display="inline"):
    """Return MathML for a LaTeX formula, or raise `FormulaError`."""
    if not braces_balance(latex):
        raise FormulaError("unbalanced braces")
    # What the converter knows as align* has more than one name in LaTeX.
    latex = re.sub(
        r"\\(begin|end)\{(?:aligned|align|split)\}", r"\\\1{align*}", latex
    )
    latex = re.sub(r"\\arg\b", r"\\operatorname{arg}", latex)
    try:
        mathml = convert(latex, display=display)
    except Exception as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise FormulaError(reason) from error
    # Things that the converter lets through and no browser draws.
    if unknown := re.search(r"\\\w*", mathml):
        raise FormulaError(f"unknown command {unknown[0]}")
    if "<mi>&</mi>" in mathml or 'linebreak="newline"' in mathml:
        raise FormulaError("several lines or & outside of align, cases, matrix")
    if variant := re.search(r'mathvariant="(?!normal)([^"]*)"', mathml):
        raise FormulaError(f"browsers do not draw the style {variant[1]}")
    return set_spaces(
        mathml.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
    )


def set_spaces(mathml):
    """Say what LaTeX knows about spaces and the converter leaves open."""
    # Browsers leave the alignment of columns to the style sheet.
    mathml = re.sub(r'columnalign="(\w+)"', r'style="text-align:\1"', mathml)
    # Signs that the converter takes for letters: plus-minus, bars, floors.
    mathml = re.sub(
        r"<mi>(&#x(?:000B1|02213|0007C|0230[89AB]|0003A);)</mi>",
        r'<mo stretchy="false">\1</mo>',
        mathml,
    )
    # Names of functions: a space after them if no parenthesis follows.
    mathml = re.sub(
        r"<(m[io])>([A-Za-z]{2,})</\1>(?=(<mo[^>]*>&#x00028;)?)",
        lambda name: '<mo lspace="0.167em" rspace="{}">{}</mo>'.format(
            "0" if name[3] else "0.167em", name[2]
        ),
        mathml,
    )
    # |x| and ||x||: as high as the letters, no space.
    mathml = re.sub(
        r"<mo(?: stretchy=\"false\")?>(&#x0007C;|&#x02016;)</mo>",
        r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>',
        mathml,
    )
    # A minus that nothing precedes is a sign.
    return re.sub(
        r"(<mo[^>]*>(?:[(\[]|&#x00028;|&#x0005B;|&#x0002C;|&#x0003D;)</mo>)"
        r"<mo>(&#x02212;)",
        r'\1<mo form="prefix">\2',
        mathml,
    )


def render(node, display):
    """Return the MathML of a node of the document; a bad formula warns."""
    latex = node.astext()
    try:
        return to_mathml(latex, display)
    except FormulaError as error:
        logger.warning("formula %r: %s", latex, error, location=node)
        return f"<code>{html.escape(latex)}</code>"


def visit_inline(translator, node):
    """Write a formula that stands in a line of text."""
    translator.body.append(
        f'<span class="math notranslate">{render(node, "inline")}</span>'
    )
    raise nodes.SkipNode


def visit_display(translator, node):
    """Write a formula of its own, with its number if it has one."""
    translator.body.append(
        translator.starttag(node, "div", CLASS="math notranslate")
    )
    translator.body.append(render(node, "block"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def in_italics(character):
    """Return the mathematical italic that a browser draws for a letter."""
    if character == "h":
        return "\N{PLANCK CONSTANT}"
    name = unicodedata.name(character, "")
    name = re.sub(
        r"^(LATIN|GREEK) (\w+) LETTER ", r"MATHEMATICAL ITALIC \2 ", name
    )
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return character


def characters_of_formulas(pages):
    """Return all characters that the formulas of some HTML pages need."""
    characters = set()
    for page in pages:
        for formula in re.findall(r"<math.*?</math>", page, re.DOTALL):
            characters.update(html.unescape(re.sub(r"<[^>]*>", "", formula)))
            if "<msqrt" in formula or "<mroot" in formula:
                characters.add("\N{SQUARE ROOT}")
    return characters | {in_italics(character) for character in characters}


def write_font(characters, path):
    """Write the part of STIX Two Math that draws these characters."""
    options = subset.Options(
        flavor="woff2",
        layout_features=["ssty"],  # the shapes for exponents and indices
        name_IDs=[0, 1, 2, 13, 14],  # with the copyright and the licence
        hinting=False,
        notdef_outline=True,
    )
    source = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    with source.open("rb") as stream:
        font = subset.load_font(stream, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(characters))
        subsetter.subset(font)
        subset.save_font(font, path, options)


def ship_font(app, exception):
    """Write the font of the formulas next to the style sheet."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    if characters := characters_of_formulas(pages):
        write_font(characters, site / "_static" / FONT_FILE)


def setup(app):
    app.add_html_math_renderer(
        "mathml", (visit_inline, None), (visit_display, None)
    )
    app.connect("build-finished", ship_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
