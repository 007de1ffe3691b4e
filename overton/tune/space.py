"""What a search may choose from: the lists of a tuning file, or a few coarse blocks where it has none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from overton.base import digest_json
from overton.compile import (
    MOST_CHAINED,
    SETTINGS_OF_PAYLOAD,
    Choices,
    PayloadChoices,
    TrainingChoices,
    Tuning,
    texts_of,
)
from overton.schema import Payload, Schema

BOUNDS = ("p99_ms", "size_mb")  # of what serving asks

Place = tuple[str, ...]  # ("payloads", "tokens", "size"), ("training", "dropout") or ("slices",)
Picked = Mapping[str, Any]  # an option by name of knob
AtHand = Callable[[str], Sequence[str]]

# The blocks that are tried where the tuning file has no list; of each the default is tried first. They are few, since a
# search has dozens of trials at best, and one knob turns a setting of all payloads at once.
PAYLOAD_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "characters": (False, True),
    "encoder": ("cnn", "bilstm", "dilated", "bag"),
    "size": (128, 64, 256),
    "aggregate": ("attention", "max", "mean"),
    "strings": (False, True),
}
TRAINING_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "learning_rate": (0.003, 0.001, 0.006),
    "dropout": (0.3, 0.15, 0.45),
    "word_dropout": (0.05, 0.15),
    "label_smoothing": (0.1, 0.0),
}
SLICE_OPTIONS = ("off", "records", "on")
HASH = "hash"
SMALL_SIZE = 32  # is an option too where serving has bounds

# Options of settings that are not numbers, the quickest to serve first. Of numbers the least is quickest, and of flags
# no; what is not here (an embedding, how to train) keeps its first option.
QUICKEST: Mapping[str, tuple[Any, ...]] = {
    "aggregate": ("mean", "max", "attention"),
    "encoder": ("bag", "cnn", "dilated", "bigru", "bilstm", "transformer"),
    "slices": SLICE_OPTIONS,
}
COSTLY = ("size", "layers", "attention", "affixes", "characters", "strings", "sets", "wide", *QUICKEST)


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing to choose.

    Attributes:
        name: Its name, such as `tokens.encoder`; `size` alone for all payloads.
        places: The settings that it turns, all to the same value.
        options: What it may be; the first is what a build without a search takes.
    """

    name: str
    places: tuple[Place, ...]
    options: tuple[Any, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether its options are numbers, so that what lies between two good ones is likely to be good."""
        return all(isinstance(option, int | float) and not isinstance(option, bool) for option in self.options)

    def cost(self, option: Any) -> int:
        """What an option costs in serving, beside the others: 0 for the least, or where it makes no difference."""
        setting = self.places[0][-1]
        if setting not in COSTLY:
            return self.options.index(option)
        if setting in QUICKEST:
            return QUICKEST[setting].index(option)
        if isinstance(option, str):  # heads x size of a head
            return prod(map(int, option.split("x")))
        return int(option)


@dataclass(frozen=True, slots=True)
class Space:
    """All programs that a search may try.

    Attributes:
        schema: The schema of them all.
        base: The choices with the first option of every knob.
        knobs: What may be chosen.
        has_slices: Whether the data have slices that may add capacity; without, it makes no difference who may.
    """

    schema: Schema
    base: Choices
    knobs: tuple[Knob, ...]
    has_slices: bool = True

    @property
    def size(self) -> int:
        """Number of combinations of options; some of them may make the same program."""
        return prod(len(knob.options) for knob in self.knobs)

    @property
    def first(self) -> dict[str, Any]:
        """The combination that a build without a search takes."""
        return {knob.name: knob.options[0] for knob in self.knobs}

    @property
    def informed(self) -> dict[str, Any] | None:
        """The first combination with what is pretrained in place of hashing alone; None where that is not to choose."""
        known = {
            knob.name: next(option for option in knob.options if option != HASH)
            for knob in self.knobs
            if knob.places[0][-1] == "embedding" and knob.options[0] == HASH
        }
        return {**self.first, **known} if known else None

    @property
    def embeddings(self) -> dict[str, list[str]]:
        """What may be chosen as an embedding, by name of knob."""
        return embeddings_of({knob.name: knob.options for knob in self.knobs})

    @property
    def cheapest(self) -> dict[str, Any]:
        """The combination that is likely to be the quickest to serve."""
        return {knob.name: min(knob.options, key=knob.cost) for knob in self.knobs}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every combination."""
        names = [knob.name for knob in self.knobs]
        return (dict(zip(names, options, strict=True)) for options in product(*(knob.options for knob in self.knobs)))

    def holds(self, picked: Picked) -> bool:
        """Whether a combination is one of this space."""
        known = {knob.name: knob.options for knob in self.knobs}
        return set(picked) == set(known) and all(value in known[name] for name, value in picked.items())

    def adopted(self, picked: Picked) -> dict[str, Any] | None:
        """A combination of an earlier search as one of this space, which may have more to choose, or None."""
        whole = {**self.first, **picked}
        return whole if self.holds(whole) else None

    def choices(self, picked: Picked) -> Choices:
        """The choices that a combination makes."""
        payloads, training, slices = dict(self.base.payloads), self.base.training, self.base.slices
        for knob in self.knobs:
            for place in knob.places:
                change = {place[-1]: picked[knob.name]}
                if place[0] == "payloads":
                    payloads[place[1]] = replace(payloads[place[1]], **change)
                elif place[0] == "training":
                    training = replace(training, **change)
                else:
                    slices = picked[knob.name]
        return Choices(payloads, training, slices)

    def key(self, picked: Picked) -> str:
        """The same text for all combinations that make the same program, trained in the same way."""
        choices = effective(self.choices(picked), self.schema)
        return digest_json((choices if self.has_slices else replace(choices, slices=Choices({}).slices)).to_json())


def space_of(tuning: Tuning, schema: Schema, *, has_slices: bool, at_hand: AtHand = lambda payload: ()) -> Space:
    """The space of a tuning: its lists, or, where it has none, coarse blocks of all that it does not pin.

    Args:
        tuning: The tuning.
        schema: The schema.
        has_slices: Whether the data have slices that may add capacity.
        at_hand: Gives the pretrained embeddings that may be tried for a payload, by name; asked only where the tuning
            leaves that open.
    """
    knobs = _listed(tuning) or _default_knobs(tuning, schema, has_slices, at_hand)
    return Space(schema, tuning.choices(schema), knobs, has_slices)


def embeddings_of(options: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """What may be chosen as an embedding, by name of knob, of options by name of knob."""
    return {name: list(map(str, values)) for name, values in options.items() if name.endswith(".embedding")}


def effective(choices: Choices, schema: Schema) -> Choices:
    """The choices with every setting at its default that has no effect beside the others."""
    payloads = {name: _effective_payload(schema, name, one) for name, one in choices.payloads.items()}
    default = TrainingChoices()
    changes = {name: getattr(default, name) for name in _useless_of_training(payloads, schema)}
    return Choices(payloads, replace(choices.training, **changes), choices.slices)


def _useless_of_training(payloads: Mapping[str, PayloadChoices], schema: Schema) -> list[str]:
    """The settings of training that have no effect beside the choices of the payloads."""
    types = {(task.type, schema.payload(task.payload).type) for task in schema.tasks}
    kinds, has_sets = {kind for kind, _ in types}, any(payload.type == "set" for payload in schema.payloads)
    tunes = any(one.pretrained[0] == "hf" and one.tune for one in payloads.values())
    drops_words = any(payload.has_tokens for payload in schema.payloads)
    useless = {
        "bit_weight": "bitvector" not in kinds,
        "hf_learning_rate": not tunes,
        "id_dropout": not has_sets,
        "label_smoothing": "multiclass" not in kinds,
        "member_dropout": not has_sets,
        "piece_dropout": not tunes,
        "rebalance": ("multiclass", "singleton") not in types,
        "robustness": "select" not in kinds,
        # What a file says of ids is dropped with the ids of members by the same share as words.
        "word_dropout": not drops_words and not any(one.pretrained[0] == "vectors" for one in payloads.values()),
    }
    return [name for name, is_useless in useless.items() if is_useless]


def _effective_payload(schema: Schema, name: str, choices: PayloadChoices) -> PayloadChoices:
    payload = schema.payload(name)
    selects = any(task.payload == name and task.type == "select" for task in schema.tasks)
    pools = _has_inputs(payload) and (choices.aggregate == "attention" or selects)
    useless = {
        "layers": not payload.has_tokens or choices.encoder == "bag",
        "encoder": not payload.has_tokens,
        "affixes": not payload.has_tokens,
        "characters": not payload.has_tokens,
        "aggregate": not _has_inputs(payload),
        "attention": not pools and not (payload.has_tokens and choices.encoder == "transformer"),
        "tune": not choices.pretrained[0],
        "strings": not payload.range,
        "crf": not _may_be_chained(schema, payload),
        "sets": not _has_bits(schema, payload),
        "wide": not _reads_wide(schema, payload),
    }
    default = PayloadChoices()
    return replace(choices, **{name: getattr(default, name) for name, is_useless in useless.items() if is_useless})


def _listed(tuning: Tuning) -> tuple[Knob, ...]:
    """A knob for every list of a tuning."""
    found = [
        Knob(f"{payload}.{setting}", (("payloads", payload, setting),), options)
        for payload, settings in sorted(tuning.payloads.items())
        for setting, options in sorted(settings.items())
    ]
    found += [
        Knob(f"training.{setting}", (("training", setting),), options)
        for setting, options in sorted(tuning.training.items())
    ]
    found.append(Knob("slices", (("slices",),), tuning.slices))
    return tuple(knob for knob in found if len(knob.options) > 1)


def _default_knobs(tuning: Tuning, schema: Schema, has_slices: bool, at_hand: AtHand) -> tuple[Knob, ...]:
    knobs = []
    bounded = bool(set(BOUNDS) & set(tuning.serving))
    for setting, known in PAYLOAD_OPTIONS.items():
        options = (*known, SMALL_SIZE) if bounded and setting == "size" else known
        names = [
            payload.name
            for payload in schema.payloads
            if _applies(payload, setting) and setting not in tuning.payloads.get(payload.name, {})
        ]
        if names:
            knobs.append(Knob(setting, tuple(("payloads", name, setting) for name in names), options))
    for payload in schema.payloads:
        is_open = "embedding" not in tuning.payloads.get(payload.name, {})
        if pretrained := at_hand(payload.name) if is_open else ():
            place = ("payloads", payload.name, "embedding")
            knobs.append(Knob(f"{payload.name}.embedding", (place,), (HASH, *pretrained)))
        for setting in _flags(schema, payload):
            if setting not in tuning.payloads.get(payload.name, {}):
                first = getattr(tuning.choices(schema).payloads[payload.name], setting)
                place = ("payloads", payload.name, setting)
                knobs.append(Knob(f"{payload.name}.{setting}", (place,), (first, not first)))
    if has_slices and not tuning.slices:
        knobs.append(Knob("slices", (("slices",),), SLICE_OPTIONS))
    useless = _useless_of_training(tuning.choices(schema).payloads, schema)
    for setting, options in TRAINING_OPTIONS.items():
        if setting not in tuning.training and setting not in useless:
            knobs.append(Knob(f"training.{setting}", (("training", setting),), options))
    return tuple(knobs)


def _flags(schema: Schema, payload: Payload) -> list[str]:
    """What is on or off by default for one payload and not for another, and makes a difference on it."""
    known = {
        "crf": _may_be_chained(schema, payload),
        "sets": _has_bits(schema, payload),
        "wide": _reads_wide(schema, payload),
    }
    return [setting for setting, is_known in known.items() if is_known]


def _may_be_chained(schema: Schema, payload: Payload) -> bool:
    """Whether a sequence has a task whose neighbouring classes may be predicted together."""
    tasks = [task for task in schema.tasks if task.payload == payload.name and task.type == "multiclass"]
    return payload.type == "sequence" and any(len(task.classes) <= MOST_CHAINED for task in tasks)


def _reads_wide(schema: Schema, payload: Payload) -> bool:
    """Whether heads of a payload may read a wide path."""
    has_heads = any(task.payload == payload.name for task in schema.tasks)
    return has_heads and (payload.type == "sequence" or bool(texts_of(schema, payload)))


def _has_bits(schema: Schema, payload: Payload) -> bool:
    """Whether a payload is a singleton with a task of bits."""
    tasks = [task for task in schema.tasks if task.payload == payload.name and task.type == "bitvector"]
    return payload.type == "singleton" and bool(tasks)


def _applies(payload: Payload, setting: str) -> bool:
    """Whether a setting makes a difference on a payload."""
    if setting not in SETTINGS_OF_PAYLOAD[payload.type]:
        return False
    if setting in ("encoder", "affixes", "characters"):
        return payload.has_tokens
    if setting == "aggregate":
        return _has_inputs(payload)
    return bool(payload.range) if setting == "strings" else True


def _has_inputs(payload: Payload) -> bool:
    """Whether several vectors become one on a payload."""
    return payload.is_text or bool(payload.base) or bool(payload.range)
