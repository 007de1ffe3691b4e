"""The first page: all that somebody asks of a version, in the order in which it is asked.

What is read off the version is shown at once. What has to be computed on the records (the comparison with the live
version, the surest errors, the sources) is made beside; the page asks whether it is there, and shows it then.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from overton.application import LIVE
from overton.base import OvertonError
from overton.version import Version
from overton.web.dashboard import Dashboard
from overton.web.gather import Records, application_name, report_page
from overton.web.pages import ReportPage, Verdict, learned_lines, lineage_page, matrix_of, task_page
from overton.web.routing import Query, Shown
from overton.web.stored import aliases_of, verdict_alone, version_history

NEWER = (
    "Labels or tags have changed since this page was made: its verdict, errors, sources and data are of before. "
    "The pages of a comparison, of errors and of sources tell those of now."
)


@dataclass(frozen=True, slots=True)
class EmptyPage:
    """The first page of an application that has no version yet."""

    application: str

    @property
    def title(self) -> str:
        """What the page is called."""
        return self.application

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {"application": self.application, "version": None}


def home_view(dashboard: Dashboard, query: Query) -> Shown:
    """The report on a version; the newest where the query names none."""
    application = dashboard.application()
    if not query.get("version") and not application.store.versions():
        return Shown("empty.html.j2", EmptyPage(dashboard.name))
    version = dashboard.version(query.get("version", ""))
    key, labels = _key(dashboard, version)
    made: _Made | None = dashboard.made(key)
    if made is None and query.get("wait"):
        made = dashboard.kept(key, lambda: _Made(whole_page(dashboard, version), labels))
    if made is None:
        dashboard.beside(partial(_make, dashboard, key, version, labels))
        return Shown("home.html.j2", quick_page(dashboard, version), {"ready": False})
    page = made.page if made.labels == labels else replace(made.page, notes=(*made.page.notes, NEWER))
    return Shown("home.html.j2", page, {"ready": True})


@dataclass(frozen=True, slots=True)
class _Made:
    """The report as it was made, and the digest of the records and labels that it was made of."""

    page: ReportPage
    labels: str


def _key(dashboard: Dashboard, version: Version) -> tuple[tuple[Any, ...], str]:
    """What the report depends on beside the version: aliases, gate, tuning and payloads; not labels that are new.

    Of these the digest is told beside: a report that is older says so.
    """
    aliases = tuple(sorted(dashboard.application().store.aliases().items()))
    try:
        found = dashboard.records(version)
        records, labels = found.digest, found.dataset.digest
    except OvertonError:  # told around the page
        records = labels = ""
    return ("report", version.id, aliases, records, dashboard.own_stamp()), labels


def _make(dashboard: Dashboard, key: tuple[Any, ...], version: Version, labels: str) -> None:
    try:
        dashboard.kept(key, lambda: _Made(whole_page(dashboard, version), labels))
    except (OvertonError, OSError):  # a page that asks again is told why
        return


def whole_page(dashboard: Dashboard, version: Version) -> ReportPage:
    """The report, with what is known of the records already."""
    try:
        found = dashboard.records(version)
    except OvertonError:  # told around the page
        return report_page(version)
    predict = dashboard.predictor(version, found)
    records = Records(
        found.dataset,
        found.dataset.splits,
        found.supervision,
        predict,
        lambda task: dashboard.combined(found, task),
        lambda live: dashboard.compare(dashboard.version(live), version),
    )
    return report_page(version, records=records)


def quick_page(dashboard: Dashboard, version: Version) -> ReportPage:
    """What is read off a version without its records."""
    report, lineage = dashboard.report(version), version.artifact.json("lineage.json")
    created = version.artifact.created
    sizes = {name: len(content) for name, content in version.artifact.files.items()}
    return ReportPage(
        application=application_name(version),
        version=version.id,
        aliases=aliases_of(version),
        created=created,
        made="",
        data="",
        tag="",
        verdict=verdict_alone(version) or Verdict("unknown", f"{version.id} is being compared with {LIVE} …"),
        comparison=None,
        matrix=matrix_of(report),
        tasks=tuple(task_page(report, task) for task in report.main_metric),
        sources=learned_lines(lineage.get("sources", {})),
        checks=None,
        history=version_history(version, told=dashboard.told),
        lineage=lineage_page(version.id, lineage, created=created, sizes=sizes),
        notes=report.notes,
    )
