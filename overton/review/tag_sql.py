"""Expressions over tags as expressions in SQL, so that a filter of a page can be saved as `overton tag` saves one."""

from collections.abc import Collection

from overton.data.names import EVERY
from overton.data.tag_expression import Expression, Tag, parse_tag_expression
from overton.review.words import quoted

SIGNS = {"&": " AND ", "|": " OR "}


def tag_sql(text: str, names: Collection[str] = ()) -> str:
    """The SQL of an expression over tags.

    Args:
        text: The expression.
        names: Tags that there are; a text that is one as it stands is that tag.

    Raises:
        OvertonError: Where the text is no expression.

    Example:
        >>> tag_sql("slice:a & !(lang:en | lang:de)")
        "list_contains(tags, 'slice:a') AND NOT (list_contains(tags, 'lang:en') OR list_contains(tags, 'lang:de'))"
    """
    return _sql(Tag(text, 1) if text in names else parse_tag_expression(text))


def _sql(found: Expression) -> str:
    if isinstance(found, Tag):
        return "true" if found.name == EVERY else f"list_contains(tags, {quoted(found.name)})"
    if found.sign == "!":
        return f"NOT {_part(found.parts[0])}"
    return SIGNS[found.sign].join(map(_part, found.parts))


def _part(found: Expression) -> str:
    """One part of a larger expression, in brackets where it joins others."""
    text = _sql(found)
    return text if isinstance(found, Tag) or found.sign == "!" else f"({text})"
