"""What tests of stores share: artefacts to put, promotions, and what was refused."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.store import Promotion, Store
from tests.tiny_artifact import tiny_artifact

N_WRITES = len(set(tiny_artifact().files.values())) + 2  # each content, the format before, the manifest after
NOON, LATER = "2026-01-02T12:00:00+00:00", "2026-01-03T12:00:00+00:00"


def put(store: Store, seed: int = 0, when: str = NOON) -> str:
    return store.put(tiny_artifact(seed), when=when)


def promote(store: Store, alias: str, version: str, expected: str | None, why: str = "") -> Promotion:
    return store.promote(alias, version, who="ann", when=NOON, why=why, expected=expected)


def rollback(store: Store, alias: str, to: str | None = None) -> Promotion:
    return store.rollback(alias, who="ann", when=NOON, why="", to=to)


def age(store: Store, hours: float = 2) -> None:
    """Let everything in a store be so old."""
    then = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
    for path in Path(store.url).rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def refusal(call, *arguments, **named) -> str:
    """The code of the first problem that a call is refused with."""
    with pytest.raises(OvertonError) as caught:
        call(*arguments, **named)
    return caught.value.problems[0].code
