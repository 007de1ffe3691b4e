"""Whatever names a payload names one that is declared."""

from collections.abc import Iterator

from overton.base import Problem, did_you_mean, json_path
from overton.schema.draft import Draft, PathPart


def unknown_payload(draft: Draft) -> Iterator[Problem]:
    """Bases, ranges and tasks refer to payloads of the same schema."""
    for parts, name, candidates in _references(draft):
        if name not in draft.payloads:
            yield Problem(
                message=f"there is no payload {name!r}",
                code="schema.unknown-payload",
                path=draft.path,
                line=draft.line(*parts),
                field=json_path(parts),
                hint=did_you_mean(name, candidates),
            )


def _references(draft: Draft) -> Iterator[tuple[tuple[PathPart, ...], str, list[str]]]:
    """Place, name and sensible candidates of every reference."""
    sequences = [name for name in draft.payloads if draft.payload_type(name) == "sequence"]
    sets = [name for name in draft.payloads if draft.payload_type(name) == "set"]
    for payload in draft.payloads.values():
        others = [name for name in draft.payloads if name != payload.name]
        for index, name in enumerate(payload.get("base", ())):
            yield ("payloads", payload.name, "base", index), name, others
        if "range" in payload.values:
            yield ("payloads", payload.name, "range"), payload.get("range"), sequences
    for task in draft.tasks.values():
        if "payload" in task.values:
            candidates = sets if task.get("type") == "select" else list(draft.payloads)
            yield ("tasks", task.name, "payload"), task.get("payload"), candidates
