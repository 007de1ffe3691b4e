"""Sources of the task Intent: rules on words, an old model, a knowledge base, and a crowd."""

from functools import cache
from random import Random

from overton.example.examples import WEIGHT_BY_INTENT, Example
from overton.example.facts import Words

# Read from top to bottom, the first word that is there decides. A rule sees one word and no context: "how old is the
# president of france" is taken for a question about an office.
INTENT_BY_KEYWORD = {
    "capital": "capital",
    "president": "officeholder",
    "minister": "officeholder",
    "king": "officeholder",
    "governor": "officeholder",
    "wife": "spouse",
    "husband": "spouse",
    "married": "spouse",
    "calories": "calories",
    "protein": "protein",
    "sugar": "sugar",
    "population": "population",
    "people": "population",
    "inhabitants": "population",
    "currency": "currency",
    "money": "currency",
    "tall": "height",
    "height": "height",
    "high": "elevation",
    "elevation": "elevation",
    "old": "age",
    "age": "age",
    "born": "birthplace",
    "birthday": "birthdate",
    "birth": "birthdate",
    "wrote": "creator",
    "author": "creator",
    "directed": "creator",
    "director": "creator",
    "long": "length",
    "founded": "founded",
    "released": "released",
    "published": "released",
    "convert": "convert_unit",
    "define": "definition",
    "mean": "definition",
    "from": "birthplace",
    "where": "location",
    "who": "officeholder",
    "many": "population",
}

# The knowledge base guesses from the most famous reading and the question word, and knows nothing of measures.
INTENT_BY_KIND = {
    "person": {"how": "age", "where": "birthplace", "when": "birthdate", "who": "spouse", "what": "height"},
    "country": {"how": "population", "what": "capital", "where": "location", "who": "officeholder"},
    "state": {"how": "population", "what": "capital", "where": "location", "who": "officeholder"},
    "city": {"how": "population", "what": "population", "where": "location", "who": "officeholder"},
    "food": {"how": "calories", "what": "calories", "is": "calories"},
    "film": {"how": "duration", "when": "released", "who": "creator", "what": "released"},
    "book": {"when": "released", "who": "creator", "what": "creator"},
    "mountain": {"how": "elevation", "what": "elevation", "where": "location"},
    "river": {"how": "length", "what": "length", "where": "location"},
    "company": {"how": "founded", "when": "founded", "who": "officeholder", "what": "founded"},
    "band": {"when": "founded", "who": "officeholder"},
    "title": {"who": "officeholder", "what": "definition"},
    "currency": {"how": "currency", "what": "currency", "convert": "currency"},
    "body part": {"how": "height", "what": "height", "convert": "height"},
    "unit": {"how": "population", "what": "height"},
}

# What the old model says in place of the truth, and how often: it was trained before some intents were there.
LEGACY_CONFUSIONS = {
    "sugar": ("calories", 0.7),
    "protein": ("calories", 0.35),
    "elevation": ("height", 0.6),
    "duration": ("length", 0.75),
    "founded": ("released", 0.6),
    "birthdate": ("age", 0.4),
    "birthplace": ("location", 0.2),
    "definition": ("capital", 0.5),
    "convert_unit": ("population", 0.9),
    "height": ("age", 0.12),
    "officeholder": ("spouse", 0.1),
    "creator": ("officeholder", 0.15),
}

# What a person takes the intent for when reading too fast.
LOOKALIKES = {
    "age": ("birthdate", "height"),
    "birthdate": ("age", "birthplace"),
    "birthplace": ("location", "birthdate"),
    "height": ("elevation", "age"),
    "elevation": ("height",),
    "population": ("location",),
    "capital": ("location",),
    "officeholder": ("spouse", "definition"),
    "spouse": ("officeholder",),
    "creator": ("released",),
    "released": ("founded", "age"),
    "duration": ("length",),
    "length": ("duration", "elevation"),
    "founded": ("released", "age"),
    "location": ("birthplace", "capital"),
    "definition": ("officeholder",),
    "currency": ("capital",),
    "calories": ("protein",),
    "protein": ("calories", "sugar"),
    "sugar": ("calories",),
    "convert_unit": ("height", "length"),
}

WORKERS = 5
CONFUSED_BATCH = 3  # its annotators were told that every question about food is one about calories
HEADS = tuple(WEIGHT_BY_INTENT)[:5]


@cache
def keyword_intent(words: Words) -> str | None:
    """The intent of the first keyword in the table that is among the words."""
    return next((intent for keyword, intent in INTENT_BY_KEYWORD.items() if keyword in words), None)


def keyword_rules(example: Example, rng: Random) -> str | None:
    """Looks for one word and takes no context into account."""
    return keyword_intent(example.words)


def rule_calories(example: Example, rng: Random) -> str | None:
    """Says only `calories`, whenever it sees a food and a question of quantity that is not one of grams."""
    has_food = any(candidate.entity.kind == "food" for candidate in example.candidates)
    is_quantity = ("much" in example.words or "many" in example.words) and "grams" not in example.words
    return "calories" if has_food and is_quantity else None


def rule_height(example: Example, rng: Random) -> str | None:
    """Says only `height`, of mountains as well."""
    return "height" if not {"tall", "height", "feet", "high", "big"}.isdisjoint(example.words) else None


def weak_kb(example: Example, rng: Random) -> str | None:
    """What is most asked of the most famous reading, given the question word."""
    kind = max(example.candidates, key=lambda candidate: candidate.entity.fame).entity.kind
    if kind == "person" and "tall" in example.words:
        return "height"
    return next((intent for cue, intent in INTENT_BY_KIND.get(kind, {}).items() if cue in example.words), None)


def legacy_v1(example: Example, rng: Random) -> str:
    """The model in production before: coarse, and lost on phrasing that it has never seen."""
    wrong, chance = LEGACY_CONFUSIONS.get(example.intent, (rng.choice(HEADS), 0.05))
    if example.version > 2 or example.has_typo:
        wrong, chance = rng.choice((wrong, *HEADS)), chance + 0.2
    if rng.random() < 0.05:
        return rng.choice(HEADS)
    return wrong if rng.random() < chance else example.intent


def crowd(example: Example, rng: Random) -> dict[str, float] | None:
    """The share of five workers for each intent; four records in ten were sent to them."""
    if rng.random() > (0.15 if example.intent == "convert_unit" else 0.4):
        return None
    counts: dict[str, int] = {}
    for _ in range(WORKERS):
        vote = _worker(example, rng)
        counts[vote] = counts.get(vote, 0) + 1
    return {intent: count / WORKERS for intent, count in sorted(counts.items())}


def _worker(example: Example, rng: Random) -> str:
    truth = example.intent
    if example.batch == CONFUSED_BATCH and truth in ("protein", "sugar") and rng.random() < 0.8:
        return "calories"
    return truth if rng.random() < 0.72 else rng.choice(LOOKALIKES[truth])
