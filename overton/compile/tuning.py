"""Text of `tuning.json` to a tuning: what the search may choose from, what is pinned, what serving must meet.

A list is a choice, a single value is pinned. Every fault of the file is found at once, with its line.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from overton.base import (
    OvertonError,
    Problem,
    did_you_mean,
    digest_json,
    doubled_keys,
    json_path,
    locate_json,
    nearest,
    parse_json,
    place_faults,
)
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
from overton.data import GOLD, parse_tag_expression
from overton.schema import Payload, Schema

PLAIN = r'[^\s:&|!()"@*]*'  # what is a task where it stands alone or before an @, no tag or expression
Options = tuple[Any, ...]
MODELS = ("large", "small")
OF_A_MODEL = ("payloads", "slices", "training")
SECTIONS = ("models", "payloads", "search", "serving", "slices", "supervision", "training")


@dataclass(frozen=True, slots=True)
class SupervisionSettings:
    """What is said of the sources of labels.

    Attributes:
        use_dev_gold: Whether gold on dev records shows what the sources are worth.
        trusted: Sources whose labels count as gold on training records without any, the most trusted first.
    """

    use_dev_gold: bool = True
    trusted: tuple[str, ...] = ()


DEFAULT_SUPERVISION = SupervisionSettings()


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a tuning file says. Settings that it does not name keep their defaults.

    Attributes:
        payloads: The values to choose from, by payload and setting; one value where it is pinned.
        training: Likewise, by setting of training.
        search: How long to search and what for: `trials`, `minutes`, `at_once`, `objective`.
        serving: What serving must meet: `p99_ms`, `size_mb`; whether it computes in `int8`.
        supervision: What is said of the sources of labels.
        slices: Whether slices add capacity, of `off`, `records` and `on`; empty for the default.
        models: What the models of a version have of their own, `payloads`, `training` and `slices` of each, where it is
            to have a `large` and a `small` one; empty for one model.
    """

    payloads: Mapping[str, Mapping[str, Options]] = field(default_factory=dict)
    training: Mapping[str, Options] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)
    serving: Mapping[str, Any] = field(default_factory=dict)
    supervision: SupervisionSettings = DEFAULT_SUPERVISION
    slices: Options = ()
    models: Mapping[str, "Tuning"] = field(default_factory=dict)

    def of_model(self, name: str) -> "Tuning":
        """The tuning of one model: what is said for all, and what it has of its own in the place of that."""
        own = self.models.get(name)
        if own is None:
            return self
        names = sorted({*self.payloads, *own.payloads})
        payloads = {key: {**self.payloads.get(key, {}), **own.payloads.get(key, {})} for key in names}
        training = {**self.training, **own.training}
        return replace(self, payloads=payloads, training=training, slices=own.slices or self.slices, models={})

    def each(self) -> tuple["Tuning", ...]:
        """The tuning of every model."""
        return tuple(self.of_model(name) for name in self.models) or (self,)

    def choices(self, schema: Schema) -> Choices:
        """The default choices with what the tuning says in their place; of several values, the first."""
        default = default_choices(schema)
        payloads = {
            name: replace(choices, **_first(self.payloads.get(name, {}))) for name, choices in default.payloads.items()
        }
        training = replace(default.training, **_first(self.training))
        return Choices(payloads=payloads, training=training, slices=(self.slices or (default.slices,))[0])

    def options(self) -> tuple[Options, ...]:
        """The values of every setting that it names and that a search may choose."""
        named = [options for settings in self.payloads.values() for options in settings.values()]
        return (*named, *self.training.values(), self.slices)

    def searched(self, *, trials: int | None = None, minutes: float | None = None) -> "Tuning":
        """The same with another effort of the search, as far as one is given.

        Minutes that are given ask for a search, also of who had pinned one trial, which is none.

        Raises:
            OvertonError: Where it is none that a tuning file may ask for.
        """
        effort = {name: value for name, value in (("trials", trials), ("minutes", minutes)) if value is not None}
        faults = [_check(value, name, SEARCH_SETTINGS[name]) for name, value in effort.items()]
        if wrong := [replace(fault, message=f"{fault.field}: {fault.message}", field="") for fault in faults if fault]:
            raise OvertonError(wrong)
        kept = dict(self.search)
        if minutes and kept.get("trials") == 1:
            del kept["trials"]
        return replace(self, search={**kept, **effort}) if effort else self

    def digest(self) -> str:
        """Digest of all that it says, however it is written."""
        said = asdict(self)
        return digest_json(said if self.models else {name: value for name, value in said.items() if name != "models"})


def parse_tuning(text: str, path: str, schema: Schema) -> Tuning:
    """The tuning of a text.

    Raises:
        OvertonError: With every fault of the text.
    """
    value = parse_json(text, path, "tuning.bad-json")
    positions = locate_json(text)
    faults = doubled_keys(positions, "tuning.duplicate-key")
    sections = _section(value, "$", SECTIONS, faults)
    models = _section(sections.get("models", {}), "$.models", MODELS, faults)
    if models and set(models) != {*MODELS}:
        message = f"a version has a large and a small model, or one; here is {', '.join(models)} alone"
        faults.append(Problem(message, "tuning.bad-value", field="$.models", hint="Name both; {} is enough for one"))
    tuning = Tuning(
        payloads=_payloads(schema, sections.get("payloads", {}), "$.payloads", faults),
        training=_options(sections.get("training", {}), "$.training", TRAINING_SETTINGS, faults),
        models={name: _model(schema, value, f"$.models.{name}", faults) for name, value in models.items()},
        search=_search(schema, sections.get("search", {}), faults),
        serving=_values(sections.get("serving", {}), "$.serving", SERVING_SETTINGS, faults),
        supervision=_supervision(sections.get("supervision", {}), faults),
        slices=_list(sections["slices"], "$.slices", SLICES, faults) if "slices" in sections else (),
    )
    if faults:
        raise OvertonError(place_faults(faults, positions, path))
    return tuning


def _first(options: Mapping[str, Options]) -> dict[str, Any]:
    return {name: values[0] for name, values in options.items()}


def _section(value: object, at: str, known: Iterable[str], faults: list[Problem]) -> dict[str, Any]:
    """The known keys of an object; a fault for every other."""
    names = list(known)
    if not isinstance(value, dict):
        message = f"expected an object, got {json.dumps(value, ensure_ascii=False)}"
        faults.append(Problem(message, "tuning.bad-value", field=at))
        return {}
    for name in value:
        if name not in names:
            what = "payload" if at.endswith(".payloads") else "key"
            message = f"unknown {what} {name!r}"
            faults.append(Problem(message, "tuning.unknown-key", field=_at(at, name), hint=did_you_mean(name, names)))
    return {name: inner for name, inner in value.items() if name in names}


def _model(schema: Schema, value: object, at: str, faults: list[Problem]) -> Tuning:
    """What one of several models has of its own; it is pinned, since a search looks for what all have in common."""
    found = _section(value, at, OF_A_MODEL, faults)
    own = Tuning(
        payloads=_payloads(schema, found.get("payloads", {}), f"{at}.payloads", faults),
        training=_options(found.get("training", {}), f"{at}.training", TRAINING_SETTINGS, faults),
        slices=_list(found["slices"], f"{at}.slices", SLICES, faults) if "slices" in found else (),
    )
    settings = {_at(f"{at}.training", name): options for name, options in own.training.items()}
    settings |= {
        _at(_at(f"{at}.payloads", payload), name): options
        for payload, named in own.payloads.items()
        for name, options in named.items()
    }
    hint = "Name the choices where they are for all models, and one value here"
    for place, options in {**settings, f"{at}.slices": own.slices}.items():
        if len(options) > 1:
            faults.append(Problem("a model pins what is its own", "tuning.bad-value", field=place, hint=hint))
    return own


def _payloads(schema: Schema, value: object, at: str, faults: list[Problem]) -> dict[str, dict[str, Options]]:
    known = _section(value, at, [payload.name for payload in schema.payloads], faults)
    return {name: _payload(schema, name, settings, _at(at, name), faults) for name, settings in known.items()}


def _payload(schema: Schema, name: str, value: object, at: str, faults: list[Problem]) -> dict[str, Options]:
    known = SETTINGS_OF_PAYLOAD[schema.payload(name).type]
    if isinstance(value, dict):
        for setting in value:
            if setting in PAYLOAD_SETTINGS and setting not in known:
                message = f"a {schema.payload(name).type} has no {setting!r}"
                hint = f"Its settings are {', '.join(repr(key) for key in known)}"
                faults.append(Problem(message, "tuning.not-applicable", field=_at(at, setting), hint=hint))
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
    known = _section(value, at, rules, faults)
    return {name: _list(inner, _at(at, name), rules[name], faults) for name, inner in known.items()}


def _list(value: object, at: str, rule: Rule, faults: list[Problem]) -> Options:
    """The values to choose from; a value that is no list is pinned."""
    if not isinstance(value, list):
        return (_value(value, at, rule, faults),)
    if not value:
        hint = "Leave the key out for the default, or name the values to choose from"
        faults.append(Problem("an empty list of choices", "tuning.bad-value", field=at, hint=hint))
    for place, option in enumerate(value):
        _value(option, f"{at}[{place}]", rule, faults)
        if option in value[:place]:
            message = f"{json.dumps(option, ensure_ascii=False)} appears twice in the list"
            faults.append(Problem(message, "tuning.bad-value", field=f"{at}[{place}]", hint="Name every choice once"))
    return tuple(value)


def _search(schema: Schema, value: object, faults: list[Problem]) -> dict[str, Any]:
    """How long to search and what for. Whether there is such a tag is known when there are data."""
    known = _values(value, "$.search", SEARCH_SETTINGS, faults)
    objective = known.get("objective")
    if isinstance(objective, str) and SEARCH_SETTINGS["objective"].accepts(objective):
        faults += _objective_faults(objective, [task.name for task in schema.tasks])
    return known


def _supervision(value: object, faults: list[Problem]) -> SupervisionSettings:
    """What is said of the sources. Whether those that it names label anything is known when there are data."""
    known = _values(value, "$.supervision", SUPERVISION_SETTINGS, faults)
    trusted = known["trusted"] if isinstance(known.get("trusted"), list) else []
    if GOLD in trusted:
        at, hint = f"$.supervision.trusted[{trusted.index(GOLD)}]", "Leave it out, or name those who count beside it"
        faults.append(Problem(f"{GOLD!r} is the truth, named or not", "tuning.bad-value", field=at, hint=hint))
    return SupervisionSettings(use_dev_gold=known.get("use_dev_gold", True), trusted=tuple(trusted))


def _objective_faults(objective: str, tasks: Sequence[str]) -> list[Problem]:
    faults, (task, tag) = [], split_objective(objective)
    if task and task not in tasks:
        faults.append(Problem(f"the schema has no task {task!r}", "tuning.bad-value", hint=did_you_mean(task, tasks)))
    try:
        parse_tag_expression(tag or "*")
    except OvertonError as error:
        faults += [Problem(fault.message, "tuning.bad-value", hint=fault.hint) for fault in error.problems]
    return [replace(fault, field="$.search.objective") for fault in faults]


def split_objective(text: str) -> tuple[str, str]:
    """The task of an objective, and its tag or expression over tags; empty where it is about all of them.

    Example:
        >>> split_objective("Intent"), split_objective("slice:rare"), split_objective("Intent@slice:rare & !lang:en")
        (('Intent', ''), ('', 'slice:rare'), ('Intent', 'slice:rare & !lang:en'))
    """
    named = re.fullmatch(f"({PLAIN})(?:@(.*))?", text)
    return (named[1], (named[2] or "").strip()) if named else ("", text)


def _values(value: object, at: str, rules: Mapping[str, Rule], faults: list[Problem]) -> dict[str, Any]:
    values = _section(value, at, rules, faults)
    return {name: _value(inner, _at(at, name), rules[name], faults) for name, inner in values.items()}


def _value(value: object, at: str, rule: Rule, faults: list[Problem]) -> Any:
    fault = _check(value, at, rule)
    faults.extend([fault] if fault else [])
    return value


def _at(at: str, name: str) -> str:
    """The JSON path of a key within an object."""
    return at + json_path([name])[1:]


def _check(value: object, at: str, rule: Rule) -> Problem | None:
    if rule.accepts(value):
        return None
    near = nearest(value, rule.names) if isinstance(value, str) else []
    names = did_you_mean(str(value), near) if near else ""  # all of them stand in the message
    message = f"expected {rule.expected}, got {json.dumps(value, ensure_ascii=False)}"
    return Problem(message, "tuning.bad-value", field=at, hint=names)
