"""Silence around libraries that talk to the terminal and warn of their own insides; what they make is checked."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that Python code writes or warns of in this block is shown."""
    with warnings.catch_warnings(), redirect_stdout(_Nowhere()), redirect_stderr(_Nowhere()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


class _Nowhere:
    """A stream that forgets what is written to it."""

    def write(self, text: str) -> int:
        """Forget a text."""
        return len(text)

    def flush(self) -> None:
        """Nothing is kept that could be written out."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False
