"""Answers of members that are kept for a short while: by whom they were given, to whom, and to what. Sans-IO.

What is kept is the answer as it came, in bytes, so that its size is known and nobody can change it; floors, budgets
and the page are applied to it anew each time. Decision 0022.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from opengdi.federation.model import Member
from opengdi.federation.ports import Reply
from opengdi.federation.translation import Outgoing
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.principal import Principal, Tier

_OVERHEAD_BYTES: Final = 1024
"""Of an entry beside its body: keys, numbers, places in tables."""

_LARGEST_PART: Final = 8
"""An answer larger than that part of the room is not kept: it would push out everybody else's."""


@dataclass(frozen=True, slots=True)
class Question:
    """What identifies an answer: the member as the registry has it, what it is asked, and by whom.

    What one caller was told is nobody else's, even where a member cannot tell them apart: nodes keep a budget for each,
    and whoever was told another's answer would learn what somebody asked a moment ago.
    """

    member: Member
    asked: bytes
    subject: str
    tier: Tier

    @classmethod
    def of(cls, member: Member, outgoing: Outgoing, asker: Principal) -> Question:
        """The same for every spelling of what is sent."""
        sent = [outgoing.verb.value, outgoing.path, dict(outgoing.query), outgoing.body]
        return cls(member, blake2b(canonical_json(sent), digest_size=16).digest(), asker.subject, asker.tier)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was kept. given: when it was asked for; until: no use of it after; both monotonic seconds."""

    reply: Reply
    given: float
    until: float

    @property
    def size(self) -> int:
        return len(self.reply.body) + _OVERHEAD_BYTES


class KeptAnswers:
    """As many as there is room for; those used least recently go first.

    life_s: longest time for which an answer is kept; 0: none is. room_bytes: for all together.
    """

    def __init__(self, life_s: float, room_bytes: int) -> None:
        self.life_s = life_s
        self._room = room_bytes
        self._answers: OrderedDict[Question, Kept] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, question: Question, now: float) -> Kept | None:
        """What was kept for the question, if its time is not over."""
        found = self._answers.get(question)
        if found is None:
            return None
        if found.until <= now:
            self.drop(question)
            return None
        self._answers.move_to_end(question)
        return found

    def keep(self, question: Question, reply: Reply, given: float) -> None:
        """Keep an answer that says how it can be known to hold still: by its edition, or for how long."""
        life_s = self.life_s if reply.edition else min(self.life_s, reply.fresh_s)
        kept = Kept(reply, given, given + life_s)
        self.drop(question)
        if life_s <= 0 or kept.size > self._room // _LARGEST_PART:
            return
        self._answers[question] = kept
        self.bytes += kept.size
        while self.bytes > self._room:
            self.drop(next(iter(self._answers)))

    def drop(self, question: Question) -> None:
        """Forget the answer, if there is one."""
        found = self._answers.pop(question, None)
        if found is not None:
            self.bytes -= found.size
