"""Examples as the content of a Parquet file, and back as a pandas frame."""

from typing import TYPE_CHECKING, Any

import numpy as np

from overton.base import OvertonError, Problem
from overton.base.ragged import starts_of
from overton.evaluate.examples import ExampleRows, TaskRows

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("id", "task", "split", "tags", "labels", "gold", "prediction", "probability", "correct")


def render_examples(rows: ExampleRows) -> bytes:
    """The content of `predictions.parquet`: the columns `COLUMNS`, `labels` a map from source to label."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    shared = _shared_columns(rows)
    tables = [_task_table(name, task, shared) for name, task in rows.tasks.items()]
    table = pa.concat_tables(tables) if tables else pa.table({name: [] for name in COLUMNS})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def parse_examples(content: bytes, path: str = "") -> "DataFrame":
    """The examples as a pandas frame.

    `labels` holds a dict from source to label, `tags` an array of names; `correct` is a nullable boolean.

    Raises:
        OvertonError: Where the content is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except pa.ArrowException as error:
        raise _bad(f"not a Parquet file: {error}", path) from None
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise _bad(f"examples without the columns {', '.join(missing)}", path)
    frame: DataFrame = table.to_pandas(maps_as_pydicts="strict")
    return frame.astype({"correct": "boolean"})


def _bad(message: str, path: str) -> OvertonError:
    return OvertonError(Problem(message=message, code="report.bad", path=path, hint="Evaluate again with this Overton"))


def _shared_columns(rows: ExampleRows) -> dict[str, Any]:
    """The columns that are the same for all tasks."""
    import pyarrow as pa

    lengths = np.fromiter(map(len, rows.tags), np.int64, len(rows.tags))
    names = pa.array([name for tags in rows.tags for name in tags], pa.string())
    return {
        "id": pa.array(rows.ids, pa.string()),
        "split": pa.array(rows.split, pa.string()),
        "tags": pa.ListArray.from_arrays(pa.array(starts_of(lengths), pa.int32()), names),
    }


def _task_table(name: str, task: TaskRows, shared: dict[str, Any]) -> Any:
    """The rows of one task."""
    import pyarrow as pa

    columns = {
        **shared,
        "task": pa.repeat(pa.scalar(name), len(task.correct)),
        "labels": pa.MapArray.from_arrays(
            pa.array(task.first, pa.int32()), pa.array(task.source, pa.string()), pa.array(task.label, pa.string())
        ),
        "gold": pa.array(task.gold, pa.string()),
        "prediction": pa.array(task.prediction, pa.string()),
        "probability": pa.array(task.probability, pa.float32(), mask=np.isnan(task.probability)),
        "correct": pa.array(task.correct == 1, pa.bool_(), mask=task.correct < 0),
    }
    return pa.table({column: columns[column] for column in COLUMNS})
