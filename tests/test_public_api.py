"""Each room shows what it offers in `__all__`: in order, and exactly what it re-exports."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "overton"
ROOMS = sorted(PACKAGE.glob("*/__init__.py"))


def exported(tree: ast.Module) -> list[str] | None:
    """The value of `__all__`, or None where it is not set."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def in_order(names: Iterable[str]) -> list[str]:
    """Constants, then classes, then the rest, each sorted: the order that `make fix` gives to `__all__`."""
    return sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))


def imported(tree: ast.Module) -> list[tuple[str, str]]:
    """Module and name of what is imported from Overton, at the top of the file."""
    return [
        (node.module or "", alias.asname or alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("overton")
        for alias in node.names
    ]


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.parent.name)
def test_a_room_exports_what_it_imports_by_name_and_in_order(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = exported(tree) or []
    here = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert names == in_order(names)
    assert set(names) == {name for _, name in imported(tree)} | {name for name in here if not name.startswith("_")}


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.parent.name)
def test_a_room_re_exports_neither_files_nor_private_names(path: Path) -> None:
    for module, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert not module.endswith(".files"), f"{name} is imported from {module}"
        assert not name.startswith("_"), f"{name} is private to {module}"


def test_the_package_exports_in_order() -> None:
    names = exported(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))) or []
    assert names == in_order(names)


def test_what_the_user_needs_is_named_at_the_top_and_loaded_when_asked_for() -> None:
    import overton
    from overton.base import OvertonError

    assert overton.OvertonError is OvertonError
    assert all(getattr(overton, name) for name in overton.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Model'"):
        _ = overton.Model
