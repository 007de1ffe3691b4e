"""One record as a person reads it: words with labels in place, candidates with their words, what sources say.

`example_of` takes labels as they stand in a data file, so that it serves errors of a version, records that got worse
from one version to the next, and any other record alike.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from overton.base import around
from overton.data import SLICE_PREFIX, SPLITS
from overton.review import UnitError, agrees
from overton.schema import Schema, Task

MOST_TOKENS = 80
MOST_CANDIDATES = 12
MOST_UNITS = 12
NOTHING = "nothing"
QUIET = ("O", "[]", "none")  # labels that are not worth their place below a word

State = Literal["wrong", "right", ""]


@dataclass(frozen=True, slots=True)
class Voice:
    """One thing that sources say of a unit, and who says it.

    Attributes:
        label: What is said.
        sources: Who says so; the combined votes among them, with their probability.
        right: Whether gold says the same, of what knows its doubt as the likeliest label.
    """

    label: str
    sources: tuple[str, ...]
    right: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that was predicted: a record, a token or a member.

    Attributes:
        place: Its place in the record, from 0.
        text: The token or member; empty where it is the record.
        prediction: What the version says.
        probability: How sure it is; None where that is not known.
        gold: What is true; empty where that is not known.
        before: What another version said before; empty where there is none.
        voices: What the sources say, the right ones first.
    """

    place: int
    text: str
    prediction: str
    probability: float | None
    gold: str
    before: str = ""
    voices: tuple[Voice, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether the prediction is not what is true."""
        return bool(self.gold) and self.prediction != self.gold


@dataclass(frozen=True, slots=True)
class Token:
    """A word, and its label where the task labels words.

    Attributes:
        text: The word.
        state: `wrong` or `right` where the task labels words and the truth is known.
        prediction: What the version says of it; empty where that is not worth its place.
        gold: What is true of it; empty where it is the same.
        spans: Places of the candidates that point to it.
    """

    text: str
    state: State = ""
    prediction: str = ""
    gold: str = ""
    spans: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member of a set.

    Attributes:
        place: Its place, from 0.
        id: Its id.
        words: The words that it points to; empty where it points to none.
        chosen: Whether the version chose it, where the task is to choose.
        true: Whether it is the true one.
    """

    place: int
    id: str
    words: str
    chosen: bool = False
    true: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A record with what was said of it on one task.

    Attributes:
        id: Its id.
        task: Name of the task.
        tags: Its tags without its split, slices first.
        texts: Its texts, where they say other than its words.
        tokens: Its words, the first 80; of more, where one of the others is the first that is wrong, those around it.
        candidates: Its members, where the task is about them, the first 12.
        units: What was predicted, wrongly above all.
        more_tokens: Words that are left out.
        first_token: Place of the first of its words that are not.
        more_candidates: Members that are left out.
        more_units: Units that are left out.
    """

    id: str
    task: str
    tags: tuple[str, ...]
    texts: tuple[str, ...]
    tokens: tuple[Token, ...]
    candidates: tuple[Candidate, ...]
    units: tuple[Unit, ...]
    more_tokens: int = 0
    more_candidates: int = 0
    more_units: int = 0
    first_token: int = 0

    @property
    def tokens_after(self) -> int:
        """Words that are left out behind those that are not."""
        return self.more_tokens - self.first_token

    def to_json(self) -> dict[str, Any]:
        """The example as a JSON value."""
        return asdict(self)


def example_of(
    schema: Schema,
    task: str,
    record: str,
    payloads: Mapping[str, Any],
    *,
    tags: Sequence[str] = (),
    said: Any = None,
    gold: Any = None,
    before: Any = None,
    errors: Sequence[UnitError] = (),
    about: int | None = None,
) -> Example:
    """A record as a person reads it.

    Args:
        schema: The schema.
        task: Name of the task.
        record: Id of the record.
        payloads: Its payloads, as in a data file.
        tags: Its tags.
        said: What the version says, as in a data file: a class, a list of classes, an index, or a list of those.
        gold: What is true, likewise.
        before: What another version said, likewise; None for none.
        errors: Units that are wrong, with what the sources say; found by comparing where there is none.
        about: The unit that a long record is shown around; the first that is wrong where None.
    """
    found = schema.task(task)
    kind = schema.payload(found.payload).type
    words, members = _words(schema, found, payloads), _members(schema, found, payloads)
    ids = [_id(member) for member in members]
    names = _distinct(ids) if found.type == "select" else ()  # elsewhere a label "1" is a class, and no member
    per_item = schema.unit(found) != "record"
    items = [""] if not per_item else words if kind == "sequence" else ids
    labels = _Labels(*(_each(value, len(items), per_item=per_item) for value in (said, gold, before)))
    told = {error.unit: error for error in errors}
    units = list(_units(items, labels, told, names))
    marked = per_item and kind == "sequence"
    wrong = [unit.place for unit in sorted(units, key=lambda unit: not unit.gold)]  # where nothing is known, last
    middle = about if about is not None else wrong[0] if wrong else 0
    places = around(middle if marked else 0, len(words), MOST_TOKENS)
    tokens = [_token(place, words[place], labels, members, told, marked) for place in places]
    candidates = _candidates(members, words, told, (said, gold) if found.type == "select" else (None, None))
    return Example(
        id=record,
        task=task,
        tags=tuple(
            sorted((tag for tag in tags if tag not in SPLITS), key=lambda tag: not tag.startswith(SLICE_PREFIX))
        ),
        texts=_texts(payloads, words),
        tokens=tuple(tokens),
        candidates=candidates,
        units=tuple(units[:MOST_UNITS]),
        more_tokens=len(words) - len(places),
        more_candidates=len(members) - len(candidates),
        more_units=max(len(units) - MOST_UNITS, 0),
        first_token=places.start,
    )


def read_label(text: str | None, *, listed: bool = False, member: bool = False) -> Any:
    """A label as `predictions.parquet` and comparisons tell it, as it stands in a data file.

    Args:
        text: The name of a class, the index of a member, or JSON where it is a list.
        listed: Whether the task labels tokens or members, or says any number of classes: what has lists.
        member: Whether the task chooses a member, so that digits are its index and no class.

    Example:
        >>> read_label("height"), read_label("2"), read_label("2", member=True), read_label('["A", null]', listed=True)
        ('height', '2', 2, ['A', None])
    """
    if text is None:
        return None
    if listed:
        try:
            return json.loads(text)
        except ValueError:  # a record with a single unit is told without a list
            return text
    return int(text) if member and text.isdecimal() else text


def label_text(label: Any, names: Sequence[str] = ()) -> str:
    """A label in words.

    Args:
        label: A class, a list of classes, the index of a member, or an object from class to probability.
        names: What the members are called.

    Example:
        >>> label_text(["title", "person"]), label_text({"a": 0.8, "b": 0.2}), label_text(1, ["Rome", "Paris"])
        ('person, title', 'a 0.80, b 0.20', 'Paris')
    """
    if label is None:
        return ""
    if isinstance(label, Mapping):
        return ", ".join(f"{_member(name, names)} {weight:.2f}" for name, weight in label.items()) or "none"
    if isinstance(label, list | tuple):
        return ", ".join(sorted(map(str, label))) or "none"  # bits have no order, and who says them may name any first
    return _member(label, names)


def _member(label: Any, names: Sequence[str]) -> str:
    """The name of a class, or of a member by its index."""
    text = str(label)
    return names[int(text)] if names and text.isdecimal() and int(text) < len(names) else text


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels of each unit: what the version says, what is true, what another version said; None for nothing."""

    said: list[Any]
    gold: list[Any]
    before: list[Any]


def _units(
    items: Sequence[str], labels: _Labels, told: Mapping[int, UnitError], names: Sequence[str]
) -> Iterator[Unit]:
    """The wrong units: those told; or, where none are, those that are not what is true, or changed."""
    for place, text in enumerate(items):
        said, gold, before = (label_text(values[place], names) for values in (labels.said, labels.gold, labels.before))
        if place in told:
            yield _unit(told[place], text, names, before)
        elif not told and said != gold and said != before:
            yield Unit(place, text, said or NOTHING, None, gold, before)


def _unit(error: UnitError, text: str, names: Sequence[str], before: str) -> Unit:
    """A wrong unit with what the sources say, the right ones first."""
    gold = label_text(error.gold, names)
    by_label: dict[str, list[str]] = {}
    for label, source in error.said_by:
        by_label.setdefault(label_text(label, names), []).append(source)
    right = {label_text(label, names) for label, _ in error.said_by if agrees(label, error.gold)}
    voices = [Voice(label, tuple(sources), label in right) for label, sources in by_label.items()]
    return Unit(
        place=error.unit,
        text=error.text or text,
        prediction=label_text(error.prediction, names) or NOTHING,
        probability=error.probability,
        gold=gold,
        before=before,
        voices=tuple(sorted(voices, key=lambda voice: not voice.right)),
    )


def _token(
    place: int, word: str, labels: _Labels, members: Sequence[Any], told: Mapping[int, UnitError], marked: bool
) -> Token:
    """A word with its label, where words are labelled, and the candidates that point to it."""
    spans = tuple(number for number, member in enumerate(members) if _points_to(member, place))
    if not marked:
        return Token(word, spans=spans)
    error = told.get(place)
    said, gold = (error.prediction, error.gold) if error else (labels.said[place], labels.gold[place])
    prediction, truth = label_text(said), label_text(gold)
    if truth and prediction != truth:
        return Token(word, "wrong", prediction or NOTHING, truth, spans)
    return Token(word, "right" if truth else "", "" if prediction in QUIET else prediction, "", spans)


def _candidates(
    members: Sequence[Any], words: Sequence[str], told: Mapping[int, UnitError], chosen: tuple[Any, Any]
) -> tuple[Candidate, ...]:
    """The first members, and in any case those that are chosen, true or wrong."""
    candidates = [
        Candidate(place, _id(member), _span(member, words), chosen[0] == place, chosen[1] == place)
        for place, member in enumerate(members)
    ]
    first = sorted(candidates, key=lambda one: (not (one.chosen or one.true or one.place in told), one.place))
    return tuple(sorted(first[:MOST_CANDIDATES], key=lambda one: one.place))


def _each(value: Any, n: int, *, per_item: bool) -> list[Any]:
    """The label of each unit; None where nothing is said."""
    if not per_item:
        return [value]
    listed = list(value) if isinstance(value, list | tuple) else [value] if value is not None else []
    return [*listed[:n], *[None] * (n - len(listed))]


def _words(schema: Schema, task: Task, payloads: Mapping[str, Any]) -> list[str]:
    """The words that a task is about: of its payload, of what that points into or reads, or of any sequence."""
    payload = schema.payload(task.payload)
    near = [payload.name, *([payload.range] if payload.range else []), *payload.base]
    named = [schema.payload(name) for name in near]
    others = [one for one in schema.payloads if one not in named]
    for one in [*named, *others]:
        value = payloads.get(one.field)
        if one.type == "sequence" and isinstance(value, list):
            return [str(word) for word in value]
    return []


def _members(schema: Schema, task: Task, payloads: Mapping[str, Any]) -> list[Any]:
    """The members of the set that a task is about."""
    payload = schema.payload(task.payload)
    value = payloads.get(payload.field) if payload.type == "set" else None
    if isinstance(value, Mapping):  # as in the paper: an object keyed by index
        value = [value[key] for key in sorted(value, key=lambda key: int(key) if str(key).isdecimal() else 0)]
    return list(value) if isinstance(value, list) else []


def _texts(payloads: Mapping[str, Any], words: Sequence[str]) -> tuple[str, ...]:
    """The texts of a record that say other than its words."""
    known = "".join("".join(words).split()).casefold()
    texts = [value for value in payloads.values() if isinstance(value, str) and value.strip()]
    return tuple(text for text in dict.fromkeys(texts) if "".join(text.split()).casefold() != known)


def _distinct(ids: Sequence[str]) -> list[str]:
    """What the members are called, with their place where two have one id: which of them is meant is the label."""
    return [f"{place} {one}" if ids.count(one) > 1 else one for place, one in enumerate(ids)]


def _id(member: Any) -> str:
    return str(member.get("id", "")) if isinstance(member, Mapping) else str(member)


def _range(member: Any) -> tuple[int, int]:
    span = member.get("range") if isinstance(member, Mapping) else None
    return (int(span[0]), int(span[1])) if span else (0, 0)


def _span(member: Any, words: Sequence[str]) -> str:
    first, last = _range(member)
    return " ".join(words[first:last])


def _points_to(member: Any, place: int) -> bool:
    first, last = _range(member)
    return first <= place < last
