"""A tally that was kept from an earlier run, brought up to date by reading the votes of the sources that changed."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from overton.data import GOLD, Dataset, Stamps
from overton.supervision.tally import Tally, count, renumber, replace_votes


@dataclass(frozen=True, slots=True)
class Kept:
    """The counted votes of one task, and what they were counted from.

    Attributes:
        stamps: Digests of the records and of the votes of each source.
        tally: The votes, counted.
    """

    stamps: Stamps
    tally: Tally


def count_votes(dataset: Dataset, task: str, sources: Collection[str]) -> Tally:
    """The counted votes of some sources on a task."""
    return count(dataset.votes(task, sources))


def bring_up_to_date(
    dataset: Dataset,
    task: str,
    kept: Kept | None,
    *,
    count_all: Callable[[Dataset, str, Collection[str]], Tally] = count_votes,
) -> Kept:
    """The counted votes of a task as its data are now: the same value where nothing has changed.

    Args:
        dataset: The records with their votes.
        task: Name of the task.
        kept: What was counted before; None for nothing.
        count_all: Counts the votes of all sources, where that is to be done; as `count_votes` does.
    """
    stamps = dataset.stamps(task)
    voters = {name: stamp for name, stamp in stamps.sources.items() if name != GOLD}
    stamps = Stamps(stamps.records, voters)
    if kept is None or kept.stamps.records != stamps.records:
        return Kept(stamps, count_all(dataset, task, list(voters)))
    before, tally = kept.stamps.sources, kept.tally
    changed = {name for name in {*before, *voters} if before.get(name) != voters.get(name)}
    classes = dataset.schema.task(task).classes
    if not changed:
        same = (tally.sources, tally.classes) == (dataset.sources, classes)
        return kept if same else Kept(stamps, renumber(tally, dataset.sources, classes))
    if changed >= set(voters):
        return Kept(stamps, count_all(dataset, task, list(voters)))
    return Kept(stamps, replace_votes(tally, changed, dataset.votes(task, changed)))
