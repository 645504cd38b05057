"""What a check answers: a `Result` for each rule, together a `Report`."""

import dataclasses
import html
import os
import re
import textwrap
from pathlib import Path

BOOK = Path(__file__).parents[2] / "book"
WIDTH = 80

# The colours of the book where its style sheet is there, else the fallbacks.
# The status is always there as a word too.
STYLE = """\
<style>
.contract { margin: 1em 0; }
.contract table { border-collapse: collapse; width: 100%; margin: 0.4em 0; }
.contract caption { text-align: start; padding: 0.2em 0; white-space: nowrap; }
.contract th, .contract td { text-align: start; vertical-align: top;
  padding: 0.3em 0.7em 0.3em 0; border-top: 1px solid currentColor;
  background: transparent; color: inherit; font-weight: normal; }
.contract th[scope="row"] { font-family: monospace; min-width: 11em; }
.contract p { margin: 0 0 0.3em; }
.contract code { overflow-wrap: anywhere; white-space: normal; }
.contract summary { cursor: pointer; }
.contract .status { font-weight: bold; white-space: nowrap; }
.contract .verdict { font-weight: bold; }
.contract .passed .status { border-inline-start: 0.4em solid
  var(--figure-green, #00795a); padding-inline-start: 0.5em; }
.contract .failed .status { border-inline-start: 0.4em solid
  var(--figure-vermillion, #c24e00); padding-inline-start: 0.5em; }
.contract .skipped .status { border-inline-start: 0.4em dotted
  currentColor; padding-inline-start: 0.5em; }
/* On a phone: the name and the status, and below them what was seen. */
@media (max-width: 600px) {
  .contract :is(table, tbody) { display: block; }
  .contract thead { position: absolute; clip-path: inset(50%); }
  .contract tr { display: grid; grid-template-columns: 1fr auto;
    border-top: 1px solid currentColor; }
  .contract tbody :is(th, td) { border: 0; min-width: 0; }
  .contract tbody td:last-child { grid-column: 1 / -1; }
}
</style>"""


class ContractError(AssertionError):
    """A component breaks its contract; the message says where and how."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What one rule found.

    Args:
        name: Name of the rule, the sentence that it tests.
        status: `"passed"`, `"failed"` or `"skipped"`.
        message: What was seen, with numbers; of a skipped rule, why.
        hint: What to change; empty unless the rule failed.
        link: The page of the book that explains the rule, such as
            `"book/saving.html"`.
    """

    name: str
    status: str
    message: str = ""
    hint: str = ""
    link: str = ""


class Report:
    """The results of all rules for one component.

    A notebook shows it as a table; `print` writes it as plain text.

    Args:
        component: Name of the component, for the verdict.
        results: List of `Result`, in the order of the rules.

    Example:
        >>> report = check_loss(keras.losses.Huber())
        >>> report.ok
        True
    """

    def __init__(self, component, results):
        self.component = component
        self.results = list(results)

    @property
    def ok(self):
        """Whether no rule failed."""
        return not self._with_status("failed")

    @property
    def verdict(self):
        """One sentence: does the component keep its contract?"""
        failed, passed, skipped = map(
            self._with_status, ("failed", "passed", "skipped")
        )
        more = f", {len(skipped)} skipped" if skipped else ""
        if failed:
            return (
                f"{self.component} breaks its contract: {len(failed)} of "
                f"{_count(len(self.results), 'rule')} failed{more}."
            )
        return (
            f"{self.component} keeps its contract: "
            f"{_count(len(passed), 'rule')} passed{more}."
        )

    def raise_if_failed(self):
        """Turn the report into an error if any rule failed.

        Raises:
            ContractError: An `AssertionError` with the messages and hints of
                all rules that failed.
        """
        if not self.ok:
            parts = [self.verdict]
            parts += [_as_text(r) for r in self._with_status("failed")]
            raise ContractError("\n".join(parts))

    def _with_status(self, status):
        return [result for result in self.results if result.status == status]

    def __repr__(self):
        parts = textwrap.wrap(self.verdict, WIDTH)
        parts += [_as_text(result) for result in self._with_status("failed")]
        reasons = {}
        for result in self._with_status("skipped"):
            reasons.setdefault(result.message, []).append(result.name)
        for reason, names in reasons.items():
            parts += _as_list("skipped", names)
            parts += _indented(reason)
        parts += _as_list(
            "passed", [r.name for r in self._with_status("passed")]
        )
        return "\n".join(parts)

    def _repr_html_(self):
        """The same as a table; the rules that passed are folded together."""
        failed, passed, skipped = map(
            self._with_status, ("failed", "passed", "skipped")
        )
        parts = [
            STYLE,
            '<div class="contract">',
            f'<p class="verdict">{html.escape(self.verdict)}</p>',
        ]
        if failed:
            parts.append(_as_table("What to fix", failed))
        for caption, results in (("passed", passed), ("skipped", skipped)):
            if results:
                title = f"{_count(len(results), 'rule')} {caption}"
                parts += [
                    f"<details><summary>{title}</summary>",
                    _as_table(title, results),
                    "</details>",
                ]
        parts.append("</div>")
        return "\n".join(parts)


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_list(status, names):
    """Many results in few lines: their names after the status."""
    text = f"{status:8} {', '.join(names)}"
    return (
        textwrap.wrap(text, WIDTH, subsequent_indent=" " * 9) if names else []
    )


def _indented(text):
    """Text in lines below a result."""
    indent = " " * 11
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent
    )


def _as_text(result):
    """A failed result in lines of at most 80 columns."""
    lines = [f"FAILED   {result.name}"]
    texts = [result.message, f"Fix: {result.hint}"]
    if _exists(result.link):
        texts.append(f"See {result.link}")
    for text in filter(None, texts):
        lines += _indented(text)
    return "\n".join(lines)


def _as_table(caption, results):
    rows = "\n".join(map(_as_row, results))
    return (
        f"<table><caption>{caption}</caption>\n"
        '<thead><tr><th scope="col">Rule</th><th scope="col">Status</th>'
        '<th scope="col">What was seen</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table>"
    )


def _as_row(result):
    seen = f"<p>{_as_prose(result.message)}</p>" if result.message else ""
    if result.hint:
        seen += f"<p><b>Fix:</b> {_as_prose(result.hint)}</p>"
        if _exists(result.link):
            seen += f"<p>{_as_link(result.link)}</p>"
    # A long name may break after each word, and nowhere else.
    name = html.escape(result.name).replace("_", "_<wbr>")
    return (
        f'<tr class="{result.status}">'
        f'<th scope="row">{name}</th>'
        f'<td><span class="status">{result.status}</span></td>'
        f"<td>{seen}</td></tr>"
    )


def _as_prose(text):
    """Text as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _exists(link):
    """Whether the book has this chapter already."""
    page = BOOK / Path(link).stem
    return any(page.with_suffix(end).exists() for end in (".ipynb", ".md"))


def _as_link(link):
    """The page as a link while the book is built, elsewhere as its name.

    In a live notebook there is no page, and a link would lead nowhere.
    """
    page = Path(link).stem
    chapter = f"the chapter on {html.escape(page)}"
    if os.environ.get("MADE_TO_MEASURE_BUILD") == "1":
        there = os.path.relpath(BOOK / f"{page}.html", Path.cwd())
        return f'See <a href="{Path(there).as_posix()}">{chapter}</a>.'
    return f"See {chapter}."
