"""Where the targets of a record come from, as text for a terminal."""

import json
from collections.abc import Sequence

import numpy as np

from overton.base import aligned, cut, width_of, wrapped
from overton.supervision.analysis.lineage import (
    LEAST_SHOWN,
    RecordLineage,
    TaskLineage,
    UnitLineage,
    VoteLineage,
    shown_labels,
)

MOST_LABELS = 4
LONGEST_NAME = 22
LONGEST_LABEL = 16
LONGEST_SAID = 24
CANNOT_TELL = "cannot tell"  # of a vote that holds all labels for equally likely
LEAST_TOLD = 5e-4
LEAST_BIT = 0.05  # probability of a bit that nobody says, from which it is told


def render_lineage(record: RecordLineage, width: int = 100) -> str:
    """The votes, what each adds to the score of the likeliest labels, and the target of every unit.

    Args:
        record: As `Application.explain_record` gives it.
        width: Columns of the terminal.

    Returns:
        The text, which ends with a newline.
    """
    head = [f"record {record.id}"]
    head += wrapped(", ".join(record.tags), width, indent="  tags: ", indent_rest="        ")
    head += wrapped(record.text, width, indent="  ")
    return "\n".join(["\n".join(head), *(_render_task(task, width) for task in record.tasks)]).rstrip("\n") + "\n"


def _render_task(task: TaskLineage, width: int) -> str:
    weighed = f", votes weighed as gold says of {task.weighed_as}" if task.weighed_as else ""
    lines = ["", f"{task.task}: {task.type}, combined by {task.method}{weighed}"]
    for unit in task.units:
        lines += _render_unit(task, unit, width)
    silent = task.n_units - len(task.units)
    if silent:
        what = "nobody labelled it" if task.n_units == 1 else f"nobody labelled {silent} of its {task.n_units} units"
        lines.append(f"  {what}")
    return "\n".join(lines)


def _render_unit(task: TaskLineage, unit: UnitLineage, width: int) -> list[str]:
    for most in range(MOST_LABELS, 0, -1):
        shown = shown_labels(unit, most, LEAST_BIT if task.type == "bitvector" else LEAST_SHOWN)
        table = _table(task, unit, shown)
        if task.type == "bitvector":
            table = [(*row[:2], *row[3:]) for row in table]
        told = [f"  {line}" for line in aligned(table, n_left=2)]
        if max(map(width_of, told)) <= width or len(shown) < 2:
            break
    lines = [""] if len(task.units) > 1 else []
    return [*lines, *told, *(f"  {note}" for note in _notes(task, unit))]


def _table(task: TaskLineage, unit: UnitLineage, shown: Sequence[int]) -> list[tuple[str, ...]]:
    labels = [cut(task.labels[label], LONGEST_LABEL) for label in shown]
    counts = task.method == "majority"
    head = cut(f"{unit.place} {unit.text}" if unit.text else "source", LONGEST_NAME)
    table = [(head, "says", "weight", *labels)]
    if not counts:
        table.append(("prior", "", "", *(_signed(unit.prior[label]) for label in shown)))
    for vote in unit.votes:
        weight = "" if vote.weight is None else _signed(vote.weight)
        said = cut(_said(task, vote), LONGEST_SAID)
        table.append((_name(vote), said, weight, *(_signed(vote.adds[label]) for label in shown)))
    for name, part in (("silence", unit.silence), ("agreed", unit.agreed), ("neighbours", unit.neighbours)):
        if np.abs(part).max(initial=0.0) > LEAST_TOLD:
            table.append((name, "", "", *(_signed(part[label]) for label in shown)))
    if unit.certain:
        sure = np.flatnonzero(unit.probability == 1).tolist() if unit.probability is not None else ()
        table.append((unit.made_by, cut(_labels(task, sure), LONGEST_SAID), "", *("" for _ in shown)))
    elif not counts:
        score = unit.score + unit.agreed + unit.neighbours
        table.append(("score", "", "", *(_signed(score[label]) for label in shown)))
    if unit.probability is not None:
        table.append(("probability", "", "", *(f"{unit.probability[label]:.3f}" for label in shown)))
    return table


def _notes(task: TaskLineage, unit: UnitLineage) -> list[str]:
    notes = []
    if unit.certain:
        what = "gold" if unit.gold is not None else "what a trusted source says"
        notes.append(f"the target is {what}, whatever the votes say")
    elif unit.gold is not None:
        notes.append(f"gold says {_labels(task, unit.gold)}; the target is what the votes say")
    copies = {frozenset([vote.source, *vote.copies]) for vote in unit.votes if vote.copies}
    here = {vote.source for vote in unit.votes}
    notes += [f"* {', '.join(sorted(block & here))} vote as one" for block in copies if len(block & here) > 1]
    return notes


def _name(vote: VoteLineage) -> str:
    return cut(vote.source, LONGEST_NAME - 2) + (" *" if vote.copies else "")


def _said(task: TaskLineage, vote: VoteLineage) -> str:
    if all(weight == 1 for _, weight in vote.says):
        return _labels(task, [label for label, _ in vote.says])
    is_even = len(vote.says) == len(task.labels) and len({weight for _, weight in vote.says}) == 1
    if is_even and task.type != "bitvector":
        return CANNOT_TELL
    return ", ".join(f"{task.labels[label]} {weight:.2f}" for label, weight in vote.says)


def _labels(task: TaskLineage, labels: Sequence[int]) -> str:
    if task.type == "bitvector":
        return json.dumps([task.labels[label] for label in labels], ensure_ascii=False)
    return ", ".join(task.labels[label] for label in labels)


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text[1:] == "0.00" else text
