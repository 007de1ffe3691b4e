"""The part of a program that computes the vectors of one payload: what embeddings are exported from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from overton.base import OvertonError, Problem, did_you_mean
from overton.compile.program import Program

T = TypeVar("T")

WORDS = "embedding"  # the first block of a payload: what a string is, before it has a context
CHAIN = (WORDS, "encoder", "span", "aggregate")


def embedding_program(program: Program, payload: str, *, words: bool = False) -> Program:
    """A program whose one output, by the name of the payload, is the vectors of a payload: what all its tasks share.

    Args:
        program: The whole program.
        payload: Name of the payload.
        words: Take the vectors of its strings by themselves, before they have a context.

    Raises:
        OvertonError: Where there is no such payload, or it has no strings of its own.
    """
    names = [one.name for one in program.schema.payloads]
    if payload not in names:
        message = f"there is no payload {payload!r}"
        raise OvertonError(Problem(message, "batch.unknown-payload", hint=did_you_mean(payload, names)))
    blocks = (WORDS,) if words else CHAIN
    chain = [node.name for node in program.nodes if node.name in {f"{payload}.{block}" for block in blocks}]
    if not chain:
        message = f"the payload {payload!r} has no strings of its own, so none that have a vector"
        raise OvertonError(Problem(message, "batch.unknown-payload", hint="Name a sequence, a text or a set"))
    by_name = {node.name: node for node in program.nodes}
    needed: set[str] = set()
    waiting = [chain[-1]]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in needed:
            needed.add(name)
            waiting.extend(by_name[name].inputs)
    nodes = tuple(node for node in program.nodes if node.name in needed)
    return replace(program, nodes=nodes, outputs={payload: chain[-1]}, slices=())


def weights_of(program: Program, weights: Mapping[str, T]) -> dict[str, T]:
    """Those of some weights by name that the nodes of a program have."""
    prefixes = tuple(f"blocks.{node.name.replace('.', '/')}." for node in program.nodes)
    return {name: value for name, value in weights.items() if name.startswith(prefixes)}
