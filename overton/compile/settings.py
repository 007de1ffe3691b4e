"""The settings that a tuning file may name, and what each may be: one rule a setting."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overton.compile.choices import AGGREGATES, ENCODERS


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may be: one of some names, a text of a form, or a number between two bounds.

    Attributes:
        meaning: One line for a person.
        names: The texts that it may be, where they can be listed.
        form: The form of the text, as a regular expression, where it is one.
        said: That form in words.
        low: The least number, where it is one.
        high: The greatest.
        whole: Whether the number must be whole.
        flag: Whether it is true or false.
        many: Whether it is a list of texts of a form, each once.
    """

    meaning: str
    names: tuple[str, ...] = ()
    form: str = ""
    said: str = ""
    low: float = 0
    high: float = 0
    whole: bool = False
    flag: bool = False
    many: bool = False

    @property
    def expected(self) -> str:
        """What is expected, in words."""
        if self.flag:
            return "true or false"
        if self.names:
            return f"one of {', '.join(repr(name) for name in self.names)}"
        if self.form:
            return self.said
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def accepts(self, value: object) -> bool:
        """Whether a value may stand there."""
        if self.flag:
            return isinstance(value, bool)
        if self.names:
            return value in self.names
        if self.many:
            return (
                isinstance(value, list)
                and all(isinstance(one, str) and re.fullmatch(self.form, one) for one in value)
                and len(set(value)) == len(value)
            )
        if self.form:
            return isinstance(value, str) and re.fullmatch(self.form, value) is not None
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low <= value <= self.high

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of one value."""
        schema: dict[str, Any] = {"description": self.meaning}
        if self.flag:
            return {**schema, "type": "boolean"}
        if self.names:
            return {**schema, "enum": list(self.names)}
        if self.form:
            one = {"type": "string", "pattern": f"^{self.form}$"}
            return {**schema, "type": "array", "uniqueItems": True, "items": one} if self.many else {**schema, **one}
        return {**schema, "type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}


PAYLOAD_SETTINGS: Mapping[str, Rule] = {
    "affixes": Rule(
        "Whether words are read by a prefix and a suffix more; if left out, where no set of a `select` task points.",
        flag=True,
    ),
    "aggregate": Rule("How several vectors become one.", names=AGGREGATES),
    "attention": Rule(
        "Heads and size of a head.",
        form=r"[1-9]\d?x[1-9]\d{0,2}",
        said="heads x size of a head, such as '4x32'",
    ),
    "characters": Rule("Whether words are read by their characters too, three at a time.", flag=True),
    "crf": Rule(
        "Whether classes of neighbouring tokens are predicted together, up to 256 of them; if left out, those of spans "
        "(BIO).",
        flag=True,
    ),
    "embedding": Rule(
        "How strings become vectors: by hashing alone, or with pretrained vectors or a transformer beside it.",
        form=r"(hash|(vectors|hf):\S.*)",
        said="'hash', 'vectors:FILE' or 'hf:NAME_OR_FOLDER'",
    ),
    "encoder": Rule("What gives tokens their context.", names=ENCODERS),
    "layers": Rule("Layers of the encoder.", low=1, high=12, whole=True),
    "sets": Rule(
        "Whether `bitvector` tasks on records choose among the sets of bits that occur; yes if left out.", flag=True
    ),
    "size": Rule("Width of the payload's vectors.", low=8, high=1024, whole=True),
    "strings": Rule("Whether the strings of a member's span are read beside its tokens in context.", flag=True),
    "tune": Rule("Whether the pretrained part of the embedding is trained further.", flag=True),
    "wide": Rule(
        "Whether heads of a record also read the words and pieces of words of its text, and those of tokens the words "
        "around them; yes if left out.",
        flag=True,
    ),
}
TRAINING_SETTINGS: Mapping[str, Rule] = {
    "balance": Rule("How far tasks with many tokens or bits count less; 0: losses add up as they are.", high=1),
    "batch_size": Rule("Records of one step; 0 lets the number of training records decide.", high=4096, whole=True),
    "bit_weight": Rule(
        "Largest extra weight of rare bits of a bitvector that are predicted one by one; 1 is none.", low=1, high=100
    ),
    "certainty": Rule("How much less a unit counts whose target is unsure; 0: not at all.", high=10),
    "dropout": Rule("Share of activations dropped.", high=0.9),
    "epochs": Rule("Most passes over the training records; 0 lets their number decide.", high=10000, whole=True),
    "hf_learning_rate": Rule("The highest for a pretrained transformer that is tuned.", low=1e-7, high=0.1),
    "id_dropout": Rule("Share of set members whose id is dropped.", high=1),
    "label_smoothing": Rule("Share of a target that is spread over all classes where nearly all are hard.", high=0.5),
    "learning_rate": Rule("The highest of the schedule.", low=1e-6, high=1),
    "member_dropout": Rule("Share of activations dropped where members of a set are compared.", high=0.9),
    "mixed": Rule(
        "Whether training computes in bfloat16 on processors made for it: true in all of the model; if left out, in "
        "pretrained transformers that are tuned; false nowhere.",
        flag=True,
    ),
    "patience": Rule("Epochs without a better score on dev before it stops.", low=1, high=10000, whole=True),
    "piece_dropout": Rule("Share of the pieces of words that are masked while a transformer is tuned.", high=0.9),
    "rebalance": Rule("0: classes of records as frequent as they are; 1: as if equally frequent.", high=1),
    "robustness": Rule("How far an absurd target of a `select` task is let go; 0: not at all.", high=1),
    "weight_decay": Rule("Weight decay of AdamW.", high=1),
    "word_dropout": Rule("Share of tokens whose features are dropped.", high=1),
}
SEARCH_SETTINGS: Mapping[str, Rule] = {
    "at_once": Rule("Trials that may run at one time; none knows the outcome of those.", low=1, high=1000, whole=True),
    "minutes": Rule("No trial is begun that would not end within so many minutes; 0: any time.", low=0, high=100000),
    "objective": Rule(
        "What to look for on dev: the main metric of a task, of all tasks on a tag or an expression over tags, or of a "
        "task on one (`TASK@TAG`); if left out, the mean over tasks.",
        form=r"\S(.*\S)?",
        said="a task, a tag with a colon in it, an expression over tags, or 'TASK@TAG'",
    ),
    "trials": Rule("Most programs tried.", low=1, high=1000, whole=True),
}
SERVING_SETTINGS: Mapping[str, Rule] = {
    "int8": Rule(
        "Whether the model serves in int8: where that is a quarter faster, always, never; dev must keep to the gate.",
        names=("auto", "on", "off"),
    ),
    "p99_ms": Rule("Time in which 99 of 100 single queries must be answered, in milliseconds.", low=0.01, high=100000),
    "size_mb": Rule("Size that the exported model may have, in millions of bytes.", low=0.01, high=1000000),
}
SLICES = Rule(
    "Whether slices with enough members are seen more often and add capacity: for no task, those on records, or all.",
    names=("off", "records", "on"),
)
SUPERVISION_SETTINGS: Mapping[str, Rule] = {
    "trusted": Rule(
        "Sources whose labels count as gold in training, the most trusted first: people who saw the record.",
        form=r".{1,64}",
        said="a list of names of sources, each once",
        many=True,
    ),
    "use_dev_gold": Rule("Whether gold on dev records shows what the sources are worth; true if left out.", flag=True),
}


def tuning_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `tuning.json`, for editors."""
    payload = _object({name: _choice(rule) for name, rule in PAYLOAD_SETTINGS.items()})
    own = {
        "payloads": {
            "type": "object",
            "additionalProperties": _object({name: rule.json_schema() for name, rule in PAYLOAD_SETTINGS.items()}),
        },
        "training": _object({name: rule.json_schema() for name, rule in TRAINING_SETTINGS.items()}),
        "slices": SLICES.json_schema(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overton tuning",
        "description": "What the search may choose (a list), what is pinned (a single value), what serving must meet.",
        **_object(
            {
                "payloads": {"type": "object", "additionalProperties": payload},
                "training": _object({name: _choice(rule) for name, rule in TRAINING_SETTINGS.items()}),
                "search": _object({name: rule.json_schema() for name, rule in SEARCH_SETTINGS.items()}),
                "supervision": _object({name: rule.json_schema() for name, rule in SUPERVISION_SETTINGS.items()}),
                "serving": _object({name: rule.json_schema() for name, rule in SERVING_SETTINGS.items()}),
                "slices": _choice(SLICES),
                "models": {
                    **_object({"large": _object(own), "small": _object(own)}),
                    "description": "What a large and a small model of a version have of their own.",
                    "required": ["large", "small"],
                },
            }
        ),
    }


def _choice(rule: Rule) -> dict[str, Any]:
    one = rule.json_schema()
    return {"description": one.pop("description"), "anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}
