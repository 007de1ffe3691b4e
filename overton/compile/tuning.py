"""Text of `tuning.json` to a tuning: what the search may choose from, what is pinned, the latency to meet.

A list is a choice, a single value is pinned. Every fault of the file is found at once.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from overton.base import OvertonError, Problem, did_you_mean, digest_json
from overton.compile.choices import PRETRAINED, SETTINGS_OF_PAYLOAD, Choices, default_choices
from overton.compile.settings import (
    PAYLOAD_SETTINGS,
    SEARCH_SETTINGS,
    SERVING_SETTINGS,
    SLICES,
    SUPERVISION_SETTINGS,
    TRAINING_SETTINGS,
    Rule,
)
from overton.schema import Payload, Schema

Options = tuple[Any, ...]
SECTIONS = ("payloads", "search", "serving", "slices", "supervision", "training")


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a tuning file says. Settings that it does not name keep their defaults.

    Attributes:
        payloads: The values to choose from, by payload and setting; one value where it is pinned.
        training: Likewise, by setting of training.
        search: How long to search: `trials`, `minutes`.
        serving: What serving must meet: `p99_ms`; whether it computes in `int8`.
        use_dev_gold: Whether gold on dev records shows what the sources are worth.
        slices: Whether slices add capacity: `off`, `records` or `on`.
    """

    payloads: Mapping[str, Mapping[str, Options]] = field(default_factory=dict)
    training: Mapping[str, Options] = field(default_factory=dict)
    search: Mapping[str, float] = field(default_factory=dict)
    serving: Mapping[str, Any] = field(default_factory=dict)
    use_dev_gold: bool = True
    slices: str = "off"

    def choices(self, schema: Schema) -> Choices:
        """The default choices with what the tuning says in their place; of several values, the first."""
        default = default_choices(schema)
        payloads = {
            name: replace(choices, **_first(self.payloads.get(name, {}))) for name, choices in default.payloads.items()
        }
        training = replace(default.training, **_first(self.training))
        return Choices(payloads=payloads, training=training, slices=self.slices)

    def digest(self) -> str:
        """Digest of all that it says, however it is written."""
        return digest_json(asdict(self))


def parse_tuning(text: str, path: str, schema: Schema) -> Tuning:
    """The tuning of a text.

    Raises:
        OvertonError: With every fault of the text.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise OvertonError(
            Problem(f"not valid JSON: {error}", "tuning.bad-json", path=path, line=line, hint="Mend the JSON")
        ) from None
    faults: list[Problem] = []
    sections = _section(value, "$", SECTIONS, faults)
    payloads = _section(sections.get("payloads", {}), "$.payloads", [p.name for p in schema.payloads], faults)
    supervision = _values(sections.get("supervision", {}), "$.supervision", SUPERVISION_SETTINGS, faults)
    tuning = Tuning(
        payloads={name: _payload(schema, name, settings, faults) for name, settings in payloads.items()},
        training=_options(sections.get("training", {}), "$.training", TRAINING_SETTINGS, faults),
        search=_values(sections.get("search", {}), "$.search", SEARCH_SETTINGS, faults),
        serving=_values(sections.get("serving", {}), "$.serving", SERVING_SETTINGS, faults),
        use_dev_gold=supervision.get("use_dev_gold", True),
        slices=_value(sections.get("slices", "off"), "$.slices", SLICES, faults),
    )
    if faults:
        raise OvertonError(replace(fault, path=path) for fault in faults)
    return tuning


def _first(options: Mapping[str, Options]) -> dict[str, Any]:
    return {name: values[0] for name, values in options.items()}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _section(value: object, at: str, known: Iterable[str], faults: list[Problem]) -> dict[str, Any]:
    """The known keys of an object; a fault for every other."""
    names = list(known)
    if not isinstance(value, dict):
        faults.append(Problem(f"expected an object, got {json.dumps(value)}", "tuning.bad-value", field=at))
        return {}
    for name in value:
        if name not in names:
            what = "payload" if at == "$.payloads" else "key"
            message = f"unknown {what} {name!r}"
            faults.append(Problem(message, "tuning.unknown-key", field=f"{at}.{name}", hint=did_you_mean(name, names)))
    return {name: inner for name, inner in value.items() if name in names}


def _payload(schema: Schema, name: str, value: object, faults: list[Problem]) -> dict[str, Options]:
    at = f"$.payloads.{name}"
    known = SETTINGS_OF_PAYLOAD[schema.payload(name).type]
    if isinstance(value, dict):
        for setting in value:
            if setting in PAYLOAD_SETTINGS and setting not in known:
                message = f"a {schema.payload(name).type} has no {setting!r}"
                hint = f"Its settings are {', '.join(repr(key) for key in known)}"
                faults.append(Problem(message, "tuning.not-applicable", field=f"{at}.{setting}", hint=hint))
        faults.extend(_unfit_embeddings(schema.payload(name), value.get("embedding"), f"{at}.embedding"))
        value = {key: inner for key, inner in value.items() if key in known or key not in PAYLOAD_SETTINGS}
    return _options(value, at, {key: PAYLOAD_SETTINGS[key] for key in known}, faults)


def _unfit_embeddings(payload: Payload, value: object, at: str) -> list[Problem]:
    """What is pretrained needs strings to look up, and a transformer needs them in an order."""
    kinds = {
        text.partition(":")[0] for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
    }
    faults = []
    if payload.type == "set" and "hf" in kinds:
        message, hint = "a set has no order that a transformer could read", "Use 'vectors:FILE', or 'hash'"
        faults.append(Problem(message, "tuning.not-applicable", field=at, hint=hint))
    if payload.type == "singleton" and not payload.is_text and kinds & {*PRETRAINED}:
        message, hint = "a singleton with a base has no strings of its own", "Name it on a payload of its base"
        faults.append(Problem(message, "tuning.not-applicable", field=at, hint=hint))
    return faults


def _options(value: object, at: str, rules: Mapping[str, Rule], faults: list[Problem]) -> dict[str, Options]:
    options: dict[str, Options] = {}
    for name, inner in _section(value, at, rules, faults).items():
        values = tuple(inner) if isinstance(inner, list) else (inner,)
        if not values:
            hint = "Leave the key out for the default, or name the values to choose from"
            faults.append(Problem("an empty list of choices", "tuning.bad-value", field=f"{at}.{name}", hint=hint))
        found = [_check(option, f"{at}.{name}", rules[name]) for option in values]
        faults.extend(fault for fault in found if fault)
        options[name] = values
    return options


def _values(value: object, at: str, rules: Mapping[str, Rule], faults: list[Problem]) -> dict[str, Any]:
    values = _section(value, at, rules, faults)
    found = [_check(inner, f"{at}.{name}", rules[name]) for name, inner in values.items()]
    faults.extend(fault for fault in found if fault)
    return values


def _value(value: object, at: str, rule: Rule, faults: list[Problem]) -> Any:
    fault = _check(value, at, rule)
    faults.extend([fault] if fault else [])
    return value


def _check(value: object, at: str, rule: Rule) -> Problem | None:
    if rule.accepts(value):
        return None
    names = did_you_mean(value, rule.names) if isinstance(value, str) and rule.names else ""
    message = f"expected {rule.expected}, got {json.dumps(value, ensure_ascii=False)}"
    return Problem(message, "tuning.bad-value", field=at, hint=names)
