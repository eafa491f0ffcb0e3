"""Segments of an audit chain on disk, read without a node and without a database.

`<audit>/<writer>/<number of the first link, 12 digits>.jsonl`, and `newest-checkpoint.jws` beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from opengdi.kernel.audit.chain import Event, read_line
from opengdi.kernel.audit.verification import ChainReport, ChainVerifier
from opengdi.kernel.errors import NotFound
from opengdi.kernel.keys import PublicKey

NEWEST_CHECKPOINT: Final = "newest-checkpoint.jws"
_PATTERN: Final = "[0-9]" * 12 + ".jsonl"


def segment_name(first_seq: int) -> str:
    """File name of the segment that begins with this link."""
    return f"{first_seq:012d}.jsonl"


def segments_of(writer: Path) -> list[Path]:
    """Segments of one writer, oldest first."""
    return sorted(writer.glob(_PATTERN))


def writers_in(folder: Path) -> list[Path]:
    """Folders of writers: the folder itself if it holds segments, else those inside it. Raises NotFound if none."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder")
    found = (
        [folder] if segments_of(folder) else sorted(path for path in folder.iterdir() if segments_of(path))
    )
    if not found:
        raise NotFound(f"{folder} holds no audit chain (<writer>/{segment_name(1)})")
    return found


def verify_writer(writer: Path, keys: Sequence[PublicKey] = (), *, kept: str | None = None) -> ChainReport:
    """What the chain in this folder holds and what is wrong with it.

    `kept`: a checkpoint kept elsewhere; not given, the one beside the segments is taken.
    """
    verifier = ChainVerifier(writer.name, keys)
    for segment in segments_of(writer):
        verifier.open_segment(segment.name)
        with segment.open("rb") as lines:
            for line in lines:
                verifier.feed(line)
    beside = writer / NEWEST_CHECKPOINT
    if kept is None and beside.exists():
        kept = beside.read_text(encoding="ascii", errors="replace").strip()
    return verifier.finish(kept)


def events_of(writer: Path) -> Iterator[Event]:
    """Events of one writer, oldest first, unverified. Raises Malformed at a line that cannot be read."""
    for segment in segments_of(writer):
        with segment.open("rb") as lines:
            for line in lines:
                link = read_line(line).link
                if isinstance(link, Event):
                    yield link


class Follower:
    """Events of one writer as they are appended; begins after what is there already."""

    def __init__(self, writer: Path) -> None:
        self.writer = writer.name
        self._folder = writer
        self._segments = segments_of(writer)
        self._offset = self._segments[-1].stat().st_size if self._segments else 0

    def new_events(self) -> list[Event]:
        """What was appended since the last call, oldest first. Raises Malformed at a line that cannot be read."""
        links = [read_line(line).link for line in self._new_lines()]
        return [link for link in links if isinstance(link, Event)]

    def _new_lines(self) -> Iterator[bytes]:
        known = len(self._segments)
        self._segments = segments_of(self._folder)
        for place in range(max(known - 1, 0), len(self._segments)):
            if place >= known:
                self._offset = 0
            with self._segments[place].open("rb") as lines:
                lines.seek(self._offset)
                for line in lines:
                    if line.endswith(b"\n"):  # else it is being written; next time
                        self._offset += len(line)
                        yield line
