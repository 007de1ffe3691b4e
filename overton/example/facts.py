"""Entities and what is known of them, from the tables, with an index from surface form to readings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from overton.example.tables import read_table

Words = tuple[str, ...]

# Kind of a row, by table; a table with a column `kind` says it row by row.
TABLES = {
    "people": "person",
    "countries": "country",
    "states": "state",
    "cities": "city",
    "nature": "",
    "foods": "food",
    "works": "",
    "groups": "",
    "words": "",
}

# The bits of the task EntityType. Relations ("wife", "capital") name no entity, so they have none.
TYPES_BY_KIND: Mapping[str, tuple[str, ...]] = {
    "person": ("person",),
    "country": ("location", "country"),
    "state": ("location", "state"),
    "city": ("location", "city"),
    "mountain": ("location", "mountain"),
    "river": ("location", "river"),
    "food": ("food",),
    "film": ("work", "film"),
    "book": ("work", "book"),
    "company": ("organization", "company"),
    "band": ("organization", "band"),
    "title": ("title",),
    "unit": ("unit",),
    "currency": ("currency",),
}

# Kinds that are named by common nouns. The words of all the others are proper nouns.
COMMON_KINDS = frozenset({"food", "title", "relation", "unit", "currency", "animal", "mineral", "body part"})


@dataclass(frozen=True, slots=True)
class Entity:
    """Something a question can be about.

    Attributes:
        id: Name of the entity, unique, such as `Lincoln_(city)`.
        kind: Such as `person` or `city`.
        surfaces: The word sequences that may mean it, the least ambiguous first.
        fame: How often people ask about it, from 1 to 100.
        facts: What is known of it, by column of its table; unknown facts are left out.
    """

    id: str
    kind: str
    surfaces: tuple[Words, ...]
    fame: int
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def types(self) -> tuple[str, ...]:
        """The EntityType bits of every token that names it."""
        return TYPES_BY_KIND.get(self.kind, ())


@dataclass(frozen=True, slots=True)
class Facts:
    """All entities, by kind and by surface form, and the usual word class of every word."""

    by_kind: Mapping[str, tuple[Entity, ...]]
    by_surface: Mapping[Words, tuple[Entity, ...]]
    tags: Mapping[str, str]

    def tag_words(self, words: Words, kind: str) -> Words:
        """The part of speech of each word of a surface form, for an entity of this kind."""
        if kind in COMMON_KINDS:
            return tuple(self.tags.get(word, "NOUN") for word in words)
        small = {"DET", "ADP", "CCONJ"}
        return tuple(self.tags[word] if self.tags.get(word) in small else "PROPN" for word in words)


@cache
def load_facts() -> Facts:
    """Read every table once."""
    entities = [_entity(row, kind) for table, kind in TABLES.items() for row in read_table(table)]
    by_kind: dict[str, list[Entity]] = {}
    by_surface: dict[Words, list[Entity]] = {}
    for entity in entities:
        by_kind.setdefault(entity.kind, []).append(entity)
        for surface in entity.surfaces:
            by_surface.setdefault(surface, []).append(entity)
    return Facts(
        by_kind={kind: tuple(members) for kind, members in by_kind.items()},
        by_surface={surface: tuple(readings) for surface, readings in by_surface.items()},
        tags={row["word"]: row["tag"] for row in read_table("tags")},
    )


def _entity(row: dict[str, str], kind: str) -> Entity:
    facts = {column: value for column, value in row.items() if value and column not in ("id", "aliases", "fame")}
    kind = kind or facts["kind"]
    name = row["id"].split("_(")[0].lower().replace("_", " ")
    aliases = [alias for alias in row["aliases"].split(";") if alias]
    if kind == "person" and not aliases:
        aliases = [name.split()[-1]]  # people are asked for by surname, unless the table says otherwise
    names = dict.fromkeys(alias for alias in (name, *aliases) if alias != "-")
    return Entity(row["id"], kind, tuple(tuple(text.split()) for text in names), int(row["fame"]), facts)
