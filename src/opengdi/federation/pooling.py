"""Allele frequencies pooled over disjoint datasets: the sum of AC over the sum of AN, with heterogeneity.

Only published cells are summed, so pooling tells nothing that its parts do not.
Heterogeneity is Cochran's Q for proportions under the pooled frequency, which is the chi-square statistic of
homogeneity with (datasets - 1) degrees of freedom, and I² = max(0, (Q - df) / Q).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opengdi.federation.model import Json, ResultSet
from opengdi.federation.reading import frequencies_of
from opengdi.standards.coordinates import Assembly, parse_contig
from opengdi.standards.faults import Malformed


class AlleleId(NamedTuple):
    """The same allele wherever it was found: assembly and sequence as named, 0-based start, REF and ALT."""

    assembly: str
    contig: str
    start: int
    ref: str
    alt: str


class Cell(NamedTuple):
    """One dataset's counts of one allele in one population."""

    dataset: str
    allele_count: int
    allele_number: int


@dataclass(frozen=True, slots=True)
class Pooled:
    """The counts of several datasets together. q and i_squared are 0 for an allele that all or none carry."""

    allele_count: int
    allele_number: int
    q: float
    i_squared: float

    @property
    def allele_frequency(self) -> float:
        return self.allele_count / self.allele_number


def pool(cells: Sequence[Cell]) -> Pooled:
    """Several datasets' counts as one; every AN must be above 0."""
    count = sum(cell.allele_count for cell in cells)
    number = sum(cell.allele_number for cell in cells)
    frequency = count / number
    variance = frequency * (1 - frequency)
    if variance == 0:
        return Pooled(count, number, 0.0, 0.0)
    q = (
        sum((cell.allele_count - frequency * cell.allele_number) ** 2 / cell.allele_number for cell in cells)
        / variance
    )
    freedom = len(cells) - 1
    return Pooled(count, number, q, 1 - freedom / q if 0 < freedom < q else 0.0)


def pooled_frequencies(sets: Iterable[ResultSet], assembly: Assembly | None) -> list[Json]:
    """`info.pooledFrequencies`: per allele and population label, over all datasets that give AC and AN.

    `assembly` is what was asked for; records that name another one are kept apart from it, records that name
    none are counted in it, and without either they are not pooled. Alleles of one dataset only are left out.
    """
    gathered = _gather(_disjoint(sets), assembly)
    pooled = ((allele, _populations(found.labels)) for allele, found in sorted(gathered.items()))
    return [
        _allele_document(allele, gathered[allele].record_id, populations)
        for allele, populations in pooled
        if populations
    ]


def _disjoint(sets: Iterable[ResultSet]) -> list[ResultSet]:
    """One result set per content: two dataset ids with one digest hold the same people."""
    seen: set[str] = set()
    kept = []
    for found in sets:
        digest = found.dataset.digest
        if found.results and digest not in seen:
            kept.append(found)
            seen.update({digest} - {""})
    return kept


_Labels = dict[str, list[Cell]]


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The cells of one allele by population label, and the id under which the first record gives it."""

    record_id: object
    labels: _Labels


def _gather(sets: Iterable[ResultSet], assembly: Assembly | None) -> dict[AlleleId, _Gathered]:
    gathered: dict[AlleleId, _Gathered] = {}
    for found in sets:
        for record in found.results:
            allele = allele_of(record, assembly)
            # An alternate N is also `<DEL>` and its like, of which a place may have several.
            if allele is not None and "N" not in allele.alt:
                into = gathered.setdefault(allele, _Gathered(record.get("variantInternalId"), {}))
                _add_cells(into.labels, found.id, record)
    return gathered


def _add_cells(labels: _Labels, dataset: str, record: Json) -> None:
    for document in frequencies_of(record):
        count, number = document.get("alleleCount"), document.get("alleleNumber")
        if isinstance(count, int) and isinstance(number, int) and number > 0:
            cells = labels.setdefault(str(document["population"]), [])
            if not cells or cells[-1].dataset != dataset:  # datasets come one after the other
                cells.append(Cell(dataset, count, number))


def _populations(labels: _Labels) -> list[Json]:
    return [_population_document(label, cells) for label, cells in labels.items() if len(cells) > 1]


def _population_document(label: str, cells: Sequence[Cell]) -> Json:
    found = pool(cells)
    return {
        "population": label,
        "alleleFrequency": found.allele_frequency,
        "alleleCount": found.allele_count,
        "alleleNumber": found.allele_number,
        "heterogeneity": {"q": found.q, "degreesOfFreedom": len(cells) - 1, "iSquared": found.i_squared},
        "datasets": [cell.dataset for cell in cells],
    }


def _allele_document(allele: AlleleId, record_id: object, populations: list[Json]) -> Json:
    return {
        "variantInternalId": record_id,
        "assemblyId": allele.assembly,
        "referenceName": allele.contig,
        "start": allele.start,
        "referenceBases": allele.ref,
        "alternateBases": allele.alt,
        "populations": populations,
    }


def allele_of(record: Json, assembly: Assembly | None) -> AlleleId | None:
    """Which allele a variant record is about; None if the record does not say enough to be sure."""
    variation = record.get("variation")
    location = variation.get("location") if isinstance(variation, dict) else None
    if not isinstance(variation, dict) or not isinstance(location, dict):
        return None
    ref, alt, start = variation.get("referenceBases"), variation.get("alternateBases"), _start(location)
    sequence = _sequence(record, location)
    if not isinstance(ref, str) or not isinstance(alt, str) or start is None or sequence is None:
        return None
    contig, named = sequence
    known = named or assembly
    if known is None or (assembly is not None and known is not assembly):
        return None
    return AlleleId(known.name, contig, start, ref.upper(), alt.upper())


def _start(location: Json) -> int | None:
    interval = location.get("interval")
    start = interval.get("start") if isinstance(interval, dict) else None
    value = start.get("value") if isinstance(start, dict) else start
    return value if isinstance(value, int) else None


def _sequence(record: Json, location: Json) -> tuple[str, Assembly | None] | None:
    """Contig, and the assembly if a name in the record tells it; None if names are unknown or disagree."""
    identifiers = record.get("identifiers")
    hgvs = identifiers.get("genomicHGVSId") if isinstance(identifiers, dict) else None
    try:
        named = [parse_contig(_sequence_name(text)) for text in (location.get("sequence_id"), hgvs) if text]
    except Malformed:
        return None
    contigs = {item.contig for item in named}
    assemblies = {item.assembly for item in named if item.assembly is not None}
    if len(contigs) != 1 or len(assemblies) > 1:
        return None
    return contigs.pop(), assemblies.pop() if assemblies else None


def _sequence_name(text: object) -> str:
    """The sequence in `HGVSid:3:g.45864732T>C`, `refseq:NC_000003.12`, `NC_000003.12:g.45864732T>C` or `3`."""
    parts = [part for part in str(text).split(":") if part not in {"HGVSid", "refseq"}]
    return parts[0] if parts else ""
