"""The page about one of two models of a version: its comparison, errors and history are those of that model."""

import pytest

from overton.application import Application, find_version
from overton.artifact import Artifact
from overton.store import Store
from overton.version import Version
from overton.web import report_page
from tests.tiny_artifact import tiny_artifact
from tests.web.test_web_gather import bare_application


def whole(application: Application, seed: int) -> Artifact:
    """A model that was drawn, with the report of its build."""
    bare = tiny_artifact(seed)
    found = Version(bare.id, bare, application.home).evaluate()
    return bare.with_files(report=found.report.to_json(), lineage={"seed": seed}, examples=found.examples)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """An application with a version of two models that is live, a newer one of two, and the newest of one."""
    application = bare_application(tmp_path_factory.mktemp("models") / "app")
    store = Store(str(application.directory / "store"))
    large, small, other, alone = (whole(application, seed) for seed in range(4))
    put = [large.with_model("small", small), other.with_model("small", large), alone]
    ids = [store.put(one, when=f"2026-01-0{day}T00:00:00+00:00") for day, one in enumerate(put, start=1)]
    application.version(ids[0]).promote("live", why="the first")
    return application


def test_it_is_compared_with_its_namesake_and_named(application: Application) -> None:
    live, newer, _ = reversed([row["version"] for row in application.version_rows()])
    version = find_version(f"{application.directory}@{newer}:small")
    page = report_page(version)
    assert (page.version, page.lineage.version) == (f"{newer}:small", f"{newer}:small")
    assert f"{newer}:small" in page.title
    assert page.comparison is not None
    assert (page.comparison.old, page.comparison.new) == (f"{live}:small", f"{newer}:small")
    own = version.compare(f"{live}:small").rows
    assert page.comparison.comparison.rows == own
    assert all(f"@{newer}:small" in task.command for task in page.tasks)


def test_its_history_is_that_of_its_namesakes(application: Application) -> None:
    live, newer, newest = reversed([row["version"] for row in application.version_rows()])
    version = find_version(f"{application.directory}@{newer}:small")
    history = report_page(version).history
    assert history is not None
    reports = [find_version(f"{application.directory}@{one}:small").report() for one in (live, newer)]
    for task in history.tasks:
        row = (task.task, "test", "*", task.metric)
        line = task.line("*")
        assert line is not None
        assert line.values == (*(report.row(*row).value for report in reports), None), f"{newest} has no small one"


def test_beside_a_live_version_without_its_namesake_that_is_said(application: Application) -> None:
    live, newer, newest = reversed([row["version"] for row in application.version_rows()])
    application.version(newest).promote("live", why="for a test", force=True)
    try:
        page = report_page(find_version(f"{application.directory}@{newer}:small"))
    finally:
        application.version(live).promote("live", why="as before", force=True)
    assert page.comparison is None
    assert f"version {newest} has no model 'small'" in page.verdict.sentence
