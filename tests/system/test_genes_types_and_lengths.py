"""Questions by gene, amino-acid change, kind and length of variant, asked of a node over what it loaded from a VCF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.system.serving import serving, typed

from opengdi.testing.identity import give_keys, key_token, program

DATASET, PEOPLE = "GDI-EE-NOTED-1", 400
TOKEN = key_token("test")
AGGREGATED, INDIVIDUALS = "/beacon/aggregated/v2", "/beacon/individuals/v2"
HEADER = """\
##fileformat=VCFv4.3
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations. Format: Allele|Consequence|SYMBOL|HGVSp">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVLEN,Number=1,Type=Integer,Description="Length">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""
ALLELES = {
    "V600E": (140753336, "A", "T", "CSQ=T|missense_variant|BRAF|ENSP00000493543.1:p.Val600Glu"),
    "G469A": (140781602, "C", "G", "CSQ=G|missense_variant|BRAF|ENSP00000493543.1:p.Gly469Ala"),
    "plain": (150000001, "A", "G", "."),
    "insertion": (150000101, "A", "ATTT", "."),
    "deletion": (150000201, "ACCCCCCC", "A", "."),
    "large deletion": (150010001, "A", "<DEL>", "SVTYPE=DEL;END=150011001;SVLEN=-1000"),
    "duplication": (150020001, "A", "<DUP>", "SVTYPE=DUP;END=150025001;SVLEN=5000"),
    "inversion": (150030001, "A", "<INV>", "SVTYPE=INV;END=150030301;SVLEN=300"),
}
"""By 1-based position on chromosome 7 of GRCh38; carried by other people each: the first by 20, the next by 25, …"""
SIZES = {name: 20 + 5 * place for place, name in enumerate(ALLELES)}
PLACE = {"referenceName": "7", "start": [149_999_000], "end": [150_070_000], "assemblyId": "GRCh38"}


def _write(folder: Path) -> Path:
    samples = [f"P{number}" for number in range(PEOPLE)]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    lines, before = ["\t".join(columns)], 0
    for name, (position, ref, alt, info) in ALLELES.items():
        carriers = range(before, before + SIZES[name])
        before = carriers.stop
        genotypes = ["0/1" if number in carriers else "0/0" for number in range(PEOPLE)]
        lines.append("\t".join(["7", str(position), ".", ref, alt, ".", "PASS", info, "GT", *genotypes]))
    (folder / "chr7.vcf").write_text(HEADER + "\n".join(lines) + "\n")
    people = [{"id": name, "sex": {"id": "NCIT:C16576", "label": "female"}} for name in samples]
    (folder / "individuals.json").write_text(json.dumps(people))
    (folder / "release.toml").write_text(
        f'[dataset]\nid = "{DATASET}"\nversion = "1"\ntitle = "T"\ncountry = "EE"\nassembly = "GRCh38"\n'
        'synthetic = true\n[variants]\nfiles = ["chr7.vcf"]\n[subjects]\nindividuals = "individuals.json"\n'
        "[disclosure]\naf_budget_factor = 1000\nglobal_budget_factor = 1000\n"
    )
    return folder / "release.toml"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("noted")
    config = folder / "gdi.toml"
    config.write_text(
        '[node]\nid = "ee.test"\ncountry = "EE"\n'
        "[disclosure]\naf_budget_factor = 1000\nglobal_budget_factor = 1000\n"
    )
    for arguments in (("load", _write(folder), "--workers", "1"), ("publish", DATASET)):
        typed("dataset", *arguments, "--config", config)
    give_keys(config, program("test", registered=True))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        serving("node", config, folder / "data") as served,
        httpx.Client(base_url=served.public, headers=headers, timeout=30) as client,
    ):
        yield client


def ask(client: httpx.Client, path: str, parameters: dict[str, Any]) -> httpx.Response:
    query = {
        "requestParameters": parameters,
        "requestedGranularity": "record",
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 100},
    }
    return client.post(path, json={"meta": {"apiVersion": "2.0"}, "query": query})


QUESTIONS: Sequence[tuple[dict[str, Any], set[str]]] = [
    ({"geneId": "BRAF", "aminoacidChange": "V600E"}, {"V600E"}),
    ({"geneId": "BRAF", "aminoacidChange": "G469A"}, {"G469A"}),
    ({"geneId": "BRAF", "aminoacidChange": "V600K"}, set()),
    ({"geneId": "BRAF"}, {"V600E", "G469A"}),
    (PLACE | {"variantMinLength": 50}, {"large deletion", "duplication", "inversion"}),
    (PLACE | {"variantMinLength": 1000, "variantMaxLength": 1000}, {"large deletion"}),
    (PLACE | {"variantMaxLength": 50}, {"plain", "insertion", "deletion"}),
    (PLACE | {"variantType": "SO:0000159"}, {"deletion", "large deletion"}),
    (PLACE | {"variantType": "EFO:0030067"}, {"deletion", "large deletion"}),
    (PLACE | {"variantType": "DUP"}, {"duplication"}),
    (PLACE | {"variantType": "SO:1000036"}, {"inversion"}),
    (PLACE | {"variantType": "EFO:0030070"}, {"duplication"}),
    (PLACE | {"variantType": "DEL", "variantMinLength": 500}, {"large deletion"}),
]


@pytest.mark.parametrize("parameters, names", QUESTIONS)
def test_both_beacons_find_the_alleles_asked_for_and_who_carries_them(
    client: httpx.Client, parameters: dict[str, Any], names: set[str]
) -> None:
    answer = ask(client, f"{AGGREGATED}/g_variants", parameters)
    assert answer.status_code == 200, answer.text
    records = [each for found in answer.json()["response"]["resultSets"] for each in found["results"]]
    starts = {record["variation"]["location"]["interval"]["start"]["value"] for record in records}
    expected = {
        name: position - (alt.startswith("<") or len(ref) == len(alt))
        for name, (position, ref, alt, _) in ALLELES.items()
    }  # a sequence is trimmed of the base that an insertion or a deletion begins with
    assert starts == {expected[name] for name in names}
    assert answer.json()["responseSummary"]["numTotalResults"] == len(names)
    people = ask(client, f"{INDIVIDUALS}/individuals", parameters).json()["responseSummary"]
    assert people["numTotalResults"] == sum(SIZES[name] for name in names)


@pytest.mark.parametrize("path", [f"{AGGREGATED}/g_variants", f"{INDIVIDUALS}/individuals"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"geneId": "NOSUCHGENE", "aminoacidChange": "V600E"},
        {"aminoacidChange": "V600E"},
        {"variantMinLength": 50, "assemblyId": "GRCh38"},
        PLACE | {"variantType": "<DEL>"},
    ],
)
def test_what_cannot_be_answered_as_asked_is_refused(
    client: httpx.Client, path: str, parameters: dict[str, Any]
) -> None:
    answer = ask(client, path, parameters)
    assert answer.status_code == 400
    assert answer.json()["error"]["errorCode"] == 400
