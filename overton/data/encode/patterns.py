"""The different labels of a task in one shard, each held once and known by a number."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data.rows.codes import ABSTAIN
from overton.schema import Schema, Task, Unit


class Patterns(dict[Hashable, int]):
    """Values in the order of their first sight; `patterns[value]` is the number of a value, None is -1."""

    __slots__ = ("seen",)

    def __init__(self, seen: Iterable[Hashable] = ()) -> None:
        super().__init__({None: ABSTAIN})
        self.seen: list[Any] = []
        for value in seen:
            self[value]

    def __missing__(self, value: Hashable) -> int:
        number = len(self.seen)
        self.seen.append(value)
        self[value] = number
        return number

    def shrink(self, n: int) -> None:
        """Forget the values from number `n` on."""
        for value in self.seen[n:]:
            del self[value]
        del self.seen[n:]


Mark = tuple[int, int, int, int]


@dataclass
class TaskLabels:
    """What is known of a task's labels so far in a shard: grows with the different labels, not with the records.

    Attributes:
        task: The task.
        unit: What its labels are about.
        max_length: Tokens or members that are kept.
        classes: Class names; those that the schema declares come first.
        sets: Tuples of class names, for a bitvector task.
        sources: Names of the sources that its labels name, those that only abstain among them.
        n_soft: Number of soft votes so far.
        n_learned: Number of tuples whose classes are known.
    """

    task: Task
    unit: Unit
    max_length: int
    classes: Patterns
    sets: Patterns = field(default_factory=Patterns)
    sources: Patterns = field(default_factory=Patterns)
    n_soft: int = 0
    n_learned: int = 0

    @classmethod
    def of(cls, schema: Schema, task: Task) -> "TaskLabels":
        """Nothing seen yet."""
        return cls(task, schema.unit(task), schema.payload(task.payload).max_length, Patterns(task.classes))

    @property
    def values(self) -> Patterns:
        """The pool of plain labels: class names, or tuples of them."""
        return self.sets if self.task.type == "bitvector" else self.classes

    def mark(self) -> Mark:
        """A point to come back to."""
        return len(self.classes.seen), len(self.sets.seen), self.n_soft, len(self.sources.seen)

    def reset(self, mark: Mark) -> None:
        """Forget everything since a mark."""
        self.classes.shrink(mark[0])
        self.sets.shrink(mark[1])
        self.n_soft = mark[2]
        self.sources.shrink(mark[3])

    def learn_classes(self) -> None:
        """Give numbers to the classes that tuples name, which stand for them until then."""
        for names in self.sets.seen[self.n_learned :]:
            for name in names:
                self.classes[name]  # asking is what gives the number
        self.n_learned = len(self.sets.seen)

    def set_classes(self) -> list[list[int]]:
        """Numbers of the classes of each tuple, ascending."""
        return [sorted({self.classes[name] for name in names}) for names in self.sets.seen]

    def undeclared(self, mark: Mark) -> ndarray:
        """Which labels name a class that the schema does not declare, bool of shape (label,).

        Args:
            mark: Labels from before it were found right already.
        """
        declared = len(self.task.classes)
        wrong = np.zeros(len(self.values.seen), bool)
        if self.task.type == "bitvector":
            for number, names in enumerate(self.sets.seen[mark[1] :], start=mark[1]):
                wrong[number] = any(self.classes[name] >= declared for name in names)
        else:
            wrong[declared:] = True
        return wrong & bool(declared)
