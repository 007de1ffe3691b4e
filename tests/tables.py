"""How many rows the hashed tables of programs have: few in the quick tests, those of a user where a test asks for them.

They are nearly all that a version weighs, that is written and hashed. Slow tests, some of which tell how good a model
is, have the rows of a user anyway.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from overton.compile import rules

FEWER = 16
ROWS = {name: getattr(rules, name) for name in ("WORD_ROWS", "ID_ROWS")}


def use_small_tables() -> None:
    """Let programs have a sixteenth of the rows: before any test is read, since some make artefacts meanwhile."""
    for name, rows in ROWS.items():
        setattr(rules, name, tuple(number // FEWER for number in rows))


@contextmanager
def rows_of_a_user() -> Iterator[None]:
    """Programs that are compiled within have tables as large as a user has them."""
    now = {name: getattr(rules, name) for name in ROWS}
    try:
        for name, rows in ROWS.items():
            setattr(rules, name, rows)
        yield
    finally:
        for name, rows in now.items():
            setattr(rules, name, rows)
