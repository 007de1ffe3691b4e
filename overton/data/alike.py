"""Names that look like slips of another: they differ in case, blanks or code points; also classes one edit away.

Meant to be quiet: digits, short words, first letters and parts such as the `B` of `B-city` are told apart on purpose.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

FREQUENT = 20  # labels of a class of which another may be a slip
RARE = 0.02  # of these, how many a slip may have at most
SHORTEST, LONGEST = 4, 80  # letters of a word in which one is looked for, and of a class
FEWEST_LETTERS = 3  # of classes that differ in case alone: `a` and `A` may be two
_PARTS = re.compile(r"[^\W\d_]+|\d+|[\W_]")


def alike_classes(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Classes that may be slips, each with the class that it looks like; those that look like the most frequent first.

    Takes time in the number of classes, not in that of pairs: two words one edit apart share what is left of them
    without a letter.

    Args:
        counts: Labels of each class.

    Example:
        >>> alike_classes({"greet": 812, "gret": 2, "greet ": 1, "set_1": 400, "set_2": 3, "B-x": 90, "I-x": 1})
        [('greet ', 'greet'), ('gret', 'greet')]
    """
    found = dict(same_folded(counts))
    for name, meant in _one_edit_apart(counts):
        found.setdefault(name, meant)
    return sorted(found.items(), key=lambda pair: (-counts[pair[1]], pair))


def same_folded(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    r"""Names that differ from a more frequent one in case, in blanks around or within them, or in code points alone.

    Args:
        counts: How often each name stands.

    Example:
        >>> list(same_folded({"crowd": 90, "Crowd ": 3, "caf\u00e9": 8, "cafe": 1, "a": 4, "A": 2}))
        [('Crowd ', 'crowd')]
    """
    best: dict[str, str] = {}
    ordered = sorted(counts, key=lambda name: (-counts[name], len(name), name))
    for name in ordered:
        folded = unicodedata.normalize("NFC", " ".join(name.split()))
        if sum(map(str.isalpha, folded)) >= FEWEST_LETTERS:
            folded = folded.casefold()
        meant = best.setdefault(folded, name)
        if meant != name:
            yield name, meant


def same_letters(name: str, other: str) -> bool:
    r"""Whether two names are one to the eye: they differ in code points alone, as of a letter and its accent.

    Example:
        >>> same_letters("caf\u00e9", "cafe\u0301"), same_letters("cafe", "Cafe")
        (True, False)
    """
    return name != other and unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)


def _one_edit_apart(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Rare classes that are one edit within a word away from a frequent one."""
    frequent = [name for name, n in counts.items() if n >= FREQUENT and len(name) <= LONGEST]
    by_rest: dict[str, list[str]] = {}
    for name in frequent:
        for rest in _rests(name):
            by_rest.setdefault(rest, []).append(name)
    most = max((counts[name] for name in frequent), default=0) * RARE
    for name, n in counts.items():
        if n > most or len(name) > LONGEST:
            continue
        near = {one for rest in _rests(name) for one in by_rest.get(rest, ()) if n <= counts[one] * RARE}
        meant = [one for one in near if _is_slip(name, one)]
        if len(meant) == 1:  # one that lies near several is likely one of a family
            yield name, meant[0]


def _rests(name: str) -> set[str]:
    """A name, and what is left of it without one letter; digits stay: numbered classes have nothing in common."""
    return {name, *(name[:place] + name[place + 1 :] for place, sign in enumerate(name) if sign.isalpha())}


def _is_slip(name: str, meant: str) -> bool:
    """Whether a class is another but for one edit within a word, behind its first letter."""
    parts, others = _PARTS.findall(name), _PARTS.findall(meant)
    if len(parts) != len(others):
        return False
    differ = [(one, other) for one, other in zip(parts, others, strict=True) if one != other]
    if len(differ) != 1:
        return False
    one, other = differ[0]
    words = one.isalpha() and other.isalpha() and min(len(one), len(other)) >= SHORTEST
    return words and len(other) > SHORTEST and one[0] == other[0] and _one_edit(one, other)


def _one_edit(one: str, other: str) -> bool:
    """Whether a letter is put in, left out or replaced, or two that stand side by side have changed places."""
    short, long = sorted((one, other), key=len)
    start = next((place for place, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    swapped = short[start : start + 2][::-1] == long[start : start + 2] and short[start + 2 :] == long[start + 2 :]
    return swapped or short[start + 1 :] == long[start + 1 :]
