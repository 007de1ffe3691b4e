"""Builds: those that were started here, one in the making, and how to start and stop one."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec

from overton.base import MOST_SEED
from overton.store import check_alias, current_user
from overton.web.chrome import DataNow, data_now
from overton.web.dashboard import Dashboard
from overton.web.jobs import Job
from overton.web.routing import Query, Shown


@dataclass(frozen=True, slots=True)
class BuildsPage:
    """The page.

    Attributes:
        jobs: All builds, the newest first.
        versions: Versions to begin from, the newest first.
        aliases: Aliases that there are.
        data: What has changed in the data since the newest version.
    """

    jobs: tuple[Job, ...]
    versions: tuple[str, ...]
    aliases: tuple[str, ...]
    data: DataNow

    @property
    def title(self) -> str:
        """What the page is called."""
        return "Builds"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {
            "jobs": [job.to_json() for job in self.jobs],
            "versions": self.versions,
            "aliases": self.aliases,
            "changed": [asdict(file) for file in self.data.changed],
        }


@dataclass(frozen=True, slots=True)
class BuildPage:
    """One build."""

    job: Job
    live: str

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"Build {self.job.id}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return self.job.to_json()


class BuildBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to build: from scratch or from a version; with an alias, to be promoted where the gate lets it pass."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=MOST_SEED)] = 0
    parent: str = ""
    promote: str = ""
    why: Annotated[str, msgspec.Meta(pattern=r"^[^\0]*$")] = ""  # a word of a command holds no zero byte


class StopBody(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing is said beside which."""


def builds_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of all builds."""
    application = dashboard.application()
    versions = tuple(version.id for version in application.store.versions())
    data = data_now(dashboard, dashboard.version()) if versions else DataNow()
    aliases = tuple(sorted(application.store.aliases()))
    return Shown("builds.html.j2", BuildsPage(dashboard.jobs.every(), versions, aliases, data))


def build_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of one build."""
    return Shown("build.html.j2", BuildPage(dashboard.jobs.get(query["job"]), dashboard.live()))


def start_build(dashboard: Dashboard, body: BuildBody, query: Query) -> dict[str, Any]:
    """Start a build."""
    application = dashboard.application()  # its faults are told now, and not by a build that fails
    words = ["build", str(dashboard.directory), "--json", "--seed", str(body.seed), *dashboard.store_words]
    if body.promote:
        check_alias(body.promote)
        words += ["--promote", body.promote, *([f"--why={body.why}"] if body.why else [])]
    elif body.parent:
        words += ["--from", application.version(body.parent).id]
    job = dashboard.jobs.start(words, who=current_user())
    return {"job": job, "url": f"/builds/{job}", "message": f"build {job} has begun"}


def stop_build(dashboard: Dashboard, body: StopBody, query: Query) -> dict[str, Any]:
    """Stop a build."""
    job = dashboard.jobs.stop(query["job"])
    return {"job": job.id, "state": job.state, "message": f"build {job.id} is told to stop"}
