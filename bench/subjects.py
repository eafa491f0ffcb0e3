"""Counts of people: variant + sex + age + disease over 100,000 and 1,000,000 synthetic subjects.

Time is that of the store on one core (`matching` and `count`), as the server spends it, over questions that differ
in allele, age bound, sex and disease, beginning with an empty cache. The peer answers the same questions with DuckDB
on one thread over plain Parquet tables of the same facts (one row per person, per diagnosis and per carried allele).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pgenlib
import pyarrow as pa
import pyarrow.parquet as pq

from bench.__main__ import Figure
from opengdi.discovery.model import ShelvedRelease, SiteRef
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.discovery.subjects.tables import CohortTable, EntryTable, Sex, SubjectTables
from opengdi.discovery.subjects.truth import write_subjects
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.release import DatasetRelease, DatasetType, ReleaseState
from opengdi.standards.beacon.questions import AlphanumericFilter, EntryType, Filter, OntologyFilter, Operator

SEED = 20260409
VARIANTS = 100
SEXES = (("F", "NCIT:C16576", "female"), ("M", "NCIT:C20197", "male"))
DISEASES = tuple(
    f"ICD10:{code}"
    for code in (
        "C34", "C50", "C61", "D50", "D86", "E06", "E10", "E11.9", "E66", "F20", "F31.8", "F32", "G20", "G35", "G40",
        "H26", "I10", "I21", "I25", "I42", "I48", "I50", "I83", "J11", "J40", "J44", "J45", "K02", "K21", "K50", "K51",
        "K74", "L40", "M05", "M17", "M81", "N18", "O24", "Q21", "R07",
    )
)  # fmt: skip
ASKED_FOR = ("E10-E14", "I00-I99", "J45", "G35", "C00-C97", "E66", "F20", "I10")


@dataclass(frozen=True)
class Question:
    variant: int
    sex: int
    older_than_days: int
    disease: str


@dataclass(frozen=True)
class Cohort:
    """People as arrays: what both the store and the peer are made of."""

    sex: np.ndarray
    age_days: np.ndarray
    bmi: np.ndarray
    diagnoses: Sequence[Sequence[int]]


def figures(*, quick: bool) -> list[Figure]:
    small, large = (2_000, 10_000) if quick else (100_000, 1_000_000)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        times, peer, memory = measure(Path(folder) / "small", small, 300)
        found.append(_figure("subjects.count_100k", "ms", np.percentile(times, 50), np.percentile(peer, 50)))
        found.append(
            _figure("subjects.count_100k_p99", "ms", np.percentile(times, 99), np.percentile(peer, 99))
        )
        times, peer, memory = measure(Path(folder) / "large", large, 300)
        found.append(
            _figure("subjects.count_1m", "p99 ms", np.percentile(times, 99), np.percentile(peer, 99))
        )
        found.append(
            _figure("subjects.count_1m_p50", "ms", np.percentile(times, 50), np.percentile(peer, 50))
        )
        found.append(_figure("subjects.cache_1m", "MB", memory / 1e6, None))
    return found


def _figure(name: str, unit: str, value: float, peer: float | None) -> Figure:
    return {
        "name": name,
        "value": round(float(value), 3),
        "unit": unit,
        "peer": None if peer is None else "DuckDB over plain Parquet, one thread",
        "peer_value": None if peer is None else round(float(peer), 3),
        "ratio": None if peer is None else round(float(peer / value), 2),
    }


def measure(folder: Path, individuals: int, questions: int) -> tuple[list[float], list[float], int]:
    """Milliseconds per question of the store and of the peer, and bytes the store's cache holds at the end.

    Every tenth question is also answered by the peer, and both must give the same number.
    """
    began = time.perf_counter()
    cohort, release = make_release(folder, individuals)
    print(f"   {individuals:,} subjects written in {time.perf_counter() - began:.0f} s", flush=True)
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    began = time.perf_counter()
    store.matching(release, [], None)
    print(f"   opened in {(time.perf_counter() - began) * 1e3:.0f} ms", flush=True)
    asked = make_questions(questions)
    times, counts = [], []
    for question in asked:
        began = time.perf_counter()
        found = store.matching(release, filters(question), [SiteRef("22", question.variant)])
        counts.append(store.count(release, EntryType.INDIVIDUAL, found))
        times.append((time.perf_counter() - began) * 1e3)
    peer = DuckPeer(folder, cohort)
    peer_times = []
    for question, count in list(zip(asked, counts, strict=True))[::10]:
        began = time.perf_counter()
        theirs = peer.count(question)
        peer_times.append((time.perf_counter() - began) * 1e3)
        if theirs != count:
            raise AssertionError(f"{question}: the store says {count}, DuckDB {theirs}")
    return times, peer_times, store.cached_bytes


def make_questions(number: int) -> list[Question]:
    random = np.random.default_rng(SEED + 1)
    return [
        Question(
            int(random.integers(VARIANTS)),
            int(random.integers(2)),
            int(random.integers(20 * 365, 80 * 365)),
            str(random.choice(ASKED_FOR)),
        )
        for _ in range(number)
    ]


def filters(question: Question) -> list[Filter]:
    return [
        OntologyFilter(SEXES[question.sex][1], scope=EntryType.INDIVIDUAL),
        AlphanumericFilter("age", Operator.GREATER, f"P{question.older_than_days}D"),
        OntologyFilter(f"ICD10:{question.disease}"),
    ]


def make_release(folder: Path, individuals: int) -> tuple[Cohort, ShelvedRelease]:
    for part in ("subjects", "genotypes"):
        (folder / part).mkdir(parents=True)
    cohort = make_cohort(individuals)
    write_subjects(make_tables(cohort), folder / "subjects")
    write_genotypes(folder, individuals)
    manifest = DatasetRelease(
        dataset=DatasetId("GDI-EE-BENCH-1"),
        version="1",
        title="synthetic subjects",
        country="EE",
        dataset_type=DatasetType.COHORT,
        assembly="GRCh38",
        individuals=individuals,
        populations=("Total",),
        sites=VARIANTS,
        genotyped=True,
        files=(),
        policy=DisclosurePolicy(),
        synthetic=True,
    )
    return cohort, ShelvedRelease(1, manifest, ReleaseState.PUBLISHED, folder)


def make_cohort(individuals: int) -> Cohort:
    random = np.random.default_rng(SEED)
    weights = 1 / np.arange(3, len(DISEASES) + 3)
    drawn = random.choice(len(DISEASES), size=(individuals, 3), p=weights / weights.sum())
    number = random.integers(0, 4, size=individuals)
    return Cohort(
        random.integers(0, 2, size=individuals),
        random.integers(18 * 365, 90 * 365, size=individuals),
        np.round(random.normal(26, 4, size=individuals), 2),
        [sorted(set(row[:count])) for row, count in zip(drawn.tolist(), number.tolist(), strict=True)],
    )


def make_tables(cohort: Cohort) -> SubjectTables:
    individuals = len(cohort.sex)
    documents = tuple(_document(cohort, row) for row in range(individuals))
    ids = tuple(f"S{row:07d}" for row in range(individuals))
    rows = np.arange(individuals, dtype=np.int32)
    nothing = EntryTable((), np.empty(0, dtype=np.int32), ())
    return SubjectTables(
        individuals=EntryTable(ids, rows, documents),
        entries=dict.fromkeys((EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS), nothing),
        cohorts=CohortTable((), (), ()),
        sexes=tuple(Sex(SEXES[sex][0]) for sex in cohort.sex),
        samples=tuple((row,) for row in range(individuals)),
        populations=("EE",) * individuals,
    )


def _document(cohort: Cohort, row: int) -> bytes:
    _, term, label = SEXES[cohort.sex[row]]
    unit = {"id": "NCIT:C49671", "label": "Kilogram per Square Meter"}
    return msgspec.json.encode(
        {
            "id": f"S{row:07d}",
            "sex": {"id": term, "label": label},
            "age": {"iso8601duration": f"P{cohort.age_days[row]}D"},
            "diseases": [{"diseaseCode": {"id": DISEASES[place]}} for place in cohort.diagnoses[row]],
            "measurements": [
                {
                    "assayCode": {"id": "LOINC:35925-4", "label": "BMI"},
                    "measurementValue": {"unit": unit, "value": float(cohort.bmi[row])},
                }
            ],
        }
    )


def write_genotypes(folder: Path, individuals: int) -> None:
    """Allele frequencies from 1 in 10,000 to one half; carriers are also written as rows for the peer."""
    random = np.random.default_rng(SEED + 2)
    schema = pa.schema([("variant", pa.int32()), ("individual", pa.int32())])
    with (
        pgenlib.PgenWriter(
            bytes(folder / "genotypes" / "chr22.pgen"), individuals, variant_ct=VARIANTS, nonref_flags=False
        ) as pgen,
        pq.ParquetWriter(folder / "carriers.parquet", schema) as parquet,
    ):
        for variant, frequency in enumerate(np.geomspace(1e-4, 0.5, VARIANTS)):
            copies = random.binomial(2, frequency, size=individuals).astype(np.int8)
            pgen.append_biallelic(copies)
            carriers = np.flatnonzero(copies).astype(np.int32)
            columns = [np.full(len(carriers), variant, dtype=np.int32), carriers]
            parquet.write_table(pa.table([pa.array(column) for column in columns], schema=schema))


class DuckPeer:
    """The same facts as plain tables, asked by SQL."""

    def __init__(self, folder: Path, cohort: Cohort) -> None:
        rows = np.arange(len(cohort.sex), dtype=np.int32)
        people = {
            "individual": rows,
            "sex": cohort.sex.astype(np.int8),
            "age": cohort.age_days.astype(np.int32),
        }
        pq.write_table(pa.table(people), folder / "people.parquet")
        counts = [len(one) for one in cohort.diagnoses]
        codes = [DISEASES[place].removeprefix("ICD10:") for one in cohort.diagnoses for place in one]
        pq.write_table(
            pa.table({"individual": np.repeat(rows, counts), "code": codes}), folder / "diagnoses.parquet"
        )
        self._folder = folder
        self._database = duckdb.connect(config={"threads": 1})

    def count(self, question: Question) -> int:
        low, _, high = question.disease.partition("-")
        sql = f"""
            select count(distinct p.individual)
            from '{self._folder}/people.parquet' p
            join '{self._folder}/diagnoses.parquet' d using (individual)
            join '{self._folder}/carriers.parquet' c using (individual)
            where c.variant = ? and p.sex = ? and p.age > ? and d.code[1:3] between ? and ?
        """
        found = self._database.execute(
            sql, [question.variant, question.sex, question.older_than_days, low, high or low]
        )
        row = found.fetchone()
        assert row is not None
        return int(row[0])
