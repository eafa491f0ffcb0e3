"""A reader of CRAM fetches by MD5 the reference that it does not have: htslib, by `REF_PATH`."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pysam
import pytest
from tests.system.serving import run_gdi, serving

BASES = "".join(random.Random(3).choices("ACGT", k=20_000))
READS, LENGTH = 200, 80
PROGRAM = "import pysam, sys; [print(read.query_sequence) for read in pysam.AlignmentFile(sys.argv[1])]"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.fa"
    lines = (BASES[start : start + 60] for start in range(0, len(BASES), 60))
    path.write_text("\n".join((">c1", *lines, "")))
    pysam.faidx(str(path))
    return path


def write_cram(path: Path, reference: Path) -> list[str]:
    """Reads that equal the reference, so that the file holds none of their bases."""
    md5 = hashlib.md5(BASES.encode()).hexdigest()
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c1", "LN": len(BASES), "M5": md5}]}
    with pysam.AlignmentFile(str(path), "wc", header=header, reference_filename=str(reference)) as file:
        for number in range(READS):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, number * 90
            read.query_sequence = BASES[number * 90 : number * 90 + LENGTH]
            read.cigarstring, read.mapping_quality = f"{LENGTH}M", 60
            file.write(read)
    return [BASES[number * 90 : number * 90 + LENGTH] for number in range(READS)]


def test_a_cram_file_is_read_with_the_reference_of_a_node(tmp_path: Path, reference: Path) -> None:
    cram = tmp_path / "reads.cram"
    written = write_cram(cram, reference)
    assert run_gdi("node", "init", tmp_path / "node").returncode == 0
    config = tmp_path / "node" / "gdi.toml"
    assert run_gdi("refget", "load", reference, "--config", config).returncode == 0
    for file in (reference, reference.with_name("reference.fa.fai")):
        file.unlink()
    with serving("node", config, tmp_path / "node" / "data") as node:
        found = {}
        for path in ("/refget/sequence/%s", "/nowhere/%s"):
            variables = {"REF_PATH": node.public + path, "REF_CACHE": ""}
            found[path] = subprocess.run(
                [sys.executable, "-c", PROGRAM, cram],
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | variables,
            )
    assert found["/refget/sequence/%s"].stdout.split() == written
    assert found["/nowhere/%s"].stdout.split() != written  # or the reader knew the bases from elsewhere
