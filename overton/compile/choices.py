"""Choices: the hyperparameters and blocks picked for one program, with a default for every one of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from overton.schema import Payload, PayloadType, Schema

ENCODERS = ("bag", "bigru", "bilstm", "cnn", "dilated", "transformer")
AGGREGATES = ("attention", "max", "mean")
EMBEDDING = "hash"
PRETRAINED = ("vectors", "hf")


@dataclass(frozen=True, slots=True)
class PayloadChoices:
    """How one payload is embedded.

    Attributes:
        embedding: How strings become vectors: `hash`; `vectors:FILE` and `hf:NAME` add pretrained ones to that.
        tune: Whether what is pretrained is trained further; else it stays as it is.
        encoder: The block that gives tokens their context: one of `ENCODERS`.
        size: Width of the payload's vectors.
        layers: Layers of the encoder.
        aggregate: How several vectors become one: one of `AGGREGATES`.
        attention: Heads and size of a head, such as `4x32`.
        crf: Whether the classes of neighbouring tokens are predicted together, for `multiclass` on a sequence.
        affixes: Whether words are read by a prefix and a suffix more. Where members of a set point into them of which a
            task selects one, that made the errors of its sources easier to learn by heart.
        characters: Whether words are read by their characters too, three at a time: for text without spaces, and where
            word forms are many.
        sets: Whether `bitvector` tasks on records choose among the sets of bits that occur, where these are few.
        strings: Whether the strings of a member's span are read beside its tokens in their context.
        wide: Whether heads of the record also read what its text contains: words, neighbours, pieces of words; and
            heads of tokens the words around them.
    """

    embedding: str = EMBEDDING
    tune: bool = False
    encoder: str = "cnn"
    size: int = 128
    layers: int = 3
    aggregate: str = "attention"
    attention: str = "4x32"
    crf: bool = False
    affixes: bool = False
    characters: bool = False
    sets: bool = False
    strings: bool = False
    wide: bool = False

    @property
    def heads(self) -> tuple[int, int]:
        """Number of attention heads and the size of one."""
        heads, _, size = self.attention.partition("x")
        return int(heads), int(size)

    @property
    def pretrained(self) -> tuple[str, str]:
        """Kind (one of `PRETRAINED`) and name of what is pretrained; two empty texts where nothing is."""
        kind, _, name = self.embedding.partition(":")
        return (kind, name) if kind in PRETRAINED else ("", "")


@dataclass(frozen=True, slots=True)
class TrainingChoices:
    """How the program is trained.

    Attributes:
        learning_rate: The highest of the schedule.
        hf_learning_rate: The same for the weights of a pretrained transformer that is tuned.
        epochs: Most passes over the training records; 0 lets their number decide (`overton.train.epochs_for`).
        batch_size: Records of one step; 0 lets the number of training records decide (`overton.train.batch_size_for`).
        patience: Epochs without a better score on dev after which training stops.
        weight_decay: Of AdamW, on matrices alone.
        dropout: Share of activations dropped.
        member_dropout: Share of activations dropped where members of a set are described and compared: their sources
            are heuristics of the same features, whose errors are easily learned by heart.
        word_dropout: Share of tokens whose features are dropped, so that unknown words are no surprise.
        piece_dropout: Share of the pieces of words that are masked while a transformer is tuned.
        id_dropout: Share of set members whose id is dropped, so that unknown ids are no surprise.
        rebalance: 0 trains on the classes of records as they are, 1 as if all were equally frequent.
        robustness: How far a target of a `select` task that the model finds absurd is let go: 0 is the cross entropy,
            1 the mean absolute error.
        bit_weight: Largest extra weight of the rare bits of a bitvector; 1 is none.
        balance: How far tasks with many tokens or bits count less, lest they drown the others: 0 adds up the losses as
            they are; 1 divides each by that of a model which knows no more than how frequent the labels are.
        certainty: How much less a unit counts whose target is unsure (`overton.train.Objective`); 0 for not at all.
        label_smoothing: Share of a target that is spread over all classes, in `multiclass` tasks of hard targets.
        mixed: Whether training computes in bfloat16, on processors made for it, where that does no harm; None for in
            pretrained transformers that are tuned and nowhere else.
    """

    learning_rate: float = 0.003
    hf_learning_rate: float = 0.0001
    epochs: int = 0
    batch_size: int = 0
    patience: int = 10
    weight_decay: float = 0.01
    dropout: float = 0.3
    member_dropout: float = 0.5
    word_dropout: float = 0.05
    piece_dropout: float = 0.15
    id_dropout: float = 0.6
    rebalance: float = 0.5
    bit_weight: float = 1.0
    robustness: float = 0.4
    balance: float = 0.25
    certainty: float = 1.0
    label_smoothing: float = 0.1
    mixed: bool | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """All choices of one program: those of each payload by name, those of training, and whether slices add capacity."""

    payloads: Mapping[str, PayloadChoices]
    training: TrainingChoices = field(default_factory=TrainingChoices)
    slices: str = "off"

    def tasks_in_sets(self, schema: Schema) -> list[str]:
        """The tasks that choose among sets of bits where these are few: those of bits on records, if they may."""
        singletons = {payload.name for payload in schema.payloads if payload.type == "singleton"}
        tasks = [task for task in schema.learnable().tasks if task.type == "bitvector"]
        return [task.name for task in tasks if task.payload in singletons and self.payloads[task.payload].sets]

    def to_json(self, schema: Schema | None = None) -> dict[str, Any]:
        """All choices as a JSON value.

        Args:
            schema: Of each payload only what means something there: `choices.json`, which is a tuning file with
                everything pinned but what the processor decides, which is left out.
        """
        said = {name: asdict(self.payloads[name]) for name in sorted(self.payloads)}
        if schema:
            known = {name: SETTINGS_OF_PAYLOAD[schema.payload(name).type] for name in said}
            said = {name: {key: value for key, value in said[name].items() if key in known[name]} for name in said}
        return {
            "payloads": said,
            "slices": self.slices,
            "training": {name: value for name, value in asdict(self.training).items() if value is not None},
        }


# The settings of a payload that mean something, by its type.
SETTINGS_OF_PAYLOAD: Mapping[PayloadType, tuple[str, ...]] = {
    "sequence": (
        *("affixes", "aggregate", "attention", "characters", "crf", "embedding", "encoder", "layers", "size", "tune"),
        "wide",
    ),
    "singleton": (
        *("affixes", "aggregate", "attention", "characters", "embedding", "encoder", "layers", "sets", "size", "tune"),
        "wide",
    ),
    "set": ("aggregate", "attention", "embedding", "size", "strings", "tune"),
}


def default_choices(schema: Schema) -> Choices:
    """One good default program for a schema.

    Neighbouring classes are predicted together where they are those of spans, which is where that was measured to help.
    Heads of records read what their text contains, those of tokens what stands around these, and records choose among
    whole sets of bits. Words are read by more affixes where no member that a task selects points into them.
    """
    pointed = {schema.payload(task.payload).range for task in schema.tasks if task.type == "select"}
    spans = {task.payload for task in schema.tasks if any(name.startswith("B-") for name in task.classes)}
    return Choices(
        {
            payload.name: PayloadChoices(
                crf=payload.name in spans,
                affixes=payload.has_tokens and payload.name not in pointed,
                sets=payload.type == "singleton",
                wide=payload.type == "sequence" or bool(texts_of(schema, payload)),
            )
            for payload in schema.payloads
        }
    )


def texts_of(schema: Schema, payload: Payload) -> tuple[str, ...]:
    """The payloads whose tokens are the text of a singleton: itself, or the sequences and texts that it aggregates.

    What it aggregates through other singletons counts as well; of payloads that read one field, the first.
    """
    if payload.type != "singleton":
        return ()
    by_field: dict[str, str] = {}
    for part in schema.made_of(payload.name):
        if part.has_tokens:
            by_field.setdefault(part.field, part.name)
    return tuple(by_field.values())
