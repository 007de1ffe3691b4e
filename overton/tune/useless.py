"""Settings of a tuning that change no program of a schema, whatever else is chosen."""

from collections.abc import Iterator
from dataclasses import replace

from overton.base import Problem, json_path
from overton.compile import Choices, Tuning, default_choices
from overton.schema import Schema
from overton.tune.space import effective

# Whether these have an effect depends on the other choices: on what is pretrained, and where attention is used.
OF_OTHERS = ("attention", "hf_learning_rate", "tune")


def useless_settings(tuning: Tuning, schema: Schema) -> tuple[Problem, ...]:
    """A warning for each setting that is not at its default and that nothing in the schema makes use of."""
    own = ((("models", name), one) for name, one in tuning.models.items())
    return tuple(problem for at, one in (((), tuning), *own) for problem in _of_one(one, schema, at))


def _of_one(tuning: Tuning, schema: Schema, at: tuple[str, ...]) -> Iterator[Problem]:
    default = default_choices(schema)
    for payload, named in tuning.payloads.items():
        before = default.payloads[payload]
        for setting, options in named.items():
            changed = (replace(before, **{setting: option}) for option in options if option != getattr(before, setting))
            programs = [replace(default, payloads={**default.payloads, payload: one}) for one in changed]
            if _is_useless(setting, programs, default, schema):
                what = schema.payload(payload)
                hint = "Name it on a payload of its base, or leave it out" if what.base else "Leave it out"
                yield _warn(f"{setting!r} has no effect on {payload!r}", (*at, "payloads", payload, setting), hint)
    for setting, options in tuning.training.items():
        others = [option for option in options if option != getattr(default.training, setting)]
        programs = [replace(default, training=replace(default.training, **{setting: option})) for option in others]
        if _is_useless(setting, programs, default, schema):
            message = f"{setting!r} has no effect: nothing in the schema uses it"
            yield _warn(message, (*at, "training", setting), "Leave it out")


def _is_useless(setting: str, programs: list[Choices], default: Choices, schema: Schema) -> bool:
    if setting in OF_OTHERS or not programs:
        return False
    plain = effective(default, schema)
    return all(effective(program, schema) == plain for program in programs)


def _warn(message: str, place: tuple[str, ...], hint: str) -> Problem:
    return Problem(message, "tuning.without-effect", field=json_path(list(place)), hint=hint)
