"""The journal of a search: a folder with one file a trial, written whole when it begins and again when it is over.

So a search that is killed at any moment goes on with the trials that are not over, and what one worker writes is in no
other's way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from overton.base.files import write_atomic
from overton.tune.study import Asked, Score, Trial

FORMAT = 1
RUNNING, FAILED = "running", "failed"


def begin_trial(folder: Path, asked: Asked, when: str) -> None:
    """Write that a trial has begun."""
    _write(folder, asked, {"status": RUNNING, "begun": when})


def save_score(folder: Path, asked: Asked, score: Score, when: str) -> None:
    """Write what became of a trial."""
    _write(folder, asked, {**asdict(score), "begun": when})


def load_score(folder: Path, asked: Asked) -> Score | None:
    """What became of a trial; None where it is to be begun: it is not over, or failed, or was of another program.

    A trial may have failed for a reason that passes, such as a model that could not be fetched.
    """
    value = _read(_path(folder, asked.number))
    if value is None or value.get("picked") != dict(asked.picked) or value.get("status") in (RUNNING, FAILED):
        return None
    return _score(value)


@dataclass(frozen=True, slots=True)
class Journal:
    """What the folder of a search tells of its trials.

    Attributes:
        done: Those that are over, by number.
        running: Those that have begun, as `{"number", "picked", "begun"}`.
        begun: When each of all began, by its number: the last time where it was begun again.
    """

    done: Sequence[Trial]
    running: Sequence[Mapping[str, Any]]
    begun: Mapping[int, str]


def load_journal(folder: Path) -> Journal:
    """The journal of a folder; one of nothing where there is none."""
    values = [value for path in sorted(folder.glob("trial-*.json")) if (value := _read(path)) is not None]
    scores = {value["number"]: _score(value) for value in values if value.get("status") != RUNNING}
    return Journal(
        done=[
            Trial(value["number"], value["picked"], score) for value in values if (score := scores.get(value["number"]))
        ],
        running=[value for value in values if value.get("status") == RUNNING],
        begun={value["number"]: str(value.get("begun", "")) for value in values},
    )


def _path(folder: Path, number: int) -> Path:
    return folder / f"trial-{number:04}.json"


def _write(folder: Path, asked: Asked, more: Mapping[str, Any]) -> None:
    value = {"format": FORMAT, "number": asked.number, "picked": dict(asked.picked), **more}
    write_atomic(_path(folder, asked.number), json.dumps(value, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    """The value of a file; None where there is none, or none that can be read: it is made again."""
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    known = isinstance(value, dict) and value.get("format") == FORMAT and {"number", "picked"} <= set(value)
    return value if known else None


def _score(value: Mapping[str, Any]) -> Score | None:
    try:
        return msgspec.convert(value, Score)
    except msgspec.ValidationError:
        return None
