"""What tests of the dashboard share."""

import shutil
from pathlib import Path

import pytest

from overton.web.dashboard import Dashboard
from tests.conftest import made_once
from tests.web.live_application import live_application


@pytest.fixture
def dashboard(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Dashboard:
    """The dashboard of an application of its own, with two versions, of which the older is live."""
    made = made_once(tmp_path_factory, "live", live_application)
    return Dashboard(shutil.copytree(made, tmp_path / "app"))
