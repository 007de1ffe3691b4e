"""Words to candidates: every reading of every mention, nested ones too, as a production entity linker lists them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from overton.example.facts import Entity, Facts, Words

LONGEST_SURFACE = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of the words from `start` to `end` (half-open)."""

    entity: Entity
    start: int
    end: int

    def overlaps(self, other: "Candidate") -> bool:
        """Whether the two share a word."""
        return self.start < other.end and other.start < self.end


@cache
def compose(role: Entity, inner: Entity) -> Entity:
    """The holder of a role, such as the president of France, who is somebody without a row of his own.

    Less asked for than the thing inside, so a source that follows fame falls for the inner reading.
    """
    head = role.id.split("_(")[0]
    return Entity(f"{head}_of_{inner.id}", role.facts["range"], (), max(1, inner.fame * 2 // 3), {"role": role.id})


def find_candidates(words: Words, facts: Facts) -> tuple[Candidate, ...]:
    """All readings in a query, by place, then by name, so that their order gives nothing away."""
    found = [
        Candidate(entity, start, end)
        for start in range(len(words))
        for end in range(start + 1, min(start + LONGEST_SURFACE, len(words)) + 1)
        for entity in facts.by_surface.get(words[start:end], ())
    ]
    found = [each for each in found if not _is_part_of_own_name(each, found)]
    found += _find_composed(words, found)
    return tuple(sorted(found, key=lambda found: (found.start, found.end, found.entity.id)))


def _is_part_of_own_name(part: Candidate, found: Sequence[Candidate]) -> bool:
    """Whether this is "disney" in "walt disney", meant as the same man."""
    return any(
        whole.entity is part.entity and part.overlaps(whole) and whole.end - whole.start > part.end - part.start
        for whole in found
    )


def _find_composed(words: Words, found: Sequence[Candidate]) -> list[Candidate]:
    """`ROLE of NAME`, from right to left, so that the role of the holder of a role is found too."""
    composed: list[Candidate] = []
    for role in sorted(found, key=lambda found: -found.start):
        if "domain" not in role.entity.facts or words[role.end : role.end + 1] != ("of",):
            continue
        start = role.end + 1 + (words[role.end + 1 : role.end + 2] == ("the",))
        domain = role.entity.facts["domain"].split(";")
        inner = [each for each in (*found, *composed) if each.start == start and each.entity.kind in domain]
        composed += [Candidate(compose(role.entity, each.entity), role.start, each.end) for each in inner]
    return composed
