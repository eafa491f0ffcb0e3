"""g_variants records: typed structures that are built and encoded without a dictionary per row.

The budget is 5 microseconds a row with eight populations, building and encoding together; measured 4.4 to 4.7: the
frequencies 1.2, what is around them 1.2, encoding 1.4 and giving the memory back 0.6 (2026-11).

What a record shows of an allele is what is stored: maximally trimmed REF and ALT at a 0-based, half-open place, so an
insertion has empty `referenceBases` and a deletion empty `alternateBases` (as the specification describes trimmed
alleles). A symbolic alternate is no sequence: `alternateBases` is `N`, and `info.alternateAllele` has it as it is.

Spec: Beacon v2.2.0, default model `genomicVariations/defaultSchema.json`, LegacyVariation; VRS 1.3 SequenceLocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import repeat
from operator import truediv
from typing import Final, NamedTuple

import msgspec

from opengdi.discovery.model import Case, ShelvedRelease, SiteRecord
from opengdi.kernel.disclosure.floors import UNKNOWN, Layout, Visibility, smallest_cell
from opengdi.kernel.disclosure.genotypes import HAPLOID_CONTIGS, fewest_people, genotypes_visible
from opengdi.kernel.disclosure.losses import FREE_FROM
from opengdi.standards.beacon.variant_ids import variant_id
from opengdi.standards.beacon.variant_types import vcf_word
from opengdi.standards.coordinates import CONTIGS, Assembly, accession
from opengdi.standards.hgvs import genomic_change


class PopulationFrequency(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One population, with counts of genotypes if they may be told. `alleleCount…` are Genome of Europe extensions."""

    population: str
    alleleFrequency: float  # noqa: N815  # wire name
    alleleCount: int  # noqa: N815
    alleleNumber: int  # noqa: N815
    alleleCountHomozygous: int = UNKNOWN  # noqa: N815
    alleleCountHeterozygous: int = UNKNOWN  # noqa: N815
    alleleCountHemizygous: int = UNKNOWN  # noqa: N815


class FrequencyInPopulations(msgspec.Struct, frozen=True, gc=False):
    source: str
    sourceReference: str  # noqa: N815
    frequencies: Sequence[PopulationFrequency]


class Number(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="Number"):
    value: int


class SequenceInterval(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="SequenceInterval"):
    start: Number
    end: Number


class SequenceLocation(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="SequenceLocation"):
    sequence_id: str
    interval: SequenceInterval


class LegacyVariation(msgspec.Struct, frozen=True, gc=False):
    variantType: str  # noqa: N815
    referenceBases: str  # noqa: N815
    alternateBases: str  # noqa: N815
    location: SequenceLocation


class Identifiers(msgspec.Struct, frozen=True, gc=False):
    genomicHGVSId: str  # noqa: N815


class VariantInfo(msgspec.Struct, frozen=True, gc=False):
    alternateAllele: str  # noqa: N815
    length: int


class OntologyTerm(msgspec.Struct, frozen=True, gc=False):
    id: str
    label: str


class CaseLevelVariant(msgspec.Struct, frozen=True, gc=False):
    """An allele in one person's sample."""

    biosampleId: str  # noqa: N815
    individualId: str  # noqa: N815
    zygosity: OntologyTerm


class GenomicVariant(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    variantInternalId: str  # noqa: N815
    variation: LegacyVariation | msgspec.Raw
    frequencyInPopulations: Sequence[FrequencyInPopulations] = ()  # noqa: N815
    identifiers: Identifiers | msgspec.Raw | None = None
    info: VariantInfo | None = None
    caseLevelData: Sequence[CaseLevelVariant] = ()  # noqa: N815


_UNKNOWN_SEQUENCE: Final = "N"
_WORTH_COLUMNS: Final = 16
"""Rows from which frequencies are built by columns: 1.2 microseconds a row of a long page, 2.8 one by one (2026-11)."""
_WHOLE: Final = Visibility.ALL
"""By its own name, looking up the member costs 0.1 microseconds a row (Python 3.11)."""
_NOT_WHOLE: Final = 0
"""Kind of the rows of which Total alone is told; that of others is the number of their counts."""
_CHUNK: Final = 256
"""Rows decoded, built and encoded at a time, while the processor's cache still holds them."""
_RECENT: Final = 64
"""Alleles kept encoded: more than a question tells of in one dataset before it gets to the next."""
Frequencies = Sequence[PopulationFrequency]
Told = Sequence[FrequencyInPopulations]

_encode = msgspec.json.Encoder().encode
_encode_into = msgspec.json.Encoder().encode_into


class _Contig(NamedTuple):
    """What the ids of all alleles on one contig begin with."""

    internal: str
    hgvs: str
    sequence: str


def _contig(contig: str, assembly: Assembly) -> _Contig:
    system = "m." if contig == "MT" else "g."
    return _Contig(
        f"{assembly.name}:{contig}:",
        f"{accession(contig, assembly)}:{system}",
        f"HGVSid:{contig}:{system}",
    )


class _Alleles:
    """What records tell of the alleles of one assembly, besides frequencies."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._contigs = {contig: _contig(contig, assembly) for contig in CONTIGS}
        self._encoded = lru_cache(maxsize=_RECENT)(self._encode)

    def record(self, site: SiteRecord, told: Told) -> GenomicVariant:
        internal, hgvs, sequence = contig = self._contigs[site.contig]
        start, end, ref, alt = site.start, site.end, site.ref, site.alt
        change = genomic_change(start, end, ref, alt)
        if change is None or alt.startswith("<"):
            return self._symbolic(site, contig, change, told)
        location = SequenceLocation(sequence + change, SequenceInterval(Number(start), Number(end)))
        return GenomicVariant(
            f"{internal}{start + 1}:{ref or '-'}:{alt or '-'}",
            LegacyVariation(vcf_word(site.variant_type), ref, alt, location),
            told,
            Identifiers(hgvs + change),
        )

    def record_again(self, site: SiteRecord, told: Told) -> GenomicVariant:
        """The record of an allele that the datasets of a question tell of one after the other: encoded once."""
        internal, variation, identifiers, info = self._encoded(
            site.contig, site.start, site.end, site.ref, site.alt, site.variant_type, site.length
        )
        return GenomicVariant(internal, variation, told, identifiers, info)

    def _encode(
        self, contig: str, start: int, end: int, ref: str, alt: str, variant_type: str, length: int
    ) -> tuple[str, msgspec.Raw, msgspec.Raw | None, VariantInfo | None]:
        """Id, variation, identifiers and info of an allele's record."""
        site = SiteRecord(contig, start, end, ref, alt, variant_type, length, -1, (), _WHOLE)
        plain = self.record(site, ())
        variation = msgspec.Raw(_encode(plain.variation))
        identifiers = None if plain.identifiers is None else msgspec.Raw(_encode(plain.identifiers))
        return plain.variantInternalId, variation, identifiers, plain.info

    def _symbolic(self, site: SiteRecord, contig: _Contig, change: str | None, told: Told) -> GenomicVariant:
        """The record of an allele without a sequence."""
        place = change or f"{site.start + 1}_{site.end}"
        interval = SequenceInterval(Number(site.start), Number(site.end))
        return GenomicVariant(
            variant_id(self._assembly, site.contig, site.start, site.end, site.ref, site.alt, site.length),
            LegacyVariation(
                vcf_word(site.variant_type),
                site.ref,
                _UNKNOWN_SEQUENCE,
                SequenceLocation(contig.sequence + place, interval),
            ),
            told,
            Identifiers(contig.hgvs + change) if change else None,
            VariantInfo(site.alt, site.length),
        )


_HETEROZYGOUS: Final = OntologyTerm("GENO:0000135", "heterozygous")
_HOMOZYGOUS: Final = OntologyTerm("GENO:0000136", "homozygous")
_HEMIZYGOUS: Final = OntologyTerm("GENO:0000134", "hemizygous")


def _zygosity(case: Case) -> OntologyTerm:
    if case.is_hemizygous:
        return _HEMIZYGOUS
    return _HETEROZYGOUS if case.copies == 1 else _HOMOZYGOUS


_alleles = cache(_Alleles)
"""One for all releases of an assembly."""


class RecordBuilder:
    """Records of one release; `floor` is the least number of people that a genotype count may tell of."""

    def __init__(self, release: ShelvedRelease, floor: int) -> None:
        manifest = release.manifest
        self._alleles = _alleles(release.assembly)
        self._populations = manifest.populations
        self._size = len(manifest.populations)
        self._layout = Layout.of(manifest.populations)
        self._stricter_floor = floor if floor > manifest.policy.k_individuals else None
        self._source = manifest.source or manifest.title
        self._reference = manifest.source_reference or str(manifest.dataset)
        nothing = (0,) * (5 * self._size)  # of alleles, called, hom, het, hemi
        self._of_nobody = SiteRecord("1", 0, 1, "A", "C", "SNP", 1, -1, nothing, _WHOLE)

    def page(
        self, sites: Sequence[SiteRecord], *, among_others: bool = False
    ) -> Sequence[GenomicVariant] | msgspec.Raw:
        """The records of sites that the floor lets be seen, in their order; the JSON array if they are many.

        among_others: other datasets are about to tell of the same alleles.
        """
        if among_others and len(sites) < _WORTH_COLUMNS:
            return [self._alleles.record_again(site, (self._told(site),)) for site in sites]
        if len(sites) <= _CHUNK:
            return self.build_page(sites)
        page = bytearray()
        _encode_into(self.build_page(sites[:_CHUNK]), page)
        for first in range(_CHUNK, len(sites), _CHUNK):
            seam = len(page) - 1
            _encode_into(self.build_page(sites[first : first + _CHUNK]), page, seam)
            page[seam : seam + 1] = b","  # one array where two meet
        return msgspec.Raw(page)

    def build_page(self, sites: Sequence[SiteRecord]) -> list[GenomicVariant]:
        """The records of sites that the floor lets be seen, in their order."""
        return list(map(self._alleles.record, sites, self._told_of(sites)))

    def build(self, site: SiteRecord) -> GenomicVariant:
        """The record of a site that the floor lets be seen."""
        return self._alleles.record(site, (self._told(site),))

    def build_with_cases(self, site: SiteRecord, cases: Sequence[Case]) -> GenomicVariant:
        """The record of a site with those who carry it, and with no frequencies if the floors hide all of them."""
        told = () if site.visibility is Visibility.NOTHING else (self._told(site),)
        return msgspec.structs.replace(
            self._alleles.record(site, told),
            caseLevelData=[
                CaseLevelVariant(case.biosample, case.individual, _zygosity(case)) for case in cases
            ],
        )

    def fewest_behind(self, sites: Sequence[SiteRecord]) -> int:
        """The smallest number of alleles or people that the record of the first site tells, up to `FREE_FROM`.

        0 where there is none, after as long.
        """
        fewest = self._fewest_behind(sites[0] if sites else self._of_nobody)
        return fewest if sites else 0

    def _fewest_behind(self, site: SiteRecord) -> int:
        size, counts = self._size, site.counts
        fewest = min(smallest_cell(counts[:size], counts[size : 2 * size], self._layout), FREE_FROM)
        if len(counts) == 2 * size or not self._shows_genotypes(site):
            return fewest
        haploid, sums = site.contig in HAPLOID_CONTIGS, self._layout.sums
        return fewest_people(counts, size, fewest, haploid=haploid, sums=sums)

    def _told(self, site: SiteRecord) -> FrequencyInPopulations:
        return FrequencyInPopulations(self._source, self._reference, self._frequencies(site))

    def _told_of(self, sites: Sequence[SiteRecord]) -> list[Told]:
        source, reference = self._source, self._reference
        return [(FrequencyInPopulations(source, reference, each),) for each in self._frequencies_of(sites)]

    def _frequencies_of(self, sites: Sequence[SiteRecord]) -> Iterable[Frequencies]:
        """The frequencies of each site, in their order."""
        if len(sites) < _WORTH_COLUMNS or self._stricter_floor is not None:
            return map(self._frequencies, sites)
        alike: dict[int, list[SiteRecord]] = {}
        kinds = []
        for site in sites:
            kind = len(site.counts) if site.visibility is _WHOLE else _NOT_WHOLE
            alike.setdefault(kind, []).append(site)
            kinds.append(kind)
        built = {kind: self._by_columns(rows) for kind, rows in alike.items()}
        return [next(built[kind]) for kind in kinds]

    def _by_columns(self, sites: Sequence[SiteRecord]) -> Iterator[Frequencies]:
        """The frequencies of sites with as many counts, built for all of one population, then of the next."""
        size = len(self._populations)
        columns = list(zip(*[site.counts for site in sites], strict=True))
        if min(map(min, columns[size : 2 * size])) <= 0:
            return map(self._frequencies, sites)
        populations = []
        for place, label in enumerate(self._populations):
            called = columns[place::size]
            frequencies = map(truediv, *called[:2])
            populations.append(map(PopulationFrequency, repeat(label), frequencies, *called))
        return zip(*populations, strict=True)

    def _frequencies(self, site: SiteRecord) -> Frequencies:
        """Of the populations in which somebody was called and that may be seen."""
        labels, size, counts = self._populations, self._size, site.counts
        alleles, called = counts[:size], counts[size : 2 * size]
        if min(called) <= 0:
            told = zip(labels, alleles, called, strict=True)
            return [PopulationFrequency(label, n / of, n, of) for label, n, of in told if of > 0]
        shares = map(truediv, alleles, called)
        if len(counts) == 2 * size or not self._shows_genotypes(site):
            return list(map(PopulationFrequency, labels, shares, alleles, called))
        hom, het, hemi = counts[2 * size : 3 * size], counts[3 * size : 4 * size], counts[4 * size :]
        return list(map(PopulationFrequency, labels, shares, alleles, called, hom, het, hemi))

    def _shows_genotypes(self, site: SiteRecord) -> bool:
        """True unless the floor in force hides what that of the release shows."""
        return self._stricter_floor is None or genotypes_visible(
            site.counts,
            len(self._populations),
            self._stricter_floor,
            haploid=site.contig in HAPLOID_CONTIGS,
            sums=self._layout.sums,
        )
