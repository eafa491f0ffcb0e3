"""Sites-only input: the styles in which INFO and tables count, and that columns and single lines agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.loading import Bench, bench

from opengdi.discovery.loading import frequency_table, sites_task
from opengdi.discovery.loading.errors import LoadRejected
from opengdi.discovery.loading.info_counts import Measure, parse_key
from opengdi.kernel.errors import Invalid

START = "##fileformat=VCFv4.2\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        yield node


def header(*keys: str) -> str:
    lines = []
    for key in keys:
        kind, number = ("Float", "A") if "AF" in key else ("Integer", "1" if key.startswith("AN") else "A")
        lines.append(f'##INFO=<ID={key},Number={number},Type={kind},Description="x">\n')
    return START + "".join(lines)


def load(node: Bench, keys: str, *records: str, sizes: str = "", policy: str = "reject") -> list[dict]:
    node.write_release(f'files = ["a.vcf"]\non_error = "{policy}"\n{sizes}', "individuals = 50")
    node.write_vcf("a.vcf", records, samples=(), header=header(*keys.split()))
    node.load()
    return node.truth()


def test_allele_count_and_number_are_taken_over(node: Bench) -> None:
    (row,) = load(node, "AC AN", "22 11000000 . A G . . AC=3;AN=100")
    assert row["Total"] == (3, 100, -1, -1, -1)
    assert row["genotype_row"] == -1


def test_a_frequency_becomes_a_count_where_the_allele_number_is_known(node: Bench) -> None:
    (row,) = load(node, "AF AN", "22 11000000 . A G . . AF=0.25;AN=100")
    assert row["Total"][:2] == (25, 100)


def test_genome_of_europe_style_gives_country_and_both_sexes(node: Bench) -> None:
    """X-18: `AF_EE_M` and `AF_EE_F` both count, and `AF_EE` alone does."""
    keys = "AF_EE AN_EE AF_EE_F AN_EE_F AF_EE_M AN_EE_M"
    info = "AF_EE=0.5;AN_EE=100;AF_EE_F=0.25;AN_EE_F=40;AF_EE_M=0.1;AN_EE_M=60"
    (row,) = load(node, keys, f"22 11000000 . A G . . {info}")
    assert (row["EE"][:2], row["EE_F"][:2], row["EE_M"][:2]) == ((50, 100), (10, 40), (6, 60))


def test_a_frequency_without_allele_number_is_reported_and_left_out(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 2")
    node.write_vcf(
        "a.vcf", ["22 1 . A G . . AC=1;AN=4;EUR_AF=0.5"], samples=(), header=header("AC", "AN", "EUR_AF")
    )
    loaded = node.load()
    assert loaded.release.manifest.populations == ("Total",)
    assert [str(finding) for finding in loaded.report.findings] == [
        "a.vcf: frequency that cannot be counted: EUR: AF without AN; give [variants] population_sizes to count it"
    ]


def test_population_sizes_make_such_a_frequency_count(node: Bench) -> None:
    sizes = "population_sizes = { EE_F = 20, EE_M = 10 }"
    keys = "AF_EE_F AF_EE_M"
    (row,) = load(node, keys, "22 11000000 . A G . . AF_EE_F=0.5;AF_EE_M=0.1", sizes=sizes)
    assert (row["EE_F"][:2], row["EE_M"][:2]) == ((20, 40), (2, 20))


def test_population_sizes_may_name_sexes_as_the_file_does(node: Bench) -> None:
    sizes = "population_sizes = { EE_XX = 20, XY = 10 }"
    (row,) = load(node, "AF_EE_XX AF_XY", "22 11000000 . A G . . AF_EE_XX=0.5;AF_XY=0.1", sizes=sizes)
    assert (row["EE_F"][:2], row["M"][:2]) == ((20, 40), (2, 20))


def test_population_sizes_know_the_copies_of_x(node: Bench) -> None:
    sizes = "population_sizes = { EE = 30, EE_F = 20, EE_M = 10 }"
    node.write_release(f'files = ["a.vcf"]\n{sizes}', "individuals = 50")
    record = "X 5000000 . A G . . AF_EE=0.5;AF_EE_F=0.5;AF_EE_M=0.1"
    node.write_vcf("a.vcf", [record], samples=(), header=header("AF_EE", "AF_EE_F", "AF_EE_M"))
    node.load()
    (row,) = node.truth("X")
    assert (row["EE"][:2], row["EE_F"][:2], row["EE_M"][:2]) == ((25, 50), (20, 40), (1, 10))


@pytest.mark.parametrize("keys", ["AF", "AF AN"])
def test_a_frequency_of_all_counts_by_the_stated_individuals(node: Bench, keys: str) -> None:
    (row,) = load(node, keys, "22 11000000 . A G . . AF=0.25")
    assert row["Total"][:2] == (25, 100)


@pytest.mark.parametrize("info", ["AF=0.25", "AC=5"])
def test_counts_out_of_unknown_many_are_a_fault(node: Bench, info: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    node.write_vcf("a.vcf", [f"X 5000000 . A G . . {info}"], samples=(), header=header("AC", "AF", "AN"))
    assert str(node.rejected().findings[0]).startswith(
        "a.vcf:6: allele number not told: Total: alleles are counted, but out of how many is not told: give AN"
    )


@pytest.mark.parametrize(
    "record, most",
    [
        ("22 11000000 . A G . . AC=3;AN=101", "AN 101 is over 100"),
        ("MT 100 . A G . . AC=3;AN=51", "AN 51 is over 50"),
        ("Y 5000000 . A G . . AC=3;AN=51", "AN 51 is over 50"),
        ("X 5000000 . A G . . AC=3;AN=101", "AN 101 is over 100"),
    ],
)
def test_more_called_alleles_than_the_individuals_have_cannot_be(node: Bench, record: str, most: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    node.write_vcf(
        "a.vcf", ["21 8000000 . A G . . AC=1;AN=100", record], samples=(), header=header("AC", "AN")
    )
    (finding,) = node.rejected().findings
    assert str(finding) == f"a.vcf:6: impossible counts: Total: {most}, the copies that its individuals have"


def test_individuals_that_were_never_called_are_reported(node: Bench) -> None:
    """An overstated number of people buys budget and lowers the floor."""
    node.write_release('files = ["a.vcf"]', "individuals = 101")
    node.write_vcf("a.vcf", ["22 11000000 . A G . . AC=1;AN=100"], samples=(), header=header("AC", "AN"))
    (finding,) = node.load().report.findings
    assert str(finding) == (
        "release.toml: more individuals than were called: "
        "101 individuals, but no place has more than 100 called alleles (AN)"
    )


@pytest.mark.parametrize("hom", [8, 4], ids=["as alleles", "as individuals"])
def test_homozygotes_are_individuals_however_the_file_counts_them(node: Bench, hom: int) -> None:
    info = f"AC=13;AN=100;AC_Het=4;AC_Hom={hom};AC_Hemi=1"
    (row,) = load(node, "AC AN AC_Het AC_Hom AC_Hemi", f"22 11000000 . A G . . {info}")
    assert row["Total"] == (13, 100, 4, 4, 1)


def test_several_alternates_take_their_own_values(node: Bench) -> None:
    rows = load(node, "AC AN", "22 11000000 . A G,T,<DEL> . . AC=3,4,5;AN=100;END=11000009")
    assert {row["alt"]: row["Total"][0] for row in rows} == {"G": 3, "T": 4, "<DEL>": 5}


@pytest.mark.parametrize(
    "info, reason",
    [
        ("AC=101;AN=100", "impossible counts: Total: AC 101 is over AN 100"),
        ("AC=-1;AN=100", "impossible counts: Total: AC '-1' is not a count"),
        ("AC=1.5;AN=100", "impossible counts: Total: AC '1.5' is not a count"),
        ("AC=0x1;AN=100", "impossible counts: Total: AC '0x1' is not a count"),
        ("AC=1,2;AN=100", "malformed record: AC has 2 values for 1 ALT alleles"),
        ("AC=1;AC=1;AN=100", "malformed record: INFO holds AC twice"),
        ("AC=9;AN=100;nhomalt=10", "impossible counts: Total: 10 people carry the allele, more than AC 9"),
        (
            "AC=9;AN=100;nhomalt=4;AC_Het=6",
            "impossible counts: Total: 10 people carry the allele, more than AC 9",
        ),
        ("AC=.;AN=100;AF=1.5", "impossible counts: Total: AF '1.5' is not a number from 0 to 1"),
        ("AC=.;AN=100;AF=nan", "impossible counts: Total: AF 'nan' is not a number from 0 to 1"),
    ],
)
def test_counts_that_cannot_be_are_named(node: Bench, info: str, reason: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    records = ["22 11000000 . A G . . AC=1;AN=10", f"22 11000001 . A G . . {info}"]
    keys = ("AC", "AN", "AF", "AC_Het", "nhomalt")
    node.write_vcf("a.vcf", records, samples=(), header=header(*keys))
    (finding,) = node.rejected().findings
    assert str(finding) == f"a.vcf:9: {reason}"


def test_alleles_of_one_record_that_are_together_more_than_were_called_cannot_be(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    record = "22 11000000 . A G,T . . AC=60,50;AN=100"
    node.write_vcf("a.vcf", [record], samples=(), header=header("AC", "AN"))
    (finding,) = node.rejected().findings
    assert (
        str(finding) == "a.vcf:5: impossible counts: Total: AC of all alleles, together 110, is over AN 100"
    )


@pytest.mark.parametrize("size", ["Total = 7", "EE = 51", "XX = 51"])
def test_populations_larger_than_the_dataset_cannot_be(node: Bench, size: str) -> None:
    """More people than there are would buy budget, and lower the floor."""
    label, number = size.split(" = ")
    with pytest.raises(Invalid, match=f"{label} = {number}, but the dataset has 50 individuals"):
        load(node, "AF", "22 11000000 . A G . . AF=0.1", sizes=f"population_sizes = {{ {size} }}")


@pytest.mark.parametrize("more", [" GT", " GT 0/1"])
def test_a_line_with_more_columns_than_the_header_is_named(node: Bench, more: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    records = [f"22 {pos} . A G . . AC=1;AN=10{more}" for pos in (11000000, 11000001)]
    node.write_vcf("a.vcf", records, samples=(), header=header("AC", "AN"))
    assert [str(one) for one in node.rejected().findings] == [
        f"a.vcf:{line}: malformed record: {7 + len(more.split()) + 1} columns, expected 8" for line in (5, 6)
    ]


def test_a_header_with_format_and_no_sample_is_one_of_sites(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 5")
    text = header("AC", "AN") + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\n"
    text += "22\t11000000\t.\tA\tG\t.\t.\tAC=1;AN=10\tGT\n"
    (node.source / "a.vcf").write_text(text)
    node.load()
    assert node.truth()[0]["Total"][:2] == (1, 10)


@pytest.mark.parametrize("info", [".", "AN=10", "AC=.;AN=10", "DP=3"])
def test_a_record_that_counts_nobody_is_left_out_and_reported(node: Bench, info: str) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 5")
    records = ["22 11000000 . A G . . AC=1;AN=10", f"22 11000001 . A G . . {info}"]
    node.write_vcf("a.vcf", records, samples=(), header=header("AC", "AN", "AC_EE", "AN_EE"))
    report = node.load().report
    assert [str(one) for one in report.findings] == [
        "a.vcf:8: frequency that cannot be counted: neither AC nor AF of any population is told"
    ]
    assert (report.records_written, report.records_skipped) == (1, 1)


def test_files_without_any_countable_population_are_refused(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]', "individuals = 50")
    node.write_vcf("a.vcf", ["22 1 . A G . . DP=1"], samples=(), header=header("DP"))
    assert "INFO defines no countable population" in str(node.rejected().findings[0])


@pytest.mark.parametrize(
    "key, meaning",
    [
        ("AC", (Measure.ALLELE_COUNT, "Total")),
        ("AN_EE_F", (Measure.ALLELE_NUMBER, "EE_F")),
        ("AC_Het_EE", (Measure.HET, "EE")),
        ("AC_EE_hom", (Measure.HOM, "EE")),
        ("nhomalt_XX", (Measure.HOMOZYGOTES, "F")),
        ("AC_nfe_XY", (Measure.ALLELE_COUNT, "nfe_M")),
        ("AN_nfe_female", (Measure.ALLELE_NUMBER, "nfe_F")),
        ("EUR_AF", (Measure.FREQUENCY, "EUR")),
        ("AF_popmax", None),
        ("AC_raw", None),
        ("DP", None),
        ("ANN", None),
    ],
)
def test_keys_say_what_they_count(key: str, meaning: tuple[Measure, str] | None) -> None:
    found = parse_key(key)
    assert (found and (found.measure, found.population)) == meaning


@pytest.fixture
def both_ways(tmp_path_factory: pytest.TempPathFactory):
    """Loads records by columns and line by line; truth, or what was wrong, of both."""

    def load_both(keys: str, records: list[str]) -> tuple[object, object]:
        return tuple(
            _load_one_way(tmp_path_factory.mktemp("node"), keys, records, by_columns)
            for by_columns in (True, False)
        )

    return load_both


def _load_one_way(folder: Path, keys: str, records: list[str], by_columns: bool) -> object:
    with bench(folder) as node, pytest.MonkeyPatch.context() as patch:
        if not by_columns:
            patch.setattr(sites_task.RegularSites, "take", lambda *_: False)
        node.write_release('files = ["a.vcf"]\non_error = "skip"', "individuals = 50")
        node.write_vcf("a.vcf", records, samples=(), header=header(*keys.split()))
        try:
            report = node.load().report
        except LoadRejected as refused:
            report = refused.report
        rows = node.truth() if report.alleles_written else []
        return rows, report.findings, report.tallies, report.records_read, report.records_written


BASES = st.text("ACGT", min_size=1, max_size=3)
NUMBERS = st.one_of(st.integers(0, 120).map(str), st.sampled_from([".", "-1", "1e3", "007", "+5", ""]))


@st.composite
def site_lines(draw: st.DrawFn) -> str:
    pos = draw(st.integers(11000000, 11000040))
    alt = draw(st.one_of(BASES, st.sampled_from(["<DEL>", "*", "A,G", ".", "N"])))
    common = draw(st.booleans())
    ac, het, hom = (draw(st.integers(0, 9).map(str) if common else NUMBERS) for _ in range(3))
    order = [f"AC={ac}", "AN=100", f"AC_Het={het}", f"AC_Hom={hom}", "DP=3"]
    if not common:
        order = draw(st.permutations(order))[: draw(st.integers(3, 5))]
    return f"22 {pos} . {draw(BASES)} {alt} . . {';'.join(order)}"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(site_lines(), min_size=1, max_size=12), is_sorted=st.booleans())
def test_columns_and_single_lines_give_the_same(both_ways, lines: list[str], is_sorted: bool) -> None:
    if is_sorted:
        lines.sort(key=lambda line: int(line.split()[1]))
    by_columns, by_line = both_ways("AC AN AC_Het AC_Hom DP", lines)
    assert by_columns == by_line


def write_table(path: Path, **columns: list) -> None:
    pq.write_table(pa.table(columns), path)


def test_a_frequency_table_is_pivoted_by_population(node: Bench) -> None:
    node.write_release('files = ["af-chr3.4.parquet"]', "individuals = 50", assembly="GRCh37")
    write_table(
        node.source / "af-chr3.4.parquet",
        POS=[99, 99, 120], REF=["A", "A", "CT"], ALT=["G", "G", "C"], POPULATION=["EE", "Total", "EE"],
        AC=[1, 5, 2], AN=[10, 50, 10], AC_HOM=[0, 1, None],
    )  # fmt: skip
    loaded = node.load()
    assert loaded.release.manifest.populations == ("EE", "Total")
    first, second = node.truth("3")
    assert (first["start"], first["EE"], first["Total"]) == (99, (1, 10, 0, -1, -1), (5, 50, 1, -1, -1))
    assert (second["start"], second["ref"], second["Total"]) == (121, "T", (-1, -1, -1, -1, -1))


def test_a_wrong_row_of_a_table_is_named_by_its_number(node: Bench) -> None:
    node.write_release('files = ["a.parquet"]\ncontig = "3"', "individuals = 50")
    columns = {"REF": ["A", "A"], "ALT": ["G", "T"], "POPULATION": ["Total"] * 2, "AN": [10, 10]}
    write_table(node.source / "a.parquet", POS=[5, 6], AC=[1, 11], **columns)
    (finding,) = node.rejected().findings
    assert str(finding) == "a.parquet:2: impossible counts: Total: AC 11 is over AN 10"


TWICE = {"POS": [5, 5], "REF": ["A", "A"], "ALT": ["G", "G"], "POPULATION": ["EE", "Total"]}


def test_a_table_may_name_its_contigs_by_numbers(node: Bench) -> None:
    node.write_release('files = ["a.parquet"]', "individuals = 5")
    write_table(node.source / "a.parquet", CHROM=[3, 3], AC=[1, 2], AN=[4, 10], **TWICE)
    node.load()
    assert [row["Total"][:2] for row in node.truth("3")] == [(2, 10)]


@pytest.mark.parametrize(
    "chrom, reason", [(None, "malformed record: CHROM is empty"), (0, "unknown contig: 0 is")]
)
def test_a_row_without_a_contig_of_its_own_is_not_taken_for_that_of_the_file(
    node: Bench, chrom, reason
) -> None:
    node.write_release('files = ["chr3.parquet"]', "individuals = 5")
    write_table(node.source / "chr3.parquet", CHROM=[chrom, chrom], AC=[1, 2], AN=[4, 10], **TWICE)
    assert str(node.rejected().findings[0]).startswith(f"chr3.parquet:1: {reason}")


def test_populations_of_a_table_are_texts(node: Bench) -> None:
    node.write_release('files = ["chr3.parquet"]', "individuals = 5")
    write_table(node.source / "chr3.parquet", AC=[1, 2], AN=[4, 10], **(TWICE | {"POPULATION": [1, 2]}))
    (finding,) = node.rejected().findings
    assert str(finding) == "chr3.parquet: header: POPULATION is empty in some rows, or no text"


def test_a_table_with_a_population_for_every_row_is_refused(node: Bench) -> None:
    node.write_release('files = ["chr3.parquet"]', "individuals = 5")
    rows = {"REF": ["A"] * 600, "ALT": ["G"] * 600, "POPULATION": [f"S{row}" for row in range(600)]}
    write_table(node.source / "chr3.parquet", POS=[5] * 600, AC=[1] * 600, AN=[4] * 600, **rows)
    (finding,) = node.rejected().findings
    assert str(finding).startswith("chr3.parquet: header: POPULATION: more than 500 different populations")


def test_a_table_whose_data_are_damaged_is_named(node: Bench) -> None:
    node.write_release('files = ["chr3.parquet"]', "individuals = 5")
    path = node.source / "chr3.parquet"
    rows = {name: values * 100 for name, values in TWICE.items()} | {"POS": [row // 2 for row in range(200)]}
    write_table(path, AC=[1, 2] * 100, AN=[4, 10] * 100, **rows)
    bytes_of = bytearray(path.read_bytes())
    bytes_of[40:400] = bytes(360)
    path.write_bytes(bytes_of)
    assert str(node.rejected().findings[0]).startswith(
        "chr3.parquet: truncated or damaged file: the Parquet data are damaged: "
    )


def test_a_table_that_names_sexes_otherwise_is_refused(node: Bench) -> None:
    """What is not known for a part of `EE` would not be hidden beside it."""
    node.write_release('files = ["a.parquet"]\ncontig = "3"', "individuals = 5")
    columns = {"REF": ["A"] * 2, "ALT": ["G"] * 2, "POPULATION": ["EE", "EE_XX"], "AC": [1, 1], "AN": [10, 4]}
    write_table(node.source / "a.parquet", POS=[5, 5], **columns)
    (finding,) = node.rejected().findings
    assert str(finding) == "a.parquet: header: POPULATION EE_XX: name the sexes F and M, here EE_F"


def test_a_table_may_hold_its_counts_as_pandas_writes_columns_with_gaps(node: Bench) -> None:
    node.write_release('files = ["a.parquet"]\ncontig = "3"', "individuals = 5")
    columns = {"REF": ["A"] * 2, "ALT": ["G"] * 2, "POPULATION": ["Total"] * 2, "AN": [10.0, 10.0]}
    write_table(node.source / "a.parquet", POS=[5, 6], AC=[1.0, 2.0], AC_HOM=[float("nan"), 1.0], **columns)
    node.load()
    assert [row["Total"] for row in node.truth("3")] == [(1, 10, -1, -1, -1), (2, 10, 1, -1, -1)]


def test_an_allele_that_no_row_of_a_table_counts_is_left_out_and_reported(node: Bench) -> None:
    node.write_release('files = ["a.parquet"]\ncontig = "3"', "individuals = 5")
    columns = {"REF": ["A"] * 3, "ALT": ["G", "T", "T"], "POPULATION": ["Total", "Total", "EE"]}
    write_table(node.source / "a.parquet", POS=[5, 6, 6], AC=[1, None, None], AN=[10, 10, 10], **columns)
    report = node.load().report
    assert [str(one) for one in report.findings] == [
        "a.parquet:2: frequency that cannot be counted: neither AC nor AF of any population is told"
    ]


TABLE_NUMBERS = st.one_of(st.integers(0, 12), st.sampled_from([None, -1, 101, 1 << 40]))


@st.composite
def table_rows(draw: st.DrawFn) -> list[dict]:
    """Rows of a few alleles, most of them plain and sorted."""
    rows = []
    for step in draw(st.lists(st.integers(0, 3), min_size=1, max_size=8)):
        pos = (rows[-1]["POS"] if rows else 11000000) + step
        ref = draw(st.one_of(BASES, st.sampled_from(["N", "a", "R", "?", None])))
        alt = draw(st.one_of(BASES, st.sampled_from(["<DEL>", "*", ".", "g", None])))
        for population in draw(st.lists(st.sampled_from(["EE", "Total"]), min_size=1, max_size=3)):
            counts = {name: draw(TABLE_NUMBERS) for name in ("AC", "AC_HET", "AC_HOM", "AC_HEMI")}
            number = draw(st.sampled_from([100, 12, None, 101]))
            rows.append({"POS": pos, "REF": ref, "ALT": alt, "POPULATION": population, "AN": number} | counts)
    return rows if draw(st.booleans()) else draw(st.permutations(rows))


def load_table(folder: Path, rows: list[dict], by_columns: bool) -> object:
    with bench(folder) as node, pytest.MonkeyPatch.context() as patch:
        patch.setattr(frequency_table, "_BATCH_ROWS", 4)
        if not by_columns:
            patch.setattr(frequency_table.RegularRows, "take", lambda *_: False)
        node.write_release('files = ["a.parquet"]\ncontig = "22"\non_error = "skip"', "individuals = 50")
        names = ("POS", "REF", "ALT", "POPULATION", "AC", "AN", "AC_HET", "AC_HOM", "AC_HEMI")
        write_table(node.source / "a.parquet", **{name: [row[name] for row in rows] for name in names})
        try:
            report = node.load().report
        except LoadRejected as refused:
            report = refused.report
        sites = node.truth() if report.alleles_written else []
        return sites, report.findings, report.tallies, report.records_read, report.records_written


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=table_rows())
def test_a_table_by_columns_and_by_single_rows_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict]
) -> None:
    by_columns, by_row = (load_table(tmp_path_factory.mktemp("table"), rows, way) for way in (True, False))
    assert by_columns == by_row
