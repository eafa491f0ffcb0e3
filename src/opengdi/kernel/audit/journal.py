"""The audit chain written to files: one write() per event, signatures and fsync in the background.

An event survives `kill -9` once `append` has returned, because the kernel holds it then; it survives a power cut
after the next fsync. One process writes one chain; several processes of a node have a chain each.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from opengdi.kernel.audit.chain import (
    CHECKPOINT_PURPOSE,
    Checkpoint,
    Event,
    Head,
    Link,
    Outcome,
    signed_payload,
    write_line,
)
from opengdi.kernel.audit.recovery import recover
from opengdi.kernel.audit.segments import NEWEST_CHECKPOINT, segment_name
from opengdi.kernel.audit.verification import RECOVERED
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.files import sync_folder, write_whole
from opengdi.kernel.keys import SigningKey

MOST_WRITERS: Final = 64
"""Processes of one role that may write beside each other."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the background work is done.

    sync_s: at most this many seconds of events are lost by a power cut. checkpoint_s, checkpoint_events: a signature
    follows after so many seconds or events, whichever is first. segment_bytes: a new file begins after about that.
    """

    sync_s: float = 1.0
    checkpoint_s: float = 60.0
    checkpoint_events: int = 10_000
    segment_bytes: int = 16 * 1024 * 1024


class AuditJournal:
    """The chain of this process, an `AuditLog`. Open it with `open_journal`; close it, or use it as a context.

    `trouble` says what keeps the background work from being done, for `/health/ready`; empty if nothing does.
    """

    def __init__(self, folder: Path, lock: int, *, key: SigningKey, clock: Clock, cadence: Cadence) -> None:
        self.writer = folder.name
        self._folder, self._lock_file = folder, lock
        self._key, self._clock, self._cadence = key, clock, cadence
        self._appending = threading.Lock()
        self._tending = threading.RLock()  # who signs, syncs and turns the page; taken before `_appending`
        self._wake = threading.Event()
        self._is_closed = False
        self._is_synced = True
        self.trouble = ""
        self._unsigned = 0
        self._signed_at = clock.monotonic()
        recovery = recover(folder, key)
        self._seq, self._digest = recovery.head.seq, recovery.head.digest
        self._file, self._bytes = _open_segment(recovery.segment)
        if recovery.set_aside:
            self.append(RECOVERED, actor=f"writer:{self.writer}", objects=recovery.set_aside)
        self.append("audit.opened", actor=f"writer:{self.writer}", objects=(f"key:{key.key_id}",))
        self.checkpoint()
        self._thread = threading.Thread(target=self._run, name=f"audit-{self.writer}", daemon=True)
        self._thread.start()

    def append(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome = Outcome.DONE,
        objects: Sequence[str] = (),
        request: str = "",
        details: Sequence[str] = (),
    ) -> int:
        time = self._clock.now().isoformat()
        with self._appending:
            seq = self._seq + 1
            self._write(Event(seq, time, actor, action, outcome, tuple(objects), request, tuple(details)))
            self._unsigned += 1
            due = (
                self._unsigned >= self._cadence.checkpoint_events
                or self._bytes >= self._cadence.segment_bytes
            )
        if due:
            self._wake.set()
        return seq

    def checkpoint(self) -> None:
        """Sign what has been appended, and put all of it on the disk; nothing happens if all is signed."""
        with self._tending:
            with self._appending:
                if not self._unsigned:
                    return
                jws = self._sign()
            self._sync()
            write_whole(self._folder / NEWEST_CHECKPOINT, jws.encode())

    def close(self) -> None:
        """Sign, sync and let go; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wake.set()
        self._thread.join()
        try:
            self.append("audit.closed", actor=f"writer:{self.writer}")
            self.checkpoint()
        finally:
            with self._appending:
                os.close(self._file)
                self._file = -1
            os.close(self._lock_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, link: Link) -> None:
        """Append one line whole or not at all. The caller holds `_appending`."""
        line, digest = write_line(self._digest, link)
        try:
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, self._bytes)
                raise Unavailable(f"audit chain {self._folder}: the disk is full")
        except OSError as error:
            raise Unavailable(f"audit chain {self._folder} cannot be written: {error.strerror}") from error
        self._seq, self._digest = link.seq, digest
        self._bytes += written
        self._is_synced = False

    def _sign(self) -> str:
        """Append a checkpoint over the present head. The caller holds `_appending`."""
        time = self._clock.now().isoformat()
        payload = signed_payload(self.writer, Head(self._seq, self._digest), time)
        jws = self._key.sign(payload, purpose=CHECKPOINT_PURPOSE)
        self._write(Checkpoint(self._seq + 1, jws))
        self._unsigned = 0
        self._signed_at = self._clock.monotonic()
        return jws

    def _sync(self) -> None:
        self._is_synced = True  # before, not after: what is appended meanwhile is synced next time
        os.fsync(self._file)

    def _run(self) -> None:
        """The background thread: fsync, checkpoints, new segments."""
        while not self._is_closed:
            self._wake.wait(self._cadence.sync_s)
            self._wake.clear()
            try:
                with self._tending:
                    self._do_due_work()
                self.trouble = ""
            except (OSError, Unavailable) as error:
                self.trouble = str(
                    error
                )  # tried again next time; `append` refuses by itself if it cannot write

    def _do_due_work(self) -> None:
        if not self._is_synced:
            self._sync()
        waited = self._clock.monotonic() - self._signed_at
        if self._unsigned >= self._cadence.checkpoint_events or waited >= self._cadence.checkpoint_s:
            self.checkpoint()
        if self._bytes >= self._cadence.segment_bytes:
            self._begin_segment()

    def _begin_segment(self) -> None:
        self.checkpoint()
        with self._appending:
            if self._unsigned:
                self._sign()
            full = self._file
            self._file, self._bytes = _open_segment(self._folder / segment_name(self._seq + 1))
        os.fsync(full)
        os.close(full)
        sync_folder(self._folder)


def open_journal(
    audit_dir: Path, role: str, *, key: SigningKey, clock: Clock, cadence: Cadence | None = None
) -> AuditJournal:
    """The journal of this process in `audit_dir/<role>-<n>`, n being the first that no other process writes.

    Takes up the chain where it ended; a last line torn by a crash is set aside in a file, and the chain says so.
    Raises Conflict if more is broken than a crash can break (see `gdi audit verify`), Unavailable if all are taken.
    """
    for number in range(1, MOST_WRITERS + 1):
        folder = audit_dir / f"{role}-{number}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _try_lock(folder / "lock")
        if lock is not None:
            break
    else:
        raise Unavailable(f"{MOST_WRITERS} processes write audit chains as {role!r} already")
    try:
        return AuditJournal(folder, lock, key=key, clock=clock, cadence=cadence or Cadence())
    except BaseException:
        os.close(lock)
        raise


def _try_lock(path: Path) -> int | None:
    """Descriptor that holds the lock until it is closed, or None if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open_segment(path: Path) -> tuple[int, int]:
    """Descriptor for appending, and the size in bytes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return descriptor, os.fstat(descriptor).st_size
