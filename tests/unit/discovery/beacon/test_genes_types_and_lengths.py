"""Questions by gene, amino-acid change, kind and length of variant, as clients write them, at both Beacons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    FEMALE,
    INDIVIDUALS,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.discovery.variants.genes import GeneTable
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.standards.coordinates import Assembly, Interval
from opengdi.testing.variants import site_row

OPEN = DisclosurePolicy(
    k_alleles=0,
    k_individuals=0,
    count_rounding=1,
    differencing_floor=0,
    af_budget_factor=100.0,
    global_budget_factor=1000.0,
)
BRAF = Interval("7", 140_719_000, 140_925_000)
ALLELES = {
    "V600E": ("7", 140_753_335, "A", "T", {"gene": "BRAF", "amino_acid_changes": ("V600E", "V640E")}),
    "G469A": ("7", 140_781_601, "C", "G", {"gene": "BRAF", "amino_acid_changes": ("G469A",)}),
    "elsewhere": ("12", 25_245_349, "C", "T", {"gene": "KRAS", "amino_acid_changes": ("V600E",)}),
    "plain": ("7", 150_000_000, "A", "G", {}),
    "insertion": ("7", 150_000_100, "A", "ATTT", {}),
    "deletion": ("7", 150_000_200, "ACCCCCCC", "A", {}),
    "large deletion": ("7", 150_010_000, "A", "<DEL>", {"end": 150_011_001}),
    "duplication": ("7", 150_020_000, "A", "<DUP>", {"end": 150_025_001}),
    "inversion": ("7", 150_030_000, "A", "<INV>", {"end": 150_030_301}),
    "copy number": ("7", 150_040_000, "A", "<CNV>", {"end": 150_060_001}),
}
"""Each carried by other people: the first by 10, the second by 11, and so on."""
_SIZES = {name: 10 + place for place, name in enumerate(ALLELES)}
STARTS = {contig_start: name for name, (_, contig_start, *_) in ALLELES.items()}
PLACE = {"referenceName": "7", "start": [149_999_000], "end": [150_070_000], "assemblyId": "GRCh38"}
STRUCTURAL = {"large deletion", "duplication", "inversion", "copy number"}
WINDOW = {"plain", "insertion", "deletion"} | STRUCTURAL


def _rows() -> list[Any]:
    told = counts((40, 20, 20), (2000, 1000, 1000))
    return [
        site_row(contig, start, ref, alt, told, genotype_row=row, **rest)
        for row, (contig, start, ref, alt, rest) in enumerate(ALLELES.values())
    ]


def _people() -> list[Person]:
    carried = [row for row, size in enumerate(_SIZES.values()) for _ in range(size)]
    carried += [-1] * (1000 - len(carried))
    return [Person(frozenset({FEMALE}), 40, frozenset({row})) for row in carried]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBeacons]:
    held = HeldRows(manifest(assembly="GRCh38", policy=OPEN), _rows(), _people())
    genes = {Assembly.GRCh38: GeneTable({"BRAF": (BRAF,)})}
    disclosure = {"count_rounding": 1, "differencing_floor": 0}
    with node_beacons(tmp_path_factory.mktemp("genes"), [held], genes=genes, disclosure=disclosure) as node:
        yield node


def body(parameters: dict[str, Any], granularity: str) -> dict[str, Any]:
    return {
        "meta": {"apiVersion": "2.0"},
        "query": {
            "requestParameters": parameters,
            "requestedGranularity": granularity,
            "includeResultsetResponses": "HIT",
            "pagination": {"skip": 0, "limit": 100},
        },
    }


async def found(node: NodeBeacons, parameters: dict[str, Any]) -> set[str]:
    """The alleles that both Beacons answer with, which agree with each other, however they are asked."""
    told = await node.post(f"{AGGREGATED}/g_variants", body(parameters, "record"))
    assert told.status_code == 200, told.text
    sets = told.json()["response"]["resultSets"]
    records = [record for each in sets for record in each["results"]]
    names = {STARTS[_start(record)] for record in records} if records else set()
    assert len(records) == len(names) == told.json()["responseSummary"]["numTotalResults"]
    plain = {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()}
    got = await node.get(f"{AGGREGATED}/g_variants", requestedGranularity="record", limit=100, **plain)
    assert got.json()["response"] == told.json()["response"]
    for path, number in (
        ("g_variants", len(names)),
        ("individuals", sum(_SIZES[name] for name in names)),
    ):
        counted = await node.post(f"{INDIVIDUALS}/{path}", body(parameters, "count"), TOKEN)
        assert counted.status_code == 200, counted.text
        assert counted.json()["responseSummary"]["numTotalResults"] == number
        assert counted.json()["responseSummary"]["exists"] is bool(number)
    return names


def _start(record: dict[str, Any]) -> int:
    """Where the allele was before it was trimmed, which for a deletion and an insertion is one base earlier."""
    start = int(record["variation"]["location"]["interval"]["start"]["value"])
    return start if start in STARTS else start - 1


@pytest.mark.parametrize(
    "parameters, names",
    [
        ({"geneId": "BRAF", "aminoacidChange": "V600E"}, {"V600E"}),
        ({"geneId": "braf", "aminoacidChange": "V600E", "assemblyId": "GRCh38"}, {"V600E"}),
        ({"geneId": "BRAF", "aminoacidChange": "V640E"}, {"V600E"}),
        ({"geneId": "BRAF", "aminoacidChange": "G469A"}, {"G469A"}),
        ({"geneId": "BRAF", "aminoacidChange": "V600K"}, set()),
        ({"geneId": "KRAS", "aminoacidChange": "V600E"}, {"elsewhere"}),
        ({"geneId": "BRAF"}, {"V600E", "G469A"}),
        ({"geneId": "BRAF", "variantType": "DEL"}, set()),
        (
            {
                "referenceName": "7",
                "start": [140_700_000],
                "end": [141_000_000],
                "assemblyId": "GRCh38",
                "aminoacidChange": "V600E",
            },
            {"V600E"},
        ),
    ],
)
async def test_a_gene_and_an_amino_acid_change_find_the_alleles_that_have_them(
    node: NodeBeacons, parameters: dict[str, Any], names: set[str]
) -> None:
    assert await found(node, parameters) == names


@pytest.mark.parametrize(
    "lengths, names",
    [
        ({}, WINDOW),
        ({"variantMinLength": 1}, WINDOW),
        ({"variantMinLength": 2}, WINDOW - {"plain"}),
        ({"variantMinLength": 50}, STRUCTURAL),
        ({"variantMaxLength": 50}, WINDOW - STRUCTURAL),
        ({"variantMinLength": 7, "variantMaxLength": 7}, {"deletion"}),
        ({"variantMinLength": 1000, "variantMaxLength": 1000}, {"large deletion"}),
        ({"variantMinLength": 1001}, {"duplication", "copy number"}),
        ({"variantMinLength": 100, "variantMaxLength": 4999}, {"large deletion", "inversion"}),
        ({"variantMinLength": 20_001}, set()),
        ({"variantMinLength": "50", "variantType": "SO:0000159"}, {"large deletion"}),
    ],
)
async def test_lengths_find_the_variants_that_are_so_long(
    node: NodeBeacons, lengths: dict[str, Any], names: set[str]
) -> None:
    assert await found(node, PLACE | lengths) == names


DELETIONS = {"deletion", "large deletion"}


@pytest.mark.parametrize(
    "word, names",
    [
        ("DEL", DELETIONS),
        ("del", DELETIONS),
        ("SO:0000159", DELETIONS),
        ("SO:0001743", DELETIONS),
        ("EFO:0030067", DELETIONS),
        ("EFO:0030069", set()),
        ("DUP", {"duplication"}),
        ("DUP:TANDEM", {"duplication"}),
        ("SO:1000035", {"duplication"}),
        ("SO:0001742", {"duplication"}),
        ("EFO:0030070", {"duplication"}),
        ("INV", {"inversion"}),
        ("SO:1000036", {"inversion"}),
        ("CNV", DELETIONS | {"duplication", "copy number"}),
        ("SO:0001019", DELETIONS | {"duplication", "copy number"}),
        ("EFO:0030066", DELETIONS | {"duplication", "copy number"}),
        ("INS", {"insertion"}),
        ("SO:0000667", {"insertion", "duplication"}),
        ("SV", WINDOW - {"plain"}),
        ("SO:0001483", {"plain"}),
        ("SNP", {"plain"}),
        ("BND", set()),
    ],
)
async def test_every_word_for_a_type_finds_what_it_covers(
    node: NodeBeacons, word: str, names: set[str]
) -> None:
    assert await found(node, PLACE | {"variantType": word}) == names


@pytest.mark.parametrize(
    "parameters, named",
    [
        ({"aminoacidChange": "V600E"}, "aminoacidChange"),
        ({"geneId": "BRAF", "aminoacidChange": "p.Val600Glu"}, "aminoacidChange"),
        ({"geneId": "NOSUCHGENE", "aminoacidChange": "V600E"}, "NOSUCHGENE"),
        (PLACE | {"variantType": "<DEL>"}, "variantType"),
        (PLACE | {"variantType": "SO:9999999"}, "variantType"),
        (PLACE | {"variantMinLength": -1}, "variantMinLength"),
        (PLACE | {"variantMinLength": 9, "variantMaxLength": 8}, "variantMinLength"),
        ({"variantMinLength": 50, "assemblyId": "GRCh38"}, ""),
        ({"variantType": "DEL", "assemblyId": "GRCh38"}, ""),
    ],
)
@pytest.mark.parametrize("path", [f"{AGGREGATED}/g_variants", f"{INDIVIDUALS}/individuals"])
async def test_what_cannot_be_answered_as_asked_is_refused(
    node: NodeBeacons, path: str, parameters: dict[str, Any], named: str
) -> None:
    answer = await node.post(path, body(parameters, "count"), TOKEN)
    assert answer.status_code == 400, answer.text
    assert named in answer.json()["error"]["errorMessage"]
