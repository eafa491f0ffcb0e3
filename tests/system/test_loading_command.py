"""`gdi dataset load` as an operator meets it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.loading import COLUMNS, HEADER

GDI = [sys.executable, "-c", "from opengdi.apps.cli import main; main()"]
RECORDS = "22\t11000000\t.\tA\tG\t.\t.\t.\tGT\t0|1\t1|1\nGL000192.1\t5\t.\tA\tG\t.\t.\t.\tGT\t0|1\t1|1\n"


class Node:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gdi.toml").write_text(
            '[node]\nid = "ee.test"\ncountry = "EE"\ndata_dir = "data"\nkeys_dir = "keys"\n'
        )
        self.write_release('files = ["a.vcf.gz"]')
        self.write_vcf(RECORDS)

    def write_release(self, variants: str) -> None:
        (self.folder / "release.toml").write_text(
            '[dataset]\nid = "GDI-EE-T-1"\nversion = "1"\ntitle = "T"\ncountry = "EE"\nassembly = "GRCh38"\n'
            f"[variants]\n{variants}\n"
        )

    def write_vcf(self, records: str) -> None:
        text = f"{HEADER}{COLUMNS}\tFORMAT\tA\tB\n{records}"
        (self.folder / "a.vcf.gz").write_bytes(gzip.compress(text.encode()))

    def load(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [
            *GDI,
            "dataset",
            "load",
            str(self.folder),
            "--config",
            str(self.folder / "gdi.toml"),
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_load_says_what_it_read_wrote_and_skipped(node: Node) -> None:
    done = node.load("--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "GDI-EE-T-1 version 1 is loaded as release 1" in done.stdout
    assert "2 records read, 1 written, 1 skipped; 1 alleles, 2 individuals" in done.stdout
    assert "1 × other contig" in done.stdout
    assert "reading" in done.stderr
    again = node.load()
    assert "was loaded before and is the same: release 1, loaded" in again.stdout


def test_the_report_is_json_on_request(node: Node) -> None:
    done = node.load("--json", "--report", str(node.folder / "out.json"), "--workers", "1")
    report = json.loads(done.stdout)
    assert report == json.loads((node.folder / "out.json").read_text())
    assert (report["outcome"], report["records_read"], report["tallies"]) == (
        "loaded",
        2,
        {"other contig": 1},
    )
    assert report["findings"][0]["file"] == "a.vcf.gz"
    assert report["findings"][0]["line"] == 5


def test_a_refused_load_names_its_faults_and_leaves_nothing_but_the_report(node: Node) -> None:
    node.write_vcf(RECORDS + "22\t11000001\t.\tA\tG\t.\t.\t.\tGT\t0|1\n")
    done = node.load("--report", str(node.folder / "out.json"), "--workers", "1")
    assert done.returncode != 0
    assert "a.vcf.gz:6: malformed record: 10 columns, expected 11" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((node.folder / "out.json").read_text())["outcome"] == "rejected"
    assert not list((node.folder / "data" / "releases").iterdir())


def test_a_refused_load_prints_its_report_on_request_and_nothing_of_progress(node: Node) -> None:
    node.write_vcf(RECORDS + "22\t11000001\t.\tA\tG\t.\t.\t.\tGT\t0|1\n")
    done = node.load("--json", "--workers", "1")
    assert done.returncode == 2
    assert json.loads(done.stdout)["outcome"] == "rejected"
    assert done.stderr.startswith("gdi: GDI-EE-T-1 version 1 was not loaded")


def test_a_load_refused_before_reading_does_not_say_that_it_reads(node: Node) -> None:
    node.write_release('files = ["gone.vcf"]')
    done = node.load("--workers", "1")
    assert "gone.vcf: missing file" in done.stderr
    assert "reading" not in done.stderr
    assert "merging" not in done.stderr


def test_another_content_under_the_same_version_is_refused(node: Node) -> None:
    assert node.load("--workers", "1").returncode == 0
    node.write_vcf(RECORDS.replace("11000000", "11000009"))
    done = node.load("--workers", "1")
    assert done.returncode != 0
    assert "version 1 was loaded from other content" in done.stderr


def test_a_wrong_release_file_is_explained_by_path(node: Node) -> None:
    node.write_release('files = ["a.vcf.gz"]\nsort = true')
    done = node.load()
    assert done.returncode != 0
    assert "unknown field `sort` - at `$.variants`" in done.stderr


def test_a_dask_scheduler_that_does_not_answer_is_named(node: Node) -> None:
    with (node.folder / "gdi.toml").open("a") as file:
        file.write('[bulk]\ndask_scheduler = "tcp://127.0.0.1:9"\n')
    done = node.load()
    assert done.returncode != 0
    assert "bulk.dask_scheduler tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_terminal_a_bar_tells_how_far_it_is_at_what_rate_and_how_long_it_takes(node: Node) -> None:
    ours, theirs = os.openpty()
    try:
        command = [*GDI, "dataset", "load", str(node.folder), "--config", str(node.folder / "gdi.toml")]
        settings = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
        process = subprocess.Popen(
            [*command, "--workers", "1"], stdout=subprocess.PIPE, stderr=theirs, env=settings, text=True
        )
        os.close(theirs)
        shown = until_closed(ours)
        out, _ = process.communicate(timeout=60)
    finally:
        os.close(ours)
    assert process.returncode == 0, shown
    assert "is loaded as release 1" in out
    for stage in ("reading", "merging"):
        (line,) = [text for text in re.split(r"[\r\n]+", shown) if stage in text and "100%" in text][-1:]
        assert "━" in line
        assert re.search(r"100%.*\b0:00:00", line)
    assert re.search(r"reading .*100%.* [\d,]+ records/s", shown)


def until_closed(terminal: int) -> str:
    """What is written to a terminal, without its colours, until nobody holds its other end."""
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # how Linux tells that the other end is closed
            piece = b""
        if not piece:
            return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(pieces).decode())
        pieces.append(piece)
