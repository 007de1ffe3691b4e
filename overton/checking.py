"""Checking as a stage: every fault of what lies in an application's directory, and what is suspicious about it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import Observe, OvertonError, Problem, ignore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overton.compile import Tuning
    from overton.data import DataCheck, Dataset
    from overton.evaluate import Gate
    from overton.schema import Schema


def check_application(
    directory: Path, schema: Schema, files: Sequence[Path], *, quarantine: Path | None = None, observe: Observe = ignore
) -> DataCheck:
    """Every fault of tuning, gate and data; what tuning and gate have faults in is not looked at further.

    Of the schema, whose faults were told when it was read, what is suspicious is told.

    Args:
        directory: The directory of the application.
        schema: Its schema.
        files: Its data files.
        quarantine: Where to write the lines that have faults, with the reasons.
        observe: Told of the progress.
    """
    from overton.compile import Tuning
    from overton.compile.files import load_tuning, placed_faults
    from overton.data.files import check_data, ignored_files
    from overton.evaluate import Gate
    from overton.evaluate.files import load_gate
    from overton.pretrained.files import check_pretrained, named_files
    from overton.schema import unlinked_payloads
    from overton.tune import useless_settings

    problems: list[Problem] = []
    useless: list[Problem] = []
    tuning, gate = Tuning(), Gate()
    try:
        tuning = load_tuning(directory / "tuning.json", schema)
        useless = placed_faults(directory / "tuning.json", useless_settings(tuning, schema))
        problems += check_pretrained(tuning, directory)
    except OvertonError as error:
        problems += error.problems
    try:
        gate = load_gate(directory / "gate.json")
    except OvertonError as error:
        problems += error.problems
    outcome = check_data(
        schema,
        files,
        named=tuning.supervision.trusted,
        further=partial(_named_tags, directory, tuning, gate),
        quarantine=quarantine,
        observe=observe,
    )
    ignored = ignored_files(directory, named_files(tuning, directory))
    unlinked = placed_faults(directory / "schema.json", unlinked_payloads(schema))
    warnings = (*ignored, *unlinked, *useless, *outcome.warnings)
    return replace(outcome, problems=(*problems, *outcome.problems), warnings=warnings)


def _named_tags(
    directory: Path, tuning: Tuning, gate: Gate, dataset: Dataset
) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """Faults and warnings of the tags that tuning and gate name, which only the records can tell."""
    from overton.compile.files import placed_faults
    from overton.evaluate import unknown_tags

    faults: list[Problem] = []
    if tuning.search.get("objective"):
        from overton.trials import goal_of

        try:
            goal_of(dataset, tuning)
        except OvertonError as error:
            faults = placed_faults(directory / "tuning.json", error.problems)
    return faults, placed_faults(directory / "gate.json", unknown_tags(gate, dataset.tags))
