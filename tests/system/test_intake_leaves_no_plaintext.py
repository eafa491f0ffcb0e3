"""During and after an intake: no plaintext in any file, no key in any log line, memory that stays flat."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pysam
import pytest
from tests.encrypted_uploads import body_of, data_key, header_for

from opengdi.archive.intake import take_in
from opengdi.archive.keyring import load_keyring
from opengdi.archive.model import Declared
from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys import KeyFolder
from opengdi.kernel.storage.directory import DirectoryStorage

MARK = b"ONLY-IN-PLAINTEXT-8d1f"
LARGEST_SEARCHED_BYTES = 64 * 1024 * 1024


def bgzipped_calls(folder: Path) -> bytes:
    """A VCF of some MiB that carries the mark in every record, stored so that the mark can be read in it."""
    header = "##fileformat=VCFv4.2\n##contig=<ID=1,length=100000000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    records = (
        f"1\t{number + 1}\t{MARK.decode()}{os.urandom(40).hex()}\tA\tC\t.\t.\t.\n" for number in range(60_000)
    )
    path = folder / "calls.vcf.gz"
    with pysam.BGZFile(str(path), "wb0") as out:  # level 0: stored, not deflated
        out.write((header + "".join(records)).encode())
    content = path.read_bytes()
    path.unlink()
    return content


def files_with(mark: bytes, folders: list[Path], since: float) -> Iterator[Path]:
    """Files that were written since then and hold the mark; those of other users' processes are left out."""
    for folder in folders:
        for parent, _, names in os.walk(folder, onerror=lambda _error: None):
            for name in names:
                path = Path(parent, name)
                try:
                    facts = path.lstat()
                    wanted = facts.st_mtime >= since and facts.st_size <= LARGEST_SEARCHED_BYTES
                    if path.is_file() and not path.is_symlink() and wanted and mark in path.read_bytes():
                        yield path
                except OSError:
                    continue


def open_files() -> set[str]:
    """What this process and its children hold open, files that have no name any more among them."""
    ours = [os.getpid(), *_children(os.getpid())]
    found = set()
    for pid in ours:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                found.add(str(link.readlink()))
            except OSError:
                continue
    return found


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]


async def test_plaintext_is_in_no_file_and_keys_are_in_no_log_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plain, since = bgzipped_calls(tmp_path), time.time()
    assert MARK in plain
    data_dir = tmp_path / "data"
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    ours = load_keyring(KeyFolder(tmp_path / "keys", data_dir=data_dir))
    key = data_key()
    upload = header_for(ours.current.private.public, [key]) + body_of(plain, [key])
    folders = [tmp_path, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm")]
    looks, before = 0, open_files()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal looks
        for number, start in enumerate(range(0, len(upload), 512 * 1024)):
            yield upload[start : start + 512 * 1024]
            if number % 4 == 0:
                await asyncio.sleep(0.01)  # the threads are at it
                assert list(files_with(MARK, [tmp_path], since)) == []
                nameless = {name for name in open_files() - before if name.endswith("(deleted)")}
                assert nameless <= {"/memfd:index (deleted)"}  # which is memory
                looks += 1

    storage = DirectoryStorage(data_dir / "archive")
    taken = await take_in(pieces(), storage, "ab/one", ours, Declared())
    assert looks > 2
    assert taken.stored.index == "csi"
    with pytest.raises(Invalid):
        await take_in(pieces(), storage, "ab/two", ours, Declared(sha256="0" * 64))
    assert list(files_with(MARK, folders, since)) == []
    private = [key.reveal(), ours.current.private.reveal()]
    for secret in private:
        for spelling in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
            assert spelling not in caplog.text
    assert MARK.decode() not in caplog.text
    for secret in private[:1]:
        assert list(files_with(secret, [data_dir], since)) == []


MEASURE = """
import asyncio, os, resource, sys
from tests.encrypted_uploads import body_of, data_key, header_for, in_memory, keyring
from opengdi.archive.intake import take_in
from opengdi.archive.model import Declared

ours, key = keyring(), data_key()
header, body = header_for(ours.current.private.public, [key]), body_of(os.urandom(4 << 20), [key])

async def pieces(times):
    yield header
    for _ in range(times):
        for start in range(0, len(body), 1 << 20):
            yield body[start : start + (1 << 20)]

class Sink:
    async def exists(self, key):
        return False
    async def put(self, key, content, *, fresh=False, size_bytes=0):
        async for piece in content:
            pass

def high_water():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

asyncio.run(take_in(pieces(4), Sink(), "ab/one", ours, Declared()))
before = high_water()
asyncio.run(take_in(pieces(96), Sink(), "ab/two", ours, Declared()))
print(high_water() - before)
"""


def test_memory_stays_flat_however_large_the_file_is() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 24  # MiB, for a file of 384
