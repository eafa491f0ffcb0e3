"""The field's clients read regions through htsget, and get the records of the local file, byte for byte."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import htsget
import httpx
import pysam
import pytest
from tests.htsget_kit import ADA
from tests.indexed_files import (
    IndexedFile,
    Record,
    in_small_slices,
    na12878,
    read_records,
    synthetic_bam,
    thousand_genomes,
)
from tests.system.htsget_server import htsget_server

WINDOWS = 500
PLAIN_HTTP = {"HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks"}
Window = tuple[str, int, int]


@pytest.fixture(scope="module")
def files(shared, tmp_path_factory) -> dict[str, IndexedFile]:
    folder = tmp_path_factory.mktemp("files")
    return {
        "bam": na12878(shared, "BAM"),
        "large-slices": na12878(shared, "CRAM"),
        "cram": in_small_slices(na12878(shared, "CRAM"), folder),
        "vcf": thousand_genomes(shared, folder, "VCF", people=40),
        "bcf": thousand_genomes(shared, folder, "BCF", people=40),
        "several": synthetic_bam(folder, references=[("1", 400_000), ("2", 400_000)], cram=True),
        "across": synthetic_bam(folder, across_blocks=50_000),
    }


@pytest.fixture(scope="module")
def server(files) -> Iterator[str]:
    with htsget_server(files) as address:
        yield address


def kind_of(name: str) -> str:
    return "variants" if name in {"vcf", "bcf"} else "reads"


def ticket_url(server: str, name: str, file: IndexedFile, window: Window | None = None) -> str:
    region = "" if window is None else f"&referenceName={window[0]}&start={window[1]}&end={window[2]}"
    return f"{server}/{kind_of(name)}/{name}?format={file.format}{region}"


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian package {program})")


def run(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["bam", "across", "cram", "several"])
def test_pysam_reads_the_same_alignments(server, files, name):
    file = files[name]
    for window in file.windows(WINDOWS, seed=21):
        with pysam.AlignmentFile(ticket_url(server, name, file, window), check_sq=False) as remote:
            before_end = (read for read in remote.fetch(until_eof=True) if read.reference_start < window[2])
            found = [record_of(read) for read in before_end]
        assert [record for record in found if record.overlaps(*window)] == file.region(*window), window


def record_of(read: pysam.AlignedSegment) -> Record:
    start = read.reference_start
    return Record(read.reference_name or "*", start, read.reference_end or start + 1, read.to_string())


@pytest.mark.parametrize("name", ["vcf", "bcf"])
def test_pysam_reads_the_same_variants(server, files, name):
    file = files[name]
    for window in file.windows(WINDOWS, seed=22):
        with pysam.VariantFile(ticket_url(server, name, file, window)) as remote:
            found = [Record(r.chrom, r.start, max(r.stop, r.start + 1), str(r)) for r in remote]
        assert [record for record in found if record.overlaps(*window)] == file.region(*window), window


@pytest.mark.parametrize("name", ["bam", "cram", "large-slices", "vcf", "bcf"])
def test_the_htsget_client_fetches_the_same_records(server, files, name):
    file, read_once = files[name], cache(read_records)
    for window in file.windows(WINDOWS, seed=23):
        fetched = io.BytesIO()
        htsget.get(
            f"{server}/{kind_of(name)}/{name}",
            fetched,
            data_format=file.format,
            reference_name=window[0],
            start=window[1],
            end=window[2],
        )
        found = read_once(file.format, fetched.getvalue())
        assert [record for record in found if record.overlaps(*window)] == file.region(*window), window


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("bam", "samtools view"),
        ("cram", "samtools view"),
        ("vcf", "bcftools view --no-header"),
        ("bcf", "bcftools view --no-header"),
    ],
)
def test_samtools_and_bcftools_print_the_same_lines(server, files, name, program):
    view = program.split()
    needs(view[0])
    file = files[name]
    local = run(*view, str(file.path)).splitlines()
    line_of = dict(zip((record.text for record in file.records), local, strict=True))

    def prints_the_same(window: Window) -> bool:
        lines = run(*view, ticket_url(server, name, file, window)).splitlines()
        wanted = [line_of[record.text] for record in file.region(*window)]
        there = set(wanted)
        return [line for line in lines if line in there] == wanted

    windows = list(file.windows(WINDOWS, seed=24))
    with ThreadPoolExecutor(2) as at_once:
        same = list(at_once.map(prints_the_same, windows))
    assert [window for window, is_same in zip(windows, same, strict=True) if not is_same] == []


def test_samtools_reads_a_whole_file_with_a_token(server, files, tmp_path):
    needs("samtools")
    (tmp_path / "token").write_text(ADA)
    env = {"HTS_AUTH_LOCATION": str(tmp_path / "token"), **PLAIN_HTTP}
    samtools = shutil.which("samtools")
    assert samtools is not None
    remote = run(samtools, "view", "--no-PG", "-h", f"{server}/reads/bam", env=env)
    assert remote == run("samtools", "view", "--no-PG", "-h", str(files["bam"].path))


def test_a_window_of_10_kb_transfers_less_than_one_percent_of_a_large_bam(tmp_path):
    """The large one is synthetic, 10 MB; of a whole genome the share is far smaller."""
    file = synthetic_bam(tmp_path, reads=40_000, bases=300)
    with htsget_server({"large": file}) as address:
        window = ("2", 1_000_000, 1_010_000)
        ticket = httpx.get(ticket_url(address, "large", file, window)).json()["htsget"]
        sent = sum(len(httpx.get(u["url"]).content) for u in ticket["urls"] if u["url"].startswith("http"))
    assert 0 < sent < file.path.stat().st_size / 100
