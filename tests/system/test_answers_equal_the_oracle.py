"""A real node over 1000 Genomes and CINECA against plain Python that reads the same files line by line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.oracles import thousand_genomes as oracle
from tests.oracles.thousand_genomes import Allele, Document, Predicate
from tests.system.serving import serving, typed

from opengdi.testing.identity import give_keys, key_token, program

DATASET = "GDI-GB-THOUSANDGENOMES-1"
TOKEN = key_token("test")
OPEN = """
k_alleles = 0
k_individuals = 0
count_rounding = 1
af_budget_factor = 1e9
global_budget_factor = 1e9
differencing_floor = 0
"""
"""The data are open, so that a node may tell every exact number about them."""

NAMES = ("22", "chr22", "NC_000022.11", "refseq:NC_000022.11")
AGGREGATED, PEOPLE = "/beacon/aggregated/v2/g_variants", "/beacon/individuals/v2/individuals"


@dataclass(frozen=True)
class World:
    """What the oracle knows, and a node that serves the same."""

    alleles: list[Allele]
    people: dict[str, Document]
    client: httpx.Client

    def populations(self) -> dict[str, list[str]]:
        """People by population label."""
        everybody = list(self.people)
        women = [name for name in everybody if oracle.is_female(self.people[name])]
        men = [name for name in everybody if not oracle.is_female(self.people[name])]
        return {"Total": everybody, "GB": everybody, "F": women, "M": men, "GB_F": women, "GB_M": men}


def release_toml(shared: Path, policy: str) -> str:
    subjects = "\n".join(
        f"{name} = {json.dumps(str(shared / f'data/cineca/{name}.json.gz'))}"
        for name in ("individuals", "biosamples", "runs", "analyses")
    )
    return f"""
[dataset]
id = "{DATASET}"
version = "1"
title = "1000 Genomes chr22 with CINECA people"
country = "GB"
type = "ExternallyGoverned"
assembly = "GRCh38"
[variants]
files = [{json.dumps(str(shared / oracle.VCF))}]
on_error = "skip"
[subjects]
{subjects}
[disclosure]
{policy}
"""


@pytest.fixture(scope="module")
def world(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("oracle")
    config = folder / "gdi.toml"
    config.write_text(f'[node]\nid = "gb.test"\ncountry = "GB"\n[disclosure]\n{OPEN}')
    (folder / "release.toml").write_text(release_toml(shared, OPEN))
    for arguments in (("load", folder / "release.toml"), ("publish", DATASET)):
        typed("dataset", *arguments, "--config", config)
    people = oracle.read_people(shared / oracle.PEOPLE)
    alleles = oracle.read_alleles(shared / oracle.VCF, set(people))
    give_keys(config, program("test", registered=True))
    with serving("node", config, folder / "data") as node:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=node.public, headers=headers, timeout=30) as client:
            genotyped = {name: people[name] for name in alleles[0].ploidy}
            yield World(alleles, genotyped, client)


def ask(
    world: World, path: str, parameters: Document | None, filters: list[Any], granularity: str
) -> Document:
    query: Document = {
        "requestedGranularity": granularity,
        "includeResultsetResponses": "ALL",
        "pagination": {"skip": 0, "limit": 1000},
        "filters": filters,
    }
    if parameters is not None:
        query["requestParameters"] = parameters
    answer = world.client.post(path, json={"meta": {"apiVersion": "v2.2.0"}, "query": query})
    assert answer.status_code == 200, answer.text
    body: Document = answer.json()
    return body


# --- questions: parameters for the node, a predicate for the oracle ---------------------------------

Question = tuple[Document, Callable[[Allele], bool]]


def sequence(rng: random.Random, world: World) -> Question:
    known = rng.choice(world.alleles)
    other = rng.choice("ACGT")
    start, ref, alt = known.start, known.ref, known.alt if rng.random() < 0.8 or not known.ref else other
    wanted = oracle.trimmed(start, ref, alt)
    parameters = {"start": [start], "referenceBases": ref, "alternateBases": alt}
    return parameters, lambda allele: (allele.start, allele.ref, allele.alt) == wanted


def anchored_sequence(rng: random.Random, world: World) -> Question:
    """An insertion or deletion as a VCF has it, with a base before it that both share."""
    known = rng.choice([allele for allele in world.alleles if not (allele.ref and allele.alt)])
    base = rng.choice("ACGT")
    wanted = oracle.trimmed(known.start - 1, base + known.ref, base + known.alt)
    parameters = {
        "start": [known.start - 1],
        "referenceBases": base + known.ref,
        "alternateBases": base + known.alt,
    }
    return parameters, lambda allele: (allele.start, allele.ref, allele.alt) == wanted


def span(rng: random.Random, world: World) -> Question:
    start = rng.choice(world.alleles).start - rng.randrange(2000)
    end = start + rng.randrange(1, 60_000)
    parameters: Document = {"start": [start], "end": [end]}
    kind = rng.choice([None, "SNP", "INS", "DEL"])
    if kind:
        parameters["variantType"] = kind
    return parameters, lambda allele: overlaps(allele, start, end) and kind in {None, kind_of(allele)}


def bracket(rng: random.Random, world: World) -> Question:
    first = rng.choice(world.alleles).start - rng.randrange(500)
    starts = [first, first + rng.randrange(1, 5000)]
    ends = [first + rng.randrange(1, 500), first + 5000 + rng.randrange(1, 500)]
    return {
        "start": starts,
        "end": ends,
    }, lambda allele: starts[0] <= allele.start < starts[1] and ends[0] <= allele.end < ends[1]


def overlaps(allele: Allele, start: int, end: int) -> bool:
    """An insertion lies between two bases and overlaps where it is strictly inside."""
    return allele.start < end and start < allele.end


def kind_of(allele: Allele) -> str:
    if len(allele.ref) == len(allele.alt) == 1:
        return "SNP"
    return "INS" if not allele.ref else "DEL" if not allele.alt else "INDEL"


def internal_id(allele: Allele) -> str:
    return f"GRCh38:22:{allele.start + 1}:{allele.ref or '-'}:{allele.alt or '-'}"


# --- comparisons ---------------------------------------------------------------------------------------


def frequencies(record: Document) -> dict[str, tuple[int, int, int, int]]:
    (block,) = record["frequencyInPopulations"]
    return {
        cell["population"]: (
            cell["alleleCount"],
            cell["alleleNumber"],
            cell["alleleCountHomozygous"],
            cell["alleleCountHeterozygous"],
        )
        for cell in block["frequencies"]
    }


def expected_frequencies(world: World, allele: Allele) -> dict[str, tuple[int, int, int, int]]:
    counted = {label: oracle.counts(allele, people) for label, people in world.populations().items()}
    return {
        label: (each.allele_count, each.allele_number, each.hom, each.het) for label, each in counted.items()
    }


@pytest.mark.parametrize("seed", range(500))
def test_frequencies_equal_the_oracle(world: World, seed: int) -> None:
    rng = random.Random(seed)  # questions, not secrets
    make = rng.choice([sequence, sequence, anchored_sequence, span, bracket])
    parameters, holds = make(rng, world)
    parameters |= {"referenceName": rng.choice(NAMES), "assemblyId": rng.choice(["GRCh38", "hg38"])}
    expected = {internal_id(allele): allele for allele in world.alleles if holds(allele)}

    answer = ask(world, AGGREGATED, parameters, [], "record")

    (found,) = answer["response"]["resultSets"]
    assert found["resultsCount"] == answer["responseSummary"]["numTotalResults"] == len(expected)
    records = {record["variantInternalId"]: record for record in found["results"]}
    assert set(records) <= set(expected)
    assert len(records) == min(len(expected), 1000)
    for name in rng.sample(sorted(records), min(len(records), 3)):
        assert frequencies(records[name]) == expected_frequencies(world, expected[name])


def a_filter(rng: random.Random, world: World) -> tuple[Any, Predicate]:
    person = rng.choice(list(world.people.values()))
    kind = rng.choice(["sex", "ethnicity", "disease", "measure", "any"])
    if kind == "ethnicity" and "ethnicity" in person:
        term = person["ethnicity"]["id"]
        return {"id": term, "includeDescendantTerms": False}, oracle.has_ethnicity(term)
    if kind == "disease" and person.get("diseases"):
        term = person["diseases"][0]["diseaseCode"]["id"]
        return {"id": term, "includeDescendantTerms": False}, oracle.has_disease(term)
    if kind == "measure":
        return _a_measure(rng)
    if kind == "any":
        (first, one), (second, other) = a_filter(rng, world), a_filter(rng, world)
        if not isinstance(first, list) and not isinstance(second, list):
            return [first, second], oracle.any_of([one, other])
    term = person["sex"]["id"]
    return {"id": term, "scope": "individual"}, oracle.has_sex(term)


def _a_measure(rng: random.Random) -> tuple[Document, Predicate]:
    assay, value = rng.choice([("LOINC:35925-4", 27.5), ("LOINC:3141-9", 80.25), ("LOINC:8308-9", 171.0)])
    operator = rng.choice([">", "<", ">=", "<="])
    compare: dict[str, Callable[[float], bool]] = {
        ">": lambda measured: measured > value,
        "<": lambda measured: measured < value,
        ">=": lambda measured: measured >= value,
        "<=": lambda measured: measured <= value,
    }
    return {"id": assay, "operator": operator, "value": str(value)}, oracle.measured(assay, compare[operator])


@pytest.mark.parametrize("seed", range(500))
def test_counts_of_people_equal_the_oracle(world: World, seed: int) -> None:
    rng = random.Random(10_000 + seed)
    filters = [a_filter(rng, world) for _ in range(rng.randrange(1, 4))]
    chosen = {name for name, person in world.people.items() if all(holds(person) for _, holds in filters)}
    parameters = None
    if rng.random() < 0.7:
        parameters, matches = rng.choice([sequence, sequence, span, bracket])(rng, world)
        parameters |= {"referenceName": rng.choice(NAMES), "assemblyId": "GRCh38"}
        carriers: set[str] = set().union(*(each.carriers() for each in world.alleles if matches(each)))
        chosen &= carriers

    answer = ask(world, PEOPLE, parameters, [asked for asked, _ in filters], "count")

    assert answer["responseSummary"]["exists"] is bool(chosen)
    assert answer["responseSummary"]["numTotalResults"] == len(chosen)
