"""Weighted draws: of the templates of an intent, and of the entities that fit a slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from overton.example.facts import Entity, load_facts
from overton.example.tables import read_table

Item = TypeVar("Item")

HELD_OUT_VERSION = 3

# The slots that hold what a question is about, with the kinds of thing that fill them.
KINDS_BY_SLOT = {
    **{kind: (kind,) for kind in ("person", "country", "state", "city", "mountain", "river", "food", "unit", "title")},
    **{kind: (kind,) for kind in ("film", "book", "company", "band")},
    "place": ("country", "state", "city"),
    "polity": ("country", "state"),
    "geo": ("city", "country", "state", "mountain", "river"),
    "group": ("company", "band"),
    "concept": ("title", "animal", "currency", "unit"),
    "units": ("unit",),
    "office": ("country", "state", "city", "company"),
}

# Only what the tables can answer is asked: the column that an intent needs.
COLUMN_BY_INTENT = {
    "age": "born",
    "birthdate": "born",
    "birthplace": "birthplace",
    "height": "height_cm",
    "spouse": "spouse",
    "elevation": "metres",
    "length": "kilometres",
    "capital": "capital",
    "currency": "currency",
    "calories": "kcal",
    "protein": "protein_g",
    "sugar": "sugar_g",
    "creator": "creator",
    "released": "year",
    "duration": "minutes",
    "founded": "founded",
}


@dataclass(frozen=True, slots=True)
class Template:
    """One way to ask something.

    Attributes:
        intent: What is asked, or `before` and `after` for what stands around a question.
        version: 1 and 2 are by two writers, 3 is kept out of the training data.
        parts: Words, `word/TAG`, and `{slot}`.
        slot: The slot of what the question is about, empty where there is none.
    """

    intent: str
    version: int
    parts: tuple[str, ...]
    slot: str


@dataclass(frozen=True)
class Deck(Generic[Item]):
    """Things to draw from, each as often as its weight says; `bounds` are the running sums of the weights."""

    items: Sequence[Item]
    bounds: Sequence[float]

    def draw(self, rng: Random) -> Item:
        """One of the items."""
        return rng.choices(self.items, cum_weights=self.bounds)[0]


@cache
def templates(intent: str, held_out: bool = False) -> Deck[Template]:
    """The templates of an intent: those kept out of training where `held_out`, else all the others."""
    rows = [
        row
        for row in read_table("templates")
        if row["intent"] == intent and (int(row["version"]) == HELD_OUT_VERSION) == held_out
    ]
    items = [_template(row) for row in rows]
    return Deck(items, tuple(accumulate(float(row["weight"]) for row in rows)))


@cache
def askable(slot: str, column: str = "") -> Deck[Entity]:
    """The entities that fit a slot and have a value in `column`, the famous ones drawn more often."""
    fit = [entity for kind in KINDS_BY_SLOT[slot] for entity in load_facts().by_kind[kind]]
    known = [entity for entity in fit if not column or column in entity.facts]
    return Deck(known, tuple(accumulate(entity.fame for entity in known)))


def _template(row: dict[str, str]) -> Template:
    parts = tuple(row["text"].split())
    slots = [part[1:-1] for part in parts if part.startswith("{") and part[1:-1] in KINDS_BY_SLOT]
    return Template(row["intent"], int(row["version"]), parts, slots[0] if slots else "")
