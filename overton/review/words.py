"""How expressions name what they speak of: columns, fields and texts in SQL, so that a found slice can be tagged.

The columns are those of `overton tag`; `docs/error-analysis.md` lists them.
"""

import re

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


def payload_column(name: str) -> str:
    """The column of a payload: its name, unless a column of our own has that."""
    return f"payload_{name}" if name.lower() in OWN else name


def field(column: str, *names: str) -> str:
    """A field of a column of structs.

    Example:
        >>> field("votes", "Intent", "weak 1")
        'votes.Intent."weak 1"'
    """
    return ".".join([column, *map(identifier, names)])
