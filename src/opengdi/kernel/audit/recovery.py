"""Taking up an audit chain where it ended: what a crash can leave is set aside and told, more is refused."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from opengdi.kernel.audit.chain import CHECKPOINT_PURPOSE, Head, genesis, link_digest, read_line, read_signed
from opengdi.kernel.audit.segments import NEWEST_CHECKPOINT, segment_name, segments_of
from opengdi.kernel.errors import Conflict
from opengdi.kernel.files import write_whole
from opengdi.kernel.keys import SigningKey, verify
from opengdi.standards.faults import Malformed, Unverified


@dataclass(frozen=True, slots=True)
class Recovery:
    """Where to go on. set_aside: what to say about bytes that were no line any more; empty if all was well."""

    head: Head
    segment: Path
    set_aside: tuple[str, ...] = ()


def recover(folder: Path, key: SigningKey) -> Recovery:
    """Follow the last segment to where its links end, and set aside what a crash left behind them."""
    segments = segments_of(folder)
    if not segments:
        return Recovery(genesis(folder.name), folder / segment_name(1))
    last = segments[-1]
    content = last.read_bytes()
    start = _last_head(segments[-2]) if len(segments) > 1 else genesis(folder.name)
    head, whole_bytes = _follow(start, content)
    if whole_bytes == len(content):
        return Recovery(head, last)
    _refuse_if_signed(folder, head, key, f"{last}:{content[:whole_bytes].count(10) + 1}")
    return Recovery(head, last, _set_aside(last, whole_bytes, content[whole_bytes:], head.seq + 1))


def _last_head(segment: Path) -> Head:
    """Number and hash that the last line of a full segment claims."""
    lines = segment.read_bytes().splitlines(keepends=True)
    try:
        last = read_line(lines[-1])
        return Head(last.link.seq, bytes.fromhex(last.claimed.decode("ascii")))
    except (IndexError, ValueError) as error:
        raise Conflict(f"{segment} is damaged; `gdi audit verify` tells more") from error


def _follow(head: Head, content: bytes) -> tuple[Head, int]:
    """The head after the longest run of good lines, and their length in bytes."""
    whole_bytes = 0
    for raw in BytesIO(content):
        try:
            line = read_line(raw)
        except Malformed:
            break
        digest = link_digest(head.digest, line.text)
        if digest.hex().encode() != line.claimed or line.link.seq != head.seq + 1:
            break
        head = Head(line.link.seq, digest)
        whole_bytes += len(raw)
    return head, whole_bytes


def _refuse_if_signed(folder: Path, head: Head, key: SigningKey, place: str) -> None:
    """Raises Conflict if a checkpoint covers more than the good lines: a crash cannot do that.

    A checkpoint is kept apart only after everything before it is on the disk.
    """
    kept = folder / NEWEST_CHECKPOINT
    if not kept.exists():
        return
    try:
        signed = read_signed(verify(kept.read_text().strip(), [key.public], purpose=CHECKPOINT_PURPOSE))
    except (Malformed, Unverified, UnicodeDecodeError):
        return  # of a former key; `gdi audit verify` judges it
    if signed.seq > head.seq:
        raise Conflict(
            f"the audit chain is damaged at {place}, before the signed link {signed.seq}; see `gdi audit verify`, "
            f"then move {folder} aside to begin a new chain"
        )


def _set_aside(segment: Path, whole_bytes: int, torn: bytes, seq: int) -> tuple[str, ...]:
    aside = segment.with_name(f"torn-{seq:012d}.bin")
    write_whole(aside, torn)
    os.truncate(segment, whole_bytes)
    return (f"file:{aside.name}", f"bytes:{len(torn)}", f"sha256:{hashlib.sha256(torn).hexdigest()}")
