"""What a check answers: a `Result` for each rule, together a `Report`."""

import dataclasses
import html
import os
import re
import textwrap
from pathlib import Path

from helpers import palette

STYLE_SHEET = Path(__file__).with_name("report.css")
WIDTH = 80


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
        inputs: What the rule tried when it failed, in words.
        page: Name of the chapter that explains the rule, such as `"saving"`.
    """

    name: str
    status: str
    message: str = ""
    hint: str = ""
    inputs: str = ""
    page: str = ""


class Report:
    """The results of all rules for one component.

    A notebook shows it as a table; `print` writes it as plain text.

    Args:
        component: Name of the component, for the verdict.
        results: List of `Result`, in the order of the rules.
        cannot_know: What no rule of this kind finds out, in one sentence.

    Example:
        >>> report = check_loss(keras.losses.LogCosh())
        >>> report.ok
        True
    """

    def __init__(self, component, results, cannot_know=""):
        self.component = component
        self.results = list(results)
        self.cannot_know = cannot_know

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
        if self.cannot_know:
            parts += textwrap.wrap(f"Not known: {self.cannot_know}", WIDTH)
        return "\n".join(parts)

    def _repr_html_(self):
        """The same as a table; the rules that passed are folded together."""
        failed, passed, skipped = map(
            self._with_status, ("failed", "passed", "skipped")
        )
        parts = [
            palette.style_element(STYLE_SHEET),
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
        if self.cannot_know:
            note = _as_prose(self.cannot_know)
            parts.append(f'<p class="unknown">Not known: {note}</p>')
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
    if result.inputs:
        texts.insert(1, f"Tried with {result.inputs}.")
    if result.page:
        texts.append(f"See book/{result.page}.html")
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
    if result.inputs:
        seen += f'<p class="inputs">Tried with {_as_prose(result.inputs)}.</p>'
    if result.hint:
        seen += f"<p><b>Fix:</b> {_as_prose(result.hint)}</p>"
        if result.page:
            seen += f"<p>{_as_link(result.page)}</p>"
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


def _as_link(page):
    """The chapter as a link while the book is built, elsewhere as its name.

    In a live notebook there is no page, and a link would lead nowhere.
    """
    chapter = f"the chapter on {html.escape(page)}"
    if os.environ.get("MADE_TO_MEASURE_BUILD") == "1":
        # All chapters are in one folder.
        return f'See <a href="{page}.html">{chapter}</a>.'
    return f"See {chapter}."
