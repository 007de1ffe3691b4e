"""Texts of records as a person may read them: what nobody sees, or what a terminal would obey, by its number."""

import re

# Control characters, marks of direction, the mark of byte order, and halves of characters, which no file can hold.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def legible(text: str) -> str:
    r"""A text with what nobody could see shown by its number; a document of JSON stays one of the same value.

    Example:
        >>> legible("abc\u202edef"), legible("\x1b[2J")
        ('abc\\u202edef', '\\u001b[2J')
    """
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def visible(text: str) -> str:
    r"""A text as it stands; in quotes, as Python writes it, where a person could not see where it begins or ends.

    Example:
        >>> visible("word"), visible(""), visible(" "), visible("a\t")
        ('word', "''", "' '", "'a\\t'")
    """
    return text if text and text == text.strip() else repr(text)


def writable(text: str) -> str:
    r"""A text as it can be written: halves of characters, which no file can hold, by their numbers.

    JSON may escape them, and names of files or of users that are not UTF-8 are read as such.

    Example:
        >>> writable("caf\udce9")
        'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()
