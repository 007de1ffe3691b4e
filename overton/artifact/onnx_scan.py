"""A look into the bytes of an ONNX model, without the `onnx` package: does it point to anything outside itself?

ONNX allows a tensor to name a file that holds its values. Such a name may lead anywhere on the disk of whoever loads
the model (CVE-2022-25882 and its successors), so an artefact has none. Only the wire format of protocol buffers is
read (https://protobuf.dev/programming-guides/encoding), and of the messages of `onnx.proto` only what can hold a
tensor.
"""

from collections.abc import Iterator

TENSOR = "TensorProto"
GRAPH, DATA_LOCATION, EXTERNAL_DATA = 7, 14, 13

# Message -> number of the field -> message that the field holds. Everything else is skipped.
NESTED: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: TENSOR, 15: "SparseTensorProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: TENSOR,
        6: "GraphProto",
        10: TENSOR,
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: TENSOR, 2: TENSOR},
}
MAX_DEPTH = 64
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def find_external_data(model: bytes) -> bool:
    """Whether any tensor of an ONNX model lies in another file.

    Raises:
        ValueError: Where the bytes are not a well-formed message, hold no graph, or are nested deeper than any model.
    """
    if all(number != GRAPH for number, _ in _fields(memoryview(model))):
        raise ValueError("not an ONNX model: it has no graph")
    return _scan(memoryview(model), "ModelProto", 0)


def _scan(message: memoryview, kind: str, depth: int) -> bool:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    nested = NESTED.get(kind, {})
    for number, value in _fields(message):
        if kind == TENSOR and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0)):
            return True
        if number in nested and isinstance(value, memoryview) and _scan(value, nested[number], depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one message: number, and value (a number, or the bytes of a text, an array or a message)."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        value: int | memoryview = 0
        if wire == VARINT:
            value, place = _varint(message, place)
        else:
            size = {FIXED64: 8, FIXED32: 4}.get(wire, -1)
            if wire == BYTES:
                size, place = _varint(message, place)
            if size < 0 or place + size > len(message):
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
