"""What the tests of all kinds share."""

import functools
import importlib

from tests.contracts.broken import MODULES, cases

NOT_IN_CONFIG = "Keras 3.15 leaves {} out of the config: it is lost in a file."


def status_of(report, name):
    """Return what a report says of a rule."""
    return {result.name: result for result in report.results}[name].status


def failed(report):
    """Return the names of the rules that failed."""
    return {
        result.name for result in report.results if result.status == "failed"
    }


@functools.cache
def report_of(case):
    """Check a broken component, once for all tests of a file."""
    return case.check()


def assert_caught(case):
    """Assert that its rule fails, and no other than those it may break too."""
    report = report_of(case)
    # Told in full, as pytest explains assertions of test files only
    assert case.caught_by in failed(report), report
    assert failed(report) <= {case.caught_by, *case.also}, report
    for result in report.results:
        if result.status == "failed":
            assert result.message, result
            assert result.hint.endswith((".", "`.")), result
            assert result.page, result


def rules_that_catch_nothing(kind):
    """Return the rules of a kind that might as well not be there.

    A rule in the module of the kind must catch a component of this kind, one
    that kinds share a component of any kind. `assert_caught` sees to it that
    `caught_by` is true.
    """
    module = importlib.import_module(f"helpers.contracts.{MODULES[kind]}")
    rules = {
        result.name
        for case in cases(kind)
        for result in report_of(case).results
    }
    own = {
        name
        for name in rules
        if hasattr(module, name)
        and getattr(module, name).__module__ == module.__name__
    }
    caught_here = {case.caught_by for case in cases(kind)}
    caught_anywhere = {case.caught_by for case in cases()}
    return (own - caught_here) | (rules - own - caught_anywhere)


def with_skips(rows):
    """Return the rows of a table, whose last entries are skips, that skip."""
    return [row for row in rows if row[-1]]


def name_of(value):
    """A name for the list of tests; none for shapes and skips."""
    if hasattr(value, "__name__"):
        return value.__name__
    return (
        None if isinstance(value, (dict, tuple, list)) else type(value).__name__
    )
