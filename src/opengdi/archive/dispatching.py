"""Who hands due files to durable jobs, one for each file and attempt.

The registry is the truth: a file whose `due` has come needs a job, whoever made it so (an upload, a command, the last
failure, a process that was killed). Jobs are derived from it, so nothing is lost between a commit and a start.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from opengdi.archive.registry import Registry
from opengdi.archive.workflows import ACTOR, JOB, TakingIn, named
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError, NotFound
from opengdi.kernel.ids import FileId
from opengdi.kernel.jobs import Jobs, JobState, Json, Steps

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""Longest time until a file that a command or a clock made due is noticed."""

TIDY_S: Final = 60.0
"""Time between two looks for jobs that were done long ago."""

GRACE_S: Final = 5.0
"""Time that running jobs get to end when the process does."""

JOBS_KEPT: Final = timedelta(days=7)
"""Time for which jobs that are done are remembered, for whoever looks into what happened."""

DOUBT_S: Final = 30.0
"""Time after which a job that nothing was heard of is asked for."""


class Dispatcher:
    """Hands due files to durable jobs, `at_once` at a time.

    open_jobs gives the jobs, not yet started; it is asked when the first file is due, because starting them costs
    time and memory that an archive without uploads need not spend.
    """

    def __init__(
        self,
        registry: Registry,
        taking_in: TakingIn,
        open_jobs: Callable[[], Jobs],
        clock: Clock,
        *,
        at_once: int,
    ) -> None:
        self._registry = registry
        self._taking_in = taking_in
        self._open_jobs = open_jobs
        self._clock = clock
        self._at_once = at_once
        self._jobs: Jobs | None = None
        self._under_way: dict[tuple[FileId, int], float] = {}
        self._guard = threading.Lock()
        self._wake: Callable[[], None] = _nobody
        self._looked = self._tidied = float("-inf")
        self.trouble = ""

    @property
    def is_started(self) -> bool:
        """True once the jobs were needed."""
        return self._jobs is not None

    def nudge(self) -> None:
        """Look for due files now; from any thread."""
        self._wake()

    async def run(self) -> None:
        """Look for due files again and again; what goes wrong is in `trouble` and tried again."""
        woken, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        self._wake = wake
        try:
            while True:
                woken.clear()
                await asyncio.to_thread(self._turn_or_say)
                await _set_within(woken, LOOK_S)
        finally:
            self._wake = _nobody

    def turn(self) -> int:
        """Hand over what is due, as far as there is room; how many files were handed over."""
        with self._guard:
            room = 0 if self._taking_in.is_stopping else self._at_once - len(self._under_way)
            known = set(self._under_way)
        handed = 0
        if room > 0:
            for file, attempt in self._registry.due(self._at_once + len(known)):
                if (file, attempt) not in known and handed < room:
                    self._hand_over(file, attempt)
                    handed += 1
        self._look_after()
        return handed

    def close(self) -> None:
        """Stop; what runs, and does not end within a moment, is taken up at the next start."""
        if self._jobs is not None:
            deadline = self._clock.monotonic() + GRACE_S
            while self._under_way and self._clock.monotonic() < deadline:
                threading.Event().wait(0.02)
            self._jobs.close()

    def _turn_or_say(self) -> None:
        try:
            self.turn()
            self.trouble = ""
        except Exception as error:  # noqa: BLE001  the next look may find the database well again
            self.trouble = str(error) if isinstance(error, GdiError) else f"{type(error).__name__}: {error}"
            logger.warning("files cannot be handed to jobs: %s", self.trouble)

    def _hand_over(self, file: FileId, attempt: int) -> None:
        jobs = self._started()
        with self._guard:
            if (file, attempt) in self._under_way:
                return
            self._under_way[file, attempt] = self._clock.monotonic()
        try:
            jobs.submit(JOB, [file, attempt], key=_key(file, attempt))
        except BaseException:
            self._ended(file, attempt)
            raise

    def _started(self) -> Jobs:
        if self._jobs is None:
            jobs = self._open_jobs()
            jobs.register(JOB, self._job)
            jobs.start()
            self._jobs = jobs
            self._expect_what_was_left(jobs)
        return self._jobs

    def _expect_what_was_left(self, jobs: Jobs) -> None:
        """Jobs of an earlier process are taken up by themselves; they are not handed over again."""
        now = self._clock.monotonic()
        for state in (JobState.WAITING, JobState.RUNNING):
            for left in jobs.list(name=JOB, state=state):
                file, attempt = named(left.argument)
                with self._guard:
                    self._under_way.setdefault((FileId(file), attempt), now)

    def _job(self, steps: Steps, argument: Json) -> Json:
        file, attempt = named(argument)
        try:
            return self._taking_in.job(steps, argument)
        finally:
            self._ended(FileId(file), attempt)

    def _ended(self, file: FileId, attempt: int) -> None:
        with self._guard:
            self._under_way.pop((file, attempt), None)
        self.nudge()

    def _doubt(self) -> None:
        """A job that ended without a word to the registry is followed by another attempt, or its file would hang."""
        now = self._clock.monotonic()
        with self._guard:
            silent = [named for named, since in self._under_way.items() if now - since > DOUBT_S]
        for file, attempt in silent:
            trouble = self._how_it_ended(f"{JOB}:{_key(file, attempt)}")
            if trouble:
                self._registry.postpone(file, attempt, trouble, self._clock.now(), actor=ACTOR)
                self._ended(file, attempt)

    def _how_it_ended(self, job: str) -> str:
        """In words for the operator; empty: it goes on."""
        try:
            status = self._started().status(job)
        except NotFound:
            return "its job is not known any more"
        if status.state in {JobState.DONE, JobState.DEAD, JobState.CANCELLED}:
            return f"its job ended {status.state}: {status.error or 'it did not say why'}"
        return ""

    def _look_after(self) -> None:
        """What need not be done at every turn."""
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._doubt()
        if now - self._tidied >= TIDY_S:
            self._tidied = now
            if self._jobs is not None:
                self._jobs.forget(self._clock.now() - JOBS_KEPT)


def _key(file: FileId, attempt: int) -> str:
    return f"{file}:{attempt}"


def _nobody() -> None:
    """Nobody waits."""


async def _set_within(event: asyncio.Event, limit_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), limit_s)
    except TimeoutError:
        return
