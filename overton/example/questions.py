"""Fills the slots of a template: with a name, with a name and a hint, or with the holder of a role."""

from random import Random

from overton.example.decks import COLUMN_BY_INTENT, KINDS_BY_SLOT, Template, askable
from overton.example.facts import Entity, load_facts
from overton.example.phrases import Phrase, join, name, name_clearly, name_role, plain

# How often a person is named by an office or a relation ("the mayor of rome"), and a place as "the capital of".
ROLE_SHARE_BY_SLOT = {"person": 0.24, "place": 0.08, "geo": 0.08}

# Intents that make sense of somebody or something known only by a role.
ROLE_INTENTS = frozenset({"age", "birthdate", "birthplace", "height", "spouse", "population", "location"})

# Role and the slot of what it is a role of, then a column that the thing must have.
RELATIONS = (
    ("mother", "person", ""),
    ("father", "person", ""),
    ("spouse", "person", "spouse"),
    ("author", "book", ""),
    ("director", "film", ""),
    ("founder", "company", ""),
    ("singer", "band", ""),
)
OFFICES = (("offices", "country", "offices"), ("governor", "state", ""), ("mayor", "city", ""), ("ceo", "company", ""))
OFFICE_WEIGHTS = (60, 15, 10, 15)


def ask(template: Template, rng: Random) -> Phrase:
    """The template with all its slots filled."""
    facts = load_facts()
    argument = _argument(template, rng) if template.slot else None
    pieces: list[Phrase] = []
    for part in template.parts:
        if not part.startswith("{"):
            pieces.append(plain(part, facts))
        elif argument and part[1:-1] == template.slot:
            pieces.append(argument)
        else:
            pieces.append(_detail(part[1:-1], argument, rng))
    return join(pieces)


def ask_aside(template: Template, rng: Random) -> Phrase:
    """Words around a question; what they mention is not what the question is about."""
    return _without_argument(ask(template, rng))


def _argument(template: Template, rng: Random) -> Phrase:
    facts, slot = load_facts(), template.slot
    if slot == "office":
        return _role(*rng.choices(OFFICES, OFFICE_WEIGHTS)[0], rng)
    if template.intent in ROLE_INTENTS and rng.random() < ROLE_SHARE_BY_SLOT.get(slot, 0):
        return join([plain("the", facts), _role(*_pick_role(slot, rng), rng)])
    entity = askable(slot, COLUMN_BY_INTENT.get(template.intent, "")).draw(rng)
    if slot in ("unit", "units"):
        return name(entity, entity.surfaces[0 if slot == "unit" else 1], facts)
    return name_clearly(entity, KINDS_BY_SLOT[slot], facts, rng)


def _pick_role(slot: str, rng: Random) -> tuple[str, str, str]:
    if slot != "person":
        return "capital", "polity", "capital"
    return rng.choices(OFFICES, OFFICE_WEIGHTS)[0] if rng.random() < 0.5 else rng.choice(RELATIONS)


def _role(role: str, slot: str, column: str, rng: Random) -> Phrase:
    facts, entity = load_facts(), askable(slot, column).draw(rng)
    if role == "spouse":
        role = entity.facts["spouse_role"]
    elif role == "offices":
        role = rng.choice(entity.facts["offices"].split(";"))
    head = _role_entity(role)
    return name_role(head, name_clearly(entity, tuple(head.facts["domain"].split(";")), facts, rng), facts)


def _role_entity(role: str) -> Entity:
    readings = load_facts().by_surface[tuple(role.split())]
    return next(reading for reading in readings if "domain" in reading.facts)


def _detail(slot: str, argument: Phrase | None, rng: Random) -> Phrase:
    """A slot beside the argument: a number, a unit to convert to, or the word for somebody's spouse."""
    facts = load_facts()
    about = argument.argument.entity if argument and argument.argument else None
    if slot == "number":
        return Phrase((str(rng.randint(2, 400)),), ("NUM",))
    if slot == "spouse":
        known = about.facts.get("spouse_role") if about else None
        role = _role_entity(known or rng.choice(("wife", "husband")))
        return _without_argument(name(role, role.surfaces[0], facts))
    dimension = "length" if slot == "lengths" or about is None else about.facts["dimension"]
    units = [unit for unit in facts.by_kind["unit"] if unit.facts["dimension"] == dimension and unit is not about]
    unit = rng.choice(units)
    return _without_argument(name(unit, rng.choice(unit.surfaces[1:]), facts))


def _without_argument(phrase: Phrase) -> Phrase:
    return Phrase(phrase.words, phrase.tags, phrase.mentions)
