"""Who is worth asking: a circuit per member, closed while it answers, open while it does not.

Pure: times are seconds of a monotonic clock handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Why a member counts as failing."""

    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a member is left alone: after `failures` in a row for `rest_s`, after `malformed` bad answers in a row
    in quarantine for `quarantine_s`. After either, one question goes through as a probe.
    """

    failures: int = 3
    rest_s: float = 30.0
    malformed: int = 3
    quarantine_s: float = 600.0


DEFAULT_POLICY: Final = CircuitPolicy()


@dataclass(slots=True)
class Circuit:
    """The state of one member; mutable, owned by the fan-out."""

    policy: CircuitPolicy = DEFAULT_POLICY
    failures: int = 0
    malformed: int = 0
    open_until: float | None = None
    probing: bool = False

    def admits(self, now: float) -> bool:
        """True if a question may go out. While half open only the first one may, until its outcome is known."""
        if self.open_until is None:
            return True
        if now < self.open_until or self.probing:
            return False
        self.probing = True
        return True

    def succeeded(self) -> None:
        """The member answered: the circuit closes."""
        self.failures = self.malformed = 0
        self.open_until = None
        self.probing = False

    def failed(self, fault: Fault, now: float) -> None:
        """The member did not answer, or not with an answer."""
        rested = self.probing
        self.probing = False
        if fault is Fault.MALFORMED:
            self.malformed += 1
            if rested or self.malformed >= self.policy.malformed:
                self.open_until = now + self.policy.quarantine_s
        else:
            self.failures += 1
            if rested or self.failures >= self.policy.failures:
                self.open_until = now + self.policy.rest_s

    def abandoned(self) -> None:
        """The question was given up by the asker: nothing was learnt about the member."""
        self.probing = False

    @property
    def reason(self) -> str:
        """Why the circuit is open, for the answer's member list."""
        if self.malformed >= self.policy.malformed:
            return "in quarantine after malformed answers"
        return "circuit open after failures"
