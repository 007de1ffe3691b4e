"""A job as it is told: what a folder of a job says about it, as a value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

State = Literal["running", "done", "refused", "failed", "stopped"]
LINE = re.compile(r"\[ *(?P<at>[\d.]+)s\] (?P<stage>[a-z]+):? ?(?P<text>.*)")
COUNT = re.compile(r"(?:epoch )?(?P<done>[\d,]+)/(?P<total>[\d,]+)\b")
DONE = re.compile(r"done in [\d.]+ s")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a build, as its progress tells it.

    Attributes:
        name: `ingest`, `combine`, `train`, ...
        text: What it said last.
        at: Seconds from the start of the job at which it said so.
        share: How much of it is done, from 0 to 1; None where it does not say.
        done: Whether another stage has begun since, or it says so itself.
    """

    name: str
    text: str
    at: float
    share: float | None
    done: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One build.

    Attributes:
        id: Its name, which begins with the time of its start.
        words: The command, without the words that start Python.
        started: When, as ISO 8601 text in UTC.
        who: Who started it.
        seconds: How long it has run, or ran.
        state: `running`; `done`; `refused` by the gate; `failed`; or `stopped`, by an editor or since the machine was.
        version: The version that it made; empty where it has made none.
        title: What became of it, in one line.
        problems: Why it failed or was refused, with `code`, `message` and `hint` each.
        stages: Its stages, in the order of their beginning.
        log: The last of what it told.
    """

    id: str
    words: tuple[str, ...]
    started: str
    who: str
    seconds: float
    state: State
    version: str
    title: str
    problems: tuple[Mapping[str, Any], ...]
    stages: tuple[Stage, ...]
    log: str

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON value."""
        return asdict(self)


def parse_stages(log: str, *, running: bool) -> tuple[Stage, ...]:
    r"""The stages that a log tells of.

    Args:
        log: Lines as `overton build` writes them to where no terminal is.
        running: Whether the last of them goes on.

    Example:
        >>> log = "[   0.1s] combine: done in 0.1 s\n[   2.0s] train: epoch 1/4: loss 2.0\n"
        >>> [(stage.name, stage.share, stage.done) for stage in parse_stages(log, running=True)]
        [('combine', None, True), ('train', 0.25, False)]
    """
    found: dict[str, tuple[str, float, float | None]] = {}
    for line in log.splitlines():
        said = LINE.fullmatch(line)
        if said:
            found[said["stage"]] = (said["text"], float(said["at"]), _share(said["text"]))
    last = next(reversed(found), "")
    return tuple(
        Stage(name, text, at, share, done=name != last or not running or DONE.fullmatch(text) is not None)
        for name, (text, at, share) in found.items()
    )


def _share(text: str) -> float | None:
    count = COUNT.match(text)
    if not count:
        return None
    done, total = (int(count[name].replace(",", "")) for name in ("done", "total"))
    return min(done / total, 1.0) if total else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job that has ended made.

    Attributes:
        state: How it ended.
        title: What became of it, in one line.
        version: The version; empty where there is none.
        problems: Why not.
    """

    state: State
    title: str
    version: str = ""
    problems: tuple[Mapping[str, Any], ...] = ()


def parse_outcome(output: bytes, log: str, *, stopped: bool) -> Outcome:
    """How a job ended, by what it wrote.

    Args:
        output: Its standard output: one JSON document, where it came to its end.
        log: What it told.
        stopped: Whether an editor stopped it.
    """
    try:
        found = msgspec.json.decode(output)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "it told nothing")
        if stopped:
            return Outcome("stopped", "stopped; nothing was left half written")
        return Outcome("failed", f"it ended before it was done: {last}")
    if found.get("ok") is False:
        return Outcome("failed", _first(found.get("problems", ())), problems=tuple(found.get("problems", ())))
    version, outcome = str(found.get("version", "")), found.get("outcome")
    if outcome == "refused":
        refused = tuple(found.get("refused", ()))
        return Outcome("refused", f"the gate refuses {version}: {_first(refused)}", version, refused)
    if outcome == "nothing to do":
        title = f"{found.get('alias')} names {version}, which is of the same inputs; nothing to do"
        return Outcome("done", title, version)
    if outcome == "promoted":
        return Outcome("done", f"{found.get('alias')}: {found.get('before') or 'nothing'} -> {version}", version)
    return Outcome("done", f"version {version}", version)


def _first(problems: Sequence[Mapping[str, Any]]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]['message']}{more}" if problems else "it does not say why"
