"""No payload depends on itself by way of others."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft, Entry, PathPart


def circular_base(draft: Draft) -> Iterator[Problem]:
    """Following bases and ranges never leads back: each payload is computed after those that it needs."""
    told: set[frozenset[str]] = set()
    for start in draft.payloads.values():
        circle = _circle(draft, start)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            parts = _reference(start, circle[1])
            yield Problem(
                message=f"the payloads need each other in a circle: {' -> '.join((*circle, start.name))}",
                code="schema.circular-base",
                path=draft.path,
                line=draft.line("payloads", start.name, *parts),
                field=json_path(("payloads", start.name, *parts)),
                hint="Take one of them out of a 'base' or 'range'",
            )


def _circle(draft: Draft, start: Entry) -> list[str] | None:
    """The shortest way from a payload back to itself over at least one other, without its last step."""
    ways = [[start.name]]
    seen = {start.name}
    for way in ways:
        for name in _needs(draft.payloads[way[-1]]):
            if name == start.name and len(way) > 1:
                return way
            if name in draft.payloads and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _needs(payload: Entry) -> list[str]:
    pointed = [payload.get("range")] if "range" in payload.values else []
    return [*payload.get("base", ()), *pointed]


def _reference(payload: Entry, name: str) -> tuple[PathPart, ...]:
    base = payload.get("base", ())
    return ("base", base.index(name)) if name in base else ("range",)
