"""Sources of the task POS: a lexicon, rules on endings, a tagger that leans on capitals, and a crowd."""

from functools import cache
from random import Random
from zlib import crc32

from overton.example.examples import Example
from overton.example.facts import load_facts

Tags = list[str | None]

# The first ending that fits a word of five letters or more decides. "paris" and "texas" end in s, "united" in ed.
TAG_BY_ENDING = (
    ("ing", "VERB"),
    ("ed", "VERB"),
    ("ly", "ADV"),
    ("est", "ADJ"),
    ("tion", "NOUN"),
    ("ence", "NOUN"),
    ("er", "NOUN"),
    ("ie", "NOUN"),
    ("y", "NOUN"),
    ("s", "NOUN"),
)

# What the tagger says in place of the truth, and how often.
TAGGER_CONFUSIONS = {
    "AUX": ("VERB", 0.35),
    "PRON": ("DET", 0.2),
    "ADV": ("SCONJ", 0.25),
    "ADJ": ("NOUN", 0.12),
    "ADP": ("PART", 0.05),
    "INTJ": ("NOUN", 0.5),
}


def lexicon(example: Example, rng: Random) -> Tags:
    """The most frequent tag of each word in whatever context, in an old tag set that knows no auxiliaries."""
    tags = [None if _is_missing(word) else _frequent_tags().get(word) for word in example.words]
    return ["VERB" if tag == "AUX" else tag for tag in tags]


def suffix_rules(example: Example, rng: Random) -> Tags:
    """The ending of the word, or a capital within the sentence; abstains often."""
    return [_by_shape(token, place) for place, token in enumerate(example.tokens)]


def tagger(example: Example, rng: Random) -> Tags:
    """A tagger trained on written text: without its capital, a name that it has not met is a noun."""
    return [_tagged(token, tag, rng) for token, tag in zip(example.tokens, example.tags, strict=True)]


def crowd(example: Example, rng: Random) -> Tags | None:
    """A fifth of the records; annotators part ways on foods, titles and question words."""
    if rng.random() > 0.2:
        return None
    doubtful = {"NOUN": "PROPN", "ADV": "PRON", "AUX": "VERB"}
    return [doubtful.get(tag, tag) if rng.random() < 0.2 else tag for tag in example.tags]


@cache
def _frequent_tags() -> dict[str, str]:
    """From the tables themselves: the usual tag of a template word, else the tag in the most famous entity."""
    facts = load_facts()
    tags: dict[str, str] = {}
    entities = sorted((entity for kind in facts.by_kind.values() for entity in kind), key=lambda entity: entity.fame)
    for entity in entities:
        for surface in entity.surfaces:
            tags.update(zip(surface, facts.tag_words(surface, entity.kind), strict=True))
    return {**tags, **facts.tags}


def _is_missing(word: str) -> bool:
    return crc32(word.encode()) % 6 == 0


def _by_shape(token: str, place: int) -> str | None:
    if token.isdigit():
        return "NUM"
    if place and token[0].isupper():
        return "PROPN"
    return next((tag for ending, tag in TAG_BY_ENDING if len(token) > 4 and token.endswith(ending)), None)


def _tagged(token: str, tag: str, rng: Random) -> str:
    if tag == "PROPN":
        return "PROPN" if token[0].isupper() or crc32(token.encode()) % 3 == 0 else "NOUN"
    wrong, chance = TAGGER_CONFUSIONS.get(tag, ("PROPN", 0.05))
    return wrong if rng.random() < chance else tag
