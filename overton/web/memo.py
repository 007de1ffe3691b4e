"""Values that are costly to make, kept by key: each is made once, however many threads ask for it at the same time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

Value = TypeVar("Value")


class Memo:
    """Keeps the values that were asked for last.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it is not there; who asks while it is being made waits for it.

        What `make` raises is raised to all who wait, and nothing is kept then.
        """
        with self._lock:
            future = self._kept.get(key)
            makes = future is None
            if future is None:
                future = self._kept[key] = Future()
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
        if makes:
            self._make(key, future, make)
        value: Value = future.result()
        return value

    def peek(self, key: Hashable) -> Any:
        """The value of a key where it is there and made; else None."""
        with self._lock:
            future = self._kept.get(key)
        return future.result() if future is not None and future.done() and not future.exception() else None

    def _make(self, key: Hashable, future: "Future[Any]", make: Callable[[], Any]) -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # handed on to all who wait
            with self._lock:
                if self._kept.get(key) is future:
                    del self._kept[key]
            future.set_exception(error)
