"""What the operating system tells about the places where data lie (Linux)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

SYSFS = Path("/sys/dev/block")


def is_encrypted(place: Path, sysfs: Path = SYSFS) -> bool | None:
    """Whether `place` (or the folder it will be made in) lies on dm-crypt; None where it cannot be told."""
    there = next((folder for folder in (place, *place.parents) if folder.exists()), None)
    if there is None:
        return None
    device = there.stat().st_dev
    block = sysfs / f"{os.major(device)}:{os.minor(device)}"
    return _is_crypt(block) if block.exists() else None


def _is_crypt(block: Path) -> bool:
    """True if the block device, or every one below it (a volume may lie on an encrypted disk), is dm-crypt."""
    uuid = block / "dm" / "uuid"
    if uuid.exists() and uuid.read_text().startswith("CRYPT-"):
        return True
    below = list((block / "slaves").glob("*"))
    return bool(below) and all(_is_crypt(slave) for slave in below)


def open_to_others(folder: Path) -> bool:
    """True if the folder exists and its group or others may enter or read it."""
    return folder.exists() and bool(folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def make_private_folder(folder: Path) -> None:
    """Make `folder` with mode 0700; one that exists is closed to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(file: Path, text: str) -> None:
    """Write `file` with mode 0600 in one step: a reader sees the old text or the new one, whole."""
    draft = file.with_name(f".{file.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
