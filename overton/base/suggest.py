"""Did you mean ...? Near misses of a name among the names that exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], limit: int = 2, *, cutoff: float = 0.6) -> list[str]:
    """The known words that resemble a word, best first; letter case does not count.

    Example:
        >>> nearest("Heigth", ["height", "age", "weight"], limit=1)
        ['height']
    """
    by_fold: dict[str, str] = {}
    for name in known:
        by_fold.setdefault(name.casefold(), name)
    return [by_fold[fold] for fold in get_close_matches(word.casefold(), by_fold, n=limit, cutoff=cutoff)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question naming the near misses, or the whole list where it is short, or nothing.

    Example:
        >>> did_you_mean("sequense", ["singleton", "sequence", "set"])
        "Did you mean 'sequence'?"
        >>> did_you_mean("zzz", ["a", "b"])
        "Known are 'a', 'b'"
    """
    names = list(known)
    near = nearest(word, names)
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    if 0 < len(names) <= 12:
        return f"Known are {', '.join(repr(name) for name in sorted(names))}"
    return ""
