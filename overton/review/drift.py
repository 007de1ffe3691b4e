"""Records that a version was asked about, against the profile that its build kept."""

from collections.abc import Callable, Iterator

import numpy as np

from overton.artifact import Artifact, Runtime
from overton.base import Observe, ignore
from overton.data import Dataset
from overton.evaluate import (
    DriftReport,
    DriftRow,
    Profile,
    confidence_row,
    count_row,
    item_payloads,
    judged_rows,
    length_counts,
    lower_items,
    member_counts,
    parse_profile,
    share_row,
    task_profile,
    words_row,
)
from overton.pipeline import predict_rows, profile_version

MOST_NEW_WORDS = 20


def review_drift(
    dataset: Dataset, runtime: Runtime, profile: Profile, *, version: str, data: str, observe: Observe = ignore
) -> DriftReport:
    """What of some records has drifted.

    Args:
        dataset: The records, read by the schema of the version; they need no label.
        runtime: The model.
        profile: What the version was built on.
        version: Id of the version.
        data: What the records are called.
        observe: Told of the progress.
    """
    rows: list[DriftRow] = []
    new_words: dict[str, dict[str, int]] = {}
    for row, payload, new in _payload_rows(dataset, profile):
        rows.append(row)
        new_words.setdefault(payload, {}).update(new)
    every = np.arange(dataset.n_records)
    for name, said in predict_rows(dataset, runtime, every, observe=observe).items():
        before, now = profile.tasks[name], task_profile(said)
        rows.append(count_row("prediction", name, before.classes, now.classes, (before.records, now.records)))
        rows.append(confidence_row(name, before, now))
    slices = tuple(profile.slices)
    for name, count in member_counts(dataset, every, runtime.memberships, slices).items():
        rows.append(share_row("slice", name, (profile.slices[name], profile.records), (count, len(every))))
    return DriftReport(version, data, dataset.n_records, judged_rows(rows), new_words)


def kept_profile(artifact: Artifact, runtime: Runtime, records: Callable[[], Dataset]) -> Profile:
    """What a version was built on: what it kept of that, or where it kept nothing, what its records look like now."""
    if "profile.json" in artifact.files:
        return parse_profile(artifact.json("profile.json"))
    return profile_version(records(), runtime)


def _payload_rows(dataset: Dataset, profile: Profile) -> Iterator[tuple[DriftRow, str, dict[str, int]]]:
    """The rows of each payload, and the words that training never had."""
    every = np.arange(dataset.n_records)
    for payload in item_payloads(dataset):
        before = profile.payloads.get(payload.name)
        if before is None:
            continue
        record, word, names = lower_items(dataset, payload, every)
        new = ~before.seen.holds(names)
        count = np.bincount(word, minlength=len(names))
        novel = len(np.unique(record[new[word]])) if len(word) else 0
        order = [number for number in np.argsort(-count, kind="stable").tolist() if new[number]]
        words = {names[number]: int(count[number]) for number in order[:MOST_NEW_WORDS]}
        name, n = payload.name, len(every)
        yield share_row("new words", name, (before.novel, before.records), (novel, n), more=True), name, words
        now = dict(zip(names, count.tolist(), strict=True))
        yield words_row(name, (before.words, before.records), (now, n)), name, {}
        lengths = length_counts(dataset, name, every)
        yield count_row("length", name, before.lengths, lengths, (before.records, n)), name, {}
