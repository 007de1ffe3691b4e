"""What the modules of the package say, parsed once for all tests that look at it."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "overton"
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    """The tree of a module. Do not change it.

    Raises:
        SyntaxError: Where it is no Python.
    """
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module, which takes as long to find as to parse it."""
    return tuple(ast.walk(parse(path)))
