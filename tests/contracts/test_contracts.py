"""Are there broken components of each kind, and a page for each rule?"""

import ast
import importlib
from pathlib import Path

import pytest

from helpers import contracts
from helpers.contracts import common
from tests.contracts.broken import MODULES, cases


def test_there_are_enough_of_every_kind():
    checks = [name for name in contracts.__all__ if name.startswith("check_")]
    assert {f"check_{kind}" for kind in MODULES} == set(checks)
    assert len(cases()) >= 60
    for kind in MODULES:
        assert len(cases(kind)) >= 5, kind


def test_no_two_registered_classes_have_one_name():
    """All share a registry, where the last one is found for both."""
    names = []
    for path in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                marks = " ".join(map(ast.unparse, node.decorator_list))
                if "register" in marks or "broken" in marks:
                    names.append(node.name)
    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("kind", "module"), MODULES.items())
def test_page_of_every_rule_is_a_chapter(kind, module):
    rules = importlib.import_module(f"helpers.contracts.{module}")
    make_subject = getattr(rules, f"{kind.capitalize()}Subject")
    component = cases(kind)[0].make()
    shape = [(None, 3)] if kind in ("layer", "model") else []
    subject = make_subject(component, *shape)
    toc = (Path(__file__).parents[2] / "_toc.yml").read_text("utf-8")
    for rule in common.rules_for(subject):
        page = getattr(rule, "page", subject.page)
        assert f"file: book/{page}\n" in toc, rule
