"""What tickets point to: a sealed address opened again, and its bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from opengdi.delivery.door import Admission, readmitted
from opengdi.delivery.htsget.answers import Answer, Answers
from opengdi.delivery.htsget.grants import GrantSeal
from opengdi.delivery.htsget.model import Grant
from opengdi.delivery.htsget.source import Bytes
from opengdi.delivery.ports import Files, TakenBack, nothing_taken_back
from opengdi.kernel.clock import Clock
from opengdi.kernel.http.running import Holds, always


@dataclass(frozen=True, slots=True)
class Opened:
    """The span of an answer that an address opens; positions count from the begin of the span.

    holds: false once it opens nothing any more.
    """

    grant: Grant
    answer: Answer
    holds: Holds = always

    @property
    def subject(self) -> str:
        """Who was granted it."""
        return self.grant.subject

    @property
    def file_id(self) -> str:
        return self.grant.file_id

    @property
    def mode(self) -> str:
        return self.grant.mode.value

    @property
    def size(self) -> int:
        stop = self.answer.size if self.grant.stop < 0 else min(self.grant.stop, self.answer.size)
        return max(0, stop - self.grant.first)

    @property
    def etag(self) -> str:
        """The same for each ticket over the same answer to the same recipient, so that a new one goes on."""
        span = f"{self.grant.first:x}-{self.grant.first + self.size:x}"
        return f'{self.answer.etag[:-1]}-{span}"'

    def stream(self, first: int, stop: int) -> AsyncIterator[Bytes]:
        """Bytes [first, stop) of the span."""
        return self.answer.stream(self.grant.first + first, self.grant.first + stop)


class DataDoor:
    """Opens addresses."""

    def __init__(
        self,
        files: Files,
        answers: Answers,
        seal: GrantSeal,
        clock: Clock,
        taken_back: TakenBack = nothing_taken_back,
    ) -> None:
        self._files = files
        self._answers = answers
        self._seal = seal
        self._clock = clock
        self._taken_back = taken_back

    async def open(self, sealed: str) -> Opened:
        """Raises NotPermitted for an address that does not hold, also if its file is not to be had any more.

        It ends at once when what opened the file to its person is taken back.
        """
        grant = self._seal.open(sealed, self._clock.now().timestamp())
        made = datetime.fromtimestamp(grant.made, UTC)
        admitted = Admission(grant.subject, grant.file_id, grant.visas, grant.datasets, made)
        file, holds = await readmitted(
            self._files, admitted, self._taken_back, public="This address does not hold any more."
        )
        return Opened(grant, await self._answers.compose(file, grant), holds)
