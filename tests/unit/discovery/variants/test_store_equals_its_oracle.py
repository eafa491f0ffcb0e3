"""The serving store answers every kind of question as plain Python over all rows does, totals and pages included."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from opengdi.discovery.model import DatasetHits, ShelvedRelease
from opengdi.discovery.ports import VariantStore
from opengdi.discovery.variants.genes import GeneTable
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import RocksVariantStore
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.beacon.variant_types import expand
from opengdi.standards.coordinates import Assembly, Interval
from opengdi.standards.vcf.alleles import is_symbolic
from opengdi.testing.variants import MemoryVariantStore, SiteRow, shelved, site_row, write_release

GENES = {
    Assembly.GRCh38: GeneTable(
        {
            "NEAR": (Interval("1", 40, 120),),
            "TWICE": (Interval("1", 100, 180), Interval("1", 3_000, 3_100), Interval("X", 0, 5_000)),
        }
    )
}
POPULATIONS = (
    ("Total",),
    ("Total", "F", "M"),
    ("EE_F", "EE_M", "LV"),
    ("EE", "EE_F", "EE_M", "F", "M", "Total"),
)
CONTIGS = ("1", "2", "X")
SPAN_CAP = 5_000
SYMBOLIC = (
    "<DEL>", "<DUP>", "<INV>", "<INS>", "<CNV>", "<CN0>", "<CN1>", "<CN2>", "<CN3>", "<CN7>", "*", "N[2:99[", "]X:7]N",
)  # fmt: skip
TYPES = (
    "SNP", "MNP", "INS", "DEL", "DELINS", "DUP", "INV", "CNV", "BND", "INDEL", "OTHER", "SO:0001059", "SO:0001742",
    "SO:0001743", "EFO:0030063", "EFO:0030064", "EFO:0030067", "EFO:0030068", "EFO:0030069", "EFO:0030070",
    "EFO:0030072",
)  # fmt: skip


def random_rows(rng: random.Random, populations: int) -> list[SiteRow]:
    """Alleles crowded into few places, so that questions meet several at once; some spans are long."""
    rows: dict[tuple[str, int, str, str, int], SiteRow] = {}
    for number in range(rng.randrange(60, 160)):
        contig, start = (
            rng.choice(CONTIGS),
            rng.choice((rng.randrange(60), rng.randrange(200), rng.randrange(4_000))),
        )
        notes = {
            "gene": rng.choice((None, None, "ANNOTATED", "NEAR")),
            "amino_acid_changes": rng.choice(((), (), ("V600E",), ("V600E", "G12D"))),
            "genotype_row": rng.choice((-1, number)),
        }
        counts = random_counts(rng, populations)
        if rng.random() < 0.25:
            end = start + rng.choice((1, 5, 800, 999, 1_001, 1_200, 30_000, 40_000_000))
            alt = rng.choice(SYMBOLIC)
            row = site_row(contig, start, "N", alt, counts, end=end, **notes)
        else:
            ref, alt = (random_bases(rng, rng.choice((0, 1, 1, 1, 2, 3, 7, 12, 1_300))) for _ in "ra")
            row = site_row(contig, start, ref, alt, counts, **notes)
        if row.ref or row.alt:
            rows[row.contig, *row.order[1:], row.start] = row  # type: ignore[index]
    return list(rows.values())


def random_bases(rng: random.Random, length: int) -> str:
    return "".join(rng.choice("ACGT" if length < 3 else "AC") for _ in range(length))


def random_counts(rng: random.Random, populations: int) -> list[int]:
    numbers = [rng.choice((-1, 0, 30, 100, 100, 100, 40_000, 100_000)) for _ in range(populations)]
    counts = [
        rng.choice((-1, 0, 3, 10, 12, 20, number // 2, max(number - 4, 0), number)) for number in numbers
    ]
    rest = [rng.choice((-1, 0, 5, 300)) for _ in range(3 * populations)]
    return [*counts, *numbers, *(rest if rng.random() < 0.8 else [-1] * len(rest))]


def random_question(rng: random.Random, rows: list[SiteRow]) -> VariantQuestion:
    assembly = rng.choice((None, Assembly.GRCh38, Assembly.GRCh38, Assembly.GRCh37))
    kind = rng.choice([*QuestionKind, QuestionKind.SEQUENCE, QuestionKind.RANGE, QuestionKind.BRACKET])
    near = rng.choice(rows)
    contig = rng.choice(
        (near.contig, near.contig, near.contig, "2", None if kind is QuestionKind.SEQUENCE else "1")
    )
    wanted = random_narrowing(rng, near)
    start = max(0, near.start + rng.choice((0, 0, 0, -1, 1, -3, 2, near.end - near.start - 1)))
    match kind:
        case QuestionKind.EVERYTHING:
            return VariantQuestion(kind, assembly)
        case QuestionKind.SEQUENCE:
            alleles = random_spelling(rng, near)
            if alleles["reference_bases"] is not None and rng.random() < 0.8:
                start = max(0, near.start - alleles.pop("anchor"))  # type: ignore[operator]
            alleles.pop("anchor", None)
            kept = {name: wanted[name] for name in wanted if not name.endswith("bases")}
            return VariantQuestion(kind, assembly, contig, (start,), **alleles, **kept)
        case QuestionKind.RANGE:
            end = start + rng.choice((0, 1, 1, 5, 50, 500, 4_000, SPAN_CAP + 1))
            return VariantQuestion(kind, assembly, contig, (start,), (end,), **wanted)
        case QuestionKind.BRACKET:
            ends = sorted((near.end + rng.choice((0, 0, -2, 30)), near.end + rng.choice((1, 1, 2, 300))))
            starts = (start, start + rng.choice((1, 1, 4, 900)))
            return VariantQuestion(kind, assembly, contig, starts, (max(0, ends[0]), ends[1]), **wanted)
        case QuestionKind.GENE:
            return VariantQuestion(
                kind, assembly, gene=rng.choice(("NEAR", "TWICE", "ANNOTATED", "NONE")), **wanted
            )
    gene = rng.choice(("NEAR", "TWICE", "ANNOTATED"))
    return VariantQuestion(
        kind, assembly, gene=gene, **{**wanted, "amino_acid_change": rng.choice(("V600E", "Q1R"))}
    )


def random_narrowing(rng: random.Random, near: SiteRow) -> dict:
    wanted: dict = {}
    if rng.random() < 0.2:
        wanted["variant_types"] = expand(rng.choice(TYPES)) + expand(rng.choice(TYPES))
    if rng.random() < 0.2:
        wanted["min_length"] = rng.choice((0, 1, 2, 5, 1_000))
    if rng.random() < 0.2:
        wanted["max_length"] = rng.choice((1, 2, 12, 1_200))
    if rng.random() < 0.1:
        wanted["amino_acid_change"] = "G12D"
    if rng.random() < 0.2 and len(near.alt) < 6:
        wanted["alternate_bases"] = near.alt if rng.random() < 0.7 else "N" * len(near.alt)
    return wanted


def random_spelling(rng: random.Random, near: SiteRow) -> dict:
    """The alleles of a row as somebody might ask for them: anchored, with wildcards, without the reference."""
    ref, alt, anchor = near.ref, near.alt, 0
    if not is_symbolic(alt):
        if rng.random() < 0.4:
            anchor = rng.choice((1, 2))
            before = random_bases(rng, anchor)
            ref, alt = before + ref, before + alt
        if rng.random() < 0.3:
            after = random_bases(rng, 1)
            ref, alt = ref + after, alt + after
        if rng.random() < 0.4 and len(ref + alt) < 8:
            ref, alt = with_wildcard(rng, ref), with_wildcard(rng, alt)
    reference = None if rng.random() < 0.2 else ref
    return {"reference_bases": reference, "alternate_bases": alt, "anchor": anchor}


def with_wildcard(rng: random.Random, bases: str) -> str:
    if not bases:
        return bases
    place = rng.randrange(len(bases))
    return f"{bases[:place]}N{bases[place + 1 :]}"


@pytest.fixture(scope="module", params=range(4))
def both(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[tuple]:
    """The store under test, the oracle, and the releases they hold: four of GRCh38, one of GRCh37, made from a seed."""
    rng = random.Random(request.param)
    folder: Path = tmp_path_factory.mktemp("releases")
    rows: dict[int, list[SiteRow]] = {}
    releases: list[ShelvedRelease] = []
    shared: list[SiteRow] = []
    with SiteIndex(folder / "index") as index:
        for number in range(1, 6):
            populations = rng.choice(POPULATIONS)
            own = random_rows(rng, len(populations))
            same = [site_row(row.contig, row.start, row.ref, row.alt, random_counts(rng, len(populations)), end=row.end)
                    for row in shared if rng.random() < 0.5]  # fmt: skip
            rows[number] = list({(*row.order, row.start): row for row in [*own, *same]}.values())
            shared = shared or own
            manifest = write_release(
                folder,
                rows[number],
                dataset=f"GDI-EE-TEST-{number}",
                assembly=Assembly.GRCh37 if number == 3 else Assembly.GRCh38,
                populations=populations,
                policy=DisclosurePolicy(k_alleles=rng.choice((0, 10, 10, 20))),
            )
            release = shelved(manifest, number, folder)
            index.take_in(number, build_index_files(release, folder / f"aside/{number}", SerialPool()))
            releases.append(release)
        store = RocksVariantStore(index, GENES, span_cap=SPAN_CAP)
        yield store, MemoryVariantStore(rows, GENES, span_cap=SPAN_CAP), releases, rows


def outcome(store: VariantStore, question: VariantQuestion, releases, floors, skip: int, limit: int):
    try:
        hits: list[DatasetHits] = store.search(question, releases, floors, skip=skip, limit=limit)
    except Invalid:
        return "refused"
    return [(each.release.number, each.total, [plain(row) for row in each.rows]) for each in hits]


def plain(row) -> tuple:
    place = (row.contig, row.start, row.end, row.ref, row.alt, row.variant_type, row.length, row.genotype_row)
    return (*place, tuple(row.counts), row.visibility)


def test_every_question_is_answered_as_the_oracle_answers_it(both, request) -> None:
    store, oracle, releases, rows = both
    rng = random.Random(request.node.name)
    everything = [row for each in rows.values() for row in each]
    kinds = set()
    for _ in range(400):
        question = random_question(rng, everything)
        asked = rng.sample(releases, rng.randrange(1, len(releases) + 1))
        floors = {} if rng.random() < 0.6 else {each.number: rng.choice((0, 15, 25, 2_000)) for each in asked}
        skip, limit = rng.choice(((0, 100), (0, 3), (2, 2), (40, 10), (0, 0)))
        expected = outcome(oracle, question, asked, floors, skip, limit)
        assert outcome(store, question, asked, floors, skip, limit) == expected, question
        if expected != "refused" and any(total for _, total, _ in expected):
            kinds.add(question.kind)
    assert kinds == set(QuestionKind)


def test_carriers_are_located_whatever_the_floor(both, request) -> None:
    store, oracle, releases, rows = both
    rng = random.Random(request.node.name)
    located = 0
    for _ in range(300):
        release = rng.choice(releases)
        question = random_question(rng, rows[release.number])
        try:
            expected = oracle.locate(question, release)
        except Invalid:
            with pytest.raises(Invalid):
                store.locate(question, release)
            with pytest.raises(Invalid):
                store.sites(question, release)
            continue
        assert store.locate(question, release) == expected, question
        assert store.sites(question, release) == oracle.sites(question, release), question
        located += len(expected)
    assert located
