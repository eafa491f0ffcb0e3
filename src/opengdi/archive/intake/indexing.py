"""The index of a file, built while its plaintext goes by: by htslib, in a process of its own, through a pipe.

Plaintext goes from memory to memory. BAM, VCF and BCF get a CSI, which has no end at 512 Mbp; CRAM gets a CRAI.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from fcntl import fcntl
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from select import POLLOUT, poll
from threading import Lock
from typing import Final

from opengdi.archive.intake import index_worker
from opengdi.archive.intake.formats import Format, recognise
from opengdi.kernel.errors import Unavailable
from opengdi.standards.crypt4gh import (
    NONCE_BYTES,
    SEGMENT,
    Header,
    SegmentCipher,
    body_size,
    plain_size,
)

_F_SETPIPE_SZ: Final = 1031  # linux/fcntl.h; `fcntl.F_SETPIPE_SZ` is there only if Python was built on Linux
_PIPE_BYTES: Final = 1024 * 1024
_LONGEST_SILENCE_S: Final = 60.0
"""After which a process that takes nothing, or does not end, is given up: no file waits for ever for its index."""


INDEX_KINDS: Final = {Format.BAM: "csi", Format.VCF: "csi", Format.BCF: "csi", Format.CRAM: "crai"}


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """What came of it. content: the index file; empty if there is none, and then `reason` says why."""

    format: Format | None
    content: bytes = b""
    reason: str = ""

    @property
    def kind(self) -> str:
        """`csi`, `crai`, or empty."""
        return INDEX_KINDS[self.format] if self.format and self.content else ""


class IndexBuilder:
    """Sees a file go by and tells what it is; builds its index if one is wanted and the format has one.

    Used by one thread at a time; waits where the indexing process is slower.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._format: Format | None = None
        self._begun = False
        self._process: _IndexProcess | None = None

    def take(self, part: memoryview) -> None:
        """The next bytes of the file. Raises Unavailable if no process can be started."""
        if not self._begun:
            self._begun = True
            self._format = recognise(part)
            if self._format is not None and self._wanted:
                self._process = _IndexProcess(self._format)
        if self._process is not None:
            self._process.write(part)

    def finish(self) -> BuiltIndex:
        """The index of what went by."""
        if self._process is None:
            return BuiltIndex(self._format)
        content = self._process.finish()
        if content:
            return BuiltIndex(self._format, content)
        return BuiltIndex(
            self._format,
            reason=f"no index could be made: the {self._format} file is not sorted by position, or is damaged",
        )

    def abandon(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.end()


def seal_index(content: bytes, header: Header, nonces: bytes) -> bytes:
    """An index as segments under the file's first data key, so that who can open the file's header can read both.

    It needs no header of its own, and a rotation of keys leaves it alone. nonces: 12 random bytes for each 64 KiB.
    """
    sealed = bytearray(body_size(len(content)))
    SegmentCipher(header.data_keys[:1]).encrypt_into(content, sealed, nonces)
    return bytes(sealed)


def open_index(sealed: bytes, header: Header) -> bytes:
    """The index file. Raises Unverified, Malformed if it was changed."""
    content = bytearray(plain_size(len(sealed)))
    SegmentCipher(header.data_keys[:1]).decrypt_into(sealed, content)
    return bytes(content)


def nonce_bytes_for(content: bytes) -> int:
    """Random bytes that `seal_index` needs."""
    return -(-len(content) // SEGMENT) * NONCE_BYTES


class _IndexProcess:
    """htslib at the other end of a pipe, its index in a file that exists in memory only."""

    def __init__(self, file_format: Format) -> None:
        self._memory = os.memfd_create("index", os.MFD_CLOEXEC)
        # -I -S: a bare interpreter, up in a tenth of the time. REF_PATH: htslib must ask no server for references.
        command = [
            sys.executable,
            "-I",
            "-S",
            index_worker.__file__,
            _htslib(),
            file_format,
            str(self._memory),
        ]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._memory,),
                env={"REF_PATH": "/nonexistent", "REF_CACHE": "/nonexistent"},
                bufsize=0,
            )
        except OSError as error:
            os.close(self._memory)
            raise Unavailable(f"the indexing process does not start: {error.strerror}") from error
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        self._widen()
        os.set_blocking(self._pipe, False)
        self._listens = True
        self._writing = Lock()

    def write(self, part: memoryview) -> None:
        """Nothing happens once the process has given up: it ends at the first record out of order."""
        with self._writing:
            while self._listens and part:
                try:
                    part = part[os.write(self._pipe, part) :]
                except BlockingIOError:
                    self._listens = self._takes_more()
                except BrokenPipeError:
                    self._listens = False

    def _takes_more(self) -> bool:
        """Wait until there is room in the pipe; False if that takes too long, or the other end is gone."""
        room = poll()  # not `select`, which knows no descriptor beyond 1023
        room.register(self._pipe, POLLOUT)
        return bool(room.poll(_LONGEST_SILENCE_S * 1000))

    def finish(self) -> bytes:
        """The index; empty if there is none."""
        try:
            self._close_pipe()
            if self._process.wait(_LONGEST_SILENCE_S) != 0:
                return b""
            return os.pread(self._memory, os.fstat(self._memory).st_size, 0)
        except subprocess.TimeoutExpired:
            return b""
        finally:
            self.end()

    def end(self) -> None:
        """May be called while another thread writes: no byte of it goes to a descriptor that has a new owner."""
        self._process.kill()  # so that the other thread is not left waiting
        with self._writing:
            self._listens = False
            self._close_pipe()
            self._process.wait()
            if self._memory >= 0:
                os.close(self._memory)
                self._memory = -1

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _widen(self) -> None:
        """Room for more than 64 KiB spares both sides waking each other; the system may refuse it."""
        try:
            fcntl(self._pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            return


@cache
def _htslib() -> str:
    """Path of the htslib that comes with pysam, found without importing it. Raises Unavailable."""
    found = find_spec("pysam")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for library in Path(folder).glob("libchtslib*.so"):
            return str(library)
    raise Unavailable("pysam, which brings htslib, is not installed: no index can be built")
