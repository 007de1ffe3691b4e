"""What decides what a release builds, held against what made the version that is there."""

import json
import shutil
from pathlib import Path

import overton
from overton.application import Application
from overton.release import inputs_behind, inputs_of


def pretrained_of(directory: Path) -> dict[str, dict[str, str]]:
    application = overton.load(directory)
    found = inputs_of(application, application.tuning, None, seed=0)["pretrained"]
    return {name: {payload: str(digest) for payload, digest in parts.items()} for name, parts in found.items()}


def test_what_is_pretrained_of_either_model_decides_what_a_release_builds(
    kinds_application: Application, tmp_path: Path
) -> None:
    app = shutil.copytree(kinds_application.directory, tmp_path / "app")
    (app / "large.txt").write_text("red 1 2\ncar 2 1\n")
    (app / "small.txt").write_text("red 1 2\ncar 2 1\n")
    own = {name: {"payloads": {"tokens": {"embedding": f"vectors:{name}.txt"}}} for name in ("large", "small")}
    (app / "tuning.json").write_text(json.dumps({"models": own}))
    before = pretrained_of(app)
    assert {name: [*parts] for name, parts in before.items()} == {"large": ["tokens"], "small": ["tokens"]}
    (app / "small.txt").write_text("red 1 2\ncar 2 3\n")
    after = pretrained_of(app)
    assert after["large"] == before["large"]
    assert after["small"] != before["small"]


def test_a_version_is_of_the_inputs_that_it_was_built_of(kinds_application: Application) -> None:
    inputs = inputs_of(kinds_application, kinds_application.tuning, None, seed=0)
    assert inputs_behind(kinds_application.version()) == inputs
