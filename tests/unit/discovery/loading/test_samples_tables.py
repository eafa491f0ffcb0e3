"""The table that tells sex and population of the samples, as data managers and their spreadsheets write it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.loading import Bench, bench

from opengdi.kernel.errors import Invalid

SAMPLES = 'files = ["a.vcf"]\nsamples = "samples.tsv"'
ON_X = "X 20000000 . A G . . . GT 1/1 0/1 0/0"
PEOPLE = (
    '[{"id": "A", "sex": {"id": "NCIT:C20197"}, "ethnicity": {"id": "HANCESTRO:0005", "label": "Seto"}},'
    ' {"id": "B", "sex": {"id": "NCIT:C16576"}}, {"id": "C", "sex": {"id": "NCIT:C16576"}}]'
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0/1 0/0 0/0", ON_X])
        yield node


def with_table(node: Bench, table: str | bytes, more: str = "", rest: str = "") -> Bench:
    (node.source / "samples.tsv").write_bytes(table if isinstance(table, bytes) else table.encode())
    node.write_release(f"{SAMPLES}\n{more}", rest)
    return node


@pytest.mark.parametrize(
    "table",
    [
        "sample\tsex\tpopulation\nA\tM\tEE\nB\tF\tLV\nC\tF\tLV\n",
        "\ufeffsample\tsex\tpopulation\nA\tM\tEE\nB\tF\tLV\nC\tF\tLV\n",
        "sample,sex,population\r\nA,M,EE\r\nB,F,LV\r\nC,F,LV\r\n",
        "\ufeffSample;Sex;Population\r\nA;M;EE\r\nB;F;LV\r\nC;F;LV\r\n\r\n",
        "Population\tSEX\t sample \nEE\tmale \t A\nLV\tfemale\tB \n\nLV\t2\tC\n",
        'sample\tsex\tpopulation\tnote\nA\tM\tEE\t5" tall\nB\tF\tLV\t\nC\tF\tLV\tx\n',
    ],
    ids=[
        "tabs",
        "byte order mark",
        "commas",
        "semicolons of Excel",
        "spaces, capitals, blank line",
        "a quote",
    ],
)
def test_a_table_may_come_from_a_spreadsheet(node: Bench, table: str) -> None:
    with_table(node, table).load()
    (row,) = node.truth("X")
    assert (row["Total"], row["EE_M"], row["LV_F"]) == ((2, 5, 0, 1, 1), (1, 1, 0, 0, 1), (1, 4, 0, 1, 0))


@pytest.mark.parametrize(
    "table, reason",
    [
        ("sample\tgender\nA\tM\n", "samples.tsv:1: needs the columns sample and sex; it has sample, gender"),
        ("#IID\tSEX\nA\t1\n", "samples.tsv:1: needs the columns sample and sex; it has #iid, sex"),
        ("", "samples.tsv:1: needs the columns sample and sex; it has none"),
        ("sample\tsex\tsex\nA\tM\tF\n", "samples.tsv:1: has two columns sex"),
        ("sample\tsex\n\nA\tM\nB\tX\nB\tF\nA\tM\n", "samples.tsv:4: sex 'X' is not one of F, M, U"),
        ("sample\tsex\n\nA\tM\nB\tX\nB\tF\nA\tM\n", "samples.tsv:6: sample 'A' stands in line 3 too"),
        ("sample\tsex\nA\tM\n\tF\n", "samples.tsv:3: names no sample"),
        ("sample\tsex\tpopulation\nA\tM\n", "samples.tsv:2: 2 columns; the header has 3"),
        ("sample\tsex\nA\tM\t5\n", "samples.tsv:2: 3 columns; the header has 2"),
        ("sample\tsex\nÄ\tM\n".encode("latin-1"), "samples.tsv: is not UTF-8 text; save it as UTF-8"),
    ],
)
def test_what_is_wrong_with_a_table_is_named_by_its_line(
    node: Bench, table: str | bytes, reason: str
) -> None:
    with pytest.raises(Invalid) as refused:
        with_table(node, table).load()
    assert reason in str(refused.value).splitlines()


def test_a_table_that_is_not_there_is_named(node: Bench) -> None:
    node.write_release(SAMPLES)
    with pytest.raises(Invalid, match=r"^samples\.tsv: cannot be read: No such file or directory$"):
        node.load()


def test_a_column_of_populations_that_the_table_lacks_is_refused(node: Bench) -> None:
    table = "sample\tsex\tregion\nA\tM\tN\nB\tF\tN\nC\tF\tS\n"
    with_table(node, table, 'population = { column = "ancestry" }')
    with pytest.raises(Invalid, match=r"samples\.tsv:1: has no column ancestry; it has sample, sex, region"):
        node.load()
    with_table(node, table, 'population = { column = "region" }').load()
    assert node.truth()[0]["N"][:2] == (1, 4)


@pytest.mark.parametrize("label", ["F", "M", "U", "Total", "EE_M", "north_F"])
def test_a_population_that_is_named_like_a_sex_is_refused(node: Bench, label: str) -> None:
    """`EE_M` are the men of EE: a label of that name would be counted with them."""
    with_table(node, f"sample\tsex\tpopulation\nA\tM\t{label}\nB\tF\tEE\nC\tF\tEE\n")
    with pytest.raises(Invalid, match=f"population '{label}' cannot be told from a sex or from all"):
        node.load()


def test_samples_without_a_label_are_counted_by_the_country_and_reported(node: Bench) -> None:
    with_table(node, "sample\tsex\tpopulation\nA\tM\tSeto\nB\tF\t\nC\tF\t\n")
    report = node.load().report
    assert report.populations[:3] == ("Total", "EE", "Seto")
    assert [str(one) for one in report.findings] == [
        "release.toml: population not told: 2 of 3 samples have no population; they are counted as EE"
    ]


def test_samples_without_a_sex_are_reported_where_it_matters(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    (finding,) = node.load().report.findings
    assert str(finding) == (
        "release.toml: sex not told: 3 of 3 samples have no sex; outside the pseudo-autosomal regions they are "
        "counted as called on X, and as having one copy on Y"
    )


def test_labels_of_the_table_count_beside_subjects(node: Bench) -> None:
    rest = '[subjects]\nindividuals = "people.json"\n'
    (node.source / "people.json").write_text(PEOPLE)
    with_table(node, "sample\tsex\tpopulation\nA\tM\tEE\nB\tF\tLV\nC\tF\tLV\n", rest=rest).load()
    assert node.truth()[0]["LV_F"] == (0, 4, 0, 0, 0)


def test_under_skip_a_sample_that_the_table_lacks_does_not_count_beside_subjects_either(node: Bench) -> None:
    rest = '[subjects]\nindividuals = "people.json"\n'
    (node.source / "people.json").write_text(PEOPLE)
    with_table(node, "sample\tsex\nA\tM\nB\tF\n", 'on_error = "skip"', rest)
    report = node.load().report
    assert (report.individuals, report.tallies) == (2, {"samples and subjects differ": 1})
    assert node.truth()[0]["Total"] == (1, 4, 0, 1, 0)


def test_a_sex_that_the_subjects_tell_otherwise_is_named(node: Bench) -> None:
    rest = '[subjects]\nindividuals = "people.json"\n'
    (node.source / "people.json").write_text(PEOPLE)
    with_table(node, "sample\tsex\nA\tF\nB\tF\nC\tU\n", rest=rest)
    assert [str(one) for one in node.rejected().findings] == [
        "samples.tsv:2: samples and subjects differ: sample A has sex F here and M among the subjects"
    ]


@pytest.mark.parametrize("policy", ["reject", "skip"])
def test_a_second_sample_of_a_person_is_not_counted(node: Bench, policy: str) -> None:
    """Replicates, or tumour and normal: the alleles of one person would count twice, and their number too."""
    people = PEOPLE.replace('"id": "C"', '"id": "D"').replace('"id": "B"', '"id": "P"', 1)
    (node.source / "people.json").write_text(people)
    samples = [{"id": name, "individualId": who} for name, who in (("B", "P"), ("C", "P"), ("S-D", "D"))]
    (node.source / "samples.json").write_text(json.dumps(samples))
    node.write_release(
        f'files = ["a.vcf"]\non_error = "{policy}"',
        '[subjects]\nindividuals = "people.json"\nbiosamples = "samples.json"\n',
    )
    said = (
        "a.vcf:3: samples and subjects differ: sample C (column 12) is of an individual who has a sample before it; "
        "a person counts once"
    )
    report = node.rejected() if policy == "reject" else node.load().report
    assert said in [str(one) for one in report.findings]
    if policy == "skip":
        assert report.individuals == 2
        assert node.truth()[0]["Total"] == (1, 4, 0, 1, 0)


def test_a_path_at_which_nobody_has_anything_is_refused(node: Bench) -> None:
    rest = '[subjects]\nindividuals = "people.json"\n'
    (node.source / "people.json").write_text(PEOPLE)
    node.write_release('files = ["a.vcf"]\npopulation = { column = "ethnicty" }', rest)
    with pytest.raises(Invalid, match=r"population: no individual has anything at 'ethnicty'"):
        node.load()
    node.write_release('files = ["a.vcf"]\npopulation = { column = "ethnicity" }', rest)
    assert node.load().report.tallies == {"population not told": 1}
    assert node.truth()[0]["Seto"] == (1, 2, 0, 1, 0)


def test_a_column_that_tells_every_sample_from_the_next_is_no_population(node: Bench) -> None:
    names = [f"S{number}" for number in range(600)]
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT " + " ".join(["0|1"] * 600)], samples=names)
    with_table(node, "sample\tsex\tpopulation\n" + "".join(f"{name}\tF\tP{name}\n" for name in names))
    with pytest.raises(
        Invalid, match="more than 500 different populations; is this what tells the population"
    ):
        node.load()
