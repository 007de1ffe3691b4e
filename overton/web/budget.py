"""A page that is to be one small file keeps the examples that it has room for, and says how many it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from overton.web.pages import ComparisonPage, Example, ReportPage, TaskPage, Worse

LARGEST = 300_000  # bytes of a file
LEAST = 15_000  # bytes of examples, however much the rest of the page takes
NOTE = 120  # bytes that say how many are left out, at most, of one holder

Holder = TypeVar("Holder", Worse, TaskPage)


def within_budget(
    page: ReportPage | ComparisonPage, excess: int, size_of: Callable[[Example], int]
) -> ReportPage | ComparisonPage:
    """The same page with fewer examples: those of the strongest evidence stay, one of each row before a second of any.

    Args:
        page: A page with all examples.
        excess: Bytes that it has too many.
        size_of: What an example takes, in bytes.
    """
    compared: ComparisonPage | None = page.comparison if isinstance(page, ReportPage) else page
    worse: tuple[Worse, ...] = compared.worse if compared else ()
    tasks: tuple[TaskPage, ...] = page.tasks if isinstance(page, ReportPage) else ()
    holders = [*(one.examples for one in worse), *(one.examples for one in tasks)]
    sizes = [[size_of(example) for example in examples] for examples in holders]
    room = max(sum(map(sum, sizes)) - excess - NOTE * len(holders), LEAST)
    kept = _choose(sizes, room)
    shorter = tuple(_only(one, kept[number]) for number, one in enumerate(worse))
    if isinstance(page, ComparisonPage):
        return replace(page, worse=shorter)
    rest = tuple(_only(one, kept[len(worse) + number]) for number, one in enumerate(tasks))
    return replace(page, comparison=replace(page.comparison, worse=shorter) if page.comparison else None, tasks=rest)


def _choose(sizes: Sequence[Sequence[int]], room: int) -> list[set[int]]:
    """Places of the examples of each holder for which there is room: the first of all, then the second of all."""
    kept: list[set[int]] = [set() for _ in sizes]
    for place in range(max(map(len, sizes), default=0)):
        for number, own in enumerate(sizes):
            if place < len(own) and own[place] <= room:
                kept[number].add(place)
                room -= own[place]
    return kept


def _only(one: Holder, places: set[int]) -> Holder:
    examples = tuple(example for place, example in enumerate(one.examples) if place in places)
    return replace(one, examples=examples, left_out=len(one.examples) - len(examples))
