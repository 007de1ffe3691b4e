"""What stands around every live page: where one is, what was edited since the build, and the build that runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from overton.base import OvertonError, Problem
from overton.evaluation import Change, data_since
from overton.store import current_user
from overton.version import Version
from overton.web.dashboard import Dashboard
from overton.web.edits.files import NAME
from overton.web.jobs import Job
from overton.web.render import linked_assets
from overton.web.respond import refused

NAVIGATION = (
    ("/", "Report"),
    ("/errors", "Errors"),
    ("/discover", "Discover"),
    ("/sources", "Sources"),
    ("/versions", "Versions"),
    ("/builds", "Builds"),
)


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A data file that is not as it was when a version was built.

    Attributes:
        name: Its name.
        change: What became of it.
        lines: Its lines, where it is one of edits and is there; else None.
    """

    name: str
    change: Change
    lines: int | None = None


@dataclass(frozen=True, slots=True)
class DataNow:
    """The data beside those of a version.

    Attributes:
        changed: Files that are not as they were.
        problems: Why the data cannot be read.
    """

    changed: tuple[ChangedFile, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def n_edits(self) -> int:
        """Lines of new and changed files of edits."""
        return sum(file.lines or 0 for file in self.changed)


def data_now(dashboard: Dashboard, version: Version) -> DataNow:
    """What has changed in the data since a version was built."""
    return dashboard.page(("data", version.id), lambda: _data_now(dashboard, version))


def chrome(dashboard: Dashboard, request: Request, *, at_once: bool = False) -> dict[str, Any]:
    """What a template is told beside its page.

    Args:
        dashboard: The dashboard.
        request: What was asked.
        at_once: Whether to leave out what one may have to wait for, since records are read for it.
    """
    path = request.url.path.removesuffix(".json")
    nonce = request.scope["state"]["nonce"]
    version = request.query_params.get("version", "")
    same = {"version": version} if version else {}  # a page that is asked for of a version leads to pages of it
    return {
        "assets": linked_assets(nonce=nonce),
        "slice_link": lambda tag: f"/slice?{urlencode({'tag': tag, **same})}",
        "live": {
            "application": dashboard.name,
            "navigation": NAVIGATION,
            "path": path,
            "token": dashboard.token,
            "nonce": nonce,
            "editor": current_user(),
            "job": _running(dashboard),
            "version": version,
            "newest": _without_version(request),
            "live": _live(dashboard),
            "twin": twin_of(request),
            "data": DataNow() if at_once else _quietly(dashboard, version),
        },
    }


def _live(dashboard: Dashboard) -> str:
    """Id of the live version; empty where there is none, or the store cannot be read."""
    try:
        return dashboard.live()
    except (OvertonError, OSError):
        return ""


def _running(dashboard: Dashboard) -> Job | None:
    """The build that runs; None where there is none, or the folder of builds cannot be read."""
    try:
        return dashboard.jobs.running()
    except OSError:  # told by the page of builds
        return None


def _without_version(request: Request) -> str:
    """The same page of the newest version: its address with all that it asks for but the version."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "version"]
    return f"{request.url.path}?{urlencode(asked)}" if asked else request.url.path


def twin_of(request: Request) -> str:
    """The address of the page as JSON."""
    path = "/index.json" if request.url.path == "/" else f"{request.url.path}.json"
    return f"{path}?{request.url.query}" if request.url.query else path


def _quietly(dashboard: Dashboard, reference: str) -> DataNow:
    """The data beside those of a version; nothing where there is no version.

    Nothing is raised: the page that tells of a problem has this around it, too.
    """
    try:
        version = dashboard.version(reference)
    except (OvertonError, OSError):  # told by the page itself
        return DataNow()
    try:
        return data_now(dashboard, version)
    except OvertonError as error:
        return DataNow(problems=error.problems)
    except OSError as error:
        return DataNow(problems=(refused(error),))


def _data_now(dashboard: Dashboard, version: Version) -> DataNow:
    try:
        dashboard.records(version)
    except OvertonError as error:
        return DataNow(problems=error.problems)
    changes = data_since(version.home, version.artifact)
    return DataNow(tuple(_changed(dashboard.data / name, change) for name, change in changes.items()))


def _changed(path: Path, change: Change) -> ChangedFile:
    n_lines = path.read_bytes().count(b"\n") if change != "gone" and NAME.fullmatch(path.name) else None
    return ChangedFile(path.name, change, n_lines)
