"""A run of batch work that a user stops after some shards."""

from collections.abc import Callable
from typing import Any

import pytest

from overton.batch import work


def run_stopped(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any], *, after: int) -> None:
    """Run until so many shards are made, and see that the interrupt comes through."""
    make, left = work._make_shard, after

    def stopping(*words: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return make(*words)

    with monkeypatch.context() as patch:
        patch.setattr(work, "_make_shard", stopping)
        with pytest.raises(KeyboardInterrupt):
            run()
