"""An evaluation: the report on a version and the examples that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base.files import write_atomic

if TYPE_CHECKING:
    import pandas

    from overton.evaluate import Report


@dataclass(frozen=True)
class Evaluation:
    """A report and the examples that it rests on."""

    report: Report
    examples: bytes

    def save(self, directory: Path) -> None:
        """Write `report.json` and `predictions.parquet`."""
        from overton.evaluate.files import write_report

        write_report(directory / "report.json", self.report)
        write_atomic(directory / "predictions.parquet", self.examples)

    def _repr_html_(self) -> str:
        """How a notebook shows it: as the report."""
        return self.report._repr_html_()

    def to_pandas(self) -> pandas.DataFrame:
        """The examples as a pandas frame, one row an example and task."""
        from overton.evaluate.files import parse_examples

        return parse_examples(self.examples)
