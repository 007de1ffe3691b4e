"""What is told in the documentation and in the program is the same."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.sources import MODULES, PACKAGE, ROOT, nodes

DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CODE = re.compile(r"[a-z][a-z0-9]*\.[a-z][a-z0-9-]*")
FILE_NAME = re.compile(r"\.(csv|gz|html|json|jsonl|log|onnx|parquet|py|safetensors|tsv|txt|zst)$")
DECISION_LINES = 60

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    """The script that writes the page of commands, as a module."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("generate")
    sys.path.remove(str(DOCS))


@cache
def codes_in_source() -> set[str]:
    """Every error code of the package.

    A code is a text in the second place of a `Problem(...)` or given to any call as `code=`; and any text with the
    form of a code whose first word is that of such a one, so that a code handed through a function is found too.
    """
    texts = {text for path in MODULES for text in _texts(nodes(path)) if CODE.fullmatch(text)}
    places = (place for path in MODULES for place in _code_places(path))
    sure = {text for place in places for text in _texts(ast.walk(place)) if CODE.fullmatch(text)}
    first_words = {code.partition(".")[0] for code in sure}
    return sure | {text for text in texts if text.partition(".")[0] in first_words and not FILE_NAME.search(text)}


def _texts(found: Iterable[ast.AST]) -> Iterator[str]:
    return (node.value for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _code_places(path: Path) -> Iterator[ast.expr]:
    for call in nodes(path):
        if isinstance(call, ast.Call):
            yield from (keyword.value for keyword in call.keywords if keyword.arg == "code")
            if "Problem" in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")):
                yield from call.args[1:2]


def documented_codes() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.long
def test_every_error_code_has_its_row() -> None:
    assert sorted(codes_in_source() - set(documented_codes())) == []


def test_every_row_of_errors_is_a_code_that_can_occur() -> None:
    assert sorted(set(documented_codes()) - codes_in_source()) == []


def test_the_code_of_a_problem_is_told_where_it_is_made() -> None:
    computed = [
        f"{path.relative_to(PACKAGE)}:{place.lineno}"
        for path in MODULES
        for place in _code_places(path)
        if isinstance(place, ast.JoinedStr | ast.BinOp)
    ]
    assert computed == []


def test_error_codes_are_listed_once_and_in_order() -> None:
    assert documented_codes() == sorted(set(documented_codes()))


def test_the_generated_pages_are_up_to_date(generate: ModuleType) -> None:
    stale = [name for name, text in generate.render_pages().items() if not generate.is_current(name, text)]
    assert stale == [], "run `make fix`"


def test_a_setting_that_means_something_where_it_is_left_out_has_no_other_default(generate: ModuleType) -> None:
    lines = [line for line in generate.render_settings().splitlines() if "if left out" in line]
    assert lines
    assert [line for line in lines if not line.endswith("| left out |")] == []


def test_every_command_is_documented_and_has_help(generate: ModuleType) -> None:
    from overton.cli.main import build_parser

    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    for name, _, summary in generate.walk_commands(build_parser()):
        assert f"\n## {name}\n" in page
        assert summary, f"{name} has no help"


@pytest.fixture(scope="module")
def commands(generate: ModuleType) -> set[str]:
    """The commands, and the groups of those that have one."""
    from overton.cli.main import build_parser

    return {" ".join(name.split()[:2]) for name, _, _ in generate.walk_commands(build_parser())}


@every_page
def test_a_page_names_only_commands_that_exist(page: Path, commands: set[str]) -> None:
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
    named = {
        found for part in code for found in re.findall(r"(?<![\w./-])overton [a-z]+(?=[\s`]|$)", part, re.MULTILINE)
    }
    assert sorted(named - commands) == []


def test_the_examples_of_the_file_formats_are_valid() -> None:
    from overton.compile import parse_tuning
    from overton.evaluate import parse_gate
    from overton.schema import parse_schema

    text = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    example = dict(re.findall(r"^## (.+?)$(?:(?!^## ).)*?^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    schema = parse_schema(example["Schema"], "schema.json")
    parse_tuning(example["Tuning"], "tuning.json", schema)
    parse_gate(example["Gate"], "gate.json")


def test_every_field_that_is_written_is_described() -> None:
    from overton import lineage, review
    from overton.artifact import Signature
    from overton.evaluate import DriftReport, DriftRow, Report, Row
    from overton.review.annotate import Candidate
    from overton.review.discover import FoundSlice, SlicePage, Within
    from overton.review.errors import RecordError, SourceOnErrors, UnitError
    from overton.review.tagging import Tagging
    from overton.store.diff import Difference

    written: list[type] = [Row, Report, DriftReport, DriftRow, review.ErrorPage, RecordError, UnitError, SourceOnErrors]
    written += [Candidate, SlicePage, FoundSlice, Within, Tagging, Difference]
    names = {field.name for one in written for field in dataclasses.fields(one)}
    names |= {field.name for field in dataclasses.fields(Signature)} - {"schema"}  # its payloads and tasks stand there
    names |= set(re.findall(r'"(\w+)":', inspect.getsource(lineage.lineage_of)))
    text = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    assert sorted(name for name in names if f"`{name}`" not in text and f'"{name}"' not in text) == []


@every_page
def test_the_examples_of_a_page_give_what_it_says(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_tells_context_choice_and_consequence_on_one_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Consequence"]
    assert text.startswith(f"# {page.name[:4]}: ")
    assert len(text.splitlines()) <= DECISION_LINES


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in DECISIONS if f"decisions/{page.name}" not in index] == []


def test_the_readme_names_the_two_commands_to_begin_with() -> None:
    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("there is no README yet")
    text = readme.read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
