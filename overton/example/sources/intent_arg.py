"""Sources of the task IntentArg: rules of thumb on the candidates, and a crowd."""

from random import Random

from overton.example.examples import Example
from overton.example.linker import Candidate
from overton.example.sources.intent import keyword_intent

# The kind of thing that an intent is about, as the rules know it: they have not heard of holders of roles.
KIND_BY_INTENT = {
    "age": "person",
    "birthdate": "person",
    "birthplace": "person",
    "height": "person",
    "spouse": "person",
    "elevation": "mountain",
    "length": "river",
    "capital": "country",
    "currency": "country",
    "officeholder": "country",
    "population": "city",
    "location": "city",
    "calories": "food",
    "protein": "food",
    "sugar": "food",
    "creator": "film",
    "released": "film",
    "founded": "company",
    "definition": "title",
    "convert_unit": "unit",
}


def longest_span(example: Example, rng: Random) -> int:
    """The reading of the most words; of several, the first in the list."""
    return _best([candidate.end - candidate.start for candidate in example.candidates])


def popularity(example: Example, rng: Random) -> int:
    """The most famous reading, whatever is asked."""
    return _best([candidate.entity.fame for candidate in example.candidates])


def first_mention(example: Example, rng: Random) -> int:
    """The most famous reading of the words that come first."""
    return _best([candidate.entity.fame - 1000 * candidate.start for candidate in example.candidates])


def type_match(example: Example, rng: Random) -> int | None:
    """The most famous reading of the kind that fits the intent, where the keyword rules see one."""
    kind = KIND_BY_INTENT.get(keyword_intent(example.words) or "")
    fits = [candidate for candidate in example.candidates if _is_known(candidate, kind)]
    best = max(fits, key=lambda candidate: candidate.entity.fame, default=None)
    return None if best is None else example.candidates.index(best)


def crowd(example: Example, rng: Random) -> int | None:
    """A third of the records; an annotator in a hurry takes the reading that comes to mind first."""
    if rng.random() > 0.33:
        return None
    argument = example.candidates[example.argument]
    rivals = [place for place, other in enumerate(example.candidates) if other.overlaps(argument)]
    if rng.random() < 0.07 * min(len(rivals) - 1, 4):
        return max(rivals, key=lambda place: (place != example.argument, example.candidates[place].entity.fame))
    return example.argument if rng.random() < 0.95 else rng.randrange(len(example.candidates))


def _is_known(candidate: Candidate, kind: str | None) -> bool:
    return candidate.entity.kind == kind and "role" not in candidate.entity.facts


def _best(scores: list[int]) -> int:
    return scores.index(max(scores))
