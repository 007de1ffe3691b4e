"""Pieces of a question: words, their parts of speech and the mentions among them; how an entity is put in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from overton.example.facts import Entity, Facts, Words
from overton.example.linker import Candidate, compose

# What sets a lesser known reading apart from a famous one of the same name: "the movie lincoln", "jackson the singer".
HINT_BEFORE = {"film": "movie", "book": "book", "band": "band", "company": "company", "river": "river"}
HINT_AFTER = {"country": "country", "state": "state", "mountain": "mountain", "food": "food"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words, their parts of speech, the true mentions among them, and the one that the question is about."""

    words: Words
    tags: Words
    mentions: tuple[Candidate, ...] = ()
    argument: Candidate | None = None


def join(phrases: Iterable[Phrase]) -> Phrase:
    """One phrase from several, with the mentions moved to their new places."""
    words: list[str] = []
    tags: list[str] = []
    mentions: list[Candidate] = []
    argument: Candidate | None = None
    for phrase in phrases:
        mentions += [_shift(mention, len(words)) for mention in phrase.mentions]
        if phrase.argument:
            argument = _shift(phrase.argument, len(words))
        words += phrase.words
        tags += phrase.tags
    return Phrase(tuple(words), tuple(tags), tuple(mentions), argument)


def plain(text: str, facts: Facts) -> Phrase:
    """Words without a mention; `word/TAG` says the part of speech where it is not the usual one."""
    pairs = [word.partition("/") for word in text.split()]
    return Phrase(tuple(word for word, _, _ in pairs), tuple(tag or facts.tags[word] for word, _, tag in pairs))


def name(entity: Entity, surface: Words, facts: Facts) -> Phrase:
    """The entity under one of its names."""
    mention = Candidate(entity, 0, len(surface))
    return Phrase(surface, facts.tag_words(surface, entity.kind), (mention,), mention)


def name_clearly(entity: Entity, kinds: tuple[str, ...], facts: Facts, rng: Random) -> Phrase:
    """The entity in words from which a person could tell it, given the kinds of thing the question may be about.

    A name that means something more famous of those kinds gets a hint, or gives way to a name that is clear.
    """
    surface = rng.choice(entity.surfaces)
    rivals = [other for other in facts.by_surface[surface] if other.kind in kinds and other.fame > entity.fame]
    if not rivals and rng.random() > 0.06:
        return _with_article(name(entity, surface, facts))
    hinted = _hint(entity, surface, rivals, facts)
    return hinted or _with_article(name(entity, entity.surfaces[0], facts))


def name_role(role: Entity, inner: Phrase, facts: Facts) -> Phrase:
    """`ROLE of INNER`, such as "president of the united states", which is about the holder of the role."""
    assert inner.argument is not None, "the inner phrase of a role names somebody or something"
    head = name(role, role.surfaces[0], facts)
    whole = join([head, plain("of", facts), inner])
    assert whole.argument is not None, "join keeps the argument of its last phrase"
    argument = Candidate(compose(role, inner.argument.entity), 0, whole.argument.end)
    return Phrase(whole.words, whole.tags, whole.mentions, argument)


def _with_article(phrase: Phrase) -> Phrase:
    """Rivers and unions are named with an article, which is no part of the name."""
    assert phrase.argument is not None, "a name names something"
    if phrase.argument.entity.kind == "river" or phrase.words[0] in ("united", "czech"):
        return join([Phrase(("the",), ("DET",)), phrase])
    return phrase


def _hint(entity: Entity, surface: Words, rivals: list[Entity], facts: Facts) -> Phrase | None:
    named = name(entity, surface, facts)
    if entity.kind == "person":
        trade = entity.facts["occupation"]
        if any(rival.facts.get("occupation") == trade for rival in rivals):
            return None
        if trade == "president" and len(surface) == 1:
            title = name(facts.by_surface[("president",)][0], ("president",), facts)
            return join([title, named])
        return join([named, Phrase(("the", trade), ("DET", "NOUN"))])
    if any(rival.kind == entity.kind for rival in rivals):
        return _place_within(named, entity, facts) if "region" in entity.facts else None
    if entity.kind in HINT_BEFORE:
        return join([Phrase(("the", HINT_BEFORE[entity.kind]), ("DET", "NOUN")), named])
    if entity.kind in HINT_AFTER:
        return join([named, Phrase(("the", HINT_AFTER[entity.kind]), ("DET", "NOUN"))])
    return _place_within(named, entity, facts) if "region" in entity.facts else None


def _place_within(named: Phrase, entity: Entity, facts: Facts) -> Phrase:
    """`naples in florida`: the place around is a mention too, but not what is asked for."""
    surface = tuple(entity.facts["region"].split())
    around = max(facts.by_surface[surface], key=lambda reading: (reading.kind in ("state", "country"), reading.fame))
    outer = _with_article(name(around, surface, facts))
    whole = join([named, plain("in", facts), outer])
    return Phrase(whole.words, whole.tags, whole.mentions, named.argument)


def _shift(mention: Candidate, by: int) -> Candidate:
    return Candidate(mention.entity, mention.start + by, mention.end + by)
