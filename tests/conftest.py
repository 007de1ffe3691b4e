"""What all tests share: one thread, real data where it is, golden files, and properties that repeat."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest

# Before any test loads numpy or torch: threads that wait for each other make a busy machine slow, and sums differ.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

ROOT = Path(__file__).parents[1]

hypothesis.settings.register_profile("overton", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("overton")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read their diff afterwards")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("golden files are rewritten by a person who reads the diff, not by CI")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets, which are no part of the repository; tests that need them skip without."""
    named = os.environ.get("OVERTON_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets at OVERTON_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def kinds_application(tmp_path_factory: pytest.TempPathFactory):
    """An application with every kind of task, built once for all tests. Do not change it."""
    import overton
    from tests.kinds import write_kinds

    directory = tmp_path_factory.mktemp("kinds") / "app"
    write_kinds(directory)
    application = overton.load(directory)
    application.build(seed=0)
    return application
