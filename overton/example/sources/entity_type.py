"""Sources of the task EntityType: gazetteers, words that give a type away, a projection of the intent, and a crowd."""

from collections.abc import Sequence
from random import Random
from zlib import crc32

from overton.example.examples import Example
from overton.example.facts import TYPES_BY_KIND, Entity
from overton.example.linker import Candidate
from overton.example.sources.intent import keyword_intent
from overton.example.sources.intent_arg import KIND_BY_INTENT

Bits = list[list[str] | None]

# The kind of the name that follows. "in" is right often enough to be kept, and wrong often enough to show.
KIND_BY_CUE = {
    "president": "country",
    "minister": "country",
    "mayor": "city",
    "governor": "state",
    "ceo": "company",
    "capital": "country",
    "calories": "food",
    "protein": "food",
    "sugar": "food",
    "directed": "film",
    "wrote": "book",
    "movie": "film",
    "tall": "person",
    "old": "person",
    "was": "person",
    "high": "mountain",
    "long": "river",
    "in": "city",
}
REACH = 4

# Where an intent leaves several kinds open, the one that some reading of the name has.
KINDS_BY_KIND = {"city": ("country", "city", "state"), "country": ("country", "state"), "film": ("film", "book")}


def gazetteer(example: Example, rng: Random) -> Bits:
    """The types of all readings at once; a tenth of the entities are missing from its lists."""
    return _mark(example, [found for found in example.candidates if not _is_missing(found.entity)])


def famous_reading(example: Example, rng: Random) -> Bits:
    """The types of the most famous reading of each word."""
    bits: Bits = [[] for _ in example.words]
    for found in sorted(example.candidates, key=lambda candidate: candidate.entity.fame):
        if "role" not in found.entity.facts:
            bits[found.start : found.end] = [list(found.entity.types) for _ in range(found.start, found.end)]
    return bits


def cue_words(example: Example, rng: Random) -> Bits:
    """The type that a word before gives away, for the nearest name after it; abstains elsewhere."""
    bits: Bits = [None for _ in example.words]
    for place, word in enumerate(example.words):
        near = [found for found in example.candidates if place < found.start <= place + REACH]
        if word in KIND_BY_CUE and near:
            start = min(found.start for found in near)
            end = max(found.end for found in near if found.start == start and "role" not in found.entity.facts)
            if bits[start] is None:
                bits[start:end] = [list(TYPES_BY_KIND[KIND_BY_CUE[word]]) for _ in range(start, end)]
    return bits


def intent_projection(example: Example, rng: Random) -> Bits:
    """The type that the intent asks for, on the longest name; abstains on the other names."""
    kind = KIND_BY_INTENT.get(keyword_intent(example.words) or "")
    named = [found for found in example.candidates if "role" not in found.entity.facts]
    bits: Bits = [[] for _ in example.words]
    for found in named:
        bits[found.start : found.end] = [None] * (found.end - found.start)
    if kind:
        longest = max(named, key=lambda found: (found.end - found.start, found.start))
        kinds = [found.entity.kind for found in named if (found.start, found.end) == (longest.start, longest.end)]
        open_kinds = KINDS_BY_KIND.get(kind, (kind,))
        best = next((each for each in open_kinds if each in kinds), kind)
        bits[longest.start : longest.end] = [list(TYPES_BY_KIND[best]) for _ in range(longest.start, longest.end)]
    return bits


def crowd(example: Example, rng: Random) -> Bits | None:
    """A third of the records; annotators forget the finer of two types, and pass over titles and units."""
    if rng.random() > 0.33:
        return None
    hurried = rng.random() < 0.3
    bits: Bits = []
    for types in example.types:
        skipped = (hurried and types[:1] in (("title",), ("unit",))) or rng.random() < 0.04
        bits.append([] if skipped else list(types[:1] if hurried else types))
    return bits


def _mark(example: Example, found: Sequence[Candidate]) -> Bits:
    marks: list[list[str]] = [[] for _ in example.words]
    for candidate in found:
        if "role" not in candidate.entity.facts:
            for place in range(candidate.start, candidate.end):
                marks[place] += [bit for bit in candidate.entity.types if bit not in marks[place]]
    return [*marks]


def _is_missing(entity: Entity) -> bool:
    return crc32(entity.id.encode()) % 10 == 0
