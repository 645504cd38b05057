"""Does the book say the same on other processors, and with newer packages?

    python book/_tools/robust.py [--newest] [PATHS]

Notebooks and tests are executed once for each of several arithmetics, and
compared as in `make test`. Then it says, for each notebook, which cells print
other last digits, which may differ, and which differ by more.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from notebooks import ROOT

# All that computes with what processors do differently
PATHS = ["book", "tests/components", "tests/contracts"]

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)


def processor(name, instructions, kernel, numpy_without):
    """Return the arithmetic of an older processor by Intel or AMD."""
    return name, {
        "XLA_FLAGS": f"--xla_cpu_max_isa={instructions}",
        "OPENBLAS_CORETYPE": kernel,
        "NPY_DISABLE_CPU_FEATURES": numpy_without,
    }


def arithmetics():
    """Return the names of ways to compute, and the environment of each."""
    ways = []
    if platform.machine().lower() in ("x86_64", "amd64"):
        ways += [
            processor("SSE4.2", "SSE4_2", "Nehalem", "X86_V3 X86_V4"),
            processor("AVX", "AVX", "Sandybridge", "X86_V3 X86_V4"),
            processor("AVX2", "AVX2", "Haswell", "X86_V4"),
        ]
    ways += [
        ("one thread", ONE_THREAD),
        ("two threads", dict.fromkeys(ONE_THREAD, "2")),
        ("oneDNN", {"TF_ENABLE_ONEDNN_OPTS": "1"}),
        ("another hash seed", {"PYTHONHASHSEED": "1"}),
    ]
    return ways


def environment(settings):
    """Return the environment of a run, in which a figure has one frame."""
    return os.environ | settings | {"MADE_TO_MEASURE_BUILD": "0"}


def execute(python, paths, settings):
    """Execute notebooks and tests; return what `read_report` finds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = "--nbval -n 2 --dist loadscope --no-loadscope-reorder"
        process = subprocess.run(
            [
                *(python, "-m", "pytest", "-c", "pyproject.toml"),
                *options.split(),
                *(f"--junitxml={report}", *paths),
            ],
            cwd=ROOT,
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not report.exists():
            raise SystemExit(process.stdout)
        return read_report(report)


def read_report(path):
    """Return what a JUnit file says of each cell or test.

    Returns:
        Dictionary from (notebook, cell) to whether it passed and to the
        differences, a list of texts.
    """
    cells = {}
    for case in ElementTree.parse(path).iter("testcase"):
        said = [entry.get("value") for entry in case.iter("property")]
        faults = [*case.iter("failure"), *case.iter("error")]
        if faults and not said:
            said = (faults[0].text or "").strip().splitlines()[-5:]
        place = case.get("classname")
        if place.endswith(".ipynb"):
            place = place.removesuffix(".ipynb").replace(".", "/") + ".ipynb"
        cells[place, case.get("name")] = not faults, said
    return cells


def compared(results):
    """Return lines that say which cells depend on what, and how.

    Args:
        results: Dictionary from the name of an arithmetic to what
            `read_report` returned for it.
    """
    rows = {}
    for arithmetic, cells in results.items():
        for (notebook, cell), (passed, said) in cells.items():
            differences = rows.setdefault(notebook, {})
            if said or not passed:
                key = cell, passed, "\n".join(said)
                differences.setdefault(key, []).append(arithmetic)
    lines = []
    for notebook, differences in sorted(rows.items()):
        lines.append(
            f"{notebook}: {'' if differences else 'the same everywhere'}"
        )
        for (cell, passed, said), names in differences.items():
            verdict = "last digits differ" if passed else "DIFFERS"
            lines.append(f"  {cell}: {verdict} with {', '.join(names)}")
            lines += [f"      {line}" for line in said.splitlines()]
    return lines


def newest():
    """Return a Python that has the newest TensorFlow and Keras."""
    folder = ROOT / "_build" / "newest"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # What these two need may be newer than our pins, and is left to pip.
    free = r"(?m)^(tensorflow|keras|numpy|scipy|scikit-learn)([\w-]*)==[^\s;]+"
    wanted = [
        re.sub(
            free, r"\1\2", re.sub(r"(?m)^-c.*$", "", path.read_text("utf-8"))
        )
        for path in (ROOT / "requirements.txt", ROOT / "tests/requirements.txt")
    ]
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(wanted).replace("-e .", f"-e {ROOT}"))
    pip = [python, "-m", "pip", "install", "-qq", "--upgrade"]
    subprocess.run([*pip, "-r", requirements], check=True)
    return python


def main(arguments=None):
    """Run the command line; return what the shell is told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--newest",
        action="store_true",
        help="instead with the newest TensorFlow and Keras, in _build/newest",
    )
    parser.add_argument("paths", nargs="*", metavar="PATHS", default=PATHS)
    chosen = parser.parse_args(arguments)

    python, ways = sys.executable, arithmetics()
    if chosen.newest:
        print("Installing the newest TensorFlow and Keras ...", flush=True)
        python = newest()
        versions = (
            "import helpers, keras, tensorflow as tf\n"
            "print(f'TensorFlow {tf.__version__}, Keras {keras.__version__}')"
        )
        done = subprocess.run(
            [python, "-c", versions], stdout=subprocess.PIPE, check=True
        )
        ways = [(done.stdout.decode().strip(), {})]
    results = {}
    for count, (name, settings) in enumerate(ways, start=1):
        print(f"{count} of {len(ways)}, {name}: ", end="", flush=True)
        start = time.monotonic()
        cells = results[name] = execute(python, chosen.paths, settings)
        failed = sum(not passed for passed, _ in cells.values())
        seconds = time.monotonic() - start
        print(f"{failed} of {len(cells)} differ, {seconds:.0f} s", flush=True)
    print(*compared(results), sep="\n")
    passed = all(ok for cells in results.values() for ok, _ in cells.values())
    # What a newer version changes is news, not a fault of the book.
    return 0 if passed or chosen.newest else 1


if __name__ == "__main__":
    sys.exit(main())
