"""The Hugging Face Hub: search it, and fetch a base model from it, byte by byte.

Runs in a worker alone: the Hub's client reads its settings from the environment when it
is imported. A download is paused by letting its worker stand still: the client keeps a
file only once it is whole, and goes on after a broken connection in the same process.
"""

import contextlib
import importlib
import io
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core import durable
from core.errors import ModelError, TunesmithError, WorkFailed
from core.models.added import is_hub_id
from core.models.config import read_config
from core.models.folder import check_config, check_folder
from core.models.hub_cache import hub_cache
from core.models.trainable import require_trained

ALLOWED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
# Subfolders hold other formats; "consolidated" and "original" are second copies.
IGNORED = ("*/*", "consolidated*", "original*", "adapter_*", "optimizer*")
_TIMEOUT_S = "30"
_STALE_S = 3600.0

Progress = Callable[[int, int], None]
"""Bytes so far, bytes in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """What a search tells of one model."""

    id: str
    name: str
    parameters: int | None
    licence: str
    gated: bool
    downloads: int
    disk: int | None


def prepare_client() -> None:
    """Settle how the Hub's client behaves; call before it is imported."""
    # Plain HTTP resumes at any byte and times out when nothing comes; the xet transfer
    # does neither in a way that can be shown or watched.
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", _TIMEOUT_S)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def search(query: str, *, limit: int = 20) -> tuple[HubModel, ...]:
    """Return the most downloaded text-generation models that match `query`.

    Raises:
        TunesmithError: Offline, unreachable, or the Hub refused.
    """
    with _told(query):
        hub: Any = importlib.import_module("huggingface_hub")
        found = hub.HfApi(token=_token()).list_models(
            search=query,
            pipeline_tag="text-generation",
            filter="safetensors",
            sort="downloads",
            limit=limit,
            expand=["downloads", "gated", "safetensors", "tags"],
        )
        return tuple(_hub_model(info) for info in found)


def _hub_model(info: Any) -> HubModel:
    tags = cast("Sequence[str]", info.tags or ())
    licence = next((t[8:] for t in tags if t.startswith("license:")), "")
    total = getattr(info.safetensors, "total", None) if info.safetensors else None
    return HubModel(
        id=str(info.id),
        name=str(info.id).rpartition("/")[2],
        parameters=int(total) if total else None,
        licence=licence,
        gated=bool(info.gated),
        downloads=int(info.downloads or 0),
        disk=2 * int(total) if total else None,
    )


def download(
    id: str,  # noqa: A002 - the plan's word
    *,
    revision: str = "",
    progress: Progress,
) -> Path:
    """Return the folder of the Hub model `id`, fetched into the Hugging Face cache.

    Its config is looked at first, so that a model that could not be trained is refused
    before gigabytes are moved; then the disk is.

    Raises:
        ModelError: No such model, gated, or one that cannot be trained.
        DiskFull: There is no room for it; nothing was fetched.
        WorkFailed: The connection failed; what is there is kept.
    """
    if not is_hub_id(id):
        raise ModelError(
            "model.not_an_id",
            f"“{id}” is no id of a model on the Hub.",
            hint="Write it like Qwen/Qwen2.5-0.5B.",
        )
    with _told(id):
        hub: Any = importlib.import_module("huggingface_hub")

        # One question without retries: an unreachable Hub is told at once, and every
        # file then comes from the same revision.
        api = hub.HfApi(token=_token())
        info = api.model_info(id, revision=revision or None, timeout=10)
        where: dict[str, Any] = {"token": _token(), "revision": info.sha}
        config = Path(hub.hf_hub_download(id, "config.json", **where))
        require_trained(check_config(read_config(config), id))
        patterns: dict[str, Any] = {
            "allow_patterns": list(ALLOWED),
            "ignore_patterns": list(IGNORED),
        }
        listing = hub.snapshot_download(id, dry_run=True, **where, **patterns)
        _sweep(id)
        missing = _missing(id, listing)
        durable.need_room(hub_cache(), missing, what=id)
        total = sum(file.file_size or 0 for file in listing)
        count = _ByteCount(progress, done=total - missing, total=total)
        folder = hub.snapshot_download(
            id, tqdm_class=count.bar_class(), **where, **patterns
        )
        progress(total, total)
        check_folder(Path(folder))
        return Path(folder)


def _sweep(id: str) -> None:  # noqa: A002 - the plan's word
    """Remove the pieces of downloads that were killed: the client never uses them again.

    A piece that grew within the last hour may be another program's.
    """
    blobs = hub_cache() / f"models--{id.replace('/', '--')}" / "blobs"
    for piece in blobs.glob("*.incomplete"):
        with contextlib.suppress(OSError):
            if time.time() - piece.stat().st_mtime > _STALE_S:
                piece.unlink()


def _missing(id: str, listing: Sequence[Any]) -> int:  # noqa: A002 - the plan's word
    """Return the bytes still to fetch.

    Raises:
        ModelError: The repository offers no safetensors.
    """
    if not any(file.filename.endswith(".safetensors") for file in listing):
        raise ModelError(
            "model.pickle",
            f"{id} offers no safetensors weights, only other formats.",
            hint="Choose another repository of this model; opening a pickle can run any"
            " program.",
        )
    return sum(file.file_size or 0 for file in listing if file.will_download)


class _ByteCount:
    """Sums the bytes all files' threads report, and tells them at most so often."""

    def __init__(self, progress: Progress, *, done: int, total: int) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._done = done
        self._total = total
        self._told = -1
        # A thousand steps are enough for any bar.
        self._step = max(1, total // 1000)

    def add(self, n_bytes: float) -> None:
        with self._lock:
            self._done = min(self._total, self._done + int(n_bytes))
            if self._told >= 0 and self._done - self._told < self._step:
                return
            self._told = self._done
            self._progress(self._done, self._total)

    def bar_class(self) -> type[Any]:
        """Return a progress bar that paints nothing and counts the bytes written."""
        count = self
        base: Any = importlib.import_module("tqdm.auto").tqdm

        class Bar(base):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs["file"] = io.StringIO()
                kwargs.pop("name", None)
                desc = str(kwargs.get("desc") or "")
                # Two bars count bytes: those received and those written. One will do.
                self._counts = kwargs.get("unit") == "B" and "Download" not in desc
                base.__init__(self, *args, **kwargs)

            def update(self, n: float | None = 1) -> bool | None:
                if self._counts and n:
                    count.add(n)
                return base.update(self, n)

        return Bar


def _token() -> str | bool:
    """Return the person's token, or False: never one found lying about."""
    return os.environ.get("HF_TOKEN") or False


@contextmanager
def _told(what: str) -> Generator[None]:
    """Turn the client's failures into ours."""
    errors: Any = importlib.import_module("huggingface_hub.errors")

    try:
        yield
    except errors.GatedRepoError as err:
        raise ModelError(
            "model.gated",
            f"{what} is gated: its owner wants the licence accepted first.",
            hint=f"Accept it at https://huggingface.co/{what} and put your access token"
            " into Settings (or HF_TOKEN), then try again.",
        ) from err
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as err:
        raise ModelError(
            "model.not_on_hub",
            f"The Hub has no model {what}, or it is private.",
            hint="Check the spelling; for a private model put your token into Settings.",
        ) from err
    except (errors.EntryNotFoundError, errors.HFValidationError) as err:
        if isinstance(err, errors.LocalEntryNotFoundError):
            raise _unreachable(err) from err
        raise ModelError(
            "model.none",
            f"{what} on the Hub is no model that transformers can load.",
            hint="Choose a repository that holds config.json and model.safetensors.",
        ) from err
    except errors.OfflineModeIsEnabled as err:
        raise _offline() from err
    except errors.HfHubHTTPError as err:
        raise _refused(err) from err
    except (errors.HTTPError, ConnectionError, TimeoutError) as err:
        raise _unreachable(err) from err
    except OSError as err:
        raise durable.translated(err, hub_cache()) from err


def _offline() -> TunesmithError:
    return WorkFailed(
        "hub.offline",
        "Tunesmith is set to stay offline, so nothing was fetched.",
        hint="Allow the network in Settings, or leave out --offline.",
    )


def _refused(err: Any) -> TunesmithError:
    status = getattr(err.response, "status_code", 0)
    if status == 429:
        hint = "Wait a few minutes; with a token in Settings the Hub allows more."
    else:
        hint = "Try again later; what was fetched is kept."
    return WorkFailed("hub.refused", f"The Hub answered with {status}.", hint=hint)


def _unreachable(err: BaseException) -> TunesmithError:
    seen: BaseException | None = err
    while seen is not None:
        if type(seen).__name__ == "OfflineModeIsEnabled":
            return _offline()
        seen = seen.__cause__
    return WorkFailed(
        "hub.unreachable",
        "The Hub cannot be reached, or the connection broke.",
        hint="Check the network and start the download again; files that are whole"
        " are not fetched twice.",
    )
