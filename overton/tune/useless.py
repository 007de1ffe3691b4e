"""Settings of a tuning that change no program of a schema, whatever else is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from overton.base import Problem, json_path
from overton.compile import Choices, Tuning, default_choices
from overton.compile.choices import PRETRAINED
from overton.schema import Schema
from overton.tune.space import effective

OF_OTHERS = ("attention",)  # has an effect or none by where else attention is used
OF_VECTORS = ("word_dropout",)  # of training: of pretrained vectors too, those of ids among them
OF_TUNED = ("hf_learning_rate", "piece_dropout")  # of training: of transformers that are tuned alone


@dataclass(frozen=True, slots=True)
class _Pretrained:
    """What some model of a tuning may read that is pretrained.

    Attributes:
        payloads: The payloads that may have a pretrained embedding.
        tunes: Whether a transformer may be trained further.
    """

    payloads: frozenset[str]
    tunes: bool


def useless_settings(tuning: Tuning, schema: Schema) -> tuple[Problem, ...]:
    """A warning for each setting that is not at its default and that nothing in the schema makes use of."""
    own = ((("models", name), one) for name, one in tuning.models.items())
    given = _pretrained(tuning)
    return tuple(problem for at, one in (((), tuning), *own) for problem in _of_one(one, schema, at, given))


def _pretrained(tuning: Tuning) -> _Pretrained:
    payloads, tunes = set(), False
    for one in tuning.each():
        for name, settings in one.payloads.items():
            kinds = {text.partition(":")[0] for text in settings.get("embedding", ())} & {*PRETRAINED}
            payloads |= {name} if kinds else set()
            tunes |= "hf" in kinds and any(settings.get("tune", ()))
    return _Pretrained(frozenset(payloads), tunes)


def _of_one(tuning: Tuning, schema: Schema, at: tuple[str, ...], given: _Pretrained) -> Iterator[Problem]:
    default = default_choices(schema)
    for payload, named in tuning.payloads.items():
        before = default.payloads[payload]
        for setting, options in named.items():
            place, what = (*at, "payloads", payload, setting), schema.payload(payload)
            leave = "Name it on a payload of its base, or leave it out" if what.base else "Leave it out"
            if setting == "tune" and payload not in given.payloads and any(options):
                message = f"{setting!r} has no effect on {payload!r}: nothing of its embedding is pretrained"
                hint = "Name what is pretrained as its `embedding`, or leave it out"
                yield _warn(message, place, leave if what.type == "singleton" and what.base else hint)
            changed = (replace(before, **{setting: option}) for option in options if option != getattr(before, setting))
            programs = [replace(default, payloads={**default.payloads, payload: one}) for one in changed]
            if setting != "tune" and _is_useless(setting, programs, default, schema):
                yield _warn(f"{setting!r} has no effect on {payload!r}", place, leave)
    yield from _of_training(tuning, schema, at, given)


def _of_training(tuning: Tuning, schema: Schema, at: tuple[str, ...], given: _Pretrained) -> Iterator[Problem]:
    default = default_choices(schema)
    for setting, options in tuning.training.items():
        others = [option for option in options if option != getattr(default.training, setting)]
        programs = [replace(default, training=replace(default.training, **{setting: option})) for option in others]
        if setting in OF_TUNED:
            if others and not given.tunes:
                message = f"{setting!r} has no effect: no pretrained transformer is tuned"
                hint = "Name one as an `embedding` with `tune`, or leave it out"
                yield _warn(message, (*at, "training", setting), hint)
        elif not (setting in OF_VECTORS and given.payloads) and _is_useless(setting, programs, default, schema):
            message = f"{setting!r} has no effect: nothing in the schema uses it"
            yield _warn(message, (*at, "training", setting), "Leave it out")


def _is_useless(setting: str, programs: list[Choices], default: Choices, schema: Schema) -> bool:
    if setting in OF_OTHERS or not programs:
        return False
    plain = effective(default, schema)
    return all(effective(program, schema) == plain for program in programs)


def _warn(message: str, place: tuple[str, ...], hint: str) -> Problem:
    return Problem(message, "tuning.without-effect", field=json_path(list(place)), hint=hint)
