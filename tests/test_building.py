"""What lies around a build."""

from pathlib import Path

import pytest

import overton
from overton.base import OvertonError
from overton.engine import Inline
from tests.kinds import write_kinds


def test_more_ranks_than_a_cluster_has_workers_are_refused_before_anything_is_done(tmp_path: Path, monkeypatch) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    monkeypatch.setattr("overton.engine.engine_of", lambda place: Inline())
    with pytest.raises(OvertonError, match=r"2 ranks need as many workers, and ray has 1"):
        overton.load(tmp_path / "app").build(ranks=2, on="ray")


def test_what_a_killed_build_was_writing_is_gone_after_an_hour(tmp_path: Path, monkeypatch) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    left = tmp_path / "app" / ".overton" / "votes" / ".Record.tally.x.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    monkeypatch.setattr("overton.building.time.time", lambda: left.stat().st_mtime + 3601 if left.exists() else 0)
    (tmp_path / "app" / "tuning.json").write_text('{"payloads": {"tokens": {"embedding": "vectors:nowhere.txt"}}}')
    with pytest.raises(OvertonError, match=r"nowhere\.txt"):
        overton.load(tmp_path / "app").build()
    assert not left.exists()
