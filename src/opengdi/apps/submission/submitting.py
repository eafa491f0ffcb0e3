"""Sends all files of a plan, some at a time, and watches them until the node is done with each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from opengdi.apps.submission.plan import Item
from opengdi.apps.submission.sending import Errand, Sent, forget, send
from opengdi.kernel.errors import GdiError, Unavailable

FIRST_LOOK_S: Final = 0.05
LOOK_EVERY_S: Final = 1.0
"""How soon a file is looked at, for small ones are ready in a moment, and how often in the end."""

SENDING, SENT, FAILED = "sending", "sent", "error"
GONE: Final = frozenset({"error", "disabled"})
OVER: Final = GONE | {"ready"}
"""States after which nothing more becomes of a file by itself."""

LOOKS_AT_MOST: Final = 60
"""For which the node may take to hold an index that was sent against its data, once both are ready."""


class Progress(Protocol):
    """Watches. May be called from several threads."""

    def began(self, item: Item) -> None: ...

    def arrived(self, item: Item, size_bytes: int) -> None: ...

    def state(self, item: Item, state: str, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. state: `ready`, `sent` (nobody waited), or `error`; reason: also why it has no index."""

    source: str
    path: str
    state: str
    reason: str = ""
    file_id: str = ""
    size_bytes: int = 0
    sha256: str = ""
    plain_sha256: str = ""
    resumed_at: int | None = None

    @property
    def failed(self) -> bool:
        return self.state not in {"ready", SENT}

    def told(self) -> dict[str, Any]:
        """For a report."""
        names = {
            "file_id": "fileId",
            "size_bytes": "sentBytes",
            "plain_sha256": "plainSha256",
            "resumed_at": "resumedAt",
        }
        return {
            names.get(name, name): value for name, value in asdict(self).items() if value not in ("", None)
        }


def submit(
    errand: Errand, items: Sequence[Item], progress: Progress, *, at_once: int, wait: bool
) -> list[Outcome]:
    """Outcomes in the order of the items; one file that fails does not keep the others from going on."""
    ended = threading.Event()
    with ThreadPoolExecutor(at_once, thread_name_prefix="submit") as pool:
        try:
            futures = [pool.submit(_one, errand, item, progress, wait, ended.is_set) for item in items]
            return [future.result() for future in futures]
        except BaseException:
            ended.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(errand: Errand, item: Item, progress: Progress, wait: bool, ended: Callable[[], bool]) -> Outcome:
    progress.began(item)
    try:
        sent = send(errand, item, lambda size_bytes: _heard(progress, item, size_bytes, ended))
        progress.state(item, SENT)
        state, reason = _watched(errand, item, sent, progress, ended) if wait else (SENT, "")
        if state in GONE:
            forget(errand, item)
    except (GdiError, OSError) as error:
        reason = str(error)
        progress.state(item, FAILED, reason)
        return Outcome(str(item.source), item.path, FAILED, reason)
    return Outcome(
        str(item.source),
        item.path,
        state,
        reason,
        file_id=sent.file_id,
        size_bytes=sent.size_bytes,
        sha256=sent.sha256,
        plain_sha256=sent.plain_sha256,
        resumed_at=sent.resumed_at,
    )


def _heard(progress: Progress, item: Item, size_bytes: int, ended: Callable[[], bool]) -> None:
    if ended():
        raise Unavailable("interrupted; run the same command again and it goes on")
    progress.arrived(item, size_bytes)


def share_taken(file: Mapping[str, Any]) -> str:
    """How far the node is with reading the file, if it is at it."""
    taken, whole = file.get("takenBytes"), file.get("uploadedBytes")
    return f" {100 * taken // whole} %" if isinstance(taken, int) and isinstance(whole, int) and whole else ""


def _reason(file: Mapping[str, Any]) -> str:
    """Why it is in error, or what a ready one lacks."""
    wrong = [
        f"{check.get('indexPath')} is not the index of {check.get('filePath')}: {check.get('note')}"
        for check in file.get("indexChecks", ())
        if check.get("check") == "wrong"
    ]
    return str(file.get("reason") or "; ".join(filter(None, [str(file.get("withoutIndex") or ""), *wrong])))


def _awaits_judgement(file: Mapping[str, Any]) -> bool:
    """True while the node holds an index that was sent against the file that it lies beside."""
    return any(check.get("check") == "pending" for check in file.get("indexChecks", ()))


def _watched(
    errand: Errand, item: Item, sent: Sent, progress: Progress, ended: Callable[[], bool]
) -> tuple[str, str]:
    """The state in which the node is done with the file, and why if it is not ready."""
    before, looks, pause = "", 0, FIRST_LOOK_S
    while not ended():
        file = errand.node.file(sent.file_id)
        state, reason = str(file.get("state", "")), _reason(file)
        told = state + share_taken(file)
        if told != before:
            progress.state(item, told, reason)
            before = told
        if state in OVER:
            looks += 1
            if looks > LOOKS_AT_MOST or not _awaits_judgement(file):
                return state, reason
        if file.get("isStalled"):
            return state, "the node has trouble of its own with this file; its operator sees it"
        time.sleep(pause)
        pause = min(1.5 * pause, LOOK_EVERY_S)
    raise Unavailable("interrupted; run the same command again and it goes on")
