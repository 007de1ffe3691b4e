"""Tensors of texts as bytes behind the JSON: what clients of the Open Inference Protocol send unless told otherwise.

The JSON of a request comes first, as long as the header `Inference-Header-Content-Length` says; behind it stand the
data of those inputs that have `binary_data_size`, one after the other. Each text is its length, four bytes with the
lowest first, and its UTF-8. Answers are of the same form where `binary_data_output` asks for it; `binary_data` of an
output decides for that alone.

Source: https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from overton.base import whole_number
from overton.serve.limits import OK, Answer

EXTENSION = "binary_tensor_data"
HEADER = "inference-header-content-length"
MEDIA_TYPE = "application/octet-stream"
SIZE, OF_ALL, OF_ONE = "binary_data_size", "binary_data_output", "binary_data"
LENGTH = 4  # bytes that tell how long a text is


def size_of_json(header: str, body: bytes) -> int | None:
    """How much of a body is JSON, by its header; None where that is no such number."""
    size = whole_number(header)
    return size if size is not None and size <= len(body) else None


def take_texts(data: memoryview, size: object) -> tuple[list[str], memoryview] | None:
    """The texts of one tensor, and what stands behind it; None where they do not take up just as many bytes.

    Example:
        >>> texts, rest = take_texts(memoryview(bytes([1, 0, 0, 0, 97, 0, 0, 0, 0]) + b"rest"), 9)
        >>> texts, bytes(rest)
        (['a', ''], b'rest')
    """
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(data):
        return None
    own, texts = data[:size], []
    while len(own) >= LENGTH:
        end = LENGTH + int.from_bytes(own[:LENGTH], "little")
        if end > len(own):
            return None
        texts.append(str(own[LENGTH:end], "utf-8", "replace"))
        own = own[end:]
    return None if len(own) else (texts, data[size:])


def with_bytes(value: Mapping[str, Any], as_bytes: Sequence[bool]) -> Answer:
    """The answer of some outputs, those of them as bytes that are wanted so.

    Args:
        value: The answer as JSON, with the texts of each output under `data`.
        as_bytes: Whether each of its outputs is wanted as bytes.
    """
    outputs, parts = [], []
    for output, wanted in zip(value["outputs"], as_bytes, strict=True):
        if not wanted:
            outputs.append(output)
            continue
        texts = [text.encode() for text in output["data"]]
        part = b"".join(len(text).to_bytes(LENGTH, "little") + text for text in texts)
        told = {name: one for name, one in output.items() if name != "data"}
        outputs.append({**told, "parameters": {**output["parameters"], SIZE: len(part)}})
        parts.append(part)
    head = msgspec.json.encode({**value, "outputs": outputs})
    if not parts:
        return Answer(OK, head)
    return Answer(OK, b"".join([head, *parts]), MEDIA_TYPE, {HEADER: str(len(head))})
