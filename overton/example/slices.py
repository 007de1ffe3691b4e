"""Slices by rule, from the question alone: so they can be computed on live traffic too, where no truth is known."""

from collections.abc import Callable, Mapping, Sequence

from overton.example.facts import Words
from overton.example.linker import Candidate

NUTRITION_WORDS = frozenset({"calories", "calorie", "protein", "sugar", "fattening", "energy", "muscle", "sweet"})


def is_nutrition(words: Words, candidates: Sequence[Candidate]) -> bool:
    """Asks for what is in a food."""
    return any(word in NUTRITION_WORDS for word in words)


def is_complex_disambiguation(words: Words, candidates: Sequence[Candidate]) -> bool:
    """Some words have a reading that competes with three others, on the same words or nested."""
    return any(sum(one.overlaps(other) for other in candidates) > 3 for one in candidates)


def is_unit_conversion(words: Words, candidates: Sequence[Candidate]) -> bool:
    """Two units of measure, or one after "in", "to" or "into", where the question is not about food."""
    starts = {candidate.start for candidate in candidates if candidate.entity.kind == "unit"}
    asked = any(words[start - 1] in ("in", "to", "into") for start in starts if start)
    return (asked or len(starts) > 1) and not is_nutrition(words, candidates)


SLICES: Mapping[str, Callable[[Words, Sequence[Candidate]], bool]] = {
    "slice:nutrition": is_nutrition,
    "slice:complex_disambiguation": is_complex_disambiguation,
    "slice:unit_conversion": is_unit_conversion,
}
