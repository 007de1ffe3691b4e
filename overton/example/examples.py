"""One example: a question with its truth, before any source has looked at it."""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from random import Random

from overton.example.decks import Deck, templates
from overton.example.facts import TYPES_BY_KIND, Words, load_facts
from overton.example.linker import Candidate, find_candidates
from overton.example.phrases import Phrase, join
from overton.example.questions import ask, ask_aside

# How often each intent is asked. Live traffic is skewed: the first is asked over twenty times as often as the last.
WEIGHT_BY_INTENT = {
    "age": 11,
    "calories": 11,
    "population": 10,
    "height": 9,
    "capital": 8,
    "officeholder": 7,
    "protein": 6,
    "birthplace": 6,
    "spouse": 6,
    "location": 5,
    "creator": 5,
    "elevation": 3.5,
    "birthdate": 3.5,
    "released": 3,
    "sugar": 3,
    "currency": 2.5,
    "length": 2,
    "duration": 2,
    "founded": 2,
    "definition": 1.5,
    "convert_unit": 0.5,
}

HELD_OUT_SHARE = 0.2
BATCHES = 5
LONGEST = 32


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the truth about it.

    Attributes:
        words: In lower case, as the linker and the rules see them.
        tokens: As typed or as heard.
        tags: True part of speech of each token.
        types: True EntityType bits of each token.
        intent: True intent.
        candidates: All readings; `candidates[argument]` is the true argument.
        version: Of the template, 3 for phrasing that is kept out of training.
        batch: Of the annotation work.
        is_typed: Typed on the web, with capitals, rather than heard.
        has_typo: Whether a word is misspelt.
    """

    id: str
    split: str
    words: Words
    tokens: Words
    tags: Words
    types: tuple[Words, ...]
    intent: str
    candidates: tuple[Candidate, ...]
    argument: int
    version: int
    batch: int
    is_typed: bool
    has_typo: bool


def draw_example(id: str, rng: Random, seen: set[Words]) -> Example:
    """A new example; questions in `seen` are drawn again, for some tries, so that the splits share few."""
    split = choose_split(id)
    while True:
        example = _try_example(id, split, rng)
        if example is None:
            continue
        if example.words not in seen or rng.random() < 0.04:
            seen.add(example.words)
            return example


def choose_split(id: str) -> str:
    """A tenth of the records each for dev and test, by a hash of the id, so that no other record has a say."""
    share = int.from_bytes(blake2b(id.encode(), digest_size=4).digest()) / 2**32
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"


def _try_example(id: str, split: str, rng: Random) -> Example | None:
    """None where the linker does not find the argument as it is put, or where the question is too long."""
    held_out = split != "train" and rng.random() < HELD_OUT_SHARE
    template = templates(_intents().draw(rng), held_out).draw(rng)
    phrase = _surround(ask(template, rng), rng)
    words, has_typo = _misspell(phrase, rng) if rng.random() < 0.05 else (phrase.words, False)
    is_typed = rng.random() < 0.25
    candidates = find_candidates(words, load_facts())
    if phrase.argument not in candidates or len(words) >= LONGEST:
        return None
    return Example(
        id=id,
        split=split,
        words=(*words, "?") if is_typed else words,
        tokens=_typed(words, phrase.tags) if is_typed else words,
        tags=(*phrase.tags, "PUNCT") if is_typed else phrase.tags,
        types=_types(phrase, len(words) + is_typed),
        intent=template.intent,
        candidates=candidates,
        argument=candidates.index(phrase.argument),
        version=template.version,
        batch=1 + rng.randrange(BATCHES),
        is_typed=is_typed,
        has_typo=has_typo,
    )


@cache
def _intents() -> Deck[str]:
    return Deck(tuple(WEIGHT_BY_INTENT), tuple(accumulate(WEIGHT_BY_INTENT.values())))


def _surround(question: Phrase, rng: Random) -> Phrase:
    pieces = [question]
    if rng.random() < 0.3:
        pieces.insert(0, ask_aside(templates("before").draw(rng), rng))
    if rng.random() < 0.22:
        pieces.append(ask_aside(templates("after").draw(rng), rng))
    phrase = join(pieces)
    follows = (*phrase.words[1:], "")
    words = tuple(
        "an" if word == "a" and after[:1] in tuple("aeio") else word
        for word, after in zip(phrase.words, follows, strict=True)
    )
    return Phrase(words, phrase.tags, phrase.mentions, phrase.argument)


def _misspell(phrase: Phrase, rng: Random) -> tuple[Words, bool]:
    """Swap two letters of a word that names nothing; names stay whole, so that the linker finds them."""
    named = {place for mention in phrase.mentions for place in range(mention.start, mention.end)}
    places = [place for place, word in enumerate(phrase.words) if place not in named and len(word) > 3]
    if not places:
        return phrase.words, False
    place = rng.choice(places)
    word = phrase.words[place]
    cut = rng.randrange(1, len(word) - 1)
    swapped = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
    return (*phrase.words[:place], swapped, *phrase.words[place + 1 :]), swapped != word


def _typed(words: Words, tags: Words) -> Words:
    capitals = [word.capitalize() if tag == "PROPN" else word for word, tag in zip(words, tags, strict=True)]
    return (capitals[0].capitalize(), *capitals[1:], "?")


def _types(phrase: Phrase, n_tokens: int) -> tuple[Words, ...]:
    bits: list[list[str]] = [[] for _ in range(n_tokens)]
    for mention in phrase.mentions:
        for place in range(mention.start, mention.end):
            bits[place] += [bit for bit in TYPES_BY_KIND.get(mention.entity.kind, ()) if bit not in bits[place]]
    return tuple(tuple(each) for each in bits)
