"""What is asked of an experiment, checked before anything is measured: tasks, sources, what is pretrained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from overton.base import OvertonError, Problem, did_you_mean
from overton.base.ragged import spread
from overton.compile import Tuning, parse_tuning
from overton.data import GOLD, Dataset, gold_of
from overton.evaluate import may_be_found
from overton.experiments.curves import WITH, WITHOUT
from overton.schema import Payload, Schema

if TYPE_CHECKING:
    from overton.application import Application

HASH = "hash"


def known_tasks(application: Application, tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks that are named, each once, or all.

    Raises:
        OvertonError: Where there is no such task.
    """
    named = tuple(dict.fromkeys(tasks))
    return tuple(name for task in named for name in application.task_names(task)) if named else application.task_names()


def judged_tasks(
    application: Application, dataset: Dataset, tasks: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks that are learned and have gold on test, and notes on those that have none.

    What the data say of tasks that are not learned stands among the notes of the data set.

    Raises:
        OvertonError: Where there is no such task, or one that is named is not learned or has no gold there, or where
            that is so of all.
    """
    names = known_tasks(application, tasks)
    learned = [name for name in names if dataset.schema.task(name).is_learnable]
    gold = {name: gold_of(dataset.votes(name, [GOLD])) for name in learned}
    units = {name: spread(found.offsets, dataset.splits.test) for name, found in gold.items()}
    without = [name for name in learned if not gold[name].known[units[name]].any()]
    empty = [name for name in learned if name not in without and not may_be_found(gold[name], units[name])]
    judged = tuple(name for name in learned if name not in without and name not in empty)
    if not judged or (tasks and len(judged) < len(names)):
        not_learned = _not_learned([name for name in names if name not in learned])
        raise OvertonError((*not_learned, *_no_gold(without, empty)))
    notes = [f"{name} has no gold on test" for name in without]
    notes += [
        f"{name} has gold on test by which nothing is to be found, so that its F1 cannot be told" for name in empty
    ]
    return judged, tuple(notes)


def _no_gold(without: Sequence[str], empty: Sequence[str]) -> list[Problem]:
    """A fault each where there are tasks without gold on test, and where there are some that gold finds nothing of."""
    hint = "Add labels of the source `gold` to test records: quality is measured on them"
    found = [f"no test record has gold of {', '.join(without)}"] if without else []
    found += [f"gold on test names no class or span of {', '.join(empty)} that is to be found"] if empty else []
    return [Problem(message, "experiment.no-gold", hint=hint) for message in found]


def _not_learned(names: Sequence[str]) -> list[Problem]:
    """A fault where there are tasks that a build leaves out."""
    message = f"nothing is learned of {', '.join(names)}: the labels leave nothing to choose"
    hint = "Label records of other classes, or declare the classes in schema.json"
    return [Problem(message, "experiment.not-learned", hint=hint)] if names else []


def count_comparable(dataset: Dataset, task: str, source: str) -> int:
    """Number of units of test that have gold, and a label of a source."""
    votes = dataset.votes(task, {GOLD, source})
    both = gold_of(votes).known & gold_of(votes, source).known
    return int(both[spread(votes.offsets, dataset.splits.test)].sum())


def pretrained_arms(
    schema: Schema, tuning: Tuning, embedding: str, payload: str | None
) -> tuple[str, dict[str, Tuning]]:
    """The payload that is embedded, and the tuning without and with what is pretrained.

    What other payloads have stays as it is.

    Raises:
        OvertonError: Where there is no such payload, or what is pretrained does not fit it.
    """
    fit = [one.name for one in schema.payloads if one.has_tokens]
    names = [one.name for one in schema.payloads]
    if payload is not None and payload not in names:
        message, hint = f"the schema has no payload {payload!r}", did_you_mean(payload, names)
        raise OvertonError(Problem(message, "experiment.unknown-payload", hint=hint))
    if payload is None and not fit:
        message, hint = "the schema has neither a sequence nor a text", "Name the payload with --payload"
        raise OvertonError(Problem(message, "experiment.unknown-payload", hint=hint))
    chosen = payload or fit[0]
    if embedding == HASH:
        message, hint = "'hash' is what the other is compared with", "Name 'vectors:FILE' or 'hf:NAME_OR_FOLDER'"
        raise OvertonError(Problem(message, "experiment.bad-embedding", hint=hint))
    text = json.dumps({"payloads": {chosen: {"embedding": embedding}}})
    try:
        parse_tuning(text, "--embedding", schema)  # the same rules as in the file
    except OvertonError as error:  # which has lines, as an option has not
        raise OvertonError(replace(problem, line=0, field="") for problem in error.problems) from None

    def with_embedding(name: str) -> Tuning:
        own = {**tuning.payloads.get(chosen, {}), "embedding": (name,)}
        return replace(tuning, payloads={**tuning.payloads, chosen: own})

    return chosen, {WITHOUT: with_embedding(HASH), WITH: with_embedding(embedding)}


def check_sources(dataset: Dataset, source: str, curated: Sequence[str]) -> None:
    """Refuse sources that nobody labels as, and gold in the place of the former system.

    Raises:
        OvertonError: Saying which.
    """
    if source == GOLD:
        message, hint = "gold is what both are judged by", "Name the source of the former system's predictions"
        raise OvertonError(Problem(message, "experiment.unknown-source", hint=hint))
    for name in (source, *curated):
        if name not in dataset.sources:
            others = [other for other in dataset.sources if other != GOLD]
            message, hint = (
                f"no label is of a source {name!r}",
                did_you_mean(name, others) or f"Sources are {', '.join(others[:12])}",
            )
            raise OvertonError(Problem(message, "experiment.unknown-source", hint=hint))


def check_comparable(dataset: Dataset, source: str, tasks: Sequence[str], *, named: bool) -> None:
    """Refuse where nothing can be compared, on any task or on one that was named.

    Raises:
        OvertonError: Saying on which.
    """
    without = [name for name in tasks if not count_comparable(dataset, name, source)]
    if without and (named or len(without) == len(tasks)):
        hint = "Add the former system's predictions of test records, and gold on them, to the data"
        message = f"no test record has gold and a label of {source!r} for {', '.join(without)}"
        raise OvertonError(Problem(message, "experiment.no-gold", hint=hint))


def tasks_of(schema: Schema, dataset: Dataset, wanted: Sequence[str], *, named: bool) -> tuple[str, ...]:
    """The wanted tasks that a version of some schema answers.

    Raises:
        OvertonError: Where it answers none, or not one that was named, or it reads other payloads.
    """
    own = {task.name: (task.type, task.payload) for task in schema.learnable().tasks}
    left_out = [task.name for task in schema.tasks if task.name in wanted and task.name not in own]
    if left_out and (named or len(left_out) == len(wanted)):
        raise OvertonError(_not_learned(left_out))
    asked = {task.name: (task.type, task.payload) for task in dataset.schema.tasks if task.name in wanted}
    common = tuple(name for name, kind in asked.items() if own.get(name) == kind)
    same = _inputs(schema) == _inputs(dataset.schema)
    if not same or not common or (named and len(common) < len(asked)):
        message = "the version was built for another schema"
        raise OvertonError(Problem(message, "experiment.other-schema", hint="Build again, or name another version"))
    return common


def _inputs(schema: Schema) -> set[Payload]:
    """The payloads in whatever order they and their bases are told."""
    return {replace(payload, base=tuple(sorted(payload.base))) for payload in schema.payloads}
