"""The checks of a schema: one rule a file, each from the draft of a schema to the faults that it finds."""

from collections.abc import Callable, Iterator

from overton.base import Problem
from overton.schema.check.bad_name import bad_name
from overton.schema.check.bad_value import bad_value
from overton.schema.check.base_of_itself import base_of_itself
from overton.schema.check.circular_base import circular_base
from overton.schema.check.classes_on_select import classes_on_select
from overton.schema.check.duplicate_base import duplicate_base
from overton.schema.check.duplicate_class import duplicate_class
from overton.schema.check.duplicate_key import duplicate_key
from overton.schema.check.field_clash import field_clash
from overton.schema.check.length_without_items import length_without_items
from overton.schema.check.missing_key import missing_key
from overton.schema.check.no_payloads import no_payloads
from overton.schema.check.no_tasks import no_tasks
from overton.schema.check.range_not_sequence import range_not_sequence
from overton.schema.check.range_on_non_set import range_on_non_set
from overton.schema.check.select_on_non_set import select_on_non_set
from overton.schema.check.too_few_classes import too_few_classes
from overton.schema.check.unknown_key import unknown_key
from overton.schema.check.unknown_payload import unknown_payload
from overton.schema.check.unknown_type import unknown_type
from overton.schema.draft import Draft

Rule = Callable[[Draft], Iterator[Problem]]

# What each payload and task is by itself.
SHAPE_RULES: tuple[Rule, ...] = (
    duplicate_key,
    no_payloads,
    no_tasks,
    unknown_key,
    missing_key,
    unknown_type,
    bad_value,
    bad_name,
    duplicate_class,
    too_few_classes,
    classes_on_select,
    duplicate_base,
    range_on_non_set,
    length_without_items,
)

# What they are to each other.
REFERENCE_RULES: tuple[Rule, ...] = (
    unknown_payload,
    base_of_itself,
    circular_base,
    range_not_sequence,
    select_on_non_set,
    field_clash,
)

RULES: tuple[Rule, ...] = (*SHAPE_RULES, *REFERENCE_RULES)


def check_draft(draft: Draft) -> tuple[Problem, ...]:
    """Every fault that the rules find, in the order of the text."""
    return tuple(sorted((problem for rule in RULES for problem in rule(draft)), key=lambda problem: problem.line))


__all__ = ["REFERENCE_RULES", "RULES", "SHAPE_RULES", "Rule", "check_draft"]
