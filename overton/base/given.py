"""Texts as somebody gives them from Python: several, or one as it is."""

from collections.abc import Sequence

Texts = str | Sequence[str]


def texts_of(given: Texts) -> tuple[str, ...]:
    """Several texts, each once; of one text that one, and not its letters.

    Example:
        >>> texts_of("slice:long"), texts_of(["a", "b", "a"]), texts_of(())
        (('slice:long',), ('a', 'b'), ())
    """
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
