"""The demo over public data: 1000 Genomes genotypes, CINECA people, a table of frequencies."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.system.serving import GDI


def test_the_whole_walk_is_gone_with_real_data(shared: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*GDI, "demo", "--exit", "--real", "--folder", str(tmp_path / "demo")],
        env=os.environ | {"OPENGDI_SHARED": str(shared)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = " ".join(done.stdout.split())
    for words in ("records of 1000 Genomes", "heterozygous", "gb.dac: granted"):
        assert words in said
