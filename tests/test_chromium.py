"""Is the Chromium of the browser tests the one that it should be?

Programs of one line stand for Chromium, Python and the system's installers.
"""

import sys

import pytest

from tests import chromium

STARTS = "exit 0"
LACKS_A_LIBRARY = "exit 127"


class Machine:
    """Programs in a folder, and what has been asked of some of them.

    Playwright's own Chromium would be `own`. The program `python` stands for
    this Python: it is asked to fetch that, and cannot, unless it is replaced.
    """

    def __init__(self, folder):
        self.folder = folder
        self.own = str(folder / "own")
        for name in ("apt-get", "sudo", "env", "python"):
            self.put(name, f'echo {name} "$@" >> {folder / "asked"}; exit 1')

    def put(self, name, does):
        """Write a program; return its path."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
        return str(path)

    def asked(self):
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has no Chromium yet."""
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(chromium, "playwrights_own", lambda: machine.own)
    return machine


def test_first_that_starts_is_taken(machine):
    machine.put("chromium-headless-shell", LACKS_A_LIBRARY)
    machine.put("google-chrome", STARTS)
    second = machine.put("chromium", STARTS)
    machine.put("own", STARTS)
    assert chromium.find(machine.own) == second


def test_playwrights_own_is_the_last(machine):
    own = machine.put("own", STARTS)
    assert chromium.find(own) == own
    other = machine.put("chrome", STARTS)
    assert chromium.find(own) == other


def test_chosen_one_is_taken_or_none(machine, monkeypatch, capsys):
    machine.put("chromium", STARTS)
    chosen = machine.put("chosen", STARTS)
    monkeypatch.setenv("CHROMIUM", chosen)
    assert chromium.find(machine.own) == chosen
    machine.put("chosen", LACKS_A_LIBRARY)
    assert chromium.find(machine.own) is None
    assert chromium.main() == 1
    assert f"CHROMIUM={chosen} does not start" in capsys.readouterr().out
    assert not machine.asked()


def test_one_that_is_there_is_said_and_none_is_fetched(machine, capsys):
    path = machine.put("chromium", STARTS)
    assert chromium.main() == 0
    assert path in capsys.readouterr().out
    assert not machine.asked()


def test_playwrights_own_is_fetched_if_there_is_no_other(machine, capsys):
    found = machine.put("to-be-fetched", STARTS)
    machine.put("python", f"/bin/cp {found} {machine.own}")
    assert chromium.main() == 0
    assert machine.own in capsys.readouterr().out


def test_who_has_none_is_told_how_to_install_one(machine, capsys):
    assert chromium.main() == 1
    said = capsys.readouterr().out
    for system in ("Debian", "Ubuntu", "macOS", "Windows", "CHROMIUM="):
        assert system in said
    # No installer of the system was asked.
    assert machine.asked() == ["python -m playwright install chromium"]
