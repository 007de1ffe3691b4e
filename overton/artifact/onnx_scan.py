"""A look into the bytes of an ONNX model, without the `onnx` package: does it keep to itself, and is it what it says?

ONNX allows a tensor to name a file that holds its values. Such a name may lead anywhere on the disk of whoever loads
the model (CVE-2022-25882 and its successors), so an artefact has none. A tensor may also tell a size that its values do
not have, or be sparse and of any size when spread out: either could fill the memory before a record is seen. Only the
wire format of protocol buffers is read (https://protobuf.dev/programming-guides/encoding), and of the messages of
`onnx.proto` only what can hold a tensor.
"""

import math
from collections.abc import Iterator

TENSOR = "TensorProto"
SPARSE = "SparseTensorProto"
GRAPH, DATA_LOCATION, EXTERNAL_DATA = 7, 14, 13
DIMS = 1
VALUES = (4, 5, 6, 7, 9, 10, 11)  # float, int32, string and int64 data, raw data, double and uint64 data
MOST_PER_BYTE = 8  # no type of ONNX packs more values into a byte

EXTERNAL = "reads tensors from other files"
HUGE = "has a tensor that is larger than its values"
SPREAD = "has a sparse tensor, which may be of any size when it is spread out"

# Message -> number of the field -> message that the field holds. Everything else is skipped.
NESTED: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: TENSOR, 15: SPARSE},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: TENSOR,
        6: "GraphProto",
        10: TENSOR,
        11: "GraphProto",
        22: SPARSE,
        23: SPARSE,
    },
    SPARSE: {1: TENSOR, 2: TENSOR},
}
MAX_DEPTH = 64
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SIZES = {FIXED64: 8, FIXED32: 4}


def scan_model(model: bytes) -> str:
    """Why an ONNX model must not be loaded: `EXTERNAL`, `HUGE` or `SPREAD`; empty where nothing speaks against it.

    Raises:
        ValueError: Where the bytes are not a well-formed message, hold no graph, or are nested deeper than any model.
    """
    if all(number != GRAPH for number, _ in _fields(memoryview(model))):
        raise ValueError("not an ONNX model: it has no graph")
    found = set(_scan(memoryview(model), "ModelProto", 0))
    return next((reason for reason in (EXTERNAL, HUGE, SPREAD) if reason in found), "")


def _scan(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == TENSOR:
        yield from _scan_tensor(message)
    if kind == SPARSE:
        yield SPREAD
    nested = NESTED.get(kind, {})
    for number, value in _fields(message):
        if number in nested and isinstance(value, memoryview):
            yield from _scan(value, nested[number], depth + 1)


def _scan_tensor(message: memoryview) -> Iterator[str]:
    sizes: list[int] = []
    held = 0
    for number, value in _fields(message):
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            yield EXTERNAL
        elif number == DIMS:
            sizes += _varints(value) if isinstance(value, memoryview) else [value]
        elif number in VALUES:
            held += max(1, len(value)) if isinstance(value, memoryview) else 1
    if math.prod(sizes) > held * MOST_PER_BYTE and sizes:
        yield HUGE


def _varints(message: memoryview) -> list[int]:
    numbers = []
    place = 0
    while place < len(message):
        number, place = _varint(message, place)
        numbers.append(number)
    return numbers


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one message: number, and value (a number, or the bytes of a text, an array or a message)."""
    place, end = 0, len(message)
    while place < end:
        key = message[place]
        key, place = (key, place + 1) if key < 0x80 else _varint(message, place)
        number, wire = key >> 3, key & 7
        value: int | memoryview = 0
        if wire == VARINT:
            value, place = _varint(message, place)
        else:
            size = SIZES.get(wire, -1)
            if wire == BYTES:
                size, place = _varint(message, place)
            if size < 0 or place + size > end:
                raise ValueError("not a well-formed message")
            value, place = message[place : place + size], place + size
        yield number, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("not a well-formed message")
