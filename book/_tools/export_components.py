"""Write helpers/components.py from the cells of the chapters that say so.

    python book/_tools/export_components.py

The final version of each component stands in its chapter, in a cell tagged
`component`. Here these cells become a module, so that a later chapter, or a
program of your own, can import what an earlier chapter wrote.
"""

import ast
import subprocess
import sys

import yaml

from notebooks import ROOT, read, write_if_changed

MODULE = ROOT / "helpers" / "components.py"
HEADER = '''\
"""The components of the book, each as its chapter ends up writing it.

Made by `make components` from the cells tagged `component`: change the chapter
and not this file.
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


def make_module(notebooks):
    """Return the text of the module, before it is formatted.

    Args:
        notebooks: Mapping from the path of each chapter to its notebook, in
            the order of the book.

    Raises:
        ValueError: If two chapters define a component of the same name.
    """
    imports, parts, home = {}, [], {}
    for path, notebook in notebooks.items():
        title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
        title = title.partition(":")[0]  # a long one does not fit the line
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        available = imports_of(ast.parse(cells[0].source))
        for cell in cells:
            if "component" not in cell.metadata.get("tags", []):
                continue
            tree = ast.parse(cell.source)
            for node in tree.body:
                name = getattr(node, "name", None)
                if name in home:
                    raise ValueError(
                        f"{path.name} defines the component {name!r}, and so "
                        f"does {home[name]}: give one another name."
                    )
                if name:
                    home[name] = path.name
            for name in sorted(names_read_in(tree) - set(home)):
                if name in available:
                    imports[available[name]] = None
            place = f"# From the chapter {title}: book/{path.name}"
            parts.append(f"{place}\n{cell.source}")
    return "\n\n\n".join([HEADER + "\n".join(imports), *parts]) + "\n"


def formatted(text):
    """Return Python code in the project's style."""
    for command in (("check", "--fix"), ("format",)):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet"]
        text = subprocess.run(
            [*ruff, "--stdin-filename", MODULE, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return text


def current():
    """Return the module as the chapters have it now."""
    return formatted(make_module({path: read(path) for path in chapters()}))


def main():
    """Write the module."""
    changed = write_if_changed(MODULE, current())
    print(f"{MODULE.relative_to(ROOT)}:", "written" if changed else "unchanged")


if __name__ == "__main__":
    main()
