"""What is wrong with an audit chain, told from its lines and the public keys alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opengdi.kernel.audit.chain import (
    CHECKPOINT_PURPOSE,
    Checkpoint,
    Event,
    Head,
    Line,
    Signed,
    genesis,
    link_digest,
    read_line,
    read_signed,
)
from opengdi.kernel.keys import PublicKey, verify
from opengdi.standards.faults import Malformed, Unverified

RECOVERED: Final = "audit.recovered"
"""Action of the event that a writer appends after it set aside a torn line."""


class Wrong(StrEnum):
    """Kinds of fault, in the words of a report."""

    CHANGED = "changed"
    REMOVED = "removed"
    OUT_OF_ORDER = "inserted or re-ordered"
    TORN = "torn"
    SIGNATURE = "signature"
    UNSIGNED = "unsigned"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. `line` counts from 1; 0 where the fault is no line's."""

    segment: str
    line: int
    wrong: Wrong
    message: str


@dataclass(slots=True)
class ChainReport:
    """What a chain holds and what is wrong with it.

    covered: events that a valid signature vouches for; the rest came after the last checkpoint.
    signatures_checked is False where no public key was given: then `covered` is 0.
    """

    writer: str
    signatures_checked: bool
    segments: int = 0
    events: int = 0
    covered: int = 0
    checkpoints: int = 0
    recoveries: int = 0
    last_seq: int = 0
    first_time: str = ""
    last_time: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.faults


class ChainVerifier:
    """Feed it the segments of one writer in order, line by line; `finish` tells what was found.

    After a fault it goes on from what the line claims, so that one change is one fault, not thousands.
    """

    def __init__(self, writer: str, keys: Sequence[PublicKey] = ()) -> None:
        self._keys = tuple(keys)
        self._report = ChainReport(writer, signatures_checked=bool(keys))
        self._seq = 0
        self._may_precede: tuple[bytes, ...] = (genesis(writer).digest,)
        self._segment = ""
        self._line = 0

    def open_segment(self, name: str) -> None:
        """The lines that follow lie in this segment."""
        self._segment, self._line = name, 0
        self._report.segments += 1

    def feed(self, raw: bytes) -> None:
        """The next line, newline included if it has one."""
        self._line += 1
        if not raw.endswith(b"\n"):
            self._fault(Wrong.TORN, "the last line is not complete; a writer that starts will set it aside")
            return
        try:
            line = read_line(raw)
        except Malformed as error:
            self._fault(Wrong.CHANGED, str(error))
            self._may_precede = ()  # whatever follows is taken from what it claims
            self._seq += 1
            return
        previous = self._check_place(line)
        if isinstance(line.link, Checkpoint):
            self._check_signature(line.link, previous)
        else:
            self._count_event(line.link)

    def finish(self, kept: str | None = None) -> ChainReport:
        """The report. `kept`: the newest checkpoint (JWS) kept apart from the chain, which the chain must reach."""
        if self._report.signatures_checked and self._report.events and not self._report.checkpoints:
            self._fault(
                Wrong.UNSIGNED, "no checkpoint of a trusted key; a writer signs one when it starts", line=0
            )
        if kept is not None:
            self._check_kept(kept)
        self._report.last_seq = self._seq
        return self._report

    def _check_place(self, line: Line) -> Head | None:
        """Compare number and hash with the line before; the head before this line if all is well."""
        expected, seq = self._seq + 1, line.link.seq
        matching = next((digest for digest in self._may_precede if _fits(digest, line)), None)
        if seq > expected:
            self._fault(Wrong.REMOVED, f"links {expected} to {seq - 1} are missing before this line")
        elif seq < expected:
            self._fault(Wrong.OUT_OF_ORDER, f"link {seq} stands where link {expected} belongs")
        elif matching is None and self._may_precede:
            self._fault(Wrong.CHANGED, f"link {seq} does not have the hash it claims")
        head = Head(self._seq, matching) if matching is not None and seq == expected else None
        self._may_precede = self._candidates(line, matching, out_of_order=seq < expected)
        self._seq = max(self._seq, seq)
        return head

    def _candidates(self, line: Line, matching: bytes | None, *, out_of_order: bool) -> tuple[bytes, ...]:
        """Hashes after which the next line may rightly stand; after a fault there are several."""
        if matching is not None and not out_of_order:
            return (link_digest(matching, line.text),)
        computed = [link_digest(digest, line.text) for digest in self._may_precede]
        kept = self._may_precede if out_of_order else ()
        return (*_claim(line), *computed, *kept)[:8]

    def _count_event(self, event: Event) -> None:
        report = self._report
        report.events += 1
        report.recoveries += event.action == RECOVERED
        report.first_time = report.first_time or event.time
        report.last_time = event.time

    def _check_signature(self, checkpoint: Checkpoint, previous: Head | None) -> None:
        if not self._keys:
            self._report.checkpoints += 1
            return
        try:
            signed = self._open_checkpoint(checkpoint.jws)
        except (Malformed, Unverified) as error:
            self._fault(Wrong.SIGNATURE, str(error))
            return
        if previous is None:
            return  # the line is at fault already
        if (signed.seq, signed.hash) != (previous.seq, previous.digest.hex()):
            self._fault(Wrong.SIGNATURE, f"the checkpoint signs another history up to link {signed.seq}")
            return
        self._report.checkpoints += 1
        self._report.covered = self._report.events

    def _open_checkpoint(self, jws: str) -> Signed:
        signed = read_signed(verify(jws, self._keys, purpose=CHECKPOINT_PURPOSE))
        if signed.writer != self._report.writer:
            raise Unverified(f"the checkpoint belongs to writer {signed.writer!r}")
        return signed

    def _check_kept(self, kept: str) -> None:
        if not self._keys:
            return
        try:
            signed = self._open_checkpoint(kept)
        except (Malformed, Unverified) as error:
            self._fault(Wrong.SIGNATURE, f"the checkpoint kept apart: {error}", line=0)
            return
        if signed.seq > self._seq:
            self._fault(
                Wrong.TRUNCATED,
                f"the chain ends at link {self._seq}, but a checkpoint was signed after link {signed.seq}",
                line=0,
            )

    def _fault(self, wrong: Wrong, message: str, *, line: int | None = None) -> None:
        number = self._line if line is None else line
        self._report.faults.append(Fault(self._segment, number, wrong, message))


def _fits(previous: bytes, line: Line) -> bool:
    return link_digest(previous, line.text).hex().encode() == line.claimed


def _claim(line: Line) -> list[bytes]:
    try:
        return [bytes.fromhex(line.claimed.decode("ascii"))]
    except ValueError:
        return []
