"""The pages of the built site, for the tests that open them."""

from pathlib import Path

SITE = Path(__file__).parents[1] / "_build" / "html"
NO_PAGES = {"index.html", "search.html", "genindex.html"}
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if path.name not in NO_PAGES and "_static" not in path.parts
)
DESKTOP = {"width": 1280, "height": 900}
