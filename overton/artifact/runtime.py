"""An artefact that runs: records in, labels out. Numpy and onnxruntime only."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.artifact.artifact import Artifact
from overton.artifact.signature import Signature, Tensor
from overton.artifact.tally import Tally
from overton.base import OvertonError, Problem
from overton.codec import (
    Chain,
    Encoder,
    Predictions,
    chained_tasks,
    chains_of,
    count_units,
    decode,
    flat_of,
    input_specs,
    labels_json,
)
from overton.compile import MEMBERSHIP, Program
from overton.data import Batch, Pool, Record, RecordParser, alike_parts, pack, parts_of
from overton.schema import Schema, Task

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CHUNK = 64
POOL_STRINGS = 100_000
POOL_CHARACTERS = 4_000_000
ERRORS_ONLY = 3
HALF = 0.5


class Runtime:
    """The model of an artefact, loaded once, for any number of calls, from several threads too.

    Args:
        artifact: The artefact; its model is loaded from the checked bytes, never from a path.
        threads: Threads for the operators of one call. One is best for single records.

    Raises:
        OvertonError: Where onnxruntime cannot load the model, or it is not the model of the signature.
    """

    def __init__(self, artifact: Artifact, *, threads: int = 1) -> None:
        self.schema = artifact.schema
        self.signature = artifact.signature
        self._session = open_session(artifact.files["model.onnx"], threads)
        self._inputs = [tensor.name for tensor in artifact.signature.inputs]
        self._tasks = self.schema.learnable().tasks
        self._outputs = [artifact.signature.output_by_task[task.name] for task in self._tasks]
        self._slices = artifact.signature.outputs[-1].name if artifact.signature.slices else ""
        inputs, outputs = _names(self._session)
        if inputs != set(self._inputs) or not outputs.keys() >= set(self._outputs):
            raise _unfit(f"it has inputs {sorted(inputs)} and outputs {sorted(outputs)}, not those of its signature")
        for task, name in zip(self._tasks, self._outputs, strict=True):
            if task.classes and outputs[name] not in (None, len(task.classes)):
                raise _unfit(f"its output {name} is of {outputs[name]} labels, {task.name} has {len(task.classes)}")
        self._units = {task.name: self.schema.unit(task) for task in self._tasks}
        self._listed = [
            (task.name, self.schema.payload(task.payload)) for task in self._tasks if self._units[task.name] != "record"
        ]
        self._encoder = _encoder(artifact)
        self._chains = _chains(artifact)
        self._thresholds = {task: np.array(bits, np.float32) for task, bits in artifact.signature.thresholds.items()}
        self._longest = max((payload.max_length for payload in self.schema.payloads), default=1)
        self._at_once = next(parts_of(repeat(self._longest, CHUNK), CHUNK)).stop  # records, whatever their length
        self._pool = Pool()
        self._characters = 0
        self._lock = Lock()

    def run(self, batch: Batch, *, probabilities: bool = True) -> dict[str, Predictions]:
        """Predict every task for some records, at least one, in array form.

        Args:
            batch: The records.
            probabilities: Whether those of tasks with a chain are wanted, which cost; without, they have no column.
        """
        with self._lock:
            values = self._encoder.encode(batch)
        return self._decode(batch, values, probabilities=probabilities)

    def run_all(self, batches: Sequence[Batch], *, probabilities: bool = True) -> dict[str, Predictions]:
        """Predict every task for the records of some batches, at least one, one batch after the other.

        They go through the model one by one and are decoded together, which costs less.

        Args:
            batches: Batches of records.
            probabilities: As for `run`.
        """
        logits: list[list[ndarray]] = []
        with self._lock:
            self._encoder.learn(batches)
        for batch in batches:
            with self._lock:
                values = self._encoder.encode(batch)
            logits.append(self._session.run(self._outputs, {name: values[name] for name in self._inputs}))
        predictions = {}
        for task, of_task in zip(self._tasks, zip(*logits, strict=True), strict=True):
            lengths = [count_units(self.schema, task, batch) for batch in batches]
            if task.name in self._chains:
                joined = np.concatenate(list(map(flat_of, of_task, lengths)))
            else:
                joined = _joined(of_task)
            predictions[task.name] = self._decode_task(task, joined, np.concatenate(lengths), probabilities)
        return predictions

    def memberships(self, batch: Batch) -> ndarray:
        """Probability that each record belongs to each slice with capacity, float32 of shape (record, slice)."""
        if not self.signature.slices:
            return np.zeros((batch.n_records, 0), np.float32)
        with self._lock:
            values = self._encoder.encode(batch)
        (logits,) = self._session.run([self._slices], {name: values[name] for name in self._inputs})
        probability: ndarray = 1 / (1 + np.exp(-logits))
        return probability

    def slices_of(self, records: Sequence[Record]) -> list[list[str]]:
        """The slices that each of some records, at least one, is taken to belong to."""
        with self._lock:
            batch = self._pack(records)
        members = self.memberships(batch) > HALF
        return [[self.signature.slices[place] for place in row.nonzero()[0].tolist()] for row in members]

    def predict(
        self, records: Sequence[Record], *, probabilities: bool = False, tally: Tally | None = None
    ) -> list[dict[str, Any]]:
        """Predict every task for some records, in the form of labels of a data file.

        Args:
            records: Records with payloads; labels and tags are not looked at.
            probabilities: Class -> probability in place of the label.
            tally: Counts what is predicted.

        Returns:
            For each record, its label by name of task; None where there was nothing to predict on.

        Many records go through the model in chunks of similar length, since a chunk is as wide as its longest.
        """
        if len(records) <= self._at_once:
            return self._predict(records, probabilities, tally) if records else []
        answers: list[dict[str, Any]] = [{}] * len(records)
        sizes = np.minimum(_sizes(records), self._longest)
        for part in alike_parts(sizes, CHUNK):
            chunk = part.tolist()
            found = self._predict([records[number] for number in chunk], probabilities, tally)
            for number, answer in zip(chunk, found, strict=True):
                answers[number] = answer
        return answers

    def warm_up(self, lines: Sequence[bytes] = ()) -> None:
        """Run some records, so that the first request is as fast as the rest: those lines, or one made for it."""
        parser = RecordParser(self.schema, closed=True)
        for line in lines or [made_up_record(self.schema)]:
            for probabilities in (False, True):
                self.predict([parser.parse(line)], probabilities=probabilities)

    def _predict(self, records: Sequence[Record], probabilities: bool, tally: Tally | None) -> list[dict[str, Any]]:
        with self._lock:
            batch = self._pack(records)
            values = self._encoder.encode(batch)
        predictions = self._decode(batch, values, probabilities, tally)
        labels = [
            labels_json(predictions[name], unit, probabilities=probabilities) for name, unit in self._units.items()
        ]
        answers = [dict(zip(self._units, row, strict=True)) for row in zip(*labels, strict=True)]
        for record, answer in zip(records, answers, strict=True):
            self._abstain_beyond(record, answer)
        return answers

    def _abstain_beyond(self, record: Record, answer: dict[str, Any]) -> None:
        """A list of labels is as long as the payload as it was sent, null for what was cut off: a valid label."""
        for task, payload in self._listed:
            value = (record.payloads or {}).get(payload.field)
            if value and len(value) > payload.max_length:
                answer[task] = [*answer[task], *[None] * (len(value) - payload.max_length)]

    def _pack(self, records: Sequence[Record]) -> Batch:
        """Records as arrays. The pool is kept from call to call, so that a string is hashed once, but not for ever."""
        if len(self._pool.texts) > POOL_STRINGS or self._characters > POOL_CHARACTERS:
            self._pool, self._characters = Pool(), 0
        known = len(self._pool.texts)
        batch = pack(records, self.schema, self._pool)
        self._characters += sum(map(len, self._pool.texts[known:]))
        return batch

    def _decode(
        self, batch: Batch, values: Mapping[str, ndarray], probabilities: bool, tally: Tally | None = None
    ) -> dict[str, Predictions]:
        slices = [self._slices] if tally is not None and self._slices else []
        logits = self._session.run([*self._outputs, *slices], {name: values[name] for name in self._inputs})
        predictions = {
            task.name: self._decode_task(task, output, count_units(self.schema, task, batch), probabilities)
            for task, output in zip(self._tasks, logits[: len(self._tasks)], strict=True)
        }
        if tally is not None:
            tally.add(batch.n_records, predictions, logits[-1] if slices else None)
        return predictions

    def _decode_task(self, task: Task, logits: ndarray, lengths: ndarray, probabilities: bool) -> Predictions:
        threshold, chain = self._thresholds.get(task.name, HALF), self._chains.get(task.name)
        return decode(task, logits, lengths, threshold=threshold, chain=chain, probabilities=probabilities)


def signature_of(program: Program, onnx: bytes, thresholds: Mapping[str, ndarray] | None = None) -> Signature:
    """The serving contract of a program and its graph, whose outputs stand in the program's order of tasks.

    Args:
        program: The program.
        onnx: Its graph.
        thresholds: By `bitvector` task, the probability from which each bit holds; 0.5 where not given.
    """
    session = open_session(onnx, threads=1)
    read = {value.name for value in session.get_inputs()}
    outputs = dict(zip(program.all_outputs, session.get_outputs(), strict=True))
    membership = outputs.pop(MEMBERSHIP, None)
    slices = [Tensor(membership.name, "float32", ("row", len(program.slices)))] if membership else []
    return Signature(
        schema=program.schema,
        inputs=tuple(Tensor(spec.name, spec.type, spec.shape) for spec in input_specs(program) if spec.name in read),
        outputs=(
            *(_logits(program.schema, program.schema.task(task), value.name) for task, value in outputs.items()),
            *slices,
        ),
        output_by_task={task: value.name for task, value in outputs.items()},
        slices=program.slices,
        thresholds={
            task: tuple(round(float(bit), 4) for bit in bits.tolist()) for task, bits in (thresholds or {}).items()
        },
    )


def _encoder(artifact: Artifact) -> Encoder:
    """The encoder of its program, once it has encoded a record: of settings that somebody wrote any may be wrong."""
    try:
        encoder = Encoder(artifact.program, artifact.strings)
        record = RecordParser(artifact.schema, closed=True).parse(made_up_record(artifact.schema))
        read = encoder.encode(pack([record], artifact.schema, Pool()))
        missing = [tensor.name for tensor in artifact.signature.inputs if tensor.name not in read]
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _unfit(f"its program cannot be followed: {error!r}") from None
    if missing:
        raise _unfit(f"it reads {', '.join(missing)}, which its program does not make of a record")
    return encoder


def _chains(artifact: Artifact) -> dict[str, Chain]:
    """The chains of its tasks; only a program that has one needs the weights read."""
    try:
        return chains_of(artifact.program, artifact.weights()) if chained_tasks(artifact.program) else {}
    except (KeyError, TypeError, ValueError) as error:
        raise _unfit(f"its weights lack a chain that its program has: {error}") from None


def _logits(schema: Schema, task: Task, name: str) -> Tensor:
    items = [] if schema.payload(task.payload).type == "singleton" else [task.payload]
    labels = [len(task.classes)] if task.classes else []
    return Tensor(name, "float32", ("row", *items, *labels))


def open_session(onnx: bytes, threads: int = 1) -> "InferenceSession":
    """Load a model from its bytes. onnxruntime is imported here, so that lists of versions do without it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no other class
        raise _unfit(f"onnxruntime cannot load it: {error}") from None


def _joined(logits: Sequence[ndarray]) -> ndarray:
    """The logits of several batches as one, as wide as the widest; what comes to the others is padding."""
    if len({part.shape[1:] for part in logits}) == 1:
        return np.concatenate(logits)
    width = max(part.shape[1] for part in logits)
    joined = np.zeros((sum(map(len, logits)), width, *logits[0].shape[2:]), logits[0].dtype)
    start = 0
    for part in logits:
        joined[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return joined


def _names(session: "InferenceSession") -> tuple[set[str], dict[str, int | None]]:
    """Names of the inputs; of the outputs with their last size, where it is always the same."""
    last = {value.name: value.shape[-1] if value.shape else None for value in session.get_outputs()}
    sizes = {name: size if isinstance(size, int) else None for name, size in last.items()}
    return {value.name for value in session.get_inputs()}, sizes


def _unfit(reason: str) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"the model cannot be run: {reason}",
            code="artifact.model",
            path="model.onnx",
            hint="Build the version again",
        )
    )


def by_size(records: Sequence[Record]) -> list[int]:
    """The places of some records, those that are about as wide one after the other."""
    return sorted(range(len(records)), key=_sizes(records).__getitem__)


def _sizes(records: Sequence[Record]) -> list[int]:
    """About how wide each record is: items, or characters, of its longest payload."""
    return [max((len(value) for value in (record.payloads or {}).values() if value), default=0) for record in records]


def made_up_record(schema: Schema) -> bytes:
    """A record that fills every payload of a schema."""
    payloads: dict[str, Any] = {}
    for payload in schema.payloads:
        if payload.type == "sequence":
            payloads[payload.field] = ["warm", "up"]
        elif payload.type == "set":
            payloads[payload.field] = [{"id": "warm", "range": [0, 1]} if payload.range else {"id": "warm"}]
        else:
            payloads[payload.field] = "warm up"
    return msgspec.json.encode({"payloads": payloads})
