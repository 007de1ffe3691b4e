"""The house in order: sizes, docstrings, what stays at the edges, what a process loads, who may know whom.

Which room may import which stands in pyproject.toml; here is what that linter cannot see.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sources import MODULES, PACKAGE, ROOT, nodes, parse

FILE_LINES = 400
FUNCTION_LINES = 60

# Rooms and modules at the edge of the program, where reading, writing and printing belong.
EDGES = ("application.py", "cli", "engine", "evaluation.py", "serve", "store", "version.py", "web")
PRINTING = ("cli",)
FORBIDDEN_IMPORTS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
HEAVY = {"numpy", "onnx", "onnxruntime", "onnxscript", "pandas", "pyarrow", "rich", "torch"}
NOT_IN_SERVING = {"onnx", "onnxscript", "pandas", "pyarrow", "rich", "torch"}
# Imported name -> distribution, where the two differ.
NAME_OF_DISTRIBUTION = {"mlflow": "mlflow_skinny", "tensorboardX": "tensorboardx"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imported_packages(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Dotted name as written, and node, of every call of a name or of what it holds."""
    found = [node for node in nodes(path) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in found if isinstance(node.func, ast.Name | ast.Attribute)]


def is_edge(path: Path) -> bool:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[1:2] == ("files",) or path.relative_to(PACKAGE).parts[0] in EDGES


def modules_loaded_by(statement: str) -> set[str]:
    """Names of the packages that a fresh process has loaded after a statement."""
    tell = "import json, sys; print('LOADED', json.dumps([name.partition('.')[0] for name in sys.modules]))"
    code = f"{statement}\n{tell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rpartition("LOADED ")[2]))


def test_a_file_is_short_enough_to_read_at_once() -> None:
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: n for name, n in lines.items() if n > FILE_LINES} == {}


@pytest.mark.long
def test_a_function_is_short_enough_to_hold_in_mind() -> None:
    sizes = {
        f"{name_of(path)}:{node.lineno}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(sizes) > len(MODULES)
    assert {name: size for name, size in sizes.items() if size > FUNCTION_LINES} == {}


def test_a_module_says_what_it_is_for() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(parse(path))] == []


def test_nothing_is_stored_in_a_form_that_runs_when_loaded() -> None:
    faults = []
    for path in MODULES:
        faults += [(name_of(path), name) for name in FORBIDDEN_IMPORTS.intersection(imported_packages(path))]
        for name, call in calls(path):
            asked = [keyword for keyword in call.keywords if keyword.arg in ("allow_pickle", "weights_only")]
            said = {keyword.arg: ast.unparse(keyword.value) for keyword in asked}
            if said.get("allow_pickle", "False") != "False":
                faults.append((f"{name_of(path)}:{call.lineno}", "allow_pickle"))
            if name == "torch.load" and said.get("weights_only") != "True":
                faults.append((f"{name_of(path)}:{call.lineno}", "torch.load without weights_only=True"))
    assert faults == []


def test_printing_and_the_disk_stay_at_the_edges() -> None:
    disk = {"open", "np.memmap", "numpy.memmap", "np.save", "np.load", "torch.save", "torch.load"}
    faults = []
    for path in MODULES:
        printing = path.relative_to(PACKAGE).parts[0] in PRINTING
        for name, call in calls(path):
            if (name == "print" and not printing) or (name in disk and not is_edge(path)):
                faults.append(f"{name_of(path)}:{call.lineno}: {name}")
    assert faults == []


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    used = [line for name, lines in extras.items() if name not in ("bench", "dev") for line in lines]
    needed = [*project["dependencies"], *used]
    declared = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("-", "_") for line in needed}
    imported = {name for path in MODULES for name in imported_packages(path)}
    third_party = imported - sys.stdlib_module_names - {"overton", "__future__"}
    assert {NAME_OF_DISTRIBUTION.get(name, name) for name in third_party} <= declared


def test_help_loads_nothing_heavy() -> None:
    statement = (
        "from overton.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as done: assert not done.code, done.code"
    )
    assert modules_loaded_by(statement) & HEAVY == set()


@pytest.mark.long
def test_serving_loads_no_training_framework_and_no_tables() -> None:
    if not (PACKAGE / "serve" / "__init__.py").is_file():
        pytest.skip("there is no server yet")
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.is_relative_to(PACKAGE / "serve")
    ]
    assert modules_loaded_by(f"import {', '.join(modules)}") & NOT_IN_SERVING == set()


@pytest.mark.long
def test_rooms_know_only_what_they_may() -> None:
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
