"""npm packages that tests use, as lock files name them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def npm_package(folder: str, package: str) -> Path:
    """Where it lies; skips where there is no node, and fails where it does not install. folder: beside this file."""
    command = [ROOT / "scripts" / "npm-package.sh", Path(__file__).parent / folder, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
