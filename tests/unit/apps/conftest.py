"""Fixtures about the machine that `gdi` runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def sysfs(tmp_path: Path):
    """A /sys/dev/block of our own; `device(...)` describes the device that tmp_path lies on."""
    root = tmp_path / "sys"
    number = tmp_path.stat().st_dev

    def device(uuid: str = "", below: dict[str, str] | None = None) -> Path:
        block = root / f"{os.major(number)}:{os.minor(number)}"
        describe(block, uuid)
        for name, inner in (below or {}).items():
            describe(block / "slaves" / name, inner)
        return root

    def describe(block: Path, uuid: str) -> None:
        (block / "dm").mkdir(parents=True)
        (block / "dm" / "uuid").write_text(uuid)

    return device
