"""What all tests share: one thread, real data where it is, golden files, and properties that repeat."""

import fcntl
import gc
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from tests.properties import FACTOR

# Before any test loads numpy or torch: threads that wait for each other make a busy machine slow, and sums differ.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

ROOT = Path(__file__).parents[1]
OBJECTS_TO_COLLECT = 10_000  # since the last time; a trace makes millions that live a little longer than Python expects

hypothesis.settings.register_profile(
    "overton", deadline=None, derandomize=True, max_examples=12 if FACTOR == 1 else 20 * FACTOR
)
hypothesis.settings.load_profile("overton")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read their diff afterwards")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("golden files are rewritten by a person who reads the diff, not by CI")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    gc.disable()  # a sixth of the time that it takes to find the tests, which are there to stay
    if "not slow" in config.getoption("markexpr"):
        from tests.tables import use_small_tables

        use_small_tables()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: collections need not walk the thousands of tests, torch and the rest each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_TO_COLLECT)
    gc.enable()


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

    def build(directory: Path) -> None:
        write_kinds(directory)
        overton.load(directory).build(seed=0)

    built = made_once(tmp_path_factory, "kinds", build)
    return overton.load(shutil.copytree(built, tmp_path_factory.mktemp("kinds") / "app"))


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A directory that one process of this run makes and that the others find: copy it to write there."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory, done = shared / f"once-{name}", shared / f"once-{name}.done"
    with (shared / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(directory, ignore_errors=True)  # of one that failed half-way
            make(directory)
            done.touch()
    return directory
