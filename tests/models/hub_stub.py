"""A Hub on loopback: the few answers huggingface_hub asks for, and ways to fail."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubStub:
    """What the stub offers and how it misbehaves."""

    files: Mapping[str, bytes]
    url: str = ""
    gated: bool = False
    missing: bool = False
    cut_after: int | None = None
    """Break the connection once, after so many bytes of a large file."""
    hold_after: int | None = None
    """Send no more of a large file than so many bytes until `released`."""
    released: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list[str])
    ranges: list[str] = field(default_factory=list[str])
    """The Range headers of requests that continued a download."""


@contextmanager
def serving(stub: HubStub) -> Iterator[HubStub]:
    """Serve `stub` on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(stub))
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def handler_of(stub: HubStub) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one class
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, *, body: bool) -> None:
            stub.asked.append(f"{self.command} {self.path}")
            if stub.missing:
                self.fail(404, "RepoNotFound", "Repository not found")
                return
            if stub.gated:
                self.fail(403, "GatedRepo", "Access to this model is restricted")
                return
            resolved = re.search(r"/resolve/[^/]+/([^?]+)", self.path)
            if resolved:
                self.send_file(resolved.group(1), body=body)
            elif "/tree/" in self.path:
                self.send_json(tree(stub))
            elif self.path.startswith("/api/models?"):
                self.send_json(found())
            else:
                self.send_json(info(stub))

        def fail(self, status: int, code: str, text: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", text)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send_json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def send_file(self, name: str, *, body: bool) -> None:
            content = stub.files.get(name)
            if content is None:
                self.fail(404, "EntryNotFound", "Entry not found")
                return
            wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(wanted.group(1)) if wanted else 0
            if start:
                stub.ranges.append(self.headers["Range"])
            part = content[start:]
            self.send_response(206 if start else 200)
            if start:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if body:
                self.send_body(part)

        def send_body(self, part: bytes) -> None:
            if stub.cut_after is not None and len(part) > stub.cut_after:
                self.wfile.write(part[: stub.cut_after])
                self.wfile.flush()
                stub.cut_after = None
                self.close_connection = True
                self.connection.close()
                return
            try:
                if stub.hold_after is not None and len(part) > stub.hold_after:
                    self.wfile.write(part[: stub.hold_after])
                    part = part[stub.hold_after :]
                    stub.released.wait()
                self.wfile.write(part)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    return Handler


def tree(stub: HubStub) -> list[dict[str, object]]:
    return [
        {
            "type": "file",
            "path": name,
            "size": len(content),
            "oid": hashlib.sha1(content).hexdigest(),
        }
        for name, content in stub.files.items()
    ]


def info(stub: HubStub) -> dict[str, object]:
    return {
        "id": "someone/tiny",
        "sha": COMMIT,
        "private": False,
        "gated": False,
        "tags": [],
        "downloads": 3,
        "siblings": [{"rfilename": name} for name in stub.files],
    }


def found() -> list[dict[str, object]]:
    return [
        {
            "id": "someone/tiny",
            "downloads": 12,
            "gated": "manual",
            "tags": ["license:mit"],
            "safetensors": {"parameters": {"BF16": 1000}, "total": 1000},
        }
    ]
