"""What each page gets besides its content, and what it does without.

A description for search engines, a plain summary above hidden code, tracebacks
without the frames of libraries, and none of the theme's files that no page of
this book uses.
"""

import html
import shutil
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode

from notebook_cache import files_digest
from tracebacks import without_libraries

# 4 MB of the site, which opening a page never asks for. The icons are drawn in
# book.css.
UNUSED_FILES = (
    "_static/vendor",
    "_static/scripts/fontawesome.js",
    "_static/scripts/fontawesome.js.LICENSE.txt",
    "_static/scripts/bootstrap.js.map",
    "_static/scripts/fontawesome.js.map",
    "_static/scripts/pydata-sphinx-theme.js.map",
    "_static/scripts/sphinx-book-theme.js.map",
    "_static/styles/pydata-sphinx-theme.css.map",
    "_static/styles/sphinx-book-theme.css.map",
    "_static/locales",
    "_static/images",
    "_static/styles/theme.css",
    "_static/webpack-macros.html",
    "_static/sbt-webpack-macros.html",
)


def beginning(text, length=160):
    """Return the beginning of a text, up to a whole word."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def describe(app, pagename, templatename, context, doctree):
    """Give a page without one a description: its first paragraph."""
    if 'name="description"' in (context.get("metatags") or ""):
        return
    text = f"{context.get('title', pagename)}: {app.config.html_title}"
    if doctree:
        for paragraph in doctree.findall(nodes.paragraph):
            if isinstance(paragraph.parent, nodes.section):
                text = paragraph.astext()
                break
    description = html.escape(beginning(text), quote=True)
    context["metatags"] = (
        f"{context.get('metatags') or ''}\n"
        f'<meta name="description" content="{description}" />'
    )


def shorten_tracebacks(app, doctree):
    """Leave the frames of libraries out of the tracebacks of a page."""
    for node in doctree.findall(nodes.literal_block):
        if "traceback" in node["classes"]:
            # Sphinx colours a block only if its two texts are the same.
            node.rawsource = without_libraries(node.astext())
            node.children = [nodes.Text(node.rawsource)]


def visit_hidden_code(translator, node):
    """Write a summary that says what it shows, also to a screen reader."""
    prompt = html.escape(node["prompt_show"])
    translator.body.append(
        f'<details class="hidden-code"><summary>{prompt}</summary>\n'
    )


def depart_hidden_code(translator, node):
    translator.body.append("</details>\n")


def remove_unused_files(app, exception):
    """Make the site smaller by what its pages never load."""
    if exception or app.builder.format != "html":
        return
    for name in UNUSED_FILES:
        path = Path(app.outdir) / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def redraw_pages_after_a_change_of_code(app, config):
    """Let Sphinx write all pages when the code that makes them has changed."""
    config.made_to_measure_extensions = files_digest(
        Path(__file__).parents[1], ["_ext/*.py", "_tools/tracebacks.py"]
    )


def write_entrance(app, exception):
    """Write index.html, which leads to the first page of the book.

    sphinx-external-toc would write one without language and title.
    """
    if exception or app.builder.format != "html":
        return
    first_page = app.builder.get_target_uri(app.config.root_doc)
    title = html.escape(app.config.html_title)
    Path(app.outdir, "index.html").write_text(
        f"""<!DOCTYPE html>
<html lang="{app.config.language}">
<meta charset="utf-8" />
<meta http-equiv="refresh" content="0; url={first_page}" />
<title>{title}</title>
<meta name="description" content="{title}: to the first page" />
<a href="{first_page}">{title}</a>
</html>
""",
        "utf-8",
    )


def setup(app):
    # A setting of sphinx_comments that Jupyter Book makes without asking.
    app.add_config_value("comments_config", None, "")
    app.add_config_value("made_to_measure_extensions", "", "html", (str,))
    app.connect("config-inited", redraw_pages_after_a_change_of_code)
    app.connect("doctree-read", shorten_tracebacks)
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_entrance, priority=400)
    app.connect("build-finished", remove_unused_files, priority=900)
    app.add_node(
        HideCodeCellNode,
        override=True,
        html=(visit_hidden_code, depart_hidden_code),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
