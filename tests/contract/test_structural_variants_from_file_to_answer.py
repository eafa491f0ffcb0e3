"""A VCF of structural variants, loaded and indexed: every word for a type finds what is below it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.loading import bench

from opengdi.discovery.beacon.records import RecordBuilder
from opengdi.discovery.beacon.rules import question_of_id
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import RocksVariantStore
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.standards.beacon.parameters import parse_variant_parameters
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.beacon.variant_ids import parse_variant_id
from opengdi.standards.beacon.variant_types import vcf_word
from opengdi.standards.coordinates import Assembly

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="x">\n'
    '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">\n'
)
RECORDS = [
    "22 11000000 . A <DEL> . . SVTYPE=DEL;END=11000500;AC=100;AN=900",
    "22 11001000 . A <DUP> . . SVTYPE=DUP;SVLEN=300;AC=100;AN=900",
    "22 11002000 . A <INV> . . END=11002100;AC=100;AN=900",
    "22 11003000 . A <CN0>,<CN1>,<CN2>,<CN3>,<CN5> . . SVTYPE=CNV;END=11013000;AC=100,90,80,70,60;AN=900",
    "22 11004000 . A <CN2> . . SVTYPE=DUP;END=11004800;AC=100;AN=900",
    "22 11005000 . A <CNV> . . SVTYPE=CNV;END=11005900;AC=100;AN=900",
    "22 11006000 . A ]17:198983]A . . SVTYPE=BND;AC=100;AN=900",
    "22 11007000 . AC A,* . . AC=100,90;AN=900",
]
EVERYTHING = [
    "<DEL>", "<DUP>", "<INV>", "<CN0>", "<CN1>", "<CN2>", "<CN3>", "<CN5>", "<CN2> DUP", "<CNV>", "]17:198983]A",
    "", "*",
]  # fmt: skip
LOSSES = ["<DEL>", "<CN0>", "<CN1>", ""]
GAINS = ["<DUP>", "<CN3>", "<CN5>", "<CN2> DUP"]

Ask = Callable[..., list[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """What a question in Beacon parameters finds, in the order of the places; `<CN2> DUP` is that at 11004000."""
    folder: Path = tmp_path_factory.mktemp("structural")
    with bench(folder) as node, SiteIndex(folder / "index") as index:
        node.write_release('files = ["a.vcf"]', "individuals = 450")
        node.write_vcf("a.vcf", RECORDS, samples=(), header=HEADER)
        release = node.load().release
        index.take_in(release.number, build_index_files(release, folder / "aside", SerialPool()))
        store = RocksVariantStore(index)

        def answer(**asked: object) -> list[str]:
            place = {
                "referenceName": "22",
                "start": [10_000_000],
                "end": [12_000_000],
                "assemblyId": "GRCh38",
            }
            question = parse_variant_parameters(place | asked)
            assert question is not None
            hits = store.search(question, [release], {}, skip=0, limit=100)[0]
            assert hits.total == len(hits.rows)
            words = {row.alt: vcf_word(row.variant_type) for row in hits.rows}
            assert words.get("<CN0>", "DEL") == "DEL"
            found = sorted(hits.rows, key=lambda row: row.start)
            return [f"{row.alt} DUP" if row.start == 11_003_999 else row.alt for row in found]

        yield answer


def same(found: list[str], expected: list[str]) -> bool:
    return sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("DEL", LOSSES),
        ("SO:0000159", LOSSES),
        ("SO:0001743", LOSSES),
        ("EFO:0030067", LOSSES),
        ("EFO:0030068", ["<CN1>"]),
        ("EFO:0020073", ["<CN0>"]),
        ("EFO:0030069", ["<CN0>"]),
        ("DUP", GAINS),
        ("SO:1000035", GAINS),
        ("SO:0001742", GAINS),
        ("EFO:0030070", GAINS),
        ("EFO:0030071", ["<CN3>"]),
        ("EFO:0030072", ["<CN5>"]),
        ("EFO:0030064", ["<CN2>"]),
        ("CNV", [*LOSSES, *GAINS, "<CN2>", "<CNV>"]),
        ("EFO:0030066", [*LOSSES, *GAINS, "<CNV>"]),
        ("SO:0001019", [*LOSSES, *GAINS, "<CNV>"]),
        ("INV", ["<INV>"]),
        ("SO:1000036", ["<INV>"]),
        ("BND", ["]17:198983]A"]),
        ("SO:0000199", ["]17:198983]A"]),
        ("OTHER", ["*"]),
        ("SNP", []),
        ("SO:0001059", [alt for alt in EVERYTHING if alt != "<CN2>"]),
    ],
)
def test_a_name_of_a_type_finds_what_is_below_it(ask: Ask, name: str, expected: list[str]) -> None:
    assert same(ask(variantType=name), expected)


def test_a_range_finds_every_structural_variant_that_overlaps_it(ask: Ask) -> None:
    assert same(ask(), EVERYTHING)
    long = ["<CN0>", "<CN1>", "<CN2>", "<CN3>", "<CN5>"]
    assert same(ask(start=[11_012_000], end=[11_012_001]), long)
    assert ask(start=[11_012_000], end=[11_012_001], variantType="DUP") == ["<CN3>", "<CN5>"]
    assert ask(start=[11_000_499], end=[11_000_500], variantType="DEL") == ["<DEL>"]
    assert ask(start=[11_000_500], end=[11_000_501], variantType="DEL") == []


def test_a_bracket_finds_structural_variants_by_where_they_start_and_end(ask: Ask) -> None:
    bracket = {"start": [11_002_000, 11_003_000], "end": [11_012_000, 11_014_000]}
    assert same(ask(**bracket), ["<CN0>", "<CN1>", "<CN2>", "<CN3>", "<CN5>"])
    assert same(ask(**bracket, variantType="EFO:0030067"), ["<CN0>", "<CN1>"])
    assert ask(start=[10_999_000, 11_001_000], end=[11_000_500, 11_000_501]) == ["<DEL>"]
    assert ask(start=[11_005_000, 11_006_500], end=[11_006_000, 11_006_001], variantType="BND") == [
        "]17:198983]A"
    ]


def test_lengths_are_those_of_the_variants(ask: Ask) -> None:
    assert same(ask(variantMinLength=400, variantMaxLength=900), ["<DEL>", "<CN2> DUP", "<CNV>"])
    assert ask(variantMinLength=300, variantMaxLength=300) == ["<DUP>"]
    assert ask(variantType="DEL", variantMinLength=9000) == ["<CN0>", "<CN1>"]
    assert ask(variantType="BND", variantMinLength=1) == []


SAME_PLACE = [
    "22 11000000 . A <INS> . . SVLEN=300;AC=100;AN=900",
    "22 11000000 . A <INS> . . SVLEN=6000;AC=90;AN=900",
    "22 11000000 . A <INS> . . AC=80;AN=900",
    "22 11000000 . A <DEL> . . SVLEN=-499;END=11000499;AC=70;AN=900",
    "22 11000000 . A <DEL> . . SVLEN=-400;END=11000499;AC=60;AN=900",
    "22 11000000 . A <DEL> . . END=11000500;AC=50;AN=900",
    "22 11000000 . A A]17:198983] . . AC=40;AN=900",
]


def test_each_structural_variant_of_one_place_has_an_id_that_leads_to_it_alone(tmp_path: Path) -> None:
    with bench(tmp_path) as node, SiteIndex(tmp_path / "index") as index:
        node.write_release('files = ["a.vcf"]', "individuals = 450")
        node.write_vcf("a.vcf", SAME_PLACE, samples=(), header=HEADER)
        release = node.load().release
        index.take_in(release.number, build_index_files(release, tmp_path / "aside", SerialPool()))
        store, records = RocksVariantStore(index), RecordBuilder(release, 0)

        def found(question: VariantQuestion) -> list[str]:
            (hits,) = store.search(question, [release], {}, skip=0, limit=100)
            return [record.variantInternalId for record in records.build_page(hits.rows)]

        everything = found(VariantQuestion(QuestionKind.EVERYTHING, Assembly.GRCh38))
        assert len(set(everything)) == len(SAME_PLACE)
        for each in everything:
            assert found(question_of_id(parse_variant_id(each))) == [each]
        of_an_earlier_version = parse_variant_id("GRCh38:22:11000000-11000000:A:<INS>")
        assert len(found(question_of_id(of_an_earlier_version))) == 3
