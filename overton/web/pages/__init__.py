"""Pages as values: what a page says, made by pure functions of reports, comparisons and records. No HTML here.

Every page is a frozen dataclass, and its `to_json` is the JSON twin of what is seen.
"""

from overton.web.pages.checks import Checks, Finding, checks_of
from overton.web.pages.compared import ChangeRow, ComparisonPage, Verdict, Worse, comparison_page, verdict_of
from overton.web.pages.examples import Candidate, Example, Token, Unit, Voice, example_of, label_text, read_label
from overton.web.pages.history import History, Line, Moment, TaskHistory, history_of
from overton.web.pages.lineage import Lineage, lineage_page
from overton.web.pages.matrix import Column, Figure, Matrix, MatrixRow, figure_of, matrix_of, split_of
from overton.web.pages.report import ReportPage
from overton.web.pages.sources import SourceLine, learned_lines, source_lines
from overton.web.pages.tasks import Bins, Confusion, Pair, TaskPage, confusion_of, task_page
from overton.web.pages.trials import TrialLine, Trials, trials_of

__all__ = [
    "Bins",
    "Candidate",
    "ChangeRow",
    "Checks",
    "Column",
    "ComparisonPage",
    "Confusion",
    "Example",
    "Figure",
    "Finding",
    "History",
    "Line",
    "Lineage",
    "Matrix",
    "MatrixRow",
    "Moment",
    "Pair",
    "ReportPage",
    "SourceLine",
    "TaskHistory",
    "TaskPage",
    "Token",
    "TrialLine",
    "Trials",
    "Unit",
    "Verdict",
    "Voice",
    "Worse",
    "checks_of",
    "comparison_page",
    "confusion_of",
    "example_of",
    "figure_of",
    "history_of",
    "label_text",
    "learned_lines",
    "lineage_page",
    "matrix_of",
    "read_label",
    "source_lines",
    "split_of",
    "task_page",
    "trials_of",
    "verdict_of",
]
