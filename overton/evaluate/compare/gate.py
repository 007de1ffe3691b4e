"""`gate.json`: what a version must keep to before an alias may name it.

Everything has a default, so an application without the file has a gate too: no shown fall of any slice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from overton.base import (
    OvertonError,
    Problem,
    did_you_mean,
    digest_json,
    doubled_keys,
    json_path,
    locate_json,
    parse_json,
    place_faults,
)
from overton.compile import Rule
from overton.data import SPLITS, Tags, parse_tag_expression, plain_tag, tag_mask
from overton.data.tag_expression import Tag
from overton.evaluate.groups import WHOLE


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version must keep to. The attributes are told in `SETTINGS`.

    Attributes:
        margins: Margins of single tags or expressions, where they are not `margin`.
        critical: Tags or expressions that are looked at by themselves.
    """

    alpha: float = 0.05
    margin: float = 0.0
    margins: Mapping[str, float] = field(default_factory=dict)
    critical: tuple[str, ...] = ()
    minimum_support: int = 10
    resolution: float = 0.1
    ece: float = 0.02
    p99_ms: float | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags and expressions that it names."""
        return tuple(dict.fromkeys(name for name in (*self.critical, *self.margins) if name != WHOLE))

    @property
    def digest(self) -> str:
        """Digest of what answers are judged by, which latency is no part of."""
        return digest_json({name: value for name, value in self.to_json().items() if name != "p99_ms"})

    def margin_of(self, tag: str) -> float:
        """By how much a tag may fall."""
        return self.margins.get(tag, self.margin)

    def on(self, tags: Tags) -> "Gate":
        """The same gate, whose tags are named as these records have them: what stands in quotes without these.

        Where one tag has two margins, that of the name without quotes and brackets counts.

        Raises:
            OvertonError: Where a tag that it names is no expression.
        """
        margins: dict[str, float] = {}
        for text, margin in self.margins.items():
            name = plain_tag(text, tags)
            if name == text or name not in self.margins:
                margins[name] = margin
        critical = tuple(dict.fromkeys(plain_tag(text, tags) for text in self.critical))
        return replace(self, margins=margins, critical=critical)

    def to_json(self) -> dict[str, Any]:
        """The gate as a file with every setting told."""
        told = {name: getattr(self, name) for name in SETTINGS}
        return {**told, "margins": dict(self.margins), "critical": list(self.critical)}


SETTINGS: Mapping[str, Rule] = {
    "alpha": Rule("Probability that a version as good as the one before is refused.", low=1e-6, high=0.5),
    "margin": Rule("By how much the figure of any slice may fall, beyond what noise does.", high=1),
    "minimum_support": Rule("Least records with gold that a slice is judged on.", low=1, high=1e9, whole=True),
    "resolution": Rule("A slice counts as ok where a fall greater than this beyond its margin is ruled out.", high=1),
    "ece": Rule("By how much the calibration error of a task may rise.", high=1),
    "p99_ms": Rule("Latency that 99 of 100 single records must meet, in milliseconds.", low=0.01, high=100000),
}
LISTED = {
    "margins": "By tag or expression over tags, by how much its figure may fall; `*` is the whole split.",
    "critical": "Tags or expressions over tags that matter by themselves: corrected among each other alone.",
}


def parse_gate(text: str, path: str) -> Gate:
    """The gate of a text.

    Raises:
        OvertonError: With every fault of the text.
    """
    value = parse_json(text, path, "gate.bad-json")
    if not isinstance(value, dict):
        raise OvertonError(Problem(f"expected an object, got {_told(value)}", "gate.bad-value", path=path, field="$"))
    positions = locate_json(text)
    faults = doubled_keys(positions, "gate.duplicate-key")
    known = [*SETTINGS, *LISTED]
    for name in value:
        if name not in known:
            hint = did_you_mean(name, known)
            faults.append(Problem(f"unknown key {name!r}", "gate.unknown-key", field=json_path([name]), hint=hint))
    plain = {name: value[name] for name in SETTINGS if name in value}
    for name, given in plain.items():
        faults += _check(SETTINGS[name], given, json_path([name]), optional=name == "p99_ms")
    margins, critical = value.get("margins", {}), value.get("critical", [])
    faults += [*_margin_faults(margins), *_critical_faults(critical)]
    if faults:
        raise OvertonError(place_faults(faults, positions, path))
    return Gate(**plain, margins=margins, critical=tuple(dict.fromkeys(critical)))


def unknown_tags(gate: Gate, tags: Tags) -> list[Problem]:
    """Tags that the gate names and that no record has: a margin of one means nothing, a critical one refuses all."""
    places = {tag: json_path(["margins", tag]) for tag in gate.margins}
    places |= {tag: json_path(["critical", place]) for place, tag in enumerate(gate.critical)}
    found: list[Problem] = []
    for tag in gate.tags:
        try:
            tag_mask(tag, tags)
        except OvertonError as error:
            found += [replace(problem, field=places[tag]) for problem in error.problems]
    return found


def gate_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `gate.json`, for editors."""
    margin = SETTINGS["margin"].json_schema()
    properties = {name: rule.json_schema() for name, rule in SETTINGS.items()}
    properties["p99_ms"]["type"] = ["number", "null"]
    properties["margins"] = {
        "description": LISTED["margins"],
        "type": "object",
        "additionalProperties": {key: margin[key] for key in ("type", "minimum", "maximum")},
    }
    properties["critical"] = {
        "description": LISTED["critical"],
        "type": "array",
        "items": {"type": "string", "minLength": 1},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overton gate",
        "description": "What a version must keep to before an alias may name it.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _check(rule: Rule, value: object, at: str, *, optional: bool = False) -> list[Problem]:
    if rule.accepts(value) or (optional and value is None):
        return []
    return [Problem(f"expected {rule.expected}, got {_told(value)}", "gate.bad-value", field=at)]


def _margin_faults(value: object) -> list[Problem]:
    if not isinstance(value, dict):
        hint = 'Such as {"slice:nutrition": 0.02, "*": 0.005}'
        message = f"expected an object from tag to margin, got {_told(value)}"
        return [Problem(message, "gate.bad-value", field="$.margins", hint=hint)]
    faults = []
    for tag, margin in value.items():
        at = json_path(["margins", tag])
        faults += [*_check(SETTINGS["margin"], margin, at), *_expression_faults(tag, at)]
    return faults


def _critical_faults(value: object) -> list[Problem]:
    if not isinstance(value, list):
        message, hint = f"expected a list of tags, got {_told(value)}", 'Such as ["slice:nutrition"]'
        return [Problem(message, "gate.bad-value", field="$.critical", hint=hint)]
    faults = []
    for place, tag in enumerate(value):
        at = f"$.critical[{place}]"
        if isinstance(tag, str):
            faults += _expression_faults(tag, at)
        else:
            faults.append(Problem(f"expected a tag, got {_told(tag)}", "gate.bad-value", field=at))
    return faults


def _expression_faults(text: str, at: str) -> list[Problem]:
    """What keeps a text from being an expression; whether its tags exist is seen when there are records."""
    try:
        found = parse_tag_expression(text)
    except OvertonError as error:
        return [Problem(fault.message, "gate.bad-value", field=at, hint=fault.hint) for fault in error.problems]
    if isinstance(found, Tag) and found.name in SPLITS:
        message, hint = f"{found.name!r} is a split, not a tag within one", f"The whole split is called {WHOLE!r}"
        return [Problem(message, "gate.bad-value", field=at, hint=hint)]
    return []


def _told(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
