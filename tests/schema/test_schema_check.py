from pathlib import Path

import pytest

from overton.base import OvertonError, render_problems
from overton.schema import RULES, parse_schema
from tests.golden import check_cases, load_cases

CASES = Path(__file__).parents[1] / "cases" / "schema"
FILES = sorted(CASES.glob("*.txt"))
ALONE = {"bad_json", "every_fault_at_once"}  # what no single rule of a parsed text finds


def faults(text: str) -> str:
    """All faults of a schema as the user reads them, or that there is none."""
    try:
        parse_schema(text, "schema.json")
    except OvertonError as error:
        return render_problems(error.problems)
    return "no fault"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fault_of_a_schema_is_told_in_full(path, update_golden):
    check_cases(path, faults, update=update_golden)


def test_every_rule_has_its_cases():
    assert {path.stem for path in FILES} == {rule.__name__ for rule in RULES} | ALONE


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_cases_of_a_rule_show_its_fault(rule):
    code = f"[schema.{rule.__name__.replace('_', '-')}]"
    assert any(code in case.expected for case in load_cases(CASES / f"{rule.__name__}.txt"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_stands_in_the_file_of_its_name(rule):
    assert rule.__module__ == f"overton.schema.check.{rule.__name__}"
    assert rule.__doc__
