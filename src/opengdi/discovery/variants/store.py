"""`RocksVariantStore`: variant questions answered from the serving index, for all releases of an assembly at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from opengdi.discovery.model import DatasetHits, Floors, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.variants.genes import GeneTable, merged
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.plan import Reading, annotated_only, assemblies_of, plan
from opengdi.discovery.variants.readers import Carriers, Holding, Page, Reader, Readers, Sites
from opengdi.discovery.variants.reading import read, statistics_of
from opengdi.discovery.variants.rows import RowCodec, number_bytes
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.standards.beacon.questions import VariantQuestion
from opengdi.standards.coordinates import CONTIGS, Assembly, Interval

DEFAULT_SPAN_CAP: Final = 10_000_000


class RocksVariantStore:
    """The `VariantStore` port over a `SiteIndex`.

    genes: gene tables by assembly. span_cap: longest span of one question, in bases.
    A question that names no assembly is asked of each release in the release's own coordinates.
    Raises Unavailable, besides what the port says, for a release that is not, or no longer, in the index.
    """

    def __init__(
        self,
        index: SiteIndex,
        genes: Mapping[Assembly, GeneTable] | None = None,
        *,
        span_cap: int = DEFAULT_SPAN_CAP,
    ) -> None:
        self._index = index
        self._genes = genes or {}
        self._span_cap = span_cap
        self._holdings: dict[int, Holding] = {}
        self._codecs: dict[tuple[str, ...], RowCodec] = {}

    def use(self, index: SiteIndex) -> SiteIndex:
        """Answer from another index from now on; the one used so far, in which questions may still run."""
        former, self._index = self._index, index
        return former

    def search(
        self,
        question: VariantQuestion,
        releases: Sequence[ShelvedRelease],
        floors: Floors,
        *,
        skip: int,
        limit: int,
        evenly: bool = False,
    ) -> list[DatasetHits]:
        """See `VariantStore.search`."""
        pages = [
            Page(holding, floors.get(holding.release, 0), skip, limit) for holding in self._held(releases)
        ]
        self._answer(question, _by_assembly(question, pages))
        if evenly:
            for page in pages:
                page.stand_in()
        return [page.hits(release) for release, page in zip(releases, pages, strict=True)]

    def locate(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRef]:
        """See `VariantStore.locate`."""
        carriers = Carriers(self._held([release])[0])
        self._answer(question, _by_assembly(question, [carriers]))
        return carriers.found

    def sites(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRecord]:
        """See `VariantStore.sites`."""
        sites = Sites(self._held([release])[0])
        self._answer(question, _by_assembly(question, [sites]))
        return sites.found

    def _held(self, releases: Sequence[ShelvedRelease]) -> list[Holding]:
        known = self._holdings.get
        return [known(release.number) or self._hold(release) for release in releases]

    def _hold(self, release: ShelvedRelease) -> Holding:
        manifest = release.manifest
        codec = self._codecs.setdefault(manifest.populations, RowCodec(manifest.populations))
        number = number_bytes(release.number)
        holding = Holding(
            release.assembly,
            release.number,
            number,
            codec,
            manifest.policy.k_alleles,
        )
        self._holdings[release.number] = holding
        return holding

    def _answer(self, question: VariantQuestion, by_assembly: Mapping[Assembly, Readers]) -> None:
        """Hand every reader its rows. Raises Unavailable unless all rows of all releases were there to the end."""
        index = self._index
        readers = [reader for group in by_assembly.values() for reader in group.values()]
        if question.amino_acid_change is not None and readers:
            _check_annotation(index, readers)
        for assembly, group in by_assembly.items():
            for reading in self._readings(question, index, assembly, by_assembly):
                if group:
                    read(reading, index, assembly, group)
        gone = {reader.holding.release for reader in readers} - index.held
        if gone:
            raise Unavailable(f"release {min(gone)} is not in the index, or is being removed from it")

    def _readings(
        self,
        question: VariantQuestion,
        index: SiteIndex,
        assembly: Assembly,
        by_assembly: Mapping[Assembly, Readers],
    ) -> Sequence[Reading]:
        if question.gene is None:
            return plan(question, _no_gene, self._span_cap)
        tables = [self._genes[each] for each in by_assembly if each in self._genes]
        table = self._genes.get(assembly)
        if table is not None and table.find(question.gene):
            return plan(question, table.find, self._span_cap)
        extents = _annotated_extents(index, question.gene, by_assembly)
        if not extents and not any(table.find(question.gene) for table in tables):
            hint = "" if tables else "; no gene table is loaded for the assembly (beacon.genes)"
            raise Invalid(f"geneId {question.gene!r} is unknown to this node{hint}")
        return annotated_only(question, extents.get(assembly, ()))


def _by_assembly(question: VariantQuestion, readers: Sequence[Reader]) -> Mapping[Assembly, Readers]:
    """The readers whose releases may answer, by the assembly in whose coordinates."""
    return {
        assembly: {reader.holding.number: reader for reader in readers if reader.holding.assembly is assembly}
        for assembly in assemblies_of(question)
    }


def _no_gene(_: str) -> tuple[Interval, ...]:
    return ()


def _check_annotation(index: SiteIndex, readers: Iterable[Reader]) -> None:
    statistics = (each for reader in readers for each in statistics_of(index, reader).values())
    if not any(each.has_amino_acids for each in statistics):
        raise Invalid("aminoacidChange cannot be answered: no annotation is loaded for the datasets asked")


def _annotated_extents(
    index: SiteIndex, symbol: str, by_assembly: Mapping[Assembly, Readers]
) -> dict[Assembly, tuple[Interval, ...]]:
    """Where the releases asked have alleles annotated with a gene, by assembly."""
    found: dict[Assembly, list[Interval]] = {}
    for number, code, start, end in index.gene_extents(symbol):
        for assembly, readers in by_assembly.items():
            if number_bytes(number) in readers:
                found.setdefault(assembly, []).append(Interval(CONTIGS[code - 1], start, end))
    return {assembly: merged(extents) for assembly, extents in found.items()}
