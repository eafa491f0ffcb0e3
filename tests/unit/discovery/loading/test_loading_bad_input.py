"""What is wrong with the input is named with file and line; `reject` loads nothing, `skip` loads the rest."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.loading import COLUMNS, HEADER, Bench, bench

from opengdi.discovery.loading.errors import AlreadyLoaded, LoadRejected
from opengdi.kernel.errors import Invalid

GOOD = "22 11000000 . A G . . . GT 0|1 0|0 0|0"
LATER = "22 11000900 . A G . . . GT 0|1 0|0 0|0"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        yield node


WRONG = {
    "22 11000100 . A G . . . GT 0|1 0|0": "malformed record: 11 columns, expected 12",
    "22 11000100 . A G": "malformed record: 5 columns, expected 12",
    "22 0 . A G . . . GT 0|1 0|0 0|0": "malformed record: POS '0' is not a number from 1 to",
    "22 1e6 . A G . . . GT 0|1 0|0 0|0": "malformed record: POS '1e6' is not a number from 1 to",
    "22 60000000 . A G . . . GT 0|1 0|0 0|0": "malformed record: POS 60000000 lies past the end of contig 22",
    "22 11000100 . A? G . . . GT 0|1 0|0 0|0": "malformed record: REF 'A?' is not a sequence",
    "22 11000100 . A <D . . . GT 0|1 0|0 0|0": "malformed record: ALT '<D' is neither a sequence",
    "22 11000100 . A A . . . GT 0|1 0|0 0|0": "malformed record: ALT A equals REF",
    "22 11000100 . A G . . . GT 0|1 0|0 0|x": "malformed genotype: sample C: GT names no allele of the record",
    "22 11000100 . A G . . . GT 0|1 zz|0 0|0": "malformed genotype: sample B: GT 'zz|0' is not a genotype",
    "22 11000100 . A G . . . GT 0|1 2|0 0|0": "malformed genotype: sample B: GT names no allele of the record",
    "22 11000100 . A G . . . GT 0|1|1 0|0 0|0": "malformed genotype: sample A: ploidy 3",
    f"22 11000100 . A {','.join(a + b for a in 'CGT' for b in 'ACGT')} . . . GT :|0 0|0 0|0": (
        "malformed genotype: sample A: GT '' is not a genotype"
    ),
    f"22 11000100 . A {','.join(a + b for a in 'CGT' for b in 'ACGT')} . . . GT 0|1 0/; ;": (
        "malformed genotype: sample B: GT '0/;' is not a genotype"
    ),
    "22 11000100 . A G . . . DP 1 2 3": "malformed genotype: FORMAT 'DP' does not begin with GT",
    "22 11000100 . A <DEL> . . END=5 GT 0|1 0|0 0|0": "malformed record: END 5 lies before POS",
    "22 11000100 . A <DEL> . . END=x GT 0|1 0|0 0|0": "malformed record: END 'x' is not an integer",
    "22 11000100 . A <DEL> . . SVLEN=1,2 GT 0|1 0|0 0|0": "malformed record: SVLEN has 2 values for 1 ALT",
    "22 11000100 . A <DEL> . . END=60000000 GT 0|1 0|0 0|0": (
        "malformed record: END 60000000 lies past the end of contig 22 (50818468 bases in GRCh38)"
    ),
    "22 11000100 . A <DEL> . . SVLEN=-99999999999 GT 0|1 0|0 0|0": (
        "malformed record: SVLEN 99999999999 is more than any contig has"
    ),
    "22 11000100 . A <INS> . . SVLEN=99999999999 GT 0|1 0|0 0|0": (
        "malformed record: SVLEN 99999999999 is more than any contig has"
    ),
    "NC_000022.10 11000100 . A G . . . GT 0|1 0|0 0|0": "other assembly: NC_000022.10 is of GRCh37",
    "25 5 . A G . . . GT 0|1 0|0 0|0": "unknown contig: 25 is MT to some tools and part of X to plink",
    "chr22_ 5 . A G . . . GT 0|1 0|0 0|0": "unknown contig: chr22_ is neither 1-22, X, Y, MT nor",
    GOOD: "duplicate allele: 22:11000000 A>G was read at a.vcf:4",
}


@pytest.mark.parametrize("record, reason", WRONG.items())
def test_a_wrong_record_is_named_and_nothing_is_loaded(node: Bench, record: str, reason: str) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD, record, LATER])
    report = node.rejected()
    refusing = [str(finding) for finding in report.findings if finding.refuses]
    assert refusing[0].startswith(f"a.vcf:5: {reason}")
    assert not list((node.workshop.data_dir / "releases").iterdir())
    assert node.workshop.shelf.all() == ()


@pytest.mark.parametrize("record, reason", WRONG.items())
def test_under_skip_the_rest_is_loaded_and_the_record_reported(node: Bench, record: str, reason: str) -> None:
    node.write_release('files = ["a.vcf"]\non_error = "skip"')
    node.write_vcf("a.vcf", [GOOD, record, LATER])
    report = node.load().report
    assert any(str(finding).startswith(f"a.vcf:5: {reason}") for finding in report.findings)
    assert (report.records_read, report.records_written, report.records_skipped) == (3, 2, 1)
    assert [row["start"] for row in node.truth()] == [10999999, 11000899]


def test_everything_that_is_wrong_is_listed_at_once(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "gone.vcf", "b.vcf"]')
    node.write_vcf("a.vcf", ["22 x . A G . . . GT 0|1 0|0 0|0", "22 9 . A ? . . . GT 0|1 0|0 0|0"])
    node.write_vcf("b.vcf", ["21 5 . ? A . . . GT 0|1 0|0 0|0"])
    assert [(finding.file, finding.line) for finding in node.rejected().findings] == [
        ("gone.vcf", 0), ("a.vcf", 4), ("a.vcf", 5), ("b.vcf", 4),
    ]  # fmt: skip


def test_the_message_of_a_refusal_names_file_line_and_reason(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", ["22 x . A G . . . GT 0|1 0|0 0|0"])
    with pytest.raises(LoadRejected) as refused:
        node.load()
    first, fault, next_step = str(refused.value).splitlines()
    assert first == "GDI-EE-TEST-1 version 1 was not loaded"
    assert fault.startswith("  a.vcf:4: malformed record: POS 'x' is not a number")
    assert next_step == '  mend this, or leave out and report what is wrong: on_error = "skip" in [variants]'


def test_unsorted_records_are_refused_with_their_line(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [LATER, GOOD])
    (finding,) = node.rejected().findings
    assert str(finding) == "a.vcf:5: unsorted: POS 11000000 of contig 22 comes after 11000900"


def test_under_skip_unsorted_records_are_sorted_and_none_is_lost(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]\non_error = "skip"')
    node.write_vcf(
        "a.vcf",
        [LATER, GOOD, "21 8000000 . A G . . . GT 0|1 0|0 0|0", "22 11000950 . A G . . . GT 0|1 0|0 0|0"],
    )
    report = node.load().report
    assert report.records_written == 4
    assert report.tallies == {"unsorted": 2}
    assert [row["start"] for row in node.truth()] == [10999999, 11000899, 11000949]


def test_other_contigs_and_records_without_alternate_are_reported_and_not_fatal(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf(
        "a.vcf",
        [
            "GL000192.1 5 . A G . . . GT 0|1 0|0 0|0",
            "22 5 . A . . . . GT 0|0 0|0 0|0",
            "22 6 . A <NON_REF> . . . GT 0|0 0|0 0|0",
            GOOD,
        ],
    )  # fmt: skip
    report = node.load().report
    assert report.tallies == {"other contig": 1, "no alternate allele": 2}
    assert (report.records_read, report.records_written, report.records_skipped) == (4, 1, 3)


@pytest.mark.parametrize("policy", ["reject", "skip"])
def test_a_load_that_would_keep_no_allele_is_refused(node: Bench, policy: str) -> None:
    node.write_release(f'files = ["a.vcf"]\non_error = "{policy}"')
    node.write_vcf("a.vcf", ["chrUn_KI270742v1 5 . A G . . . GT 0|1 0|0 0|0"])
    with pytest.raises(LoadRejected) as refused:
        node.load()
    assert str(refused.value).endswith(
        "a.vcf: nothing to keep: none of the 1 records read holds an allele that can be kept (1 × other contig)"
    )
    assert node.workshop.shelf.all() == ()


def test_a_file_without_any_record_loads_and_says_so(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [])
    loaded = node.load()
    assert (loaded.report.records_read, loaded.report.alleles_written) == (0, 0)
    assert loaded.release.manifest.sites == 0
    assert [str(one) for one in loaded.report.findings] == [
        "a.vcf: no records: the file ends after its header"
    ]


def test_one_file_of_several_without_any_record_is_reported(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf", "c.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    node.write_vcf("b.vcf", [])
    node.write_vcf("c.vcf", [LATER])
    assert [str(one) for one in node.load().report.findings] == [
        "b.vcf: no records: the file ends after its header"
    ]


def test_a_file_that_is_named_twice_is_refused(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf", "./a.vcf"]')
    with pytest.raises(Invalid, match=r"release\.toml: variants\.files names ./a\.vcf twice"):
        node.load()


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n"])
def test_blank_lines_at_the_end_hold_no_record(node: Bench, end: str) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    path = node.source / "a.vcf"
    path.write_bytes(path.read_bytes() + end.encode())
    assert node.load().report.records_read == 1


def test_a_blank_line_before_a_record_is_named(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD, "", LATER])
    (finding,) = node.rejected().findings
    assert str(finding) == "a.vcf:5: malformed record: 1 columns, expected 12"


def test_lines_may_end_in_carriage_returns(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD, LATER])
    path = node.source / "a.vcf"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert node.load().report.records_written == 2
    assert node.truth()[0]["Total"] == (1, 6, 0, 1, 0)


def test_one_sample_is_enough(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0/1"], samples=("A",))
    assert node.load().release.manifest.individuals == 1
    assert node.truth()[0]["Total"] == (1, 2, 0, 1, 0)


def test_a_symbolic_allele_without_end_and_length_is_kept_at_its_place(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", ["22 11000000 . A <DEL> . . . GT 0|1 0|0 0|0"])
    node.load()
    (row,) = node.truth()
    assert (row["start"], row["end"], row["variant_type"], row["length"]) == (10999999, 11000000, "DEL", 0)


def test_a_truncated_gzip_file_is_refused_with_its_name(node: Bench) -> None:
    node.write_release('files = ["a.vcf.gz"]')
    node.write_vcf("a.vcf.gz", [f"22 {pos} . A G . . . GT 0|1 0|0 0|0" for pos in range(1000, 9000)])
    path = node.source / "a.vcf.gz"
    path.write_bytes(path.read_bytes()[:-100])
    findings = node.rejected().findings
    assert [(finding.file, finding.fault) for finding in findings] == [
        ("a.vcf.gz", "truncated or damaged file")
    ]
    assert "the gzip data end early" in findings[0].message


def test_a_bgzf_file_without_its_end_block_is_refused_with_its_name(node: Bench, bgzf) -> None:
    node.write_release('files = ["a.vcf.gz"]')
    node.write_vcf("a.vcf", [GOOD])
    (node.source / "a.vcf.gz").write_bytes(bgzf((node.source / "a.vcf").read_bytes())[:-28])
    (finding,) = node.rejected().findings
    assert "end-of-file block is missing" in finding.message


def test_a_bgzf_file_cut_inside_a_block_loads_what_is_before_under_skip(node: Bench, bgzf) -> None:
    node.write_release('files = ["a.vcf.gz"]\non_error = "skip"')
    node.write_vcf("a.vcf", [f"22 {pos} . A G . . . GT 0|1 0|0 0|0" for pos in range(1000, 9000)])
    whole = bgzf((node.source / "a.vcf").read_bytes())
    (node.source / "a.vcf.gz").write_bytes(whole[: len(whole) - 2000])
    report = node.load().report
    assert 0 < report.records_written < 8000
    assert {finding.fault for finding in report.findings} >= {"truncated or damaged file"}


def test_ref_that_differs_from_the_reference_is_named(node: Bench) -> None:
    (node.source / "ref.fa").write_text(">22\nACGT\nACGT\n")
    (node.source / "ref.fa.fai").write_text("22\t8\t4\t4\t5\n")
    node.write_release('files = ["a.vcf"]\nreference = "ref.fa"')
    node.write_vcf("a.vcf", ["22 5 . A G . . . GT 0|1 0|0 0|0", "22 6 . G C . . . GT 0|1 0|0 0|0"])
    (finding,) = node.rejected().findings
    assert str(finding) == "a.vcf:5: REF differs from the reference: REF G but the reference has C there"


@pytest.mark.parametrize(
    "line",
    [
        "##contig=<ID=22,length=51304566>",
        "##contig=<ID=chr22,assembly=hg19>",
        "##contig=<ID=NC_000022.10>",
        "##reference=file:///data/hs37d5.fa",
        "##reference=file:///data/chm13v2.0.fa",
        "##contig=<ID=chr2,length=242696752>",
    ],
)
def test_a_header_of_the_other_assembly_is_refused(node: Bench, line: str) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD], header=HEADER + line + "\n")
    (finding,) = node.rejected().findings
    assert finding.fault == "other assembly"
    assert "the release is GRCh38" in finding.message


def test_under_skip_a_file_of_another_assembly_is_left_out_whole(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf"]\non_error = "skip"')
    node.write_vcf("a.vcf", [GOOD], header=HEADER + "##reference=hs37d5.fa\n")
    node.write_vcf("b.vcf", [LATER])
    assert node.load().report.tallies == {"other assembly": 1}
    assert [row["start"] for row in node.truth()] == [11000899]


@pytest.mark.parametrize("length", [17000000, 2147483647], ids=["last position, by plink", "place holder"])
def test_a_header_whose_lengths_are_none_is_of_any_assembly(node: Bench, length: int) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD], header=HEADER + f"##contig=<ID=22,length={length}>\n")
    assert node.load().report.records_written == 1


@pytest.mark.parametrize("kind", ["genotypes", "sites"])
def test_mitochondria_of_the_older_sequence_are_left_out_and_reported(node: Bench, kind: str) -> None:
    """UCSC's hg19 names NC_001807 `chrM`: 16,571 bases, whose positions are not those of NC_012920."""
    lines = "##contig=<ID=chrM,length=16571>\n##contig=<ID=chr22,length=51304566>\n"
    lines += "##INFO=<ID=AC,Number=A,Type=Integer>\n##INFO=<ID=AN,Number=1,Type=Integer>\n"
    samples, tail = (("A",), " GT 0/1") if kind == "genotypes" else ((), "")
    node.write_release('files = ["a.vcf"]', "" if samples else "individuals = 5", assembly="hg19")
    records = [f"{place} . A G . . AC=1;AN=2{tail}" for place in ("chr22 17000000", "chrM 100", "chrM 200")]
    node.write_vcf("a.vcf", records, samples=samples, header=HEADER + lines)
    report = node.load().report
    assert report.tallies["other contig"] == 2
    assert "NC_001807" in next(one.message for one in report.findings if one.fault == "other contig")
    assert report.alleles_written == 1


@pytest.mark.parametrize(
    "text, reason",
    [
        (b"", "header: the file is empty"),
        (b"\xef\xbb\xbf##fileformat=VCFv4.2\n", "header: the first line begins with a byte order mark; take it away"),
        (b"\xff\xfe#\0#\0", "header: is text of 16 bits a character; save it as UTF-8"),
        (b"PK\x03\x04rest", "header: is a zip archive; give VCF, VCF.gz, BCF or Parquet"),
        (b"\x28\xb5\x2f\xfdrest", "header: is compressed with zstd; give VCF, VCF.gz, BCF or Parquet"),
        (b"BZh91AY", "header: is compressed with bzip2; give VCF, VCF.gz, BCF or Parquet"),
        (b"\xfd7zXZ\0", "header: is compressed with xz; give VCF, VCF.gz, BCF or Parquet"),
        (b"hello\n", "header: the first line must be ##fileformat=VCFv4.x"),
        (b"##fileformat=VCFv4.2\n#CHROM\tPOS\n", "header: the column line must begin with"),
        (b"##fileformat=VCFv4.2\n" + COLUMNS.encode() + b"\tFORMAT\tA\tA", "header: sample 'A' has two columns"),
        (b"##fileformat=VCFv4.2\n##x=\xff\n", "header: the header is not UTF-8"),
        (b"BCF\x02\x02rest", "header: BCF must be compressed with BGZF"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_vcf_is_named(node: Bench, text: bytes, reason: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 5")
    (node.source / "a.vcf").write_bytes(text)
    (finding,) = node.rejected().findings
    assert str(finding).startswith(f"a.vcf: {reason}")


def test_samples_without_subject_and_subjects_without_sample_are_named(node: Bench) -> None:
    people = [{"id": name, "sex": {"id": "NCIT:C16576", "label": "female"}} for name in ("A", "B", "Z")]
    write_individuals(node, people)
    node.write_release('files = ["a.vcf"]', '[subjects]\nindividuals = "people.json.gz"\n')
    node.write_vcf("a.vcf", [GOOD])
    assert [str(finding) for finding in node.rejected().findings] == [
        "a.vcf:3: samples and subjects differ: sample C (column 12) has no subject",
        "people.json.gz, record 3: samples and subjects differ: subject Z has no sample among the genotypes",
    ]


def test_under_skip_a_sample_without_subject_is_neither_counted_nor_kept(node: Bench) -> None:
    people = [{"id": name, "sex": {"id": "NCIT:C16576", "label": "female"}} for name in ("C", "B")]
    write_individuals(node, people)
    node.write_release('files = ["a.vcf"]\non_error = "skip"', '[subjects]\nindividuals = "people.json.gz"\n')
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 1|1 0|1 0|0"])
    loaded = node.load()
    assert node.truth()[0]["Total"] == (1, 4, 0, 1, 0)
    assert loaded.release.manifest.individuals == 2
    psam = node.workshop.data_dir / "releases/GDI-EE-TEST-1/1/genotypes/samples.psam"
    assert psam.read_text() == "#IID\tSEX\nB\t2\nC\t2\n"


def write_individuals(node: Bench, people: list[dict]) -> None:
    import json

    (node.source / "people.json.gz").write_bytes(gzip.compress(json.dumps(people).encode()))


def write_samples(node: Bench, *rows: str) -> None:
    (node.source / "samples.tsv").write_text("sample\tsex\n" + "".join(f"{row}\n" for row in rows))


def test_samples_that_the_samples_table_lacks_are_named_and_the_reverse(node: Bench) -> None:
    write_samples(node, "A\tF", "B\tM", "Z\tM")
    node.write_release('files = ["a.vcf"]\nsamples = "samples.tsv"')
    node.write_vcf("a.vcf", [GOOD])
    assert [str(finding) for finding in node.rejected().findings] == [
        "a.vcf:3: samples and subjects differ: sample C (column 12) is not in samples.tsv",
        "samples.tsv:4: samples and subjects differ: sample Z is not among the genotypes",
    ]


def test_under_skip_a_sample_that_the_table_lacks_is_neither_counted_nor_kept(node: Bench) -> None:
    write_samples(node, "C\tF", "B\tM")
    node.write_release('files = ["a.vcf"]\nsamples = "samples.tsv"\non_error = "skip"')
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 1|1 0|1 0|0"])
    assert node.load().release.manifest.individuals == 2
    assert node.truth()[0]["Total"] == (1, 4, 0, 1, 0)


def test_a_samples_table_about_others_is_refused(node: Bench) -> None:
    write_samples(node, "Y\tF")
    node.write_release('files = ["a.vcf"]\nsamples = "samples.tsv"')
    node.write_vcf("a.vcf", [GOOD])
    with pytest.raises(Invalid, match=r"samples\.tsv: names none of the samples of the genotypes"):
        node.load()


def test_a_record_of_a_json_array_is_named_as_a_record(node: Bench) -> None:
    write_individuals(
        node, [{"id": "A", "sex": {"id": "NCIT:C16576"}}, {"id": "A", "sex": {"id": "NCIT:C16576"}}]
    )
    node.write_release(rest='[subjects]\nindividuals = "people.json.gz"\n')
    (finding,) = node.rejected().findings
    assert str(finding).startswith("people.json.gz, record 2: subject record: ")
    assert (finding.line, finding.record) == (0, 2)


def test_subjects_alone_make_a_release(node: Bench) -> None:
    write_individuals(node, [{"id": "A", "sex": {"id": "NCIT:C16576", "label": "female"}}])
    node.write_release(rest='[subjects]\nindividuals = "people.json.gz"\n')
    manifest = node.load().release.manifest
    assert (manifest.individuals, manifest.sites, manifest.genotyped, manifest.populations) == (
        1,
        0,
        False,
        (),
    )


def test_subjects_alone_may_be_loaded_without_those_that_are_wrong(node: Bench) -> None:
    write_individuals(node, [{"id": "A", "sex": {"id": "NCIT:C16576"}}, {"id": "B", "sex": {"id": "female"}}])
    subjects = '[subjects]\nindividuals = "people.json.gz"\n'
    node.write_release(rest=subjects)
    with pytest.raises(LoadRejected) as refused:
        node.load()
    assert str(refused.value).endswith(
        '\n  mend this, or leave out and report what is wrong: on_error = "skip" in [subjects]'
    )
    node.write_release(rest=subjects + 'on_error = "skip"\n')
    report = node.load().report
    assert (report.individuals, report.policy, report.tallies) == (1, "skip", {"subject record": 1})


def test_subjects_of_nobody_are_refused(node: Bench) -> None:
    write_individuals(node, [])
    node.write_release(rest='[subjects]\nindividuals = "people.json.gz"\n')
    (finding,) = node.rejected().findings
    assert str(finding) == "release.toml: nothing to keep: [subjects] tells of no individual"


def test_the_same_release_again_changes_nothing(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    first, second = node.load(), node.load()
    assert (first.fresh, second.fresh) == (True, False)
    assert first.release == second.release
    assert first.report == second.report


def test_the_same_version_with_other_content_is_a_conflict(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    node.load()
    node.write_vcf("a.vcf", [LATER])
    with pytest.raises(AlreadyLoaded, match="version 1 was loaded from other content"):
        node.load()


def test_files_with_and_without_genotypes_do_not_mix(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    node.write_vcf("b.vcf", ["22 5 . A G . . AC=1;AN=10"], samples=())
    with pytest.raises(Invalid, match="some hold genotypes, some do not"):
        node.load()


def test_files_with_other_samples_are_named(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf"]')
    node.write_vcf("a.vcf", [GOOD])
    node.write_vcf("b.vcf", [GOOD], samples=("A", "B", "D"))
    assert str(node.rejected().findings[0]) == (
        "b.vcf:3: samples and subjects differ: its samples differ from those of a.vcf: C, D"
    )


def test_a_subject_without_sample_is_named_by_the_line_of_its_table(node: Bench) -> None:
    (node.source / "people.tsv").write_text("who\tsex\nA\tw\nB\tw\nC\tw\nZ\tw\n")
    (node.source / "mapping.toml").write_text(
        'individual.id = "who"\n[[columns]]\ncolumn = "sex"\nfield = "sex"\n'
        'values.w = { id = "NCIT:C16576", label = "female" }\n'
    )
    node.write_release('files = ["a.vcf"]', '[subjects]\ntable = "people.tsv"\nmapping = "mapping.toml"\n')
    node.write_vcf("a.vcf", [GOOD])
    (finding,) = [one for one in node.rejected().findings if one.refuses]
    assert str(finding) == (
        "people.tsv:5: samples and subjects differ: subject Z has no sample among the genotypes"
    )
