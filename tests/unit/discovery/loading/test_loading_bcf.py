"""BCF gives what its text gives, also when it is cut into spans at the record starts of its index."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.loading import HEADER, Bench, bench, read_sites

from opengdi.discovery.loading import plan
from opengdi.discovery.loading.reading import FileKind, bgzf_blocks, read_header
from opengdi.standards.vcf import bcf

SAMPLES = ("A", "B", "C")
INFO = (
    "##contig=<ID=22>\n##contig=<ID=X>\n"
    '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: Allele|SYMBOL|HGVSp">\n'
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n'
)
RECORDS = [
    "22 11000000 rs1 A G 50 PASS . GT:DP 0|1:3 1/1:4 .:5",
    "22 11000005 . AC A,ACC . . CSQ=-|BRCA2|p.Val1Glu GT 1|2 ./. 2",
    "22 11000009 . A <DEL> . . END=11000100;SVLEN=-91 GT 0|1 0|0 ./1",
    "22 11000010 . A A" + ",".join("G" * n for n in range(2, 75)) + " . . . GT 0/60 73|72 0|0",
    "X 5000000 . A G . . . GT 0 1 0|1",
]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        yield node


def write_bcf(source: Path, target: Path) -> None:
    from cyvcf2 import VCF, Writer

    reader = VCF(str(source))
    writer = Writer(str(target), reader, "wb")
    for record in reader:
        writer.write_record(record)
    writer.close()
    reader.close()


def load_as(node: Bench, name: str, version: str) -> tuple[object, ...]:
    node.write_release(f'files = ["{name}"]', version=version)
    report = node.load().report
    release = node.workshop.data_dir / "releases/GDI-EE-TEST-1" / version
    return tuple(
        (release / "sites" / f"chr{contig}.parquet").read_bytes() for contig in ("22", "X")
    ), report.records_read


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b"])
def test_a_sign_that_some_take_for_a_line_end_does_not_end_a_line_of_the_header(
    node: Bench, sign: str
) -> None:
    node.write_vcf("a.vcf", RECORDS, SAMPLES, HEADER + INFO + f'##note="pasted{sign}from a text processor"\n')
    write_bcf(node.source / "a.vcf", node.source / "a.bcf")
    assert load_as(node, "a.bcf", "1") == load_as(node, "a.vcf", "2")


def test_bcf_and_text_give_the_same_truth(node: Bench) -> None:
    node.write_vcf("a.vcf", RECORDS, SAMPLES, HEADER + INFO)
    write_bcf(node.source / "a.vcf", node.source / "a.bcf")
    assert load_as(node, "a.bcf", "1") == load_as(node, "a.vcf", "2")


def test_a_bcf_with_an_index_is_read_in_spans_and_without_losing_a_record(
    node: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(3)
    calls = ["0|0", "0|1", "1|1", "./."]
    records = [
        f"{contig} {5_000_000 + 3 * n} . A G . . . GT {rng.choice(calls)} {rng.choice(calls)} {rng.choice(calls)}"
        for contig in ("22", "X")
        for n in range(20_000)
    ]
    node.write_vcf("a.vcf", records, SAMPLES, HEADER + INFO)
    write_bcf(node.source / "a.vcf", node.source / "a.bcf")
    whole = load_as(node, "a.bcf", "1")
    (node.source / "a.bcf.csi").write_bytes(gzip.compress(index_of(node.source / "a.bcf")))
    monkeypatch.setattr(plan, "SPAN_BYTES", 20_000)
    assert load_as(node, "a.bcf", "2") == whole
    assert len(list((node.workshop.data_dir / "releases/GDI-EE-TEST-1").iterdir())) == 2


def index_of(path: Path) -> bytes:
    """A CSI index with one bin that begins a chunk at every thousandth record."""
    starts = record_offsets(path)[::1000]
    chunks = b"".join(struct.pack("<2Q", at, at) for at in starts)
    return (
        struct.pack("<4siiiii", b"CSI\x01", 14, 5, 0, 1, 1)
        + struct.pack("<IQi", 4681, 0, len(starts))
        + chunks
    )


def record_offsets(path: Path) -> list[int]:
    """Virtual offset of every record, by walking the file."""
    blocks = list(bgzf_blocks(path, 0))
    places = [(block << 16 | within) for block, data in blocks for within in range(len(data))]
    data = b"".join(data for _, data in blocks)
    at = read_header(path, FileKind.BCF).records_at.within
    found = []
    while at < len(data):
        found.append(places[at])
        at += bcf.record_length(data, at)
    return found


def test_a_bcf_cut_inside_a_record_is_refused_with_its_name(
    node: Bench, bgzf: Callable[[bytes], bytes]
) -> None:
    node.write_vcf("a.vcf", RECORDS, SAMPLES, HEADER + INFO)
    write_bcf(node.source / "a.vcf", node.source / "a.bcf")
    data = b"".join(data for _, data in bgzf_blocks(node.source / "a.bcf", 0))
    (node.source / "a.bcf").write_bytes(bgzf(data[:-20]))
    node.write_release('files = ["a.bcf"]')
    (finding,) = node.rejected().findings
    assert str(finding).startswith("a.bcf:4: truncated or damaged file: the file is truncated")


def test_text_in_small_spans_keeps_line_numbers_and_records(
    node: Bench, monkeypatch: pytest.MonkeyPatch, bgzf: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(plan, "SPAN_BYTES", 300)
    records = [f"22 {11_000_000 + n} . A G . . . GT 0|1 0|0 0|0" for n in range(500)]
    records[321] = "22 x . A G . . . GT 0|1 0|0 0|0"
    node.write_vcf("plain.vcf", records)
    (node.source / "packed.vcf.gz").write_bytes(bgzf((node.source / "plain.vcf").read_bytes()))
    for name in ("plain.vcf", "packed.vcf.gz"):
        node.write_release(f'files = ["{name}"]')
        report = node.rejected()
        assert report.tasks > 3
        assert (report.records_read, report.records_skipped) == (500, 1)
        assert [(finding.file, finding.line) for finding in report.findings] == [(name, 4 + 321)]


@pytest.mark.parametrize("border", range(0, 60, 7))
def test_every_line_is_read_once_wherever_the_file_is_cut(
    node: Bench, monkeypatch: pytest.MonkeyPatch, border: int
) -> None:
    monkeypatch.setattr(plan, "SPAN_BYTES", 40 + border)
    node.write_vcf("a.vcf", [f"22 {11_000_000 + n} . A G . . . GT 0|1 0|0 0|0" for n in range(40)])
    node.write_release('files = ["a.vcf"]')
    node.load()
    assert [row["start"] for row in node.truth()] == list(range(10_999_999, 11_000_039))


SITES = (
    "##fileformat=VCFv4.3\n##contig=<ID=22>\n##contig=<ID=X>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=nhomalt,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=AF_EE_F,Number=A,Type=Float,Description="x">\n'
    '##INFO=<ID=AN_EE_F,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=AF_EE_M,Number=A,Type=Float,Description="x">\n'
    '##INFO=<ID=AN_EE_M,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">\n'
)
PER_SEX = "AF_EE_F=0.25,0.0125;AN_EE_F=80;AF_EE_M=0.1,0.3;AN_EE_M=120"
COUNTED = [
    "22 11000000 . A G . PASS AC=3;AN=200;nhomalt=1;AF_EE_F=0.25;AN_EE_F=80;AF_EE_M=0.1;AN_EE_M=120",
    f"22 11000005 . AC A,ACC . . AC=70000,3;AN=140000;nhomalt=9,0;{PER_SEX}",
    f"22 11000009 . AT A,* . . AC=5,.;AN=200;{PER_SEX}",
    "22 11000010 . A G . . AC=0;AN=200",
    "22 11000020 . A <CN0>,<CN3> . . SVTYPE=CNV;END=11000900;AC=4,5;AN=200",
    "22 11000030 . C "
    + ",".join("CA" + "G" * n for n in range(20))
    + " . . AC="
    + ",".join("1" * 20)
    + ";AN=200",
    "X 5000000 . A G . . AC=7;AN=150;AF_EE_F=0.5;AN_EE_F=80;AF_EE_M=0.05;AN_EE_M=60",
]
ONLY_FREQUENCIES = (
    "##fileformat=VCFv4.3\n##contig=<ID=22>\n##contig=<ID=X>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=EUR_AF,Number=A,Type=Float,Description="x">\n'
)
FREQUENCIES = [
    "22 11000000 . A G . . AF=0.015;AN=200;EUR_AF=0.1",
    "22 11000005 . AC A,ACC . . AF=0.5,0.0049999;AN=200;EUR_AF=0.25,0.3333333",
    "22 11000009 . C T . . AF=1e-3;AN=5000;EUR_AF=.",
    "X 5000000 . A G . . AF=1;AN=150",
]


@pytest.mark.parametrize(
    "header, records, sizes", [(SITES, COUNTED, ""), (ONLY_FREQUENCIES, FREQUENCIES, "EUR = 300")]
)
def test_counts_of_a_bcf_without_genotypes_are_those_of_its_text(
    node: Bench, header: str, records: list[str], sizes: str
) -> None:
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        pytest.skip("bcftools writes the BCF; it is not installed")
    node.write_vcf("a.vcf", records, samples=(), header=header)
    command = [bcftools, "view", "--no-version", "-Ob", "-o", node.source / "a.bcf", node.source / "a.vcf"]
    subprocess.run(command, check=True, capture_output=True)
    loaded = {}
    for version, name in enumerate(("a.vcf", "a.bcf"), start=1):
        node.write_release(
            f'files = ["{name}"]\npopulation_sizes = {{ {sizes} }}',
            "individuals = 70000",
            version=str(version),
        )
        release = node.load()
        folder = node.workshop.data_dir / "releases/GDI-EE-TEST-1" / str(version)
        rows = {contig: read_sites(folder, contig) for contig in ("22", "X")}
        loaded[name] = rows, release.release.manifest.populations, release.report.records_written
    assert loaded["a.bcf"] == loaded["a.vcf"]
    assert loaded["a.bcf"][2] == len(records)
