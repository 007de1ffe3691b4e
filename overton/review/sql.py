"""Which records an SQL expression holds of. DuckDB evaluates it, with no way to files, network or extensions."""

import re
from collections.abc import Mapping

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, did_you_mean
from overton.codec import Predictions
from overton.data import Dataset
from overton.review.tables import ROW, records_table
from overton.review.words import identifier

# What an expression may not do is fixed before it is read, and cannot be changed from within it.
SAFE = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "2GB",
    "threads": "1",
}
MOST_NAMED = 3
MISSING_KEY = re.compile(r'Could not find key "(.+?)" in struct')
HAS = "CREATE MACRO has(list, word) AS list_contains(list_transform(list, lambda item: lower(item)), lower(word))"


def rows_where(dataset: Dataset, where: str, predictions: Mapping[str, Predictions] | None = None) -> ndarray:
    """The records that an expression holds of, int64, ascending.

    Args:
        dataset: The records.
        where: The expression, over the columns that `tables` tells, with `has(list, word)` beside DuckDB's functions.
        predictions: What a version says of all records, by task; None where none was named.

    Raises:
        OvertonError: Where DuckDB is not there, or does not take the expression.
    """
    try:
        import duckdb
    except ImportError:
        message = "expressions are evaluated by DuckDB, which is not installed"
        raise OvertonError(Problem(message, "tagging.no-duckdb", hint="pip install 'overton[sql]'")) from None
    table, names = records_table(dataset, where, predictions)
    with duckdb.connect(":memory:", config=dict(SAFE)) as connection:
        connection.execute(HAS)
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        try:
            # `filter` reads one expression, and no statement.
            found = connection.from_arrow(table).filter(where).project(f'"{ROW}"').fetchnumpy()[ROW]
        except duckdb.Error as error:
            hint = f"{_meant(str(error), where, dataset)}Columns are {', '.join(names)}"
            if predictions is None and '"predicted"' in str(error):
                hint += "; predicted is one where --version names a version"
            raise OvertonError(
                Problem(_message(str(error)), "tagging.bad-expression", field=where, hint=hint)
            ) from None
    rows: ndarray = np.sort(np.asarray(found, np.int64))
    return rows


def _meant(text: str, where: str, dataset: Dataset) -> str:
    """What was meant by the name of a task or source that DuckDB does not find; nothing where nobody can tell."""
    names = dict.fromkeys((*(task.name for task in dataset.schema.tasks), *dataset.sources))
    bare = [identifier(name) for name in names if f".{name}" in where and identifier(name) != name]
    if bare:
        return f"Names with other signs stand in double quotes: {', '.join(bare[:MOST_NAMED])}. "
    key = MISSING_KEY.search(text)
    near = did_you_mean(key[1], names) if key else ""
    return f"{near} " if near.endswith("?") else f"{near}. " if near else ""


def _message(text: str) -> str:
    r"""What DuckDB says, in one line, without the statement that it made of the expression and our own columns.

    Example:
        >>> _message('Binder Error: no column "x"!\nCandidate bindings: "__row", "id"\n\nLINE 2: ...')
        'Binder Error: no column "x"!'
    """
    lines = [line.strip() for line in text.partition("\n\nLINE")[0].splitlines()]
    return " ".join(line for line in lines if line and not line.startswith("Candidate")).rstrip(".")
