"""Does a report say what was found, as an object, as text and as HTML?"""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import helpers
from helpers import contracts
from helpers.contracts import Report, Result
from tests.contracts.broken.losses import GivesOneNumber

FAILED = Result(
    "a_rule",
    "failed",
    "3 < 4 & <b>5</b>.",
    "Write `x > y`.",
    "x: float32 of shape (2,)",
    "saving",
)
PASSED = Result("another", "passed", "5 values.", page="losses")
SKIPPED = Result("third", "skipped", "No need.", page="losses")


# --- As an object ------------------------------------------------------------


def test_a_result_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PASSED.status = "failed"


def test_ok_means_that_nothing_failed():
    assert Report("Huber", [PASSED, SKIPPED]).ok
    assert not Report("Huber", [PASSED, FAILED]).ok


def test_the_verdict_counts():
    good, bad = Report("Huber", [PASSED]), Report("Huber", [FAILED, SKIPPED])
    assert good.verdict == "Huber keeps its contract: 1 rule passed."
    assert bad.verdict == (
        "Huber breaks its contract: 1 of 2 rules failed, 1 skipped."
    )


def test_raise_if_failed_says_what_and_how():
    Report("Huber", [PASSED]).raise_if_failed()
    with pytest.raises(AssertionError, match="3 < 4") as error:
        Report("Huber", [PASSED, FAILED]).raise_if_failed()
    assert isinstance(error.value, contracts.ContractError)
    assert "Write `x > y`." in str(error.value)
    assert "another" not in str(error.value)


# --- As text -----------------------------------------------------------------


def test_as_text_it_has_the_verdict_first_then_what_failed():
    lines = repr(Report("Huber", [PASSED, SKIPPED, FAILED])).splitlines()
    assert lines[0].startswith("Huber breaks its contract")
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "Huber",
        "FAILED",
        "skipped",
        "passed",
    ]


def test_as_text_it_is_80_columns_wide():
    long = dataclasses.replace(FAILED, message="word " * 60, hint="word " * 60)
    text = str(Report("A" * 70, [long, PASSED]))
    assert max(map(len, text.splitlines())) <= 80


# --- As HTML -----------------------------------------------------------------


def as_page(report):
    return BeautifulSoup(report._repr_html_(), "html.parser")


def test_as_html_it_is_a_table_with_names_for_all_of_it():
    page = as_page(Report("Huber", [PASSED, SKIPPED, FAILED]))
    captions = [table.caption.get_text() for table in page("table")]
    assert captions == ["What to fix", "1 rule passed", "1 rule skipped"]
    for table in page("table"):
        scopes = [heading["scope"] for heading in table("th")]
        assert scopes == ["col", "col", "col", "row"]
    rows = page.select("tbody tr")
    assert [row.th.get_text() for row in rows] == ["a_rule", "another", "third"]
    assert [row.find(class_="status").get_text() for row in rows] == [
        "failed",
        "passed",
        "skipped",
    ]
    assert [str(part) for part in rows[0].th] == ["a_", "<wbr/>", "rule"]


def test_as_html_everything_is_escaped():
    page = as_page(Report("<i>Huber", [FAILED]))
    assert page.find(class_="verdict").get_text().startswith("<i>Huber breaks")
    assert page.select_one("tbody p").get_text() == FAILED.message


# --- As text and as HTML -----------------------------------------------------


def test_link_is_a_link_while_the_book_is_built(monkeypatch):
    report = Report("Huber", [FAILED])
    monkeypatch.delenv("MADE_TO_MEASURE_BUILD", raising=False)
    assert as_page(report).a is None
    assert "See the chapter on saving." in as_page(report).get_text()
    monkeypatch.setenv("MADE_TO_MEASURE_BUILD", "1")
    assert as_page(report).a["href"] == "saving.html"
    assert "See book/saving.html" in str(report)


def test_chapter_is_named_where_there_is_no_book(tmp_path):
    """As on Colab, where the helpers are installed without the book."""
    shutil.copytree(Path(helpers.__file__).parent, tmp_path / "helpers")
    code = (
        "from helpers.contracts import Report, Result;"
        "failed = Result('a', 'failed', 'No.', 'Do.', page='saving');"
        "report = Report('Huber', [failed]);"
        "print(report, report._repr_html_())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "See book/saving.html" in said
    assert "See the chapter on saving." in said


def test_the_report_is_the_same_in_another_process():
    code = (
        "import helpers, keras; from helpers import contracts;"
        "from tests.contracts.broken.losses import GivesOneNumber;"
        "report = contracts.check_loss(GivesOneNumber());"
        "print(report); print(report._repr_html_())"
    )
    here = contracts.check_loss(GivesOneNumber())
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == f"{here}\n{here._repr_html_()}\n"
    assert process.stderr == ""
