"""Asking PyTorch's wheel indexes what they have, before anything is fetched."""

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Final, Literal

from bootstrap.torch_build import TORCH_VERSION, TorchBuild, TorchChoice

Answer = Literal["offered", "not offered", "unreachable"]

_CONNECT_TIMEOUT_S: Final = 5.0
_NAME_TIMEOUT_S: Final = 8.0


def ask_index(build: TorchBuild) -> Answer:
    """Return whether the build's index has this version, within a few seconds.

    Proxies from the environment and the system are honoured. A certificate that only
    pip is configured for counts as an answer: pip will know what to do with it.
    """
    answers: list[Answer] = []
    # A dead name server blocks the resolver far longer than any socket timeout.
    asking = threading.Thread(target=lambda: answers.append(_ask(build)), daemon=True)
    asking.start()
    asking.join(_NAME_TIMEOUT_S)
    return answers[0] if answers else "unreachable"


def _ask(build: TorchBuild) -> Answer:
    url = f"{build.index_url}/torch/"
    opener = urllib.request.build_opener()  # reads the proxies afresh
    try:
        with opener.open(url, timeout=_CONNECT_TIMEOUT_S) as reply:
            page = reply.read().decode(errors="replace")
    except urllib.error.HTTPError as err:
        return "not offered" if err.code in (403, 404) else "unreachable"
    except urllib.error.URLError as err:
        trusted_by_pip = isinstance(err.reason, ssl.SSLCertVerificationError)
        return "offered" if trusted_by_pip else "unreachable"
    except OSError:
        return "unreachable"
    wheel = f"torch-{TORCH_VERSION}"
    names = (f"{wheel}%2B{build.tag}-", f"{wheel}+{build.tag}-")
    return "offered" if any(name in page for name in names) else "not offered"


def reachable(
    choice: TorchChoice, ask: Callable[[TorchBuild], Answer] = ask_index
) -> tuple[TorchBuild, ...]:
    """Return the builds of `choice` that can be fetched, in the same order.

    One unreachable index means that the whole host is out of reach, so the rest is
    not waited for; what pip's own indexes hold remains.
    """
    found: list[TorchBuild] = []
    host_is_there = True
    for build in choice.builds:
        if not build.tag:
            found.append(build)
        elif host_is_there:
            answer = ask(build)
            host_is_there = answer != "unreachable"
            if answer == "offered":
                found.append(build)
    return tuple(found)
