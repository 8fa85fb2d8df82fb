"""Asking a wheel index, against a real server on this machine."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bootstrap import torch_build
from bootstrap.torch_build import TORCH_VERSION, TorchBuild
from bootstrap.torch_index import ask_index

CU130 = TorchBuild(tag="cu130", accelerator="cuda")


PAGES = {
    "/cu130/torch/": f'<a href="torch-{TORCH_VERSION}%2Bcu130-cp311.whl">',
    "/cu128/torch/": '<a href="torch-2.11.0%2Bcu128-cp311.whl">',
}


class _Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Say nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(torch_build, "INDEX", url)
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("tag", "answer"),
    [("cu130", "offered"), ("cu128", "not offered"), ("cu999", "not offered")],
)
def test_an_index_offers_what_it_lists(tag: str, answer: str) -> None:
    """Only a page that lists this very version counts as an offer."""
    assert ask_index(TorchBuild(tag=tag, accelerator="cuda")) == answer


def test_nobody_there_is_unreachable(
    index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection is not an answer."""
    monkeypatch.setattr(torch_build, "INDEX", "http://127.0.0.1:9")

    assert ask_index(CU130) == "unreachable"


def test_a_dead_proxy_is_unreachable(
    index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of the environment is used, and its absence noticed."""
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert ask_index(CU130) == "unreachable"
