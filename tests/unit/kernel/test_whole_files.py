"""Files are written whole or not at all, and only their owner may read them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from opengdi.kernel import files
from opengdi.kernel.files import write_once, write_whole


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, b"first, longer")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    write_once(tmp_path / "a", b"first")
    write_once(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("write", [write_whole, write_once])
def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write
) -> None:
    (tmp_path / "a").write_bytes(b"before")

    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_system_that_takes_a_byte_at_a_time_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.os.write
    monkeypatch.setattr(files.os, "write", lambda descriptor, content: write(descriptor, content[:1]))
    write_whole(tmp_path / "a", b"all of it")
    assert (tmp_path / "a").read_bytes() == b"all of it"
