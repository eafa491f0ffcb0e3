"""Attachments are looked at by content, scanned, and kept so that nobody reads them on the disk."""

from __future__ import annotations

import io
import sys
import zipfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sqlite import migrated_engine

from opengdi.access.applications.attachments import (
    MEDIA_TYPES,
    AttachmentStore,
    CommandScan,
    Unwanted,
    checked_name,
    media_type_of,
    no_scan,
)
from opengdi.access.applications.deletions import Deletions
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.http.faults import BodyTooLarge
from opengdi.kernel.keys import Secret
from opengdi.kernel.storage.directory import DirectoryStorage

PDF = b"%PDF-1.7 something"


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def office(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return content.getvalue()


def store(folder: Path, **more: object) -> AttachmentStore:
    ids = count(1)
    settings = {"limit_bytes": 1000, "scan": no_scan, "new_id": lambda: f"{next(ids):032x}", **more}
    deletions = Deletions(migrated_engine(folder / "state.sqlite"), FixedClock())
    return AttachmentStore(DirectoryStorage(folder / "kept"), Secret(b"s" * 32), deletions, **settings)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", PDF),
        ("A.PDF", PDF),
        ("a.png", b"\x89PNG\r\n\x1a\n..."),
        ("a.jpeg", b"\xff\xd8\xff\xe0"),
        ("a.csv", "name;é".encode()),
        ("a.docx", office("[Content_Types].xml", "word/document.xml")),
        ("a.xlsx", office("xl/workbook.xml")),
        ("a.odt", office("mimetype", "content.xml")),
    ],
)
def test_a_file_is_of_the_kind_that_its_name_says(name: str, content: bytes):
    assert media_type_of(name, content) == MEDIA_TYPES[name.rpartition(".")[2].lower()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a", PDF),
        ("a.html", b"<html>"),
        ("a.pdf", b"MZ"),
        ("a.pdf", b""),
        ("a.png", PDF),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.docx", office("xl/workbook.xml")),
        ("a.docx", office("word/document.xml", "word/vbaProject.bin")),
        ("a.docx", b"PK\x03\x04 and no more"),
    ],
)
def test_a_file_of_another_kind_is_unwanted(name: str, content: bytes):
    with pytest.raises(Unwanted):
        media_type_of(name, content)


@given(st.sampled_from(sorted(MEDIA_TYPES)), st.binary(max_size=200))
def test_any_bytes_are_of_a_kind_or_unwanted(end: str, content: bytes):
    for head in (b"", b"PK\x03\x04", b"PK\x05\x06", b"%PDF-"):
        try:
            media_type_of(f"a.{end}", head + content)
        except Unwanted:
            continue


@pytest.mark.parametrize("name", ["", "  ", "a/", "x" * 201, "a\nb.pdf", "a\x00.pdf"])
def test_a_name_without_a_name_is_invalid(name: str):
    with pytest.raises(Invalid):
        checked_name(name)


def test_folders_of_a_name_are_forgotten():
    assert checked_name("C:\\private\\plan.pdf") == checked_name("../../plan.pdf") == "plan.pdf"


async def test_what_is_kept_opens_again_and_only_under_its_own_id(tmp_path: Path):
    kept = store(tmp_path)
    one, _ = await kept.keep("a.pdf", PDF, "ann"), await kept.keep("b.pdf", PDF + b"2", "ann")
    assert await kept.read(one) == PDF
    files = files_in(tmp_path / "kept")
    assert len(files) == 2
    assert not any(b"PDF" in path.read_bytes() for path in files)
    first, second = (path.read_bytes() for path in files)
    files[0].write_bytes(second)
    with pytest.raises(Unavailable):
        await kept.read(one)
    files[0].write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    with pytest.raises(Unavailable):
        await kept.read(one)


async def test_a_file_that_is_too_long_is_refused(tmp_path: Path):
    with pytest.raises(BodyTooLarge):
        await store(tmp_path).keep("a.pdf", PDF + bytes(1000), "ann")


def scanner(code: str) -> CommandScan:
    return CommandScan((sys.executable, "-c", f"import sys; data = sys.stdin.buffer.read(); {code}"), 10.0)


async def test_a_scanner_reads_the_file_and_its_exit_code_decides(tmp_path: Path):
    kept = store(tmp_path, scan=scanner("sys.exit(1 if b'EICAR' in data else 0)"))
    assert (await kept.keep("a.pdf", PDF, "ann")).size == len(PDF)
    with pytest.raises(Unwanted):
        await kept.keep("a.pdf", PDF + b"EICAR", "ann")


@pytest.mark.parametrize(
    "scan",
    [
        scanner("sys.exit(7)"),
        CommandScan(("/no/such/scanner",)),
        CommandScan((sys.executable, "-c", "import time; time.sleep(60)"), 0.3),
    ],
)
async def test_a_scanner_that_cannot_tell_lets_nothing_through(tmp_path: Path, scan: CommandScan):
    with pytest.raises(Unavailable):
        await store(tmp_path, scan=scan).keep("a.pdf", PDF, "ann")
    assert not files_in(tmp_path / "kept")
