"""What is hidden stays hidden on every endpoint: both Beacons of a node, the real ledger and guard behind them."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.official_schemas import OfficialSchemas, data_kind
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.discovery.model import Cohort
from opengdi.kernel.disclosure.floors import is_visible
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.testing.variants import SiteRow, site_row

K = 10
REPEATS = 1000
POLICY = DisclosurePolicy(af_budget_factor=100.0, global_budget_factor=1000.0)
ENTRY_TYPES = ("g_variants", "individuals", "biosamples", "runs", "analyses", "datasets", "cohorts")
GRANULARITIES = ("boolean", "count", "record")
INCLUDES = ("ALL", "HIT", "MISS", "NONE")
ALLELE = {
    "referenceName": "3",
    "start": 1000,
    "referenceBases": "A",
    "alternateBases": "G",
    "assemblyId": "GRCh37",
}
RANGE = {"referenceName": "3", "start": 900, "end": 1100, "assemblyId": "GRCh37"}


def alleles(count: int, place: int = 1000, genotype_row: int = 0) -> SiteRow:
    """An allele that `count` women and as many men carry on one of their chromosomes."""
    carried = (2 * count, count, count)
    numbers = (2000, 1000, 1000)
    return site_row(
        "3",
        place,
        "A",
        "G",
        counts(carried, numbers, ((0, 0, 0), carried, (0, 0, 0))),
        genotype_row=genotype_row,
    )


def people(carriers: int, asthmatics: int = 300, number: int = 1000) -> list[Person]:
    """Women and men in turn; the first ones carry allele 0, the last ones have asthma."""
    return [
        Person(
            frozenset(
                {FEMALE if place % 2 else MALE} | ({ASTHMA} if place >= number - asthmatics else set())
            ),
            20 + place % 60,
            frozenset({0}) if place < carriers else frozenset(),
        )
        for place in range(number)
    ]


@contextmanager
def node(folder: Path, rows: list[SiteRow], persons: list[Person], **changes: Any) -> Iterator[NodeBeacons]:
    cohorts = changes.pop("cohorts", ())
    held = HeldRows(manifest(**({"policy": POLICY} | changes)), rows, persons, cohorts)
    with node_beacons(folder, [held]) as beacons:
        yield beacons


def body(
    parameters: Mapping[str, object], granularity: str, include: str, **query: object
) -> dict[str, object]:
    return {
        "meta": {"apiVersion": "2.0"},
        "query": {
            "requestParameters": parameters,
            "requestedGranularity": granularity,
            "includeResultsetResponses": include,
            **query,
        },
    }


async def all_answers(beacons: NodeBeacons) -> dict[tuple[str, ...], bytes]:
    """Bodies of every entry type x question x granularity x include mode x verb of both Beacons."""
    found = {}
    for base, entry_type, granularity, include in itertools.product(
        (AGGREGATED, INDIVIDUALS), ENTRY_TYPES, GRANULARITIES, INCLUDES
    ):
        token = TOKEN if base == INDIVIDUALS else None
        for name, parameters in (("allele", ALLELE), ("range", RANGE)):
            path = f"{base}/{entry_type}"
            options = {"requestedGranularity": granularity, "includeResultsetResponses": include}
            told = await beacons.get(
                path, token, **{key: str(value) for key, value in parameters.items()}, **options
            )
            found[path, name, granularity, include, "GET"] = told.content
            told = await beacons.post(path, body(parameters, granularity, include), token)
            found[path, name, granularity, include, "POST"] = told.content
    for path in (
        "g_variants/GRCh37:3:1001:A:G",
        "g_variants/GRCh37:3:1001:A:G/individuals",
        "filtering_terms",
    ):
        for base in (AGGREGATED, INDIVIDUALS):
            found[base, path] = (await beacons.get(f"{base}/{path}", TOKEN)).content
    return found


@pytest.fixture(scope="module")
def quiet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


async def test_an_allele_that_nobody_has_and_one_under_the_floor_answer_byte_for_byte_alike(
    quiet_folder: Path,
) -> None:
    rows = {"absent": [], "rare": [alleles((K - 1) // 2)], "one": [alleles(1)]}
    answers = {}
    for name, held in rows.items():
        with node(
            quiet_folder / name, held, people(carriers={"absent": 0, "rare": K - 1, "one": 1}[name])
        ) as beacons:
            answers[name] = await all_answers(beacons)
    assert len(answers["absent"]) == 2 * 7 * 3 * 4 * 2 * 2 + 6
    for name in ("rare", "one"):
        differing = [key for key, told in answers[name].items() if told != answers["absent"][key]]
        assert differing == []


async def test_the_comparison_sees_an_allele_over_the_floor(quiet_folder: Path) -> None:
    with node(quiet_folder / "none", [], people(0)) as beacons:
        without = await all_answers(beacons)
    with node(quiet_folder / "common", [alleles(100)], people(200)) as beacons:
        with_it = await all_answers(beacons)
    differing = {key[0] for key, told in with_it.items() if told != without[key]}
    assert {
        f"{AGGREGATED}/g_variants",
        f"{INDIVIDUALS}/individuals",
        f"{INDIVIDUALS}/g_variants",
    } <= differing


def as_text(filters: Sequence[Mapping[str, str]]) -> str:
    """Filters as the parameters of a GET spell them."""
    return ",".join(
        f"{each['id']}:{each['operator']}{each['value']}" if "operator" in each else each["id"]
        for each in filters
    )


async def test_a_repeated_question_has_one_answer_however_it_is_asked(tmp_path: Path) -> None:
    filters = [{"id": FEMALE}, {"id": ASTHMA}, {"id": "age", "operator": ">", "value": "40"}]
    randomly = random.Random(7)
    with node(tmp_path, [alleles(100)], people(900)) as beacons:
        numbers, shown = set(), set()
        for turn in range(REPEATS):
            randomly.shuffle(filters)
            page = {"skip": randomly.randrange(3), "limit": randomly.randrange(1, 50)}
            name = randomly.choice(["3", "chr3", "NC_000003.11"])
            parameters = {**{key: str(value) for key, value in ALLELE.items()}, "referenceName": name}
            if turn % 2:
                asked = {**parameters, **page, "filters": as_text(filters), "requestedGranularity": "count"}
                told = (await beacons.get(f"{INDIVIDUALS}/individuals", TOKEN, **asked)).json()
            else:
                asked = body(ALLELE, "count", "HIT", filters=filters, pagination=page)
                told = (await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)).json()
            numbers.add(json.dumps(told["responseSummary"]))
            options = {"requestedGranularity": "record", "includeResultsetResponses": "ALL"}
            if turn % 2:
                told = (await beacons.get(f"{AGGREGATED}/g_variants", **parameters, **options)).json()
            else:
                told = (await beacons.post(f"{AGGREGATED}/g_variants", body(ALLELE, "record", "ALL"))).json()
            shown.add(json.dumps(told["response"]["resultSets"][0]["results"][0]["frequencyInPopulations"]))
    (number,), (_,) = numbers, shown
    assert json.loads(number)["numTotalResults"] > 0


async def test_counts_of_people_say_how_far_to_trust_them(tmp_path: Path) -> None:
    with node(tmp_path, [], people(0, asthmatics=153)) as beacons:
        asked = {"query": {"filters": [{"id": ASTHMA}], "requestedGranularity": "count"}}
        told = (await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)).json()
        summary = told["responseSummary"]
        assert summary["exists"] is True
        assert summary["numTotalResults"] == 155
        assert summary["countPrecision"] == "rounded"
        low, high = summary["countAdjustedTo"]
        assert low <= 153 <= high
        asked["query"]["filters"] = [
            {"id": ASTHMA},
            {"id": FEMALE},
            {"id": "age", "operator": "=", "value": "41"},
        ]
        told = (await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)).json()
        assert told["responseSummary"] == {
            "exists": False, "numTotalResults": 0, "countPrecision": "imprecise", "countAdjustedTo": ["<10"],
        }  # fmt: skip


async def number_of(beacons: NodeBeacons, *filters: Mapping[str, object]) -> int:
    asked = {"query": {"filters": list(filters), "requestedGranularity": "count"}}
    told = (await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)).json()
    return int(told["responseSummary"]["numTotalResults"])


@pytest.mark.parametrize("seed", range(5))
async def test_a_question_and_its_two_parts_never_isolate_a_few_people(tmp_path: Path, seed: int) -> None:
    randomly = random.Random(seed)
    victims = randomly.sample(range(1000), randomly.randrange(1, K))
    persons = [
        Person(frozenset({FEMALE if randomly.random() < 0.5 else MALE}), 99 if place in victims else 40)
        for place in range(1000)
    ]
    policy = DisclosurePolicy(k_individuals=K, differencing_floor=K, count_rounding=1, af_budget_factor=100)
    with node(tmp_path, [], persons, policy=policy) as beacons:
        everyone = [{"id": FEMALE}]
        parts = [{"id": "age", "operator": "=", "value": "99"}, {"id": "age", "operator": "!", "value": "99"}]
        order = [everyone, [*everyone, parts[0]], [*everyone, parts[1]]]
        randomly.shuffle(order)
        told = {json.dumps(each): await number_of(beacons, *each) for each in order}
        whole, few, rest = (
            told[json.dumps(each)] for each in ([*everyone], [*everyone, parts[0]], [*everyone, parts[1]])
        )
        assert few == 0
        assert whole == rest


async def test_no_endpoint_shows_a_frequency_under_the_floor(tmp_path: Path) -> None:
    randomly = random.Random(3)
    rows = []
    for place in range(200):
        women, men = (randomly.choice([0, 1, 9, 10, 11, 500, 989, 990, 991, 1000]) for _ in range(2))
        rows.append(
            site_row("3", 1000 + place, "A", "G", counts((women + men, women, men), (2000, 1000, 1000)))
        )
    with node(tmp_path, rows, people(0)) as beacons:
        question = {"referenceName": "3", "start": 900, "end": 2000, "assemblyId": "GRCh37"}
        asked = body(question, "record", "ALL", pagination={"skip": 0, "limit": 1000})
        told = (await beacons.post(f"{AGGREGATED}/g_variants", asked)).json()
        results = told["response"]["resultSets"][0]["results"]
        nested = (await beacons.post(f"{AGGREGATED}/datasets/GDI-EE-UT-1/g_variants", asked)).json()
        assert nested["response"]["resultSets"][0]["results"] == results
    visible = [row for row in rows if is_visible(row.counts[0], 2000, K)]
    assert len(results) == told["responseSummary"]["numTotalResults"] == len(visible) > 20
    cells = [
        cell for each in results for block in each["frequencyInPopulations"] for cell in block["frequencies"]
    ]
    assert cells
    assert all(is_visible(cell["alleleCount"], cell["alleleNumber"], K) for cell in cells)
    for each in results:
        (block,) = each["frequencyInPopulations"]
        assert [cell["population"] for cell in block["frequencies"]] in (["Total"], ["Total", "F", "M"])


async def test_the_budget_ends_with_429_replays_stay_free_and_a_restart_refills_nothing(
    tmp_path: Path,
) -> None:
    policy = DisclosurePolicy(af_budget_factor=0.01, global_budget_factor=1.0)
    rows = [alleles(100, place) for place in range(1000, 1020)]
    with node(tmp_path, rows, people(0), policy=policy) as beacons:
        told = [await ask_place(beacons, 1000 + place) for place in range(12)]
        assert told == [200] * 10 + [429] * 2
        assert await ask_place(beacons, 1005) == 200
        assert await ask_place(beacons, 5000) == 429, "what is not there is refused alike"
    with node(tmp_path, rows, people(0), policy=policy) as beacons:
        assert await ask_place(beacons, 1011) == 429
        assert await ask_place(beacons, 1009) == 200


async def test_a_range_costs_the_alleles_it_shows(tmp_path: Path) -> None:
    policy = DisclosurePolicy(af_budget_factor=0.01, global_budget_factor=1.0)
    rows = [alleles(100, place) for place in range(1000, 1020)]
    with node(tmp_path, rows, people(0), policy=policy) as beacons:
        question = {"referenceName": "3", "start": 999, "end": 1008, "assemblyId": "GRCh37"}
        page = await beacons.post(f"{AGGREGATED}/g_variants", body(question, "record", "HIT"))
        assert len(page.json()["response"]["resultSets"][0]["results"]) == 8
        assert [await ask_place(beacons, place) for place in (1000, 1007, 1010, 1011, 1012)] == [
            200,
            200,
            200,
            200,
            429,
        ]


async def ask_place(beacons: NodeBeacons, place: int) -> int:
    return (
        await beacons.post(f"{AGGREGATED}/g_variants", body({**ALLELE, "start": place}, "record", "HIT"))
    ).status_code


async def test_a_cohort_tells_no_cell_that_the_others_leave(tmp_path: Path) -> None:
    def event(genders: Mapping[str, int]) -> dict[str, object]:
        return {
            "eventSize": 1000,
            "eventGenders": {
                "availability": True,
                "availabilityCount": 1000,
                "distribution": {"genders": genders},
            },
        }

    events = [event({"female": 600, "male": 397, "other": 3}), event({"female": 600, "male": 397}),
              event({"female": 600, "male": 400})]  # fmt: skip
    document = {"name": "Cohort", "cohortType": "study-defined", "collectionEvents": events}
    with node(tmp_path, [], people(0), cohorts=[Cohort("c1", document, None)]) as beacons:
        told = (await beacons.get(f"{AGGREGATED}/cohorts", requestedGranularity="record")).json()
    shown = [
        each["eventGenders"]["distribution"]
        for each in told["response"]["collections"][0]["collectionEvents"]
    ]
    assert shown == [{"genders": {}}, {"genders": {}}, {"genders": {"female": 600, "male": 400}}]


async def test_the_summary_is_made_of_what_the_datasets_tell(tmp_path: Path) -> None:
    held = [
        HeldRows(manifest("GDI-EE-UT-1", policy=POLICY), [], people(0, asthmatics=200)),
        HeldRows(manifest("GDI-EE-UT-2", policy=POLICY), [], people(0, asthmatics=7)),
    ]
    with node_beacons(tmp_path, held) as beacons:
        asked = {
            "query": {
                "filters": [{"id": ASTHMA}],
                "requestedGranularity": "count",
                "includeResultsetResponses": "ALL",
            }
        }
        told = (await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)).json()
    assert told["responseSummary"]["numTotalResults"] == 200
    assert told["responseSummary"]["countPrecision"] == "imprecise"


async def test_an_unknown_filter_answers_alike_whatever_the_data_hold(tmp_path: Path) -> None:
    answers = set()
    for name, persons in (("few", people(0, asthmatics=3)), ("none", people(0, asthmatics=0))):
        with node(tmp_path / name, [], persons) as beacons:
            asked = {"query": {"filters": [{"id": "MONDO:0000001"}], "requestedGranularity": "count"}}
            told = await beacons.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)
            listed = await beacons.get(f"{INDIVIDUALS}/filtering_terms", TOKEN)
            answers.add((told.status_code, told.content, listed.content))
    assert len(answers) == 1


async def test_somebody_who_asks_for_rare_alleles_all_over_the_genome_is_written_down(tmp_path: Path) -> None:
    with node(tmp_path, [], people(0)) as beacons:
        for place in range(70):
            question = {
                **ALLELE,
                "referenceName": str(1 + place % 20),
                "start": 1_000_000 + 3_000_000 * (place // 20),
            }
            await beacons.post(f"{AGGREGATED}/g_variants", body(question, "boolean", "NONE"))
        actions = [line["action"] for line in beacons.audit.lines]
    assert actions.count("disclosure.alarm.rare-alleles") == 1


async def test_every_suppressed_answer_obeys_the_official_schemas(tmp_path: Path, shared: Path) -> None:
    schemas = OfficialSchemas(shared)
    with node(tmp_path, [alleles(4)], people(4, asthmatics=3)) as beacons:
        answers = await all_answers(beacons)
    documents = {key: json.loads(told) for key, told in answers.items() if len(key) == 5}
    problems = {
        key: found
        for key, told in documents.items()
        if (found := schemas.response_problems(kind_of(told), told))
    }
    assert problems == {}
    assert sum("countAdjustedTo" in told.get("responseSummary", {}) for told in documents.values()) > 20


def kind_of(document: dict[str, Any]) -> str:
    return "Error" if "error" in document else data_kind(document, document["meta"]["returnedGranularity"])
