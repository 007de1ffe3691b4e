"""What the words of the command line that name a version come to mean."""

from pathlib import Path

import pytest

from overton.naming import Named, parse_named


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with an application, an artefact, and an application whose name has marks in it."""
    (tmp_path / "version").mkdir()
    (tmp_path / "version" / "manifest.json").touch()
    for name in ("app", "odd@app:x"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("word", "path", "is_artifact", "reference", "model"),
    [
        ("version", "version", True, "latest", ""),
        ("version:small", "version", True, "latest", "small"),
        ("app", "app", False, "latest", ""),
        ("app:small", "app", False, "latest", "small"),
        ("app@live", "app", False, "live", ""),
        ("app@3f9c2a:small", "app", False, "3f9c2a", "small"),
        ("odd@app:x", "odd@app:x", False, "latest", ""),
        ("odd@app:x@live", "odd@app:x", False, "live", ""),
        ("app@live:not a name", "app", False, "live:not a name", ""),
        ("nowhere", "nowhere", False, "latest", ""),
    ],
)
def test_words_name_artefacts_versions_and_models(here, word, path, is_artifact, reference, model):
    found = parse_named(word)
    assert found == Named(Path(path), is_artifact, reference, model)
    assert found.is_by_name == (reference != "latest")
