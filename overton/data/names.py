"""Words: tags and names of sources that mean something or look as if they were meant to, and numbers of things."""

import re
from difflib import SequenceMatcher
from functools import lru_cache

TRAIN, DEV, TEST = SPLITS = ("train", "dev", "test")
SLICE_PREFIX = "slice:"
EVERY = "*"  # all records of a split, where a tag may stand
GOLD = "gold"
COMBINED = "combined"  # the source of what `overton combine` writes
MAX_SOURCE_LENGTH = 64

_MEANT = {
    "training": "train",
    "development": "dev",
    "devel": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "testing": "test",
    "holdout": "test",
    "heldout": "test",
}
_ALIKE = 0.85
_SHORT = 100  # characters of a tag
_EDITS = re.compile(r"edits-\d{4}-\d\d-\d\d\.jsonl(\.gz|\.zst)?")
_SLICES = {
    "slices",
    *("slice"[:place] + "slice"[place + 1 :] for place in range(1, 5)),
    *("slice"[:place] + "slice"[place - 1 :] for place in range(1, 6)),
}


def is_source_name(name: str) -> bool:
    """Whether a text can name a source: 1 to 64 printable characters."""
    return 0 < len(name) <= MAX_SOURCE_LENGTH and name.isprintable()


def is_near_gold(name: str) -> bool:
    """Whether a source is called almost as gold is, and yet is none.

    Example:
        >>> is_near_gold("Gold"), is_near_gold("gold"), is_near_gold("golden_rules")
        (True, False, False)
    """
    return name != GOLD and name.strip().casefold() == GOLD


def reading_order(file: str) -> tuple[bool, str]:
    """By what data files are sorted, of whose labels the later count: by name, the edits of a day after all others.

    A correction made in the dashboard would else be undone by any file whose name happens to come later.

    Example:
        >>> sorted(["train.jsonl", "edits-2026-03-01.jsonl", "edits.jsonl"], key=reading_order)
        ['edits.jsonl', 'train.jsonl', 'edits-2026-03-01.jsonl']
    """
    return bool(_EDITS.fullmatch(file)), file


def meant_tag(tag: str) -> str:
    """The tag that a near miss was meant to be; empty for a tag that is no near miss.

    Example:
        >>> meant_tag("Test"), meant_tag("validation"), meant_tag("Slice:rare"), meant_tag("lang:en")
        ('test', 'dev', 'slice:rare', '')
    """
    # A client of a server may send any tag, as long as a request: what is remembered must stay small.
    return _short_meant_tag(tag) if len(tag) <= _SHORT else _meant_tag(tag)


def _meant_tag(tag: str) -> str:
    word = tag.strip().casefold()
    if tag in SPLITS:
        return ""
    if word in SPLITS or word in _MEANT:
        return _MEANT.get(word, word)
    prefix, colon, rest = tag.partition(":")
    if colon:
        wrong = prefix != "slice" and _means_slice(prefix.strip().casefold())
        return SLICE_PREFIX + rest.strip() if wrong or (prefix == "slice" and rest != rest.strip()) else ""
    for split in SPLITS:
        # Nearly all tags have too few of its letters to be alike, which takes a fraction of the time to see.
        most = 2 * min(len(word), sum(letter in word for letter in split)) / (len(word) + len(split))
        if most > _ALIKE and SequenceMatcher(None, word, split).ratio() > _ALIKE:
            return split
    return ""


_short_meant_tag = lru_cache(maxsize=4096)(_meant_tag)


def _means_slice(prefix: str) -> bool:
    """Whether it is `slice` but for its case, its plural, letters that changed places, or one left out or doubled.

    A letter put in or replaced makes other words (`splice`, `spice`, `slide`), which are left alone.
    """
    return prefix in _SLICES or (len(prefix) == len("slice") and sorted(prefix) == sorted("slice"))


def is_bad_tag(tag: str) -> bool:
    """Whether a tag is refused: blank, not printable, `*`, or a near miss of one that means something."""
    return not tag.strip() or not tag.isprintable() or tag in (EVERY, SLICE_PREFIX) or bool(meant_tag(tag))


def bad_tag_hint(tag: str) -> str:
    """What a tag is, for who gave one that is none."""
    if tag == EVERY:
        return "'*' stands for all records of a split: choose a name"
    if tag == SLICE_PREFIX:
        return "Name the slice, as in slice:short"
    return "A tag is a printable text that is not blank"
