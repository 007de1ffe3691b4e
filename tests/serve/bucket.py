"""A folder behind the three requests of S3 that reading takes, over a network that can fail: whole, silent or away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "overton"


class Bucket:
    """A bucket of that folder's content.

    Attributes:
        trouble: What the server does in place of an answer: `silent` answers nothing, `failing` tells 503, `cut` breaks
            off in the middle of what lies below `blobs`; nothing where it is empty.
    """

    def __init__(self, folder: Path) -> None:
        self.trouble = ""
        self.port = 0
        self._folder = folder
        self._server: ThreadingHTTPServer | None = None
        self._free = threading.Event()

    def open(self) -> None:
        """Listen, on the same port as before where it did."""
        handler = type("Handler", (_Handler,), {"bucket": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Listen no more: who connects is refused."""
        assert self._server is not None
        self._free.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str) -> tuple[int, bytes, dict[str, str]] | None:
        """Status, body and headers of a GET or HEAD; None to say nothing."""
        if self.trouble == "silent":
            self._free.wait(5)
            return None
        if self.trouble == "failing":
            return 503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>", {}
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        key = unquote(path).removeprefix(f"/{BUCKET}").strip("/")
        if "list-type" in query:
            return 200, self._listed(query["prefix"][0]), {}
        file = self._folder / key
        if not file.is_file():
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
        when = formatdate(file.stat().st_mtime, usegmt=True)
        return 200, file.read_bytes(), {"last-modified": when, "etag": f'"{key}"'}

    def _listed(self, prefix: str) -> bytes:
        folder = self._folder / prefix.strip("/")
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        rows = [
            f"<CommonPrefixes><Prefix>{escape(prefix + entry.name)}/</Prefix></CommonPrefixes>"
            if entry.is_dir()
            else f"<Contents><Key>{escape(prefix + entry.name)}</Key><Size>{entry.stat().st_size}</Size>"
            '<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag></Contents>'
            for entry in found
        ]
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>".encode()


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.0"  # a connection each, so that none outlives the server

    def do_GET(self) -> None:  # http.server looks it up by this name
        answer = self.bucket.answer(self.path)
        if answer is None:
            return
        status, body, headers = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.bucket.trouble == "cut" and "/blobs/" in self.path
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if cut else body)

    do_HEAD = do_GET  # noqa: N815  # so does it this

    def log_message(self, *parts: object) -> None:
        pass


@contextmanager
def bucket_of(folder: Path) -> Iterator[Bucket]:
    """Serve a folder while a test needs it."""
    bucket = Bucket(folder)
    bucket.open()
    try:
        yield bucket
    finally:
        bucket.close()
