"""How expressions name what they speak of: columns, fields and texts in SQL, so that a found slice can be tagged.

The columns are those of `overton tag`; `docs/error-analysis.md` lists them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from overton.data import Dataset
from overton.evaluate import item_payloads
from overton.schema import Payload

Kind = Literal["items", "count", "text"]
Key = TypeVar("Key")

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN = ("id", "tags", "split", "votes", "gold", "predicted")  # columns that are not payloads
# The words that cannot stand for a column by themselves, of those that somebody might call one.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        "all and any array as asc both case cast check column constraint create default desc distinct do else end "
        "except false fetch for foreign from grant group having in initially intersect into lateral leading limit not "
        "null offset on only or order pivot placing primary qualify references returning select show some summarize "
        "symmetric table then to trailing true union unique unpivot using variadic when where window with",
    )
)


def identifier(name: str) -> str:
    """A name as SQL takes it, in quotes where it has to be.

    Example:
        >>> identifier("tokens"), identifier("overton@1a2b"), identifier("order")
        ('tokens', '"overton@1a2b"', '"order"')
    """
    if PLAIN.fullmatch(name) and name.lower() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A text as SQL takes it.

    Example:
        >>> quoted("what's")
        "'what''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def distinct(wanted: Mapping[Key, str]) -> dict[Key, str]:
    """Names that differ in more than case, of which DuckDB takes no notice: the later of two alike gets a number.

    Example:
        >>> distinct({1: "Crowd", 2: "crowd", 3: "crowd_2", 4: "rules"})
        {1: 'Crowd', 2: 'crowd_3', 3: 'crowd_2', 4: 'rules'}
    """
    taken = {name.lower() for name in wanted.values()}
    found: dict[Key, str] = {}
    given: set[str] = set()
    for key, name in sorted(wanted.items(), key=lambda item: item[1]):
        own, number = name, 2
        while own.lower() in (taken if own != name else given):
            own, number = f"{name}_{number}", number + 1
        taken.add(own.lower())
        given.add(own.lower())
        found[key] = own
    return found


def as_distinct(names: Iterable[str]) -> dict[str, str]:
    """The same of names that stand for themselves, such as those of sources."""
    return distinct({name: name for name in names})


def text_payloads(dataset: Dataset) -> list[Payload]:
    """The payloads that are texts as they stand: those that no list of the same field tells better."""
    payloads = dataset.schema.payloads
    lists = {payload.field for payload in payloads if payload.type != "singleton"}
    return [payload for payload in payloads if payload.type == "singleton" and payload.field not in lists]


def payload_columns(dataset: Dataset) -> dict[tuple[Kind, str], str]:
    """The columns of each payload: its tokens or members, how many they are, and its text.

    They have its name, unless a column of our own has that: `payload_NAME` then.
    """
    items, texts = item_payloads(dataset), text_payloads(dataset)
    ours = {*OWN, *(f"n_{one.name}".lower() for one in items)}
    ours |= {f"{one.name}_words".lower() for one in items if one.is_text}
    names = {one.name: f"payload_{one.name}" if one.name.lower() in ours else one.name for one in (*items, *texts)}
    wanted: dict[tuple[Kind, str], str] = {("count", one.name): f"n_{one.name}" for one in items}
    wanted |= {("items", one.name): names[one.name] + ("_words" if one.is_text else "") for one in items}
    wanted |= {("text", one.name): names[one.name] for one in texts}
    return distinct(wanted)


def field(column: str, *names: str) -> str:
    """A field of a column of structs.

    Example:
        >>> field("votes", "Intent", "weak 1")
        'votes.Intent."weak 1"'
    """
    return ".".join([column, *map(identifier, names)])
