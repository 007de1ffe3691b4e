"""What is suspicious about labels: tasks and sources without any, names that are near misses, sources of one label."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy import ndarray

from overton.base import Problem, count_of, did_you_mean
from overton.base.ragged import starts_of
from overton.data.alike import alike_classes, same_folded, same_letters
from overton.data.dataset import Dataset
from overton.data.names import GOLD, is_near_gold
from overton.data.tags import Tags
from overton.data.votes import Votes

MOST_NAMED = 3
MUCH_UNREAD = 0.05  # of the labelled records of a task, from which on it is told that nothing is read there
FEWEST_VOTES = 10  # of a source that says little one cannot say that it always says the same


def label_warnings(dataset: Dataset, named: Sequence[str] = ()) -> list[Problem]:
    """Everything suspicious about labels; the votes of each task are read once.

    Args:
        dataset: The records.
        named: Sources that the tuning trusts.
    """
    declared = {task.name for task in dataset.joined.schema.tasks if task.classes}
    training = np.zeros(dataset.n_records, bool)
    training[dataset.splits.train] = True
    speaking: set[str] = set()
    found: list[Problem] = []
    unlabelled, untaught, learned = [], [], False
    unjudged: dict[tuple[str, ...], list[str]] = {}
    for task in dataset.schema.tasks:
        votes = dataset.votes(task.name)
        speaking.update(votes.speaking)
        if not len(votes.unit):
            unlabelled.append(task.name)
            continue
        record = np.searchsorted(votes.offsets, votes.unit, side="right") - 1
        teaching = training[record]
        if without := _splits_without_gold(dataset, votes, record):
            unjudged.setdefault(without, []).append(task.name)
        if task.is_learnable and teaching.any():
            learned = True
        elif task.is_learnable:
            untaught.append(task.name)
        found += [*one_class(votes), *one_label(votes), *([] if task.name in declared else alike(votes))]
        found += [*untaught_classes(votes, teaching), *nothing_to_read(dataset, votes, record)]
    return [
        *no_labels(unlabelled, untaught, learned=learned),
        *no_gold(unjudged),
        *near_gold(dataset),
        *alike_sources(dataset.sources),
        *silent_sources(dataset, speaking, named),
        *found,
    ]


def nothing_to_read(dataset: Dataset, votes: Votes, record: ndarray) -> Iterator[Problem]:
    """A task on records that many have labels of although its payload, and all that it is made of, is empty there."""
    if dataset.schema.payload(votes.task.payload).type != "singleton":
        return  # a label of a token or member cannot stand where there is none
    made_of = [payload.name for payload in dataset.schema.made_of(votes.task.payload)]
    unread = np.all([dataset.item_lengths(name) == 0 for name in made_of], axis=0)
    labelled = np.unique(record)
    empty = labelled[unread[labelled]]
    if len(empty) and len(empty) >= MUCH_UNREAD * len(labelled):
        path, line = dataset.joined.place(int(empty[0]))
        told = f"{len(empty):,} of {count_of(len(labelled), 'record')} with a label of the task {votes.task.name!r}"
        yield Problem(
            message=f"{told} have nothing in {' and '.join(map(repr, made_of))}",
            code="data.nothing-to-read",
            path=path,
            line=line,
            hint="Nothing is learned or predicted there, which counts as wrong: give it, or leave the labels out",
            kind=votes.task.name,
        )


def no_labels(unlabelled: Sequence[str], untaught: Sequence[str], *, learned: bool) -> Iterator[Problem]:
    """Tasks without any label, or with none on a training record, or that a build would find nothing to learn from."""
    if not learned:
        yield Problem(
            "no training record has a label to learn from",
            "data.no-labels",
            hint="A build needs labels of some task; records are training data unless they are tagged dev or test",
            kind="any task",
        )
        return
    for who, tasks in (("record", unlabelled), ("training record", untaught)):
        if tasks:
            many = "tasks" if len(tasks) > 1 else "task"
            yield Problem(
                f"no {who} has a label of the {many} {', '.join(map(repr, tasks))}",
                "data.no-labels",
                hint=f"A build learns nothing there until somebody labels some {who}s",
                kind=who,
            )


def no_gold(unjudged: Mapping[tuple[str, ...], Sequence[str]]) -> Iterator[Problem]:
    """Tasks that nothing can be measured of, by the splits that have no gold of them."""
    for splits, tasks in unjudged.items():
        many, either, both = "tasks" if len(tasks) > 1 else "task", " or ".join(splits), " and ".join(splits)
        yield Problem(
            f"no {either} record has gold of the {many} {', '.join(map(repr, tasks))}",
            "data.no-gold",
            hint=f"Versions are judged by labels of the source {GOLD!r} alone: give some {both} records one",
            kind=either,
        )


def _splits_without_gold(dataset: Dataset, votes: Votes, record: ndarray) -> tuple[str, ...]:
    """The splits for measuring that have records and no gold of a task; `record` is that of each cell."""
    if GOLD in votes.sources:
        has = np.bincount(record[votes.source == votes.sources.index(GOLD)], minlength=dataset.n_records) > 0
    else:
        has = np.zeros(dataset.n_records, bool)
    measured = (("dev", dataset.splits.dev), ("test", dataset.splits.test))
    return tuple(name for name, rows in measured if len(rows) and not has[rows].any())


def untaught_classes(votes: Votes, teaching: ndarray) -> Iterator[Problem]:
    """Classes that are true of records of dev or test, and that nobody says of any training record.

    Args:
        votes: The labels of a task.
        teaching: Which cells are on training records, bool of shape (cell,).
    """
    if votes.task.type == "select" or GOLD not in votes.sources or not teaching.any():
        return
    n_entries = np.diff(votes.first)
    taught = np.bincount(votes.label[np.repeat(teaching, n_entries)], minlength=len(votes.task.classes))
    judging = np.repeat(~teaching & (votes.source == votes.sources.index(GOLD)), n_entries) & (votes.probability >= 0.5)
    asked = np.bincount(votes.label[judging], minlength=len(votes.task.classes))
    missing = np.flatnonzero((asked > 0) & (taught == 0))
    if len(missing):
        often = missing[np.argsort(-asked[missing], kind="stable")].tolist()
        listed = ", ".join(f"{votes.task.classes[label]!r} ({asked[label]:,})" for label in often[:MOST_NAMED])
        more = f" and {len(often) - MOST_NAMED:,} more" if len(often) > MOST_NAMED else ""
        yield Problem(
            f"of the task {votes.task.name!r} no training record has what gold has elsewhere: {listed}{more}",
            "data.untaught-class",
            hint="A version never learns to say it: label some training records so, and expect no better until then",
            kind=votes.task.name,
        )


def one_class(votes: Votes) -> Iterator[Problem]:
    """That the labels of a task leave nothing to choose, so that a build leaves it out."""
    task = votes.task
    if not task.is_learnable:
        yield Problem(
            f"{_only_class(task.classes)} the task {task.name!r}: a build leaves it out",
            "data.one-class",
            hint="Label records of other classes, or declare the classes in schema.json",
            kind=task.name,
        )


def _only_class(classes: Sequence[str]) -> str:
    return f"{classes[0]!r} is the only class in the labels of" if classes else "no class is named in the labels of"


def near_gold(dataset: Dataset) -> Iterator[Problem]:
    """Sources that are perhaps meant to be gold."""
    for name in dataset.sources:
        if is_near_gold(name):
            yield Problem(
                f"the source {name!r} is one among others: gold is {GOLD!r}",
                "data.near-miss-source",
                hint=f"Did you mean {GOLD!r}?",
                kind=name,
            )


def alike_sources(sources: Sequence[str]) -> Iterator[Problem]:
    """Sources that may be one: each is weighed by itself, by its part of the labels."""
    for name, meant in same_folded({name: 0 for name in sources if not is_near_gold(name)}):
        yield Problem(
            f"the source {name!r} looks like {meant!r}{_code_points(name, meant)}, and is weighed by itself",
            "data.alike-sources",
            hint="Give them one name where they are one source",
            kind=name,
        )


def alike_tags(tags: Tags) -> Iterator[Problem]:
    """Tags that may be one: each is a line of the report, over its part of the records."""
    n_records = np.bincount(tags.tag, minlength=len(tags.names)).tolist()
    counts = {name: n for name, n in zip(tags.names, n_records, strict=True) if n}
    pairs = sorted(same_folded(counts), key=lambda pair: (counts[pair[0]], pair))
    if pairs:
        told = ", ".join(
            f"the tag {name!r} ({count_of(counts[name], 'record')}) looks like {meant!r}{_code_points(name, meant)} "
            f"({counts[meant]:,})"
            for name, meant in pairs[:MOST_NAMED]
        )
        more = f" and {len(pairs) - MOST_NAMED:,} more" if len(pairs) > MOST_NAMED else ""
        yield Problem(f"{told}{more}", "data.alike-tags", hint="Give them one name where one is meant")


def _code_points(name: str, meant: str) -> str:
    return " in other code points (Unicode NFC and NFD)" if same_letters(name, meant) else ""


def silent_sources(dataset: Dataset, speaking: set[str], named: Sequence[str]) -> Iterator[Problem]:
    """Sources that label nothing: the name of one that is trusted may be misspelt, or its labels yet to come."""
    faulty = bool(dataset.joined.n_bad or dataset.joined.stranded)  # what a source says may stand on lines left out
    where, mend = (" on the lines that are left", "Mend the faults first: it may speak there") if faulty else ("", "")
    for name in named:
        if name not in speaking:
            yield Problem(
                message=f"the trusted source {name!r} labels nothing{where}",
                code="data.silent-source",
                hint=mend if mend and name in dataset.sources else did_you_mean(name, sorted(speaking)),
                kind=name,
            )
    for name in dataset.sources:
        if name not in speaking and name not in named:
            hint = mend or "Look at what writes its labels"
            yield Problem(f"the source {name!r} only abstains{where}", "data.silent-source", hint=hint, kind=name)


def alike(votes: Votes) -> Iterator[Problem]:
    """Classes that look like slips of others; each becomes a class of the model."""
    if votes.task.type == "select":
        return
    numbers = np.bincount(votes.label, minlength=len(votes.task.classes)).tolist()
    counts = {name: n for name, n in zip(votes.task.classes, numbers, strict=True) if n}
    pairs = alike_classes(counts)
    if pairs:
        told = ", ".join(_alike(name, meant, counts) for name, meant in pairs[:MOST_NAMED])
        more = f" and {len(pairs) - MOST_NAMED:,} more" if len(pairs) > MOST_NAMED else ""
        yield Problem(
            f"of the task {votes.task.name!r} {told}{more}",
            "data.alike-classes",
            hint="Mend the labels, or declare the classes in schema.json: what is none of them is a fault then",
            kind=votes.task.name,
        )


def _alike(name: str, meant: str, counts: Mapping[str, int]) -> str:
    how = _code_points(name, meant)
    return f"class {name!r} has {count_of(counts[name], 'label')} and looks like {meant!r}{how} ({counts[meant]:,})"


def one_label(votes: Votes) -> Iterator[Problem]:
    """Sources that say the same of everything that they label."""
    found = [
        f"{votes.sources[source]!r} says {_said(votes, cell)} ({n:,} times)"
        for source, cell, n in _constant_sources(votes)
    ]
    if found:
        more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
        listed = ", ".join(found[:MOST_NAMED])
        yield Problem(
            message=f"of the task {votes.task.name!r} some sources always say one thing: {listed}{more}",
            code="data.one-label-source",
            hint="That is right for a rule made for one class; an annotator or a model should say more",
            kind=votes.task.name,
        )


def _said(votes: Votes, cell: int) -> str:
    labels = votes.label[votes.first[cell] : votes.first[cell + 1]].tolist()
    return (
        ", ".join(repr(votes.task.classes[label]) if votes.task.classes else str(label) for label in labels)
        or "no class"
    )


def _constant_sources(votes: Votes) -> Iterator[tuple[int, int, int]]:
    """Source, one of its cells and number of them, for every source with one label."""
    mark = _marks(votes)
    order = np.argsort(votes.source, kind="stable")
    first = starts_of(np.bincount(votes.source, minlength=len(votes.sources)))
    for source, (low, high) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        if high - low >= FEWEST_VOTES and len(np.unique(mark[order[low:high]])) == 1:
            yield source, int(order[low]), high - low


def _marks(votes: Votes) -> ndarray:
    """A number of each cell that is the same for the same labels."""
    weight = (votes.label.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    weight = (weight ^ (weight >> np.uint64(29))) * (votes.probability * 1000 + 1).astype(np.uint64)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weight, dtype=np.uint64)])
    mark: ndarray = total[votes.first[1:]] - total[votes.first[:-1]]
    return mark
