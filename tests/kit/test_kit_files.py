"""A kit: what stands in it, that a server runs with what it lists alone, and that its answers are the version's."""

import ast
import base64
import csv
import hashlib
import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import overton
from overton.artifact.files import save_artifact
from overton.base import OvertonError
from overton.cli.main import build_parser, main
from overton.kit.files import write_kit
from tests.tiny_artifact import RECORD, SCHEMA, tiny_artifact

ROOT = Path(__file__).parents[2]
# A process that can import the standard library, Overton, and what is named: as an environment has it with no more.
BARE = """
import importlib.abc, sys
allowed = {allowed!r}
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and name.partition(".")[0] not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
from overton.cli.main import main
sys.exit(main({words!r}))
"""


@pytest.fixture(scope="module")
def artifact():
    lines = b"".join(json.dumps({"payloads": RECORD["payloads"]}).encode() + b"\n" for _ in range(3))
    return replace(tiny_artifact(), files={**tiny_artifact().files, "golden.jsonl": lines})


@pytest.fixture(scope="module")
def kit(artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kit") / "kit"
    write_kit(artifact, directory, name="factoid")
    return directory


def installed_modules(directory: Path) -> set[str]:
    """The modules that the packages of a kit's requirements bring."""
    lines = (directory / "requirements.txt").read_text().splitlines()
    packages = {line.partition("==")[0] for line in lines if "==" in line}
    normal = {
        module: {re.sub(r"[-_.]+", "-", name).lower() for name in names}
        for module, names in packages_distributions().items()
    }
    return {"overton"} | {module for module, names in normal.items() if names & packages}


def run_bare(directory: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", BARE.format(allowed=installed_modules(directory), words=list(words))]


def test_a_server_runs_with_the_requirements_alone_and_answers_as_the_version(kit: Path) -> None:
    server = subprocess.Popen(
        run_bare(kit, "serve", str(kit / "version"), "--port", "0"), stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        url = next(found.group() for line in server.stderr if (found := re.search(r"https?://[^\s,]+", line)))
        command = [sys.executable, str(kit / "smoke.py"), "--url", url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        server.terminate()
        server.communicate()
    assert done.stdout == "3 of 3 answers are those of the version\n"
    assert (done.returncode, server.returncode) == (0, 0)


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b"the request shows no token")

    def log_message(self, *told: object) -> None:
        pass


def test_what_keeps_the_smoke_test_from_its_answers_is_told_without_a_traceback(kit: Path, tmp_path: Path) -> None:
    def smoke(*words: str) -> str:
        command = [sys.executable, str(kit / "smoke.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        told = smoke("--url", f"{url}/")
        server.shutdown()
    assert told == f"{url} answers requests.jsonl:1 with status 401: the request shows no token\n"
    assert smoke("--url", url).startswith(f"{url} cannot be asked: ")
    assert "unknown url type" in smoke("--url", "nonsense")
    assert "no-such-file" in smoke("--url", url, "--token-file", "no-such-file")
    (tmp_path / "taken").write_text("a file")
    assert "the environment cannot be made" in smoke("--environment", "taken")


@pytest.mark.long
def test_what_needs_more_says_so(kit: Path, tmp_path: Path) -> None:
    words = ("export", str(kit / "version"), str(tmp_path / "out"), "--to", "onnx", "-q")
    done = subprocess.run(run_bare(kit, *words), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "needs the package" in done.stderr
    assert "[install.missing-package]" in done.stderr


def test_no_training_package_is_required(kit: Path) -> None:
    told = (kit / "requirements.txt").read_text()
    assert not re.search(r"^(torch|pandas|pyarrow|onnx|onnxscript|rich|sympy)==", told, re.MULTILINE)
    assert {"numpy", "onnxruntime", "starlette", "msgspec"} <= installed_modules(kit)


def test_the_wheel_holds_the_package_and_requires_what_serving_does(kit: Path) -> None:
    (path,) = kit.glob("*.whl")
    assert f"./{path.name}" in (kit / "requirements.txt").read_text().splitlines()
    with zipfile.ZipFile(path) as wheel:
        (record,) = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
        rows = list(csv.reader(wheel.read(record).decode().splitlines()))
        assert {name for name, *_ in rows} == set(wheel.namelist())
        for name, digest, size in rows[:-1]:
            content = wheel.read(name)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={wanted}", str(len(content)))
        metadata = wheel.read(record.replace("RECORD", "METADATA")).decode()
        assert wheel.read("overton/__init__.py") == (ROOT / "overton" / "__init__.py").read_bytes()
        assert not [name for name in wheel.namelist() if "__pycache__" in name]
    required = re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.MULTILINE)
    assert "onnxruntime" in required
    assert not {"torch", "pandas", "pyarrow", "onnx"} & set(required)


def test_the_same_version_makes_the_same_kit(kit: Path, artifact, tmp_path: Path) -> None:
    write_kit(artifact, tmp_path / "again", name="factoid")
    for path in kit.iterdir():
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_image_and_manifest_call_the_server_as_it_is(kit: Path, artifact) -> None:
    image = (kit / "Dockerfile").read_text()
    words = [json.loads(found) for found in re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", image, re.MULTILINE)]
    options = build_parser().parse_args([word for line in words for word in line][1:])
    assert (options.version, options.host, options.port) == ("version", "0.0.0.0", 8080)
    assert str(options.token_file) == "/run/secrets/overton/token"
    manifest = (kit / "kubernetes.yaml").read_text()
    assert f"image: factoid:{artifact.id}\n" in manifest
    assert "mountPath: /run/secrets/overton," in manifest
    assert set(re.findall(r"path: (/\w+),", manifest)) == {"/healthz", "/readyz"}
    for text in (image, manifest, (kit / "README.md").read_text(), (kit / "smoke.py").read_text()):
        assert "{{" not in text


def test_a_kit_may_fetch_its_version_from_a_store(artifact, tmp_path: Path) -> None:
    write_kit(artifact, tmp_path / "kit", name="factoid", store="s3://bucket/demo", reference="live")
    assert not (tmp_path / "kit" / "version").exists()
    assert (tmp_path / "kit" / "app" / "schema.json").read_bytes() == artifact.files["schema.json"]
    assert 'ENTRYPOINT ["overton", "serve", "app@live"]' in (tmp_path / "kit" / "Dockerfile").read_text()
    manifest = (tmp_path / "kit" / "kubernetes.yaml").read_text()
    assert '{name: OVERTON_STORE, value: "s3://bucket/demo"}' in manifest
    assert "mountPath: /srv/app/.overton," in manifest


def test_a_kit_that_fetches_its_version_is_of_that_version_and_finds_the_store_from_anywhere(
    artifact, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "schema.json").write_bytes(artifact.files["schema.json"])
    store = overton.load("app").store
    first, second = (store.put(tiny_artifact(seed), when=f"2026-01-0{seed + 1}T00:00:00+00:00") for seed in range(2))
    overton.load("app").version(second).promote("live")
    words = ["--store", "app/store", "--pull", "live"]
    assert main(["kit", f"app@{first}", "kit", *words]) == 2
    assert f"live names {second}, and the kit is that of {first}" in capsys.readouterr().err
    assert not (tmp_path / "kit").exists()
    assert main(["kit", "app@live", "kit", *words]) == 0
    assert f'TARGET, STORE = "app@live", "{tmp_path}/app/store"' in (tmp_path / "kit" / "smoke.py").read_text()


def test_a_kit_of_one_of_two_models_may_pull_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "schema.json").write_text(SCHEMA)
    both = tiny_artifact(0).with_model("small", tiny_artifact(1))
    version = overton.load("app").store.put(both, when="2026-01-01T00:00:00+00:00")
    overton.load("app").version(version).promote("live")
    assert main(["kit", "app@live:small", "kit", "--store", "app/store", "--pull", "live"]) == 0
    assert f"kit: version {version}:small, " in capsys.readouterr().out
    assert f'TARGET, STORE = "app@live:small", "{tmp_path}/app/store"' in (tmp_path / "kit" / "smoke.py").read_text()


def test_the_command_that_tries_it_can_be_copied_into_a_shell(artifact, tmp_path: Path, capsys) -> None:
    save_artifact(artifact, tmp_path / "version")
    assert main(["kit", str(tmp_path / "version"), str(tmp_path / "a kit")]) == 0
    command = capsys.readouterr().out.partition("Next: ")[2].partition(";")[0]
    assert shlex.split(command) == ["python", str(tmp_path / "a kit" / "smoke.py")]


def test_a_store_with_blanks_in_its_name_is_named_whole(artifact, tmp_path: Path) -> None:
    store = '/srv/my $tore/a "b" of東京'
    write_kit(artifact, tmp_path / "kit", name="factoid", store=store, reference="live")
    image, manifest, smoke, readme = (
        (tmp_path / "kit" / name).read_text(encoding="utf-8")
        for name in ("Dockerfile", "kubernetes.yaml", "smoke.py", "README.md")
    )
    assert 'ENV OVERTON_STORE="/srv/my \\$tore/a \\"b\\" of東京"\n' in image
    assert json.loads(re.search(r"{name: OVERTON_STORE, value: (.*)}", manifest)[1]) == store
    assert ast.literal_eval(re.search(r"TARGET, STORE = (.*)", smoke)[1]) == ("app@live", store)
    (command,) = re.findall(r"env/bin/overton (serve .*)", readme)
    options = build_parser().parse_args(shlex.split(command))
    assert (options.version, options.store) == ("app@live", store)


def test_a_folder_with_something_in_it_is_refused(artifact, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OvertonError, match=r"\[kit.not-empty\]"):
        write_kit(artifact, tmp_path, name="factoid")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_wrong_usage_is_told(kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["kit", str(kit / "version"), str(tmp_path / "out")]
    assert main([*words, "--pull", "live"]) == 2
    assert "--pull needs --store" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--name", "Not_A_Name"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fresh_environment_serves(kit: Path) -> None:
    """It downloads what the requirements name; without a package index it cannot run."""
    done = subprocess.run([sys.executable, str(kit / "smoke.py")], capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 answers are those of the version" in done.stdout
    assert int(re.search(r"environment: (\d+) MB", done.stdout).group(1)) < 250
