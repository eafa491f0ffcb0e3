"""Wiring of the variant store: where its index lies, what the node serves from it, rebuilding it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from opengdi.apps.process import Part
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.standards.coordinates import Assembly

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.apps.settings import BeaconSettings, Settings
    from opengdi.discovery.variants.genes import GeneTable
    from opengdi.discovery.variants.serving import ServedVariants

INDEX: Final = "index"


def index_folder(settings: Settings) -> IndexFolder:
    return IndexFolder(settings.node.data_dir / INDEX)


def open_served_variants(state: NodeState) -> ServedVariants:
    """The published releases and the store that answers for them. Raises Invalid for a bad gene table."""
    from opengdi.discovery.variants.serving import ServedVariants, ServingOptions

    beacon = state.settings.beacon
    options = ServingOptions(genes=gene_tables(beacon), span_cap=beacon.span_cap_bases)
    return ServedVariants(state.shelf, index_folder(state.settings), state.clock, options)


def variants_part(served: ServedVariants) -> Part:
    """What keeps the store in step with the shelf while the process serves."""

    def look() -> Finding:
        detail = f"{len(served.published())} releases"
        if served.damage:
            return Finding(Condition.FAILED, served.damage)
        if served.trouble:
            return Finding(
                Condition.DEGRADED, "; ".join(f"{name} {why}" for name, why in served.trouble.items())
            )
        return Finding(detail=detail)

    return Part(
        probes=(Probe("variants", look),),
        background=(served.keep_in_step, served.keep_swept),
        close=served.close,
    )


def rebuild_index(state: NodeState) -> int:
    """Rebuild the serving index from the truth; how many releases are in it. Raises Conflict if it is being done."""
    from opengdi.discovery.variants.serving import reindex
    from opengdi.kernel.bulk import open_pool

    with open_pool(workers=state.settings.bulk.workers) as pool:
        return reindex(state.shelf, index_folder(state.settings), pool)


def gene_tables(beacon: BeaconSettings) -> dict[Assembly, GeneTable]:
    """The gene tables that the settings name. Raises Invalid for one that does not read."""
    from opengdi.discovery.variants.genes import GeneTable

    paths: dict[Assembly, Path | None] = {
        Assembly.GRCh37: beacon.genes.GRCh37,
        Assembly.GRCh38: beacon.genes.GRCh38,
    }
    return {assembly: GeneTable.read(path) for assembly, path in paths.items() if path is not None}
