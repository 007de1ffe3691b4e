"""Where training begins: the weights of a parent version where they still mean the same, and fresh ones elsewhere.

A block goes on where the parent has one of its name, kind, settings and inputs; any other begins anew. Rows that stand
for a class, a slice or a string are matched by that name, so that one more class moves none of the others. Vectors of
hashed strings are renewed: rare ones know by heart what noisy labels said, and few passes find the others again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy import ndarray

from overton.artifact import Artifact
from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.compile import Node, Program, Setting, TrainingChoices
from overton.nn import build_model
from overton.pretrained import Given
from overton.train.calibrate import as_trained
from overton.train.loop import weights_of
from overton.train.schedule import warm_epochs_for
from overton.train.state import Trained, Weights

VECTORS = "vectors.v1"
FEATURES = ("embedding", "pretrained", "wide")  # blocks that read numbers made of strings

# Wide paths, and how the settings of strings begin that each reads and nothing else does.
GRAMS = "wide_text.v1"
OF_GRAMS = ("function", "gram_lengths", "gram_words")
WIDE = {GRAMS: "gram_", "wide_tokens.v1": "window_"}
WIDE_TABLE = "pieces.weight"
BUCKETS = ("gram_buckets", "window_buckets")
FILM = "slice_film.v2"
HASHED = ("word_embedding.v1", "word_embedding.v2", "id_embedding.v1")
BAG = "bag.v1"
HIDES = "mask"  # of a transformer: what it is shown in training says nothing of its weights
# Of the blocks with a row for each class, slice or string: the setting that counts them, and on how many axes of which
# weights they stand.
SCORES = {"score.weight": 1, "score.bias": 1}
ROWS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "bitvector_head.v1": ("classes", SCORES),
    "bitvector_head.v2": ("classes", {**SCORES, "wide.weight": 1}),
    "chain_head.v1": ("classes", {**SCORES, "transitions": 2}),
    "chain_head.v2": ("classes", {**SCORES, "transitions": 2, "wide.weight": 1}),
    "multiclass_head.v1": ("classes", SCORES),
    "multiclass_head.v2": ("classes", {**SCORES, "wide.weight": 1}),
    "sets_head.v1": ("sets", {**SCORES, "wide.weight": 1}),
    FILM: ("slices", {"own": 1, "scale": 1, "shift": 1}),
    "slice_membership.v1": ("slices", SCORES),
    VECTORS: ("rows", {"vectors": 1}),
    **dict.fromkeys(WIDE, ("rows", {})),  # of buckets, which have no names: `grown_table`
}


@dataclass(frozen=True, slots=True)
class Parent:
    """A version to begin from.

    Attributes:
        id: Its id.
        program: Its program.
        weights: Its weights by name.
        strings: What its codec knows of strings, by name of payload.
        temperature: By what the logits of each task were divided in the end.
        share: What the wide path counts in the end, by task whose head has two paths.
    """

    id: str
    program: Program
    weights: Weights
    strings: Mapping[str, str] = field(default_factory=dict)
    temperature: Mapping[str, float] = field(default_factory=dict)
    share: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowChange:
    """Classes, slices or strings of one block that differ from the parent's.

    Attributes:
        new: Those that begin anew.
        gone: Those of the parent that are dropped.
    """

    new: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The weights that training begins with, by name, instead of random ones.

    Attributes:
        weights: All of them where there is a parent, else what is pretrained.
        parent: Id of the parent; empty where there is none.
        taken: The blocks that go on with the parent's weights.
        begun: The blocks that begin anew, since the parent's mean something else or are not there.
        renewed: The blocks that begin anew though the parent's would fit.
        rows: What is new or gone in the blocks that have a row for each class, slice or string.
    """

    weights: Weights
    parent: str = ""
    taken: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    rows: Mapping[str, RowChange] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every block goes on that can, so that a short training will do."""
        return bool(self.taken) and not self.begun

    def settings(self, choices: TrainingChoices, n_records: int) -> TrainingChoices:
        """How to train from here: for fewer epochs where every block goes on, unless their number is pinned."""
        if choices.epochs or not self.is_whole:
            return choices
        return replace(choices, epochs=warm_epochs_for(n_records))

    def lineage(self) -> dict[str, Any]:
        """What the artefact tells of it."""
        rows = {name: {"new": len(change.new), "gone": len(change.gone)} for name, change in self.rows.items()}
        parts = {"taken": self.taken, "begun": self.begun, "renewed": self.renewed}
        return {**{name: list(part) for name, part in parts.items()}, "rows": rows} if self.parent else {}

    def __str__(self) -> str:
        """One line for a person."""
        n_blocks = len(self.taken) + len(self.begun) + len(self.renewed)
        parts = [f"{len(self.taken)} of {n_blocks} blocks go on from {self.parent}"]
        parts += [f"renewed: {', '.join(self.renewed)}"] if self.renewed else []
        parts += [f"anew: {', '.join(self.begun)}"] if self.begun and self.taken else []
        parts += ["all begin anew"] if not self.taken else []
        for name, change in self.rows.items():
            counts = {"new": len(change.new), "gone": len(change.gone)}
            parts.append(f"{name}: " + ", ".join(f"{count:,} {word}" for word, count in counts.items() if count))
        return "; ".join(parts)


def parent_of(artifact: Artifact) -> Parent:
    """What a version gives to those that begin from it."""
    lineage = artifact.json("lineage.json")
    found = (lineage.get(name, {}) for name in ("temperature", "wide_share"))
    return Parent(artifact.id, artifact.program, artifact.weights(), artifact.strings, *found)


def first_weights(
    program: Program, given: Given, seed: int, parent: Parent | None = None, *, observe: Observe = ignore
) -> Beginning:
    """The weights that the training of a program begins with.

    Args:
        program: The program.
        given: What is pretrained.
        seed: Decides the weights of what begins anew, as it does without a parent.
        parent: The version to begin from, if any.
        observe: Told what is taken over from it.
    """
    if parent is None:
        return Beginning(given.weights)
    begin = take_over(parent, program, given.strings, weights_of(build_model(program, seed, given=given.weights)))
    observe(Event("train", str(begin)))
    return begin


def take_over(parent: Parent, program: Program, strings: Mapping[str, str], fresh: Weights) -> Beginning:
    """Put the parent's weights in the place of fresh ones, wherever they mean the same.

    The parent's temperatures are taken back first, and how much its paths count: they make probabilities honest when
    training is over, and are found anew at the end of the next.

    Args:
        parent: The version to begin from.
        program: The program to train.
        strings: What its codec has to know of strings, by name of payload.
        fresh: All weights of the program as they would be without the parent.

    Raises:
        OvertonError: Where the parent lacks weights that its program says it has.
    """
    trained = Trained(parent.weights, temperature=parent.temperature, share=parent.share)
    old = as_trained(trained, parent.program)
    before = {node.name: node for node in parent.program.nodes}
    weights, rows = dict(fresh), {}
    taken, begun, renewed = [], [], []
    for node in program.nodes:
        known = before.get(node.name)
        if known is None or _meaning(program, node) != _meaning(parent.program, known) or _shrinks(known, node):
            begun.append(node.name)
            continue
        if _is_renewed(program, node):
            renewed.append(node.name)
            continue
        names, known_names = _row_names(program, strings, node), _row_names(parent.program, parent.strings, known)
        new, gone = set(names) - set(known_names), set(known_names) - set(names)
        if names and len(new) == len(names):  # other classes altogether
            begun.append(node.name)
            continue
        if new or gone:
            rows[node.name] = RowChange(tuple(sorted(new)), tuple(sorted(gone)))
        taken.append(node.name)
        weights.update(_weights(node, fresh, old, names, known_names))
    return Beginning(weights, parent.id, tuple(taken), tuple(begun), tuple(renewed), rows)


def _weights(
    node: Node, fresh: Weights, old: Weights, names: tuple[str, ...], known_names: tuple[str, ...]
) -> dict[str, ndarray]:
    """The weights of one block that goes on. What is pretrained and frozen stays as it is given."""
    prefix = f"blocks.{node.name.replace('.', '/')}."
    axes = ROWS[node.op][1] if node.op in ROWS else {}
    found = {}
    for name in (name for name in fresh if name.startswith(prefix) and not _is_frozen(node, name[len(prefix) :])):
        if node.op in WIDE and name == prefix + WIDE_TABLE and name in old:
            found[name] = grown_table(old[name], len(fresh[name]))
            continue
        n_axes = axes.get(name[len(prefix) :], 0)
        if name not in old or old[name].shape[n_axes:] != fresh[name].shape[n_axes:]:
            hint = "Begin from another version, or build without --from"
            raise OvertonError(
                Problem(f"the parent's weights lack {name} as it should be", "train.parent-weights", hint=hint)
            )
        found[name] = _placed(fresh[name], old[name], names, known_names, n_axes) if n_axes else old[name]
    return found


def _placed(fresh: ndarray, old: ndarray, names: tuple[str, ...], known_names: tuple[str, ...], n_axes: int) -> ndarray:
    """Fresh rows with the old ones in the places of their names.

    Example:
        >>> _placed(np.zeros(3), np.array([1.0, 2.0]), ("a", "b", "c"), ("c", "a"), 1)
        array([2., 0., 1.])
    """
    place = {name: number for number, name in enumerate(known_names)}
    shared = [(place[name], number) for number, name in enumerate(names) if name in place]
    source, target = [], []
    for length in fresh.shape[:n_axes]:
        ends = range(length - len(names))  # behind its classes, a chain has rows for its beginning and its end
        pairs = [*shared, *((len(known_names) + end, len(names) + end) for end in ends)]
        source.append(np.array([pair[0] for pair in pairs], np.int64))
        target.append(np.array([pair[1] for pair in pairs], np.int64))
    placed = fresh.copy()
    placed[np.ix_(*target)] = old[np.ix_(*source)]
    return placed


def grown_table(table: ndarray, n_rows: int) -> ndarray:
    """A table of hashed pieces with twice as many buckets, or four times; each piece still finds its vector.

    Behind the row of padding, a code is in row `1 + code % buckets`; so every row stands for all that it splits into.

    Example:
        >>> grown_table(np.array([0.0, 1.0, 2.0]), 5)
        array([0., 1., 2., 1., 2.])
    """
    return np.concatenate([table[:1], np.tile(table[1:], ((n_rows - 1) // (len(table) - 1), *[1] * (table.ndim - 1)))])


def _shrinks(known: Node, node: Node) -> bool:
    """Whether a table of pieces cannot hold what the parent's did, since its buckets are no multiple of those."""
    if node.op not in WIDE:
        return False
    before, now = (int(str(one.settings["rows"])) - 1 for one in (known, node))
    return now % before != 0


def _is_renewed(program: Program, node: Node) -> bool:
    """Whether a block holds vectors of hashed strings alone; of a bag of words they are all that it knows."""
    payload = node.name.rpartition(".")[0]
    is_bag = any(one.op == BAG and one.name == f"{payload}.encoder" for one in program.nodes)
    return node.op in HASHED and "given" not in node.settings and not is_bag


def _is_frozen(node: Node, name: str) -> bool:
    """Whether a weight was trained elsewhere and never changes."""
    return node.settings.get("tune") is False and (node.op != VECTORS or name == "vectors")


def _meaning(program: Program, node: Node) -> tuple[Any, ...]:
    """What has to be the same for weights to mean the same: kind, settings, what is read, how strings become numbers.

    How many rows there are for classes, slices or strings does not matter, nor which block ends the chain of a payload.
    """
    counted = ROWS[node.op][0] if node.op in ROWS else ""
    settings = {name: value for name, value in node.settings.items() if name not in (counted, HIDES)}
    part = node.name.rpartition(".")[2]
    payload_of: dict[str, str] = {}
    for other in program.nodes:  # what slices change is still that of its payload
        payload_of[other.name] = payload_of[other.inputs[0]] if other.op == FILM else other.name.rpartition(".")[0]
    reads = tuple(payload_of.get(name, name) for name in node.inputs)
    return node.op, settings, reads, _features(program, node) if part in FEATURES else {}


def _features(program: Program, node: Node) -> dict[str, Setting]:
    """How the strings of a payload become what one of its blocks reads.

    What a file of vectors holds may change: they go by string.
    """
    read = node.inputs if node.op in WIDE else (node.name,)
    found: dict[str, Setting] = {}
    for payload in dict.fromkeys(name.rpartition(".")[0] for name in read):
        found |= {f"{payload}.{name}": value for name, value in _features_of(program, node, payload).items()}
    return found


def _features_of(program: Program, node: Node, payload: str) -> dict[str, Setting]:
    by_string = any(one.op == VECTORS and one.name == f"{payload}.pretrained" for one in program.nodes)
    features = program.features.get(payload, {})
    left_out = {*BUCKETS, "digest"} if by_string else set(BUCKETS)
    if node.op == GRAMS:
        return {name: value for name, value in features.items() if name in OF_GRAMS}
    others = tuple(start for op, start in WIDE.items() if op != node.op)
    return {name: value for name, value in features.items() if name not in left_out and not name.startswith(others)}


def _row_names(program: Program, strings: Mapping[str, str], node: Node) -> tuple[str, ...]:
    """The names of the rows of a block: classes, slices or strings; empty where it has none, or none that it learns."""
    counted = ROWS[node.op][0] if node.op in ROWS else ""
    if counted == "classes":
        return next(program.schema.task(task).classes for task, name in program.outputs.items() if name == node.name)
    if counted == "sets":
        sets: Any = node.settings["sets"]
        return tuple("\n".join(names) for names in sets)
    if counted == "slices":
        return program.slices
    learned = node.op == VECTORS and node.settings["tune"]
    return tuple(strings[node.name.rpartition(".")[0]].split("\n")) if learned else ()
