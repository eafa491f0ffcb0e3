"""A bound on what answers take that are being put together, over all questions; sans-IO.

An answer waits for those of slower members: with many askers and large pages that is most of a hub's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from opengdi.federation.model import MemberState, Outcome

Take: TypeAlias = Callable[[Outcome], Outcome]
"""The outcome, or one without its answer where there is no room for it."""


class AnswersInHand:
    """room_bytes: for all answers as they were sent; read, they take some five times as much (2026-11)."""

    def __init__(self, room_bytes: int) -> None:
        self._room = room_bytes
        self.bytes = 0

    @contextmanager
    def of_a_question(self) -> Iterator[Take]:
        """What takes the answers to one question; at the end of the body there is room again.

        What it is given later nobody holds.
        """
        held, is_over = 0, False

        def take(outcome: Outcome) -> Outcome:
            nonlocal held
            if is_over:
                return outcome
            if self.bytes + outcome.size > self._room:
                reason = "the hub holds too many large answers just now; ask again, or for less"
                kept_back = replace(outcome, state=MemberState.ERROR, reason=reason, answer=None, age_ms=None)
                return replace(kept_back, given_up=True, size=0)  # of what it serves nothing is settled
            held += outcome.size
            self.bytes += outcome.size
            return outcome

        try:
            yield take
        finally:
            self.bytes -= held
            is_over = True
