"""Records picked out of a CRAM, by htslib in processes of their own: few at a time, ended with their callers.

Only what the regions need is decrypted, from memory to memory (`memfd`). htslib gets a header that names nothing but
the sequences that this node holds, by the names of their files: it looks nowhere else for a reference, not where the
file says that it lies, nor in the network.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from opengdi.delivery.htsget import recoding_worker
from opengdi.delivery.htsget.recoding_worker import LACKS_REFERENCE
from opengdi.delivery.htsget.source import DamagedFile, Source
from opengdi.delivery.ports import References
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.files import write_all
from opengdi.standards import cram
from opengdi.standards.cram_header import Reference, bare_header, file_start, references
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.errors import BadRequest, invalid_input
from opengdi.standards.htsget.layout import FileLayout
from opengdi.standards.htsget.recoding import Cut

_KEPT_BYTES: Final = 1 << 26
"""Of what was picked last: whoever got a ticket fetches it soon, perhaps in several ranges."""

_MOST_TOLD: Final = 5
_PIECE_BYTES: Final = 1 << 20
_LONGEST_BEGINNING: Final = 1 << 12
"""More than a file definition and the header of the first container take."""

_Key = tuple[str, str, str, Cut]
"""Whoever asked, too: the time that an answer takes tells nobody what others asked for."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is decoded of a file. start: its definition and a header of ours; end: its end marker."""

    start: bytes
    cut: Cut
    end: bytes

    @property
    def version(self) -> str:
        return f"{self.start[4]}.{self.start[5]}"


class Recoder:
    """Picks records, in at most `processes` processes at a time, one for each caller; others wait."""

    def __init__(self, known: References, processes: int) -> None:
        self._known = known
        self._places = asyncio.Semaphore(processes)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()

    async def pick(self, source: Source, layout: FileLayout, cut: Cut, subject: str) -> bytes:
        """Containers with the records of `cut` that overlap its regions, in order; nothing if there are none.

        subject: whoever asks; if they give up, the process ends. Raises BadRequest if a reference is needed that is not
        here, DamagedFile, Unavailable.
        """
        key = subject, source.file.id, source.file.body_sha256, cut
        if key not in self._kept:
            turn = self._turns.setdefault(subject, asyncio.Lock())  # it is there as long as somebody holds it
            async with turn, self._places:
                if key not in self._kept:  # nobody did it while we waited
                    self._keep(key, await self._picked(source, layout, cut))
        return self._kept[key]

    def _keep(self, key: _Key, found: bytes) -> None:
        self._kept[key] = found
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT_BYTES:
            self._kept.popitem(last=False)

    async def _picked(self, source: Source, layout: FileLayout, cut: Cut) -> bytes:
        header = await source.read(0, layout.header.first_record >> 16)
        try:
            text = await asyncio.to_thread(cram.header_text, header)
            start = await asyncio.to_thread(self._start, header, text)
        except Malformed as error:
            raise DamagedFile(f"{source.file.id}: {error}") from error
        status, found = await self._run(source, _Stored(start, cut, layout.end_marker))
        if status == LACKS_REFERENCE:
            raise await asyncio.to_thread(self._lacking, text, cut)
        if found is None:
            raise DamagedFile(
                f"{source.file.id}: htslib cannot decode what lies at {cut.spans[0][0]} ({status})"
            )
        return found

    def _start(self, header: bytes, text: bytes) -> bytes:
        """What the decoded file begins with. Takes milliseconds where there are thousands of references."""
        return file_start(header, bare_header(text, self._known.name_of))

    def _lacking(self, text: bytes, cut: Cut) -> BadRequest:
        """Names the references of the regions that are not here; if they are, others share containers with them."""
        named = references(text)
        numbers = sorted({reference for reference, _, _ in cut.regions})
        missing = _told(self._known, [named[number] for number in numbers]) or _told(self._known, named)
        return invalid_input(
            "this CRAM needs reference sequences that this node does not hold; its operator must load them "
            f"(gdi refget load): {missing}"
        )

    async def _run(self, source: Source, stored: _Stored) -> tuple[int, bytes | None]:
        """The exit status of the process, and what it picked if all went well. Raises Unavailable."""
        folder = self._known.folder if self._known.folder.is_dir() else Path("/")
        with _memory("stored") as given, _memory("picked") as made:
            write_all(given, stored.start)
            for begin, end in stored.cut.spans:
                async with aclosing(source.stream(begin, end)) as pieces:
                    async for piece in pieces:
                        write_all(given, piece)  # at most 2 MiB within memory: no need for a thread
            write_all(given, stored.end)
            async with _process(_command(stored), given, made, folder) as process:
                status = await process.wait()
            return status, await _containers(made) if status == 0 else None


@contextmanager
def _memory(name: str) -> Iterator[int]:
    """A file that exists in memory only, while the block lasts."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _command(stored: _Stored) -> list[str]:
    """-I -S: a bare interpreter, up in half the time, which reads no settings of the account that it runs in."""
    words = [_packages(), stored.version, json.dumps(stored.cut.regions)]
    return [sys.executable, "-I", "-S", recoding_worker.__file__, *words]


@asynccontextmanager
async def _process(command: Sequence[str], given: int, made: int, folder: Path) -> AsyncIterator[Process]:
    """A process that works in the folder of the reference sequences and does not outlive the block.

    given, made: files that it reads from and writes to. Raises Unavailable.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=given,
            stdout=made,
            stderr=asyncio.subprocess.DEVNULL,
            env={"REF_PATH": "./%s"},
            cwd=folder,
        )
    except OSError as error:
        raise Unavailable(f"the process for a CRAM does not start: {error.strerror}") from error
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _containers(made: int) -> bytes | None:
    """A CRAM without its beginning and its end; None if it has none, so that it is not whole."""
    size = os.fstat(made).st_size
    marker = cram.end_marker(os.pread(made, cram.END_BYTES, max(0, size - cram.END_BYTES)))
    if not marker:
        return None
    first, stop = cram.header_size(os.pread(made, _LONGEST_BEGINNING, 0)), size - len(marker)
    parts = []
    for at in range(first, stop, _PIECE_BYTES):
        parts.append(os.pread(made, min(_PIECE_BYTES, stop - at), at))
        await asyncio.sleep(0)  # reading all at once would keep others waiting
    return await asyncio.to_thread(b"".join, parts)


def _told(known: References, named: Sequence[Reference]) -> str:
    """Those that are not known, by name and MD5; the first of many."""
    missing = [
        f"{one.name.decode(errors='replace')} (MD5 {one.md5 or 'not told by the file'})"
        for one in named
        if known.name_of(one.md5) is None
    ]
    more = f" and {len(missing) - _MOST_TOLD} others" if len(missing) > _MOST_TOLD else ""
    return ", ".join(missing[:_MOST_TOLD]) + more


@cache
def _packages() -> str:
    """The folder that pysam lies in, found without importing it. Raises Unavailable."""
    found = find_spec("pysam")
    if found is None or found.origin is None:
        raise Unavailable(
            "pysam, which brings htslib, is not installed: no records can be picked out of a CRAM"
        )
    return str(Path(found.origin).parents[1])
