"""Write helpers/components/ from the cells of the chapters that say so.

    python book/_tools/export_components.py

The final version of each component stands in its chapter, in a cell tagged
`component`. Here these cells become a module of the chapter's name, so that a
later chapter, or a program of your own, can import what an earlier chapter
wrote: `from helpers.components import HuberLoss`.

The modules follow the order of `_toc.yml`, their cells that of the chapter. A
module imports what its cells use: of what the chapter's first code cell
imports, and of what earlier chapters export. `make notebooks` writes them
before it executes; `tests/test_export_components.py` finds what is stale.
"""

import ast
import subprocess
import sys

import yaml

from notebooks import ROOT, read, write_if_changed

PACKAGE = ROOT / "helpers" / "components"
HEADER = '''\
"""The components that book/{name}.ipynb ends up with.

Written by `make components`, which is book/_tools/export_components.py, from
the cells tagged `component`: change the chapter and not this file.
"""
'''
PACKAGE_HEADER = '''\
"""The components of the book, each as its chapter ends up writing it.

Written by `make components`, which is book/_tools/export_components.py, like
the modules of the chapters: change the chapters and not these files.
"""
'''


def chapters():
    """Yield the path of each notebook, in the order of the book."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    entries = list(toc.get("chapters", []))
    for part in toc.get("parts", []):
        entries += part["chapters"]
    for entry in entries:
        path = ROOT / f"{entry['file']}.ipynb"
        if path.exists():
            yield path


def imports_of(tree):
    """Return the line that imports it, for each name that a cell imports."""
    lines = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                one = type(node)(**{**vars(node), "names": [alias]})
                lines[name] = ast.unparse(one)
    return lines


def names_read_in(tree):
    """Return all names that a cell reads."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def names_defined_in(tree):
    """Return the names of the functions and classes of a cell."""
    return [node.name for node in tree.body if hasattr(node, "name")]


def make_modules(notebooks):
    """Return the texts of all modules, before they are formatted.

    Args:
        notebooks: Mapping from the path of each chapter to its notebook, in
            the order of the book.

    Returns:
        Dictionary from the name of each file to its text.

    Raises:
        ValueError: If a component is defined twice, or if a chapter imports
            from `helpers.components` what no chapter before it exports.
    """
    modules, home = {}, {}
    for path, notebook in notebooks.items():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        components = [
            cell.source
            for cell in cells
            if "component" in cell.metadata.get("tags", [])
        ]
        if not components:
            continue
        available = imports_of(ast.parse(cells[0].source))
        imports = {}
        for tree in map(ast.parse, components):
            for name in names_defined_in(tree):
                if name in home:
                    raise ValueError(
                        f"{path.name} defines the component {name!r}, which "
                        f"{home[name]}.ipynb has: give one another name."
                    )
                home[name] = path.stem
            for name in sorted(names_read_in(tree)):
                if home.get(name, path.stem) != path.stem:
                    line = f"from helpers.components.{home[name]} import {name}"
                    imports[line] = None
                elif name not in home and name in available:
                    if "from helpers.components" in available[name]:
                        raise ValueError(
                            f"{path.name} imports {name!r} from "
                            "helpers.components, and no chapter before it "
                            "exports a function or class of this name."
                        )
                    imports[available[name]] = None
        head = HEADER.format(name=path.stem) + "\n".join(imports)
        modules[f"{path.stem}.py"] = "\n\n\n".join([head, *components]) + "\n"
    modules["__init__.py"] = make_package(home)
    return modules


def make_package(home):
    """Return the text of the module that has all names of the others.

    Args:
        home: Dictionary from the name of each component to its module.
    """
    imports = [
        f"from helpers.components.{module} import {name}"
        for name, module in home.items()
    ]
    exported = f"__all__ = {sorted(home)!r}"
    return "\n".join([PACKAGE_HEADER, *imports, "", exported, ""])


def formatted(name, text):
    """Return the text of a module in the project's style."""
    for command in (("check", "--fix", "--ignore=E501"), ("format",)):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet"]
        done = subprocess.run(
            [*ruff, "--stdin-filename", PACKAGE / name, "-"],
            input=text,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if done.returncode != 0:  # its complaint is on the screen
            raise SystemExit(
                f"The components of {name.removesuffix('.py')} make no module, "
                "for the reason above. A name is undefined if neither the "
                "first code cell imports it nor an earlier chapter exports it."
            )
        text = done.stdout
    return text


def current():
    """Return the modules as the chapters have them now, by their paths."""
    modules = make_modules({path: read(path) for path in chapters()})
    return {
        PACKAGE / name: formatted(name, text) for name, text in modules.items()
    }


def main():
    """Write the modules, and remove those of chapters that are gone."""
    modules = current()
    for path in sorted({*modules, *PACKAGE.glob("*.py")}):
        if path not in modules:
            path.unlink()
            outcome = "removed"
        elif write_if_changed(path, modules[path]):
            outcome = "written"
        else:
            outcome = "unchanged"
        print(f"{path.relative_to(ROOT).as_posix()}: {outcome}")


if __name__ == "__main__":
    main()
