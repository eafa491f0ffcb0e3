"""From submitted to ready: the job of one attempt at one file, which the dispatcher begins.

What fails by our fault is begun again later, without holding a thread meanwhile, and is left dead in the end.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError

from opengdi.archive.model import UNDER_WAY, ArchivedFile, FileState, Piece
from opengdi.archive.places import volume_of_place
from opengdi.archive.ports import Intake, ProvidersFault
from opengdi.archive.registry import Registry
from opengdi.archive.rules import rest_before
from opengdi.archive.seals import sealed
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError, Unavailable
from opengdi.kernel.ids import FileId
from opengdi.kernel.jobs import Json, Steps
from opengdi.kernel.storage import Storage

logger = logging.getLogger(__name__)

JOB: Final = "archive.take-in"
ACTOR: Final = "node:archive"

SMALL_BYTES: Final = 1 << 20
"""Uploads up to this size are taken in by one thread; of longer ones both sides are checked while the next is read."""

AT_ONCE: Final = 100
"""Files to look after that are asked for at a time."""

RECORDING_RESTS_S: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Rests between tries to record what a pass found."""

_T = TypeVar("_T")


class Outcome(StrEnum):
    """How a job ended. OVER: there was nothing to do any more."""

    READY = "ready"
    ERROR = "error"
    LATER = "later"
    DEAD = "dead"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and with what rests, something is tried again that failed by our fault."""

    attempts: int = 12
    first_rest_s: float = 2.0
    longest_rest_s: float = 600.0

    def rest_after(self, attempt: int) -> timedelta | None:
        """How long to wait after attempt number `attempt` (from 1) failed; None: it was the last of a round."""
        of_round = (attempt - 1) % self.attempts + 1
        if of_round == self.attempts:
            return None
        return rest_before(of_round, first_s=self.first_rest_s, longest_s=self.longest_rest_s)


class _LoopOfOneThread(asyncio.SelectorEventLoop):
    """A loop that does in its own thread what others hand to threads.

    A small file is read, hashed and stored in some twenty steps of a tenth of a millisecond; to hand each of them to a
    thread and back takes longer than the step, and this thread is the job's own.
    """

    def run_in_executor(  # type: ignore[override]  # a Future of this loop is one
        self, _: Executor | None, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  whoever awaits it gets it
            done.set_exception(error)
        return done


class TakingIn:
    """The job of one attempt at one file. Every step may be done twice."""

    def __init__(
        self, registry: Registry, inbox: Storage, intake: Intake, clock: Clock, patience: Patience
    ) -> None:
        self._registry = registry
        self._inbox = inbox
        self._intake = intake
        self._clock = clock
        self._patience = patience
        self.is_stopping = False

    def stop(self) -> None:
        """Let what runs end at its next piece, or file; it is begun again at the next start."""
        self.is_stopping = True

    def job(self, steps: Steps, argument: Json) -> Json:
        """`argument`: [file, attempt]. Gives the Outcome."""
        file, attempt = named(argument)
        return steps.run("take in", self.take_in, file, attempt)

    def take_in(self, id_: str, attempt: int) -> str:
        """One pass over the upload, recorded in the registry: READY, ERROR, or another attempt later."""
        file = self._registry.find(FileId(id_))
        if file.state not in UNDER_WAY or file.attempt != attempt:
            return self._over(file)
        try:
            pieces = self._registry.pieces(file.id)
            is_small = sum(piece.size_bytes for piece in pieces) <= SMALL_BYTES
            with asyncio.Runner(loop_factory=_LoopOfOneThread if is_small else None) as runner:
                return runner.run(self._taken_in(file, pieces))
        except ProvidersFault as fault:
            _insist(partial(self._registry.fail, file.id, fault.public, ACTOR))
            return Outcome.ERROR
        except Exception as error:  # noqa: BLE001  whatever it is, it is ours: the file must not be lost for it
            return self._postpone(file, error)

    async def _taken_in(self, file: ArchivedFile, pieces: Sequence[Piece]) -> str:
        """In a loop of the job's own, which the database may block."""
        kept = await self._intake.take_in(file, self._bytes_of(pieces))
        deposit = partial(self._registry.deposit, header=kept.header, chunk_hashes=kept.chunk_hashes)
        after = _insist(partial(deposit, file.id, kept.stored, actor=ACTOR))
        if after.state in {FileState.READY, FileState.DISABLED}:
            await self._clear(after)
        return Outcome.READY if after.state is FileState.READY else Outcome.OVER

    async def _clear(self, file: ArchivedFile) -> bool:
        """Remove what a pass stored of a file that was given up, then the pieces of its upload; False: `tidy` must.

        The pieces are forgotten last: as long as they are known, what else there may be is looked for.
        """
        try:
            if self._registry.is_given_up(file.id):
                await self._intake.discard(file)
            for piece in self._registry.pieces(file.id):
                await self._inbox.delete(piece.key)
            self._registry.forget_pieces(file.id)
        except (GdiError, DBAPIError, OSError) as error:
            logger.warning("what is left of the upload of %s cannot be removed yet: %s", file.id, error)
            return False
        return True

    def tidy(self) -> None:
        """Clear what jobs that were killed, and people who gave files up, left behind; what fails delays no other."""
        silent, after = _Silent(self._intake), ""
        while left := self._registry.left_in_inbox(after=after, most=AT_ONCE):
            for id_ in left:
                if self.is_stopping:
                    return
                file = self._registry.find(id_)
                if not silent.holds(file) and not asyncio.run(self._clear(file)):
                    silent.look(file)
            after = left[-1]

    def keep_facts(self) -> None:
        """Write what the registry learned of archived files beside their bodies; what fails delays no other."""
        silent, after = _Silent(self._intake), ""
        while unkept := self._registry.unkept(after=after, most=AT_ONCE):
            for file, changes in unkept:
                if self.is_stopping:
                    return
                if not silent.holds(file) and not self._are_kept(file, changes):
                    silent.look(file)
            after = unkept[-1][0].id

    def _are_kept(self, file: ArchivedFile, changes: int) -> bool:
        try:
            asyncio.run(self._intake.keep_facts(file))
            self._registry.kept(file.id, changes)
        except (GdiError, DBAPIError, OSError) as error:
            logger.warning("the facts of %s cannot be written yet: %s", file.id, error)
            return False
        return True

    async def _bytes_of(self, pieces: Sequence[Piece]) -> AsyncIterator[bytes]:
        for piece in pieces:
            size_bytes = 0
            async for part in sealed(self._inbox.get(piece.key), piece.seal):
                if self.is_stopping:
                    raise Unavailable("the node is being stopped")
                size_bytes += len(part)
                yield part
            if size_bytes != piece.size_bytes:
                raise Unavailable(f"{piece.key} in the inbox has {size_bytes} bytes, not {piece.size_bytes}")

    def _postpone(self, file: ArchivedFile, error: Exception) -> str:
        trouble = str(error) if isinstance(error, GdiError) else f"{type(error).__name__}: {error}"
        logger.warning("%s, attempt %d: %s", file.id, file.attempt, trouble)
        rest = self._patience.rest_after(file.attempt)
        if self.is_stopping:
            rest = timedelta(0)
        due = None if rest is None else self._clock.now() + rest
        postpone = partial(self._registry.postpone, file.id, file.attempt, trouble, due, actor=ACTOR)
        if not _insist(postpone):
            return self._over(self._registry.find(file.id))
        return Outcome.DEAD if due is None else Outcome.LATER

    def _over(self, file: ArchivedFile) -> str:
        """There is nothing to do any more but to leave nothing of a file that was given up meanwhile."""
        if self._registry.is_given_up(file.id):
            asyncio.run(self._clear(file))
        return Outcome.OVER


class _Silent:
    """The places of the archive that do not answer at all: their other files are left alone for now."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._volumes: set[str] = set()

    def holds(self, file: ArchivedFile) -> bool:
        return volume_of_place(file.place) in self._volumes

    def look(self, file: ArchivedFile) -> None:
        """After something went wrong with a file: is it the place that it lies in?"""
        if not asyncio.run(self._intake.answers(file)):
            self._volumes.add(volume_of_place(file.place))


def _insist(record: Callable[[], _T]) -> _T:
    """What `record` gives, though the database be away for a moment: hours of reading must not be lost for it."""
    for rest_s in RECORDING_RESTS_S:
        try:
            return record()
        except (DBAPIError, Unavailable) as error:
            logger.warning("the database does not take what was found: %s", type(error).__name__)
            threading.Event().wait(rest_s)
    return record()


def named(argument: Json) -> tuple[str, int]:
    """File and attempt of a job."""
    match argument:
        case [str(file), int(attempt)]:
            return file, attempt
    raise ValueError(f"a job of {JOB} is named by file and attempt, not {argument!r}")
